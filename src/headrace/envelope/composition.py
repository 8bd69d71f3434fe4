"""The schema that is registered for a topic: the envelope together with the data schema of each event.

*JSON Schema.* One document, draft-07 stated. ``type`` is an open string and each event type has an `if`/`then` of its own in
an `allOf`: so a type that is added changes nothing for what was valid before, which a `oneOf` or a `const` would. Registries
compare `properties`, and not all look inside `if`/`then`; so ``x-events``, a property that is never sent, refers to the same
definitions. Each data schema stands under ``definitions/{Event}`` with its `$id` removed and its references rewritten.

*Avro.* The envelope is the outer record, ``data`` the event's. Exactly one event: a union branch that is added later would
break every older reader. ``meta`` is a record with a map ``more`` for what it does not name, values as JSON text.

The text is a pure function of the events: same events, same bytes, in whatever order they are declared.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from headrace.model import avro_schema
from headrace.model.json_references import DRAFT7, Document, embed, fragment
from headrace.model.product import StreamingProduct
from headrace.model.schema import SchemaFormat, SchemaText

AVRO_NAMESPACE: Final = "headrace.envelope"
"""The namespace of the outer record and of meta; data schemas may not define names in it."""

AVRO_DATA_NAMESPACE: Final = "headrace.data"
"""What a data record without a namespace gets, because it would otherwise fall into the outer record's."""

_TEXT: Final = {"type": "string", "minLength": 1}
_TIME: Final = {"type": "string", "format": "date-time"}
_OPTIONAL_TEXT: Final = {"type": ["string", "null"], "minLength": 1}

JSON_META: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["tenant", "region", "product", "application", "schemaVersion", "publishedAt"],
    "properties": {
        "tenant": _TEXT,
        "region": _TEXT,
        "product": _TEXT,
        "application": _TEXT,
        "schemaVersion": {"type": "integer", "minimum": 1},
        "publishedAt": _TIME,
        "correlationId": _TEXT,
        "causationId": _TEXT,
        "traceparent": _TEXT,
    },
}
JSON_TIME: Final[Mapping[str, Any]] = _TIME

_JSON_REQUIRED: Final = ("specversion", "type", "source", "id", "time", "datacontenttype", "meta", "data")
_JSON_ATTRIBUTES: Final[Mapping[str, Any]] = {
    "specversion": {"const": "1.0"},
    "type": _TEXT,
    "source": _TEXT,
    "id": _TEXT,
    "time": _TIME,
    "datacontenttype": {"const": "application/json"},
    "dataschema": _OPTIONAL_TEXT,
    "subject": _OPTIONAL_TEXT,
    "meta": JSON_META,
}

Events = Sequence[tuple[str, str, Any]]
"""Of each event: name, type, data schema (parsed JSON)."""


def compose(events: Events, format: SchemaFormat) -> SchemaText:  # noqa: A002 - the model's own word
    """The registered schema for these events. Raises ValueError: none, a name or type twice, a data schema that does not
    parse, drafts mixed or before draft-07, an Avro product with two events."""
    if not events:
        raise ValueError("a topic's schema needs at least one event")
    for what, values in (("name", [e[0] for e in events]), ("type", [e[1] for e in events])):
        if twice := sorted({v for v in values if values.count(v) > 1}):
            raise ValueError(f"the event {what} {twice[0]} is there twice")
    document = _compose_avro(events) if format is SchemaFormat.AVRO else _compose_json(events)
    return SchemaText(format, json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False))


def compose_product(product: StreamingProduct, version: int) -> SchemaText:
    """The registered schema of ``product`` at its schema version: each event with the data schema then in force."""
    found = [(e.name, e.type, schema.document) for e in product.events if (schema := e.schema_at(version)) is not None]
    if not found:
        raise ValueError(f"{product.key} has no event at schema version {version}")
    return compose(found, product.format)


def _compose_json(events: Events) -> Mapping[str, Any]:
    drafts: dict[int, str] = {}
    definitions: dict[str, Any] = {}
    conditions: list[Any] = []
    for name, event_type, schema in sorted(events, key=lambda event: event[0]):
        try:
            document = Document(schema)
        except ValueError as error:
            raise ValueError(f"the data schema of {name}: {error}") from error
        if document.draft < 7:
            raise ValueError(f"the data schema of {name} states draft-0{document.draft}; draft-07 is the oldest")
        drafts.setdefault(document.draft, name)
        definitions[name] = embed(document, ("definitions", name))
        reference = {"$ref": fragment(("definitions", name))}
        conditions.append(
            {
                "if": {"properties": {"type": {"const": event_type}}, "required": ["type"]},
                "then": {"properties": {"data": reference}},
            }
        )
    if len(drafts) > 1:
        raise ValueError(f"the data schemas mix drafts: {' and '.join(sorted(drafts.values()))} state different ones")
    references = {name: {"$ref": fragment(("definitions", name))} for name in definitions}
    return {
        "$schema": DRAFT7 if 7 in drafts else _stated(events),
        "type": "object",
        "required": list(_JSON_REQUIRED),
        "properties": {**_JSON_ATTRIBUTES, "data": {}, "x-events": {"type": "object", "properties": references}},
        "allOf": conditions,
        "definitions": definitions,
    }


def _stated(events: Events) -> str:
    return str(events[0][2]["$schema"])


def json_branches(document: Mapping[str, Any]) -> dict[str, str] | None:
    """Of a composed JSON schema, each event type with its definition's name; None where it was not composed here."""
    branches: dict[str, str] = {}
    try:
        if any(document["properties"][name] != schema for name, schema in _JSON_ATTRIBUTES.items()):
            return None
        if document["required"] != list(_JSON_REQUIRED):
            return None
        for condition in document["allOf"]:
            reference = condition["then"]["properties"]["data"]["$ref"]
            branches[condition["if"]["properties"]["type"]["const"]] = reference.removeprefix("#/definitions/")
    except (KeyError, TypeError):
        return None
    return branches if all(name in document.get("definitions", {}) for name in branches.values()) else None


def _compose_avro(events: Events) -> Mapping[str, Any]:
    if len(events) > 1:
        names = " and ".join(sorted(e[0] for e in events))
        raise ValueError(f"an Avro product has exactly one event, this one has {names}; make the second one a product")
    name, _, schema = events[0]
    if not isinstance(schema, Mapping) or schema.get("type") != "record":
        raise ValueError(f"the data schema of {name} must be an Avro record")
    try:
        avro_schema.parse(schema)
    except ValueError as error:
        raise ValueError(f"the data schema of {name}: {error}") from error
    data = dict(schema)
    if "." not in data["name"] and "namespace" not in data:
        data = {"type": "record", "name": data["name"], "namespace": AVRO_DATA_NAMESPACE} | data
    optional = {"type": ["null", "string"], "default": None}
    meta = {
        "type": "record",
        "name": "Meta",
        "fields": [
            *({"name": n, "type": "string"} for n in ("tenant", "region", "product", "application")),
            {"name": "schemaVersion", "type": "int"},
            {"name": "publishedAt", "type": "string"},
            *({"name": n, **optional} for n in ("correlationId", "causationId", "traceparent")),
            {"name": "more", "type": {"type": "map", "values": "string"}, "default": {}},
        ],
    }
    document = {
        "type": "record",
        "name": "Envelope",
        "namespace": AVRO_NAMESPACE,
        "fields": [
            *(
                {"name": n, "type": "string"}
                for n in ("specversion", "type", "source", "id", "time", "datacontenttype")
            ),
            *({"name": n, **optional} for n in ("dataschema", "subject")),
            {"name": "meta", "type": meta},
            {"name": "data", "type": data},
        ],
    }
    try:
        avro_schema.parse(document)
    except ValueError as error:
        raise ValueError(f"the data schema of {name} does not fit into the envelope: {error}") from error
    return document
