"""Single records of many topics, for tables: read together, with an end even where a record cannot be had."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from headrace.clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    from headrace.interfaces.broker import Broker
    from headrace.model.record import StoredRecord

_QUIET_S = 2.0


def peek(
    broker: Broker,
    places: Mapping[str, tuple[int, int]],
    which: Literal["first", "last"],
    clock: Clock = SYSTEM_CLOCK,
) -> dict[str, StoredRecord]:
    """Of each topic, the first or the last record with an offset in ``places`` (from, to: not included).

    A topic without such a record (compacted away, or not readable) is left out; nothing for 2 s ends the reading.
    """
    open_ = {topic: end for topic, (begin, end) in places.items() if begin < end}
    found: dict[str, StoredRecord] = {}
    if not open_:
        return found
    reader = broker.reader()
    try:
        reader.assign({topic: places[topic][0] for topic in open_})
        deadline = clock.monotonic() + _QUIET_S
        while open_ and clock.monotonic() < deadline:
            for fetched in reader.poll(0.1, 1_000):
                end = open_.get(fetched.topic)
                if end is None:
                    continue
                inside = [record for record in fetched.records if record.offset < end]
                if inside:
                    found[fetched.topic] = inside[0] if which == "first" else inside[-1]
                    deadline = clock.monotonic() + _QUIET_S
                if fetched.next_offset >= end or (inside and which == "first"):
                    del open_[fetched.topic]
                    reader.pause([fetched.topic])
    finally:
        reader.close()
    return found
