"""Retention and compaction: what leaves the log, and when. Started by whichever writer finds it due, on a thread and a
connection of its own, so that no receipt waits for it; one process at a time."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import apsw

from headrace.adapters.embedded_batches import decode, encode_dense, encode_sparse
from headrace.adapters.embedded_store import FILE, Store, offset_of, row_id, translated
from headrace.clock import Clock
from headrace.model.record import Record, StoredRecord

LOG = logging.getLogger(__name__)

INTERVAL_S: Final = 5.0

_DIRTY_RATIO: Final = 0.5
"""Compact a topic when so much of it came since the last time (Kafka: ``min.cleanable.dirty.ratio``)."""

_DAY_MS: Final = 86_400_000
_CHUNK: Final = 64


class Maintenance:
    """Started every ``interval`` seconds by `run_if_due`. ``open_store``: gives a connection for one run."""

    def __init__(self, open_store: Callable[[], Store], clock: Clock, interval: float = INTERVAL_S) -> None:
        self.interval = interval
        self._open_store = open_store
        self._clock = clock
        self._next = clock.monotonic() + interval
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    def run_if_due(self) -> None:
        """Start a run when the interval has passed and the last one is over. For one thread."""
        if self._clock.monotonic() < self._next or (self._thread is not None and self._thread.is_alive()):
            return
        self._next = self._clock.monotonic() + self.interval
        self._thread = threading.Thread(target=self._run_logged, name="headrace-embedded-upkeep", daemon=True)
        self._thread.start()

    def _run_logged(self) -> None:
        try:
            store = self._open_store()
            try:
                Upkeep(store, self._clock, self._ended).run()
            finally:
                store.close()
        except Exception as error:  # left for the next time: the log itself is not in danger
            LOG.warning("retention and compaction failed, and are tried again: %s", error)

    def close(self) -> None:
        """End after the batch that is being rewritten."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()


class Upkeep:
    """Retention by time, and compaction by key, of a store's topics. It stops early once ``ended`` is set."""

    def __init__(self, store: Store, clock: Clock, ended: threading.Event | None = None) -> None:
        self._store = store
        self._clock = clock
        self._ended = ended or threading.Event()

    def run(self, *, compact_all: bool = False) -> None:
        """Delete what is past its retention, and compact what is due (``compact_all``: every compacted topic).

        Returns at once when another process is at it.
        """
        with translated(self._store.folder):
            alone = _Alone(self._store.folder)
        if not alone.taken:
            return
        try:
            rows = self._store.read(
                lambda db: db.execute(
                    "SELECT id, name, configs, first, next, cleaned FROM topics ORDER BY id"
                ).fetchall()
            )
            for id_, name, text, first, next_, cleaned in rows:
                configs = json.loads(text)
                if self._ended.is_set():
                    return
                policy = [part.strip() for part in configs.get("cleanup.policy", "delete").split(",")]
                dirty = next_ - cleaned
                share = float(configs.get("min.cleanable.dirty.ratio", _DIRTY_RATIO))
                # As on Kafka, a tombstone whose time is over goes with the next compaction that is due, not sooner.
                if "compact" in policy and (compact_all or (dirty and dirty >= (next_ - first) * share)):
                    self._compact(id_, name, configs, next_)
                if "delete" in policy:
                    self._expire(id_, int(configs.get("retention.ms", 7 * _DAY_MS)))
        finally:
            alone.release()

    # --- retention

    def _expire(self, topic: int, retention_ms: int) -> None:
        if retention_ms < 0:
            return
        limit = self._clock.now_ms() - retention_ms
        low, high = row_id(topic, 0), row_id(topic + 1, 0)
        oldest = self._store.read(
            lambda db: db.execute(
                "SELECT ts FROM batches WHERE id>=? AND id<? ORDER BY id LIMIT 1", (low, high)
            ).fetchone()
        )
        if oldest is None or oldest[0] >= limit:
            return

        def expire(db: apsw.Connection) -> None:
            kept = db.execute(
                "SELECT id FROM batches WHERE id>=? AND id<? AND ts>=? ORDER BY id LIMIT 1", (low, high, limit)
            ).fetchone()
            db.execute("DELETE FROM batches WHERE id>=? AND id<?", (low, kept[0] if kept else high))
            if kept is None:
                db.execute("UPDATE topics SET first=next WHERE id=?", (topic,))
            else:
                db.execute("UPDATE topics SET first=max(first, ?) WHERE id=?", (offset_of(kept[0]), topic))

        self._store.write(expire)

    # --- compaction

    def _compact(self, topic: int, name: str, configs: dict[str, str], end: int) -> None:
        """Keep each key's newest record below ``end``; offsets stay. A tombstone goes once it is older than
        ``delete.retention.ms``, so that a reader that is behind by less still sees the deletion."""
        now = self._clock.now_ms()
        settled = now - int(configs.get("min.compaction.lag.ms", 0))
        forgotten = now - int(configs.get("delete.retention.ms", _DAY_MS))
        newest: dict[bytes | None, int] = {}
        for batch in _batches(self._store, topic, name, end):
            for record in batch:
                newest[record.key] = record.offset
        # The end as it is now: a topic whose newest records are not yet settled stays dirty.
        cleaned = end
        for batch in _batches(self._store, topic, name, end):
            if self._ended.is_set():
                return  # what was rewritten stays so; the topic counts as not compacted
            if batch[0].timestamp > settled:
                cleaned = min(cleaned, batch[0].offset)
                break
            kept = [r for r in batch if newest[r.key] == r.offset and (r.value is not None or r.timestamp > forgotten)]
            if len(kept) < len(batch):
                self._rewrite(topic, batch, kept)
        self._store.write(
            lambda db: db.execute("UPDATE topics SET cleaned=max(cleaned, ?) WHERE id=?", (cleaned, topic))
        )

    def _rewrite(self, topic: int, batch: list[StoredRecord], kept: list[StoredRecord]) -> None:
        base = batch[0].offset

        def rewrite(db: apsw.Connection) -> None:
            # The row's key is its first offset when written, which compaction never moves.
            row = db.execute(
                "SELECT id FROM batches WHERE id<=? AND id>=? ORDER BY id DESC LIMIT 1",
                (row_id(topic, base), row_id(topic, 0)),
            ).fetchone()
            if row is None:
                return  # retention was quicker
            if not kept:
                db.execute("DELETE FROM batches WHERE id=?", row)
                return
            first = offset_of(row[0])
            plain = [Record(r.key, r.value, r.headers) for r in kept]
            if len(kept) == kept[-1].offset - kept[0].offset + 1 and kept[0].offset == first:
                blob = encode_dense(plain)
            else:
                blob = encode_sparse([(r.offset - first, p) for r, p in zip(kept, plain, strict=True)])
            db.execute("UPDATE batches SET blob=? WHERE id=?", (blob, row[0]))

        self._store.write(rewrite)


def _batches(store: Store, topic: int, name: str, end: int) -> Iterator[list[StoredRecord]]:
    """A topic's batches below offset ``end``, read a few rows at a time; those that compaction emptied are left out."""
    position, limit = row_id(topic, 0), row_id(topic, end)
    while True:

        def some(db: apsw.Connection, start: int = position) -> list[tuple[int, int, bytes]]:
            return list(
                db.execute(
                    "SELECT id, ts, blob FROM batches WHERE id>=? AND id<? ORDER BY id LIMIT ?", (start, limit, _CHUNK)
                )
            )

        rows = store.read(some)
        if not rows:
            return
        for id_, ts, blob in rows:
            records = decode(name, offset_of(id_), ts, blob)
            if records:
                yield records
        position = rows[-1][0] + 1


class _Alone:
    """A lock between processes that is not waited for."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / f"{FILE}.maintenance", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.taken = True
        except BlockingIOError:
            self.taken = False
            os.close(self._file)

    def release(self) -> None:
        os.close(self._file)
