"""Edits of Avro schemas, by the rule of resolution that they touch (Avro specification 1.12, "Schema Resolution")."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

from tests.soundness.retail import avro_schemas

Record = dict[str, Any]
Chance = random.Random
Made = Callable[[Chance, Record], tuple[list[Record], list[Record]]]
"""The fields that stand before and after, to be added to a record."""

EDITS: dict[str, Made] = {}


def edit(keyword: str) -> Callable[[Made], Made]:
    def register(function: Made) -> Made:
        EDITS[keyword] = function
        return function

    return register


def _f(type_: Any, **more: Any) -> list[Record]:
    return [{"name": "extra", "type": type_, **more}]


NUMBERS = ["int", "long", "float", "double"]


@edit("avro default")
def default(r: Chance, record: Record) -> tuple[list[Record], list[Record]]:
    type_, value = r.choice([("int", 0), ("string", ""), (["null", "string"], None), ("boolean", True)])
    return r.choice([(_f(type_, default=value), []), (_f(type_), []), (_f(type_), _f(type_, default=value))])


@edit("avro promotion")
def promotion(r: Chance, record: Record) -> tuple[list[Record], list[Record]]:
    one, other = r.sample(r.choice([NUMBERS, NUMBERS, ["string", "bytes"]]), 2)
    return _f(one), _f(other)


@edit("avro type")
def type_(r: Chance, record: Record) -> tuple[list[Record], list[Record]]:
    one, other = r.sample(["int", "string", "boolean", {"type": "array", "items": "int"}, "null", "double"], 2)
    return _f(one), _f(other)


@edit("avro null")
def null(r: Chance, record: Record) -> tuple[list[Record], list[Record]]:
    one = r.choice(["int", "string", "boolean", "long"])
    return _f(one), _f(r.choice([["null", one], [one, "null"]]))


@edit("avro union")
def union(r: Chance, record: Record) -> tuple[list[Record], list[Record]]:
    some = r.sample(["null", "int", "string", "boolean", "double"], r.randint(2, 3))
    more = [*some, *r.sample([t for t in ("bytes", "long", "float") if t not in some], 1)]
    return _f(some), _f(r.choice([more, some[::-1], some[:-1], some[0]]))


def _enum(symbols: list[str], **more: Any) -> Record:
    return {"type": "enum", "name": "ExtraKind", "symbols": symbols, **more}


@edit("avro enum")
def enum(r: Chance, record: Record) -> tuple[list[Record], list[Record]]:
    some = r.sample(["SALE", "RETURN", "VOID", "PROMO"], r.randint(2, 3))
    more = [*some, "NEW"]
    first: Record = r.choice([{}, {"default": some[0]}])
    return _f(_enum(some, **first)), _f(r.choice([_enum(more, **first), _enum(some[:-1] or some), _enum(some[::-1])]))


@edit("avro fixed")
def fixed(r: Chance, record: Record) -> tuple[list[Record], list[Record]]:
    def made(size: int, name: str = "ExtraHash") -> Record:
        return {"type": "fixed", "name": name, "size": size}

    size = r.randint(1, 16)
    return _f(made(size)), _f(r.choice([made(size + r.randint(1, 3)), made(size, "OtherHash"), made(size + 1)]))


@edit("avro decimal")
def decimal(r: Chance, record: Record) -> tuple[list[Record], list[Record]]:
    def made(precision: int, scale: int) -> Record:
        return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}

    precision = r.randint(6, 12)
    return _f(made(precision, 2)), _f(r.choice([made(precision, 3), made(precision + r.randint(1, 4), 2)]))


@edit("avro logical type")
def logical(r: Chance, record: Record) -> tuple[list[Record], list[Record]]:
    kind, name = r.choice(
        [("long", "timestamp-millis"), ("int", "date"), ("string", "uuid"), ("long", "timestamp-micros")]
    )
    other = r.choice([kind, {"type": kind, "logicalType": name, "doc": "x"}, "double" if kind != "string" else "bytes"])
    return _f({"type": kind, "logicalType": name}), _f(other)


@edit("avro alias")
def alias(r: Chance, record: Record) -> tuple[list[Record], list[Record]]:
    kind = r.choice(["int", "string", "long", "boolean", ["null", "int"]])
    renamed = {"name": "renamed", "type": kind}
    return _f(kind), [{**renamed, **r.choice([{"aliases": ["extra"]}, {"aliases": ["extra"]}, {}])}]


def _inner(name: str, fields: list[Record], **more: Any) -> Record:
    return {"type": "record", "name": name, "fields": fields, **more}


@edit("avro name")
def name_(r: Chance, record: Record) -> tuple[list[Record], list[Record]]:
    fields = [{"name": "a", "type": r.choice(["int", "string", "boolean", "double", "long", "bytes"])}]
    other = r.choice([{"aliases": ["Inner"]}, {}, {"aliases": ["Older"]}])
    return _f(_inner("Inner", fields)), _f(_inner("Renamed", fields, **other))


@edit("avro array")
def array(r: Chance, record: Record) -> tuple[list[Record], list[Record]]:
    one, other = r.sample([*NUMBERS, "string", "boolean"], 2)
    return _f({"type": "array", "items": one}), _f({"type": "array", "items": other})


@edit("avro map")
def map_(r: Chance, record: Record) -> tuple[list[Record], list[Record]]:
    one, other = r.sample([*NUMBERS, "string", "boolean"], 2)
    return _f({"type": "map", "values": one}), _f({"type": "map", "values": other})


@edit("avro nested")
def nested(r: Chance, record: Record) -> tuple[list[Record], list[Record]]:
    one, other = r.sample([*NUMBERS, "string"], 2)
    first = [{"name": "a", "type": one}]
    second = r.choice(
        [
            [{"name": "a", "type": other}],
            [*first, {"name": "b", "type": other, "default": "" if other == "string" else 0}],
        ]
    )
    return _f(_inner("Inner", first)), _f(_inner("Inner", second))


@edit("avro recursion")
def recursion(r: Chance, record: Record) -> tuple[list[Record], list[Record]]:
    one, other = r.sample([*NUMBERS, "string"], 2)

    def made(kind: str) -> Record:
        following = {"name": "next", "type": ["null", "Link"], "default": None}
        return _inner("Link", [{"name": "a", "type": kind}, following])

    return _f(made(one)), _f(made(other))


def _records(schema: Any) -> list[Record]:
    """Every record of a schema, outermost first."""
    if isinstance(schema, list):
        return [found for branch in schema for found in _records(branch)]
    if not isinstance(schema, dict):
        return []
    if schema["type"] == "record":
        return [schema, *(found for field in schema["fields"] for found in _records(field["type"]))]
    return _records(schema.get("items", schema.get("values", schema["type"])))


def _edited(schema: Any, index: int, fields: list[Record]) -> Any:
    out = copy.deepcopy(schema)
    record = _records(out)[index]
    record["fields"] = [*record["fields"], *copy.deepcopy(fields)]
    return out


def edited(each: int) -> Iterator[tuple[str, Any, Any, str]]:
    """``each`` edits of every kind: keyword, before, after, the schema's name."""
    schemas = avro_schemas()
    for keyword, make in EDITS.items():
        r = random.Random(f"soundness {keyword}")
        made: list[tuple[Any, Any]] = []
        while len(made) < each:
            name = r.choice(list(schemas))
            index = r.randrange(len(_records(schemas[name])))
            before, after = make(r, _records(schemas[name])[index])
            pair = _edited(schemas[name], index, before), _edited(schemas[name], index, after)
            if pair not in made and pair[0] != pair[1]:
                made.append(pair)
                yield keyword, *pair, name
