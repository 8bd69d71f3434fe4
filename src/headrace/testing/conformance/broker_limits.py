"""Bounds: of what a writer holds, and of how long a log keeps what it has."""

from __future__ import annotations

import pytest

from headrace.errors import BufferFull
from headrace.interfaces.broker import Broker, OffsetAt
from headrace.interfaces.receipt import Receipt
from headrace.model.record import Record
from headrace.testing.conformance.support import DEADLINE_S, Compact, eventually, make_topic, read_all, values, write


class LimitConformance:
    def test_a_full_writer_refuses_or_waits(self, narrow: Broker) -> None:
        """`try_publish` raises `BufferFull` and takes nothing, `publish` waits; what was taken is written, in order."""
        name = make_topic(narrow)
        writer = narrow.writer()
        taken: list[Receipt] = []
        with pytest.raises(BufferFull) as raised:
            for i in range(200_000):
                taken.append(writer.try_publish(name, Record(None, b"%d" % i)))
        assert raised.value.retryable
        count = len(taken)
        taken += [writer.publish(name, Record(None, b"%d" % i)) for i in range(count, count + 200)]
        writer.flush(DEADLINE_S)
        assert [receipt.offset for receipt in taken] == list(range(count + 200))
        assert values(read_all(narrow, name)) == [b"%d" % i for i in range(count + 200)]

    def test_what_is_older_than_its_retention_goes(self, broker: Broker, compact: Compact) -> None:
        """The earliest offset moves past it; what is written afterwards goes on in the count."""
        name = make_topic(broker, retention_ms="500")
        kept = make_topic(broker)
        written = write(broker, name, b"0", b"1", b"2")
        write(broker, kept, b"stays")

        def expired() -> bool:
            compact(name)
            return broker.admin.offsets([name], OffsetAt.EARLIEST)[name] > written[-1].offset

        eventually(expired, "the old ones are gone")
        assert not {b"0", b"1", b"2"} & set(values(read_all(broker, name)))
        (after,) = write(broker, name, b"3")
        assert after.offset > written[-1].offset
        assert values(read_all(broker, kept)) == [b"stays"]
