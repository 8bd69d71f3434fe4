"""Histories of a topic's composed schema: each a list of versions, the last of which is the change."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from headrace.envelope.composition import compose
from headrace.model.schema import SchemaFormat, SchemaText
from tests.unit.catalogue.compatibility.parity.pairs import DRAFT7

Event = tuple[str, str, Any]

_CREATED: dict[str, Any] = {
    "$schema": DRAFT7,
    "type": "object",
    "required": ["storeId", "lines"],
    "properties": {
        "storeId": {"type": "string"},
        "status": {"type": "string", "enum": ["draft", "open"]},
        "note": {"type": "string"},
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["productId"],
                "properties": {"productId": {"type": "string"}, "quantity": {"type": "integer", "minimum": 0}},
            },
        },
    },
}
_OTHER: dict[str, Any] = {
    "$schema": DRAFT7,
    "type": "object",
    "required": ["reason"],
    "properties": {"reason": {"type": "string"}},
}


def _created(change: Callable[[dict[str, Any]], object] = lambda schema: None) -> Event:
    data = copy.deepcopy(_CREATED)
    change(data)
    return "Created", "com.example.order.created.v1", data


_CANCELLED: Event = ("Cancelled", "com.example.order.cancelled.v1", _OTHER)
_CLOSED: Event = ("Closed", "com.example.order.closed.v1", _OTHER)
_WITH_FIELD = _created(lambda data: data["properties"].update(region={"type": "string"}))
_WITH_LINE_FIELD = _created(
    lambda data: data["properties"]["lines"]["items"]["properties"].update(unit={"type": "string"})
)

ACCEPTED: dict[str, list[list[Event]]] = {
    "one-type-to-two": [[_created()], [_created(), _CANCELLED]],
    "two-types-to-three": [[_created(), _CANCELLED], [_created(), _CANCELLED, _CLOSED]],
    "one-to-two-to-three": [[_created()], [_created(), _CANCELLED], [_created(), _CANCELLED, _CLOSED]],
    "type-and-optional-field": [[_created()], [_WITH_FIELD, _CANCELLED]],
    "optional-field": [[_created(), _CANCELLED], [_WITH_FIELD, _CANCELLED]],
    "optional-field-below": [[_created(), _CANCELLED], [_WITH_LINE_FIELD, _CANCELLED]],
    "optional-made-required": [[_created()], [_created(lambda data: data["required"].append("note"))]],
    "itself": [[_created(), _CANCELLED], [_CANCELLED, _created()]],
}
REFUSED: dict[str, list[list[Event]]] = {
    "enum-extended": [
        [_created(), _CANCELLED],
        [_created(lambda data: data["properties"]["status"]["enum"].append("closed")), _CANCELLED],
    ],
    "optional-field-removed": [
        [_created(), _CANCELLED],
        [_created(lambda data: data["properties"].pop("note")), _CANCELLED],
    ],
    "nested-type-changed": [
        [_created()],
        [_created(lambda data: data["properties"]["lines"]["items"]["properties"].update(quantity={"type": "string"}))],
    ],
    "nested-type-changed-beside-a-new-type": [
        [_created()],
        [
            _created(
                lambda data: data["properties"]["lines"]["items"]["properties"].update(quantity={"type": "string"})
            ),
            _CANCELLED,
        ],
    ],
    "field-of-the-first-version-removed": [
        [_WITH_FIELD],
        [_WITH_FIELD, _CANCELLED],
        [_created(), _CANCELLED, _CLOSED],
    ],
}


def schema(events: list[Event]) -> SchemaText:
    """The registered schema of these events."""
    return compose(events, SchemaFormat.JSON_SCHEMA)
