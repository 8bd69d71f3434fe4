"""Reading Headrace's own topics: to the end, the tail, and what cannot be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from headrace.clock import ManualClock
from headrace.errors import BrokerUnavailable
from headrace.interfaces.broker import Fetched
from headrace.model.record import Record, StoredRecord
from headrace.provisioning import inventory, journal
from headrace.provisioning.inventory import Entry, entry_record
from headrace.provisioning.topic_reader import read_topic
from tests.unit.provisioning.memory import MemoryBroker, MemoryReader


def stored(*records: Record) -> list[StoredRecord]:
    return [StoredRecord("t", n, 1, r.key, r.value) for n, r in enumerate(records)]


def test_the_inventory_is_the_newest_entry_of_each_resource() -> None:
    """Later entries replace earlier ones and tombstones remove them."""
    found = inventory.from_records(
        stored(
            entry_record("topic", "a.v1.x", Entry("a.v1", "x", "id1")),
            entry_record("topic", "a.v1.y", Entry("a.v1", "y", "id2")),
            entry_record("subject", "a.v1.x-value", Entry("a.v1", "x")),
            entry_record("topic", "a.v1.x", Entry("a.v1", "x", "id3")),
            entry_record("topic", "a.v1.y", None),
        )
    )
    assert found.topics == {"a.v1.x": Entry("a.v1", "x", "id3")}
    assert found.subjects == {"a.v1.x-value": Entry("a.v1", "x")}
    assert found.owns_topic("a.v1.x", "id3") and not found.owns_topic("a.v1.x", "id1")


def test_an_entry_that_cannot_be_read_owns_nothing() -> None:
    """Damage in the inventory makes things less ours, never more."""
    found = inventory.from_records(
        stored(Record(b"topic/a", b"{broken"), Record(b"other/b", b"{}"), Record(b"\xff\xfe", b"1"), Record(None, b"1"))
    )
    assert found == inventory.Inventory()


def test_the_journal_s_last_entry_is_found_past_what_cannot_be_read() -> None:
    """A record of another shape at the end does not hide the entry before it."""
    broker: Any = MemoryBroker()
    broker.admin.put("headrace-journal.v1._platform", {})
    entry = journal.JournalEntry("a", "h", None, journal.Outcome.INTERRUPTED, 9, 4, 1, 5)
    writer = broker.writer()
    journal.write_entry(writer, entry)
    writer.publish("headrace-journal.v1._platform", Record(b"a", b"?"))
    assert journal.last_entry(broker, ManualClock()) == entry
    assert entry.unfinished


def test_a_topic_that_is_not_there_is_empty() -> None:
    """Reading it is no error: nothing has been applied yet."""
    broker: Any = MemoryBroker()
    assert read_topic(broker, "missing", ManualClock()) == []


def test_only_the_tail_is_read_where_it_is_asked_for() -> None:
    """`last` counts offsets from the end."""
    broker: Any = MemoryBroker()
    broker.admin.put("t", {})
    writer = broker.writer()
    for n in range(10):
        writer.publish("t", Record(b"k", str(n).encode()))
    assert [r.value for r in read_topic(broker, "t", ManualClock(), last=3)] == [b"7", b"8", b"9"]


def test_a_log_that_stalls_is_an_error_not_a_short_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """When nothing arrives before the end, the reading fails; a part is never taken for the whole."""
    clock = ManualClock()
    broker: Any = MemoryBroker()
    broker.admin.put("t", {})
    broker.writer().publish("t", Record(b"k", b"v"))

    def nothing(self: MemoryReader, timeout: float, max_records: int = 500) -> Sequence[Fetched]:
        clock.advance(timeout)
        return []

    monkeypatch.setattr(MemoryReader, "poll", nothing)
    with pytest.raises(BrokerUnavailable) as caught:
        read_topic(broker, "t", clock)
    assert caught.value.topic == "t" and clock.monotonic() >= 30


def test_a_gap_at_the_end_does_not_stall() -> None:
    """The end may be a transaction's marker or compacted away: the place reached counts, not the records seen."""
    broker: Any = MemoryBroker()
    broker.admin.put("t", {})
    broker.writer().publish("t", Record(b"k", b"v"))

    class Gap(MemoryReader):
        def poll(self, timeout: float, max_records: int = 500) -> Sequence[Fetched]:
            return [Fetched("t", super().poll(timeout)[0].records, 2), Fetched("t", (), 3)]

    offsets = broker.admin.offsets

    def three(topics: Any, at: Any) -> Mapping[str, int]:
        return {name: 3 if value else 0 for name, value in offsets(topics, at).items()}

    broker.admin.offsets = three
    broker.reader = lambda: Gap(broker.admin)
    assert [r.offset for r in read_topic(broker, "t", ManualClock())] == [0]
