"""The compiled catalogue as records of a compacted topic, and back.

A record per entity, so that a change of one tenant rewrites one small record and compaction keeps the rest:

    application/{id}                 CompiledApplication
    product/{id}.v{major}            CompiledProduct without its schemas
    schema/{id}.v{major}/{version}   a schema version: its registry id, its text, and the data schemas that it brought
    tenant/{id}                      CompiledTenant
    elsewhere/{tenant}               the region of a tenant that lives in another one
    head                             region, commit, `content_hash` and the cluster's id, always written last

A reader applies a set only when it is whole: when the hash over all other records is the head's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import msgspec

from headrace.errors import CatalogueError, Fault
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
from headrace.model.record import Record, StoredRecord
from headrace.model.schema import Framing, SchemaFormat

HEAD = b"head"
_FORMAT = 1


class _Event(msgspec.Struct, frozen=True):
    name: str
    type: str
    key: tuple[str, ...]
    retired: bool = False


class _Product(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is at its default is left out: a field that is new here changes no record that does not use it."""

    id: str
    major: int
    version: str
    status: str
    pattern: str
    team: str
    kind: str
    format: SchemaFormat
    max_bytes: int
    events: tuple[_Event, ...]
    producers: dict[str, CompiledProducing]
    consumers: dict[str, CompiledConsuming]
    framing: Framing = Framing.PREFIX


class _Schema(msgspec.Struct, frozen=True):
    """``data``: by event, only the data schemas that this version brought; the earlier ones stay in force."""

    version: int
    id: int
    text: str
    data: dict[str, msgspec.Raw]


class _Elsewhere(msgspec.Struct, frozen=True):
    region: str


class Head(msgspec.Struct, frozen=True):
    """``hash``: `content_hash` of the other records. ``commit`` is the one that last changed them. ``cluster_id``: the cluster
    that it was written to; not in the heads of earlier releases."""

    region: str
    commit: str | None
    hash: str
    format: int = _FORMAT
    cluster_id: str | None = None


_encoder = msgspec.json.Encoder(order="deterministic")


def to_records(compiled: CompiledCatalogue) -> list[Record]:
    """All records of a compiled catalogue by key, the head last. Same catalogue, same bytes."""
    entities = to_entities(compiled)
    head = Head(
        compiled.region,
        compiled.commit,
        content_hash(compiled.region, entities),
        cluster_id=compiled.cluster_id,
    )
    records = [Record(key, value) for key, value in entities.items()]
    return [*records, Record(HEAD, _encoder.encode(head))]


def to_entities(compiled: CompiledCatalogue) -> dict[bytes, bytes]:
    """The records' values by key, in key order, without the head."""
    found: dict[str, object] = {}
    for application in compiled.applications.values():
        found[f"application/{application.id}"] = application
    for product in compiled.products.values():
        found[f"product/{product.key}"] = _Product(
            id=product.id,
            major=product.major,
            version=product.version,
            status=product.status,
            pattern=product.pattern,
            team=product.team,
            kind=product.kind,
            format=product.format,
            max_bytes=product.max_bytes,
            events=tuple(_Event(e.name, e.type, e.key, e.retired) for e in product.events),
            producers=dict(product.producers),
            consumers=dict(product.consumers),
            framing=product.framing,
        )
        for schema in product.schemas:
            found[f"schema/{product.key}/{schema.version}"] = _Schema(
                schema.version, schema.id, schema.text, _brought(product, schema.version)
            )
    for tenant in compiled.tenants.values():
        found[f"tenant/{tenant.id}"] = tenant
    for id_, region in compiled.elsewhere.items():
        found[f"elsewhere/{id_}"] = _Elsewhere(region)
    return {key.encode(): _encoder.encode(found[key]) for key in sorted(found)}


def content_hash(region: str, entities: Mapping[bytes, bytes]) -> str:
    """SHA-256 over the region and every key and value in key order, each preceded by its length."""
    digest = hashlib.sha256(b"headrace/catalogue/1\0")
    for part in (region.encode(), *(part for key in sorted(entities) for part in (key, entities[key]))):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def read_head(value: bytes) -> Head | None:
    """The head record's content; None where it is not one."""
    try:
        return msgspec.json.decode(value, type=Head)
    except msgspec.MsgspecError:
        return None


def latest(records: Iterable[StoredRecord]) -> dict[bytes, bytes]:
    """What is in force after ``records`` (in the log's order): the newest value of each key, the head included."""
    values: dict[bytes, bytes] = {}
    for record in records:
        if record.key is None:
            continue
        if record.value is None:
            values.pop(record.key, None)
        else:
            values[record.key] = record.value
    return values


def from_records(records: Iterable[StoredRecord]) -> CompiledCatalogue | None:
    """The compiled catalogue that ``records`` (in the log's order; tombstones remove) hold.

    None where there is none, or the set is not whole. Raises `CatalogueError` for a whole set that this version of
    Headrace cannot read.
    """
    values = latest(records)
    head_value = values.pop(HEAD, None)
    head = read_head(head_value) if head_value is not None else None
    if head is None or head.hash != content_hash(head.region, values):
        return None
    if head.format > _FORMAT:
        raise CatalogueError(
            [_fault(f"the catalogue is of format {head.format}; this Headrace reads up to {_FORMAT}")],
            hint="upgrade Headrace in this program",
        )
    try:
        return _decode(head, values)
    except msgspec.MsgspecError as error:
        raise CatalogueError([_fault(f"the catalogue cannot be read: {error}")], hint="upgrade Headrace") from error


def _decode(head: Head, values: Mapping[bytes, bytes]) -> CompiledCatalogue:
    products: dict[str, _Product] = {}
    schemas: dict[str, list[_Schema]] = {}
    tenants: dict[str, CompiledTenant] = {}
    applications: dict[str, CompiledApplication] = {}
    elsewhere: dict[str, str] = {}
    for key in sorted(values):
        kind, _, rest = key.decode().partition("/")
        value = values[key]
        if kind == "product":
            products[rest] = msgspec.json.decode(value, type=_Product)
        elif kind == "schema":
            schemas.setdefault(rest.rpartition("/")[0], []).append(msgspec.json.decode(value, type=_Schema))
        elif kind == "tenant":
            tenants[rest] = msgspec.json.decode(value, type=CompiledTenant)
        elif kind == "application":
            applications[rest] = msgspec.json.decode(value, type=CompiledApplication)
        elif kind == "elsewhere":
            elsewhere[rest] = msgspec.json.decode(value, type=_Elsewhere).region
        # Another kind was written by a newer Headrace, within the same format: not needed here.
    return CompiledCatalogue(
        region=head.region,
        commit=head.commit,
        products={key: _product(p, schemas.get(key, [])) for key, p in products.items()},
        tenants=tenants,
        applications=applications,
        elsewhere=elsewhere,
        cluster_id=head.cluster_id,
    )


def _product(product: _Product, schemas: list[_Schema]) -> CompiledProduct:
    ordered = sorted(schemas, key=lambda schema: schema.version)
    in_force: dict[str, dict[str, msgspec.Raw]] = {event.name: {} for event in product.events}
    for event in product.events:
        newest: msgspec.Raw | None = None
        for schema in ordered:
            newest = schema.data.get(event.name, newest)
            if newest is not None:
                in_force[event.name][str(schema.version)] = newest
    return CompiledProduct(
        id=product.id,
        major=product.major,
        version=product.version,
        status=product.status,
        pattern=product.pattern,
        team=product.team,
        kind=product.kind,
        format=product.format,
        max_bytes=product.max_bytes,
        events=tuple(CompiledEvent(e.name, e.type, e.key, in_force[e.name], e.retired) for e in product.events),
        schemas=tuple(CompiledSchema(s.version, s.id, s.text) for s in ordered),
        producers=product.producers,
        consumers=product.consumers,
        framing=product.framing,
    )


def _brought(product: CompiledProduct, version: int) -> dict[str, msgspec.Raw]:
    """By event, the data schema that ``version`` changed: the one that differs from the version before."""
    changed = {}
    for event in product.events:
        now = event.data_schemas.get(str(version))
        if now is not None and now != event.data_schemas.get(str(version - 1)):
            changed[event.name] = now
    return changed


def _fault(message: str) -> Fault:
    return Fault(path="catalogue topic", line=0, column=0, code="HR900", message=message)
