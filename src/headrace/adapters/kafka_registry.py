"""A registry on a compacted topic: a log of entries that every server replays at its start and follows.

Who writes holds Kafka's own fence, a transactional id that belongs to the topic: taking it over (KIP-98) fences whoever had
it, and waits until what they had begun is committed or gone. A server that takes it over then reads the log to its end, so
it decides on all there is; if its own commit succeeds, nobody has taken the fence since, so nobody has written. A fenced
server takes it back and decides again. Two servers on one topic therefore never give one id to two schemas, and there is no
leader to elect, to find or to wait for.

Each question is answered from memory once the log was read up to what was its end when the question came, so what one
server has acknowledged the others know.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final, TypeVar

from headrace.adapters.kafka_broker import KafkaBroker
from headrace.adapters.kafka_registry_log import entry_of, record_of
from headrace.adapters.registry_core import StoredRegistry
from headrace.adapters.registry_memory import MemoryTables
from headrace.adapters.registry_tables import Entry, Tables
from headrace.clock import SYSTEM_CLOCK, Clock
from headrace.errors import (
    BrokerError,
    InvalidSchema,
    PublishTimeout,
    RegistryError,
    RegistryUnavailable,
    TopicExists,
    TransactionAborted,
    WriterFenced,
)
from headrace.interfaces.broker import Broker, OffsetAt, TopicSpec, TransactionalWriter
from headrace.interfaces.compatibility import CompatibilityChecker
from headrace.model import names
from headrace.model.record import StoredRecord

T = TypeVar("T")

TOPIC: Final = names.topic(f"{names.RESERVED_PREFIX}registry", 1, names.PLATFORM_TENANT)
"""Where nothing else is said."""

ENTRY_MAX: Final = 8 * 1024**2
"""Bytes of a record: the topic's limit. A composed schema has some ten kilobytes."""

_OVERHEAD: Final = 4_096
"""What key, headers and the batch around it may add."""

PREFERRED: Final = {
    # A fetch that waits at the end of the log is not woken by a transaction's end, only by this many ms. 500, the default,
    # would be the time of every registration. (Pausing the reader in between costs more: up to a second to go on.)
    "fetch.wait.max.ms": "20",
    # Who asks a registry does not wait for a minute.
    "socket.timeout.ms": "10000",
}

_CONFIGS: Final = {"cleanup.policy": "compact", "max.message.bytes": str(ENTRY_MAX)}
_POLL_S: Final = 0.5
_STALLED_S: Final = 15.0
_ATTEMPTS: Final = 12


class KafkaRegistry(StoredRegistry):
    """``broker``: the cluster, closed with the registry. ``topic``: made if it is not there; one of its own. ``checker``: as
    for the embedded registry. Raises `RegistryError` where the topic is not compacted or holds something else."""

    def __init__(
        self,
        broker: Broker,
        *,
        topic: str = TOPIC,
        checker: CompatibilityChecker | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        try:
            storage = LogStorage(broker, topic, clock)
        except BaseException:
            broker.close()
            raise
        super().__init__(storage, checker)


def open_kafka_registry(
    bootstrap: str,
    *,
    topic: str = TOPIC,
    properties: Mapping[str, str] | None = None,
    checker: CompatibilityChecker | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> KafkaRegistry:
    """A registry with a `KafkaBroker` of its own. ``properties``: librdkafka's (security), over `PREFERRED`."""
    broker = KafkaBroker(bootstrap, properties={**PREFERRED, **(properties or {})}, clock=clock)
    return KafkaRegistry(broker, topic=topic, checker=checker, clock=clock)


class LogStorage:
    """`Storage` on a topic."""

    def __init__(self, broker: Broker, topic: str, clock: Clock) -> None:
        self._broker = broker
        self._topic = topic
        self._clock = clock
        self._lock = threading.RLock()
        self._tables = MemoryTables()
        self._writer: TransactionalWriter | None = None
        self._position = 0
        self._broken: RegistryError | None = None
        with _translated():
            _make_topic(broker, topic)
            self._reader = broker.reader()
            self._reader.assign({topic: OffsetAt.EARLIEST})
            self._catch_up()

    def read(self, look: Callable[[Tables], T]) -> T:
        with self._lock, _translated():
            self._catch_up()
            return look(self._tables)

    def peek(self, look: Callable[[Tables], T]) -> T:
        with self._lock:
            return look(self._tables)

    def write(self, change: Callable[[Tables], T]) -> T:
        for attempt in range(_ATTEMPTS):
            with self._lock, _translated():
                try:
                    return self._write(change)
                except (WriterFenced, TransactionAborted):
                    pass
            # Another server wants to write as well: let it finish.
            self._clock.sleep(random.uniform(0, 0.02 * (attempt + 1)))  # noqa: S311  not a secret
        raise RegistryUnavailable(
            f"{_ATTEMPTS} times another server took over writing to {self._topic}", topic=self._topic, contended=True
        )

    def _write(self, change: Callable[[Tables], T]) -> T:
        self._catch_up()
        result, entries = self._tables.tried(change)
        if not entries:
            return result
        fresh = self._writer is None
        if self._writer is None:
            self._writer = self._broker.transactional_writer(f"{names.RESERVED_PREFIX}registry.{self._topic}")
        writer = self._writer
        try:
            writer.begin()
            if fresh:
                # What others had written before they were fenced is all there now, and nothing can be added to it.
                self._catch_up()
                result, entries = self._tables.tried(change)
            last = self._append(writer, entries)
        except BaseException:
            self._give_up_writer()
            raise
        self._catch_up(last + 1)
        return result

    def _append(self, writer: TransactionalWriter, entries: list[Entry]) -> int:
        """The offset of the last one, once all are durable; -1 for none."""
        records = [record_of(entry) for entry in entries]
        for record in records:
            if len(record.value or b"") > ENTRY_MAX - _OVERHEAD:
                size = len(record.value or b"")
                reason = f"it has {size} bytes; {self._topic} takes {ENTRY_MAX - _OVERHEAD}"
                raise InvalidSchema(f"the schema is too large: {reason}", reason=reason, too_large=True)
        receipts = [writer.publish(self._topic, record) for record in records]
        if not receipts:
            writer.abort()
            return -1
        writer.commit()
        return max(receipt.offset for receipt in receipts)

    def _give_up_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            with suppress(BrokerError):
                writer.close()

    def _catch_up(self, at_least: int = 0) -> None:
        """Read up to the end that the log has now, and to ``at_least``."""
        if self._broken is not None:
            raise self._broken
        end = self._broker.admin.offsets([self._topic], OffsetAt.LATEST).get(self._topic)
        if end is None or end < self._position:
            self._broken = RegistryError(
                f"{self._topic} was deleted, or made again, while the registry used it",
                hint="start the server again",
                topic=self._topic,
            )
            raise self._broken
        end = max(end, at_least)
        deadline = self._clock.monotonic() + _STALLED_S
        while self._position < end:
            before = self._position
            for fetched in self._reader.poll(_POLL_S, 10_000):
                self._apply(fetched.records)
                self._position = max(self._position, fetched.next_offset)
            if self._position > before:
                deadline = self._clock.monotonic() + _STALLED_S
            elif self._clock.monotonic() > deadline:
                raise RegistryUnavailable(
                    f"{self._topic} stands at offset {self._position} of {end}: nothing arrived for {_STALLED_S:.0f} s",
                    topic=self._topic,
                    timed_out=True,
                )

    def _apply(self, records: Sequence[StoredRecord]) -> None:
        try:
            for record in records:
                self._tables.put(entry_of(record))
        except RegistryError as error:
            self._broken = error  # what follows would be applied to a state that lacks it
            raise

    def close(self) -> None:
        with self._lock:
            self._give_up_writer()
            self._reader.close()
            self._broker.close()


def _make_topic(broker: Broker, topic: str) -> None:
    """Make it, or see that it is one that a registry can live on."""
    error = broker.admin.create_topics([TopicSpec(topic, _CONFIGS)])[topic]
    if error is None:
        return
    if not isinstance(error, TopicExists):
        raise error
    found = broker.admin.topics(topic)[topic]
    policy = found.configs.get("cleanup.policy")
    if policy != "compact" or found.partitions != 1:
        raise RegistryError(
            f"{topic} has the cleanup policy {policy or '(the default)'} and {found.partitions} partition(s); a registry needs"
            " a compacted topic of one partition, or its schemas would be lost in time",
            hint="name another topic with --topic",
            topic=topic,
        )


@contextmanager
def _translated() -> Iterator[None]:
    """The broker's errors as a registry's. Those of a lost race pass: the caller tries again."""
    try:
        yield
    except (WriterFenced, TransactionAborted) as error:
        raise RegistryUnavailable(error.message, hint=error.hint, **error.data) from error
    except BrokerError as error:
        kind = RegistryUnavailable if error.retryable else RegistryError
        late = isinstance(error, PublishTimeout)
        raise kind(error.message, hint=error.hint, **{**error.data, **({"timed_out": True} if late else {})}) from error
