"""Pairs and histories: which versions are compared, what is told of several, and that the bytes are always the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.catalogue.compatibility import checker
from headrace.catalogue.compatibility.checker import check_history, check_pair
from headrace.catalogue.compatibility.findings import called
from headrace.catalogue.compatibility.json_verdict import MOST_WITNESSES
from headrace.catalogue.compatibility.verdict import Direction, PairVerdict, Verdict, encode
from headrace.errors import InvalidSchema
from headrace.model.schema import Compatibility, SchemaFormat, SchemaText
from tests.unit.catalogue.compatibility.everyday import CHANGES, DRAFT7, OLD, Schema, order, thing

F, FT = Compatibility.FORWARD, Compatibility.FORWARD_TRANSITIVE
TEXT: Schema = {"type": "string"}


def text(schema: Any) -> SchemaText:
    return SchemaText(SchemaFormat.JSON_SCHEMA, json.dumps(schema))


def avro(*fields: tuple[str, Any]) -> SchemaText:
    record = {"type": "record", "name": "Plan", "fields": [{"name": n, "type": t} for n, t in fields]}
    return SchemaText(SchemaFormat.AVRO, json.dumps(record))


def of_length(most: int) -> SchemaText:
    return text({"$schema": DRAFT7, **thing(("note",), note={"type": "string", "maxLength": most})})


def test_a_pair_has_three_verdicts_findings_and_a_witness() -> None:
    """One pair: the registry's answer, both readings, the finding in the event's own path, and an event that shows it."""
    old, new = CHANGES["null allowed"]
    verdict = check_pair(text(old), text(new), FT, version=3, event="OrderCreated")
    assert (verdict.registry.accepted, verdict.tolerant, verdict.semantic) == (False, Verdict.BROKEN, Verdict.BROKEN)
    (finding,) = verdict.findings
    assert (finding.event, finding.path, finding.version) == ("OrderCreated", "data.quantity", 3)
    assert finding.message == (
        "OrderCreated: `data.quantity` was an integer from 0; the new schema also allows null: consumers built on v3 will "
        "reject it"
    )
    assert verdict.witness is not None
    assert (verdict.witness.event["quantity"], verdict.witness.rule) == (None, "type")


def test_an_avro_pair_is_told_as_seen_from_the_envelope() -> None:
    """The same for Avro: the path begins with data, and the sentence with the event's name."""
    verdict = check_pair(avro(("n", "int")), avro(("n", ["null", "int"])), FT, event="Planned")
    assert [(f.code, f.path) for f in verdict.findings] == [("HC202", "data.n")]
    assert verdict.findings[0].message.startswith("Planned: `data.n` was int; the new schema also")


def test_transitive_modes_compare_with_every_version() -> None:
    """FORWARD asks for the last version only; FORWARD_TRANSITIVE finds the break with the first."""
    history = [of_length(10), of_length(20), of_length(40)]
    assert check_history(of_length(30), history, F).tolerant is Verdict.SAFE
    verdict = check_history(of_length(30), history, FT)
    assert verdict.tolerant is Verdict.BROKEN
    assert [f.versions for f in verdict.findings] == [(1, 2)]


def test_what_is_true_of_several_versions_is_one_finding() -> None:
    """Versions of which the same sentence is true are named together; those with another one are added."""
    first = of_length(10)
    same = text(
        {"$schema": DRAFT7, "description": "the same", **thing(("note",), note={"type": "string", "maxLength": 10})}
    )
    verdict = check_history(of_length(30), [first, same, first], FT)
    (finding,) = verdict.findings
    assert "consumers built on v1 to v3 will" in finding.message
    assert (finding.version, finding.versions) == (3, (1, 2, 3))
    mixed = check_history(of_length(30), [of_length(10), of_length(20), of_length(20)], FT)
    (finding,) = mixed.findings
    assert "at most 20 characters" in finding.message
    assert finding.message.endswith("built on v2 and v3 will reject the values that are new (likewise v1)")
    assert mixed.witnesses[0].version == 3


@pytest.mark.parametrize(
    ("versions", "expected"),
    [((3,), "v3"), ((1, 3), "v1 and v3"), ((1, 2, 3), "v1 to v3"), ((1, 2, 4, 5, 6), "v1, v2 and v4 to v6")],
)
def test_versions_are_called(versions: tuple[int, ...], expected: str) -> None:
    """Runs of three or more are told as a range."""
    assert called(versions) == expected


def test_a_text_that_is_there_already_is_not_compared() -> None:
    """A version that is the same text as the new one costs nothing and has no findings."""
    verdict = check_history(of_length(30), [of_length(30), of_length(40)], FT)
    assert [f.versions for f in verdict.findings] == []
    assert check_history(of_length(30), [of_length(30)], Compatibility.FULL).findings == ()


def test_none_compares_nothing() -> None:
    """Under NONE everything is safe and accepted."""
    verdict = check_history(of_length(30), [of_length(1)], Compatibility.NONE)
    assert (verdict.registry.accepted, verdict.semantic, verdict.findings) == (True, Verdict.SAFE, ())


@pytest.mark.parametrize("bad", ["{", "[]", '{"type": "nonsense"}', '{"$ref": "https://example.com/other.json"}'])
def test_a_schema_that_cannot_be_read_is_an_error(bad: str) -> None:
    """On either side, and in a history; never a crash."""
    broken = SchemaText(SchemaFormat.JSON_SCHEMA, bad)
    for old, new in ((broken, of_length(1)), (of_length(1), broken)):
        with pytest.raises(InvalidSchema):
            check_pair(old, new, FT)
    with pytest.raises(InvalidSchema):
        check_pair(of_length(1), avro(("a", "int")), FT)


def test_verdicts_stay_small() -> None:
    """At most five witnesses, however many findings there are; the whole goes through JSON and back."""
    many = [f"f{n}" for n in range(20)]
    old = text({"$schema": DRAFT7, **thing((), **{n: {"type": "integer"} for n in many})})
    new = text({"$schema": DRAFT7, **thing((), **dict.fromkeys(many, TEXT))})
    verdict = check_pair(old, new, FT)
    assert len(verdict.findings) == 20
    assert len(verdict.witnesses) == MOST_WITNESSES
    assert msgspec.json.decode(encode(verdict), type=PairVerdict) == verdict


def test_fifty_versions_are_checked_in_a_second() -> None:
    """A history of 50 versions without witnesses, both directions, parsed for the first time; the limit is generous here."""

    def version(number: int) -> SchemaText:
        more: Schema = {f"f{n}": [TEXT, {"type": "integer"}][n % 2] for n in range(20 + number)}
        return text(order(lines={"type": "array", "items": thing((), **more)}, **more))

    history = [version(number) for number in range(50)]
    checker.side.cache_clear()
    started = time.process_time()
    verdict = check_history(text(order(quantity=TEXT)), history, Compatibility.FULL_TRANSITIVE, witness=False)
    assert verdict.findings[0].versions == tuple(range(1, 51))
    assert time.process_time() - started < 5


def shuffled(schema: Any, draw: st.DrawFn) -> Any:
    """The same with keys in another order."""
    if isinstance(schema, dict):
        names = draw(st.permutations(list(schema)))
        return {name: shuffled(schema[name], draw) for name in names}
    return [shuffled(item, draw) for item in schema] if isinstance(schema, list) else schema


@st.composite
def pairs(draw: st.DrawFn) -> tuple[str, Schema, Schema]:
    name = draw(st.sampled_from(sorted(CHANGES)))
    old, new = CHANGES[name]
    return name, shuffled(old, draw), shuffled(new, draw)


@settings(max_examples=25, deadline=None)
@given(pairs())
def test_the_order_of_keys_changes_nothing(pair: tuple[str, Schema, Schema]) -> None:
    """Verdict, findings and their order are the same to the byte for any order of the schemas' keys."""
    name, old, new = pair
    plain = check_pair(text(CHANGES[name][0]), text(CHANGES[name][1]), Compatibility.FULL)
    other = check_pair(text(old), text(new), Compatibility.FULL)
    assert encode(other) == encode(plain)


_PROGRAM = """
import sys
from headrace.catalogue.compatibility.checker import check_pair
from headrace.catalogue.compatibility.verdict import encode
from headrace.model.schema import Compatibility
from tests.unit.catalogue.compatibility.everyday import CHANGES
from tests.unit.catalogue.compatibility.test_checker import text
for old, new in list(CHANGES.values())[::4]:
    sys.stdout.buffer.write(encode(check_pair(text(old), text(new), Compatibility.FULL)))
"""


def test_the_bytes_do_not_depend_on_hashing() -> None:
    """Two processes with different seeds of str.__hash__ write the same bytes."""
    written = [
        subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "4242")
    ]
    assert written[0] == written[1]
    assert written[0].startswith(b"{")


def test_a_finding_says_its_direction() -> None:
    """Under FULL the same edit may be a finding in one direction only."""
    old, new = CHANGES["a required field made optional"]
    assert [f.direction for f in check_pair(text(old), text(new), Compatibility.FULL).findings] == [Direction.FORWARD]
    assert check_pair(text(OLD), text(OLD), Compatibility.FULL).findings == ()


def test_the_first_witness_is_of_the_gravest_finding() -> None:
    """Over both directions: each witness names its finding, and they come in the findings' order."""
    old = text({"$schema": DRAFT7, **thing(("a",), a=TEXT, b={"type": "integer", "minimum": 5})})
    new = text({"$schema": DRAFT7, **thing((), a=TEXT, b={"type": "integer", "minimum": 7})})
    verdict = check_pair(old, new, Compatibility.FULL)
    assert [(f.code, f.path, f.direction.value) for f in verdict.findings] == [
        ("HC102", "a", "forward"),
        ("HC204", "b", "backward"),
    ]
    assert [(w.code, w.about) for w in verdict.witnesses] == [("HC102", "a"), ("HC204", "b")]
    assert verdict.witness is verdict.witnesses[0]
