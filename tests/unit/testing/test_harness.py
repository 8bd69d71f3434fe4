from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import msgspec
import pytest

import headrace
from headrace import errors, testing
from headrace.model.compiled import CompiledCatalogue
from headrace.provisioning.compile import compile_catalogue
from headrace.streaming.dead_letter import parse_dead_letter
from headrace.testing.small_catalogue import small_catalogue

SALE = {"storeId": "s1", "productId": "p1", "quantity": 2}


class SaleRecorded(headrace.Model, frozen=True, kw_only=True, omit_defaults=True):
    __product__: ClassVar[str] = "sales-events"
    __event__: ClassVar[str] = "SaleRecorded"
    store_id: str = msgspec.field(name="storeId")
    quantity: int


@pytest.fixture(scope="module")
def catalogue() -> CompiledCatalogue:
    return compile_catalogue(small_catalogue(), "eu")


def plan() -> headrace.App:
    return headrace.App("plan", region="eu")


def test_a_handler_runs_in_memory(catalogue: CompiledCatalogue) -> None:
    """What is sent is handed to the handler, and what it publishes is seen with its cause."""
    app = plan()
    orders = app.producer("order-proposals")

    @app.consumer("sales-events", events=["SaleRecorded"])
    def on_sale(event: headrace.Event) -> None:
        orders.publish(
            "OrderProposalCreated", {**event.data, "quantity": event.data["quantity"] * 10}, tenant=event.tenant,
            causation=event,
        )  # fmt: skip

    with testing.app(app, catalogue=catalogue) as t:
        t.send("sales-events", "SaleRecorded", SALE, tenant="acme", id="sale-1")
        (accepted,) = t.accepted
        (published,) = t.published
        assert (accepted.id, accepted.tenant, accepted.data) == ("sale-1", "acme", SALE)
        assert published.name == "OrderProposalCreated"
        assert published.data["quantity"] == 20
        assert (published.causation_id, published.correlation_id) == ("sale-1", "sale-1")
        assert t.rejected == []


def test_a_wait_of_an_hour_takes_no_time(catalogue: CompiledCatalogue) -> None:
    """A retry in an hour comes about within `send`: the harness moves its own clock."""
    app = plan()

    @app.consumer("sales-events")
    def on_sale(event: headrace.Event) -> None:
        if event.attempt == 1:
            raise headrace.Retry(after="1h")

    with testing.app(app, catalogue=catalogue) as t:
        for _ in range(10):
            t.send("sales-events", "SaleRecorded", SALE, tenant="acme")
        assert (len(t.accepted), len(t.retried)) == (10, 10)


def test_a_rejected_event_is_in_the_dead_letter_with_its_reason(catalogue: CompiledCatalogue) -> None:
    """Reject sends the record to the application's dead letter as it was, and goes on with the next."""
    app = plan()

    @app.consumer("sales-events")
    def on_sale(event: headrace.Event) -> None:
        if event.data["quantity"] > 5:
            raise headrace.Reject("too many")

    with testing.app(app, catalogue=catalogue) as t:
        t.send_all("sales-events", "SaleRecorded", [SALE, {**SALE, "quantity": 9}, SALE], tenant="acme")
        assert [event.data["quantity"] for event in t.accepted] == [2, 2]
        ((event, reason, record),) = t.rejected
        assert event is not None
        assert (event.data["quantity"], reason) == (9, "too many")
        letter = parse_dead_letter(t.dead_letters[0])
        assert letter.record == record
        assert (letter.reason, letter.group) == ("too many", "plan.on-sale")


def test_an_unexpected_error_is_retried_and_then_rejected_with_its_place(catalogue: CompiledCatalogue) -> None:
    """A handler that always fails gets its attempts, with growing waits; the reason names the error and the line."""
    app = plan()

    @app.consumer("sales-events", retry=headrace.Backoff(attempts=3, jitter=0))
    def on_sale(event: headrace.Event) -> None:
        raise ZeroDivisionError("no stock")

    with testing.app(app, catalogue=catalogue) as t:
        t.send("sales-events", "SaleRecorded", SALE, tenant="acme")
        assert [call.wait for call in t.retried] == [0.2, 0.4]
        assert t.accepted == []
        assert t.rejected[0].reason.startswith("ZeroDivisionError: no stock (test_harness.py:")
        assert "in on_sale" in t.rejected[0].reason


def test_a_failing_event_of_a_batch_is_rejected_alone(catalogue: CompiledCatalogue) -> None:
    """After the batch's attempts its events come singly: the good ones are accepted, the bad one is rejected."""
    app = plan()
    sizes = []

    @app.consumer("sales-events", batch=headrace.Batch(10), retry=headrace.Backoff(attempts=2))
    def on_sales(events: list[headrace.Event]) -> None:
        sizes.append(len(events))
        for event in events:
            assert event.data["quantity"] != 3

    with testing.app(app, catalogue=catalogue) as t:
        t.send_all("sales-events", "SaleRecorded", [{**SALE, "quantity": n} for n in range(1, 6)], tenant="acme")
        assert [event.data["quantity"] for event in t.accepted] == [1, 2, 4, 5]
        assert [r.event.data["quantity"] for r in t.rejected if r.event] == [3]
        assert sizes == [5, 5, 1, 1, 1, 1, 1]


def test_single_events_of_a_batch_are_rejected_by_a_mark(catalogue: CompiledCatalogue) -> None:
    """`event.reject` sends that one to the dead letter when the handler returns; the others are accepted."""
    app = plan()

    @app.consumer("sales-events", batch=headrace.Batch(10))
    def on_sales(events: list[headrace.Event]) -> None:
        events[1].reject("the second")

    with testing.app(app, catalogue=catalogue) as t:
        t.send_all("sales-events", "SaleRecorded", [{**SALE, "quantity": n} for n in range(1, 4)], tenant="acme")
        assert [event.data["quantity"] for event in t.accepted] == [1, 3]
        assert [rejected.reason for rejected in t.rejected] == ["the second"]


def test_a_batch_is_retried_from_the_event_that_is_named(catalogue: CompiledCatalogue) -> None:
    """Retry(at=event) accepts what stands before it and hands out the rest again, in order."""
    app = plan()
    seen = []

    @app.consumer("sales-events", batch=headrace.Batch(10))
    def on_sales(events: list[headrace.Event]) -> None:
        seen.append([event.data["quantity"] for event in events])
        if len(events) > 1:
            raise headrace.Retry("busy", at=events[1])

    with testing.app(app, catalogue=catalogue) as t:
        t.send_all("sales-events", "SaleRecorded", [{**SALE, "quantity": n} for n in range(1, 4)], tenant="acme")
        assert seen == [[1, 2, 3], [2, 3], [3]]
        assert [event.data["quantity"] for event in t.accepted] == [1, 2, 3]


def test_poison_is_neither_lost_nor_skipped(catalogue: CompiledCatalogue) -> None:
    """Bytes that are no event, an undeclared type, and another tenant's event: each in the dead letter, with why."""
    app = plan()

    @app.consumer("sales-events")
    def on_sale(event: headrace.Event) -> None: ...

    with testing.app(app, catalogue=catalogue) as t:
        t.send_record("sales-events", b"not an event", tenant="acme")
        t.send_record("sales-events", b"\x00\x00\x00\x01\x00{}", tenant="acme")
        t.send("sales-events", "SaleRecorded", SALE, tenant="bolt")
        foreign = t.broker.logs["sales-events.v1.bolt"].records[0]
        t.send_record("sales-events", foreign.value, tenant="acme")
        t.send("sales-events", "SaleRecorded", SALE, tenant="acme")
        assert [r.event for r in t.rejected] == [None, None, None]
        assert "another tenant" in t.rejected[2].reason
        assert t.dead_letters[0].value == b"not an event"
        assert len(t.accepted) == 2


def test_a_declared_event_without_a_handler_is_passed_over(catalogue: CompiledCatalogue) -> None:
    """It is counted and not handed out, and it is no reject."""
    app = plan()

    @app.consumer("sales-events", events=["SaleRecorded"])
    def on_sale(event: headrace.Event) -> None: ...

    with testing.app(app, catalogue=catalogue) as t:
        t.send("sales-events", "SaleCorrected", {"saleId": "1"}, tenant="acme")
        assert (len(t.passed_over), t.accepted, t.rejected) == (1, [], [])
        assert app.statistics().total("passed_over") == 1


def test_too_many_rejects_stop_the_lane_before_the_next_one(catalogue: CompiledCatalogue) -> None:
    """The reject that would pass the limit is not dead-lettered and not committed; another tenant's lane goes on."""
    app = plan()

    @app.consumer("sales-events", reject_limit=headrace.RejectLimit(consecutive=2))
    def on_sale(event: headrace.Event) -> None:
        if event.tenant == "acme":
            raise headrace.Reject("bad deploy")

    with testing.app(app, catalogue=catalogue) as t:
        with pytest.raises(errors.LaneStopped, match="2 events in a row were rejected") as caught:
            t.send_all("sales-events", "SaleRecorded", [SALE] * 5, tenant="acme")
        assert caught.value.data["offset"] == 2
        assert len(t.dead_letters) == 2
        t.send("sales-events", "SaleRecorded", SALE, tenant="bolt")
        assert len(t.accepted) == 1
    assert t.broker.admin.group_offsets("plan.on-sale")["sales-events.v1.acme"].offset == 2


def test_typed_handlers_get_models(catalogue: CompiledCatalogue) -> None:
    """With a model among the events, data is an instance of it; what a model can't hold is rejected."""
    app = plan()
    seen = []

    @app.consumer("sales-events", events=[SaleRecorded])
    def on_sale(event: headrace.Event[SaleRecorded]) -> None:
        seen.append((event.data.store_id, event.data.quantity + 1))

    with testing.app(app, catalogue=catalogue) as t:
        t.send("sales-events", "SaleRecorded", SALE, tenant="acme")
        assert isinstance(t.accepted[0].data, SaleRecorded)
    assert seen == [("s1", 3)]


@pytest.mark.parametrize("inside_a_loop", [False, True])
def test_asynchronous_handlers_and_resources(catalogue: CompiledCatalogue, inside_a_loop: bool) -> None:
    """An async handler is awaited, also from a test that is itself in an event loop; its resource is opened and closed once."""
    import asyncio

    app = plan()
    seen: list[Any] = []

    class Resource:
        async def __aenter__(self) -> str:
            seen.append("open")
            return "connection"

        async def __aexit__(self, *_: object) -> None:
            seen.append("closed")

    @app.consumer("sales-events", resources=Resource)
    async def on_sale(event: headrace.Event, connection: str) -> None:
        await asyncio.sleep(0)
        seen.append(connection)

    def run() -> None:
        with testing.app(app, catalogue=catalogue) as t:
            t.send("sales-events", "SaleRecorded", SALE, tenant="acme")
            t.send("sales-events", "SaleRecorded", SALE, tenant="bolt")

    async def main() -> None:
        run()

    asyncio.run(main()) if inside_a_loop else run()
    assert seen == ["open", "connection", "connection", "closed"]


def test_a_resource_per_lane_is_one_for_each_tenant(catalogue: CompiledCatalogue) -> None:
    """With resources_per="lane" each tenant's calls get their own, closed at the end."""
    app = plan()
    opened: list[int] = []
    closed: list[int] = []

    @contextmanager
    def resource() -> Iterator[int]:
        opened.append(len(opened))
        yield opened[-1]
        closed.append(1)

    used: dict[str, set[int]] = {}

    @app.consumer("sales-events", resources=resource, resources_per="lane")
    def on_sale(event: headrace.Event, number: int) -> None:
        used.setdefault(event.tenant, set()).add(number)

    with testing.app(app, catalogue=catalogue) as t:
        for tenant in ("acme", "bolt", "acme"):
            t.send("sales-events", "SaleRecorded", SALE, tenant=tenant)
    assert used == {"acme": {0}, "bolt": {1}}
    assert len(closed) == 2


def test_a_resource_that_cannot_be_opened_rejects_nothing(catalogue: CompiledCatalogue) -> None:
    """It is not the event's fault: the event waits until the resource is there."""
    app = plan()
    tries = []

    @contextmanager
    def resource() -> Iterator[str]:
        tries.append(1)
        if len(tries) < 10:
            raise OSError("database is down")
        yield "up"

    @app.consumer("sales-events", resources=resource, retry=headrace.Backoff(attempts=2))
    def on_sale(event: headrace.Event, state: str) -> None: ...

    with testing.app(app, catalogue=catalogue) as t:
        t.send("sales-events", "SaleRecorded", SALE, tenant="acme")
        assert (len(t.accepted), t.rejected, len(t.retried)) == (1, [], 9)


def test_reading_beyond_the_declared_paths_fails_the_test(catalogue: CompiledCatalogue) -> None:
    """promo-pricing declares three paths; a fourth that its handler touches is named at the end of the test."""
    app = headrace.App("promo-pricing", region="eu")

    @app.consumer("sales-events", purpose="uplift")
    def on_sale(event: headrace.Event) -> None:
        _ = event.data["storeId"], event.data.get("promotionId"), [line["sku"] for line in event.data.get("lines", [])]

    with pytest.raises(testing.UndeclaredReads) as caught, testing.app(app, catalogue=catalogue) as t:
        t.send("sales-events", "SaleRecorded", {**SALE, "lines": [{"sku": "a", "price": 1}]}, tenant="acme")
    assert caught.value.paths == {"promo-pricing.uplift": ["data.promotionId"]}
    assert t.reads["promo-pricing.uplift"] == {"data.storeId", "data.promotionId", "data.lines[].sku"}


def test_a_deletion_is_an_event_that_is_deleted(catalogue: CompiledCatalogue) -> None:
    """A tombstone of a state product reaches the handler with its key and no data."""
    app = plan()
    seen = []

    @app.consumer("promotions")
    def on_promotion(event: headrace.Event) -> None:
        seen.append((event.deleted, event.data))

    with testing.app(app, catalogue=catalogue) as t:
        t.send("promotions", "PromotionSet", {"promotionId": "x", "discount": 5}, tenant="acme")
        t.delete("promotions", "PromotionSet", {"promotionId": "x"}, tenant="acme")
        assert t.rejected == []
    assert seen == [(False, {"promotionId": "x", "discount": 5}), (True, None)]


def test_duplicates_are_passed_over_where_that_is_asked_for(catalogue: CompiledCatalogue) -> None:
    """With deduplicate=True the same (source, id) is handed out once, in one batch or later."""
    app = plan()

    @app.consumer("sales-events", deduplicate=True, batch=headrace.Batch(10))
    def on_sales(events: list[headrace.Event]) -> None: ...

    with testing.app(app, catalogue=catalogue) as t:
        t.send_all("sales-events", "SaleRecorded", [SALE, SALE], tenant="acme", id="same")
        t.send("sales-events", "SaleRecorded", SALE, tenant="acme", id="same")
        t.send("sales-events", "SaleRecorded", SALE, tenant="acme", id="other")
        assert [event.id for event in t.accepted] == ["same", "other"]
        assert len(t.duplicates) == 2


def test_wrong_data_cannot_even_be_sent(catalogue: CompiledCatalogue) -> None:
    """The harness validates as a producer does: a test cannot pass on an event that could not exist."""
    app = plan()

    @app.consumer("sales-events")
    def on_sale(event: headrace.Event) -> None: ...

    with testing.app(app, catalogue=catalogue) as t:
        with pytest.raises(errors.InvalidEvent):
            t.send("sales-events", "SaleRecorded", {"storeId": "s1"}, tenant="acme")
        with pytest.raises(errors.NotAConsumer):
            t.send("promotions", "PromotionSet", {"promotionId": "x"}, tenant="acme")
        with pytest.raises(errors.NotAProducer):
            t.send("sales-events", "SaleRecorded", SALE, tenant="acme", application="plan")


def test_an_undeclared_consumer_is_refused(catalogue: CompiledCatalogue) -> None:
    """An application that the product does not list cannot consume it, nor an event it is not granted."""
    app = headrace.App("data-api", region="eu")

    @app.consumer("sales-events")
    def on_sale(event: headrace.Event) -> None: ...

    with pytest.raises(errors.NotAConsumer, match="not a declared consumer"), testing.app(app, catalogue=catalogue):
        pass
    other = headrace.App("promo-pricing", region="eu")

    @other.consumer("sales-events", events=["SaleCorrected"])
    def on_correction(event: headrace.Event) -> None: ...

    with pytest.raises(errors.NotAConsumer, match="consume SaleCorrected"), testing.app(other, catalogue=catalogue):
        pass


def test_the_fixture_starts_from_the_given_catalogue(catalogue: CompiledCatalogue, headrace_app: Any) -> None:
    """The plugin's fixture runs the app as `testing.app` does."""
    app = plan()

    @app.consumer("sales-events")
    def on_sale(event: headrace.Event) -> None: ...

    with headrace_app(app, catalogue=catalogue) as t:
        t.send("sales-events", "SaleRecorded", SALE, tenant="acme")
        assert len(t.accepted) == 1
