"""A small catalogue as values, for tests that need declarations and no files: three products, three tenants, two regions.

sales-events      data-api -> plan, promo-pricing     log; SaleRecorded (schema versions 1 and 2), SaleCorrected
order-proposals   data-api, plan -> plan              log; OrderProposalCreated
promotions        promo-pricing -> plan               state, keyed by promotionId; PromotionSet

acme, bolt in eu (bolt does not take promotions, and admits data-api and plan alone); zest in us
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from headrace.model.application import Application
from headrace.model.catalogue import Catalogue, Policies
from headrace.model.product import (
    Consuming,
    DataProductOwner,
    EventDeclaration,
    Ownership,
    Pattern,
    Producing,
    SchemaVersion,
    Service,
    Status,
    StreamingProduct,
    TopicKind,
    TopicPolicy,
    Version,
)
from headrace.model.region import ClusterAddress, Region, RegistryAddress
from headrace.model.schema import Compatibility, SchemaFormat
from headrace.model.tenant import Tenant

_DRAFT7 = "http://json-schema.org/draft-07/schema#"


def _object(required: tuple[str, ...], **properties: Any) -> dict[str, Any]:
    return {"$schema": _DRAFT7, "type": "object", "required": list(required), "properties": properties}


SALE_1 = _object(
    ("storeId", "productId", "quantity"),
    storeId={"type": "string"},
    productId={"type": "string"},
    quantity={"type": "integer", "minimum": 1},
)
SALE_2 = _object(
    ("storeId", "productId", "quantity"),
    **SALE_1["properties"],
    promotionId={"type": "string"},
    note={"type": "string"},
    lines={
        "type": "array",
        "items": {"type": "object", "properties": {"sku": {"type": "string"}, "price": {"type": "number"}}},
    },
)
CORRECTION = _object(("saleId",), saleId={"type": "string"})
PROPOSAL = _object(
    ("storeId", "productId", "quantity"),
    storeId={"type": "string"},
    productId={"type": "string"},
    quantity={"type": "integer"},
)
PROMOTION = _object(("promotionId",), promotionId={"type": "string"}, discount={"type": "number"})


def _event(name: str, event_type: str, schemas: Mapping[int, Any], key: tuple[str, ...] = ()) -> EventDeclaration:
    return EventDeclaration(
        name=name,
        type=f"com.example.{event_type}.v1",
        format=SchemaFormat.JSON_SCHEMA,
        versions=tuple(SchemaVersion(n, f"schemas/{name}.{n}.json", schema) for n, schema in schemas.items()),
        key=key,
    )


def _product(
    product: str,
    events: tuple[EventDeclaration, ...],
    producers: tuple[Producing, ...],
    consumers: tuple[Consuming, ...],
    *,
    kind: TopicKind = TopicKind.LOG,
    pattern: Pattern = Pattern.ONE_TO_MANY,
    max_bytes: int = 1_000_000,
) -> StreamingProduct:
    owner = DataProductOwner("A. Owner", date(2026, 1, 1)) if pattern is Pattern.MANY_TO_MANY else None
    return StreamingProduct(
        id=product,
        name=product.replace("-", " ").capitalize(),
        domain="replenishment",
        status=Status.ACTIVE,
        version=Version(1, 0, 0),
        purpose="tests",
        limitations="",
        ownership=Ownership(pattern, "core", owner),
        producers=producers,
        consumers=consumers,
        events=events,
        compatibility=Compatibility.FORWARD_TRANSITIVE,
        topic=TopicPolicy(kind, None if kind is TopicKind.STATE else 604_800_000, max_bytes),
        service=Service(),
        deprecation=None,
        path=f"products/{product}/product.yaml",
    )


def small_catalogue(folder: Path | None = None, *, start: str = "earliest", max_bytes: int = 1_000_000) -> Catalogue:
    """``folder``: where the embedded clusters live, a subfolder a region. ``start``: of plan's consuming of sales-events.
    ``max_bytes``: the largest value of sales-events."""
    sales = _product(
        "sales-events",
        (
            _event("SaleRecorded", "sale.recorded", {1: SALE_1, 2: SALE_2}, ("storeId", "productId")),
            _event("SaleCorrected", "sale.corrected", {1: CORRECTION}),
        ),
        (Producing("data-api", ("SaleRecorded", "SaleCorrected"), 2),),
        (
            Consuming("plan", ("*",), 2, start=start),
            Consuming(
                "promo-pricing", ("SaleRecorded",), 1, reads=("data.storeId", "data.quantity", "data.lines[].sku")
            ),
        ),
        max_bytes=max_bytes,
    )
    proposals = _product(
        "order-proposals",
        (_event("OrderProposalCreated", "order-proposal.created", {1: PROPOSAL}, ("storeId", "productId")),),
        (Producing("data-api", ("OrderProposalCreated",), 1), Producing("plan", ("OrderProposalCreated",), 1)),
        (Consuming("plan", ("*",), 1),),
        pattern=Pattern.MANY_TO_MANY,
    )
    promotions = _product(
        "promotions",
        (_event("PromotionSet", "promotion.set", {1: PROMOTION}, ("promotionId",)),),
        (Producing("promo-pricing", ("PromotionSet",), 1),),
        (Consuming("plan", ("*",), 1),),
        kind=TopicKind.STATE,
    )
    products = {product.key: product for product in (proposals, promotions, sales)}
    base = folder or Path("cluster")
    return Catalogue(
        name="small",
        regions={
            region: Region(
                region,
                region.upper(),
                ClusterAddress("embedded", path=str(base / region)),
                RegistryAddress("embedded"),
            )
            for region in ("eu", "us")
        },
        applications={
            a: Application(a, a, "core", "core@example.com", {}) for a in ("data-api", "plan", "promo-pricing")
        },
        tenants={
            "acme": Tenant("acme", "Acme", "eu"),
            "bolt": Tenant("bolt", "Bolt", "eu", ("sales-events", "order-proposals"), ("data-api", "plan")),
            "zest": Tenant("zest", "Zest", "us"),
        },
        products=products,
        batch_products={},
        policies=Policies(),
        commit=None,
    )
