"""Where subschemas are, what references mean, and embedding a schema into another document."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from headrace.model.json_references import Document, embed, fragment


def _embedded(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema as one definition of another document, which refers to it."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$ref": "#/definitions/E~v",
        "definitions": {"E~v": embed(Document(schema), ("definitions", "E~v"))},
    }


REFERENCES: dict[str, dict[str, Any]] = {
    "whole document": {"properties": {"n": {"$ref": "#"}, "v": {"type": "integer"}}},
    "definition": {"properties": {"v": {"$ref": "#/definitions/int"}}, "definitions": {"int": {"type": "integer"}}},
    "nested definition": {
        "properties": {"v": {"$ref": "#/definitions/a/definitions/int"}},
        "definitions": {"a": {"definitions": {"int": {"type": "integer"}}}},
    },
    "a definition that refers on": {
        "properties": {"v": {"$ref": "#/definitions/a"}},
        "definitions": {"a": {"$ref": "#/definitions/b"}, "b": {"type": "integer"}},
    },
    "~1 and ~0": {
        "properties": {"v": {"$ref": "#/definitions/a~1b~0c"}},
        "definitions": {"a/b~c": {"type": "integer"}},
    },
    "percent-encoded": {
        "properties": {"v": {"$ref": "#/definitions/a%20b%25"}},
        "definitions": {"a b%": {"type": "integer"}},
    },
    "relative to $id": {
        "$id": "https://example.com/schemas/order.json",
        "properties": {"v": {"$ref": "order.json#/definitions/int"}},
        "definitions": {"int": {"type": "integer"}},
    },
    "absolute $id of a definition": {
        "$id": "https://example.com/schemas/order.json",
        "properties": {"v": {"$ref": "https://example.com/schemas/int.json"}},
        "definitions": {"int": {"$id": "int.json", "type": "integer"}},
    },
    "relative to a nested $id": {
        "$id": "https://example.com/a/",
        "properties": {"v": {"$ref": "b/c.json"}},
        "definitions": {
            "c": {
                "$id": "b/c.json",
                "allOf": [{"$ref": "#/definitions/int"}],
                "definitions": {"int": {"type": "integer"}},
            }
        },
    },
    "urn": {
        "$id": "urn:example:order",
        "properties": {"v": {"$ref": "#/definitions/int"}},
        "definitions": {"int": {"type": "integer"}},
    },
    "plain name": {"properties": {"v": {"$ref": "#int"}}, "definitions": {"int": {"$id": "#int", "type": "integer"}}},
    "into an unknown keyword": {
        "properties": {"v": {"$ref": "#/x-shared/int"}},
        "x-shared": {"int": {"type": "integer"}},
    },
    "into a list": {
        "properties": {"v": {"$ref": "#/allOf/0"}},
        "allOf": [{"maximum": 5}, {"properties": {"v": {"type": "integer"}}}],
    },
}


@pytest.mark.parametrize("schema", REFERENCES.values(), ids=REFERENCES)
def test_an_embedded_schema_means_the_same(schema: dict[str, Any]) -> None:
    """Every kind of local reference still means the same after the schema moved into another document."""
    embedded = _embedded(schema)
    assert "$id" not in str(embedded)
    for data in ({"v": 1}, {"v": "x"}, {"v": 7.5}, {}, {"n": {"v": 3}}, {"n": {"v": None}}):
        outcomes = {jsonschema.Draft7Validator(s).is_valid(data) for s in (schema, embedded)}
        assert len(outcomes) == 1, data
    assert not jsonschema.Draft7Validator(embedded).is_valid({"v": "x"})


def test_data_inside_a_schema_are_left_alone() -> None:
    """`$ref` and `$id` in enum, const, default and examples, or as names of properties, are data and stay."""
    schema = {
        "properties": {"$id": {"type": "string"}, "$ref": {"const": {"$ref": "#/no"}}, "v": {"default": {"$id": "x"}}},
        "enum": [{"$ref": "nowhere", "$id": "a"}],
        "examples": [{"$ref": "#/nope"}],
    }
    assert embed(Document(schema), ("definitions", "E")) == schema


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"$ref": "#/definitions/none"}, "points nowhere"),
        ({"$ref": "https://example.com/other.json"}, "leaves the document"),
        ({"properties": {"a": {"$ref": "other.json#/definitions/b"}}}, "leaves the document"),
        ({"$ref": "#/definitions/a", "definitions": {"a": 5}}, "no schema"),
        ({"$schema": "https://example.com/mine", "type": "object"}, "not a draft"),
        (
            {"$schema": "https://json-schema.org/draft/2020-12/schema", "$dynamicRef": "#x"},
            "$dynamicRef is not supported",
        ),
        ({"$ref": "#/items/x", "items": []}, "points nowhere"),
    ],
)
def test_a_reference_that_cannot_be_followed_is_named(schema: Any, text: str) -> None:
    """A reference that leaves the document or points nowhere is a ValueError that says which and where."""
    with pytest.raises(ValueError, match="#") as caught:
        Document(schema)
    assert text in str(caught.value)


def test_fragment_escapes_what_a_uri_and_a_pointer_need() -> None:
    """Tokens with slash, tilde, blank, percent and non-ASCII become a valid URI fragment."""
    assert fragment(("a/b", "c~d", "e f%", "ü")) == "#/a~1b/c~0d/e%20f%25/%C3%BC"


def test_siblings_of_a_reference_count_from_2019_on_only() -> None:
    """In draft-07 a `$id` beside `$ref` is ignored, so it names nothing."""
    schema = {
        "allOf": [{"$id": "https://example.com/x", "$ref": "#/definitions/a"}],
        "definitions": {"a": {"type": "integer"}},
    }
    assert Document(schema).targets == {("allOf", "0"): ("definitions", "a")}
