"""What the broker stores, and what it answers."""

from __future__ import annotations

from typing import Final

import msgspec

Headers = tuple[tuple[str, bytes | None], ...]

HEADER_TYPE: Final = "event-type"
HEADER_ID: Final = "event-id"
HEADER_SOURCE: Final = "event-source"
HEADER_TIME: Final = "event-time"
HEADER_TRACEPARENT: Final = "traceparent"
"""The routing attributes are headers too, so that filtering never parses a payload. Not ``ce_*``: a CloudEvents reader
would take the record for the binary mode, whose value is the data alone. ``traceparent`` (of sampled events alone) is where
other programs' tracing looks for it."""


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A record to write. ``value`` None is a tombstone (state topics). Order of headers is kept; names may repeat.

    ``array_like``: the embedded broker encodes a whole batch in one call, as an array of arrays.
    """

    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class StoredRecord(msgspec.Struct, frozen=True, gc=False):
    """A record as the log holds it. ``timestamp``: the log's append time in ms since the epoch (LogAppendTime)."""

    topic: str
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()

    def header(self, name: str) -> bytes | None:
        """The value of the last header of that name (Kafka's ``lastHeader``), or None."""
        for header, value in reversed(self.headers):
            if header == name:
                return value
        return None

    @property
    def size(self) -> int:
        """Bytes of key, value and headers: what the bounds on memory count."""
        return (
            len(self.key or b"")
            + len(self.value or b"")
            + sum(len(name) + len(value or b"") for name, value in self.headers)
        )
