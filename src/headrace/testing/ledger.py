"""What the programs of a fault test have done, a line each, in files that outlive them.

Producers write down what they publish and what was acknowledged, consumers what they handled. Each line is one system call
on a file opened for appending, so a program that is killed leaves whole lines behind, and the lines of several
programs stand in the order in which things happened. Nothing is synced: the programs die, the machine does not.

    ledger = Ledger(folder / "producers", "data-api-1")
    ledger.published(topic, event.id)               # before `publish`
    ledger.acknowledged(receipt)                    # when the receipt has its result

`headrace.testing.checker` compares the two sides.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec

from headrace.clock import SYSTEM_CLOCK, Clock
from headrace.interfaces.receipt import Receipt
from headrace.streaming.event import Event


class LedgerDamaged(AssertionError):
    """A line that no `Ledger` wrote: what was done is not known, so nothing can be judged."""


class Published(msgspec.Struct, frozen=True, array_like=True, tag="published"):
    """``writer`` is about to publish ``event`` (an id that no other event of the topic has). ``at``: the monotonic clock in
    seconds, which on Linux is the same in all processes."""

    topic: str
    event: str
    writer: str
    at: float


class Acknowledged(msgspec.Struct, frozen=True, array_like=True, tag="acknowledged"):
    """The event is durable. ``offset`` below 0: the broker did not say where (it had the record already)."""

    topic: str
    event: str
    writer: str
    at: float
    offset: int


class Handled(msgspec.Struct, frozen=True, array_like=True, tag="handled"):
    """``holder``, one process, has done its work for the record at ``offset``. ``fence``: the event's; None: nobody told."""

    topic: str
    event: str
    holder: str
    at: float
    offset: int
    fence: int | None


Entry = Published | Acknowledged | Handled

_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(Entry).decode


class Ledger:
    """One program's pen. ``name``: a producer's, the same each time that it is started again; a consumer leaves it out and
    gets one that no other process has. Safe for many threads."""

    def __init__(self, path: Path, name: str | None = None, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self.name = name or f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._clock = clock
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def published(self, topic: str, event: str) -> None:
        """Write it before publishing: what is in the log and in no ledger was invented by somebody."""
        self._write(Published(topic, event, self.name, self._clock.monotonic()))

    def acknowledged(self, receipt: Receipt) -> None:
        """``receipt``: one that has succeeded. Also good as `Receipt.add_done_callback`: one that has failed writes nothing."""
        if receipt.error is None:
            now = self._clock.monotonic()
            self._write(Acknowledged(receipt.topic, receipt.event_id or "", self.name, now, receipt.offset))

    def handled(self, event: Event) -> None:
        """Write it as the last step of the handler."""
        self._write(Handled(event.topic, event.id, self.name, self._clock.monotonic(), event.offset, event.fence))

    def add(self, entry: Entry) -> None:
        """An entry that was made by hand."""
        self._write(entry)

    def _write(self, entry: Entry) -> None:
        line = _ENCODE(entry) + b"\n"
        if os.write(self._file, line) != len(line):
            raise LedgerDamaged("a line was written in part: is the disk full?")

    def close(self) -> None:
        """Again: nothing."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)


def read(*paths: Path) -> Iterator[Entry]:
    """The entries of each file in its order, one file after the other; a file that is not there has none. Raises
    `LedgerDamaged` with the file and line."""
    for path in paths:
        tail = Tail(path)
        yield from tail.more()
        if tail.rest:
            raise LedgerDamaged(f"{path} ends in the middle of a line")


class Tail:
    """Reads a ledger while it grows: `more` gives what has come since the last time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rest = b""
        """What stands after the last whole line."""
        self._lines = 0
        self._place = 0

    def more(self) -> Iterator[Entry]:
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._place)
            for line in file:
                if not line.endswith(b"\n"):
                    self.rest = line
                    return
                self.rest = b""
                self._place += len(line)
                self._lines += 1
                yield self._entry(line)

    def _entry(self, line: bytes) -> Entry:
        try:
            entry: Entry = _DECODE(line)
        except msgspec.DecodeError as error:
            raise LedgerDamaged(f"{self.path}:{self._lines}: {error}") from error
        return entry
