"""Strings, numbers, enums, constants and types: each rule at the root and one level down."""

from __future__ import annotations

from typing import Any

from tests.unit.catalogue.compatibility.parity.pairs import Pair, pair, prop, text

INT: dict[str, Any] = {"type": "integer"}
NUM: dict[str, Any] = {"type": "number"}

_ROOT: list[tuple[str, Any, Any, str, str]] = [
    ("max-length-raised", text(maxLength=5), text(maxLength=9), "bbbb", "an upper bound that grows widens"),
    ("max-length-removed", text(maxLength=5), text(), "bbbb", "a bound that goes widens"),
    ("min-length-lowered", text(minLength=3), text(minLength=1), "bbbb", "a lower bound that falls widens"),
    ("min-length-removed", text(minLength=3), text(), "bbbb", "a bound that goes widens"),
    ("pattern-removed", text(pattern="^a"), text(), "bbbb", "a pattern that goes widens"),
    ("pattern-changed", text(pattern="^a"), text(pattern="^b"), "xxxx", "patterns are compared as text"),
    ("pattern-same", text(pattern="^a"), text(pattern="^a", title="t"), "====", "titles do not count"),
    ("format-removed", text(format="date"), text(), "===b", "only Apicurio compares formats, those of the draft"),
    ("format-changed", text(format="email"), text(format="uri"), "===x", "only Apicurio compares formats"),
    ("format-unknown", text(format="uuid"), text(), "====", "draft-07 has no uuid, so it is as if it were not there"),
    ("content-encoding", text(), text(contentEncoding="base64"), "===f", "only Apicurio compares encodings"),
    (
        "media-type",
        text(contentMediaType="a/b"),
        text(contentMediaType="a/c"),
        "===x",
        "only Apicurio compares media types",
    ),
    ("maximum-raised", {**INT, "maximum": 5}, {**INT, "maximum": 9}, "bbbb", "an upper bound that grows widens"),
    ("maximum-removed", {**INT, "maximum": 5}, INT, "bbbb", "a bound that goes widens"),
    ("minimum-lowered", {**INT, "minimum": 1}, {**INT, "minimum": 0}, "bbbb", "a lower bound that falls widens"),
    ("minimum-removed", {**INT, "minimum": 1}, INT, "bbbb", "a bound that goes widens"),
    ("below-raised", {**NUM, "exclusiveMaximum": 5}, {**NUM, "exclusiveMaximum": 9}, "bbbb", "as maximum"),
    ("above-lowered", {**NUM, "exclusiveMinimum": 5}, {**NUM, "exclusiveMinimum": 1}, "bbbb", "as minimum"),
    ("above-removed", {**NUM, "exclusiveMinimum": 5}, NUM, "bbbb", "a bound that goes widens"),
    (
        "minimum-made-exclusive",
        {**NUM, "minimum": 0},
        {**NUM, "exclusiveMinimum": 0},
        "xxxf",
        "two keywords, so one goes and one comes; Apicurio reads both as one bound",
    ),
    (
        "multiple-reduced",
        {**INT, "multipleOf": 4},
        {**INT, "multipleOf": 2},
        "bb=b",
        "Karapace looks for a keyword called multiple",
    ),
    ("multiple-changed", {**INT, "multipleOf": 2}, {**INT, "multipleOf": 3}, "xx=x", "neither divides the other"),
    ("multiple-added", INT, {**INT, "multipleOf": 2}, "ff=f", "a divisor that comes narrows"),
    (
        "multiple-of-hundredths",
        {**NUM, "multipleOf": 0.01},
        {**NUM, "multipleOf": 0.1},
        "xx=f",
        "Confluent divides without fractions and fails; Apicurio is exact",
    ),
    ("integer-to-number", INT, NUM, "bbbb", "numbers contain integers"),
    (
        "whole-number-to-integer",
        {**NUM, "multipleOf": 1},
        INT,
        "xxfb",
        "only Apicurio knows that multiples of 1 are integers, and then misses the divisor on the way back",
    ),
    ("string-to-integer", text(), INT, "xxxx", "another type"),
    ("null-to-string", {"type": "null"}, text(), "xxxx", "another type"),
    ("enum-extended", {"enum": ["a"]}, {"enum": ["a", "b"]}, "bbbb", "more values widen"),
    ("enum-changed", {"enum": ["a", "b"]}, {"enum": ["b", "c"]}, "xxxx", "one came and one went"),
    ("enum-reordered", {"enum": ["a", "b"]}, {"enum": ["b", "a"]}, "====", "a set"),
    (
        "typed-enum-extended",
        text(enum=["a"]),
        text(enum=["a", "b"]),
        "bb=b",
        "an allOf of type and enum; to Karapace a string, whose enum it does not read",
    ),
    ("enum-to-const", {"enum": ["a"]}, {"const": "a"}, "xxx=", "two classes; only Apicurio holds them for equal"),
    ("const-changed", {"const": "a"}, {"const": "b"}, "xx=x", "to Karapace two objects"),
    ("const-number", {"const": 1}, {"const": 1.0}, "xx=x", "the numbers of Java are not equal"),
    (
        "type-list-of-one",
        {"type": ["integer"]},
        {"type": "integer"},
        "===x",
        "an anyOf of one; Apicurio takes no union apart",
    ),
]

_AT_ROOT_ONLY: list[Pair] = [
    pair(
        *("typed-enum-removed", text(enum=["a"]), text(), "bb=b"),
        "one part of the allOf is what is left; the other way it is a string against an allOf",
    ),
    pair(
        *("type-list-narrowed", {"type": ["string", "null"]}, text(), "fffx"),
        "one branch of the anyOf; Apicurio takes no union apart at the root",
    ),
    pair(
        *("type-list-narrowed-below", prop({"type": ["string", "null"]}), prop(text()), "ffff"),
        "Apicurio makes a property's string an anyOf of one where the other side is a union",
    ),
    pair(
        *("integer-made-nullable", prop(INT), prop({"type": ["integer", "null"]}), "bbbx"),
        "Apicurio does it for strings only",
    ),
    pair("default-added", prop(text()), prop(text(default="a")), "====", "defaults do not count here"),
    pair("description-changed", prop(text(description="a")), prop(text(description="b")), "====", "annotations"),
    pair("id-changed", {"$id": "http://x/a", **text()}, {"$id": "http://x/b", **text()}, "====", "annotations"),
    pair("any-to-string", {}, text(), "ffxf", "to Karapace a schema without a type is an object"),
    pair("true-to-empty", prop(True), prop({}), "==x=", "both accept all; Karapace looks for a keyword in a boolean"),
    pair("false-to-string", prop(False), prop(text()), "bbxb", "nothing was accepted before"),
    pair(
        *("typed-by-bytes", text(**{"connect.type": "bytes"}), {**NUM, "connect.type": "bytes"}, "==xx"),
        "Confluent lets a converter of decimals change its type",
    ),
    pair(
        *("keyword-of-another-type", text(), text(minimum=3), "ff=f"),
        "an allOf of two, of which the string is a part; Karapace reads a string's keywords only",
    ),
]

PAIRS = [
    *(pair(name, old, new, labels, why) for name, old, new, labels, why in _ROOT),
    *(pair(f"{name}-in-a-property", prop(old), prop(new), labels, why) for name, old, new, labels, why in _ROOT),
    *_AT_ROOT_ONLY,
]
