"""Everyday changes of a data schema, each as an old and a new one; open, or closed at every level."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from headrace.catalogue.compatibility.checker import check_pair
from headrace.catalogue.compatibility.verdict import PairVerdict, Verdict
from headrace.model.schema import Compatibility, SchemaFormat, SchemaText

DRAFT7 = "http://json-schema.org/draft-07/schema#"

Schema = dict[str, Any]

STORE: Final[Schema] = {"type": "string", "minLength": 1}
QUANTITY: Final[Schema] = {"type": "integer", "minimum": 0}
CHANNEL: Final[Schema] = {"type": "string", "enum": ["store", "web"]}
NOTE: Final[Schema] = {"type": "string", "maxLength": 40}
DAY: Final[Schema] = {"type": "string", "format": "date"}
CODE: Final[Schema] = {"type": "string", "pattern": "^[A-Z]{3}$"}
TAGS: Final[Schema] = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 5}
REASON: Final[Schema] = {"type": "string", "examples": ["damaged", "late"]}


def thing(required: tuple[str, ...], **properties: Schema) -> Schema:
    """An object."""
    return {"type": "object", "required": list(required), "properties": properties}


CARD: Final = thing(("kind", "number"), kind={"const": "card"}, number={"type": "string"})
CASH: Final = thing(("kind", "till"), kind={"const": "cash"}, till={"type": "integer"})
GIFT: Final = thing(("kind",), kind={"const": "gift"})
LINE: Final = thing(("productId",), productId={"type": "string"}, pieces={"type": "integer"})
PLACE: Final = thing((), aisle={"type": "integer"})

PROPERTIES: Final[Mapping[str, Schema]] = {
    "storeId": STORE,
    "quantity": QUANTITY,
    "channel": CHANNEL,
    "note": NOTE,
    "day": DAY,
    "code": CODE,
    "reason": REASON,
    "tags": TAGS,
    "lines": {"type": "array", "items": LINE},
    "payment": {"oneOf": [CARD, CASH]},
    "place": PLACE,
}
REQUIRED: Final = ("storeId", "quantity", "channel")


def order(
    *,
    required: tuple[str, ...] = REQUIRED,
    without: tuple[str, ...] = (),
    more: Schema | None = None,
    **changed: Schema,
) -> Schema:
    """The data schema of an order, with these fields put in place of its own."""
    properties = {name: changed.get(name, schema) for name, schema in PROPERTIES.items() if name not in without}
    properties |= {name: schema for name, schema in changed.items() if name not in properties}
    return {"$schema": DRAFT7, **thing(required, **properties), **(more or {})}


OLD: Final = order()

CHANGES: Final[Mapping[str, tuple[Schema, Schema]]] = {
    "nothing but a description, an example, `deprecated: true`": (
        OLD,
        order(note={**NOTE, "deprecated": True, "description": "Free text.", "examples": ["a"]}),
    ),
    "an optional field added": (OLD, order(promotionId={"type": "string"})),
    "a required field added": (OLD, order(promotionId={"type": "string"}, required=(*REQUIRED, "promotionId"))),
    "an optional field added in the items of a list": (
        OLD,
        order(lines={"type": "array", "items": thing(("productId",), **LINE["properties"], unit={"type": "string"})}),
    ),
    "a required field added in the items of a list": (
        OLD,
        order(
            lines={
                "type": "array",
                "items": thing(("productId", "unit"), **LINE["properties"], unit={"type": "string"}),
            }
        ),
    ),
    "an optional field made required": (OLD, order(required=(*REQUIRED, "note"))),
    "a required field made optional": (OLD, order(required=("storeId", "channel"))),
    "an optional field removed": (OLD, order(without=("note",))),
    "an optional field removed in the items of a list": (
        OLD,
        order(lines={"type": "array", "items": thing(("productId",), productId={"type": "string"})}),
    ),
    "a required field removed": (OLD, order(without=("quantity",), required=("storeId", "channel"))),
    "a required field renamed": (
        OLD,
        order(without=("quantity",), pieces=QUANTITY, required=("storeId", "channel", "pieces")),
    ),
    "a list of values (`enum`) extended": (OLD, order(channel={"type": "string", "enum": ["store", "web", "phone"]})),
    "a list of values (`enum`) shortened": (OLD, order(channel={"type": "string", "enum": ["store"]})),
    "a list of values that grows (`type: string` with `examples`) extended": (
        OLD,
        order(reason={"type": "string", "examples": ["damaged", "late", "wrong"]}),
    ),
    "null allowed": (OLD, order(quantity={"type": ["integer", "null"], "minimum": 0})),
    "integer to number": (OLD, order(quantity={"type": "number", "minimum": 0})),
    "integer to text": (OLD, order(quantity={"type": "string"})),
    "minimum lowered": (OLD, order(quantity={"type": "integer", "minimum": -10})),
    "`maxLength` raised": (OLD, order(note={"type": "string", "maxLength": 80})),
    "`maxLength` lowered": (OLD, order(note={"type": "string", "maxLength": 20})),
    "format changed (date to date-time)": (OLD, order(day={"type": "string", "format": "date-time"})),
    "pattern widened": (OLD, order(code={"type": "string", "pattern": "^[A-Z]{3,4}$"})),
    "a list may be empty": (OLD, order(tags={"type": "array", "items": {"type": "string"}, "maxItems": 5})),
    "an alternative added (`oneOf`)": (OLD, order(payment={"oneOf": [CARD, CASH, GIFT]})),
    "a field made optional within an alternative": (
        OLD,
        order(payment={"oneOf": [CARD, thing(("kind",), kind={"const": "cash"}, till={"type": "integer"})]}),
    ),
    "a field that goes with another no longer has to": (
        order(more={"dependencies": {"note": ["code"]}}),
        OLD,
    ),
    "an object begins to refuse other fields (`additionalProperties: false`)": (
        OLD,
        order(place={**PLACE, "additionalProperties": False}),
    ),
}
"""By what a person did: the schemas before and after."""


def closed(schema: Any) -> Any:
    """The same with ``additionalProperties: false`` in every object."""
    if isinstance(schema, dict):
        out = {key: closed(value) for key, value in schema.items()}
        return {**out, "additionalProperties": False} if schema.get("type") == "object" else out
    return [closed(value) for value in schema] if isinstance(schema, list) else schema


def answer(old: Schema, new: Schema, mode: str, form: SchemaFormat = SchemaFormat.JSON_SCHEMA) -> str:
    """``no: refused, broken, broken; HC203``: the answer for a team, what the registry (`confluent`) says, the tolerant and
    the semantic verdict, and the findings' codes."""
    text = [SchemaText(form, json.dumps(schema)) for schema in (old, new)]
    verdict = check_pair(text[0], text[1], Compatibility(mode), "confluent", version=3)
    codes = sorted({each.code for each in verdict.findings})
    registry = "accepted" if verdict.registry.accepted else "refused"
    tail = f"; {', '.join(codes)}" if codes else ""
    return f"{_word(verdict)}: {registry}, {verdict.tolerant.value}, {verdict.semantic.value}{tail}"


def _word(verdict: PairVerdict) -> str:
    codes = {each.code for each in verdict.findings}
    if verdict.tolerant is not Verdict.SAFE:
        return "no"
    if "HC103" in codes:
        return "not now"
    if "HC106" in codes:
        return "fault"
    return "yes" if verdict.registry.accepted else "exception"
