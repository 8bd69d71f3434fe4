"""Edits of one keyword that speaks of a value itself: numbers, strings, lists of values, types, arrays' sizes.

An edit takes a generator of chances and a subschema out of a real schema, and gives it before and after. What stands before and
after is drawn from the keyword's own boundary cases: nearer, farther, absent, and said in another way.
"""

from __future__ import annotations

import random
from typing import Any

from tests.soundness.edit import D7, D20, Fragment, Pairing, edit, varied

Chance = random.Random


@edit("minimum", on="number")
def minimum(r: Chance, node: Fragment) -> Pairing:
    bound = r.randint(-3, 5)
    other = r.choice([{"minimum": bound + r.choice([1, 2, 0.5])}, {}, {"exclusiveMinimum": bound}])
    return varied(node, ("minimum", "exclusiveMinimum", "maximum"), {"minimum": bound}, other)


@edit("maximum", on="number")
def maximum(r: Chance, node: Fragment) -> Pairing:
    bound = r.randint(60, 90)
    other = r.choice([{"maximum": bound + r.choice([1, 2, 0.5])}, {}, {"exclusiveMaximum": bound}])
    return varied(node, ("maximum", "exclusiveMaximum"), {"maximum": bound}, other)


@edit("exclusiveMinimum", on="number")
def exclusive_minimum(r: Chance, node: Fragment) -> Pairing:
    bound = r.randint(-3, 5)
    other = r.choice([{"exclusiveMinimum": bound + 1}, {}, {"minimum": bound + 1}, {"minimum": bound}])
    return varied(node, ("minimum", "exclusiveMinimum"), {"exclusiveMinimum": bound}, other)


@edit("exclusiveMaximum", on="number")
def exclusive_maximum(r: Chance, node: Fragment) -> Pairing:
    bound = r.randint(60, 90)
    other = r.choice([{"exclusiveMaximum": bound + 1}, {}, {"maximum": bound - 1}, {"maximum": bound}])
    return varied(node, ("maximum", "exclusiveMaximum"), {"exclusiveMaximum": bound}, other)


@edit("multipleOf", on="number")
def multiple_of(r: Chance, node: Fragment) -> Pairing:
    one, other = r.choice([(0.01, 0.1), (0.01, 0.05), (2, 4), (5, 10), (0.25, 0.5), (2, 3), (0.01, None), (6, None)])
    return varied(node, ("multipleOf",), {"multipleOf": one}, {} if other is None else {"multipleOf": other})


@edit("minLength", on="string")
def min_length(r: Chance, node: Fragment) -> Pairing:
    size = r.randint(1, 6)
    other = r.choice([{"minLength": size + r.choice([1, 3])}, {}])
    return varied(node, ("minLength", "maxLength", "format", "pattern", "enum"), {"minLength": size}, other)


@edit("maxLength", on="string")
def max_length(r: Chance, node: Fragment) -> Pairing:
    size = r.randint(8, 40)
    other = r.choice([{"maxLength": size + r.choice([1, 20])}, {}])
    return varied(node, ("maxLength", "format", "pattern", "enum"), {"maxLength": size}, other)


PATTERNS = [
    ("^[A-Z]{3}$", "^[A-Z]{2,4}$"),
    ("^[A-Z]{3}$", "^[A-Z]+$"),
    ("^PO-[0-9]{6}$", "^PO-[0-9]{6,10}$"),
    ("^[0-9]{13}$", "^[0-9]+$"),
    ("^[0-9]{8}$", "^([0-9]{8}|[0-9]{13})$"),
    ("^[a-z0-9-]+$", "^[a-zA-Z0-9_-]+$"),
    ("^(SALE|RETURN)$", "^(SALE|RETURN|VOID)$"),
    ("^A", "A"),
    ("^[A-Z]{3}$", "^[a-z]{3}$"),
    ("^[0-9]{4}-[0-9]{2}$", "^[0-9]{4}-(0[1-9]|1[0-2])$"),
    ("^x.*y$", "^x"),
    ("kg$", "^[0-9]+ ?(kg|g)$"),
]


@edit("pattern", on="string")
def pattern(r: Chance, node: Fragment) -> Pairing:
    one, other = r.choice(PATTERNS)
    after = {} if r.random() < 0.15 else {"pattern": other}
    return varied(node, ("pattern", "format", "minLength", "maxLength", "enum"), {"pattern": one}, after)


@edit("format", on="string")
def format_(r: Chance, node: Fragment) -> Pairing:
    one = r.choice(["date", "date-time", "time", "uuid", "email", "uri", "ipv4", "hostname", "duration", "idn-email"])
    other = r.choice([{}, {"format": "date"}, {"format": "uri-template"}, {"minLength": 1}])
    return varied(node, ("format", "pattern", "minLength", "maxLength", "enum"), {"format": one}, other)


WORDS = ["SALE", "RETURN", "VOID", "AISLE", "END_CAP", "WALL", "PROMO"]


@edit("enum", on="string")
def enum(r: Chance, node: Fragment) -> Pairing:
    some = r.sample(WORDS, r.randint(2, 4))
    more = [*some, *r.sample([w for w in WORDS if w not in some], 1)]
    other = r.choice([{"enum": more}, {"enum": some[:-1]}, {}, {"enum": [*some[1:], "NEW"]}, {"pattern": "^[A-Z_]+$"}])
    return varied(node, ("enum", "format", "pattern", "minLength", "maxLength"), {"enum": some}, other)


@edit("const", on="string")
def const(r: Chance, node: Fragment) -> Pairing:
    one, two = r.sample(WORDS, 2)
    other = r.choice([{"const": two}, {"enum": [one, two]}, {}, {"enum": [one]}, {"minLength": 3}])
    return varied(node, ("enum", "format", "pattern", "minLength", "maxLength"), {"const": one}, other)


@edit("type", on="value")
def type_(r: Chance, node: Fragment) -> Pairing:
    stated = node["type"]
    one = stated if isinstance(stated, str) else stated[0]
    others: list[Any] = [[one, "null"], "boolean", [one, "boolean"], "object" if one == "string" else "string"]
    if one in ("integer", "number"):
        others += ["number", "integer", ["integer", "string"]] * 2
    return varied(node, ("enum",), {"type": one}, {"type": r.choice(others)})


@edit("minItems", on="array")
def min_items(r: Chance, node: Fragment) -> Pairing:
    size = r.randint(1, 3)
    return varied(node, ("minItems", "maxItems"), {"minItems": size}, r.choice([{"minItems": size + 1}, {}]))


@edit("maxItems", on="array")
def max_items(r: Chance, node: Fragment) -> Pairing:
    size = r.randint(1, 6)
    return varied(node, ("maxItems", "minItems"), {"maxItems": size}, r.choice([{"maxItems": size + 1}, {}]))


@edit("uniqueItems", on="array")
def unique_items(r: Chance, node: Fragment) -> Pairing:
    keep: Fragment = r.choice([{}, {}, {"maxItems": 1}, {"maxItems": 4}])
    return varied(node, ("uniqueItems", "minItems", "maxItems"), {"uniqueItems": True, **keep}, keep)


ITEMS = [
    ({"type": "integer"}, {"type": "number"}),
    ({"type": "string", "maxLength": 5}, {"type": "string", "maxLength": 9}),
    ({"type": "string"}, {"type": ["string", "null"]}),
    ({"enum": ["SALE", "VOID"]}, {"enum": ["SALE", "VOID", "RETURN"]}),
    ({"type": "integer"}, {"type": "string"}),
    ({"type": "number", "minimum": 0}, {"type": "number", "exclusiveMinimum": 0}),
    ({"type": "string"}, {}),
    ({"type": "boolean"}, {"enum": [True, False]}),
]


@edit("items", on="array")
def items(r: Chance, node: Fragment) -> Pairing:
    one, other = r.choice(ITEMS)
    return varied(node, ("items", "minItems", "uniqueItems"), {"items": one}, r.choice([{"items": other}] * 4 + [{}]))


@edit("prefixItems", on="array", drafts=(D20,))
def prefix_items(r: Chance, node: Fragment) -> Pairing:
    one, other = r.choice(ITEMS)
    rest = r.choice([{"items": False}, {"items": {"type": "number"}}, {}])
    before = {"prefixItems": [{"type": "string"}, one], **rest}
    after = {"prefixItems": r.choice([[{"type": "string"}, other], [{"type": "string"}]]), **rest}
    return varied(node, ("items", "minItems", "maxItems", "uniqueItems"), before, after)


@edit("additionalItems", on="array", drafts=(D7,))
def additional_items(r: Chance, node: Fragment) -> Pairing:
    one, other = r.choice(ITEMS)
    listed = [{"type": "string"}, {"type": "integer"}][: r.randint(1, 2)]
    before = {"items": listed, "additionalItems": one}
    after: Fragment = {"items": listed, **r.choice([{}, {"additionalItems": False}, {"additionalItems": other}])}
    return varied(node, ("items", "minItems", "maxItems", "uniqueItems"), before, after)


@edit("unevaluatedItems", on="array", drafts=(D20,))
def unevaluated_items(r: Chance, node: Fragment) -> Pairing:
    one, other = r.choice(ITEMS)
    beside: Fragment = {"allOf": [{"prefixItems": [{"type": "string"}]}]}
    after = r.choice([{}, {"unevaluatedItems": False}, {"unevaluatedItems": other}])
    drop = ("items", "minItems", "maxItems", "uniqueItems")
    return varied(node, drop, {**beside, "unevaluatedItems": one}, {**beside, **after})


@edit("contains", on="array")
def contains(r: Chance, node: Fragment) -> Pairing:
    one, other = r.choice(ITEMS)
    keep: Fragment = {"items": {"type": ["string", "number", "null", "boolean"]}}
    after = r.choice([{}, {"contains": other}, {"contains": other}, {"minItems": 1}])
    return varied(node, ("items", "minItems", "uniqueItems"), {**keep, "contains": one}, {**keep, **after})


@edit("minContains", on="array", drafts=(D20,))
def min_contains(r: Chance, node: Fragment) -> Pairing:
    number = r.randint(1, 3)
    keep: Fragment = {"items": {"type": ["string", "number"]}, "contains": {"type": "string"}}
    after = r.choice([{"minContains": number + 1}, {}, {"minContains": 0}, {"minContains": number, "minItems": number}])
    return varied(
        node, ("items", "minItems", "maxItems", "uniqueItems"), {**keep, "minContains": number}, {**keep, **after}
    )


@edit("maxContains", on="array", drafts=(D20,))
def max_contains(r: Chance, node: Fragment) -> Pairing:
    number = r.randint(1, 3)
    keep: Fragment = {"items": {"type": ["string", "number"]}, "contains": {"type": "string"}}
    after = r.choice([{"maxContains": number + 1}, {}, {"maxContains": number, "minItems": 1}])
    return varied(
        node, ("items", "minItems", "maxItems", "uniqueItems"), {**keep, "maxContains": number}, {**keep, **after}
    )
