"""What tests of the embedded broker share."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from headrace.adapters.embedded_broker import EmbeddedBroker
from headrace.errors import BrokerError
from headrace.interfaces.broker import OffsetCommit, RecordReader
from headrace.model.record import Record


class Listener:
    """Remembers what it was told, and may do something when it is given topics."""

    def __init__(self, assigned: Callable[[], object] = lambda: None) -> None:
        self.errors: list[tuple[str, BrokerError]] = []
        self._assigned = assigned

    def on_assigned(self, topics: Mapping[str, OffsetCommit | None]) -> None:
        self._assigned()

    def on_revoked(self, topics: Sequence[str]) -> None:
        pass

    def on_lost(self, topics: Sequence[str]) -> None:
        pass

    def on_error(self, topic: str, error: BrokerError) -> None:
        self.errors.append((topic, error))


def fill(broker: EmbeddedBroker, topic: str, count: int, size: int = 1) -> None:
    writer = broker.writer()
    for i in range(count):
        writer.publish(topic, Record(None, b"%d" % i + b" " * size))
    writer.close(30)


def until(done: Callable[[], object], *readers: RecordReader) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline, "it did not happen in time"
        for reader in readers:
            reader.poll(0.02)
