"""Receipts."""

from __future__ import annotations

import asyncio
import threading

import pytest

from headrace.errors import PublishTimeout, TopicMissing
from headrace.interfaces.receipt import Receipt, settle


def _receipts(count: int) -> tuple[threading.Condition, list[Receipt]]:
    condition = threading.Condition()
    return condition, [Receipt(condition, "t", f"e{i}") for i in range(count)]


def test_settled_receipts_hold_consecutive_offsets_and_the_log_s_time() -> None:
    """Settling gives each receipt its offset, in order, and the batch's timestamp."""
    condition, receipts = _receipts(3)
    settle(condition, receipts, first_offset=5, timestamp=99)
    assert [(r.result().offset, r.timestamp) for r in receipts] == [(5, 99), (6, 99), (7, 99)]


def test_a_failed_receipt_raises_its_error() -> None:
    """`result` raises what the writer settled the receipt with."""
    condition, (receipt,) = _receipts(1)
    settle(condition, [receipt], error=TopicMissing("no topic t", topic="t"))
    with pytest.raises(TopicMissing):
        receipt.result()


def test_a_failure_that_nobody_waits_for_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Receipts that fail leave one line that says how many, where and why, whether or not somebody looks at them."""
    condition, receipts = _receipts(3)
    settle(condition, receipts, error=TopicMissing("no topic t", topic="t"))
    (line,) = caplog.messages
    assert line == "3 event(s) for t were not published: no topic t"


def test_waiting_ends_with_publish_timeout() -> None:
    """`result` with a timeout raises PublishTimeout while the record is not settled."""
    _, (receipt,) = _receipts(1)
    with pytest.raises(PublishTimeout):
        receipt.result(timeout=0.01)


def test_a_waiting_thread_wakes_when_settled() -> None:
    """A thread blocked in `result` returns as soon as the receipt is settled."""
    condition, (receipt,) = _receipts(1)
    offsets: list[int] = []
    waiter = threading.Thread(target=lambda: offsets.append(receipt.result(10).offset))
    waiter.start()
    settle(condition, [receipt], first_offset=1)
    waiter.join(5)
    assert offsets == [1]


def test_callbacks_run_once_whenever_they_were_added() -> None:
    """A callback added before or after settling is called exactly once."""
    condition, (receipt,) = _receipts(1)
    calls: list[str] = []
    receipt.add_done_callback(lambda _: calls.append("before"))
    settle(condition, [receipt], first_offset=1)
    receipt.add_done_callback(lambda _: calls.append("after"))
    assert calls == ["before", "after"]


def test_a_receipt_can_be_awaited() -> None:
    """`await receipt` returns once another thread settles it, raises its error, and survives cancellation."""

    async def scenario() -> None:
        condition, receipts = _receipts(3)
        waiting = [asyncio.ensure_future(_wait(r)) for r in receipts]
        await asyncio.sleep(0)
        waiting[2].cancel()
        thread = threading.Thread(
            target=lambda: (
                settle(condition, receipts[:1], first_offset=7),
                settle(condition, receipts[1:], error=TopicMissing("no topic t", topic="t")),
            )
        )
        thread.start()
        first, second, third = await asyncio.gather(*waiting, return_exceptions=True)
        thread.join()
        assert first == 7
        assert isinstance(second, TopicMissing)
        assert isinstance(third, asyncio.CancelledError)
        await asyncio.sleep(0)

    async def _wait(receipt: Receipt) -> int:
        return (await receipt).offset

    asyncio.run(scenario())
