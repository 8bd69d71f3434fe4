"""The one policy for drafts, formats and faults."""

from __future__ import annotations

import datetime
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import Violation
from headrace.model.json_schema import FORMATS, closed, compile_schema, has_path, violations

DRAFTS = [
    "http://json-schema.org/draft-04/schema#",
    "http://json-schema.org/draft-06/schema#",
    "http://json-schema.org/draft-07/schema#",
    "https://json-schema.org/draft/2019-09/schema",
    "https://json-schema.org/draft/2020-12/schema",
]

EXAMPLES = {
    "date": ("2026-01-31", "2026-02-30"),
    "date-time": ("2026-01-31T13:45:00Z", "2026-01-31T13:45:00"),
    "duration": ("P1DT12H", "1 day"),
    "email": ("a@example.com", "example.com"),
    "hostname": ("a.example.com", "-a-"),
    "ipv4": ("192.0.2.1", "192.0.2.256"),
    "ipv6": ("2001:db8::1", "2001:db8::x"),
    "json-pointer": ("/a/0", "a/0"),
    "regex": ("^[a-z]$", "("),
    "time": ("13:45:00Z", "25:00:00Z"),
    "uri": ("https://example.com/a", "/a"),
    "uri-reference": ("/a", "\\\\a"),
    "uuid": ("0190f3a0-0000-7000-8000-000000000000", "0190f3a0"),
}


@pytest.mark.parametrize("draft", DRAFTS)
@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_format_of_the_policy_is_asserted_in_every_draft(draft: str, name: str) -> None:
    """Each listed format accepts and refuses the same in every draft, and leaves what is no text alone."""
    validator = compile_schema({"$schema": draft, "format": name})
    good, bad = EXAMPLES[name]
    assert [validator.is_valid(v) for v in (good, bad, 5, None)] == [True, False, True, True]


@pytest.mark.parametrize("draft", DRAFTS)
@pytest.mark.parametrize("name", ["idn-email", "idn-hostname", "iri", "iri-reference", "uri-template", "x-price"])
def test_any_other_format_is_an_annotation_in_every_draft(draft: str, name: str) -> None:
    """A format outside the list refuses nothing, in no draft."""
    assert compile_schema({"$schema": draft, "format": name}).is_valid("\\ not ( anything {")


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("P1Y2M3D", True),
        ("P1Y2M3DT4H5M6S", True),
        ("PT5M", True),
        ("P2W", True),
        ("P", False),
        ("PT", False),
        ("P1W1D", False),
        ("P1DT", False),
        ("P1Y3D", False),
        ("PT1H3S", False),
    ],
)
def test_duration_follows_rfc_3339(text: str, valid: bool) -> None:
    """The duration pattern is appendix A's grammar, as jsonschema-rs has it from 2019-09 on."""
    assert compile_schema({"format": "duration"}).is_valid(text) is valid
    assert jsonschema_rs.Draft201909Validator({"format": "duration"}, validate_formats=True).is_valid(text) is valid


def test_a_format_by_pattern_keeps_its_name_in_faults() -> None:
    """A value that is no UUID is refused by `format`, and the pattern behind it is not shown."""
    (found,) = violations(compile_schema({"properties": {"id": {"format": "uuid"}}}), {"id": "x"})
    assert found == Violation("data.id", "format", '"x" is not a "uuid"')


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "objekt"}, '#/type: "objekt" is not a type of JSON Schema'),
        ({"properties": {"a": {"minimum": "x"}}}, '#/properties/a/minimum: "x" is not of type "number"'),
        ({"properties": {"a": {"pattern": "(?!x)y"}}}, "#/properties/a/pattern: the regular expression"),
        ({"$ref": "#/definitions/a"}, "#: the reference '#/definitions/a' points nowhere"),
        ({"$ref": "https://example.com/a"}, "leaves the document"),
        ({"$schema": "https://example.com/a"}, "not a draft"),
        ({"pattern": "^(a{1,500}){1,500}$"}, "too large when expanded"),
        ("text", "a schema is an object"),
        ([], "a schema is an object"),
    ],
)
def test_a_schema_that_does_not_parse_is_a_readable_value_error(schema: Any, text: str) -> None:
    """What is wrong with a schema, and where in it, is said in one line."""
    with pytest.raises(ValueError, match=r".") as caught:
        compile_schema(schema)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_faults_are_told_with_their_paths() -> None:
    """Missing, undeclared and wrong fields are each named by their own path, in one go."""
    schema = {
        "type": "object",
        "required": ["storeId", "lines"],
        "properties": {
            "storeId": {"type": "string"},
            "lines": {"items": {"properties": {"quantity": {"type": "integer"}}, "required": ["quantity"]}},
        },
    }
    validator = compile_schema(closed(schema))
    data = {"lines": [{"quantity": 1}, {"quantity": "x"}, {"quantiy": 1}], "odd name": 1, "x-y": 2}
    found = violations(validator, data)
    assert {(v.path, v.rule) for v in found} == {
        ("data.storeId", "required"),
        ("data.lines[1].quantity", "type"),
        ("data.lines[2].quantity", "required"),
        ("data.lines[2].quantiy", "additionalProperties"),
        ('data["odd name"]', "additionalProperties"),
        ("data.x-y", "additionalProperties"),
    }
    assert violations(validator, {"storeId": "1", "lines": []}) == ()


def test_alternatives_say_why_each_refused() -> None:
    """An `anyOf` that fits nowhere gives each branch's reason."""
    validator = compile_schema(
        {"anyOf": [{"required": ["a"]}, {"properties": {"b": {"type": "string"}}, "required": ["b"]}]}
    )
    (found,) = violations(validator, {"b": 1})
    assert found.rule == "anyOf"
    assert "data.a: is required" in found.message
    assert "data.b" in found.message


@pytest.mark.parametrize("data", [{"a": datetime.datetime.now()}, {"a": "\ud800"}, {1: 2}, {"a": b"x"}])  # noqa: DTZ005
def test_what_is_no_json_is_one_violation(data: Any) -> None:
    """Values that JSON does not have are a violation and not a crash."""
    (found,) = violations(compile_schema({"properties": {"a": {"type": "string", "pattern": "^x$"}}}), data)
    assert found.rule == "json"


def test_deep_data_are_a_violation_and_not_a_crash() -> None:
    """Data nested deeper than the limit of faults are refused with a violation."""
    deep: Any = 1
    for _ in range(600):
        deep = [deep]
    (found,) = violations(compile_schema({"enum": [1]}), deep)
    assert found.rule == "json"


def test_long_values_are_cut_in_messages() -> None:
    """An event's data do not go whole into an error's text."""
    (found,) = violations(compile_schema({"type": "integer"}), "x" * 10_000)
    assert len(found.message) <= 300


SCHEMA = {
    "properties": {
        "storeId": {"type": "string"},
        "lines": {"type": "array", "items": {"$ref": "#/definitions/line"}},
        "pair": {"items": [{"properties": {"x": {}}}, {"properties": {"y": {}}}]},
        "address": {"allOf": [{"$ref": "#/definitions/base"}, {"properties": {"city": {}}}]},
        "either": {"oneOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]},
        "map": {"additionalProperties": {"properties": {"v": {}}}},
        "free": {"type": "object"},
    },
    "patternProperties": {"^x-": {"properties": {"note": {}}}},
    "if": {"properties": {"kind": {"const": "c"}}},
    "then": {"properties": {"extra": {}}},
    "definitions": {
        "line": {"properties": {"quantity": {}, "parts": {"type": "array", "items": {"$ref": "#/definitions/line"}}}},
        "base": {"properties": {"street": {}}},
    },
}


@pytest.mark.parametrize(
    "path",
    [
        "storeId",
        "lines",
        "lines[]",
        "lines[].quantity",
        "lines[].parts[].parts[].quantity",
        "pair[].x",
        "pair[].y",
        "address.city",
        "address.street",
        "either.a",
        "either.b",
        "map.anything.v",
        "x-mine.note",
        "kind",
        "extra",
    ],
)
def test_a_path_that_exists_is_found(path: str) -> None:
    """Paths go through references, branches, arrays, maps, patterns and recursion."""
    assert has_path(SCHEMA, path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "nope",
        "storeId.x",
        "lines.quantity",
        "storeId[]",
        "free.x",
        "address.zip",
        "lines[].",
        "lines[0]",
        "a..b",
    ],
)
def test_a_path_that_does_not_exist_is_not_found(path: str) -> None:
    """What the schema does not declare has no path; nor has a free-form object."""
    assert not has_path(SCHEMA, path)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(_json)
def test_there_are_violations_exactly_when_it_is_invalid(data: Any) -> None:
    """`violations` is empty for valid data and for no other."""
    validator = compile_schema({"anyOf": [{"type": "object", "maxProperties": 1}, {"minItems": 2}, {"minimum": 0}]})
    assert (violations(validator, data) == ()) is validator.is_valid(data)


def test_a_hostile_text_does_not_hold_up_a_pattern() -> None:
    """A pattern that makes a backtracking engine explode takes linear time."""
    validator = compile_schema({"pattern": "^(a+)+$"})
    assert not validator.is_valid("a" * 50_000 + "b")
