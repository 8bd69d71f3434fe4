"""Reading one of Headrace's own topics from a place to its end: the inventory, the journal, the published catalogue."""

from __future__ import annotations

from headrace.clock import Clock
from headrace.errors import BrokerUnavailable
from headrace.interfaces.broker import Broker, OffsetAt
from headrace.model.record import StoredRecord

_POLL_S = 0.5
_STALLED_S = 30.0


def read_topic(broker: Broker, topic: str, clock: Clock, *, last: int | None = None) -> list[StoredRecord]:
    """The records of ``topic`` that are committed now, in order; with ``last``, only those among its last offsets.

    Empty where the topic is not there. Raises `BrokerUnavailable` when nothing arrives for 30 s before the end.
    """
    end = broker.admin.offsets([topic], OffsetAt.LATEST).get(topic)
    begin = broker.admin.offsets([topic], OffsetAt.EARLIEST).get(topic)
    if end is None or begin is None or begin >= end:
        return []
    position = begin if last is None else max(begin, end - last)
    records: list[StoredRecord] = []
    reader = broker.reader()
    try:
        reader.assign({topic: position})
        deadline = clock.monotonic() + _STALLED_S
        while position < end:
            for fetched in reader.poll(_POLL_S, 10_000):
                records.extend(fetched.records)
                if fetched.next_offset > position:
                    position = fetched.next_offset
                    deadline = clock.monotonic() + _STALLED_S
            if position < end and clock.monotonic() > deadline:
                raise BrokerUnavailable(
                    f"{topic} stands at offset {position} of {end}: nothing arrived for {_STALLED_S:.0f} s",
                    topic=topic,
                    offset=position,
                )
    finally:
        reader.close()
    return [record for record in records if record.offset < end]
