from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
import pytest

from headrace.clock import SYSTEM_CLOCK
from headrace.errors import SettingsError, WrongCluster
from headrace.interfaces.broker import TopicSpec
from headrace.model import names
from headrace.model.compiled import CompiledCatalogue
from headrace.model.compiled_records import to_records
from headrace.model.record import Record
from headrace.streaming.catalogue_feed import FollowedCatalogue
from headrace.testing.memory_broker import MemoryBroker

TOPIC = names.catalogue_topic()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def write(broker: MemoryBroker, records: list[Record]) -> None:
    for record in records:
        broker.append(TOPIC, record)


@pytest.fixture
def broker(compiled: CompiledCatalogue) -> MemoryBroker:
    made = MemoryBroker(clock=SYSTEM_CLOCK)
    made.create(TopicSpec(TOPIC))
    write(made, to_records(compiled))
    return made


def test_it_starts_from_what_was_applied_and_follows_it(broker: MemoryBroker, compiled: CompiledCatalogue) -> None:
    """A tenant that is applied later is seen without a restart, and followers are told once."""
    feed = FollowedCatalogue(broker, "eu", SYSTEM_CLOCK)
    told: list[CompiledCatalogue] = []
    feed.follow(told.append)
    try:
        assert feed.current == compiled
        more = {**compiled.tenants, "coop": msgspec.structs.replace(compiled.tenants["acme"], id="coop")}
        newer = msgspec.structs.replace(compiled, tenants=more, commit="abc")
        write(broker, to_records(newer))
        feed.refresh()
        until(lambda: feed.current == newer)
        until(lambda: told == [newer])
    finally:
        feed.close()


def test_half_a_catalogue_changes_nothing(broker: MemoryBroker, compiled: CompiledCatalogue) -> None:
    """Until the last record of a set is there, the last whole catalogue stands."""
    feed = FollowedCatalogue(broker, "eu", SYSTEM_CLOCK)
    try:
        newer = msgspec.structs.replace(
            compiled, tenants={"acme": msgspec.structs.replace(compiled.tenants["acme"], products=())}, commit="abc"
        )
        records = to_records(newer)
        write(broker, records[:-1])
        feed.refresh()
        assert feed.current == compiled
        removed = [Record(b"tenant/bolt", None)]
        write(broker, [*removed, records[-1]])
        until(lambda: feed.current == newer)
    finally:
        feed.close()


def test_where_nothing_was_applied_it_says_so(compiled: CompiledCatalogue) -> None:
    """No topic, or an empty one, is told with what to do, not as an empty catalogue."""
    empty = MemoryBroker(clock=SYSTEM_CLOCK)
    with pytest.raises(SettingsError, match="nothing has been applied"):
        FollowedCatalogue(empty, "eu", SYSTEM_CLOCK)
    empty.create(TopicSpec(TOPIC))
    with pytest.raises(SettingsError, match="headrace apply"):
        FollowedCatalogue(empty, "eu", SYSTEM_CLOCK)


def test_another_region_s_cluster_is_refused(broker: MemoryBroker) -> None:
    """A process that was pointed at the wrong cluster does not begin to work there."""
    with pytest.raises(WrongCluster, match="region eu, not of us"):
        FollowedCatalogue(broker, "us", SYSTEM_CLOCK)


def test_a_copy_of_the_catalogue_on_another_cluster_is_refused(compiled: CompiledCatalogue) -> None:
    """A catalogue names the cluster that it was published to; a mirrored one lets nobody publish where it was copied to."""
    made = MemoryBroker(clock=SYSTEM_CLOCK)
    made.create(TopicSpec(TOPIC))
    here = made.admin.cluster_id()
    write(made, to_records(msgspec.structs.replace(compiled, cluster_id="another")))
    with pytest.raises(WrongCluster, match="was published to the cluster another") as caught:
        FollowedCatalogue(made, "eu", SYSTEM_CLOCK)
    assert (caught.value.declared, caught.value.found) == ("another", here)
    write(made, to_records(msgspec.structs.replace(compiled, cluster_id=here)))
    FollowedCatalogue(made, "eu", SYSTEM_CLOCK).close()


def test_the_last_catalogue_stands_when_the_topic_is_gone(broker: MemoryBroker, compiled: CompiledCatalogue) -> None:
    """A lost catalogue topic takes nothing from a running program."""
    feed = FollowedCatalogue(broker, "eu", SYSTEM_CLOCK)
    try:
        broker.admin.delete_topics([TOPIC])
        feed.refresh()
        assert feed.current == compiled
    finally:
        feed.close()
