"""Edits of keywords that speak of objects, combine subschemas, or refer to them. See `tests.soundness.edits_values`."""

from __future__ import annotations

import random
from typing import Any

from tests.soundness.edit import D7, D19, D20, ROOT, Fragment, Pairing, edit, varied

Chance = random.Random

FIELDS: list[tuple[Fragment, Fragment]] = [
    ({"type": "integer"}, {"type": "number"}),
    ({"type": "string", "maxLength": 20}, {"type": "string", "maxLength": 60}),
    ({"type": "string"}, {"type": ["string", "null"]}),
    ({"enum": ["SALE", "VOID"]}, {"enum": ["SALE", "VOID", "RETURN"]}),
    ({"type": "string"}, {"type": "integer"}),
    ({"type": "integer", "minimum": 0}, {"type": "integer"}),
    ({"type": "object", "properties": {"a": {"type": "string"}}}, {"type": "object"}),
    ({"type": "array", "items": {"type": "string"}}, {"type": "array", "items": {"type": "number"}}),
]


def _with(node: Fragment, **fields: Any) -> Fragment:
    return {**node, "properties": {**node.get("properties", {}), **fields}}


def _names(node: Fragment) -> list[str]:
    return list(node.get("properties", {}))


@edit("properties", on="object")
def properties(r: Chance, node: Fragment) -> Pairing:
    one, other = r.choice(FIELDS)
    before = _with(node, extra=one)
    return before, r.choice([_with(node, extra=other), _with(node, extra=other), node, _with(node, extra=False)])


@edit("required", on="object")
def required(r: Chance, node: Fragment) -> Pairing:
    name = r.choice([*_names(node), "extra"])
    others = [n for n in node.get("required", []) if n != name]
    return {**node, "required": [*others, name]}, {**node, "required": others}


@edit("additionalProperties", on="object")
def additional_properties(r: Chance, node: Fragment) -> Pairing:
    one, other = r.choice(FIELDS)
    states: list[Fragment] = [{"additionalProperties": v} for v in (False, True, one, other)]
    first, second = r.sample([*states, {}], 2)
    return varied(node, ("additionalProperties",), first, second)


@edit("unevaluatedProperties", on="object", drafts=(D19, D20))
def unevaluated_properties(r: Chance, node: Fragment) -> Pairing:
    one, other = r.choice(FIELDS)
    beside: Fragment = {"allOf": [{"properties": {"extra": one}}]}
    states: list[Fragment] = [{"unevaluatedProperties": v} for v in (False, one, other)]
    first, second = r.sample([*states, {}], 2)
    return varied(node, ("additionalProperties",), {**beside, **first}, {**beside, **second})


@edit("patternProperties", on="object")
def pattern_properties(r: Chance, node: Fragment) -> Pairing:
    one, other = r.choice(FIELDS)
    pattern = r.choice(["^x_", "_code$", "^[a-z]{2}$"])
    after = r.choice([{"patternProperties": {pattern: other}}, {"patternProperties": {pattern: other}}, {}])
    return varied(node, (), {"patternProperties": {pattern: one}}, after)


@edit("propertyNames", on="object")
def property_names(r: Chance, node: Fragment) -> Pairing:
    longest = max((len(n) for n in _names(node)), default=0) + 2
    states: list[Fragment] = [
        {"propertyNames": {"maxLength": longest}},
        {"propertyNames": {"maxLength": longest + 4}},
        {"propertyNames": {"pattern": "^[a-zA-Z]+$"}},
        {"propertyNames": {"pattern": "^[a-zA-Z0-9_]+$"}},
        {"propertyNames": {"enum": _names(node) or ["a"]}},
        {},
    ]
    first, second = r.sample(states, 2)
    return varied(node, (), first, second)


@edit("minProperties", on="object")
def min_properties(r: Chance, node: Fragment) -> Pairing:
    few = len(node.get("required", ()))
    number = r.randint(max(1, few - 1), few + 2)
    return varied(node, (), {"minProperties": number}, r.choice([{"minProperties": number + 1}, {}]))


@edit("maxProperties", on="object")
def max_properties(r: Chance, node: Fragment) -> Pairing:
    number = len(_names(node)) + r.randint(0, 2)
    closed: Fragment = r.choice([{}, {}, {"additionalProperties": False}])
    after = r.choice([{"maxProperties": number + 1}, {}])
    return varied(node, ("additionalProperties",), {**closed, "maxProperties": number}, {**closed, **after})


def _dependency(r: Chance, node: Fragment) -> tuple[str, list[str], list[str]]:
    names = [*_names(node), "extra", "other"]
    first, *rest = r.sample(names, min(3, len(names)))
    return first, rest[:1], rest


@edit("dependentRequired", on="object", drafts=(D19, D20))
def dependent_required(r: Chance, node: Fragment) -> Pairing:
    name, some, more = _dependency(r, node)
    after = r.choice(
        [{"dependentRequired": {name: more}}, {}, {"required": sorted({*node.get("required", ()), *some})}]
    )
    return {**node, "dependentRequired": {name: some}}, {**node, **after}


@edit("dependentSchemas", on="object", drafts=(D19, D20))
def dependent_schemas(r: Chance, node: Fragment) -> Pairing:
    name, some, more = _dependency(r, node)
    one, other = r.choice(FIELDS)
    states: list[Fragment] = [
        {"required": some},
        {"required": more},
        {"properties": {"extra": one}},
        {"properties": {"extra": other}},
    ]
    first, second = r.sample(states, 2)
    after = r.choice([{"dependentSchemas": {name: second}}, {"dependentSchemas": {name: second}}, {}])
    return {**node, "dependentSchemas": {name: first}}, {**node, **after}


@edit("dependencies", on="object", drafts=(D7,))
def dependencies(r: Chance, node: Fragment) -> Pairing:
    name, some, more = _dependency(r, node)
    one, _ = r.choice(FIELDS)
    states: list[Any] = [some, more, {"required": some}, {"properties": {"extra": one}}]
    first, second = r.sample(states, 2)
    after = r.choice([{"dependencies": {name: second}}, {"dependencies": {name: second}}, {}])
    return {**node, "dependencies": {name: first}}, {**node, **after}


# --- combinations


@edit("allOf", on="any")
def all_of(r: Chance, node: Fragment) -> Pairing:
    first, second = r.choice(FIELDS)
    extra = {"properties": {"extra": first}} if node.get("type") == "object" else {"not": {"const": "VOID"}}
    more = {"properties": {"extra": second}} if node.get("type") == "object" else {"not": {"enum": ["VOID", "SALE"]}}
    after = r.choice([{"allOf": [node]}, {"allOf": [node, more]}, node, {"allOf": [extra, node]}])
    return {"allOf": [node, extra]}, after


@edit("anyOf", on="any")
def any_of(r: Chance, node: Fragment) -> Pairing:
    one, other = r.choice(FIELDS)
    after = r.choice(
        [{"anyOf": [node]}, {"anyOf": [one, node]}, {"anyOf": [node, one, other]}, {"anyOf": [node, other]}]
    )
    return {"anyOf": [node, one]}, after


def _tagged(kind: str, **fields: Any) -> Fragment:
    return {"type": "object", "properties": {"kind": {"const": kind}, **fields}, "required": ["kind", *fields]}


@edit("oneOf", on="any")
def one_of(r: Chance, node: Fragment) -> Pairing:
    one, other = r.choice(FIELDS)
    if r.random() < 0.3:
        return {"oneOf": [{"type": "null"}, node]}, r.choice([node, {"anyOf": [{"type": "null"}, node]}])
    cash, card, voucher = _tagged("CASH", given=one), _tagged("CARD", scheme=other), _tagged("VOUCHER")
    after = r.choice(
        [
            {"oneOf": [cash, card, voucher]},
            {"oneOf": [card, cash]},
            {"oneOf": [cash]},
            {"oneOf": [_tagged("CASH", given=other), card]},
            {"anyOf": [cash, card]},
        ]
    )
    return {"oneOf": [cash, card]}, after


@edit("not", on="string")
def not_(r: Chance, node: Fragment) -> Pairing:
    states: list[Fragment] = [
        {"not": {"enum": ["TEST", "DEMO"]}},
        {"not": {"const": "TEST"}},
        {"not": {"maxLength": 3}},
        {"not": {"maxLength": 2}},
        {"not": {"pattern": "^T"}},
        {},
    ]
    first, second = r.sample(states, 2)
    return varied(node, ("format", "pattern", "enum", "minLength", "maxLength"), first, second)


def _conditional(r: Chance, part: str, node: Fragment) -> Pairing:
    one, other = r.choice(FIELDS)
    base: Fragment = _with(node, kind={"enum": ["A", "B"]}, extra={})
    keyed: Fragment = {"properties": {"kind": {"const": "A"}}, "required": ["kind"]}
    rule: Fragment = {
        "if": keyed,
        "then": {"required": ["extra"]},
        "else": {"properties": {"extra": one}},
    }
    if part == "if":
        changed: Fragment = {"if": r.choice([keyed["properties"] and {"properties": keyed["properties"]}, True, False])}
    elif part == "then":
        changed = {"then": r.choice([True, {"properties": {"extra": other}}, {"required": ["extra", "kind"]}])}
    else:
        changed = {"else": r.choice([True, False, {"properties": {"extra": other}}, {"required": ["extra"]}])}
    dropped = r.random() < 0.2
    after = base if dropped else {**base, **rule, **changed}
    return {**base, **rule}, after


@edit("if", on="object")
def if_(r: Chance, node: Fragment) -> Pairing:
    return _conditional(r, "if", node)


@edit("then", on="object")
def then(r: Chance, node: Fragment) -> Pairing:
    return _conditional(r, "then", node)


@edit("else", on="object")
def else_(r: Chance, node: Fragment) -> Pairing:
    return _conditional(r, "else", node)


@edit("boolean schema", on="object")
def boolean(r: Chance, node: Fragment) -> Pairing:
    first, second = r.sample([True, False, {}, r.choice(FIELDS)[0]], 2)
    name = r.choice([*_names(node), "extra"])
    return _with(node, **{name: first}), _with(node, **{name: second})


# --- references


def _at(r: Chance, where: str, reference: str, name: str, **marks: Any) -> Pairing:
    one, other = r.choice(FIELDS)
    before = {"$ref": reference, ROOT: {where: {name: {**marks, **one}}}}
    after = {"$ref": reference, ROOT: {where: {name: {**marks, **other}}}}
    return before, r.choice([after, after, one, other])


@edit("$ref", on="any")
def ref(r: Chance, node: Fragment) -> Pairing:
    """A list that refers to itself; with it the draft's own reading of siblings."""
    one, other = r.choice(FIELDS)

    def chain(value: Fragment, more: Fragment) -> Fragment:
        link = {"type": "object", "properties": {"value": value, "next": {"$ref": "#/definitions/Link"}, **more}}
        return {"$ref": "#/definitions/Link", ROOT: {"definitions": {"Link": link}}}

    after = r.choice([chain(other, {}), chain(other, {}), chain(one, {"note": {"type": "string"}})])
    sibling: Fragment = r.choice([{}, {}, {"maxProperties": 2}])
    return {**chain(one, {}), **sibling}, after


@edit("$defs", on="any", drafts=(D19, D20))
def defs(r: Chance, node: Fragment) -> Pairing:
    return _at(r, "$defs", "#/$defs/Shared", "Shared")


@edit("definitions", on="any")
def definitions(r: Chance, node: Fragment) -> Pairing:
    return _at(r, "definitions", "#/definitions/a~1b", "a/b")


@edit("$anchor", on="any", drafts=(D19, D20))
def anchor(r: Chance, node: Fragment) -> Pairing:
    return _at(r, "$defs", "#shared", "Shared", **{"$anchor": "shared"})


@edit("$id", on="any", drafts=(D7, D19, D20))
def identifier(r: Chance, node: Fragment) -> Pairing:
    name = "https://example.com/shared.json"
    return _at(r, "definitions", name, "Shared", **{"$id": name})


ANNOTATIONS: list[Fragment] = [
    {"title": "A title"},
    {"description": "What it means."},
    {"default": "SALE"},
    {"examples": ["SALE"]},
    {"deprecated": True},
    {"readOnly": True},
    {"$comment": "said to the maintainers"},
    {"x-unit": "piece"},
    {"contentEncoding": "base64"},
]


@edit("annotations", on="any")
def annotations(r: Chance, node: Fragment) -> Pairing:
    return {**node, **r.choice(ANNOTATIONS)}, {**node, **r.choice(ANNOTATIONS)}
