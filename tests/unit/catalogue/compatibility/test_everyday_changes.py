"""Everyday changes answer as a retail team expects: a table that was read row by row against that, and that the docs show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from headrace.catalogue.compatibility.kinds import KINDS
from headrace.model.schema import SchemaFormat
from tests.unit.catalogue.compatibility.everyday import CHANGES, answer, closed
from tests.unit.catalogue.compatibility.everyday_avro import CHANGES as AVRO_CHANGES

PAGE = Path(__file__).parents[4] / "docs" / "compatibility.md"
MODES = ("FORWARD_TRANSITIVE", "BACKWARD", "FULL")
OPEN, CLOSED, BOTH = "open", "closed", "open or closed"

YES = "yes: accepted, safe, safe"
UNSEEN = "not now: accepted, safe, safe; HC103"
"""No validator sees it, and who reads the field finds nothing."""
PASSED = "no: accepted, broken, broken; HC207"
"""The registry does not compare formats."""
PROVED = "exception: refused, safe, safe"
"""The registry compares patterns by their text."""


def no(codes: str) -> str:
    return f"no: refused, broken, broken; {codes}"


def exception(codes: str) -> str:
    """The registry refuses what is harmless between parties on the SDK."""
    return f"exception: refused, safe, broken; {codes}"


def not_now(codes: str) -> str:
    return f"not now: refused, safe, broken; {codes}"


GOLDEN: list[tuple[str, str, str, str, str]] = [
    ("nothing but a description, an example, `deprecated: true`", BOTH, YES, YES, YES),
    ("an optional field added", OPEN, YES, exception("HC301"), exception("HC301")),
    ("an optional field added", CLOSED, exception("HC104"), YES, exception("HC104")),
    ("a required field added", OPEN, YES, no("HC101"), no("HC101")),
    ("a required field added", CLOSED, exception("HC104"), no("HC101"), no("HC101, HC104")),
    ("an optional field added in the items of a list", OPEN, YES, exception("HC301"), exception("HC301")),
    ("an optional field added in the items of a list", CLOSED, exception("HC104"), YES, exception("HC104")),
    ("a required field added in the items of a list", OPEN, YES, no("HC101"), no("HC101")),
    ("a required field added in the items of a list", CLOSED, exception("HC104"), no("HC101"), no("HC101, HC104")),
    ("an optional field made required", BOTH, YES, no("HC102"), no("HC102")),
    ("a required field made optional", BOTH, no("HC102"), YES, no("HC102")),
    ("an optional field removed", OPEN, not_now("HC103"), YES, not_now("HC103")),
    ("an optional field removed", CLOSED, UNSEEN, exception("HC104"), not_now("HC103, HC104")),
    ("an optional field removed in the items of a list", OPEN, not_now("HC103"), YES, not_now("HC103")),
    ("an optional field removed in the items of a list", CLOSED, UNSEEN, exception("HC104"), not_now("HC103, HC104")),
    ("a required field removed", OPEN, no("HC101"), YES, no("HC101")),
    ("a required field removed", CLOSED, no("HC101"), exception("HC104"), no("HC101, HC104")),
    ("a required field renamed", OPEN, no("HC101"), no("HC101"), no("HC101")),
    ("a required field renamed", CLOSED, no("HC101, HC104"), no("HC101, HC104"), no("HC101, HC104")),
    ("a list of values (`enum`) extended", BOTH, no("HC203"), YES, no("HC203")),
    ("a list of values (`enum`) shortened", BOTH, YES, no("HC203"), no("HC203")),
    ("a list of values that grows (`type: string` with `examples`) extended", BOTH, YES, YES, YES),
    ("null allowed", BOTH, no("HC202"), YES, no("HC202")),
    ("integer to number", BOTH, no("HC201"), YES, no("HC201")),
    ("integer to text", BOTH, no("HC201"), no("HC201"), no("HC201")),
    ("minimum lowered", BOTH, no("HC204"), YES, no("HC204")),
    ("`maxLength` raised", BOTH, no("HC205"), YES, no("HC205")),
    ("`maxLength` lowered", BOTH, YES, no("HC205"), no("HC205")),
    ("format changed (date to date-time)", BOTH, PASSED, PASSED, PASSED),
    ("pattern widened", BOTH, no("HC206"), PROVED, no("HC206")),
    ("a list may be empty", BOTH, no("HC208"), YES, no("HC208")),
    ("an alternative added (`oneOf`)", BOTH, no("HC212"), YES, no("HC212")),
    ("a field made optional within an alternative", BOTH, no("HC102"), YES, no("HC102")),
    ("a field that goes with another no longer has to", BOTH, no("HC211"), YES, no("HC211")),
    (
        "an object begins to refuse other fields (`additionalProperties: false`)",
        OPEN,
        "fault: accepted, safe, safe; HC106",
        exception("HC104"),
        "fault: refused, safe, broken; HC104, HC106",
    ),
]

AVRO: list[tuple[str, str, str, str]] = [
    ("nothing but a `doc`", YES, YES, YES),
    ("a field with a default added", YES, YES, YES),
    ("a field without a default added", YES, no("HC101"), no("HC101")),
    ("a field with a default removed", UNSEEN, YES, UNSEEN),
    ("a field without a default removed", no("HC101"), YES, no("HC101")),
    ("a field renamed", no("HC101"), no("HC101"), no("HC101")),
    ("a field renamed, the old name an alias", no("HC101"), YES, no("HC101")),
    ("null allowed (a union)", no("HC202"), YES, no("HC202")),
    ("null allowed in the records of a list", no("HC202"), YES, no("HC202")),
    ("int to long", no("HC201"), YES, no("HC201")),
    ("int to string", no("HC201"), no("HC201"), no("HC201")),
    ("a symbol added", no("HC203"), YES, no("HC203")),
    ("a symbol added to an enum with a default", YES, YES, YES),
    ("a record renamed", no("HC214"), no("HC214"), no("HC214")),
]


@pytest.mark.parametrize("row", AVRO, ids=[row[0] for row in AVRO])
def test_everyday_changes_of_avro_schemas(row: tuple[str, ...]) -> None:
    """The same for Avro, whose records are neither open nor closed."""
    change, *expected = row
    old, new = AVRO_CHANGES[change]
    assert [answer(old, new, mode, SchemaFormat.AVRO) for mode in MODES] == expected


@pytest.mark.parametrize("row", GOLDEN, ids=[f"{row[0]} ({row[1]})" for row in GOLDEN])
def test_everyday_changes_answer_as_a_team_expects(row: tuple[str, ...]) -> None:
    """Each change, in schemas that are open or closed, under each mode: the answer, the three verdicts and the findings."""
    change, content, *expected = row
    old, new = CHANGES[change]
    pairs = [(old, new)] if content != CLOSED else []
    pairs += [(closed(old), closed(new))] if content != OPEN else []
    for before, after in pairs:
        assert [answer(before, after, mode) for mode in MODES] == expected


def test_every_change_is_in_the_table() -> None:
    """The table has each change, open and closed; the last one has no closed form."""
    told = {(row[0], content) for row in GOLDEN for content in (OPEN, CLOSED) if row[1] in (content, BOTH)}
    every = {(change, content) for change in CHANGES for content in (OPEN, CLOSED)}
    assert [row[0] for row in AVRO] == list(AVRO_CHANGES)
    assert every - told == {("an object begins to refuse other fields (`additionalProperties: false`)", CLOSED)}


def _table(heading: str) -> list[list[str]]:
    """The rows of the table below a heading of the page."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ") and "---" not in line]
    return [[cell.strip() for cell in re.split(r" \| ", line.strip("| "))] for line in lines]


def test_the_page_shows_the_same_table() -> None:
    """docs/compatibility.md has both golden tables, row by row."""
    head, *rows = _table("Everyday changes")
    assert head == ["change", "schemas", *MODES]
    assert rows == [list(row) for row in GOLDEN]
    head, *rows = _table("Everyday changes with Avro")
    assert head == ["change", *MODES]
    assert rows == [list(row) for row in AVRO]


def test_the_page_lists_every_code() -> None:
    """Each code with its meaning and both pieces of advice is on the page, in the order of the codes, and no other."""
    _, *rows = _table("Findings")
    kinds = sorted(KINDS.values(), key=lambda kind: kind.code)
    assert rows == [[kind.code, kind.meaning, str(kind.harm), kind.forward, kind.backward] for kind in kinds]
