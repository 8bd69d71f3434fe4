"""Consumers at work: threads, lanes beside each other, what a rebalance does, and what is committed."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

import headrace
from headrace import errors
from headrace.clock import SYSTEM_CLOCK
from headrace.interfaces.broker import OffsetCommit, TopicSpec
from headrace.interfaces.receipt import Receipt, settle
from headrace.model import names
from headrace.model.record import Record, StoredRecord
from headrace.model.schema import SchemaFormat, SchemaText
from headrace.streaming.flow import DRAIN_S, Drain, flow
from headrace.streaming.lanes import Lane
from headrace.streaming.limits import Limits
from headrace.streaming.start import commit_metadata

ACME, BOLT = "sales-events.v1.acme", "sales-events.v1.bolt"


def sale(quantity: int = 1) -> dict[str, Any]:
    return {"storeId": "s1", "productId": "p1", "quantity": quantity}


def until(condition: Callable[[], object], timeout: float = 5.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.002)


def publish(world: Any, tenant: str, *quantities: int, **envelope: Any) -> None:
    with world.app("data-api") as app:
        producer = app.producer("sales-events")
        for quantity in quantities:
            producer.publish("SaleRecorded", sale(quantity), tenant=tenant, **envelope)


def committed(world: Any, group: str, topic: str = ACME) -> int | None:
    commit = world.broker.admin.group_offsets(group).get(topic)
    return None if commit is None else commit.offset


@contextmanager
def running(app: Any) -> Iterator[Any]:
    with app:
        app.start()
        yield app


@pytest.fixture
def world(make_world: Callable[..., Any]) -> Any:
    return make_world(clock=SYSTEM_CLOCK)


def test_a_tenant_that_is_slow_holds_up_only_itself(world: Any) -> None:
    """While acme's handler hangs, all of bolt's events are accepted; acme's come in order once it goes on."""
    app = world.app("plan", workers=2)
    go_on = threading.Event()
    seen: dict[str, list[int]] = {"acme": [], "bolt": []}

    @app.consumer("sales-events", purpose="x")
    def on_sale(event: headrace.Event) -> None:
        if event.tenant == "acme":
            go_on.wait(5)
        seen[event.tenant].append(event.data["quantity"])

    publish(world, "acme", *range(1, 21))
    publish(world, "bolt", *range(1, 201))
    with running(app):
        until(lambda: len(seen["bolt"]) == 200)
        assert seen["acme"] == []
        go_on.set()
        assert app.wait_until_caught_up(5)
    assert seen == {"acme": list(range(1, 21)), "bolt": list(range(1, 201))}
    assert (committed(world, "plan.x"), committed(world, "plan.x", BOLT)) == (20, 200)


def test_a_tenant_that_fails_holds_up_only_itself(world: Any) -> None:
    """acme's endless retries keep its order and take no worker: bolt goes on with a single one."""
    app = world.app("plan", workers=1)
    tries: list[int] = []
    seen: list[int] = []

    @app.consumer("sales-events", purpose="x")
    def on_sale(event: headrace.Event) -> None:
        if event.tenant == "acme":
            tries.append(event.data["quantity"])
            raise headrace.Retry(after="1ms")
        seen.append(event.data["quantity"])

    publish(world, "acme", 1, 2, 3)
    publish(world, "bolt", *range(1, 101))
    with running(app):
        until(lambda: len(seen) == 100 and len(tries) > 5)
    assert set(tries) == {1}
    assert committed(world, "plan.x") in (None, 0)


def test_one_call_at_a_time_per_lane_in_order(world: Any) -> None:
    """Ten lanes on four threads with failures in between: no two calls of a lane overlap, each event is settled once."""
    tenants = {f"t{n}": world.catalogue.tenants["acme"] for n in range(10)}
    now = world.catalogue
    world.feed.replace(
        msgspec.structs.replace(now, tenants={t: msgspec.structs.replace(v, id=t) for t, v in tenants.items()})
    )
    for tenant in tenants:
        world.broker.create(TopicSpec(f"sales-events.v1.{tenant}"))
    inside: dict[str, int] = dict.fromkeys(tenants, 0)
    seen: dict[str, list[int]] = {tenant: [] for tenant in tenants}
    overlaps: list[str] = []
    app = world.app("plan", uncommitted_records=7)

    @app.consumer("sales-events", purpose="x", retry=headrace.Backoff(first="1ms", maximum="1ms"))
    def on_sale(event: headrace.Event) -> None:
        inside[event.tenant] += 1
        if inside[event.tenant] > 1:
            overlaps.append(event.tenant)
        time.sleep(0)
        inside[event.tenant] -= 1
        if event.data["quantity"] % 9 == 0 and event.attempt == 1:
            raise RuntimeError("once")
        if event.data["quantity"] % 7 == 0:
            raise headrace.Reject("seventh")
        seen[event.tenant].append(event.data["quantity"])

    for tenant in tenants:
        publish(world, tenant, *range(1, 51))
    with running(app):
        assert app.wait_until_caught_up(20)
        statistics = app.statistics()
    assert overlaps == []
    assert all(numbers == [n for n in range(1, 51) if n % 7] for numbers in seen.values())
    assert (statistics.total("accepted"), statistics.total("rejected")) == (430, 70)
    assert all(committed(world, "plan.x", f"sales-events.v1.{tenant}") == 50 for tenant in tenants)


def test_a_lane_above_its_bound_is_paused_and_resumed(world: Any) -> None:
    """With a small buffer the reader is paused above it and resumed below half of it; everything arrives, in order."""
    app = world.app("plan", lane_buffer_bytes=20_000, poll_records=10)
    seen: list[int] = []
    most: list[int] = []

    @app.consumer("sales-events", purpose="x")
    def on_sale(event: headrace.Event) -> None:
        most.append(max(lane.bytes for lane in app.consumers[0].lanes))
        seen.append(event.data["quantity"])
        # Now and then it takes longer than the reading thread waits for a handler that is quick.
        time.sleep(0.06 if event.offset % 50 == 20 else 0.0002)

    publish(world, "acme", *range(1, 301))
    paused: list[str] = []
    with app:
        reader_class = type(world.broker.reader())
        original = reader_class.pause

        def pause(self: Any, topics: Any) -> None:
            paused.extend(topics)
            original(self, topics)

        reader_class.pause = pause
        try:
            app.start()
            assert app.wait_until_caught_up(10)
        finally:
            reader_class.pause = original
    assert seen == list(range(1, 301))
    assert ACME in paused
    # One fetch may pass the mark: ten records of about 700 bytes.
    assert max(most) < 20_000 + 10 * 1_000


def test_a_topic_that_is_lost_takes_its_outcome_with_it(world: Any) -> None:
    """A handler that ends after its topic has gone commits nothing; the new holder gets the event again, with a higher
    fence."""
    app, other = world.app("plan"), world.app("plan")
    started, go_on = threading.Event(), threading.Event()
    fences: list[int] = []

    @app.consumer("sales-events", purpose="x")
    def slow(event: headrace.Event) -> None:
        fences.append(event.fence)
        started.set()
        go_on.wait(5)

    @other.consumer("sales-events", purpose="x")
    def again(event: headrace.Event) -> None:
        fences.append(event.fence)

    publish(world, "acme", 1)
    with running(app):
        assert started.wait(5)
        with running(other):
            until(lambda: len(fences) == 2)
            assert other.wait_until_caught_up(5)
            go_on.set()
            until(lambda: not any(lane.running for lane in app.consumers[0].lanes))
    assert app.statistics().total("accepted") == 0
    assert other.statistics().total("accepted") == 1
    assert fences[1] > fences[0]
    assert committed(world, "plan.x") == 1


def test_stopping_waits_for_the_running_handler_and_commits_it(world: Any) -> None:
    """What is under way when the app stops is finished and committed; what was only buffered is not begun."""
    app = world.app("plan")
    started = threading.Event()
    seen: list[int] = []

    @app.consumer("sales-events", purpose="x")
    def on_sale(event: headrace.Event) -> None:
        started.set()
        time.sleep(0.1)
        seen.append(event.data["quantity"])

    publish(world, "acme", 1, 2, 3)
    with running(app):
        assert started.wait(5)
    assert seen == [1]
    assert committed(world, "plan.x") == 1


def test_a_handler_that_does_not_end_is_abandoned(world: Any) -> None:
    """After the drain timeout the app ends without it, and without its offset."""
    app = world.app("plan", drain_timeout=0.1)
    started, go_on = threading.Event(), threading.Event()

    @app.consumer("sales-events", purpose="x")
    def hangs(event: headrace.Event) -> None:
        started.set()
        go_on.wait(10)

    publish(world, "acme", 1)
    begin = time.monotonic()
    with running(app):
        assert started.wait(5)
    assert time.monotonic() - begin < 3
    go_on.set()
    assert committed(world, "plan.x") in (None, 0)
    assert app.statistics().total("accepted") == 0


def test_an_asynchronous_handler_that_does_not_end_is_cancelled(world: Any) -> None:
    """After the drain timeout it sees CancelledError, so that it can clean up."""
    app = world.app("plan", drain_timeout=0.1)
    started = threading.Event()
    cancelled = threading.Event()

    @app.consumer("sales-events", purpose="x")
    async def hangs(event: headrace.Event) -> None:
        started.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    publish(world, "acme", 1)
    with running(app):
        assert started.wait(5)
    assert cancelled.wait(2)
    assert committed(world, "plan.x") in (None, 0)


def test_asynchronous_handlers_of_many_lanes_run_at_once(world: Any) -> None:
    """Two lanes' handlers wait for each other in one loop, in the loop of `arun`."""
    app = world.app("plan")
    here: set[str] = set()
    loops: set[int] = set()

    @app.consumer("sales-events", purpose="x")
    async def meet(event: headrace.Event) -> None:
        loops.add(id(asyncio.get_running_loop()))
        here.add(event.tenant)
        while here != {"acme", "bolt"}:
            await asyncio.sleep(0.001)
        app.stop_soon()

    publish(world, "acme", 1)
    publish(world, "bolt", 1)

    async def main() -> int:
        await asyncio.wait_for(app.arun(signals=False), 10)
        return id(asyncio.get_running_loop())

    assert loops == {asyncio.run(main())}
    assert (committed(world, "plan.x"), committed(world, "plan.x", BOLT)) == (1, 1)


class SlowWriter:
    """A writer whose records become durable only when the test says so."""

    def __init__(self) -> None:
        self.condition = threading.Condition()
        self.receipts: list[Receipt] = []

    def publish(self, topic: str, record: Record, event_id: str | None = None) -> Receipt:
        self.receipts.append(Receipt(self.condition, topic, event_id))
        return self.receipts[-1]

    def flush(self, timeout: float | None = None) -> None:
        raise errors.PublishTimeout("not yet")

    def close(self, timeout: float | None = None) -> None: ...

    try_publish = publish


def test_an_offset_waits_for_what_its_handler_published(world: Any) -> None:
    """An event whose handler published is committed only once that is durable; a failure stops the lane there."""
    writer = SlowWriter()
    app = world.app("plan")
    orders = app.producer("order-proposals")

    @app.consumer("sales-events", purpose="x")
    def on_sale(event: headrace.Event) -> None:
        if event.data["quantity"] > 1:
            orders.publish("OrderProposalCreated", sale(event.data["quantity"]), tenant=event.tenant, causation=event)

    publish(world, "acme", 1, 2, 3, 1)
    world.broker.writer = lambda **_: writer
    with running(app):
        until(lambda: app.statistics().total("accepted") == 4)
        until(lambda: committed(world, "plan.x") == 1)
        settle(writer.condition, writer.receipts[:1], 0, 0)
        until(lambda: committed(world, "plan.x") == 2)
        settle(writer.condition, writer.receipts[1:], error=errors.TopicMissing("it is gone"))
        until(lambda: app.stopped)
        assert "stands still at offset 2" in str(app.stopped[0])
    assert committed(world, "plan.x") == 2


def test_what_could_not_be_published_for_now_is_published_again(world: Any) -> None:
    """A handler's record that failed in a retryable way brings its event back, and those after it, in order."""
    writer = SlowWriter()
    app = world.app("plan")
    orders = app.producer("order-proposals")
    seen: list[int] = []

    @app.consumer("sales-events", purpose="x", retry=headrace.Backoff(first="1ms"))
    def on_sale(event: headrace.Event) -> None:
        seen.append(event.data["quantity"])
        orders.publish("OrderProposalCreated", sale(event.data["quantity"]), tenant=event.tenant, causation=event)

    publish(world, "acme", 1, 2, 3)
    world.broker.writer = lambda **_: writer
    with running(app):
        until(lambda: len(writer.receipts) == 3)
        settle(writer.condition, writer.receipts[:1], 0, 0)
        settle(writer.condition, writer.receipts[1:], error=errors.PublishTimeout("no answer"))
        until(lambda: len(writer.receipts) == 5)
        settle(writer.condition, writer.receipts[3:], 1, 0)
        until(lambda: committed(world, "plan.x") == 3)
        assert not app.stopped
    assert seen == [1, 2, 3, 2, 3]


def test_a_topic_made_anew_stops_its_lane_and_no_other(world: Any) -> None:
    """A commit that was made for another topic id is not applied to the new topic; run ends with LaneStopped."""
    world.broker.admin.set_group_offsets("plan.x", {ACME: OffsetCommit(7, commit_metadata("an older topic"))})
    app = world.app("plan")
    seen: list[str] = []

    @app.consumer("sales-events", purpose="x")
    def on_sale(event: headrace.Event) -> None:
        seen.append(event.tenant)
        app.stop_soon()

    publish(world, "acme", 1)
    publish(world, "bolt", 1)
    with pytest.raises(errors.LaneStopped, match="now belongs to another") as caught:
        app.run(signals=False)
    assert caught.value.data["cause"] == "broker.topic-replaced"
    assert seen == ["bolt"]
    assert committed(world, "plan.x") == 7


def test_a_lost_offset_stops_its_lane_and_names_the_range(world: Any) -> None:
    """Out of range is never reset: the lane stands still and says what is lost."""
    app = world.app("plan")

    @app.consumer("sales-events", purpose="x")
    def on_sale(event: headrace.Event) -> None: ...

    with running(app):
        until(lambda: app.consumers[0].lanes)
        app.consumers[0].on_error(ACME, errors.OffsetOutOfRange("offsets 0 to 41 are gone", lost=(0, 42)))
        (stopped,) = app.stopped
        assert stopped.data["lost"] == (0, 42)
        publish(world, "bolt", 1)
        until(lambda: app.statistics().total("accepted") == 1)


def test_nothing_is_settled_that_the_dead_letter_did_not_take(world: Any) -> None:
    """Without a dead-letter topic a rejected event stops its lane; it is not committed and not lost."""
    del world.broker.logs[names.dead_letter("plan")]
    app = world.app("plan")

    @app.consumer("sales-events", purpose="x")
    def on_sale(event: headrace.Event) -> None:
        raise headrace.Reject("no")

    publish(world, "acme", 1)
    with running(app):
        until(lambda: app.stopped)
        assert app.stopped[0].data["cause"] == "broker.topic-missing"
    assert committed(world, "plan.x") in (None, 0)


class Registry:
    def __init__(self, schemas: Mapping[int, SchemaText]) -> None:
        self.schemas = schemas
        self.down = 3

    def by_id(self, schema_id: int) -> SchemaText:
        if self.down:
            self.down -= 1
            raise errors.RegistryUnavailable("no answer")
        if schema_id not in self.schemas:
            raise errors.SchemaMissing("no such id", schema_id=schema_id)
        return self.schemas[schema_id]


def test_a_schema_that_the_catalogue_lacks_is_asked_of_the_registry(make_world: Callable[..., Any]) -> None:
    """While the registry does not answer the event waits; then it is accepted. An id that nobody knows is rejected."""
    world = make_world(clock=SYSTEM_CLOCK)
    publish(world, "acme", 1)
    now = world.catalogue
    sales = now.products["sales-events.v1"]
    newest = sales.schemas[-1]
    older = msgspec.structs.replace(sales, schemas=sales.schemas[:1])
    world.feed.replace(msgspec.structs.replace(now, products={**now.products, sales.key: older}))
    registry = Registry({newest.id: SchemaText(SchemaFormat.JSON_SCHEMA, newest.text)})
    app = world.app("plan", registry=registry)

    @app.consumer("sales-events", purpose="x", retry=headrace.Backoff(first="1ms", attempts=1))
    def on_sale(event: headrace.Event) -> None: ...

    world.broker.append(ACME, Record(b"k", b"\x00\x00\x00\xff\xff{}"))
    with running(app):
        assert app.wait_until_caught_up(5)
        statistics = app.statistics()
    assert registry.down == 0
    assert (statistics.total("accepted"), statistics.total("rejected"), statistics.total("retried")) == (1, 1, 3)


def test_an_event_type_newer_than_the_catalogue_is_looked_up(make_world: Callable[..., Any]) -> None:
    """Before a type that is not declared is rejected, the catalogue topic is read to its end."""
    world = make_world(clock=SYSTEM_CLOCK)
    publish(world, "acme", 1)
    now = world.catalogue
    sales = now.products["sales-events.v1"]
    before = msgspec.structs.replace(sales, events=sales.events[1:])
    world.feed.replace(msgspec.structs.replace(now, products={**now.products, sales.key: before}))
    refreshed: list[int] = []

    def refresh() -> None:
        refreshed.append(1)
        world.feed.replace(now)

    world.feed.refresh = refresh
    app = world.app("plan")

    @app.consumer("sales-events", purpose="x")
    def on_sale(event: headrace.Event) -> None: ...

    with running(app):
        assert app.wait_until_caught_up(5)
        assert app.statistics().total("accepted") == 1
    assert refreshed


def test_an_error_of_the_broker_ends_the_run_and_is_raised(world: Any) -> None:
    """What no retry mends (access denied) ends the consumer, and `run` raises it instead of hanging on."""
    app = world.app("plan")

    @app.consumer("sales-events", purpose="x")
    def on_sale(event: headrace.Event) -> None: ...

    reader_class = type(world.broker.reader())
    original = reader_class.poll

    def denied(self: Any, *arguments: Any) -> Any:
        raise errors.AccessDenied("not for you")

    reader_class.poll = denied
    try:
        with pytest.raises(errors.AccessDenied):
            app.run(signals=False)
    finally:
        reader_class.poll = original
    assert not app.connected


def test_a_purpose_is_one_consumer_group(world: Any) -> None:
    """The same purpose twice would be two members with different handlers in one group: refused."""
    app = world.app("plan")

    @app.consumer("sales-events", purpose="x")
    def on_sale(event: headrace.Event) -> None: ...

    with pytest.raises(errors.HandlerMisdeclared, match="is taken"):
        app.consumer("promotions", purpose="x")(on_sale)


def test_a_tenant_s_events_are_hidden_from_applications_that_it_does_not_admit(world: Any) -> None:
    """bolt does not admit promo-pricing: nothing of it is handed out, until it does; then from where the group stands."""
    app = world.app("promo-pricing")
    seen: list[tuple[str, int]] = []

    @app.consumer("sales-events", purpose="x", events=["SaleRecorded"])
    def on_sale(event: headrace.Event) -> None:
        seen.append((event.tenant, event.data["quantity"]))

    publish(world, "bolt", 1, 2)
    publish(world, "acme", 1)
    now = world.catalogue
    with running(app):
        until(lambda: seen)
        assert app.wait_until_caught_up(5)
        time.sleep(0.1)
        assert seen == [("acme", 1)]
        admitting = msgspec.structs.replace(now.tenants["bolt"], applications=None)
        world.feed.replace(msgspec.structs.replace(now, tenants={**now.tenants, "bolt": admitting}))
        until(lambda: len(seen) == 3)
        world.feed.replace(now)
        time.sleep(0.1)
        publish(world, "bolt", 3)
        publish(world, "acme", 2)
        until(lambda: len(seen) == 4)
        time.sleep(0.1)
    assert seen == [("acme", 1), ("bolt", 1), ("bolt", 2), ("acme", 2)]
    assert committed(world, "promo-pricing.x", BOLT) == 2


def test_a_state_consumer_is_told_when_it_has_the_snapshot(world: Any) -> None:
    """caught_up is called once per tenant, after the last event that was there at the start and for an empty topic too."""
    world.broker.create(TopicSpec("promotions.v1.bolt"))
    now = world.catalogue
    takes = msgspec.structs.replace(now.tenants["bolt"], products=("*",), applications=None)
    world.feed.replace(msgspec.structs.replace(now, tenants={**now.tenants, "bolt": takes}))
    with world.app("promo-pricing") as pricing:
        for n in range(5):
            pricing.producer("promotions").publish("PromotionSet", {"promotionId": f"p{n}"}, tenant="acme")
    app = world.app("plan")
    seen: list[str] = []

    @app.consumer("promotions", purpose="x", caught_up=lambda tenant: seen.append(f"caught up: {tenant}"))
    def on_promotion(event: headrace.Event) -> None:
        seen.append(event.data["promotionId"])

    with running(app):
        until(lambda: len(seen) == 7)
        with world.app("promo-pricing") as pricing:
            pricing.producer("promotions").publish("PromotionSet", {"promotionId": "later"}, tenant="acme")
        until(lambda: len(seen) == 8)
        time.sleep(0.1)
    assert [s for s in seen if "bolt" not in s] == ["p0", "p1", "p2", "p3", "p4", "caught up: acme", "later"]
    assert seen.count("caught up: bolt") == 1


def test_lanes_with_work_make_room_for_those_without() -> None:
    """Above the common bound every lane that has work is paused, one that has none is read on; half empty, all resume."""
    limits = Limits(buffer_bytes=1000, lane_buffer_bytes=900)
    busy, idle = (Lane(f"p.v1.{t}", t, start=0) for t in ("busy", "idle"))
    busy.feed([StoredRecord("p.v1.busy", 0, 0, None, b"x" * 500)], 1, 0.0)
    assert flow([busy, idle], 900, limits) == ([], [])
    assert flow([busy, idle], 1100, limits) == (["p.v1.busy"], [])
    assert flow([busy, idle], 1100, limits) == ([], [])
    busy.settle(1, 0.0)
    assert flow([busy, idle], 1100, limits) == ([], ["p.v1.busy"])
    busy.hidden = True
    assert flow([busy, idle], 0, limits) == (["p.v1.busy"], [])


def test_a_quick_handler_is_waited_for_and_a_slow_one_is_not() -> None:
    """Reading goes on as soon as a quick lane has little left; one that does not get on is passed by at once the next time,
    until it has been empty."""
    lock = threading.Condition()
    lane = Lane(ACME, "acme", start=0)
    drain = Drain(lock, SYSTEM_CLOCK, 2)
    lane.feed([StoredRecord(ACME, n, 0, None, b"") for n in range(6)], 6, 0.0)
    lane.running = True

    def settle_soon() -> None:
        time.sleep(0.005)
        with lock:
            lane.settle(4, 0.0)
            drain.freed(lane)

    thread = threading.Thread(target=settle_soon)
    thread.start()
    drain.wait([lane])
    assert lane.buffered == 2
    assert lane.quick
    thread.join()

    lane.feed([StoredRecord(ACME, n, 0, None, b"") for n in range(6, 12)], 12, 0.0)
    drain.wait([lane])
    assert not lane.quick
    begun = time.monotonic()
    for _ in range(100):
        drain.wait([lane])
    assert time.monotonic() - begun < 100 * DRAIN_S / 4
    lane.settle(8, 0.0)
    lane.feed([StoredRecord(ACME, 12, 0, None, b"")], 13, 0.0)
    assert lane.quick
