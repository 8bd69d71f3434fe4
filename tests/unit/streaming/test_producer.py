from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import msgspec
import pytest

from headrace import errors
from headrace.provisioning.compile import compile_catalogue
from headrace.streaming.models import Model
from headrace.testing.small_catalogue import small_catalogue

SALE = {"storeId": "s1", "productId": "p1", "quantity": 2}


class SaleRecorded(Model, frozen=True, kw_only=True, omit_defaults=True):
    __product__: ClassVar[str] = "sales-events"
    __event__: ClassVar[str] = "SaleRecorded"
    store_id: str = msgspec.field(name="storeId")
    product_id: str = msgspec.field(name="productId")
    quantity: int


def test_an_event_reaches_its_tenant_s_topic(make_world: Callable[..., Any]) -> None:
    """publish writes one framed record with its key and routing headers, and the receipt says where."""
    world = make_world()
    with world.app("data-api") as app:
        receipt = app.producer("sales-events").publish("SaleRecorded", SALE, tenant="acme", id="sale-1")
        assert receipt.result(1).offset == 0
    (record,) = world.records("sales-events.v1.acme")
    assert record.value[:1] == b"\x00"
    assert (record.header("event-type"), record.header("event-id")) == (b"com.example.sale.recorded.v1", b"sale-1")
    assert record.key is not None
    assert receipt.event_id == "sale-1"


def test_a_model_is_published_as_its_event(make_world: Callable[..., Any]) -> None:
    """A typed model needs no event name, and its names in JSON are those of the schema."""
    world = make_world()
    with world.app("data-api") as app:
        app.producer("sales-events").publish(SaleRecorded(store_id="s1", product_id="p1", quantity=2), tenant="acme")
    assert b'"storeId":"s1"' in world.records("sales-events.v1.acme")[0].value


@pytest.mark.parametrize(
    ("application", "product", "event", "data", "tenant", "error", "said"),
    [
        (
            "data-api",
            "sales-events",
            "SaleRecorded",
            {**SALE, "quantity": 0},
            "acme",
            errors.InvalidEvent,
            "data.quantity",
        ),
        (
            "data-api",
            "sales-events",
            "SaleRecorded",
            {**SALE, "quantitty": 1},
            "acme",
            errors.InvalidEvent,
            "quantitty",
        ),
        ("data-api", "sales-events", "SaleRecorded", SALE, "acne", errors.UnknownTenant, "did you mean acme"),
        ("data-api", "sales-events", "SaleRecorded", SALE, "zest", errors.TenantElsewhere, "lives in region us"),
        ("data-api", "sales-events", "SalesRecorded", SALE, "acme", errors.UnknownEvent, "did you mean SaleRecorded"),
        (
            "promo-pricing",
            "promotions",
            "PromotionSet",
            {"promotionId": "x"},
            "bolt",
            errors.TenantNotSubscribed,
            "take",
        ),
    ],
)
def test_what_may_not_be_published_never_reaches_the_log(
    make_world: Callable[..., Any],
    application: str,
    product: str,
    event: str,
    data: Any,
    tenant: str,
    error: Any,
    said: str,
) -> None:
    """Each refusal raises its own error, says what was probably meant, and writes nothing."""
    world = make_world()
    with world.app(application) as app:
        producer = app.producer(product)
        with pytest.raises(error, match=said):
            producer.publish(event, data, tenant=tenant)
        with pytest.raises(error, match=said):
            producer.check(event, data, tenant=tenant)
        assert app.statistics().total("refused") == 1
    assert world.total() == 0


def test_every_violation_is_listed(make_world: Callable[..., Any]) -> None:
    """All that is wrong with the data is in the error, each with its JSON path."""
    with make_world().app("data-api") as app, pytest.raises(errors.InvalidEvent) as caught:
        app.producer("sales-events").publish("SaleRecorded", {"storeId": 5, "quantity": "x"}, tenant="acme")
    paths = {violation.path for violation in caught.value.violations}
    assert {"data.storeId", "data.quantity"} <= paths
    assert len(caught.value.violations) >= 3


def test_an_application_that_is_no_producer_is_told_at_once(make_world: Callable[..., Any]) -> None:
    """The producer itself is refused, before any event: when it is made, or when the app connects."""
    world = make_world()
    with world.app("plan") as app, pytest.raises(errors.NotAProducer, match="declared: data-api"):
        app.producer("sales-events")
    app = world.app("plan")
    app.producer("sales-events")
    with pytest.raises(errors.NotAProducer), app:
        pass
    with world.app("plan") as app, pytest.raises(errors.UnknownProduct, match="did you mean sales-events"):
        app.producer("sale-events")


def test_a_tenant_may_hide_its_data_from_an_application(make_world: Callable[..., Any]) -> None:
    """bolt admits data-api and plan alone: promo-pricing cannot publish for it even where it takes the product."""
    base = small_catalogue()
    tenants = dict(base.tenants)
    tenants["bolt"] = type(tenants["bolt"])("bolt", "Bolt", "eu", ("*",), ("data-api",))
    world = make_world(
        compile_catalogue(type(base)(**{f: getattr(base, f) for f in base.__slots__} | {"tenants": tenants}), "eu")
    )
    with (
        world.app("promo-pricing") as app,
        pytest.raises(errors.TenantNotSubscribed, match="does not admit promo-pricing"),
    ):
        app.producer("promotions").publish("PromotionSet", {"promotionId": "x"}, tenant="bolt")


def test_a_payload_that_is_too_large_is_refused(make_world: Callable[..., Any]) -> None:
    """The product's bound on a framed value is kept before the broker sees it."""
    world = make_world(compile_catalogue(small_catalogue(max_bytes=600), "eu"))
    with world.app("data-api") as app, pytest.raises(errors.PayloadTooLarge):
        app.producer("sales-events").publish("SaleRecorded", {**SALE, "note": "x" * 600}, tenant="acme")
    assert world.total() == 0


def test_a_producer_is_usable_only_while_connected(make_world: Callable[..., Any]) -> None:
    """Made before the app connects, it works once it has, and raises Closed before and after."""
    world = make_world()
    app = world.app("data-api")
    producer = app.producer("sales-events")
    with pytest.raises(errors.Closed):
        producer.publish("SaleRecorded", SALE, tenant="acme")
    with app:
        producer.publish("SaleRecorded", SALE, tenant="acme")
    with pytest.raises(errors.Closed):
        producer.publish("SaleRecorded", SALE, tenant="acme")
    assert world.total() == 1


def test_a_newer_catalogue_changes_rights_and_not_what_is_written(make_world: Callable[..., Any]) -> None:
    """A tenant that leaves is refused at the next publish, one that comes is taken; the schema version stays."""
    world = make_world()
    with world.app("data-api") as app:
        producer = app.producer("sales-events")
        producer.publish("SaleRecorded", SALE, tenant="acme")
        now = world.catalogue
        sales = now.products["sales-events.v1"]
        older = {**sales.producers, "data-api": msgspec.structs.replace(sales.producers["data-api"], schema_version=1)}
        world.feed.replace(
            msgspec.structs.replace(
                now,
                tenants={"bolt": now.tenants["bolt"]},
                products={**now.products, "sales-events.v1": msgspec.structs.replace(sales, producers=older)},
            )
        )
        with pytest.raises(errors.UnknownTenant):
            producer.publish("SaleRecorded", SALE, tenant="acme")
        producer.publish("SaleRecorded", {**SALE, "promotionId": "only in version 2"}, tenant="bolt")
        world.feed.replace(msgspec.structs.replace(now, products={}))
        with pytest.raises(errors.NotAProducer):
            producer.publish("SaleRecorded", SALE, tenant="bolt")


def test_a_deletion_is_for_state_products(make_world: Callable[..., Any]) -> None:
    """delete writes a tombstone with the key of the event; a log refuses it."""
    world = make_world()
    with world.app("promo-pricing") as app:
        promotions = app.producer("promotions")
        promotions.publish("PromotionSet", {"promotionId": "x", "discount": 5}, tenant="acme")
        promotions.delete("PromotionSet", {"promotionId": "x"}, tenant="acme")
    put, gone = world.records("promotions.v1.acme")
    assert gone.value is None
    assert gone.key == put.key
    with world.app("data-api") as app, pytest.raises(errors.DeclarationError, match="is a log"):
        app.producer("sales-events").delete("SaleRecorded", SALE, tenant="acme")


def test_a_misspelt_option_is_refused(make_world: Callable[..., Any]) -> None:
    """An unknown keyword raises as in any Python call, and is not sent along."""
    with make_world().app("data-api") as app, pytest.raises(TypeError, match="correlaton"):
        app.producer("sales-events").publish("SaleRecorded", SALE, tenant="acme", correlaton="x")  # type: ignore[call-overload]
