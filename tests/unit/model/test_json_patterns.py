"""The portable subset of regular expressions."""

from __future__ import annotations

import re

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.model.json_patterns import pattern_problem, pattern_problems


@pytest.mark.parametrize(
    "pattern",
    [
        "^[0-9]{3,6}$",
        "^(?:EA|CS)$",
        "^[A-Z]{2}[0-9]+(-[0-9a-f]*)?$",
        "a.b",
        r"^\^\$\\\.\*\+\?\(\)\[\]\{\}\|\/$",
        r"[\]\[\-\^a]",
        "[a-]",
        "[-a]",
        "[^^]",
        "a+?b*?c??d{1,2}?",
        r"\x41\u0042\t",
        "",
    ],
)
def test_inside_the_subset(pattern: str) -> None:
    """What the subset has is let through, and both engines take it."""
    assert pattern_problem(pattern) is None
    re.compile(pattern)
    assert jsonschema_rs.Draft7Validator({"pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions())


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        (r"\d", "write [0-9]"),
        (r"[\w]", "write [A-Za-z0-9_]"),
        (r"\s", "different characters"),
        (r"\bx", "not portable"),
        (r"\p{L}", "not portable"),
        (r"\1", "not portable"),
        (r"\-", "not portable"),
        ("(?=x)", "look-around"),
        ("(?<!x)", "look-around"),
        ("(?P<a>x)", "named groups"),
        ("(?i)x", "flags"),
        ("a**", "nothing to repeat"),
        ("a{2}{3}", "nothing to repeat"),
        ("^*", "nothing to repeat"),
        ("|*", "nothing to repeat"),
        ("(*)", "nothing to repeat"),
        ("a++", "nothing to repeat"),
        ("a{,3}", "bare '{'"),
        ("a{", "bare '{'"),
        ("a}", "bare '}'"),
        ("a]", "bare ']'"),
        ("[]", "empty class"),
        ("[]a]", "empty class"),
        ("[[:alpha:]]", "bare '['"),
        ("[a&&b]", "operator"),
        ("[z-a]", "counts down"),
        ("a{3,2}", "counts down"),
        ("(", "without its ')'"),
        (")", "without its '('"),
        ("[a", "without its ']'"),
        ("[a-", "without its ']'"),
        ("a\\", "ends with"),
        ("\U0001f600", "beyond U+FFFF"),
        (r"\ud83d", "surrogate"),
    ],
)
def test_outside_the_subset(pattern: str, says: str) -> None:
    """What engines disagree about, or do not have, is refused with the way out."""
    problem = pattern_problem(pattern)
    assert problem is not None
    assert says in problem


_atoms = st.sampled_from(
    ["a", "b", "-", "[ab]", "[^a]", "[a-c]", ".", "(a|b)", "(?:(ab)?)", r"\.", r"\x61", "[0-9]", "^", "$"]
)
_patterns = st.lists(st.tuples(_atoms, st.sampled_from(["", "", "*", "+?", "?", "{2}", "{1,2}"])), max_size=6).map(
    lambda parts: "".join(atom + (q if atom not in "^$" else "") for atom, q in parts)
)


@given(_patterns, st.text("abc.-0é ", max_size=8))
def test_python_and_our_engine_agree_on_the_subset(pattern: str, text: str) -> None:
    """A pattern of the subset matches the same texts in Python's `re` and in the engine behind the validators."""
    assert pattern_problem(pattern) is None
    ours = jsonschema_rs.Draft7Validator({"pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions())
    assert ours.is_valid(text) is (re.search(pattern, text) is not None)


@given(st.text("ab[](){}^$*+?|\\-:<=!.,0129duwxP&~", max_size=12))
def test_whatever_passes_is_taken_by_both_engines(pattern: str) -> None:
    """Of any texts, those that the rule lets through parse in both engines."""
    if pattern_problem(pattern) is None:
        re.compile(pattern)
        jsonschema_rs.Draft7Validator({"pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions())


def test_problems_name_their_place() -> None:
    """Every pattern of a schema is looked at, also names of patternProperties, and no data that look like one."""
    schema = {
        "properties": {"a": {"pattern": r"\d"}, "pattern": {"enum": [{"pattern": r"\d"}]}},
        "patternProperties": {r"^\w+$": {"items": {"pattern": "ok"}}},
    }
    assert [place for place, _ in pattern_problems(schema)] == [
        "#/patternProperties/%5E%5Cw+$",
        "#/properties/a/pattern",
    ]
