"""Transactions: what they publish is kept here until `commit`, and stored with the offsets in one SQLite transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import apsw

from headrace.adapters.embedded_append import Appended, append
from headrace.adapters.embedded_reader import EmbeddedReader
from headrace.adapters.embedded_store import Store
from headrace.clock import Clock
from headrace.errors import BrokerError, Closed, GroupFenced, HeadraceError, TransactionAborted, WriterFenced
from headrace.interfaces.broker import OffsetCommit, RecordReader
from headrace.interfaces.receipt import Receipt, settle
from headrace.model.record import Record


class EmbeddedTransactionalWriter:
    """Fencing is by epoch: each new writer with the same transactional id raises it, and a commit under an old one is
    refused (as Kafka's producer epochs, KIP-98)."""

    def __init__(self, store: Store, clock: Clock, transactional_id: str) -> None:
        self._store = store
        self._clock = clock
        self._id = transactional_id
        self._condition = threading.Condition()
        self._open = False
        self._closed = False
        self._records: dict[str, list[Record]] = {}
        self._receipts: dict[str, list[Receipt]] = {}
        self._commits: list[Callable[[apsw.Connection], None]] = []
        self._epoch = int(
            store.write(
                lambda db: db.execute(
                    "INSERT INTO transactional VALUES(?, 1) ON CONFLICT DO UPDATE SET epoch=epoch+1 RETURNING epoch",
                    (transactional_id,),
                ).fetchone()[0]
            )
        )

    def begin(self) -> None:
        self._check_open()
        if self._open:
            raise BrokerError("a transaction is already open", hint="commit or abort it first")
        self._open = True

    def publish(self, topic: str, record: Record, event_id: str | None = None) -> Receipt:
        self._check_begun()
        receipt = Receipt(self._condition, topic, event_id)
        self._records.setdefault(topic, []).append(record)
        self._receipts.setdefault(topic, []).append(receipt)
        return receipt

    def send_offsets(self, reader: RecordReader, offsets: Mapping[str, OffsetCommit]) -> None:
        self._check_begun()
        if not isinstance(reader, EmbeddedReader):
            raise BrokerError("the reader belongs to another broker")
        reader.in_transaction(self._commits.append, offsets)

    def commit(self) -> None:
        self._check_begun()
        try:
            answers: dict[str, Appended] = self._store.write(self._write)
        except BrokerError as error:
            self._end(error)
            if isinstance(error, (WriterFenced, GroupFenced, TransactionAborted)):
                raise
            raise TransactionAborted(
                f"the transaction was not written: {error.message}", hint="begin again", cause=error.code
            ) from error
        receipts = self._receipts
        self._reset()
        for topic, appended in answers.items():
            settle(self._condition, receipts[topic], appended.first, appended.timestamp)

    def _write(self, db: apsw.Connection) -> dict[str, Appended]:
        row = db.execute("SELECT epoch FROM transactional WHERE id=?", (self._id,)).fetchone()
        if row is None or row[0] != self._epoch:
            raise WriterFenced(
                f"another writer has taken over the transactional id {self._id}", transactional_id=self._id
            )
        answers: dict[str, Appended] = {}
        now = self._clock.now_ms()
        for topic, records in self._records.items():
            answer = append(db, topic, records, now)
            if not isinstance(answer, Appended):
                raise answer
            for refused in answer.refused.values():
                raise TransactionAborted(
                    f"the transaction was not written: {refused.message}", topic=topic, cause=refused.code
                ) from refused
            answers[topic] = answer
        for commit in self._commits:
            commit(db)
        return answers

    def abort(self) -> None:
        self._check_begun()
        self._end(TransactionAborted("the transaction was aborted"))

    def _end(self, error: HeadraceError) -> None:
        receipts = self._receipts
        self._reset()
        if not isinstance(error, TransactionAborted):
            aborted = TransactionAborted(f"the transaction was not written: {error.message}")
            aborted.__cause__ = error
            error = aborted
        for waiting in receipts.values():
            settle(self._condition, waiting, error=error)

    def _reset(self) -> None:
        self._open = False
        self._records, self._receipts, self._commits = {}, {}, []

    def _check_open(self) -> None:
        if self._closed:
            raise Closed("the writer is closed")

    def _check_begun(self) -> None:
        self._check_open()
        if not self._open:
            raise BrokerError("no transaction is open", hint="begin one first")

    def close(self) -> None:
        if self._closed:
            return
        if self._open:
            self.abort()
        self._closed = True
        self._store.close()
