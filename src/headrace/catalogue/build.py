"""From declarations in which no rule has found a fault to the catalogue's values."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from headrace.catalogue.checking import Checking, Declared
from headrace.catalogue.documents import (
    ApplicationDocument,
    BatchDocument,
    ConsumerDocument,
    DefaultsDocument,
    DeprecationDocument,
    EmbeddedCluster,
    EventDocument,
    HttpRegistry,
    KafkaCluster,
    OwnershipDocument,
    RegionDocument,
    StreamingDocument,
    TenantDocument,
)
from headrace.catalogue.rules_schemas import compatibility_of
from headrace.model.application import Application, Credentials
from headrace.model.catalogue import Catalogue, Policies
from headrace.model.product import (
    BatchProduct,
    Column,
    Consuming,
    DataProductOwner,
    Deprecation,
    EventDeclaration,
    Ownership,
    Producing,
    SchemaException,
    SchemaVersion,
    Service,
    StreamingProduct,
    TopicKind,
    TopicPolicy,
)
from headrace.model.region import ClusterAddress, Region, RegistryAddress
from headrace.model.tenant import Tenant, TenantPrincipal


def build(checking: Checking, commit: str | None) -> Catalogue:
    """The trusted catalogue; only for a checking without faults."""
    assert checking.headrace is not None
    head = checking.headrace.document
    streaming = {p.key: p for p in (_streaming(checking, d, head.defaults) for d in checking.streaming)}
    batch = {
        p.key: p
        for p in (
            _batch(d.document, d.path) for d in checking.products.values() if isinstance(d.document, BatchDocument)
        )
    }
    return Catalogue(
        name=head.name,
        regions=_sorted({id_: _region(id_, region) for id_, region in head.regions.items()}),
        applications=_sorted({a.document.id: _application(a.document) for a in checking.applications.values()}),
        tenants=_sorted({t.document.id: _tenant(t.document) for t in checking.tenants.values()}),
        products=_sorted(streaming),
        batch_products=_sorted(batch),
        policies=Policies(max_deletes=head.policies.max_deletes),
        commit=commit,
    )


def _sorted(values: dict[str, Any]) -> MappingProxyType[str, Any]:
    return MappingProxyType({key: values[key] for key in sorted(values)})


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _region(id_: str, region: RegionDocument) -> Region:
    match region.cluster:
        case EmbeddedCluster(path=path):
            cluster = ClusterAddress(kind="embedded", path=path)
        case KafkaCluster() as kafka:
            cluster = ClusterAddress(
                kind="kafka",
                bootstrap=kafka.bootstrap,
                cluster_id=kafka.cluster_id,
                properties=_sorted({k: _text(v) for k, v in kafka.properties.items()}),
                operators=tuple(sorted(kafka.operators)),
            )
    drafts, framing, profile = tuple(region.registry.drafts), region.registry.framing, region.registry.profile
    match region.registry:
        case HttpRegistry(url=url, properties=properties):
            text = _sorted({k: _text(v) for k, v in properties.items()})
            registry = RegistryAddress("http", url, text, drafts, framing, profile)
        case _:
            registry = RegistryAddress(kind="embedded", drafts=drafts, framing=framing, profile=profile)
    return Region(id_, region.name or id_, cluster, registry)


def _application(a: ApplicationDocument) -> Application:
    credentials = {region: Credentials(p.principal, p.credentials) for region, p in a.regions.items()}
    return Application(a.id, a.name, a.team, a.contact, _sorted(credentials), a.external)


def _tenant(t: TenantDocument) -> Tenant:
    applications = None if t.applications is None else tuple(sorted(t.applications))
    principals = tuple(
        TenantPrincipal(Credentials(p.principal, p.credentials), tuple(sorted(p.products)))
        for p in sorted(t.principals, key=lambda p: p.principal)
    )
    return Tenant(t.id, t.name, t.region, tuple(sorted(t.products)), applications, principals)


def _ownership(o: OwnershipDocument) -> Ownership:
    owner = o.data_product_owner
    return Ownership(o.pattern, o.team, None if owner is None else DataProductOwner(owner.name, owner.since))


def _deprecation(d: DeprecationDocument | None) -> Deprecation | None:
    return None if d is None else Deprecation(d.since, d.sunset, d.successor)


def _streaming(
    checking: Checking, declared: Declared[StreamingDocument], defaults: DefaultsDocument
) -> StreamingProduct:
    d = declared.document
    retention = None
    if d.topic.kind is TopicKind.LOG:
        retention = defaults.retention if d.topic.retention is None else d.topic.retention
    return StreamingProduct(
        id=d.id,
        name=d.name,
        domain=d.domain,
        status=d.status,
        version=d.version,
        purpose=d.description.purpose,
        limitations=d.description.limitations,
        ownership=_ownership(d.ownership),
        producers=tuple(Producing(p.application, tuple(p.events), p.schema_version, p.external) for p in d.producers),
        consumers=tuple(_consuming(c) for c in d.consumers),
        events=tuple(_event(checking, declared, i, e) for i, e in enumerate(d.events)),
        compatibility=compatibility_of(checking, declared),
        topic=TopicPolicy(d.topic.kind, retention, d.topic.max_bytes or defaults.max_bytes),
        service=Service(d.service.latency, d.service.freshness),
        deprecation=_deprecation(d.deprecation),
        path=declared.path,
        exceptions=tuple(SchemaException(e.schema_version, e.reason, e.approved_by, e.until) for e in d.exceptions),
    )


def _consuming(c: ConsumerDocument) -> Consuming:
    return Consuming(
        c.application, tuple(c.events), c.schema_version, tuple(c.reads), c.criticality, c.start, c.external
    )


def _event(checking: Checking, declared: Declared[StreamingDocument], index: int, e: EventDocument) -> EventDeclaration:
    exposure = None
    if e.exposure is not None:
        exposure = MappingProxyType({str(audience): tuple(paths) for audience, paths in e.exposure.items()})
    return EventDeclaration(
        name=e.name,
        type=e.type,
        format=e.schema_.format,
        versions=tuple(
            SchemaVersion(s.number or 0, s.path, s.document) for s in checking.schemas[declared.name, index]
        ),
        key=tuple(e.key),
        description=e.description or "",
        exposure=exposure,
        deprecation=_deprecation(e.deprecation),
    )


def _batch(d: BatchDocument, path: str) -> BatchProduct:
    return BatchProduct(
        id=d.id,
        name=d.name,
        domain=d.domain,
        status=d.status,
        version=d.version,
        purpose=d.description.purpose,
        limitations=d.description.limitations,
        ownership=_ownership(d.ownership),
        producers=tuple(p.application for p in d.producers),
        consumers=tuple(c.application for c in d.consumers),
        columns=tuple(Column(c.name, c.type, c.required, c.description or "") for c in d.columns),
        schedule=d.schedule,
        files=d.files,
        retention_ms=d.retention,
        deprecation=_deprecation(d.deprecation),
        path=path,
    )
