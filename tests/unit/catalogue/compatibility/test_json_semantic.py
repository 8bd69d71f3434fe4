"""The verdict on JSON Schemas: proved safe, broken with a document that shows it, or undecided."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.catalogue.compatibility.json_nodes import JsonSchema
from headrace.catalogue.compatibility.json_prover import Prover
from headrace.catalogue.compatibility.json_semantic import coverage
from headrace.model.json_schema import compile_schema


def record(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields}


TREE = {"type": "object", "properties": {"v": {"type": "integer"}, "next": {"$ref": "#"}}, "required": ["v"]}
WIDER_TREE = {
    "type": "object",
    "properties": {"v": {"type": "number"}, "next": {"anyOf": [{"type": "null"}, {"$ref": "#"}]}},
    "required": ["v"],
}
SHAPES = {
    "oneOf": [
        {"type": "object", "properties": {"k": {"const": "a"}, "x": {"type": "integer"}}, "required": ["k"]},
        {"type": "object", "properties": {"k": {"const": "b"}, "y": {"type": "string"}}, "required": ["k", "y"]},
    ]
}
MORE_SHAPES = {"oneOf": [*SHAPES["oneOf"], {"type": "object", "properties": {"k": {"const": "c"}}, "required": ["k"]}]}

SAFE = [
    (record(a={"type": "integer"}), record(a={"type": "number"})),
    (record(a={"type": "integer", "minimum": 1}), record(a={"exclusiveMinimum": 0})),
    (record(a={"type": "integer"}), record(a={"type": "number", "multipleOf": 0.01})),
    (record(a={"pattern": "^[A-Z]{3}$", "type": "string"}), record(a={"pattern": "^[A-Z]{2,4}$"})),
    (record(a={"format": "uuid", "type": "string"}), record(a={"minLength": 36, "maxLength": 36})),
    (record(a={"enum": ["x"]}), record(a={"enum": ["x", "y"]})),
    (record(a={"type": "boolean"}), record(a={"enum": [True, False]})),
    (TREE, WIDER_TREE),
    (SHAPES, MORE_SHAPES),
    ({"not": {"not": {"type": "string"}}}, {"type": "string"}),
]


@pytest.mark.parametrize(("writer", "reader"), SAFE)
def test_what_is_wider_is_proved_safe(writer: Any, reader: Any) -> None:
    """Each pair whose reader takes more is proved, and the other way round a document shows the break."""
    assert coverage(JsonSchema(writer), JsonSchema(reader)).safe
    back = coverage(JsonSchema(reader), JsonSchema(writer))
    if back.safe:
        return
    documents = [shown.document for shown in back.gaps if shown.found]
    assert documents
    for document in documents:
        assert compile_schema(reader).is_valid(document)
        assert not compile_schema(writer).is_valid(document)


def test_a_new_optional_field_breaks_an_open_writer_and_not_a_tolerant_one() -> None:
    """A writer that may send anything can send the new field as something else; one that sends only what it declares
    cannot."""
    writer, reader = record(a={"type": "integer"}), record(a={"type": "integer"}, b={"type": "string"})
    assert coverage(JsonSchema(writer), JsonSchema(reader)).broken
    assert Prover(tolerant=True).covers(JsonSchema(writer).root, JsonSchema(reader).root) == ()
