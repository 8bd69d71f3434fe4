"""The same rules in other drafts, and where a draft is read otherwise."""

from __future__ import annotations

from typing import Any

from tests.unit.catalogue.compatibility.parity.pairs import (
    DRAFT4,
    DRAFT6,
    DRAFT2019,
    DRAFT2020,
    arr,
    obj,
    pair,
    prop,
    text,
)

INT: dict[str, Any] = {"type": "integer"}


def d20(schema: dict[str, Any]) -> dict[str, Any]:
    return {"$schema": DRAFT2020, **schema}


def d19(schema: dict[str, Any]) -> dict[str, Any]:
    return {"$schema": DRAFT2019, **schema}


def unstated(schema: dict[str, Any]) -> dict[str, Any]:
    return {"$schema": None, **schema}


_COMMON = [
    ("optional-added", obj({"a": text()}), obj({"a": text(), "b": text()}), "f=fx"),
    ("optional-made-required", obj({"a": text()}), obj({"a": text()}, required=["a"]), "ff=x"),
    ("enum-extended", text(enum=["a"]), text(enum=["a", "b"]), "bb=x"),
    ("format-changed", text(format="email"), text(format="uri"), "===x"),
    ("max-length-raised", text(maxLength=3), text(maxLength=5), "bbbx"),
    ("integer-to-number", prop(INT), prop({"type": "number"}), "bbbx"),
    ("nullable", prop(INT), prop({"type": ["integer", "null"]}), "bbbx"),
    ("one-of-grown", {"oneOf": [text(), INT]}, {"oneOf": [text(), INT, {"type": "null"}]}, "bbbx"),
    ("dependent-required", obj(), obj(dependentRequired={"a": ["b"]}), "ffbx"),
    ("dependent-schemas", obj(), obj(dependentSchemas={"a": obj({"b": text()})}), "ffbx"),
    ("unevaluated-properties", obj({"a": text()}), obj({"a": text()}, unevaluatedProperties=False), "f=xx"),
    ("condition", {"if": text(), "then": text()}, {"if": text(), "then": INT}, "===x"),
    ("contains", arr(contains=text()), arr(contains=INT), "===x"),
    ("more-contained", arr(contains=text()), arr(contains=text(), minContains=2), "ff=x"),
    (
        "anchor",
        {**prop({"$ref": "#t"}), "$defs": {"d": {"$anchor": "t", **text(maxLength=3)}}},
        {**prop({"$ref": "#t"}), "$defs": {"d": {"$anchor": "t", **text(maxLength=5)}}},
        "bbbx",
    ),
    (
        "beside-a-reference",
        {**prop({"$ref": "#/$defs/t", "maxLength": 5}), "$defs": {"t": text()}},
        {**prop({"$ref": "#/$defs/t"}), "$defs": {"t": text()}},
        "bb=x",
    ),
]
_WHY = "as in draft-07, for the registries that read this draft"

PAIRS = [
    *(pair(f"2020-{name}", d20(old), d20(new), labels, _WHY) for name, old, new, labels in _COMMON),
    *(pair(f"2019-{name}", d19(old), d19(new), labels, _WHY) for name, old, new, labels in _COMMON),
    pair(
        *("2020-tuple-longer", d20(arr(prefixItems=[text()])), d20(arr(prefixItems=[text(), INT])), "fffx"),
        "prefixItems are draft-07's items",
    ),
    pair(
        "2020-tuple-longer-closed",
        d20(arr(prefixItems=[text()], items=False)),
        d20(arr(prefixItems=[text(), INT], items=False)),
        "bbxx",
        "items are draft-07's additionalItems",
    ),
    pair(
        "2020-default-beside-a-reference",
        d20({**prop({"$ref": "#/$defs/t", "default": ""}), "$defs": {"t": text()}}),
        d20({**prop({"$ref": "#/$defs/t", "default": ""}, required=["x"]), "$defs": {"t": text()}}),
        "===x",
        "a default beside a reference counts from 2019-09 on",
    ),
    pair(
        "2020-branch-of-two-parts",
        d20({"anyOf": [text(enum=["a"]), INT]}),
        d20({"anyOf": [text(), INT]}),
        "ff=x",
        "Confluent's translation makes branches of type and enum, so one branch goes",
    ),
    pair(
        "branch-of-two-parts",
        {"anyOf": [text(enum=["a"]), INT]},
        {"anyOf": [text(), INT]},
        "bb=b",
        "in draft-07 the branch is an allOf of two, one part of which is left",
    ),
    pair(
        "2020-contains-added",
        d20(arr()),
        d20(arr(contains=text())),
        "ff=x",
        "a contains brings a minContains of 1, which is compared",
    ),
    pair("moved-to-2020", obj({"a": text()}), d20(obj({"a": text()})), "===x", "each is read by its own draft"),
    pair(
        "draft-06-above-lowered",
        {"$schema": DRAFT6, "type": "number", "exclusiveMinimum": 5},
        {"$schema": DRAFT6, "type": "number", "exclusiveMinimum": 1},
        "bbbb",
        "a number from draft-06 on",
    ),
    pair(
        "draft-06-condition",
        {"$schema": DRAFT6, "if": text(), "then": text()},
        {"$schema": DRAFT6, "if": text(), "then": INT},
        "====",
        "draft-06 has no conditions",
    ),
    pair(
        "draft-04-exclusive",
        {"$schema": DRAFT4, "type": "number", "minimum": 0, "exclusiveMinimum": True},
        {"$schema": DRAFT4, "type": "number", "minimum": 0},
        "==bb",
        "a boolean in draft-04, which Confluent does not compare",
    ),
    pair(
        "draft-04-optional-added",
        {"$schema": DRAFT4, **obj({"a": text()})},
        {"$schema": DRAFT4, **obj({"a": text(), "b": text()})},
        "f=ff",
        "the content model is the same",
    ),
    pair(
        "unstated-optional-added",
        unstated(obj({"a": text()})),
        unstated(obj({"a": text(), "b": text()})),
        "f=ff",
        "draft-07 to all but Apicurio, to which it is draft-04",
    ),
    pair(
        *("unstated-const", unstated(prop({"const": "a"})), unstated(prop({"const": "b"})), "xx=="),
        "draft-04 has no const",
    ),
    pair(
        "unstated-above",
        unstated(prop({"type": "number", "exclusiveMinimum": 5})),
        unstated(prop({"type": "number", "exclusiveMinimum": 1})),
        "bbbx",
        "in draft-04 a boolean, so Apicurio cannot read it",
    ),
]
