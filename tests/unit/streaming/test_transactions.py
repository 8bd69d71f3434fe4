"""Transactional consumers: what a handler publishes and its offset become visible together, or not at all."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import headrace
from headrace import errors
from headrace.clock import SYSTEM_CLOCK
from headrace.envelope.codec import ProductCodec
from headrace.interfaces.receipt import Receipt
from headrace.streaming.published import HeldReceipt

ACME, BOLT = "sales-events.v1.acme", "sales-events.v1.bolt"
BRIEF = headrace.Backoff(first="1ms", attempts=2)


def sale(quantity: int = 1) -> dict[str, Any]:
    return {"storeId": "s1", "productId": "p1", "quantity": quantity}


def until(condition: Callable[[], object], timeout: float = 10.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.002)


def publish(world: Any, tenant: str, *quantities: int) -> None:
    with world.app("data-api") as app:
        producer = app.producer("sales-events")
        for quantity in quantities:
            producer.publish("SaleRecorded", sale(quantity), tenant=tenant)


def output(world: Any, tenant: str = "acme") -> list[int]:
    """The quantities in the tenant's output topic."""
    codec = ProductCodec(world.catalogue.products["order-proposals.v1"], "eu")
    return [codec.decode(record).data["quantity"] for record in world.records(f"order-proposals.v1.{tenant}")]


def committed(world: Any, topic: str = ACME) -> int | None:
    commit = world.broker.admin.group_offsets("plan.x").get(topic)
    return None if commit is None else commit.offset


@contextmanager
def running(app: Any) -> Iterator[Any]:
    with app:
        app.start()
        yield app


class Watched:
    """A broker's transactional writer that fails when the test says so. ``failures``: by transaction, from the first."""

    def __init__(self, writer: Any, failures: list[BaseException | None], log: list[set[str]]) -> None:
        self.writer, self.failures, self.log = writer, failures, log
        self.topics: set[str] = set()

    def send_offsets(self, reader: Any, offsets: Any) -> None:
        self.topics = set(offsets)
        self.writer.send_offsets(reader, offsets)

    def commit(self) -> None:
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None and getattr(failure, "after", False):
            self.writer.commit()
            raise failure
        if failure is not None:
            self.writer.abort()
            raise failure
        self.writer.commit()
        self.log.append(self.topics)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.writer, name)


class Broken:
    """What a test's transactions do: ``failures`` to come, ``made`` writers, ``committed`` topics of each transaction."""

    def __init__(self, broker: Any) -> None:
        self.failures: list[BaseException | None] = []
        self.committed: list[set[str]] = []
        self.made: list[str] = []
        make = broker.transactional_writer

        def watched(transactional_id: str) -> Watched:
            self.made.append(transactional_id)
            return Watched(make(transactional_id), self.failures, self.committed)

        broker.transactional_writer = watched


@pytest.fixture
def world(make_world: Callable[..., Any]) -> Any:
    return make_world(clock=SYSTEM_CLOCK)


def copying(world: Any, handle: Callable[[headrace.Event], None] = lambda _: None, **limits: Any) -> Any:
    """An app that copies each sale to an order proposal, in transactions; ``handle`` is called after the publish."""
    app = world.app("plan", **limits)
    orders = app.producer("order-proposals")

    @app.consumer("sales-events", purpose="x", transactional=True, retry=BRIEF)
    def on_sale(event: headrace.Event) -> None:
        orders.publish("OrderProposalCreated", sale(event.data["quantity"]), tenant=event.tenant, causation=event)
        handle(event)

    return app


def test_output_and_offsets_are_written_together(world: Any) -> None:
    """Both tenants' events come out once and in order, their offsets are committed, by one writer named after the group."""
    broken = Broken(world.broker)
    publish(world, "acme", *range(1, 51))
    publish(world, "bolt", *range(1, 51))
    with running(copying(world)) as app:
        until(lambda: len(output(world)) == len(output(world, "bolt")) == 50)
        until(lambda: (committed(world), committed(world, BOLT)) == (50, 50))
        assert app.statistics().total("published") == 100
    assert output(world) == output(world, "bolt") == list(range(1, 51))
    assert len(broken.made) == 1
    assert broken.made[0].startswith("plan.x.")


def test_one_transaction_takes_many_lanes_and_never_a_running_handler(world: Any) -> None:
    """While acme's handler hangs after it has published, bolt's events are committed without it; it comes out once it ends."""
    go_on = threading.Event()
    broken = Broken(world.broker)

    def handle(event: headrace.Event) -> None:
        if event.tenant == "acme" and event.data["quantity"] == 2:
            go_on.wait(10)

    publish(world, "acme", 1, 2, 3)
    publish(world, "bolt", *range(1, 21))
    with running(copying(world, handle, transaction_interval=0.5)):
        until(lambda: len(output(world, "bolt")) == 20)
        until(lambda: output(world) == [1])
        assert committed(world) == 1
        go_on.set()
        until(lambda: output(world) == [1, 2, 3])
    assert {ACME, BOLT} in broken.committed


def test_what_a_failed_call_published_is_dropped(world: Any) -> None:
    """What earlier attempts of a call published is never written; nor what a rejected one did, only its dead letter."""
    tries: list[int] = []

    def handle(event: headrace.Event) -> None:
        tries.append(event.data["quantity"])
        if event.data["quantity"] == 1 and event.attempt == 1:
            raise headrace.Retry(after="1ms")
        if event.data["quantity"] == 2:
            raise headrace.Reject("two")
        if event.data["quantity"] == 3:
            raise ValueError("three")

    publish(world, "acme", 1, 2, 3, 4)
    with running(copying(world, handle)):
        until(lambda: output(world) == [1, 4])
        until(lambda: committed(world) == 4)
    assert tries == [1, 1, 2, 3, 3, 4]
    reasons = [dict(record.headers)["dead-letter-code"] for record in world.records("dlq.plan")]
    assert reasons == [b"rejected", b"handler.failed"]


def test_an_aborted_transaction_is_handled_again(world: Any) -> None:
    """Nothing of it was written, so the events come again, to handlers that have seen them; the output has each once."""
    broken = Broken(world.broker)
    broken.failures += [
        errors.TransactionAborted("the broker went"),
        errors.WriterFenced("timed out by the coordinator"),
    ]
    receipts: list[Receipt] = []
    seen: list[int] = []
    app = world.app("plan")
    orders = app.producer("order-proposals")

    @app.consumer("sales-events", purpose="x", transactional=True, retry=BRIEF)
    def on_sale(event: headrace.Event) -> None:
        seen.append(event.data["quantity"])
        receipts.append(orders.publish("OrderProposalCreated", sale(event.data["quantity"]), tenant="acme"))

    publish(world, "acme", 1, 2, 3)
    with running(app):
        until(lambda: output(world) == [1, 2, 3])
        until(lambda: committed(world) == 3)
        until(lambda: all(receipt.done for receipt in receipts))
    assert len(seen) > 3
    failed = [receipt for receipt in receipts if receipt.error is not None]
    assert all(isinstance(receipt.error, errors.TransactionAborted) for receipt in failed)
    assert [receipt.offset for receipt in receipts if receipt.error is None] == [0, 1, 2]
    # Fenced: a new writer, under the same id, which ends whatever the old one left.
    assert len(broken.made) == 2
    assert len(set(broken.made)) == 1


def test_a_commit_whose_answer_was_lost_is_not_repeated(world: Any) -> None:
    """It was written, and the error says that it was not: the lane goes on where the broker's offsets are, not its own."""
    lost = errors.TransactionAborted("no answer")
    lost.after = True  # type: ignore[attr-defined]
    broken = Broken(world.broker)
    broken.failures.append(lost)
    publish(world, "acme", 1, 2, 3)
    with running(copying(world)):
        until(lambda: committed(world) == 3)
        publish(world, "acme", 4)
        until(lambda: output(world)[-1:] == [4])
    assert output(world) == [1, 2, 3, 4]


def test_a_lane_that_can_never_be_written_stops_and_no_other(world: Any) -> None:
    """A lane that publishes to a topic that is gone fails its transaction for good: it stops, the others are written."""
    world.broker.admin.delete_topics(["order-proposals.v1.acme"])
    publish(world, "acme", 1, 2)
    publish(world, "bolt", *range(1, 11))
    with running(copying(world)) as app:
        until(lambda: app.stopped)
        until(lambda: output(world, "bolt") == list(range(1, 11)))
        until(lambda: committed(world, BOLT) == 10)
        assert app.stopped[0].data["topic"] == ACME
        assert isinstance(app.stopped[0].__cause__, errors.TopicMissing)
        assert "stands still at offset 0" in str(app.stopped[0])
    assert committed(world) in (None, 0)


def test_a_member_that_was_cut_off_writes_nothing(world: Any) -> None:
    """Another member takes the group over while a handler runs: what it published is dropped, the other's output stands."""
    inside, go_on = threading.Event(), threading.Event()

    def handle(event: headrace.Event) -> None:
        inside.set()
        go_on.wait(10)

    publish(world, "acme", 1)
    with running(copying(world, handle)) as old:
        assert inside.wait(10)
        with running(copying(world)):
            until(lambda: output(world) == [1])
            go_on.set()
            until(lambda: old.consumers[0].idle)
            time.sleep(0.3)
    assert output(world) == [1]
    assert committed(world) == 1


def test_a_handler_cannot_wait_for_its_own_transaction(world: Any) -> None:
    """result() and await inside the handler say so at once; a callback is told the offset when it is written."""
    problems: list[str] = []
    told: list[int] = []
    app = world.app("plan")
    orders = app.producer("order-proposals")

    @app.consumer("sales-events", purpose="x", transactional=True)
    async def on_sale(event: headrace.Event) -> None:
        receipt = orders.publish("OrderProposalCreated", sale(), tenant="acme")
        receipt.add_done_callback(lambda done: told.append(done.offset))
        for wait in (lambda: receipt.result(1), receipt.__await__):
            with pytest.raises(errors.ReceiptHeld) as caught:
                wait()
            problems.append(caught.value.code)

    publish(world, "acme", 1)
    with running(app):
        until(lambda: told == [0])
    assert problems == ["handler.receipt-held"] * 2


def test_a_task_that_outlives_its_handler_publishes_nothing(world: Any) -> None:
    """Its transaction may be written already: publishing then raises Closed instead of being lost or counted elsewhere."""
    caught: list[errors.HeadraceError] = []
    tasks: list[Any] = []
    app = world.app("plan")
    orders = app.producer("order-proposals")

    @app.consumer("sales-events", purpose="x", transactional=True)
    async def on_sale(event: headrace.Event) -> None:
        async def later() -> None:
            await asyncio.sleep(0.2)
            try:
                orders.publish("OrderProposalCreated", sale(), tenant="acme")
            except errors.HeadraceError as error:
                caught.append(error)

        tasks.append(asyncio.get_running_loop().create_task(later()))

    publish(world, "acme", 1)
    with running(app):
        until(lambda: caught)
    assert isinstance(caught[0], errors.Closed)
    assert output(world) == []


def test_a_batch_is_one_whole(world: Any) -> None:
    """What a batch handler published stands or falls with the whole call, also where it asks to go on in its middle."""
    calls: list[list[int]] = []
    app = world.app("plan")
    orders = app.producer("order-proposals")

    @app.consumer("sales-events", purpose="x", transactional=True, batch=headrace.Batch(4, "50ms"), retry=BRIEF)
    def on_sales(events: list[headrace.Event]) -> None:
        calls.append([event.data["quantity"] for event in events])
        for event in events:
            if event.data["quantity"] == 3 and event.attempt == 1:
                raise headrace.Retry(after="1ms", at=event)
            orders.publish("OrderProposalCreated", sale(event.data["quantity"]), tenant="acme")
        events[1].reject("the second")

    publish(world, "acme", 1, 2, 3, 4)
    with running(app):
        until(lambda: committed(world) == 4)
    assert calls == [[1, 2, 3, 4], [1, 2, 3, 4]]
    assert output(world) == [1, 2, 3, 4]
    assert len(world.records("dlq.plan")) == 1


def test_a_lane_that_meets_its_reject_limit_keeps_what_it_has_finished(world: Any) -> None:
    """The output and the dead letters of what it has settled are written with their offsets, then it stands still."""

    def handle(event: headrace.Event) -> None:
        if event.data["quantity"] > 1:
            raise headrace.Reject("no")

    app = world.app("plan")
    orders = app.producer("order-proposals")
    limit = headrace.RejectLimit(consecutive=2)

    @app.consumer("sales-events", purpose="x", transactional=True, reject_limit=limit)
    def on_sale(event: headrace.Event) -> None:
        orders.publish("OrderProposalCreated", sale(event.data["quantity"]), tenant="acme")
        handle(event)

    publish(world, "acme", 1, 2, 3, 4, 5)
    with running(app):
        until(lambda: app.stopped)
        until(lambda: committed(world) == 3)
    assert output(world) == [1]
    assert len(world.records("dlq.plan")) == 2


def test_a_test_of_a_transactional_handler_sees_what_it_published(world: Any) -> None:
    """In `headrace.testing` a transaction is written as soon as its events have an outcome, without any waiting."""
    from headrace import testing

    app = headrace.App("plan", region="eu")
    orders = app.producer("order-proposals")

    @app.consumer("sales-events", purpose="x", transactional=True)
    def on_sale(event: headrace.Event) -> None:
        receipt = orders.publish("OrderProposalCreated", sale(event.data["quantity"]), tenant="acme")
        assert isinstance(receipt, HeldReceipt)
        if event.data["quantity"] == 2:
            raise headrace.Reject("two")

    with testing.app(app, catalogue=world.catalogue) as t:
        for quantity in (1, 2, 3):
            t.send("sales-events", "SaleRecorded", sale(quantity), tenant="acme")
        assert [event.data["quantity"] for event in t.published] == [1, 3]
        assert len(t.dead_letters) == 1
