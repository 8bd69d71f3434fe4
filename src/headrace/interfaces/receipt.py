"""The answer to one publish: settled by the writer when the record is durable, or has failed."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any

import msgspec

from headrace.errors import HeadraceError, PublishTimeout, TransactionAborted, WriterFenced

LOG = logging.getLogger(__name__)


class Receipt(msgspec.Struct, eq=False, gc=False):
    """A struct (made twice as fast as a slotted class), and without a lock of its own: waiting goes through the writer's one
    condition, so a receipt costs a fraction of a microsecond (a ``concurrent.futures.Future`` costs 8 us).

    Wait with ``result(timeout)`` from any thread, or ``await`` it in a running event loop. ``topic``, ``offset`` and
    ``timestamp`` (the log's, ms) are set once it has succeeded; ``event_id`` is known from the start.
    """

    _condition: threading.Condition
    topic: str
    event_id: str | None = None
    offset: int = -1
    timestamp: int = -1
    error: HeadraceError | None = None
    _done: bool = False
    _callbacks: list[Callable[[Receipt], None]] | None = None

    @property
    def done(self) -> bool:
        return self._done

    def result(self, timeout: float | None = None) -> Receipt:
        """Return self once the record is durable; raise its error if it failed.

        ``timeout``: real seconds. Raises `PublishTimeout` when they pass first: the record may yet be written.
        """
        if not self._done:
            deadline = None if timeout is None else time.monotonic() + timeout
            with self._condition:
                while not self._done:
                    left = None if deadline is None else deadline - time.monotonic()
                    if left is not None and left <= 0:
                        raise PublishTimeout(
                            f"no acknowledgement from {self.topic} within {timeout} s",
                            topic=self.topic,
                            timeout=timeout,
                        )
                    self._condition.wait(left)
        if self.error is not None:
            raise self.error
        return self

    def add_done_callback(self, callback: Callable[[Receipt], None]) -> None:
        """Call ``callback(receipt)`` once settled: at once if it is, else from the writer's thread. It must be short."""
        with self._condition:
            if not self._done:
                if self._callbacks is None:
                    self._callbacks = []
                self._callbacks.append(callback)
                return
        callback(self)

    def __await__(self) -> Generator[Any, None, Receipt]:
        if not self._done:
            loop = asyncio.get_running_loop()
            future: asyncio.Future[None] = loop.create_future()

            def wake(_: Receipt) -> None:
                loop.call_soon_threadsafe(_set, future)

            self.add_done_callback(wake)
            yield from future
        if self.error is not None:
            raise self.error
        return self

    def __repr__(self) -> str:
        state = "pending" if not self._done else "failed" if self.error else f"offset={self.offset}"
        return f"<Receipt {self.topic} {self.event_id or ''} {state}>"


def settle(
    condition: threading.Condition,
    receipts: Sequence[Receipt],
    first_offset: int = -1,
    timestamp: int = -1,
    error: HeadraceError | None = None,
) -> None:
    """Settle one topic's receipts, in order: offsets from ``first_offset`` up, or all failed with ``error``.

    For writers; ``condition`` is the one that the receipts were made with, and must not be held.
    """
    if error is None:
        for offset, receipt in enumerate(receipts, first_offset):
            receipt.offset = offset
            receipt.timestamp = timestamp
            receipt._done = True
    else:
        for receipt in receipts:
            receipt.error = error
            receipt._done = True
    if error is not None and receipts and not isinstance(error, (TransactionAborted, WriterFenced)):
        # Who never looks at a receipt is told all the same. (A transaction's end raises, and is often meant.)
        LOG.error("%d event(s) for %s were not published: %s", len(receipts), receipts[0].topic, error)
    # `_done` is set before the lock is taken and callbacks are added under it: each callback is either collected
    # here or sees `_done`.
    with condition:
        condition.notify_all()
        called = [(receipt, receipt._callbacks) for receipt in receipts if receipt._callbacks]
    for receipt, callbacks in called:
        receipt._callbacks = None
        for callback in callbacks:
            try:
                callback(receipt)
            except Exception:  # it is the writer's thread, on which every other receipt depends
                LOG.exception("a callback of the receipt for %s failed", receipt.topic)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():  # the waiting task may have been cancelled
        future.set_result(None)
