from __future__ import annotations

import ast
import sys
import types
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from headrace.model.product import EventDeclaration, SchemaVersion
from headrace.model.schema import SchemaFormat
from headrace.streaming.model_source import model_source
from headrace.testing.small_catalogue import small_catalogue

SALES = small_catalogue().products["sales-events.v1"]


def module(*schemas: Any, fmt: SchemaFormat = SchemaFormat.JSON_SCHEMA) -> types.ModuleType:
    versions = tuple(SchemaVersion(n, "x.json", schema) for n, schema in enumerate(schemas, 1))
    event = EventDeclaration("Thing", "com.example.thing.v1", fmt, versions, description='What "happened".')
    return load(model_source(replace(SALES, events=(event,))))


def load(source: str) -> types.ModuleType:
    ast.parse(source)
    made = types.ModuleType("generated_models")
    sys.modules[made.__name__] = made
    exec(source, made.__dict__)
    return made


def test_a_model_says_which_event_it_is() -> None:
    """Product, event and major are on the class; names are Python's in code and JSON's in data."""
    made = load(model_source(SALES)).SaleRecorded
    assert (made.__product__, made.__event__, made.__major__) == ("sales-events", "SaleRecorded", 1)
    sale = made(store_id="s1", product_id="p1", quantity=2)
    assert msgspec.json.encode(sale) == b'{"storeId":"s1","productId":"p1","quantity":2}'


def test_what_a_version_lacks_is_optional() -> None:
    """A field that came with a later version, or that one version does not require, has the default None."""
    old = {"type": "object", "required": ["a", "b"], "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}
    new = {
        "type": "object",
        "required": ["a", "c"],
        "properties": {"a": {"type": "string"}, "b": {"type": "string"}, "c": {"type": "integer"}},
    }
    thing = module(old, new).Thing
    assert msgspec.convert({"a": "x"}, thing) == thing(a="x", b=None, c=None)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"b": "x"}, thing)


def test_nested_types_become_classes() -> None:
    """Objects, arrays, references (a recursive one too), maps, enums, unions and awkward names."""
    schema = {
        "type": "object",
        "required": ["lines", "class", "kind"],
        "definitions": {
            "Node": {
                "type": "object",
                "properties": {"children": {"type": "array", "items": {"$ref": "#/definitions/Node"}}},
            }
        },
        "properties": {
            "lines": {"type": "array", "items": {"type": "object", "properties": {"unitPrice": {"type": "number"}}}},
            "class": {"type": ["string", "null"]},
            "kind": {"enum": ["a", "b"]},
            "tree": {"$ref": "#/definitions/Node"},
            "by-day": {"type": "object", "additionalProperties": {"type": "integer"}},
            "either": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
            "open": {},
            "HTTPStatus": {"type": "integer"},
        },
    }
    thing = module(schema).Thing
    data = {
        "lines": [{"unitPrice": 1.5}],
        "class": None,
        "kind": "b",
        "tree": {"children": [{"children": []}]},
        "by-day": {"mon": 1},
        "either": "x",
        "open": [1],
        "HTTPStatus": 200,
    }
    made = msgspec.convert(data, thing)
    assert made.lines[0].unit_price == 1.5
    assert made.class_ is None
    assert made.tree.children[0].children == []
    assert made.by_day == {"mon": 1}
    assert (made.either, made.open, made.http_status) == ("x", [1], 200)
    assert msgspec.json.decode(msgspec.json.encode(made)) == data
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(data | {"kind": "c"}, thing)


def test_avro_records_become_classes_too() -> None:
    """Records, arrays, optional unions, enums and named types used again."""
    schema = {
        "type": "record",
        "name": "Thing",
        "fields": [
            {"name": "shelves", "type": {"type": "array", "items": {
                "type": "record", "name": "Shelf", "fields": [{"name": "widthMm", "type": "int"}]}}},
            {"name": "top", "type": ["null", "Shelf"], "default": None},
            {"name": "status", "type": {"type": "enum", "name": "Status", "symbols": ["OPEN", "SHUT"]}},
            {"name": "codes", "type": {"type": "map", "values": "long"}},
        ],
    }  # fmt: skip
    thing = module(schema, fmt=SchemaFormat.AVRO).Thing
    made = msgspec.convert(
        {"shelves": [{"widthMm": 5}], "top": {"widthMm": 1}, "status": "OPEN", "codes": {"a": 1}}, thing
    )
    assert (made.shelves[0].width_mm, made.top.width_mm, made.status, made.codes) == (5, 1, "OPEN", {"a": 1})


def test_the_source_is_the_same_every_time() -> None:
    """Generating twice gives the same text, so that a repository that keeps it sees no noise."""
    assert model_source(SALES) == model_source(SALES)
