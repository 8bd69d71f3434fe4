"""What a handler publishes while it runs: written at once and noted, or, in a transactional consumer, held until its outcome.

`PUBLISHED` is set around each handler call. A producer hands what it publishes to what it finds there: a `Noted` writes it and
keeps the receipt (the event's offset is committed only once it is durable); an `Outbox` writes nothing. When the handler has
accepted, the outbox's records are written, with the offset, in the consumer's next transaction; otherwise they are dropped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from contextvars import ContextVar
from typing import Any, Final

from headrace.errors import Closed, HeadraceError, ReceiptHeld, TransactionAborted
from headrace.interfaces.receipt import Receipt, settle
from headrace.model.record import Record
from headrace.streaming.statistics import Row

Write = Callable[[str, Record, str | None], Receipt]


class Noted:
    """The receipts of what was written at once."""

    __slots__ = ("receipts",)

    def __init__(self) -> None:
        self.receipts: list[Receipt] = []

    def publish(self, write: Write, topic: str, record: Record, event_id: str | None, row: Row) -> Receipt:
        receipt = write(topic, record, event_id)
        row.published += 1
        self.receipts.append(receipt)
        return receipt


class HeldReceipt(Receipt, eq=False):
    """The receipt of a record that is written only when its handler has accepted: the handler itself cannot wait for it."""

    outbox: Outbox | None = None

    def result(self, timeout: float | None = None) -> Receipt:
        """As `Receipt.result`. Raises `ReceiptHeld` while the handler runs, which would wait for itself."""
        self._check()
        return Receipt.result(self, timeout)

    def __await__(self) -> Generator[Any, None, Receipt]:
        self._check()
        return Receipt.__await__(self)

    def _check(self) -> None:
        if self.outbox is not None and self.outbox.open and not self.done:
            raise ReceiptHeld(
                f"what a transactional handler publishes to {self.topic} is written when it has returned",
                hint="do not wait for the receipt inside the handler; add_done_callback tells you later",
                topic=self.topic,
            )


class HeldRecord:
    """A record that waits for its transaction. ``row`` counts it once it is written; None: it is a dead letter."""

    __slots__ = ("receipt", "record", "row", "size", "topic")

    def __init__(self, receipt: Receipt, record: Record, row: Row | None) -> None:
        self.topic = receipt.topic
        self.receipt = receipt
        self.record = record
        self.row = row
        # Enough for a bound: headers are small beside keys and values.
        self.size = len(record.key or b"") + len(record.value or b"") + 64 * len(record.headers)


class Outbox:
    """What one call of a transactional handler publishes. Safe for the threads and tasks that the handler starts."""

    __slots__ = ("_condition", "_lock", "open", "records")

    def __init__(self, condition: threading.Condition) -> None:
        """``condition``: of the receipts; nobody may hold it who settles them."""
        self.open = True
        """The handler runs."""
        self.records: list[HeldRecord] = []
        self._condition = condition
        self._lock = threading.Lock()

    def publish(self, write: Write, topic: str, record: Record, event_id: str | None, row: Row) -> Receipt:
        with self._lock:
            if not self.open:
                raise Closed(
                    f"the handler has ended: its transaction takes nothing more for {topic}",
                    hint="wait inside the handler for the tasks that it starts",
                    topic=topic,
                )
            receipt = HeldReceipt(self._condition, topic, event_id, outbox=self)
            self.records.append(HeldRecord(receipt, record, row))
        return receipt

    def close(self, *, keep: bool) -> None:
        """The handler has ended. ``keep`` False: it did not accept, so what it published is never written."""
        with self._lock:
            self.open = False
            dropped, self.records = ([], self.records) if keep else (self.records, [])
        drop(dropped)

    def add(self, topic: str, record: Record) -> None:
        """A record of Headrace's own that belongs to the outcome: a dead letter."""
        self.records.append(HeldRecord(Receipt(self._condition, topic), record, None))


def drop(records: Iterable[HeldRecord], cause: HeadraceError | None = None) -> None:
    """Fail the receipts of records that are not written."""
    by_topic: dict[str, list[Receipt]] = {}
    for held in records:
        by_topic.setdefault(held.topic, []).append(held.receipt)
    for topic, receipts in by_topic.items():
        why = f": {cause.message}" if cause is not None else ", because its handler did not accept the event"
        error = TransactionAborted(f"nothing was written to {topic}{why}", topic=topic)
        error.__cause__ = cause
        settle(receipts[0]._condition, receipts, error=error)


def written(pairs: Sequence[tuple[HeldRecord, Receipt]]) -> None:
    """Settle held receipts with what the transaction's own say, one notification for each run of consecutive offsets."""
    run: list[Receipt] = []
    topic, following, timestamp = "", -1, -1
    for held, receipt in pairs:
        if held.row is not None:
            held.row.published += 1
        if run and not (receipt.topic == topic and receipt.offset == following and receipt.timestamp == timestamp):
            settle(run[0]._condition, run, following - len(run), timestamp)
            run = []
        run.append(held.receipt)
        topic, following, timestamp = receipt.topic, receipt.offset + 1, receipt.timestamp
    if run:
        settle(run[0]._condition, run, following - len(run), timestamp)


Published = Noted | Outbox

PUBLISHED: Final[ContextVar[Published | None]] = ContextVar("headrace-published", default=None)
"""Where the running handler's publications go; None outside a handler."""
