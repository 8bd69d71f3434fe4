"""Catalogues for the tests of provisioning, built from values: no files, so a property test makes thousands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from headrace.model.application import Application, Credentials
from headrace.model.catalogue import Catalogue, Policies
from headrace.model.product import (
    Consuming,
    Deprecation,
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
from headrace.model.tenant import Tenant, TenantPrincipal

DAY_MS = 86_400_000


def data_schema(number: int, name: str = "Thing") -> dict[str, object]:
    """A data schema that grows by one optional field a version."""
    fields = {f"field{i}": {"type": "integer"} for i in range(1, number + 1)}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": name,
        "type": "object",
        "required": ["id"],
        "properties": {"id": {"type": "string"}, **fields},
    }


def event(name: str, numbers: Sequence[int] = (1,), *, sunset: date | None = None) -> EventDeclaration:
    """An event with a data schema at each of ``numbers``."""
    return EventDeclaration(
        name=name,
        type=f"com.example.{name.lower()}.v1",
        format=SchemaFormat.JSON_SCHEMA,
        versions=tuple(SchemaVersion(n, f"schemas/{name}.{n}.json", data_schema(n, name)) for n in numbers),
        key=("id",),
        deprecation=None if sunset is None else Deprecation(date(2026, 1, 1), sunset, "Other"),
    )


def product(
    id_: str,
    events: Iterable[EventDeclaration] | None = None,
    *,
    kind: TopicKind = TopicKind.LOG,
    retention_ms: int | None = 7 * DAY_MS,
    max_bytes: int = 1_048_576,
    status: Status = Status.ACTIVE,
    compatibility: Compatibility = Compatibility.FORWARD_TRANSITIVE,
    consumers: Sequence[str] = ("plan",),
    producers: Sequence[str] = ("store",),
) -> StreamingProduct:
    """A streaming product with believable defaults."""
    return StreamingProduct(
        id=id_,
        name=id_,
        domain="test",
        status=status,
        version=Version(1, 0, 0),
        purpose="",
        limitations="",
        ownership=Ownership(Pattern.ONE_TO_MANY, "team"),
        producers=tuple(Producing(p, ("Thing",), 1) for p in producers),
        consumers=tuple(Consuming(c, ("*",), 1, reads=("data.id",)) for c in consumers),
        events=tuple([event("Thing")] if events is None else events),
        compatibility=compatibility,
        topic=TopicPolicy(kind, retention_ms, max_bytes),
        service=Service(),
        deprecation=None,
        path=f"products/{id_}/product.yaml",
    )


@dataclass(frozen=True)
class Repository:
    """What a test changes between two applies: products, and tenants with (region, products). ``guarded``: applications have
    principals (``User:plan-eu``). ``limited``: by tenant, the applications that may see it. ``own``: by tenant, the products
    that its own principal (``User:acme``) reads."""

    products: tuple[StreamingProduct, ...] = field(default_factory=lambda: (product("orders"), product("sales")))
    tenants: Mapping[str, tuple[str, tuple[str, ...]]] = field(
        default_factory=lambda: {"acme": ("eu", ("*",)), "bolt": ("eu", ("orders",)), "core": ("us", ("*",))}
    )
    regions: tuple[str, ...] = ("eu", "us")
    max_deletes: int = 1_000
    commit: str | None = "c0ffee"
    cluster_ids: Mapping[str, str] = field(default_factory=dict)
    external: tuple[str, ...] = ()
    guarded: bool = False
    limited: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    own: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    operators: tuple[str, ...] = ()

    def catalogue(self) -> Catalogue:
        parties = [*(p.producers for p in self.products), *(p.consumers for p in self.products)]
        named = {"store", *(party.application for side in parties for party in side)}
        return Catalogue(
            name="test",
            regions={
                r: Region(
                    r,
                    r,
                    ClusterAddress("embedded", r, None, self.cluster_ids.get(r), operators=self.operators),
                    RegistryAddress("embedded"),
                )
                for r in self.regions
            },
            applications={
                a: Application(a, a, "team", "", self._credentials(a), a in self.external) for a in sorted(named)
            },
            tenants={
                t: Tenant(t, t, region, takes, self.limited.get(t), self._own(t))
                for t, (region, takes) in sorted(self.tenants.items())
            },
            products={p.key: p for p in sorted(self.products, key=lambda p: p.key)},
            batch_products={},
            policies=Policies(self.max_deletes),
            commit=self.commit,
        )

    def _credentials(self, application: str) -> dict[str, Credentials]:
        regions = self.regions if self.guarded else ()
        return {r: Credentials(f"User:{application}-{r}", f"env:{application.upper()}") for r in regions}

    def _own(self, tenant: str) -> tuple[TenantPrincipal, ...]:
        products = self.own.get(tenant)
        return () if products is None else (TenantPrincipal(Credentials(f"User:{tenant}", "env:OWN"), products),)

    def without_tenant(self, tenant: str) -> Repository:
        return replace(self, tenants={t: v for t, v in self.tenants.items() if t != tenant})

    def with_product(self, changed: StreamingProduct) -> Repository:
        kept = tuple(p for p in self.products if p.key != changed.key)
        return replace(self, products=(*kept, changed))
