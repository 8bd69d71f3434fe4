"""The embedded broker: topics in one SQLite file, for development and small single machines (up to 16 processes, 500 topics).

Same promises as Kafka's adapter, by the same conformance suite: docs/embedded.md tells what stands behind them.
"""

from __future__ import annotations

import os
import threading
import weakref
from pathlib import Path
from typing import TypeVar

from headrace.adapters.embedded_admin import EmbeddedAdmin
from headrace.adapters.embedded_maintenance import INTERVAL_S, Maintenance, Upkeep
from headrace.adapters.embedded_membership import SESSION_S
from headrace.adapters.embedded_reader import EmbeddedReader
from headrace.adapters.embedded_store import Store
from headrace.adapters.embedded_transactions import EmbeddedTransactionalWriter
from headrace.adapters.embedded_writer import MAX_BYTES, MAX_RECORDS, EmbeddedWriter
from headrace.clock import SYSTEM_CLOCK, Clock
from headrace.errors import Closed

P = TypeVar("P", EmbeddedReader, EmbeddedWriter, EmbeddedTransactionalWriter)


class EmbeddedBroker:
    """``path``: the store's folder, made if it is not there; on a local disk (locks and WAL do not work on network file
    systems). ``session_s``: after so many seconds without a sign of life a member's topics go to the others.
    ``max_records``, ``max_bytes``: a writer's bounds. ``maintenance_s``: how often a writer looks for
    what retention and compaction may remove. ``vfs``, ``synchronous``: for tests of power loss.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock = SYSTEM_CLOCK,
        session_s: float = SESSION_S,
        max_records: int = MAX_RECORDS,
        max_bytes: int = MAX_BYTES,
        maintenance_s: float = INTERVAL_S,
        vfs: str | None = None,
        synchronous: str = "FULL",
    ) -> None:
        self._path = Path(path)
        self._clock = clock
        self._session_s = session_s
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._maintenance_s = maintenance_s
        self._vfs = vfs
        self._synchronous = synchronous
        self._lock = threading.Lock()
        self._parts: weakref.WeakSet[EmbeddedReader | EmbeddedWriter | EmbeddedTransactionalWriter] = weakref.WeakSet()
        self._pid = os.getpid()
        self._closed = False
        self._admin = EmbeddedAdmin(self._store(), clock, session_s)

    def _store(self) -> Store:
        # Each part has a connection of its own: a writer's sync must not hold up a reader.
        return Store(self._path, vfs=self._vfs, synchronous=self._synchronous)

    @property
    def admin(self) -> EmbeddedAdmin:
        return self._admin

    @property
    def access(self) -> None:
        """There are no rules: whoever can open the folder may do everything."""
        return None

    def writer(self, *, topics: int = 1) -> EmbeddedWriter:
        self._check_open()
        return self._keep(
            EmbeddedWriter(
                self._store(),
                self._clock,
                Maintenance(self._store, self._clock, self._maintenance_s),
                max_records=self._max_records,
                max_bytes=self._max_bytes,
            )
        )

    def transactional_writer(self, transactional_id: str) -> EmbeddedTransactionalWriter:
        self._check_open()
        return self._keep(EmbeddedTransactionalWriter(self._store(), self._clock, transactional_id))

    def reader(self, group: str | None = None) -> EmbeddedReader:
        self._check_open()
        return self._keep(EmbeddedReader(self._store(), self._clock, group, self._session_s))

    def maintain(self) -> None:
        """Apply retention and compaction now, instead of when they are next due."""
        store = self._store()
        try:
            Upkeep(store, self._clock).run(compact_all=True)
        finally:
            store.close()

    def _keep(self, part: P) -> P:
        with self._lock:
            self._parts.add(part)
        return part

    def _check_open(self) -> None:
        if self._closed:
            raise Closed("the broker is closed")
        if os.getpid() != self._pid:
            raise Closed("the broker was opened before a fork", hint="open one in each process")

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
            parts = list(self._parts)
        # Readers first: what they are told when they give up their topics may still write.
        for part in sorted(parts, key=lambda p: not isinstance(p, EmbeddedReader)):
            part.close()
        self._admin.close()
