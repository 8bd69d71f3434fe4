"""Schemas made to hurt: deep, looping, exponential, huge. By name, each with what it may be answered with."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

D20 = "https://json-schema.org/draft/2020-12/schema"
STRING: Any = {"type": "string"}
Pair = tuple[Any, Any]


def nested(depth: int) -> str:
    """An object in an object: as text, which Python's own JSON writer could not make."""
    return '{"properties":{"a":' * depth + "{}" + "}}" * depth


def _leaf(length: int) -> dict[str, Any]:
    return {"type": "string", "maxLength": length}


def alternatives(width: int, depth: int, length: int) -> Any:
    """``width`` alternatives, told apart by a constant, each with a `oneOf` nested ``depth`` deep."""

    def deep(level: int, number: int) -> Any:
        if level == 0:
            return _leaf(length)
        kind = {"const": f"k{number}-{level}"}
        inner = {"oneOf": [deep(level - 1, number), {"type": "null"}]}
        return {"type": "object", "properties": {"kind": kind, "in": inner}, "required": ["kind"]}

    return {"oneOf": [deep(depth, number) for number in range(width)]}


def by_reference(levels: int, width: int, length: int, *, in_place: bool = False) -> Any:
    """``levels`` definitions, each a `oneOf` of ``width`` alternatives that all go on to the next: width ** levels ways."""
    definitions: dict[str, Any] = {"L0": _leaf(length)}
    for level in range(1, levels + 1):
        below = {"$ref": f"#/$defs/L{level - 1}"}
        branches: list[Any] = []
        for number in range(width):
            kind = {"const": f"{level}-{number}"}
            if in_place:
                branches.append({"properties": {f"k{level}": kind}, "required": [f"k{level}"], "allOf": [below]})
            else:
                branches.append({"type": "object", "properties": {"k": kind, "v": below}, "required": ["k", "v"]})
        definitions[f"L{level}"] = {"oneOf": branches}
    return {"$schema": D20, "$ref": f"#/$defs/L{levels}", "$defs": definitions}


def _tagged(level: int, number: int, value: Any) -> Any:
    return {"type": "object", "properties": {"k": {"const": f"{level}-{number}"}, "v": value}, "required": ["k"]}


def chain(levels: int, width: int, length: int) -> Any:
    """A `oneOf` of ``width`` in the first branch of a `oneOf`, written out."""
    if levels == 0:
        return _leaf(length)
    inner = [chain(levels - 1, width, length), *({"type": "integer"} for _ in range(width - 1))]
    return {"oneOf": [_tagged(levels, number, value) for number, value in enumerate(inner)]}


def doubling(depth: int, length: int) -> Any:
    """A `oneOf` of two in both branches: 2 ** depth leaves, written out."""
    if depth == 0:
        return _leaf(length)
    return {"oneOf": [_tagged(depth, number, doubling(depth - 1, length)) for number in range(2)]}


def fields(number: int, length: int) -> Any:
    named = {f"field{n}": _leaf(20) for n in range(number)} | {"field7": _leaf(length)}
    return {"type": "object", "properties": named, "required": sorted(named)[::2]}


def choices(number: int) -> Any:
    return {"allOf": [{"anyOf": [{"required": [f"a{n}"]}, {"required": [f"b{n}"]}]} for n in range(number)]}


def tree(value: str) -> Any:
    below = {"type": "array", "items": {"$ref": "#"}}
    return {"type": "object", "properties": {"value": {"type": value}, "below": below}}


def _doubled() -> Any:
    step = {f"a{n}": {"allOf": [{"$ref": f"#/definitions/a{n + 1}"}] * 2} for n in range(25)}
    return {"definitions": {**step, "a25": {"type": "string"}}, "$ref": "#/definitions/a0"}


def _loop() -> Any:
    first = {"allOf": [{"$ref": "#/definitions/b"}]}
    return {"definitions": {"a": first, "b": {"$ref": "#/definitions/a"}}, "$ref": "#/definitions/a"}


def _pattern(text: str) -> Any:
    return {"type": "string", "pattern": text}


def _words(number: int) -> Any:
    return _pattern("|".join(f"w{n}" for n in range(number)))


def _values(number: int) -> Any:
    return {"enum": [f"value {n}" for n in range(number)]}


def _many_a(most: str) -> Any:
    return _pattern("^" + most + "$")


REFUSED, SAFE, BROKEN = ("refused",), ("safe",), ("broken",)
NOT_SAFE = ("broken", "undecided")
NOT_BROKEN = ("safe", "undecided")

CASES: dict[str, tuple[Callable[[], Pair], tuple[str, ...]]] = {
    "100,000 levels": (lambda: (nested(100_000), STRING), REFUSED),
    "900 levels": (lambda: (nested(900), STRING), REFUSED),
    "150 levels": (lambda: (nested(150), STRING), ("refused", "broken")),
    "30 levels": (lambda: (nested(30), nested(29)), SAFE),
    "a million repetitions": (lambda: (_pattern("(a{1000}){1000}"), STRING), REFUSED),
    "150,000 characters of pattern": (lambda: (_words(25_000), _words(25_001)), ("undecided", "refused")),
    "an automaton of 2 ** 14 states": (lambda: (_pattern("^(.*a.{14})$"), _pattern("^(.*b.{14})$")), NOT_SAFE),
    "nested optional repetitions": (lambda: (_many_a("(a?){40}a{40}"), _many_a("(a|aa)+")), NOT_BROKEN),
    "a reference to itself": (lambda: ({"$ref": "#"}, STRING), REFUSED),
    "a loop of references": (lambda: (_loop(), STRING), REFUSED),
    "a reference over the network": (lambda: ({"$ref": "http://127.0.0.1:9/x.json"}, STRING), REFUSED),
    "a reference to a file": (lambda: ({"$ref": "file:///etc/hostname"}, STRING), REFUSED),
    "50,000 values, one more": (lambda: (_values(50_000), _values(50_001)), SAFE),
    "50,000 values, one fewer": (lambda: (_values(50_001), _values(50_000)), BROKEN),
    "12 alternatives, 5 deep, wider": (lambda: (alternatives(12, 5, 9), alternatives(12, 5, 20)), SAFE),
    "12 alternatives, 5 deep, narrower": (lambda: (alternatives(12, 5, 20), alternatives(12, 5, 9)), NOT_SAFE),
    "12 levels of 5, wider": (lambda: (chain(12, 5, 9), chain(12, 5, 20)), SAFE),
    "12 levels of 5, narrower": (lambda: (chain(12, 5, 20), chain(12, 5, 9)), NOT_SAFE),
    "12 levels of 5 by reference, wider": (lambda: (by_reference(12, 5, 9), by_reference(12, 5, 20)), SAFE),
    "12 levels of 5 by reference, narrower": (lambda: (by_reference(12, 5, 20), by_reference(12, 5, 9)), NOT_SAFE),
    "5 levels of 12 by reference, wider": (lambda: (by_reference(5, 12, 9), by_reference(5, 12, 20)), SAFE),
    "5 levels of 12 by reference, narrower": (lambda: (by_reference(5, 12, 20), by_reference(5, 12, 9)), NOT_SAFE),
    "12 levels of 5 in one place": (
        lambda: (by_reference(12, 5, 9, in_place=True), by_reference(12, 5, 20, in_place=True)),
        NOT_BROKEN,
    ),
    "2 ** 8 leaves": (lambda: (doubling(8, 9), doubling(8, 20)), NOT_BROKEN),
    "200 fields, wider": (lambda: (fields(200, 20), fields(200, 21)), SAFE),
    "200 fields, narrower": (lambda: (fields(200, 21), fields(200, 20)), BROKEN),
    "a tree, wider": (lambda: (tree("integer"), tree("number")), SAFE),
    "a tree, narrower": (lambda: (tree("number"), tree("integer")), BROKEN),
    "2 ** 25 ways to one definition": (lambda: (_doubled(), STRING), SAFE),
    "2 ** 20 combinations of choices": (lambda: (choices(20), choices(21)), NOT_SAFE),
}


def texts(name: str) -> tuple[str, str]:
    """Both schemas of a case, as text."""
    old, new = (each if isinstance(each, str) else json.dumps(each) for each in CASES[name][0]())
    return old, new
