"""Writing: records gather while the last commit is being synced, and go out together in the next one."""

from __future__ import annotations

import os
import threading
import time
import weakref
from typing import Final

import apsw

from headrace.adapters.embedded_append import Appended, append
from headrace.adapters.embedded_maintenance import Maintenance
from headrace.adapters.embedded_store import Store
from headrace.clock import Clock
from headrace.errors import BrokerError, BufferFull, Closed, HeadraceError, PublishTimeout
from headrace.interfaces.receipt import Receipt, settle
from headrace.model.record import Record

MAX_RECORDS: Final = 100_000
MAX_BYTES: Final = 64 * 1024 * 1024
"""Bounds on what waits to be committed; `publish` blocks there."""

COMMIT_RECORDS: Final = 10_000
COMMIT_BYTES: Final = 8 * 1024 * 1024
"""One commit takes no more, so that receipts come steadily and another process gets its turn at the gate."""

_LINGER_S: Final = 0.002

_YIELD_EVERY: Final = 64
"""While the writing thread is at work `publish` gives up the interpreter every so many records. That thread needs it again
after each statement, and the lock as well; a thread that publishes in a loop lets go of neither before 5 ms are over
(`sys.getswitchinterval`): a commit of 15 ms took 130, and next to nothing ran side by side. 50,000 records/s without, 70,000
with it; 16 and 256 are worse."""


def _about(record: Record) -> int:
    """Bytes that a waiting record takes, nearly: adding up its headers would cost as much as the rest of `publish`."""
    key, value = record.key, record.value
    if (key is not None and type(key) is not bytes) or (value is not None and type(value) is not bytes):
        # Found here, because a batch with a text in it could not be read again.
        raise BrokerError("a record's key and value are bytes", key=type(key).__name__, value=type(value).__name__)
    return len(value or b"") + len(key or b"") + 256


class _Gathered:
    """What waits for one topic."""

    __slots__ = ("receipts", "records")

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.receipts: list[Receipt] = []


class EmbeddedWriter:
    """Group commit: one thread takes everything that has gathered, one transaction a turn, one row a topic in it."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        maintenance: Maintenance,
        *,
        max_records: int = MAX_RECORDS,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._store = store
        self._clock = clock
        self._maintenance = maintenance
        self._max_records = max_records
        self._max_bytes = max_bytes
        lock = threading.Lock()
        self._settled = threading.Condition(lock)
        """Receipts, room and flush wait here."""
        self._work = threading.Condition(lock)
        self._gathered: dict[str, _Gathered] = {}
        self._count = 0
        self._bytes = 0
        self._unsettled = 0
        self._waiting = False
        self._busy = False
        self._closed: Closed | None = None
        _writers.add(self)
        self._thread = threading.Thread(target=self._run, name="headrace-embedded-writer", daemon=True)
        self._thread.start()

    def publish(self, topic: str, record: Record, event_id: str | None = None) -> Receipt:
        size = _about(record)
        with self._settled:
            while self._full(size):
                self._settled.wait()
            receipt = self._take(topic, record, event_id, size)
        if not self._waiting and not self._count % _YIELD_EVERY:
            time.sleep(0)
        return receipt

    def try_publish(self, topic: str, record: Record, event_id: str | None = None) -> Receipt:
        size = _about(record)
        with self._settled:
            if self._full(size):
                raise BufferFull(
                    f"{self._count} records ({self._bytes} bytes) already wait to be written",
                    topic=topic,
                    records=self._count,
                    bytes=self._bytes,
                )
            return self._take(topic, record, event_id, size)

    def _full(self, size: int) -> bool:
        if self._closed is not None:
            raise self._closed
        # A single record larger than the bound passes alone: the topic's own limit decides about it.
        full = self._count >= self._max_records or (self._count > 0 and self._bytes + size > self._max_bytes)
        # A receipt's callback that publishes passes too: nobody else could make room for it.
        return full and threading.current_thread() is not self._thread

    def _take(self, topic: str, record: Record, event_id: str | None, size: int) -> Receipt:
        receipt = Receipt(self._settled, topic, event_id)
        gathered = self._gathered.get(topic)
        if gathered is None:
            gathered = self._gathered[topic] = _Gathered()
        gathered.records.append(record)
        gathered.receipts.append(receipt)
        self._count += 1
        self._unsettled += 1
        self._bytes += size
        if self._waiting:
            self._waiting = False
            self._work.notify()
        return receipt

    # --- the writing thread

    def _run(self) -> None:
        try:
            self._write_until_closed()
        finally:
            self._maintenance.close()
            self._store.close()

    def _write_until_closed(self) -> None:
        while True:
            with self._work:
                while not self._gathered and self._closed is None:
                    self._waiting = True
                    if not self._work.wait(self._maintenance.interval):
                        break
                self._waiting = False
                if not self._gathered and self._closed is not None:
                    return
            if self._busy:
                # Under load a short pause makes commits larger, and fewer; a lone record never waits.
                time.sleep(_LINGER_S)
            with self._work:
                taken = self._cut()
            if taken:
                self._commit(taken)
            self._maintenance.run_if_due()

    def _cut(self) -> dict[str, _Gathered]:
        """Take what one commit may hold: whole topics, the longest waiting first, the last one in part."""
        self._busy = self._count > 1
        if self._count <= COMMIT_RECORDS and self._bytes <= COMMIT_BYTES:
            taken, self._gathered = self._gathered, {}
            self._count = self._bytes = 0
            return taken
        taken = {}
        records = size = 0
        while self._gathered and records < COMMIT_RECORDS and size < COMMIT_BYTES:
            topic, waiting = next(iter(self._gathered.items()))
            part = taken[topic] = _Gathered()
            for record in waiting.records:
                if records >= COMMIT_RECORDS or (records and size >= COMMIT_BYTES):
                    break
                part.records.append(record)
                records += 1
                size += _about(record)
            n = len(part.records)
            part.receipts = waiting.receipts[:n]
            del self._gathered[topic]
            if n < len(waiting.records):
                rest = self._gathered[topic] = _Gathered()
                rest.records, rest.receipts = waiting.records[n:], waiting.receipts[n:]
        self._count -= records
        self._bytes -= size
        return taken

    def _append(self, db: apsw.Connection, taken: dict[str, _Gathered]) -> dict[str, Appended | BrokerError]:
        now = self._clock.now_ms()  # once the writer has had its turn at the gate
        return {topic: append(db, topic, gathered.records, now) for topic, gathered in taken.items()}

    def _commit(self, taken: dict[str, _Gathered]) -> None:
        error: HeadraceError | None = None
        answers: dict[str, Appended | BrokerError] = {}
        try:
            answers = self._store.write(lambda db: self._append(db, taken))
        except HeadraceError as failed:
            error = failed
        except Exception as failed:  # a thread that dies would leave every receipt waiting for ever
            error = BrokerError(f"the commit failed: {failed!r}")
            error.__cause__ = failed
        done = 0
        for topic, gathered in taken.items():
            done += len(gathered.receipts)
            answer = answers.get(topic)
            if error is not None:
                settle(self._settled, gathered.receipts, error=error)
            elif isinstance(answer, Appended):
                _settle_appended(self._settled, gathered.receipts, answer)
            else:
                settle(self._settled, gathered.receipts, error=answer)
        with self._settled:
            self._unsettled -= done
            self._settled.notify_all()

    # --- the end

    def flush(self, timeout: float | None = None) -> None:
        with self._settled:
            if not self._settled.wait_for(lambda: self._unsettled == 0, timeout):
                raise PublishTimeout(
                    f"{self._unsettled} records are not yet written after {timeout} s", records=self._unsettled
                )

    def close(self, timeout: float | None = None) -> None:
        with self._settled:
            if self._closed is not None:
                return
            self._closed = Closed("the writer is closed")
            self._work.notify()
            self._settled.notify_all()
        self._thread.join(timeout)
        if self._thread.is_alive():
            with self._settled:
                left, self._gathered = self._gathered, {}
                self._unsettled -= self._count
                self._count = self._bytes = 0
            for gathered in left.values():
                settle(self._settled, gathered.receipts, error=Closed("the writer was closed before this was written"))
            # What is being committed now is settled by the thread, which then ends by itself.


_writers: weakref.WeakSet[EmbeddedWriter] = weakref.WeakSet()


def _after_fork() -> None:
    # The writing thread is not in the child, and the lock may be held there for ever.
    for writer in _writers:
        writer._closed = Closed("the writer was opened before a fork", hint="open a broker in each process")
        writer._settled = threading.Condition()


os.register_at_fork(after_in_child=_after_fork)


def _settle_appended(condition: threading.Condition, receipts: list[Receipt], appended: Appended) -> None:
    if not appended.refused:
        settle(condition, receipts, appended.first, appended.timestamp)
        return
    accepted: list[Receipt] = []
    offset = appended.first

    def settle_accepted() -> None:
        nonlocal offset
        settle(condition, accepted, offset, appended.timestamp)
        offset += len(accepted)
        accepted.clear()

    # In order: what was refused is settled between its neighbours.
    for i, receipt in enumerate(receipts):
        if i in appended.refused:
            settle_accepted()
            settle(condition, [receipt], error=appended.refused[i])
        else:
            accepted.append(receipt)
    settle_accepted()
