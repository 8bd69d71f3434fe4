"""Arrays, tuples, unions, products, negations and conditions."""

from __future__ import annotations

from tests.unit.catalogue.compatibility.parity.pairs import arr, obj, pair, prop, text

INT = {"type": "integer"}
NUM = {"type": "number"}
BOOL = {"type": "boolean"}
NULL = {"type": "null"}

PAIRS = [
    pair("items-changed", arr(items=text()), arr(items=INT), "xxxx", "compared as any subschema"),
    pair("items-widened", arr(items=INT), arr(items=NUM), "bbbb", "compared as any subschema"),
    pair("items-added", arr(), arr(items=text()), "ffxf", "Karapace refuses a schema that goes, too"),
    pair("items-of-objects", arr(items=obj()), arr(items=obj({"a": text()})), "f=ff", "at any depth"),
    pair("max-items-raised", arr(maxItems=2), arr(maxItems=3), "bbbb", "a bound"),
    pair("max-items-removed", arr(maxItems=2), arr(), "bbbb", "a bound"),
    pair("min-items-lowered", arr(minItems=2), arr(minItems=1), "bbbb", "a bound"),
    pair("min-items-removed", arr(minItems=2), arr(), "bbbb", "a bound"),
    pair("unique-added", arr(), arr(uniqueItems=True), "ff=f", "Karapace reads it by a wrong name"),
    pair("contains-added", arr(), arr(contains=text()), "===f", "only Apicurio compares it"),
    pair("contains-changed", arr(contains=text()), arr(contains=INT), "===x", "only Apicurio compares it"),
    pair("tuple-longer-open", arr(items=[text()]), arr(items=[text(), INT]), "ffff", "the place was free before"),
    pair(
        *("tuple-longer-free", arr(items=[text()]), arr(items=[text(), {}]), "==ff"),
        "an empty schema narrows nothing",
    ),
    pair(
        "tuple-longer-closed",
        arr(items=[text()], additionalItems=False),
        arr(items=[text(), INT], additionalItems=False),
        "bbxb",
        "the place was forbidden before; Karapace refuses any longer tuple",
    ),
    pair(
        "tuple-longer-covered",
        arr(items=[text()], additionalItems=text()),
        arr(items=[text(), text()], additionalItems=text()),
        "==x=",
        "what the additional schema said already; Karapace holds places against true",
    ),
    pair(
        "tuple-longer-not-covered",
        arr(items=[text()], additionalItems=text()),
        arr(items=[text(), INT], additionalItems=text()),
        "xxxx",
        "against the additional schema",
    ),
    pair("tuple-closed", arr(items=[text()]), arr(items=[text()], additionalItems=False), "ffff", "fewer places"),
    pair(
        *("tuple-item-widened", arr(items=[INT]), arr(items=[NUM]), "bbbb"),
        "place by place",
    ),
    pair("tuple-to-list", arr(items=[text()]), arr(items=text()), "xxxx", "two keywords: one goes, one comes"),
    pair(
        *("list-closed", arr(items=text()), arr(items=text(), additionalItems=False), "===="),
        "beside a schema for all items it says nothing",
    ),
    pair("one-of-grown", {"oneOf": [text(), INT]}, {"oneOf": [text(), INT, BOOL]}, "bbbb", "a branch more is safe"),
    pair("any-of-grown", {"anyOf": [text(), INT]}, {"anyOf": [text(), INT, BOOL]}, "bbbb", "a branch more is safe"),
    pair(
        "all-of-grown",
        {"allOf": [{"minLength": 1}, {"maxLength": 9}]},
        {"allOf": [{"minLength": 1}, {"maxLength": 9}, {"pattern": "^a"}]},
        "ffff",
        "a condition more narrows",
    ),
    pair("branch-changed", {"anyOf": [text(), INT]}, {"anyOf": [text(), BOOL]}, "xxxx", "no partner"),
    pair("branch-widened", {"anyOf": [text(), INT]}, {"anyOf": [text(), NUM]}, "bbbb", "pairs are compared"),
    pair("branches-reordered", {"anyOf": [text(), INT]}, {"anyOf": [INT, text()]}, "====", "order does not count"),
    pair("one-of-to-any-of", {"oneOf": [text(), INT]}, {"anyOf": [text(), INT]}, "bbbb", "anyOf is the wider"),
    pair("all-of-to-one-of", {"allOf": [text(), INT]}, {"oneOf": [text(), INT]}, "xxxx", "another criterion"),
    pair(
        *("single-all-of-to-one-of", {"allOf": [text()]}, {"oneOf": [text()]}, "==xx"),
        "of one branch all criteria are the same to Confluent",
    ),
    pair("single-unwrapped", {"anyOf": [text()]}, text(), "===x", "Apicurio takes no union apart at the root"),
    pair(
        *("string-made-nullable", prop(text()), prop({"anyOf": [text(), NULL]}), "bbbb"),
        "a branch that accepts it; Apicurio does it for strings",
    ),
    pair(
        *("object-made-nullable", prop(obj()), prop({"oneOf": [obj(), NULL]}), "bbbx"),
        "Apicurio does it for strings only",
    ),
    pair(
        *("part-of-a-product", {"allOf": [obj({"a": text()}), obj({"b": text()})]}, obj({"a": text()}), "bbxx"),
        "what is left is one part of the product",
    ),
    pair(
        "alike-branches",
        {"anyOf": [text(title="a"), text(title="b")]},
        {"anyOf": [text(title="a"), text(title="b")], "title": "t"},
        "===x",
        "two branches that accept each other starve in Apicurio's pairing",
    ),
    pair(
        "branches-that-are-one",
        {"anyOf": [text(format="x-a"), text(format="x-b")]},
        {"anyOf": [text(format="x-a"), text(format="x-b")], "title": "t"},
        "====",
        "formats that the draft does not know are dropped, so the two are one branch",
    ),
    pair(
        "branches-of-the-same-values",
        {"anyOf": [text(enum=["a", "b"]), text(enum=["b", "a"])]},
        {"anyOf": [text(enum=["a", "b"]), text(enum=["b", "a"])], "title": "t"},
        "====",
        "the order of an enum's values is lost, so the two are one branch",
    ),
    pair(
        "branches-one-way",
        {"anyOf": [text(maxLength=5), text(maxLength=9)]},
        {"anyOf": [text(maxLength=5), text(maxLength=9)], "title": "t"},
        "====",
        "the branch with the fewest candidates is served first",
    ),
    pair(
        *("boolean-branch", {"anyOf": [True, text()]}, {"anyOf": [True, text()], "title": "t"}, "===x"),
        "Apicurio's check fails on a boolean",
    ),
    pair("not-narrowed", {"not": text(maxLength=5)}, {"not": text(maxLength=3)}, "bbfb", "Karapace does not turn it"),
    pair("not-changed", {"not": text()}, {"not": INT}, "xxxx", "neither contains the other"),
    pair("not-added", obj(), {**obj(), "not": {"required": ["a"]}}, "ffxx", "an allOf of two after, an object before"),
    pair(
        *("then-changed", {"if": text(), "then": text()}, {"if": text(), "then": INT}, "===x"),
        "only Apicurio compares conditions",
    ),
    pair(
        *("else-added", {"if": text(), "then": text()}, {"if": text(), "then": text(), "else": INT}, "===f"),
        "only Apicurio compares conditions",
    ),
    pair("if-changed", {"if": text(maxLength=3)}, {"if": text(maxLength=5)}, "===x", "a condition may not move"),
    pair(
        "condition-added",
        obj({"a": text()}),
        {**obj({"a": text()}), "if": {"required": ["a"]}, "then": {"required": ["b"]}},
        "ff=x",
        "an object and a condition are an allOf of two, which Apicurio takes not apart for objects",
    ),
]
