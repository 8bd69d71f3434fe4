"""A record's headers, taken from the client's message when they are first looked at.

Most records are decoded by their value alone, and building the headers of one costs as much as decoding it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, SupportsIndex, overload

import msgspec
from confluent_kafka import Message

Header = tuple[str, bytes | None]


class MessageHeaders(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What `StoredRecord.headers` is for a record that was read from Kafka: it behaves like the tuple that it stands for, to
    which it compares equal. The message keeps the bytes."""

    message: Message

    def as_tuple(self) -> tuple[Header, ...]:
        """The headers as the tuple that they stand for."""
        found: Any = self.message.headers()
        return tuple(found) if found else ()

    def __len__(self) -> int:
        return len(self.message.headers() or ())

    def __iter__(self) -> Iterator[Header]:
        return iter(self.as_tuple())

    def __reversed__(self) -> Iterator[Header]:
        return reversed(self.as_tuple())

    @overload
    def __getitem__(self, index: SupportsIndex) -> Header: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Header, ...]: ...

    def __getitem__(self, index: SupportsIndex | slice) -> Header | tuple[Header, ...]:
        return self.as_tuple()[index]

    def __contains__(self, header: object) -> bool:
        return header in self.as_tuple()

    def __add__(self, other: tuple[Header, ...]) -> tuple[Header, ...]:
        return self.as_tuple() + tuple(other)

    def __radd__(self, other: tuple[Header, ...]) -> tuple[Header, ...]:
        return tuple(other) + self.as_tuple()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, MessageHeaders):
            return self.as_tuple() == other.as_tuple()
        return self.as_tuple() == other if isinstance(other, tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.as_tuple())

    def __repr__(self) -> str:
        return repr(self.as_tuple())
