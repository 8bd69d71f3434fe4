"""A subschema in words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.catalogue.compatibility.describe import describe, listed, number, types
from headrace.catalogue.compatibility.json_nodes import ANY, NULL, STRING, JsonSchema, exact

WORDS: list[tuple[Any, str]] = [
    (True, "anything"),
    (False, "nothing"),
    ({}, "anything"),
    ({"type": "integer"}, "an integer"),
    ({"type": "integer", "minimum": 0}, "an integer from 0"),
    ({"type": "integer", "minimum": 0, "maximum": 5}, "an integer from 0 to 5"),
    ({"type": "number", "maximum": 5}, "a number up to 5"),
    ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1.5}, "a number above 0 below 1.5"),
    ({"type": "number", "multipleOf": 0.01}, "a number, a multiple of 0.01"),
    ({"type": "string"}, "a text"),
    ({"type": "string", "minLength": 1, "maxLength": 20}, "a text of 1 to 20 characters"),
    ({"type": "string", "maxLength": 1}, "a text of at most 1 character"),
    ({"type": "string", "minLength": 3, "maxLength": 3}, "a text of 3 characters"),
    ({"type": "string", "format": "date"}, "a text of the format date"),
    ({"type": "string", "pattern": "^a"}, "a text that matches ^a"),
    ({"type": "string", "allOf": [{"pattern": "^a"}, {"pattern": "b$"}]}, "a text that matches ^a and b$"),
    ({"type": "array"}, "a list"),
    ({"type": "array", "minItems": 1}, "a list of at least 1 item"),
    ({"type": "array", "minItems": 1, "maxItems": 3, "uniqueItems": True}, "a list of 1 to 3 items, all different"),
    ({"type": "object", "maxProperties": 3}, "an object of at most 3 fields"),
    ({"type": "object", "required": ["a"]}, "an object"),
    ({"type": "boolean"}, "true or false"),
    ({"type": "null"}, "null"),
    ({"type": ["integer", "null"], "minimum": 0}, "an integer from 0 or null"),
    ({"type": ["string", "integer", "null"]}, "a text, an integer or null"),
    ({"const": "a"}, '"a"'),
    ({"enum": ["a", "b"]}, '"a" or "b"'),
    ({"enum": [1, 2, 3]}, "one of 1, 2, 3"),
    ({"enum": list(range(9))}, "one of 0, 1, 2, 3, 4, 5 and 3 more"),
    ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, "one of 2 alternatives"),
    ({"$ref": "#/definitions/n", "definitions": {"n": {"type": "integer", "minimum": 1}}}, "an integer from 1"),
]


@pytest.mark.parametrize(("schema", "expected"), WORDS, ids=[w[1] for w in WORDS])
def test_a_subschema_in_words(schema: Any, expected: str) -> None:
    """What is allowed, as a noun phrase that fits into a sentence."""
    assert describe((JsonSchema(schema).root,)) == expected


def test_several_that_hold_together() -> None:
    """Bounds of several subschemas are told together."""
    both = JsonSchema({"allOf": [{"type": "integer", "minimum": 0}, {"maximum": 9}]})
    assert describe(both.root.all_of) == "an integer from 0 to 9"


def test_types_in_words() -> None:
    """One type, several, and all but one."""
    assert types(STRING) == "a text"
    assert types(STRING | NULL) == "a text or null"
    assert types(ANY) == "anything"
    assert types(ANY & ~NULL) == "anything but null"


def test_long_values_are_cut() -> None:
    """An enumeration's value is for recognising, not for copying."""
    assert len(listed(["x" * 500])) == 40


@given(st.integers() | st.decimals(allow_nan=False, allow_infinity=False, places=4).map(float))
def test_numbers_are_written_as_people_do(value: float) -> None:
    """A whole number has no fraction, and the text means the number."""
    written = number(exact(value))
    assert exact(float(written)) == exact(value) or float(written) == float(value)
    assert "/" not in written
