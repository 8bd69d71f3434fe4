"""Rules about data schemas: openness, drafts, formats, and what an event and a topic must be for each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from headrace.catalogue.checking import RULES, Checking, Declared, Findings, LoadedSchema, getattr_or_none, twice
from headrace.catalogue.codes import Code
from headrace.catalogue.documents import EventDocument, StreamingDocument
from headrace.catalogue.findings import Finding, Path
from headrace.catalogue.schemas import token_path
from headrace.model.product import TopicKind
from headrace.model.schema import Compatibility, SchemaFormat

_DRAFTS: Final = {2019: "2019-09", 2020: "2020-12"}
_OPEN_NEEDED: Final = frozenset(
    (Compatibility.FORWARD, Compatibility.FORWARD_TRANSITIVE, Compatibility.FULL, Compatibility.FULL_TRANSITIVE)
)


def json_schemas(checking: Checking, product: Declared[StreamingDocument]) -> Iterator[LoadedSchema]:
    """The product's JSON Schemas that parse, each file once."""
    seen: set[str] = set()
    for index in range(len(getattr_or_none(product.document, "events") or ())):
        for schema in checking.schemas.get((product.name, index), ()):
            if schema.usable and schema.path not in seen and schema.format is SchemaFormat.JSON_SCHEMA:
                seen.add(schema.path)
                yield schema


def compatibility_of(checking: Checking, product: Declared[StreamingDocument]) -> Compatibility:
    """The product's mode, or the repository's default."""
    own = product.document.compatibility
    if own is not None:
        return own
    if checking.headrace is not None:
        return checking.headrace.document.defaults.compatibility
    return Compatibility.FORWARD_TRANSITIVE


@RULES.about("streaming")
def data_schemas_stay_open(checking: Checking, product: Declared[StreamingDocument]) -> Findings:
    """`additionalProperties: false` anywhere freezes the major: the next field would not be compatible."""
    mode = compatibility_of(checking, product)
    if mode not in _OPEN_NEEDED:
        return
    for schema in json_schemas(checking, product):
        for pointer, sub in schema.structure.schemas.items():
            for keyword in ("additionalProperties", "unevaluatedProperties"):
                if isinstance(sub, Mapping) and sub.get(keyword) is False:
                    path = token_path(schema.document, (*pointer, keyword))
                    said = f'closes itself by "{keyword}": false, but the product is {mode}'
                    checking.report(schema.path, schema.text, Finding(Code.CLOSED, said, path=path))
    yield from ()


@RULES.about("streaming")
def drafts_are_one_and_supported(checking: Checking, product: Declared[StreamingDocument]) -> Findings:
    first: tuple[str, int] | None = None
    for schema in json_schemas(checking, product):
        draft = schema.structure.draft
        if first is None:
            first = (schema.path, draft)
        if draft != first[1]:
            said = f"states {_name(draft)}, but {first[0].rpartition('/')[2]} states {_name(first[1])}"
            checking.report(schema.path, schema.text, Finding(Code.MIXED_DRAFTS, said, path=("$schema",)))
        elif problem := _unsupported(checking, draft):
            checking.report(schema.path, schema.text, Finding(Code.DRAFT, problem, path=("$schema",)))
    yield from ()


def _name(draft: int) -> str:
    return _DRAFTS.get(draft, f"draft-{draft:02}")


def _unsupported(checking: Checking, draft: int) -> str | None:
    if draft == 7:
        return None
    if draft not in _DRAFTS:
        return f"states {_name(draft)}, which is too old to be composed with the envelope"
    if checking.headrace is None:
        return None
    regions = getattr_or_none(checking.headrace.document, "regions") or {}
    lacking = [
        id_
        for id_, region in regions.items()
        if (registry := getattr_or_none(region, "registry")) is not None
        and _name(draft) not in (getattr_or_none(registry, "drafts") or [_name(draft)])
    ]
    return f"states {_name(draft)}, which the registry of {', '.join(lacking)} does not support" if lacking else None


@RULES.about("streaming")
def one_format_and_one_avro_event(_: Checking, product: Declared[StreamingDocument]) -> Findings:
    """A union's branch that is added breaks old readers, so an Avro product has exactly one event type."""
    events = product.document.events
    formats = [event.schema_.format for event in events]
    for index, own in enumerate(formats[1:], 1):
        if own is not formats[0]:
            said = f"is {own}, but the first event of the product is {formats[0]}"
            yield Finding(Code.MIXED_FORMATS, said, path=("events", index, "schema", "format"))
        elif own is SchemaFormat.AVRO:
            said = f"is event {index + 1} of an Avro product"
            yield Finding(Code.AVRO_EVENTS, said, path=("events", index, "name"))


@RULES.about("streaming")
def event_names_are_unique(_: Checking, product: Declared[StreamingDocument]) -> Findings:
    seen: set[str] = set()
    for index, event in enumerate(product.document.events):
        name = getattr_or_none(event, "name")
        if name in seen:
            yield Finding(Code.EVENT_TWICE, f"the event '{name}' is declared twice", path=("events", index, "name"))
        elif name is not None:
            seen.add(name)


@RULES.about("streaming")
def state_topics_have_one_key(_: Checking, product: Declared[StreamingDocument]) -> Findings:
    document = product.document
    if document.topic.kind is not TopicKind.STATE:
        return
    if document.topic.retention is not None:
        yield Finding(Code.STATE_RETENTION, "a state topic has a retention", path=("topic", "retention"), key=True)
    first = document.events[0]
    for index, event in enumerate(document.events):
        at: Path = ("events", index, "key") if event.key else ("events", index)
        if not event.key:
            yield Finding(Code.STATE_KEY, f"the event {event.name} of a state topic has no key", path=at)
        elif first.key and event.key != first.key:
            said = f"the key of {event.name} is [{', '.join(event.key)}], that of {first.name} [{', '.join(first.key)}]"
            yield Finding(Code.STATE_KEY, said, "an event replaces those before it only by the same key", at)


@RULES.about("streaming")
def topic_has_one_partition(_: Checking, product: Declared[StreamingDocument]) -> Findings:
    partitions = product.document.topic.partitions
    if partitions != 1:
        said = f"asks for {partitions} partitions"
        yield Finding(Code.PARTITIONS, said, path=("topic", "partitions"))


@RULES.item("events")
def lists_of_an_event_hold_each_once(_: Checking, product: Declared[Any], path: Path, event: EventDocument) -> Findings:
    yield from twice(event.key, Code.TWICE, "the field", (*path, "key"))
    for audience, paths in (event.exposure or {}).items():
        yield from twice(paths, Code.TWICE, "the path", (*path, "exposure", audience))


@RULES.item("consumers")
def reads_hold_each_once(_: Checking, product: Declared[Any], path: Path, consumer: Any) -> Findings:
    yield from twice(consumer.reads, Code.TWICE, "the path", (*path, "reads"))
