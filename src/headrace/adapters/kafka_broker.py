"""Apache Kafka as a Headrace broker, on `confluent-kafka`: what a program gets writers and readers from."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from headrace.adapters.kafka_access import KafkaAccess
from headrace.adapters.kafka_admin import KafkaAdmin
from headrace.adapters.kafka_reader import KafkaReader
from headrace.adapters.kafka_spread import KafkaSpreadWriter, writer_for
from headrace.adapters.kafka_transactions import KafkaTransactionalWriter
from headrace.adapters.kafka_writer import KafkaWriter
from headrace.clock import SYSTEM_CLOCK, Clock
from headrace.errors import Closed


class KafkaBroker:
    """``bootstrap``: ``host:port``, some of the cluster's brokers. ``properties``: librdkafka's, for every client that comes
    from it, over the adapter's own preferences (security, ``linger.ms``, ``group.protocol``...); what the promises of
    `headrace.interfaces.broker` rest on cannot be changed (`SettingsError`). Nothing is connected before it is used."""

    def __init__(
        self, bootstrap: str, *, properties: Mapping[str, str] | None = None, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._bootstrap = bootstrap
        self._properties = dict(properties or {})
        self._clock = clock
        self._lock = threading.Lock()
        # Weak: a program that opens readers all day long keeps those it still uses.
        self._readers: weakref.WeakSet[KafkaReader] = weakref.WeakSet()
        self._writers: weakref.WeakSet[KafkaWriter | KafkaSpreadWriter | KafkaTransactionalWriter] = weakref.WeakSet()
        self._closed = False
        self._admin = KafkaAdmin(bootstrap, self._properties)
        self._access = KafkaAccess(bootstrap, self._properties)

    @property
    def admin(self) -> KafkaAdmin:
        return self._admin

    @property
    def access(self) -> KafkaAccess:
        return self._access

    def writer(self, *, topics: int = 1) -> KafkaWriter | KafkaSpreadWriter:
        with self._while_open():
            writer = writer_for(self._bootstrap, self._properties, self._clock, topics)
            self._writers.add(writer)
            return writer

    def transactional_writer(self, transactional_id: str) -> KafkaTransactionalWriter:
        with self._while_open():
            writer = KafkaTransactionalWriter(self._bootstrap, self._properties, transactional_id)
            self._writers.add(writer)
            return writer

    def reader(self, group: str | None = None) -> KafkaReader:
        with self._while_open():
            reader = KafkaReader(self._bootstrap, self._properties, group, self._admin, self._clock)
            self._readers.add(reader)
            return reader

    @contextmanager
    def _while_open(self) -> Iterator[None]:
        with self._lock:
            if self._closed:
                raise Closed("the broker is closed")
            yield

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
            # Readers first: what they are told when they give up their topics may still write.
            for part in [*self._readers, *self._writers, self._admin, self._access]:
                part.close()
