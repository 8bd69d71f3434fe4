"""The verdict on Avro schemas follows the specification's resolution, and fastavro confirms each break."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headrace.catalogue.compatibility.avro_verdict import direction_verdict
from headrace.catalogue.compatibility.verdict import Direction, Verdict
from headrace.model.avro_schema import parse


def record(*fields: dict[str, Any], name: str = "Plan", **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": list(fields), **more}


def field(name: str, kind: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


A, B = field("a", "int"), field("b", "string")
AB = {"type": "enum", "name": "K", "symbols": ["A", "B"]}
ABC = {"type": "enum", "name": "K", "symbols": ["A", "B", "C"]}
LONGS, INTS = {"type": "array", "items": "long"}, {"type": "array", "items": "int"}
MAP = {"type": "map", "values": "string"}

CASES = [
    ("a field more for the writer", record(A, B), record(A), "safe"),
    ("a field more for the reader", record(A), record(A, B), "removed b"),
    ("a field more for the reader, with a default", record(A), record(A, field("b", "int", default=0)), "safe"),
    ("a promotion", record(A), record(field("a", "double")), "safe"),
    ("a promotion backwards", record(field("a", "double")), record(A), "type a"),
    ("a renamed field with an alias", record(A), record(field("z", "int", aliases=["a"])), "safe"),
    ("a renamed record", record(A), record(A, name="Other"), "name "),
    ("a renamed record with an alias", record(A), record(A, name="Other", aliases=["Plan"]), "safe"),
    ("another namespace", record(A, namespace="x"), record(A, namespace="y"), "safe"),
    ("null allowed", record(field("a", ["null", "int"])), record(A), "null a"),
    ("null taken", record(A), record(field("a", ["null", "int"])), "safe"),
    ("a symbol more", record(field("k", ABC)), record(field("k", AB)), "values k"),
    ("a symbol more, with a default", record(field("k", ABC)), record(field("k", {**AB, "default": "A"})), "safe"),
    ("an item", record(field("l", LONGS)), record(field("l", INTS)), "type l[]"),
    ("a map", record(field("m", MAP)), record(field("m", {**MAP, "values": "int"})), "type m.*"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "writer", "reader", "expected"), CASES, ids=[c[0] for c in CASES])
def test_resolution_decides_and_fastavro_confirms(what: str, writer: Any, reader: Any, expected: str) -> None:
    """What the specification resolves is safe; what it does not is broken, with an event that fastavro refuses to read."""
    found = direction_verdict(parse(writer), parse(reader), Direction.BACKWARD)
    if expected == "safe":
        assert (found.tolerant, found.findings) == (Verdict.SAFE, ())
    else:
        assert found.tolerant is Verdict.BROKEN
        assert [f"{f.rule} {f.path}" for f in found.findings] == [expected]
        assert found.witnesses


def test_a_decimal_of_another_scale_is_never_called_safe() -> None:
    """Readers that compare bytes only read another number: no witness by fastavro, and undecided."""
    old, new = (
        record(field("p", {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": scale}))
        for scale in (2, 3)
    )
    found = direction_verdict(parse(old), parse(new), Direction.FORWARD)
    assert found.tolerant is Verdict.UNDECIDED
    assert [f.code for f in found.findings] == ["HC204"]


def test_recursive_schemas_end() -> None:
    """A tree whose values grow is compared once, and its witness is finite."""
    tree = record(field("v", "int"), field("children", {"type": "array", "items": "Plan"}))
    wider = json.loads(json.dumps(tree).replace('"int"', '"long"'))
    assert direction_verdict(parse(tree), parse(wider), Direction.BACKWARD).tolerant is Verdict.SAFE
    assert direction_verdict(parse(wider), parse(tree), Direction.BACKWARD).tolerant is Verdict.BROKEN
