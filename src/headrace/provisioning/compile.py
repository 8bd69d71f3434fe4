"""From the catalogue to what one region's programs need of it at run time.

Only what a program needs, and nothing of another region but the ids of its tenants beside the region's own id, so that
an error can say where a tenant lives. No credentials, not even references to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime

import msgspec

from headrace.clock import SYSTEM_CLOCK
from headrace.envelope.composition import compose_product
from headrace.model.catalogue import Catalogue
from headrace.model.compiled import (
    CompiledApplication,
    CompiledCatalogue,
    CompiledConsuming,
    CompiledEvent,
    CompiledProducing,
    CompiledProduct,
    CompiledSchema,
    CompiledTenant,
)
from headrace.model.product import EventDeclaration, StreamingProduct
from headrace.model.schema import Framing, SchemaText

SchemaIds = Mapping[tuple[str, int], int]
"""By product key (``order-proposals.v1``) and schema version, the id that the region's registry gave."""

Composed = Mapping[tuple[str, int], SchemaText]
"""By product key and schema version, the composed schema: the same in every region and for every tenant."""

UNREGISTERED = 0
"""The id of a schema that this region's registry does not hold, because no tenant of the region takes the product.
Registries count from 1."""


def compose_catalogue(catalogue: Catalogue) -> dict[tuple[str, int], SchemaText]:
    """The composed schema of every version of every provisioned product, each composed once."""
    return {
        (product.key, version): compose_product(product, version)
        for product in catalogue.products.values()
        if product.status.provisioned
        for version in product.schema_versions
    }


def compile_catalogue(
    catalogue: Catalogue,
    region: str,
    schema_ids: SchemaIds | None = None,
    *,
    composed: Composed | None = None,
    today: date | None = None,
) -> CompiledCatalogue:
    """One region's compiled catalogue: the provisioned products, the region's tenants, all applications.

    ``schema_ids`` None: counted from 1 by product and version (tests in memory); one that it lacks is `UNREGISTERED`.
    ``today`` decides which deprecated events are past their sunset (UTC); None: the machine's date.
    """
    schemas = compose_catalogue(catalogue) if composed is None else composed
    if schema_ids is None:
        schema_ids = {place: number for number, place in enumerate(sorted(schemas), start=1)}
    day = today or datetime.fromtimestamp(SYSTEM_CLOCK.now_ms() / 1000, tz=UTC).date()
    products = {
        product.key: _product(product, schemas, schema_ids, day, catalogue.regions[region].registry.framing)
        for product in catalogue.products.values()
        if product.status.provisioned
    }
    return CompiledCatalogue(
        region=region,
        commit=catalogue.commit,
        products=products,
        tenants={
            tenant.id: CompiledTenant(tenant.id, tenant.products, tenant.applications)
            for tenant in catalogue.tenants.values()
            if tenant.region == region
        },
        applications={a.id: CompiledApplication(a.id, a.team) for a in catalogue.applications.values()},
        elsewhere={t.id: t.region for t in catalogue.tenants.values() if t.region != region},
    )


def with_schema_ids(compiled: CompiledCatalogue, schema_ids: SchemaIds) -> CompiledCatalogue:
    """The same catalogue with the registry's ids; those that ``schema_ids`` lacks become `UNREGISTERED`."""
    products = {
        key: msgspec.structs.replace(
            product,
            schemas=tuple(
                msgspec.structs.replace(schema, id=schema_ids.get((key, schema.version), UNREGISTERED))
                for schema in product.schemas
            ),
        )
        for key, product in compiled.products.items()
    }
    return msgspec.structs.replace(compiled, products=products)


def _product(
    product: StreamingProduct, schemas: Composed, schema_ids: SchemaIds, today: date, framing: Framing
) -> CompiledProduct:
    return CompiledProduct(
        id=product.id,
        major=product.major,
        version=str(product.version),
        status=product.status.value,
        pattern=product.ownership.pattern.value,
        team=product.ownership.team,
        kind=product.topic.kind.value,
        format=product.format,
        max_bytes=product.topic.max_bytes,
        events=tuple(_event(event, product, today) for event in product.events),
        schemas=tuple(
            CompiledSchema(
                version, schema_ids.get((product.key, version), UNREGISTERED), schemas[product.key, version].text
            )
            for version in product.schema_versions
        ),
        producers={p.application: CompiledProducing(p.events, p.schema_version) for p in product.producers},
        consumers={
            c.application: CompiledConsuming(c.events, c.schema_version, c.reads, c.start) for c in product.consumers
        },
        framing=framing,
    )


def _event(event: EventDeclaration, product: StreamingProduct, today: date) -> CompiledEvent:
    texts = {version.number: msgspec.Raw(msgspec.json.encode(version.document)) for version in event.versions}
    in_force = {
        str(version): texts[found.number]
        for version in product.schema_versions
        if (found := event.schema_at(version)) is not None
    }
    return CompiledEvent(
        name=event.name,
        type=event.type,
        key=event.key,
        data_schemas=in_force,
        retired=event.deprecation is not None and event.deprecation.sunset < today,
    )
