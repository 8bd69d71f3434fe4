"""Avro: the rules of Apache's comparison."""

from __future__ import annotations

from typing import Any

from tests.unit.catalogue.compatibility.parity.pairs import avro


def rec(*fields: Any, **more: Any) -> dict[str, Any]:
    """A record called R."""
    return {"type": "record", "name": "R", "fields": list(fields), **more}


def f(name: str, kind: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


def enum(*symbols: str, **more: Any) -> dict[str, Any]:
    return {"type": "enum", "name": "E", "symbols": list(symbols), **more}


A = f("a", "int")
OPTIONAL = f("b", ["null", "string"], default=None)
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}
INNER = {"type": "record", "name": "I", "fields": [A]}
TREE = f("next", ["null", "R"], default=None)

_PROMOTIONS = [
    *(("int", each) for each in ("long", "float", "double")),
    *(("long", each) for each in ("float", "double")),
    ("float", "double"),
]
_MISMATCHES = [
    *(("int", each) for each in ("string", "boolean", "null", "bytes")),
    *(("string", each) for each in ("boolean", "double", "null")),
    *(("boolean", each) for each in ("null", "float")),
]

PAIRS = [
    *(
        avro(f"avro-{old}-to-{new}", rec(f("a", old)), rec(f("a", new)), "b", "a promotion goes one way")
        for old, new in _PROMOTIONS
    ),
    *(
        avro(f"avro-{old}-to-{new}", rec(f("a", old)), rec(f("a", new)), "x", "no promotion")
        for old, new in _MISMATCHES
    ),
    avro("avro-string-to-bytes", rec(f("a", "string")), rec(f("a", "bytes")), "=", "read as each other"),
    avro(
        "avro-array-items",
        rec(f("a", {"type": "array", "items": "int"})),
        rec(f("a", {"type": "array", "items": "long"})),
        "b",
        "items",
    ),
    avro(
        "avro-map-values",
        rec(f("a", {"type": "map", "values": "int"})),
        rec(f("a", {"type": "map", "values": "string"})),
        "x",
        "values",
    ),
    avro(
        "avro-array-to-map",
        rec(f("a", {"type": "array", "items": "int"})),
        rec(f("a", {"type": "map", "values": "int"})),
        "x",
        "another type",
    ),
    avro("avro-added-with-default", rec(A), rec(A, OPTIONAL), "=", "a default for the reader, ignored by the other"),
    avro(
        "avro-added-without-default", rec(A), rec(A, f("b", "string")), "f", "the new reader has nothing to put there"
    ),
    avro("avro-removed-with-default", rec(A, OPTIONAL), rec(A), "=", "the old reader has a default"),
    avro("avro-removed-without-default", rec(A, f("b", "string")), rec(A), "b", "the old reader has none"),
    avro("avro-default-added", rec(A), rec(f("a", "int", default=1)), "=", "both have the field"),
    avro("avro-default-changed", rec(f("a", "int", default=1)), rec(f("a", "int", default=2)), "=", "not compared"),
    avro("avro-renamed", rec(A), rec(f("b", "int")), "x", "another field"),
    avro("avro-renamed-with-alias", rec(A), rec(f("b", "int", aliases=["a"])), "b", "the reader's alias counts"),
    avro(
        "avro-renamed-with-alias-and-default",
        rec(f("a", "int", default=0)),
        rec(f("b", "int", aliases=["a"])),
        "=",
        "the old reader has a default",
    ),
    avro(
        "avro-alias-of-another",
        rec(A, f("b", "int")),
        rec(f("a", "int", aliases=["b"])),
        "x",
        "the alias and the name both match; the old reader lacks b's default",
    ),
    avro("avro-fields-reordered", rec(A, f("b", "int")), rec(f("b", "int"), A), "=", "by name"),
    avro(
        "avro-made-nullable",
        rec(f("a", "int")),
        rec(f("a", ["null", "int"])),
        "b",
        "one branch takes it; null has no reader before",
    ),
    avro(
        "avro-made-nullable-promoted",
        rec(f("a", "int")),
        rec(f("a", ["null", "long"])),
        "b",
        "one branch takes it by promotion",
    ),
    avro(
        "avro-union-grown",
        rec(f("a", ["null", "int"])),
        rec(f("a", ["null", "int", "string"])),
        "b",
        "the old reader lacks a branch",
    ),
    avro(
        "avro-union-reordered", rec(f("a", ["null", "int"])), rec(f("a", ["int", "null"])), "=", "order does not count"
    ),
    avro("avro-union-of-one", rec(f("a", ["int"])), rec(f("a", "int")), "=", "a union of one"),
    avro("avro-union-promoted", rec(f("a", ["null", "int"])), rec(f("a", ["null", "long"])), "b", "branch by branch"),
    avro(
        "avro-union-read-by-one",
        rec(f("a", ["int", "long"])),
        rec(f("a", "long")),
        "=",
        "all branches fit the one, and one of them takes it",
    ),
    avro("avro-union-branch-changed", rec(f("a", ["null", "int"])), rec(f("a", ["null", "string"])), "x", "no branch"),
    avro(
        "avro-enum-extended", rec(f("a", enum("A"))), rec(f("a", enum("A", "B"))), "b", "the old reader lacks a symbol"
    ),
    avro(
        "avro-enum-extended-with-default",
        rec(f("a", enum("A", default="A"))),
        rec(f("a", enum("A", "B", default="A"))),
        "=",
        "the old reader's default stands for it",
    ),
    avro(
        "avro-enum-narrowed-with-default",
        rec(f("a", enum("A", "B"))),
        rec(f("a", enum("A", default="A"))),
        "=",
        "the new reader's default stands for it",
    ),
    avro("avro-enum-reordered", rec(f("a", enum("A", "B"))), rec(f("a", enum("B", "A"))), "=", "by name"),
    avro("avro-enum-renamed", rec(f("a", enum("A"))), rec(f("a", {**enum("A"), "name": "G"})), "x", "names count"),
    avro(
        "avro-enum-added-with-its-default",
        rec(A),
        rec(A, f("e", enum("A", default="A"))),
        "f",
        "an enum's default is not the field's",
    ),
    avro("avro-enum-to-string", rec(f("a", enum("A"))), rec(f("a", "string")), "x", "another type"),
    avro(
        "avro-fixed-size",
        rec(f("a", {"type": "fixed", "name": "F", "size": 3})),
        rec(f("a", {"type": "fixed", "name": "F", "size": 4})),
        "x",
        "sizes count",
    ),
    avro(
        "avro-fixed-renamed",
        rec(f("a", {"type": "fixed", "name": "F", "size": 3})),
        rec(f("a", {"type": "fixed", "name": "G", "size": 3})),
        "x",
        "names count",
    ),
    avro(
        "avro-fixed-to-bytes",
        rec(f("a", {"type": "fixed", "name": "F", "size": 3})),
        rec(f("a", "bytes")),
        "x",
        "another type",
    ),
    avro("avro-record-renamed", rec(A), {**rec(A), "name": "S"}, "x", "names count"),
    avro(
        "avro-record-renamed-with-alias",
        rec(A),
        {**rec(A), "name": "S", "aliases": ["R"]},
        "b",
        "the reader's alias counts",
    ),
    avro(
        "avro-namespace-changed",
        rec(A, namespace="x"),
        rec(A, namespace="y"),
        "=",
        "only the last part of a name counts",
    ),
    avro("avro-nested-added", rec(f("i", INNER)), rec(f("i", {**INNER, "fields": [A, OPTIONAL]})), "=", "at any depth"),
    avro(
        "avro-nested-added-without-default",
        rec(f("i", INNER)),
        rec(f("i", {**INNER, "fields": [A, f("c", "int")]})),
        "f",
        "at any depth",
    ),
    avro(
        "avro-nested-in-union",
        rec(f("i", ["null", INNER])),
        rec(f("i", ["null", {**INNER, "fields": [A, f("c", "int")]}])),
        "f",
        "a branch that does not fit is a branch that is not there",
    ),
    avro("avro-nested-made-primitive", rec(f("i", INNER)), rec(f("i", "int")), "x", "another type"),
    avro("avro-recursive", rec(A, TREE), rec(A, TREE, doc="d"), "=", "a pair that is met again fits"),
    avro("avro-recursive-added", rec(A, TREE), rec(A, TREE, f("b", "int")), "f", "found on the way"),
    avro("avro-recursive-added-with-default", rec(A, TREE), rec(A, TREE, OPTIONAL), "=", "found on the way"),
    avro(
        "avro-logical-added",
        rec(f("a", "int")),
        rec(f("a", {"type": "int", "logicalType": "date"})),
        "=",
        "not compared",
    ),
    avro("avro-decimal-scale", rec(f("a", DECIMAL)), rec(f("a", {**DECIMAL, "scale": 3})), "=", "not compared"),
    avro(
        "avro-timestamp-unit",
        rec(f("a", {"type": "long", "logicalType": "timestamp-millis"})),
        rec(f("a", {"type": "long", "logicalType": "timestamp-micros"})),
        "=",
        "not compared",
    ),
    avro("avro-doc", rec(A), rec(f("a", "int", doc="d"), doc="d"), "=", "annotations"),
    avro("avro-primitive", "int", "long", "b", "a schema need not be a record"),
    avro("avro-record-to-primitive", rec(A), "string", "x", "another type"),
    avro(
        "avro-two-changes",
        rec(A, f("b", "int")),
        rec(A, f("b", "long"), f("c", "int", default=0)),
        "b",
        "all have to fit",
    ),
]
