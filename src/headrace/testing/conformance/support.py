"""What the broker's tests share: names of their own, and waiting for what a cluster does in its own time."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from headrace.errors import BrokerError
from headrace.interfaces.broker import Broker, OffsetAt, OffsetCommit, RecordReader, TopicSpec
from headrace.model.record import Record, StoredRecord

DEADLINE_S = 20.0
"""How long a test waits for what has to happen. Nothing is asserted about how soon it does."""

POLL_S = 0.1


class Compact(Protocol):
    """Let the broker compact what it can of a topic; where that takes a record of its own, its key is `FILLER`."""

    def __call__(self, topic: str) -> None: ...


FILLER = b"conformance-filler"

Connect = Callable[[], Broker]
"""Open another `Broker` on the same cluster, as another process would. Whoever gives it closes what it opened."""


def unique(kind: str = "t") -> str:
    """A name that nobody else uses: tests share the cluster, and may run in several processes."""
    return f"{kind}-{uuid.uuid4().hex[:12]}-{os.getpid()}"


def eventually(check: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Return once ``check()`` is true; fail with ``what`` should have happened."""
    deadline = time.monotonic() + deadline_s
    while not check():
        assert time.monotonic() < deadline, f"not within {deadline_s} s: {what}"
        time.sleep(0.02)


def make_topics(broker: Broker, *names: str, **configs: str) -> None:
    """Make topics. ``configs``: settings by name, with ``_`` for the dots."""
    settings = {name.replace("_", "."): value for name, value in configs.items()}
    answers = broker.admin.create_topics([TopicSpec(name, settings) for name in names])
    assert answers == dict.fromkeys(names), answers


def make_topic(broker: Broker, **configs: str) -> str:
    """A topic with a name of its own."""
    name = unique()
    make_topics(broker, name, **configs)
    return name


def write(broker: Broker, topic: str, *values: bytes | None, key: bytes | None = None) -> list[StoredRecord]:
    """Write records and wait for them; as they should be read."""
    writer = broker.writer()
    try:
        receipts = [writer.publish(topic, Record(key, value)) for value in values]
        settled = [receipt.result(DEADLINE_S) for receipt in receipts]
    finally:
        writer.close(DEADLINE_S)
    return [
        StoredRecord(topic, receipt.offset, receipt.timestamp, key, value)
        for receipt, value in zip(settled, values, strict=True)
    ]


def read_all(broker: Broker, topic: str) -> list[StoredRecord]:
    """Everything that a reader sees of a topic, from the earliest to the latest offset as it is now."""
    end = broker.admin.offsets([topic], OffsetAt.LATEST)[topic]
    place = broker.admin.offsets([topic], OffsetAt.EARLIEST)[topic]
    records: list[StoredRecord] = []
    reader = broker.reader()
    try:
        reader.assign({topic: OffsetAt.EARLIEST})
        deadline = time.monotonic() + DEADLINE_S
        while place < end:
            assert time.monotonic() < deadline, f"{topic} ends at {end}; reading came to {place} only"
            for fetched in reader.poll(POLL_S):
                records += fetched.records
                place = fetched.next_offset
    finally:
        reader.close()
    return records


def values(records: Iterable[StoredRecord]) -> list[bytes | None]:
    return [record.value for record in records]


class Member:
    """A reader with what it was told and what it read. As a member of a group it is also its own listener."""

    def __init__(
        self, reader: RecordReader, *, revoking: Callable[[Member, Sequence[str]], None] | None = None
    ) -> None:
        self.reader = reader
        self.records: dict[str, list[StoredRecord]] = {}
        self.next_offsets: dict[str, int] = {}
        self.assigned: dict[str, OffsetCommit | None] = {}
        """The newest assignment of each topic."""
        self.revoked: list[str] = []
        self.lost: list[str] = []
        self.errors: list[tuple[str, BrokerError]] = []
        self.seeks: dict[str, int] = {}
        """Where to go on with a topic as soon as it is assigned."""
        self._revoking = revoking

    def on_assigned(self, topics: Mapping[str, OffsetCommit | None]) -> None:
        self.assigned.update(topics)
        for topic in topics:
            if topic in self.seeks:
                self.reader.seek(topic, self.seeks[topic])

    def on_revoked(self, topics: Sequence[str]) -> None:
        if self._revoking is not None:
            self._revoking(self, topics)
        self.revoked += topics

    def on_lost(self, topics: Sequence[str]) -> None:
        self.lost += topics

    def on_error(self, topic: str, error: BrokerError) -> None:
        self.errors.append((topic, error))

    @property
    def held(self) -> frozenset[str]:
        return self.reader.assignment()

    def poll(self, timeout: float = POLL_S) -> None:
        for fetched in self.reader.poll(timeout):
            self.records.setdefault(fetched.topic, []).extend(fetched.records)
            self.next_offsets[fetched.topic] = fetched.next_offset

    def values(self, topic: str) -> list[bytes | None]:
        return values(self.records.get(topic, ()))

    def commit_read(self, *topics: str, metadata: str = "") -> None:
        """Commit what was read of ``topics``."""
        self.reader.commit({topic: OffsetCommit(self.next_offsets[topic], metadata) for topic in topics})


def join(
    broker: Broker,
    group: str,
    prefix: str,
    *,
    revoking: Callable[[Member, Sequence[str]], None] | None = None,
    seeks: Mapping[str, int] | None = None,
) -> Member:
    """A member that has asked to share the topics under ``prefix``; it holds them once it is polled."""
    member = Member(broker.reader(group), revoking=revoking)
    member.seeks |= seeks or {}
    member.reader.subscribe([prefix], member)
    return member


def poll_until(check: Callable[[], bool], what: str, *members: Member, deadline_s: float = DEADLINE_S) -> None:
    """Poll the members in turn until ``check()`` is true."""
    deadline = time.monotonic() + deadline_s
    while not check():
        assert time.monotonic() < deadline, f"not within {deadline_s} s: {what}"
        for member in members:
            member.poll(POLL_S / len(members))
