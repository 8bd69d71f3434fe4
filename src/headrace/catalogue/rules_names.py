"""Rules about names: files and ids, reserved words, topics on the broker, event types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headrace.catalogue.checking import RULES, Checking, Declared, Findings, getattr_or_none
from headrace.catalogue.codes import Code
from headrace.catalogue.documents import ApplicationDocument, EventDocument, StreamingDocument, TenantDocument
from headrace.catalogue.findings import Finding, Path
from headrace.model import names

_RESERVED = frozenset(("dlq", "headrace"))


@RULES.about("application")
def application_stands_in_its_file(_: Checking, application: Declared[ApplicationDocument]) -> Findings:
    yield from _named_like(application.document.id, application.name, "file", "applications/{}.yaml")


@RULES.about("tenant")
def tenant_stands_in_its_file(_: Checking, tenant: Declared[TenantDocument]) -> Findings:
    yield from _named_like(tenant.document.id, tenant.name, "file", "tenants/{}.yaml")


@RULES.about("product")
def product_stands_in_its_directory(_: Checking, product: Declared[Any]) -> Findings:
    document = product.document
    if product.name == document.id:
        return
    # A second major has a directory of its own; its name says which.
    key = f"{document.id}.v{document.version.major}"
    if product.name != key:
        hint = f"name the directory products/{document.id} or products/{key}, or correct the id"
        said = f"the id '{document.id}' stands in the directory '{product.name}'"
        yield Finding(Code.ID_AND_PLACE, said, hint, ("id",))


def _named_like(id_: str, stem: str, what: str, form: str) -> Findings:
    if id_ != stem:
        said = f"the id '{id_}' stands in the {what} '{form.format(stem)}'"
        yield Finding(Code.ID_AND_PLACE, said, f"name the {what} {form.format(id_)}, or correct the id", ("id",))


@RULES.about("application")
@RULES.about("product")
@RULES.about("tenant")
def id_is_not_reserved(_: Checking, declared: Declared[Any]) -> Findings:
    id_ = declared.document.id
    if id_ in _RESERVED or id_.startswith(names.RESERVED_PREFIX):
        yield Finding(Code.RESERVED, f"the id '{id_}' is reserved for Headrace's own", path=("id",))


@RULES.about("streaming")
def topics_are_short_enough(checking: Checking, product: Declared[StreamingDocument]) -> Findings:
    document = product.document
    tenants = [t.document.id for t in checking.tenants.values() if _takes(t.document, document.id)]
    if tenants:
        topic = names.topic(document.id, document.version.major, max(tenants, key=lambda t: (len(t), t)))
        if len(topic) > names.TOPIC_MAX:
            said = f"the topic '{topic}' would have {len(topic)} characters; Kafka allows {names.TOPIC_MAX}"
            yield Finding(Code.TOPIC_LENGTH, said, path=("id",))


def _takes(tenant: TenantDocument, product: str) -> bool:
    products = getattr_or_none(tenant, "products") or ()
    return getattr_or_none(tenant, "id") is not None and ("*" in products or product in products)


@RULES.about("whole")
def topics_do_not_collide(checking: Checking) -> Iterator[tuple[Declared[Any], Finding]]:
    """Kafka refuses a second topic whose name differs only in '.' and '_' (Topic.hasCollision). One report for each two
    products."""
    seen: dict[tuple[str, str], tuple[str, str]] = {}
    reported: set[tuple[str, str]] = set()
    by_region = [(t, getattr_or_none(t.document, "region")) for t in checking.tenants.values()]
    for product in checking.streaming:
        id_, version = getattr_or_none(product.document, "id"), getattr_or_none(product.document, "version")
        if id_ is None or version is None:
            continue
        for tenant, region in by_region:
            if region is None or not _takes(tenant.document, id_):
                continue
            topic = names.topic(id_, version.major, tenant.document.id)
            other, owner = seen.setdefault((region, names.collision_key(topic)), (topic, product.name))
            if other != topic and (owner, product.name) not in reported:
                reported.add((owner, product.name))
                yield (
                    product,
                    Finding(Code.TOPIC_COLLISION, f"the topic '{topic}' collides with '{other}'", path=("id",)),
                )


@RULES.item("events")
def event_type_has_its_form(checking: Checking, product: Declared[Any], path: Path, event: EventDocument) -> Findings:
    at = (*path, "type")
    major = names.event_type_major(event.type)
    if major is None:
        hint = "write it as com.example.order-proposal.created.v1: lower case, dots between, the product's major at the end"
        yield Finding(Code.EVENT_TYPE, f"the event type '{event.type}' is malformed", hint, at)
        return
    prefix = checking.headrace.document.naming.event_type_prefix if checking.headrace else None
    if prefix is not None and not event.type.startswith(prefix):
        said = f"the event type '{event.type}' does not begin with '{prefix}'"
        yield Finding(Code.EVENT_TYPE_PREFIX, said, path=at)
    wanted = product.document.version.major
    if major != wanted:
        said = f"the event type '{event.type}' ends in v{major}, the product's version is {product.document.version}"
        hint = f"end it in .v{wanted}; a new major is a product directory of its own"
        yield Finding(Code.EVENT_TYPE_MAJOR, said, hint, at)


@RULES.about("whole")
def event_types_are_unique(checking: Checking) -> Iterator[tuple[Declared[Any], Finding]]:
    seen: dict[str, str] = {}
    for product in checking.streaming:
        for index, event in enumerate(getattr_or_none(product.document, "events") or ()):
            type_ = getattr_or_none(event, "type")
            if type_ in seen:
                said = f"the event type '{type_}' belongs to {seen[type_]} already"
                yield product, Finding(Code.TYPE_TWICE, said, path=("events", index, "type"))
            elif type_ is not None:
                seen[type_] = f"{getattr_or_none(event, 'name') or 'an event'} in {product.path}"
