"""Compaction: of each key the newest record stays, at its offset."""

from __future__ import annotations

from headrace.interfaces.broker import Broker
from headrace.model.record import Record, StoredRecord
from headrace.testing.conformance.support import DEADLINE_S, FILLER, Compact, eventually, make_topic, read_all

_AT_ONCE = {
    "cleanup_policy": "compact",
    "min_cleanable_dirty_ratio": "0.001",
    "segment_ms": "50",  # Kafka compacts only segments that are no longer written to
}


def written(broker: Broker, topic: str, *records: tuple[bytes, bytes | None]) -> list[int]:
    """Write records one by one; their offsets."""
    writer = broker.writer()
    offsets = [writer.publish(topic, Record(key, value)).result(DEADLINE_S).offset for key, value in records]
    writer.close(DEADLINE_S)
    return offsets


def kept(broker: Broker, topic: str) -> list[StoredRecord]:
    return [record for record in read_all(broker, topic) if record.key != FILLER]


class CompactionConformance:
    def test_the_newest_record_of_each_key_stays(self, broker: Broker, compact: Compact) -> None:
        """Older ones of the same key go; the others keep their offsets and order, and reading passes over the gaps."""
        topic = make_topic(broker, **_AT_ONCE)
        offsets = written(
            broker, topic, (b"a", b"1"), (b"b", b"1"), (b"a", b"2"), (b"c", b"1"), (b"b", b"2"), (b"a", b"3")
        )

        def compacted() -> bool:
            compact(topic)
            return len(kept(broker, topic)) == 3

        eventually(compacted, "one record a key is left")
        assert [(r.offset, r.key, r.value) for r in kept(broker, topic)] == [
            (offsets[3], b"c", b"1"),
            (offsets[4], b"b", b"2"),
            (offsets[5], b"a", b"3"),
        ]

    def test_a_tombstone_takes_the_values_of_its_key(self, broker: Broker, compact: Compact) -> None:
        """No value of a deleted key is read any more, while others stay; the tombstone itself is there for those behind."""
        topic = make_topic(broker, **_AT_ONCE)
        offsets = written(broker, topic, (b"gone", b"1"), (b"stays", b"1"), (b"gone", b"2"), (b"gone", None))

        def compacted() -> bool:
            compact(topic)
            return len(kept(broker, topic)) == 2

        eventually(compacted, "the values are gone")
        assert [(r.offset, r.key, r.value) for r in kept(broker, topic)] == [
            (offsets[1], b"stays", b"1"),
            (offsets[3], b"gone", None),
        ]
