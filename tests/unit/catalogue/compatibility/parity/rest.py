"""The kinds of difference that the other tables do not meet: with these, each kind of Confluent and Apicurio is met."""

from __future__ import annotations

from typing import Any

from tests.unit.catalogue.compatibility.parity.drafts import d20
from tests.unit.catalogue.compatibility.parity.pairs import arr, obj, pair, text

INT = {"type": "integer"}
NUM = {"type": "number"}


def when(**branches: Any) -> dict[str, Any]:
    return {"if": text(), **branches}


PAIRS = [
    pair("below-removed", {**NUM, "exclusiveMaximum": 5}, NUM, "bbbb", "a bound that goes widens"),
    pair(
        *("maximum-made-exclusive", {**NUM, "maximum": 5}, {**NUM, "exclusiveMaximum": 5}, "xxxf"),
        "two keywords, so one goes and one comes; Apicurio reads both as one bound",
    ),
    pair(
        *("content-encoding-changed", text(contentEncoding="a"), text(contentEncoding="b"), "===x"),
        "only Apicurio compares encodings",
    ),
    pair("media-type-added", text(), text(contentMediaType="a/b"), "===f", "only Apicurio compares media types"),
    pair("additional-changed", obj(additionalProperties=INT), obj(additionalProperties=text()), "xxxx", "a schema"),
    pair(
        *("additional-items-added", arr(items=[text()]), arr(items=[text()], additionalItems=text()), "ff=f"),
        "further items have to be strings now; Karapace looks for false only",
    ),
    pair(
        "additional-items-changed",
        arr(items=[text()], additionalItems=text()),
        arr(items=[text()], additionalItems=INT),
        "xx=x",
        "compared as any subschema; Karapace looks for false only",
    ),
    pair(
        "false-item-removed-closed",
        arr(items=[text(), False], additionalItems=False),
        arr(items=[text()], additionalItems=False),
        "==bf",
        "the place stays forbidden; Karapace refuses any longer tuple",
    ),
    pair("not-retitled", {"not": text()}, {"not": text(), "title": "t"}, "====", "titles do not count"),
    pair("then-added", when(), when(then=INT), "===f", "only Apicurio compares conditions"),
    pair(
        *("then-widened", when(then=INT, **{"else": text()}), when(then=NUM, **{"else": text()}), "===b"),
        "only Apicurio compares conditions",
    ),
    pair("else-widened", when(**{"else": INT}), when(**{"else": NUM}), "===b", "only Apicurio compares conditions"),
    pair("else-changed", when(**{"else": INT}), when(**{"else": text()}), "===x", "only Apicurio compares conditions"),
    pair("if-replaced", when(), {"if": INT}, "===x", "only Apicurio compares conditions"),
    pair("if-added", {"then": INT}, when(then=INT), "===f", "a condition without its if is kept until it comes"),
    pair(
        "2020-max-contained-raised",
        d20(arr(contains=text(), maxContains=2)),
        d20(arr(contains=text(), maxContains=3)),
        "bb=x",
        "a bound",
    ),
    pair(
        *("2020-max-contained-added", d20(arr(contains=text())), d20(arr(contains=text(), maxContains=3)), "ff=x"),
        "a bound",
    ),
    pair(
        "2020-unevaluated-items-closed",
        d20(arr(prefixItems=[text()])),
        d20(arr(prefixItems=[text()], unevaluatedItems=False)),
        "ffxx",
        "fewer places; lenient is about properties",
    ),
    pair(
        "2020-unevaluated-items-typed",
        d20(arr(prefixItems=[text()])),
        d20(arr(prefixItems=[text()], unevaluatedItems=text())),
        "ffxx",
        "further items have to be strings now",
    ),
    pair(
        "2020-unevaluated-properties-typed",
        d20(obj({"a": text()})),
        d20(obj({"a": text()}, unevaluatedProperties=text())),
        "f=xx",
        "further properties have to be strings now",
    ),
]
