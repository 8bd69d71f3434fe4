"""Findings about Avro schemas: in sentences, once for each edit, as seen from the envelope."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headrace.catalogue.compatibility.avro_changes import dropped
from headrace.catalogue.compatibility.checker import check_pair
from headrace.catalogue.compatibility.verdict import Finding, Verdict
from headrace.model.avro_schema import parse
from headrace.model.schema import Compatibility, SchemaFormat, SchemaText


def record(*fields: dict[str, Any], name: str = "Plan") -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": list(fields)}


def field(name: str, kind: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


def findings(old: Any, new: Any, mode: Compatibility) -> tuple[Finding, ...]:
    texts = [SchemaText(SchemaFormat.AVRO, json.dumps(schema)) for schema in (old, new)]
    return check_pair(texts[0], texts[1], mode, version=3, event="Planned").findings


A = field("a", "int")
AB, ABC = ({"type": "enum", "name": "K", "symbols": symbols} for symbols in (["A", "B"], ["A", "B", "C"]))
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}
READ = "consumers built on v3 cannot read it"
GONE = "events written with v3 cannot be read any more"

SENTENCES = [
    (record(A), record(field("a", "long")), "`data.a` was int, and is long in the new schema: " + READ, ""),
    (record(A), record(field("a", ["null", "int"])), "`data.a` was int; the new schema also writes null: " + READ, ""),
    (
        record(field("k", AB)),
        record(field("k", ABC)),
        '`data.k` was "A" or "B"; the new schema also writes "C": ' + READ,
        "",
    ),
    (
        record(A),
        record(A, field("b", "string")),
        "",
        "`data.b` is new, without a default, and v3 does not have it: " + GONE,
    ),
    (
        record(A, field("b", "string")),
        record(A),
        "`data.b` was always there; the new schema does not have it any more: consumers built on v3 need it",
        "",
    ),
    (
        record(A),
        record(A, name="Other"),
        "`data` was named Plan, and is Other now: " + READ,
        "`data` was named Plan, and is Other now, without the alias: " + GONE,
    ),
]


@pytest.mark.parametrize(("old", "new", "forward", "backward"), SENTENCES)
def test_each_change_is_a_sentence(old: Any, new: Any, forward: str, backward: str) -> None:
    """Both directions, in Avro's words, with the path as seen from the envelope."""
    for mode, expected in ((Compatibility.FORWARD, forward), (Compatibility.BACKWARD, backward)):
        assert [f.message for f in findings(old, new, mode)] == ([f"Planned: {expected}"] if expected else [])


def test_a_field_whose_default_takes_its_place_is_a_hint() -> None:
    """A field with a default may go, and who reads it is told what it gets instead; an alias is no loss."""
    (hint,) = findings(record(A, field("b", "string", default="-")), record(A), Compatibility.FORWARD)
    assert (hint.code, hint.path, hint.verdict) == ("HC103", "data.b", Verdict.SAFE)
    assert hint.message == 'Planned: `data.b` is gone: consumers built on v3 that read it get its default, "-"'
    renamed = record(A, field("b", "string", default="-", aliases=["c"])), record(A, field("c", "string"))
    assert dropped(parse(renamed[0]), parse(renamed[1])) == []


def test_fields_that_are_gone_are_found_in_lists_unions_and_recursion() -> None:
    """At any depth, once for each place; a recursive type ends."""

    def tree(*fields: dict[str, Any]) -> dict[str, Any]:
        return record(
            field("next", ["null", "Plan"]), field("shelves", {"type": "array", "items": record(*fields, name="S")})
        )

    gone = dropped(parse(tree(A, field("b", "int", default=0))), parse(tree(A)))
    assert [(each.path, each.default) for each in gone] == [("shelves[].b", 0)]


def test_a_named_type_that_is_used_twice_is_one_finding() -> None:
    """One edit of a shelf, two places where shelves are."""

    def plan(width: str) -> dict[str, Any]:
        shelf = record(field("w", width), name="Shelf")
        return record(field("s", {"type": "array", "items": shelf}), field("t", "Shelf"))

    (found,) = findings(plan("int"), plan("long"), Compatibility.FORWARD)
    assert (found.path, found.also) == ("data.s[].w", ("data.t.w",))
    assert found.message.startswith("Planned: `data.s[].w` (also `data.t.w`) was int, and is long")


def test_what_fastavro_reads_all_the_same_is_not_decided() -> None:
    """A decimal of another precision: no event shows the break, so it is not called one."""
    found = findings(
        record(field("d", DECIMAL)), record(field("d", {**DECIMAL, "precision": 12})), Compatibility.FORWARD
    )
    assert [f.verdict for f in found] == [Verdict.UNDECIDED]
    assert found[0].message.endswith("(not decided: fastavro reads it, which others need not)")
