"""The closed form of a schema, against a naive reading of what `declared` means."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from headrace.model.json_schema import closed, compile_schema

pytestmark = pytest.mark.slow


# --- an oracle: follows the data with the list of all subschemas that may apply


def _applying(schema: Any, root: Any, seen: tuple[int, ...] = ()) -> Iterator[dict[str, Any]]:
    if not isinstance(schema, dict) or id(schema) in seen:
        return
    seen = (*seen, id(schema))
    if "$ref" in schema:
        target = root
        for token in schema["$ref"].split("/")[1:]:
            target = target[token]
        yield from _applying(target, root, seen)
        return
    yield schema
    for keyword in ("allOf", "anyOf", "oneOf"):
        for branch in schema.get(keyword, []):
            yield from _applying(branch, root, seen)
    for keyword in ("if", "then", "else"):
        yield from _applying(schema.get(keyword), root, seen)


def undeclared(schemas: list[Any], data: Any, root: Any) -> bool:
    """Whether ``data`` hold a field that none of ``schemas`` declares."""
    here = [s for schema in schemas for s in _applying(schema, root)]
    if isinstance(data, list):
        return any(undeclared([s["items"] for s in here if "items" in s], item, root) for item in data)
    if not isinstance(data, dict):
        return False
    closes = any(s.get("properties") or s.get("patternProperties") for s in here)
    for name, value in data.items():
        inner = []
        for s in here:
            own = [s["properties"][name]] if name in s.get("properties", {}) else []
            own += [sub for p, sub in s.get("patternProperties", {}).items() if re.search(p, name)]
            if not own and isinstance(s.get("additionalProperties"), dict):
                own = [s["additionalProperties"]]
            inner += own
        if (closes and not inner) or undeclared(inner, value, root):
            return True
    return False


# --- random schemas and data

_NAMES = ["a", "b", "c", "x-a"]
_name = st.sampled_from(_NAMES)
_leaf = st.sampled_from([{"type": "string"}, {"type": "integer"}, {}, True, {"type": "object"}, {"enum": [1, "s"]}])
_ref = st.sampled_from(["#", "#/definitions/d", "#/definitions/e"]).map(lambda r: {"$ref": r})


def _compound(inner: st.SearchStrategy[Any], patterns: tuple[str, ...] = ("^p-",)) -> st.SearchStrategy[Any]:
    properties = st.dictionaries(_name, inner, max_size=3)
    return st.fixed_dictionaries(
        {},
        optional={
            "properties": properties,
            "patternProperties": st.dictionaries(st.sampled_from(patterns), inner, max_size=2),
            "additionalProperties": st.one_of(st.just(True), inner.filter(lambda s: s is not True)),
            "items": inner,
            "allOf": st.lists(inner, min_size=1, max_size=2),
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "oneOf": st.lists(inner, min_size=1, max_size=2),
            "if": inner,
            "then": inner,
            "required": st.lists(_name, max_size=1, unique=True),
            "type": st.sampled_from(["object", ["object", "array"], ["object", "integer", "string"]]),
        },
    )


def _document(*patterns: str) -> st.SearchStrategy[Any]:
    def compound(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return _compound(inner, patterns)

    schema = st.recursive(_leaf | _ref, compound, max_leaves=8)
    several = st.lists(schema, min_size=1, max_size=2)
    return st.fixed_dictionaries(
        {"definitions": st.fixed_dictionaries({"d": schema, "e": compound(_leaf | _ref)})},
        optional={"properties": st.dictionaries(_name, schema, min_size=1, max_size=3), "allOf": several}
        | {"items": schema, "additionalProperties": schema, "anyOf": several},
    )


_data = st.recursive(
    st.integers(0, 2) | st.sampled_from(["s", "t"]),
    lambda inner: (
        st.dictionaries(st.sampled_from([*_NAMES, "p-a", "p-b", "zz"]), inner, max_size=3) | st.lists(inner, max_size=2)
    ),
    max_leaves=8,
)


def _loops(schema: Any) -> bool:
    """Whether a subschema refers to itself at the same place of the data, which no validator ends on."""

    def visit(s: Any, path: tuple[int, ...]) -> bool:
        if not isinstance(s, dict):
            return False
        if id(s) in path:
            return True
        path = (*path, id(s))
        if "$ref" in s:
            target: Any = schema
            for token in s["$ref"].split("/")[1:]:
                target = target[token]
            return visit(target, path)
        beside = [b for k in ("allOf", "anyOf", "oneOf") for b in s.get(k, [])] + [s.get(k) for k in ("if", "then")]
        return any(visit(b, path) for b in beside)

    def everywhere(s: Any) -> Iterator[Any]:
        if isinstance(s, dict):
            yield s
            for value in s.values():
                yield from everywhere(value)
        elif isinstance(s, list):
            for value in s:
                yield from everywhere(value)

    return any(visit(s, ()) for s in everywhere(schema))


@given(_document("^p-"), st.lists(_data, min_size=1, max_size=4))
def test_closed_is_open_and_nothing_undeclared(schema: Any, samples: list[Any]) -> None:
    """Closed accepts a document exactly when open accepts it and every field in it is declared: so it accepts a subset of
    open, keeps every document of declared fields only, and refuses one undeclared field anywhere."""
    schema = json.loads(json.dumps(schema))  # hypothesis shares equal parts; the oracle tells places by identity
    assume(not _loops(schema))
    opened, shut = compile_schema(schema), compile_schema(closed(schema))
    for data in samples:
        expected = opened.is_valid(data) and not undeclared([schema], data, schema)
        assert shut.is_valid(data) is expected, (schema, closed(schema), data)


@settings(max_examples=50)
@given(_document("^x-", "a$", "^[a-c]$"), st.lists(_data, min_size=1, max_size=4))
def test_overlapping_patterns_never_refuse_what_is_declared(schema: Any, samples: list[Any]) -> None:
    """Where names match several patterns, closed is still a subset of open and still takes every declared-only document."""
    schema = json.loads(json.dumps(schema))
    assume(not _loops(schema))
    opened, shut = compile_schema(schema), compile_schema(closed(schema))
    for data in samples:
        if shut.is_valid(data):
            assert opened.is_valid(data)
        elif opened.is_valid(data):
            assert undeclared([schema], data, schema), (schema, closed(schema), data)


CASES: dict[str, tuple[dict[str, Any], list[Any], list[Any]]] = {
    "nested objects": (
        {"properties": {"a": {"properties": {"b": {}}}}},
        [{}, {"a": {}}, {"a": {"b": {"free": 1}}}],
        [{"z": 1}, {"a": {"z": 1}}],
    ),
    "free-form stays free": ({"properties": {"a": {"type": "object"}}}, [{"a": {"x": {"y": 1}}}], [{"b": 1}]),
    "true spelt out is the default": ({"properties": {"a": {}}, "additionalProperties": True}, [{"a": 1}], [{"b": 1}]),
    "map": (
        {"properties": {"m": {"additionalProperties": {"properties": {"v": {}}}}}},
        [{"m": {"any": {"v": 1}}}],
        [{"m": {"any": {"w": 1}}}],
    ),
    "map beside fields": (
        {"properties": {"a": {}}, "additionalProperties": {"type": "integer"}},
        [{"b": 1}],
        [{"b": "x"}],
    ),
    "cousins": (
        {
            "allOf": [{"$ref": "#/definitions/base"}, {"properties": {"address": {"properties": {"city": {}}}}}],
            "definitions": {"base": {"properties": {"address": {"properties": {"street": {}}}}}},
        },
        [{"address": {"street": 1, "city": 1}}],
        [{"address": {"zip": 1}}],
    ),
    "one branch declares": (
        {"oneOf": [{"properties": {"a": {}}, "required": ["a"]}, {"properties": {"b": {}}, "required": ["b"]}]},
        [{"a": 1}, {"b": 1}],
        [{"a": 1, "c": 1}, {"c": 1}],
    ),
    "if and then": (
        {
            "properties": {"kind": {}},
            "if": {"properties": {"kind": {"const": "x"}}},
            "then": {"properties": {"more": {}}},
        },
        [{"kind": "x", "more": 1}],
        [{"kind": "x", "less": 1}],
    ),
    "dependencies": (
        {"properties": {"a": {}}, "dependencies": {"a": {"properties": {"b": {}}}, "b": ["a"]}},
        [{"a": 1, "b": 1}],
        [{"a": 1, "c": 1}, {"b": 1}],
    ),
    "recursion": (
        {"properties": {"v": {}, "children": {"items": {"$ref": "#"}}}},
        [{"children": [{"v": 1, "children": [{"v": 2}]}]}],
        [{"children": [{"children": [{"w": 1}]}]}],
    ),
    "tuples": (
        {"items": [{"properties": {"a": {}}}, {"properties": {"b": {}}}], "additionalItems": {"properties": {"c": {}}}},
        [[{"a": 1}, {"b": 1}, {"c": 1}]],
        [[{"b": 1}], [{"a": 1}, {"a": 1}], [{}, {}, {"a": 1}]],
    ),
    "patterns": ({"patternProperties": {"^x-": {"type": "integer"}}}, [{"x-a": 1}], [{"y": 1}, {"x-a": "s"}]),
    "patterns over properties": (
        {"properties": {"x-a": {"properties": {"p": {}}}}, "patternProperties": {"^x-": {"properties": {"q": {}}}}},
        [{"x-a": {"p": 1, "q": 1}}, {"x-b": {"q": 1}}],
        [{"x-b": {"z": 1}}, {"y": 1}],
    ),
    "siblings of a reference are ignored": (
        {
            "properties": {"a": {"$ref": "#/definitions/d", "properties": {"z": {}}}},
            "definitions": {"d": {"properties": {"b": {}}}},
        },
        [{"a": {"b": 1}}],
        [{"a": {"z": 1}}],
    ),
    "not and propertyNames": (
        {
            "properties": {"a": {}},
            "not": {"$ref": "#/definitions/n"},
            "definitions": {"n": {"required": ["b"]}},
            "propertyNames": {"maxLength": 1},
        },
        [{"a": 1}],
        [{"b": 1}, {"ab": 1}],
    ),
    "boolean schemas": ({"properties": {"a": True, "b": False}}, [{"a": {"x": 1}}], [{"b": 1}, {"c": 1}]),
    "2019-09, siblings count": (
        {
            "$schema": "https://json-schema.org/draft/2019-09/schema",
            "$ref": "#/$defs/d",
            "properties": {"a": {}},
            "$defs": {"d": {"properties": {"b": {}}}},
        },
        [{"a": 1, "b": 1}],
        [{"c": 1}],
    ),
    "2020-12": (
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": {"t": {"prefixItems": [{"properties": {"a": {}}}], "items": {"properties": {"b": {}}}}},
            "dependentSchemas": {"t": {"properties": {"u": {}}}},
        },
        [{"t": [{"a": 1}, {"b": 1}], "u": 1}],
        [{"t": [{"b": 1}]}, {"t": [{}, {"a": 1}]}, {"v": 1}],
    ),
    "with an $id": (
        {
            "$id": "https://example.com/s.json",
            "properties": {"a": {"$ref": "s.json#/definitions/d"}},
            "definitions": {"d": {"$id": "d.json", "properties": {"b": {"$ref": "https://example.com/s.json"}}}},
        },
        [{"a": {"b": {"a": {}}}}],
        [{"a": {"b": {"c": 1}}}],
    ),
}


@pytest.mark.parametrize(("schema", "accepted", "refused"), CASES.values(), ids=CASES)
def test_each_way_to_declare_a_field(schema: dict[str, Any], accepted: list[Any], refused: list[Any]) -> None:
    """Each applicator, with what its closed form takes and what it refuses."""
    shut = compile_schema(closed(schema))
    assert [d for d in accepted if not shut.is_valid(d)] == []
    assert [d for d in refused if shut.is_valid(d)] == []


def test_an_ordinary_schema_is_closed_in_place() -> None:
    """Where one subschema speaks of each place, no overlay and no copy of the original is made, so it costs nothing."""
    schema = {
        "properties": {"a": {"items": {"$ref": "#/definitions/d"}}},
        "definitions": {"d": {"properties": {"b": {}}}},
    }
    text = str(closed(schema))
    assert "overlay" not in text
    assert "original" not in text


def test_any_draft_07_validator_understands_the_closed_form() -> None:
    """The closed form is plain draft-07: jsonschema refuses and accepts as ours does."""
    schema, accepted, refused = CASES["cousins"]
    other = jsonschema.Draft7Validator(closed(schema))
    assert all(other.is_valid(d) for d in accepted)
    assert not any(other.is_valid(d) for d in refused)


def test_the_same_schema_closes_to_the_same_document() -> None:
    """Closing is deterministic and leaves its input as it was."""
    schema = CASES["cousins"][0]
    before = copy.deepcopy(schema)
    assert closed(schema) == closed(copy.deepcopy(schema))
    assert schema == before
