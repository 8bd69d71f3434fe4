"""A broker in memory, for tests that need no other process and no disk: one member a group, no retention, no limits.

It keeps the promises of `headrace.interfaces.broker` that one process can see: order, offsets, groups with generations,
tombstones as they are written. It is not for programs: the embedded broker is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from headrace.clock import SYSTEM_CLOCK, Clock
from headrace.errors import BrokerError, Closed, GroupFenced, TopicExists, TopicMissing, TransactionAborted
from headrace.interfaces.broker import (
    Fetched,
    GroupDescription,
    OffsetAt,
    OffsetCommit,
    RebalanceListener,
    TopicDescription,
    TopicSpec,
)
from headrace.interfaces.receipt import Receipt, settle
from headrace.model.record import Record, StoredRecord


class _Log:
    def __init__(self, spec: TopicSpec, topic_id: str) -> None:
        self.description = TopicDescription(spec.name, topic_id, dict(spec.configs))
        self.records: list[StoredRecord] = []
        self.earliest = 0


class MemoryBroker:
    """All of it: a dictionary of lists under one condition."""

    def __init__(self, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self.clock = clock
        self.changed = threading.Condition()
        self.logs: dict[str, _Log] = {}
        self.commits: dict[str, dict[str, OffsetCommit]] = {}
        self.members: dict[str, MemoryReader] = {}
        self.generations: dict[str, int] = {}
        self._made = 0
        self._admin = MemoryAdmin(self)

    @property
    def admin(self) -> MemoryAdmin:
        return self._admin

    @property
    def access(self) -> None:
        return None

    def writer(self, *, topics: int = 1) -> MemoryWriter:
        return MemoryWriter(self)

    def transactional_writer(self, transactional_id: str) -> MemoryTransaction:
        return MemoryTransaction(self)

    def reader(self, group: str | None = None) -> MemoryReader:
        return MemoryReader(self, group)

    def close(self) -> None:
        for reader in list(self.members.values()):
            reader.close()

    def create(self, spec: TopicSpec) -> BrokerError | None:
        with self.changed:
            if spec.name in self.logs:
                return TopicExists(f"{spec.name} is there already", topic=spec.name)
            self._made += 1
            self.logs[spec.name] = _Log(spec, f"memory-{self._made}")
            self.changed.notify_all()
            return None

    def append(self, topic: str, record: Record) -> StoredRecord:
        """Raises `TopicMissing`."""
        with self.changed:
            log = self.logs.get(topic)
            if log is None:
                raise TopicMissing(f"there is no topic {topic}", topic=topic)
            stored = StoredRecord(
                topic=topic,
                offset=log.earliest + len(log.records),
                timestamp=self.clock.now_ms(),
                key=record.key,
                value=record.value,
                headers=tuple(record.headers),
            )
            log.records.append(stored)
            self.changed.notify_all()
            return stored


class MemoryAdmin:
    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker

    def cluster_id(self) -> str:
        return "memory"

    def topics(self, prefix: str = "") -> Mapping[str, TopicDescription]:
        with self._broker.changed:
            logs = sorted(self._broker.logs.items())
            return {name: log.description for name, log in logs if name.startswith(prefix)}

    def topic_ids(self, names: Iterable[str]) -> Mapping[str, str]:
        wanted = set(names)
        return {name: topic.id for name, topic in self.topics().items() if name in wanted}

    def create_topics(self, specs: Sequence[TopicSpec]) -> Mapping[str, BrokerError | None]:
        return {spec.name: self._broker.create(spec) for spec in specs}

    def set_configs(self, configs: Mapping[str, Mapping[str, str | None]]) -> Mapping[str, BrokerError | None]:
        def change(name: str) -> None:
            log = self._broker.logs[name]
            merged = dict(log.description.configs) | dict(configs[name])
            kept = {key: value for key, value in merged.items() if value is not None}
            log.description = TopicDescription(name, log.description.id, kept)

        return self._each(configs, change)

    def delete_topics(self, names: Sequence[str]) -> Mapping[str, BrokerError | None]:
        def delete(name: str) -> None:
            del self._broker.logs[name]
            for commits in self._broker.commits.values():
                commits.pop(name, None)

        return self._each(names, delete)

    def delete_records(self, before: Mapping[str, int]) -> Mapping[str, BrokerError | None]:
        def cut(name: str) -> None:
            log = self._broker.logs[name]
            gone = min(max(before[name] - log.earliest, 0), len(log.records))
            del log.records[:gone]
            log.earliest += gone

        return self._each(before, cut)

    def _each(self, names: Iterable[str], act: Callable[[str], None]) -> Mapping[str, BrokerError | None]:
        out: dict[str, BrokerError | None] = {}
        with self._broker.changed:
            for name in names:
                if name in self._broker.logs:
                    act(name)
                    out[name] = None
                else:
                    out[name] = TopicMissing(f"there is no topic {name}", topic=name)
        return out

    def offsets(self, topics: Iterable[str], at: OffsetAt | int) -> Mapping[str, int]:
        with self._broker.changed:
            return {name: self._place(self._broker.logs[name], at) for name in topics if name in self._broker.logs}

    @staticmethod
    def _place(log: _Log, at: OffsetAt | int) -> int:
        if at is OffsetAt.EARLIEST:
            return log.earliest
        if at is not OffsetAt.LATEST:
            for record in log.records:
                if record.timestamp >= int(at):
                    return record.offset
        return log.earliest + len(log.records)

    def groups(self, prefix: str = "") -> Mapping[str, GroupDescription]:
        broker = self._broker
        with broker.changed:
            known = sorted({*broker.commits, *broker.members})
            return {
                group: GroupDescription(
                    group,
                    "stable" if group in broker.members else "empty",
                    broker.generations.get(group, 0),
                    {"memory": tuple(sorted(broker.members[group].assignment()))} if group in broker.members else {},
                )
                for group in known
                if group.startswith(prefix)
            }

    def group_offsets(self, group: str) -> Mapping[str, OffsetCommit]:
        with self._broker.changed:
            return dict(self._broker.commits.get(group, {}))

    def set_group_offsets(self, group: str, offsets: Mapping[str, OffsetCommit]) -> None:
        with self._broker.changed:
            self._fence(group)
            self._broker.commits.setdefault(group, {}).update(offsets)

    def delete_group(self, group: str) -> None:
        with self._broker.changed:
            self._fence(group)
            self._broker.commits.pop(group, None)

    def _fence(self, group: str) -> None:
        if group in self._broker.members:
            raise GroupFenced(f"the group {group} has members", group=group)

    def close(self) -> None:
        """Nothing is held."""


class MemoryWriter:
    """Durable at once, as far as memory is."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self._condition = threading.Condition()
        self._closed = False

    def publish(self, topic: str, record: Record, event_id: str | None = None) -> Receipt:
        if self._closed:
            raise Closed("the writer is closed")
        receipt = Receipt(self._condition, topic, event_id)
        try:
            stored = self._broker.append(topic, record)
        except BrokerError as error:
            settle(self._condition, [receipt], error=error)
        else:
            settle(self._condition, [receipt], stored.offset, stored.timestamp)
        return receipt

    def try_publish(self, topic: str, record: Record, event_id: str | None = None) -> Receipt:
        return self.publish(topic, record, event_id)

    def flush(self, timeout: float | None = None) -> None:
        """Everything is settled already."""

    def close(self, timeout: float | None = None) -> None:
        self._closed = True


class MemoryTransaction:
    """Keeps what is published until `commit`."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self._condition = threading.Condition()
        self._open = False
        self._pending: list[tuple[Receipt, Record]] = []
        self._offsets: list[tuple[Any, Mapping[str, OffsetCommit]]] = []

    def begin(self) -> None:
        if self._open:
            raise BrokerError("a transaction is open already", hint="commit or abort it first")
        self._open = True

    def publish(self, topic: str, record: Record, event_id: str | None = None) -> Receipt:
        receipt = Receipt(self._condition, topic, event_id)
        self._pending.append((receipt, record))
        return receipt

    def send_offsets(self, reader: Any, offsets: Mapping[str, OffsetCommit]) -> None:
        self._offsets.append((reader, offsets))

    def commit(self) -> None:
        self._check_open()
        try:
            with self._broker.changed:
                missing = next((r.topic for r, _ in self._pending if r.topic not in self._broker.logs), None)
                if missing is not None:
                    cause = TopicMissing(f"there is no topic {missing}", topic=missing)
                    raise TransactionAborted(f"nothing was written: {cause.message}", topic=missing) from cause
                for reader, offsets in self._offsets:
                    reader.commit(offsets)
                for receipt, record in self._pending:
                    stored = self._broker.append(receipt.topic, record)
                    settle(self._condition, [receipt], stored.offset, stored.timestamp)
        except BrokerError:
            self.abort()
            raise
        self._open, self._pending, self._offsets = False, [], []

    def abort(self) -> None:
        self._check_open()
        for receipt, _ in self._pending:
            settle(self._condition, [receipt], error=TransactionAborted("the transaction was aborted"))
        self._open, self._pending, self._offsets = False, [], []

    def _check_open(self) -> None:
        if not self._open:
            raise BrokerError("no transaction is open", hint="begin one first")

    def close(self) -> None:
        if self._open:
            self.abort()


class MemoryReader:
    """The one member of its group, or a reader of its own."""

    def __init__(self, broker: MemoryBroker, group: str | None) -> None:
        self._broker = broker
        self._group = group
        self._prefixes: tuple[str, ...] = ()
        self._listener: RebalanceListener | None = None
        self._positions: dict[str, int] = {}
        self._paused: set[str] = set()
        self._closed = False
        self._fences: dict[str, int] = {}

    def subscribe(self, prefixes: Sequence[str], listener: RebalanceListener) -> None:
        assert self._group is not None
        with self._broker.changed:
            before = self._broker.members.get(self._group)
            if before is not None:
                # A newer member takes everything over: enough to test what a fenced one sees.
                before.lose(before.assignment())
            self._broker.members[self._group] = self
            self._broker.generations[self._group] = self._broker.generations.get(self._group, 0) + 1
            self._prefixes = tuple(prefixes)
            self._listener = listener

    def assign(self, positions: Mapping[str, int | OffsetAt]) -> None:
        self._positions = {
            topic: at if isinstance(at, int) else self._broker.admin.offsets([topic], at).get(topic, 0)
            for topic, at in positions.items()
        }

    def poll(self, timeout: float, max_records: int = 500) -> Sequence[Fetched]:
        if self._closed:
            raise Closed("the reader is closed")
        self._share()
        out = self._fetch(max_records)
        if not out and timeout > 0:
            with self._broker.changed:
                self._broker.clock.wait(self._broker.changed, timeout)
            self._share()
            out = self._fetch(max_records)
        return out

    def _share(self) -> None:
        if self._listener is None or self._group is None or self._broker.members.get(self._group) is not self:
            return
        with self._broker.changed:
            wanted = {t for t in self._broker.logs if t.startswith(self._prefixes)}
            gained = sorted(wanted - self._positions.keys())
            gone = sorted(self._positions.keys() - wanted)
            commits = self._broker.commits.get(self._group, {})
            for topic in gained:
                commit = commits.get(topic)
                self._positions[topic] = commit.offset if commit else self._broker.logs[topic].earliest
                self._fences[topic] = self._broker.generations[self._group]
        if gained:
            self._listener.on_assigned({topic: commits.get(topic) for topic in gained})
        for topic in gone:
            self._positions.pop(topic)
            self._listener.on_error(topic, TopicMissing(f"{topic} is gone", topic=topic))

    def _fetch(self, max_records: int) -> list[Fetched]:
        out = []
        with self._broker.changed:
            for topic, position in self._positions.items():
                log = self._broker.logs.get(topic)
                if topic in self._paused or log is None or max_records <= 0:
                    continue
                records = log.records[max(position - log.earliest, 0) :][:max_records]
                if records:
                    max_records -= len(records)
                    self._positions[topic] = records[-1].offset + 1
                    out.append(Fetched(topic, records, records[-1].offset + 1))
        return out

    def lose(self, topics: Iterable[str]) -> None:
        """Take topics away, as when the session has timed out."""
        lost = sorted(topics)
        for topic in lost:
            self._positions.pop(topic, None)
        if self._listener is not None:
            self._listener.on_lost(lost)

    def assignment(self) -> frozenset[str]:
        return frozenset(self._positions)

    def generation(self, topic: str) -> int:
        if self._group is None:
            return 0
        if topic not in self._positions:
            raise GroupFenced(f"{topic} is not held", topics=(topic,))
        return self._fences.get(topic, 0)

    def pause(self, topics: Iterable[str]) -> None:
        self._paused |= set(topics)

    def resume(self, topics: Iterable[str]) -> None:
        self._paused -= set(topics)

    def seek(self, topic: str, offset: int) -> None:
        self._positions[topic] = offset

    def commit(self, offsets: Mapping[str, OffsetCommit]) -> None:
        assert self._group is not None
        with self._broker.changed:
            fenced = tuple(topic for topic in offsets if topic not in self._positions)
            if fenced or self._broker.members.get(self._group) is not self:
                raise GroupFenced(f"{self._group} no longer holds {', '.join(fenced)}", topics=fenced or tuple(offsets))
            self._broker.commits.setdefault(self._group, {}).update(offsets)

    def close(self) -> None:
        if self._closed:
            return
        if self._listener is not None and self._positions:
            self._listener.on_revoked(sorted(self._positions))
        self._closed = True
        if self._group is not None and self._broker.members.get(self._group) is self:
            del self._broker.members[self._group]
