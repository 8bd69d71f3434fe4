from __future__ import annotations

import pytest

from headrace.clock import ManualClock
from headrace.errors import GroupFenced
from headrace.interfaces.broker import OffsetAt, OffsetCommit, TopicSpec
from headrace.model import names
from headrace.model.record import Record
from headrace.streaming.start import committed_topic_id, give_birth, parse_start
from headrace.testing.memory_broker import MemoryBroker

PREFIX = "sales-events.v1."


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def broker(clock: ManualClock) -> MemoryBroker:
    made = MemoryBroker(clock=clock)
    for topic in (PREFIX + "acme", PREFIX + "bolt", names.catalogue_topic()):
        made.create(TopicSpec(topic))
    for _ in range(3):
        made.append(PREFIX + "acme", Record(None, b"x"))
        clock.advance(10)
    made.append(names.catalogue_topic(), Record(b"head", b"{}"))
    return made


def born(broker: MemoryBroker, start: str, clock: ManualClock) -> dict[str, int]:
    assert give_birth(broker.admin, "plan.x", PREFIX, start, clock)
    return {topic: commit.offset for topic, commit in broker.admin.group_offsets("plan.x").items()}


def test_a_new_group_starts_where_its_declaration_says(broker: MemoryBroker, clock: ManualClock) -> None:
    """latest commits the ends of the topics there, and the catalogue topic's offset as the mark of its birth."""
    assert born(broker, "latest", clock) == {PREFIX + "acme": 3, PREFIX + "bolt": 0, names.catalogue_topic(): 1}


def test_a_time_is_the_first_record_not_before_it(broker: MemoryBroker, clock: ManualClock) -> None:
    """A start of RFC 3339 begins with the first record that the log took then or later."""
    assert born(broker, "2026-01-01T00:00:05Z", clock)[PREFIX + "acme"] == 1


def test_a_group_is_born_once(broker: MemoryBroker, clock: ManualClock) -> None:
    """Once anything is committed, the start is never applied again, whatever the declaration says by then."""
    born(broker, "latest", clock)
    broker.append(PREFIX + "acme", Record(None, b"later"))
    assert not give_birth(broker.admin, "plan.x", PREFIX, "latest", clock)
    assert broker.admin.group_offsets("plan.x")[PREFIX + "acme"].offset == 3


def test_a_group_without_any_topic_is_born_by_the_mark_alone(broker: MemoryBroker, clock: ManualClock) -> None:
    """A topic that comes after the birth starts at the earliest, even where the start is latest."""
    assert give_birth(broker.admin, "plan.y", "promotions.v1.", "latest", clock)
    assert set(broker.admin.group_offsets("plan.y")) == {names.catalogue_topic()}
    broker.create(TopicSpec("promotions.v1.acme"))
    assert not give_birth(broker.admin, "plan.y", "promotions.v1.", "latest", clock)
    assert "promotions.v1.acme" not in broker.admin.group_offsets("plan.y")


def test_the_commit_names_the_topic_s_id(broker: MemoryBroker, clock: ManualClock) -> None:
    """A topic made anew under the same name is told apart by the id in the commit's metadata."""
    born(broker, "earliest", clock)
    commit = broker.admin.group_offsets("plan.x")[PREFIX + "acme"]
    assert committed_topic_id(commit) == broker.admin.topics(PREFIX)[PREFIX + "acme"].id
    assert committed_topic_id(OffsetCommit(1, "something else")) is None


def test_a_member_that_came_first_decides(broker: MemoryBroker, clock: ManualClock) -> None:
    """Fenced by a member that has joined, the second one finds what the first has committed."""
    admin = broker.admin
    first_look = [True]

    class Slow:
        def __getattr__(self, name: str) -> object:
            return getattr(admin, name)

        def group_offsets(self, group: str) -> object:
            if first_look.pop() if first_look else False:
                return {}
            return {PREFIX + "acme": OffsetCommit(2)}

        def set_group_offsets(self, group: str, offsets: object) -> None:
            clock.sleep = lambda seconds: None  # type: ignore[method-assign]
            raise GroupFenced("has members")

    assert not give_birth(Slow(), "plan.x", PREFIX, "latest", clock)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", ["yesterday", "2026-01-01", "2026-01-01T00:00:00"])
def test_a_start_that_is_no_place_is_refused(wrong: str) -> None:
    """Only earliest, latest and a time with its offset from UTC name a place in a log."""
    with pytest.raises(ValueError):
        parse_start(wrong)
    assert parse_start("earliest") is OffsetAt.EARLIEST
