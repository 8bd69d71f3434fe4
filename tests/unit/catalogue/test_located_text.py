"""YAML and JSON with places."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.catalogue.codes import Code
from headrace.catalogue.located_json import JsonText
from headrace.catalogue.located_yaml import YamlText

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def _parts(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    yield path, value
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _parts(inner, (*path, key))


def _rest(text: str, line: int, column: int) -> str:
    return "\n".join(text.split("\n")[line - 1 :])[column - 1 :]


@given(_VALUES, st.sampled_from([None, 1, "\t"]))
def test_each_part_of_a_json_text_is_found_where_it_stands(value: Any, indent: int | str | None) -> None:
    """For any JSON, at the place of each part a parser finds that part's value."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    located = JsonText(text)
    assert located.parsed and located.value == value
    for path, part in _parts(value):
        found, _ = json.JSONDecoder().raw_decode(_rest(text, *located.place(path)))
        assert found == part


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), st.lists(st.integers(0, 99), max_size=3), max_size=4))
def test_each_key_of_a_yaml_text_is_found_where_it_stands(value: dict[str, list[int]]) -> None:
    """For block YAML, the place of a key begins with the key, and that of a value with the value."""
    text = "# first\n" + "".join(f"{key}:\n" + "".join(f"  - {n}\n" for n in ns) for key, ns in value.items())
    located = YamlText(text)
    for key, numbers in value.items():
        assert _rest(text, *located.place((key,), key=True)).startswith(f"{key}:")
        for index, number in enumerate(numbers):
            assert _rest(text, *located.place((key, index))).startswith(str(number))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: no", "no"),
        ("a: 2026-03-01", "2026-03-01"),
        ("a: 1.2.0", "1.2.0"),
        ("a: 0o7", "0o7"),
        ("a: 12:30:00", "12:30:00"),
        ("a: true", True),
        ("a: ~", None),
        ("a:", None),
        ("a: 12", 12),
        ("a: 1.5", 1.5),
        ("a: '12'", "12"),
        ("a: |\n  x\n", "x\n"),
        ('a: "\\u00e4"', "ä"),
    ],
)
def test_scalars_are_read_by_the_core_schema(text: str, value: object) -> None:
    """`no` is a text, a date stays a text, and only plain words and numbers become something else."""
    assert YamlText(text).value == {"a": value}


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("a: b: c", Code.YAML_SYNTAX, (1, 5)),
        ("a: [1,\nb: 2\n", Code.YAML_SYNTAX, (3, 1)),
        ("a: 1\na: 2\n", Code.DUPLICATE_KEY, (2, 1)),
        ("a: &x 1\nb: *x\n", Code.YAML_FEATURE, (1, 4)),
        ("x: 1\n<<: {}\n", Code.YAML_FEATURE, (2, 1)),
        ("? [a]\n: b\n", Code.YAML_FEATURE, (1, 3)),
        ("a: 1\n---\nb: 2\n", Code.YAML_FEATURE, (2, 1)),
        ("a: 1\nb: x\0y\n", Code.YAML_SYNTAX, (2, 5)),
        ("a: " + "[" * 100_000 + "]" * 100_000, Code.YAML_SYNTAX, (1, 53)),
        ("- " * 1000 + "a", Code.YAML_SYNTAX, (1, 101)),
    ],
)
def test_what_is_wrong_with_a_yaml_text_has_a_place(text: str, code: Code, place: tuple[int, int]) -> None:
    """Syntax, doubled keys and refused features are found where they stand."""
    first = YamlText(text).findings[0]
    assert (first.code, tuple(first.place or ())) == (code, place)


def test_both_places_of_an_alias_are_refused() -> None:
    """An anchor and each alias are faults of their own."""
    assert [f.place.line for f in YamlText("a: &x 1\nb: *x\nc: *x\n").findings if f.place] == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ('{"a": tru}', Code.JSON_SYNTAX, (1, 7)),
        ("[" * 300 + "]" * 300, Code.JSON_SYNTAX, (1, 1)),
        ("[" * 100_000 + "]" * 100_000, Code.JSON_SYNTAX, (1, 1)),
        ('{\n "a": 1\n "b": 2}', Code.JSON_SYNTAX, (3, 2)),
        ('{"a": 1,\n "b": {"c": 1, "c": 2}}', Code.JSON_DUPLICATE, (2, 16)),
        ('{"a": [1,\n NaN]}', Code.JSON_SYNTAX, (2, 2)),
        ("", Code.JSON_SYNTAX, (1, 1)),
    ],
)
def test_what_is_wrong_with_a_json_text_has_a_place(text: str, code: Code, place: tuple[int, int]) -> None:
    """Syntax, doubled keys and numbers that JSON lacks are found where they stand."""
    first = JsonText(text).findings[0]
    assert (first.code, tuple(first.place or ())) == (code, place)


def test_the_place_of_a_part_that_is_missing_is_its_parent_s() -> None:
    """A fault about something that is not there is shown at what should hold it."""
    assert JsonText('{\n "a": {"b": 1}}').place(("a", "x", 3)) == (2, 7)
    assert YamlText("a:\n  b: 1\n").place(("a", "x")) == (2, 3)
