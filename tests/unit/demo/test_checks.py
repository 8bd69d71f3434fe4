"""The demo's checks: each one fails for the harm that it is there for."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from headrace.catalogue.load import load
from headrace.cli._demo.checks import Accounts, Told
from headrace.cli._demo.ledger import Account, Ledger
from headrace.cli._demo.prepare import CATALOGUE
from headrace.interfaces.broker import OffsetCommit, TopicSpec
from headrace.model.catalogue import Catalogue
from headrace.model.record import Record
from headrace.streaming.statistics import Row, Statistics
from headrace.testing import MemoryBroker

SALES = Account("sales-events", "maple-pantry", "data-api")
TOPIC = "sales-events.v1.maple-pantry"
IDS = ("a", "b", "c", "d")


@cache
def catalogue() -> Catalogue:
    return load(CATALOGUE)


def publisher(*ids: str) -> Told:
    ledger = Ledger()
    for event_id in ids:
        ledger.add(SALES, event_id)
    rows = [Row("sales-events", "maple-pantry", None, published=len(ids))]
    return Told("data-api", "us", Statistics(rows), ledger.entries(), {}, {})


def consumer(*ids: str, rejected: int = 0, application: str = "plan", consumes: str = "sales-events") -> Told:
    ledger = Ledger()
    for event_id in ids:
        ledger.add(SALES, event_id)
    row = Row("sales-events", "maple-pantry", "demand", accepted=len(ids) - rejected, rejected=rejected)
    rows = [row] if ids else []
    return Told(application, "us", Statistics(rows), {}, {"demand": ledger.entries()}, {"demand": consumes})


def broker(records: int, committed: int | None = None, dead: int = 0) -> MemoryBroker:
    made = MemoryBroker()
    for topic, count in ((TOPIC, records), ("dlq.plan", dead), ("dlq.data-api", 0)):
        made.create(TopicSpec(topic))
        for number in range(count):
            made.append(topic, Record(str(number).encode(), b"v"))
    made.admin.set_group_offsets("plan.demand", {TOPIC: OffsetCommit(records if committed is None else committed)})
    return made


def accounts(*told: Told) -> Accounts:
    return Accounts(catalogue(), told)


def test_what_adds_up_passes() -> None:
    """Everything published, accepted or rejected, committed and in the log passes every check."""
    made = accounts(publisher(*IDS), consumer(*IDS, rejected=1))
    there = broker(4, dead=1)
    checks = [made.counts(), made.digests(), made.lanes()]
    checks += [check("us", there) for check in (made.log, made.committed, made.dead_letters)]
    assert [check.problems for check in checks] == [()] * 6
    assert made.complete()


@pytest.mark.parametrize("seen", [(), IDS[:3], (*IDS, "d")], ids=["nothing", "one-lost", "one-twice"])
def test_counts_find_what_is_missing_or_too_much(seen: tuple[str, ...]) -> None:
    """A consumer that was sent nothing, too little or too much is found by counting alone."""
    made = accounts(publisher(*IDS), consumer(*seen))
    assert len(made.counts().problems) == 1
    assert not made.complete()


@pytest.mark.parametrize("seen", [("a", "c", "b", "d"), ("a", "b", "c", "x"), ("a", "a", "c", "d")])
def test_digests_find_what_counts_cannot(seen: tuple[str, ...]) -> None:
    """Events out of order, exchanged, or one lost and another doubled are found, though their number is right."""
    made = accounts(publisher(*IDS), consumer(*seen))
    assert made.counts().ok
    assert len(made.digests().problems) == 1


def test_digests_find_events_that_nobody_published() -> None:
    """A consumer that saw events of a publisher which published none is found."""
    stranger = Ledger()
    stranger.add(SALES._replace(application="store"), "z")
    told = replace(consumer(*IDS), settled={"demand": {**consumer(*IDS).settled["demand"], **stranger.entries()}})
    assert len(accounts(publisher(*IDS), told).digests().problems) == 1


def test_the_log_may_hold_no_more_than_was_published() -> None:
    """One record more in the log, such as a refused event that got in, or one less, is found."""
    made = accounts(publisher(*IDS), consumer(*IDS))
    assert len(made.log("us", broker(5)).problems) == 1
    assert len(made.log("us", broker(3)).problems) == 1


def test_what_is_not_committed_is_lag() -> None:
    """A group that has not committed its topic's end is found, and so is one that never committed."""
    made = accounts(publisher(*IDS), consumer(*IDS))
    assert len(made.committed("us", broker(4, committed=3)).problems) == 1
    there = broker(4)
    there.admin.delete_group("plan.demand")
    assert len(made.committed("us", there).problems) == 1


def test_each_reject_needs_its_dead_letter() -> None:
    """A reject without a dead letter, and a dead letter without a reject, are found."""
    made = accounts(publisher(*IDS), consumer(*IDS, rejected=1))
    assert len(made.dead_letters("us", broker(4)).problems) == 1
    assert len(made.dead_letters("us", broker(4, dead=2)).problems) == 1


def test_a_stopped_lane_is_a_problem() -> None:
    """A lane that stands still is reported with its application and region."""
    told = replace(consumer(*IDS), stopped=("plan.demand stands still",))
    assert accounts(publisher(*IDS), told).lanes().problems == ("plan us: plan.demand stands still",)


def test_a_tenant_that_admits_no_such_application_expects_nothing_of_it() -> None:
    """Consumers are expected to be sent the tenants that admit them, and only those of their region."""
    made = accounts(publisher(*IDS), consumer(*IDS, application="event-api"))
    assert {topic.tenant for _, _, topic in made.consumptions("us")} == {"maple-pantry"}
    assert list(made.consumptions("eu")) == []
    there = replace(consumer(application="event-api"), region="eu")
    expected = {topic.tenant for _, _, topic in accounts(publisher(*IDS), there).consumptions("eu")}
    assert expected == {"la-corbeille", "nordkorb"}  # not granja-viva, which does not admit event-api
