"""Findings: one for each change as a person made it, in a sentence, with the event's own paths."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headrace.catalogue.compatibility.json_sides import Side, second_opinion
from headrace.catalogue.compatibility.json_verdict import MOST_WITNESSES, direction_verdict
from headrace.catalogue.compatibility.kinds import KINDS, OF_RULES
from headrace.catalogue.compatibility.verdict import Direction, Finding, Reading, Verdict
from headrace.envelope.composition import compose
from headrace.model.schema import SchemaFormat
from tests.unit.catalogue.compatibility.everyday import CHANGES, DRAFT7, Schema, thing

INT: Schema = {"type": "integer", "minimum": 0}
TEXT: Schema = {"type": "string"}


def root(schema: Schema, **more: Any) -> Schema:
    return {"$schema": DRAFT7, **schema, **more}


def p(schema: Any) -> Schema:
    return root(thing(("p",), p=schema))


def findings(old: Schema, new: Schema, direction: Direction = Direction.FORWARD) -> tuple[Finding, ...]:
    writer, reader = (new, old) if direction is Direction.FORWARD else (old, new)
    return direction_verdict(Side(writer), Side(reader), direction, version=3).findings


NODE = thing(("v",), v=INT, kids={"type": "array", "items": {"$ref": "#/definitions/node"}})
RECURSIVE = {"$schema": DRAFT7, "definitions": {"node": NODE}, "$ref": "#/definitions/node"}
RECURSIVE_NUMBER = json.loads(json.dumps(RECURSIVE).replace('"integer"', '"number"'))
CASH, GIFT = thing(("kind", "till"), kind={"const": "cash"}, till=INT), thing(("kind",), kind={"const": "gift"})
CASH_NUMBER = thing(("kind", "till"), kind={"const": "cash"}, till={"type": "number", "minimum": 0})
A, A_INT, B = thing(("a",), a=TEXT), thing(("a",), a=INT), thing(("b",), b=TEXT)
NAMED, FREE = {"type": "object", "propertyNames": {"maxLength": 5}}, {"type": "object"}
CONDITION = {"if": thing(("k",), k={"const": "x"}), "then": {"required": ["m"]}}
NOT_X = {"type": "string", "not": {"enum": ["x"]}}
TO_NULL = "the new schema also allows null: consumers built on v3 will reject it"
NEW_VALUES = "in the new schema: consumers built on v3 will reject the values that are new"

FORWARD: list[tuple[str, Schema, Schema, list[tuple[str, str, str]]]] = [
    (
        "null",
        p(INT),
        p({**INT, "type": ["integer", "null"]}),
        [("HC202", "p", f"`p` was an integer from 0; {TO_NULL}")],
    ),
    (
        "type and bound in one edit",
        p(INT),
        p({"type": "number"}),
        [("HC201", "p", f"`p` was an integer from 0, and is a number {NEW_VALUES}")],
    ),
    (
        "an alternative of another type",
        p({"anyOf": [TEXT, INT]}),
        p({"anyOf": [TEXT, INT, {"type": "null"}]}),
        [("HC202", "p", f"`p` was one of 2 alternatives; {TO_NULL}")],
    ),
    (
        "an alternative with a telling field",
        p({"oneOf": [CASH, A]}),
        p({"oneOf": [CASH, A, GIFT]}),
        [
            (
                "HC212",
                "p",
                '`p` was one of 2 alternatives; the new schema also allows an object with `kind` "gift": consumers built on '
                "v3 will reject it",
            )
        ],
    ),
    (
        "a change within the alternative that is meant",
        p({"oneOf": [CASH, GIFT]}),
        p({"oneOf": [CASH_NUMBER, GIFT]}),
        [
            (
                "HC201",
                "p.till",
                "`p.till` was an integer from 0; the new schema also allows a number that is no integer: consumers built on v3 "
                "will reject it",
            )
        ],
    ),
    (
        "a change within an alternative that nothing tells apart",
        p({"oneOf": [A, B]}),
        p({"oneOf": [A_INT, B]}),
        [("HC201", "p.a", f"`p.a` was a text, and is an integer from 0 {NEW_VALUES}")],
    ),
    (
        "a definition that is used twice",
        RECURSIVE,
        RECURSIVE_NUMBER,
        [
            (
                "HC201",
                "v",
                "`v` (also `kids[].v`) was an integer from 0; the new schema also allows a number that is no integer: "
                "consumers built on v3 will reject it",
            )
        ],
    ),
    (
        "fields under a pattern",
        p({"type": "object", "patternProperties": {"^x-": INT}}),
        p({"type": "object", "patternProperties": {"^x-": TEXT}}),
        [("HC201", "p.*", f"any field of `p` that matches ^x- was an integer from 0, and is a text {NEW_VALUES}")],
    ),
    (
        "other fields of a map",
        p({"type": "object", "additionalProperties": INT}),
        p({"type": "object", "additionalProperties": TEXT}),
        [("HC201", "p.*", f"any other field of `p` was an integer from 0, and is a text {NEW_VALUES}")],
    ),
    (
        "names of fields",
        p(NAMED),
        p(FREE),
        [
            (
                "HC210",
                "p",
                "names of fields in `p` had to be a text of at most 5 characters in v3; the new schema allows others: "
                "consumers built on v3 will reject it",
            )
        ],
    ),
    (
        "under a condition",
        root(thing(("k",), k=TEXT, m=TEXT), **CONDITION),
        root(thing(("k",), k=TEXT, m=TEXT)),
        [
            (
                "HC102",
                "m",
                "`m` was always there under the condition at #/if; the new schema lets it be missing: consumers built on v3 "
                "need it",
            )
        ],
    ),
    (
        "a dependency with a schema",
        root(thing((), a=TEXT, b=TEXT), dependencies={"a": {"required": ["b"]}}),
        root(thing((), a=TEXT, b=TEXT)),
        [
            (
                "HC102",
                "b",
                "`b` was always there beside `a`; the new schema lets it be missing: consumers built on v3 need it",
            )
        ],
    ),
    (
        "what was excluded",
        p(NOT_X),
        p(TEXT),
        [
            (
                "HC213",
                "p",
                '`p` could not be "x" in v3; the new schema allows it: consumers built on v3 will reject it',
            )
        ],
    ),
    (
        "a number out of a list of values",
        p({"type": "integer", "minimum": 0, "maximum": 5}),
        p({"type": "integer", "minimum": 0, "maximum": 6}),
        [
            (
                "HC204",
                "p",
                "`p` was an integer from 0 to 5; the new schema also allows 6: consumers built on v3 will reject it",
            )
        ],
    ),
    (
        "a type that is dropped",
        p(INT),
        p({}),
        [("HC201", "p", f"`p` was an integer from 0, and may be anything {NEW_VALUES}")],
    ),
    (
        "a list of values that becomes something else",
        p({"enum": ["a", "b"]}),
        p(INT),
        [("HC201", "p", f'`p` was "a" or "b", and is an integer from 0 {NEW_VALUES}')],
    ),
    (
        "a whole object that is gone is one finding",
        root(thing((), a=thing(("x",), x=INT, y=TEXT), b=TEXT)),
        root(thing((), b=TEXT)),
        [
            (
                "HC103",
                "a",
                "`a` is gone: the new schema does not declare it any more; consumers built on v3 that read it find nothing",
            )
        ],
    ),
    (
        "presence and value are two edits",
        root(thing(("q",), q=INT)),
        root(thing((), q={"type": ["integer", "null"], "minimum": 0})),
        [
            ("HC102", "q", "`q` was always there; the new schema lets it be missing: consumers built on v3 need it"),
            ("HC202", "q", f"`q` was an integer from 0; {TO_NULL}"),
        ],
    ),
]


@pytest.mark.parametrize(("what", "old", "new", "expected"), FORWARD, ids=[c[0] for c in FORWARD])
def test_one_finding_for_each_edit(what: str, old: Schema, new: Schema, expected: list[tuple[str, str, str]]) -> None:
    """Each edit is told once, at its place, in the sentence that is written here."""
    assert [(f.code, f.path, f.message) for f in findings(old, new)] == expected


BACKWARD: list[tuple[str, Schema, Schema, str]] = [
    ("null", p({"type": ["string", "null"]}), p(TEXT), "`p` could be null in v3; the new schema takes a text only"),
    ("a value", p({"enum": ["a", "b"]}), p({"enum": ["a"]}), '`p` could be "b" in v3; the new schema takes "a" only'),
    (
        "a bound",
        p(INT),
        p({**INT, "minimum": 1}),
        "`p` was an integer from 0 in v3; the new schema takes an integer from 1 only",
    ),
    ("required", root(thing((), p=TEXT)), p(TEXT), "`p` could be missing in v3; the new schema requires it"),
    (
        "new and required",
        root(thing((), q=TEXT)),
        p(TEXT),
        "`p` is required by the new schema, and v3 does not have it",
    ),
    (
        "an alternative that is gone",
        p({"oneOf": [CASH, GIFT]}),
        p({"oneOf": [CASH]}),
        '`p` could be an object with `kind` "gift" in v3; the new schema has no such alternative',
    ),
]


@pytest.mark.parametrize(("what", "old", "new", "expected"), BACKWARD, ids=[c[0] for c in BACKWARD])
def test_backward_sentences_say_what_old_events_hold(what: str, old: Schema, new: Schema, expected: str) -> None:
    """Under BACKWARD the sentence is about events of the old schema that consumers of the new one reject."""
    first = findings(old, new, Direction.BACKWARD)[0]
    assert first.message == f"{expected}: consumers built on the new schema will reject events written with v3"


def test_a_new_name_is_seen() -> None:
    """A field that is gone and one new field beside it that is written alike: the sentence says that it looks renamed."""
    found = findings(root(thing(("a",), a=INT, b=TEXT)), root(thing(("c",), c=INT, b=TEXT)))
    assert [f.path for f in found] == ["a"]
    assert found[0].message.endswith("; `c`, which is new beside it, looks like its new name")


def test_a_field_that_is_gone_is_told_even_where_nothing_is_refused() -> None:
    """Between closed schemas an optional field goes without a break; the finding is a hint then, whose verdict is safe."""
    old = root(thing((), a=thing((), x=INT, y=TEXT)), additionalProperties=False)
    new = root(thing((), a=thing((), y=TEXT)), additionalProperties=False)
    old["properties"]["a"]["additionalProperties"] = new["properties"]["a"]["additionalProperties"] = False
    verdict = direction_verdict(Side(new), Side(old), Direction.FORWARD)
    assert (verdict.semantic, [(f.code, f.path, f.verdict) for f in verdict.findings]) == (
        Verdict.SAFE,
        [("HC103", "a.x", Verdict.SAFE)],
    )


CREATED = thing(("quantity",), quantity=INT, note=TEXT, lines={"type": "array", "items": thing(("n",), n=INT)})
NULLED = json.loads(json.dumps(CREATED).replace('"n": {"type": "integer"', '"n": {"type": ["integer", "null"]'))


def composed(**events: Schema) -> Schema:
    made: Schema = json.loads(
        compose(
            [(name, f"com.example.{name}", schema) for name, schema in events.items()], SchemaFormat.JSON_SCHEMA
        ).text
    )
    return made


def test_a_composed_schema_speaks_of_its_events_once() -> None:
    """A change in an event's definition is one finding, in that event, below ``data``; nothing is told of ``x-events``."""
    other = thing(("reason",), reason=TEXT)
    found = findings(composed(Created=CREATED, Cancelled=other), composed(Created=NULLED, Cancelled=other))
    assert [(f.event, f.path, f.code) for f in found] == [("Created", "data.lines[].n", "HC202")]
    assert found[0].message.startswith(
        "Created: `data.lines[].n` was an integer from 0; the new schema also allows null"
    )


def test_an_event_type_that_is_gone_is_one_finding() -> None:
    """All that its definition said is gone with it; the SDK publishes no such event any more, so only the semantic reading
    breaks."""
    verdict = direction_verdict(
        Side(composed(Created=CREATED)), Side(composed(Created=CREATED, Cancelled=NULLED)), Direction.FORWARD
    )
    assert [(f.code, f.event, f.readings) for f in verdict.findings] == [("HC105", "Cancelled", (Reading.SEMANTIC,))]
    assert (verdict.tolerant, verdict.semantic) == (Verdict.SAFE, Verdict.BROKEN)


def test_event_types_may_be_added_under_forward() -> None:
    """One type to two, together with an optional field in the first: no finding at all."""
    more = {**CREATED, "properties": {**CREATED["properties"], "channel": TEXT}}
    assert findings(composed(Created=CREATED), composed(Created=more, Cancelled=CREATED)) == ()


def test_what_is_not_decided_says_what_stopped_the_proof() -> None:
    """An undecided finding names the keyword and its place, and is never called broken."""
    old, new = p({"type": "string", "format": "hostname"}), p({"type": "string", "pattern": "^[a-z]{3}\\.example$"})
    verdict = direction_verdict(Side(new), Side(old), Direction.FORWARD, witness=False)
    assert verdict.semantic is Verdict.UNDECIDED
    assert "not decided" not in verdict.findings[0].message
    told = direction_verdict(Side(new), Side(old), Direction.FORWARD)
    assert told.findings[0].verdict is Verdict.UNDECIDED
    assert told.findings[0].message.endswith(
        "(not decided: `format` at #/properties/p stopped the proof, and no event was found that shows a break)"
    )


@pytest.mark.parametrize("what", CHANGES)
def test_each_witness_is_small_confirmed_and_of_its_finding(what: str) -> None:
    """Every witness is valid under the writer's and rejected by the reader's schema for both validators, and there are at
    most as many as findings."""
    old, new = CHANGES[what]
    for direction, writer, reader in ((Direction.FORWARD, new, old), (Direction.BACKWARD, old, new)):
        verdict = direction_verdict(Side(writer), Side(reader), direction)
        broken = [f for f in verdict.findings if f.verdict is Verdict.BROKEN]
        assert len(verdict.witnesses) == min(len(broken), MOST_WITNESSES)
        for witness in verdict.witnesses:
            assert Side(writer).validator.is_valid(witness.event)
            assert not Side(reader).validator.is_valid(witness.event)
            assert second_opinion(writer)(witness.event)
            assert not second_opinion(reader)(witness.event)
        assert all(f.advice and f.message for f in verdict.findings)


@pytest.mark.parametrize("schema", [next(iter(CHANGES.values()))[0], RECURSIVE, composed(Created=CREATED)])
def test_the_same_schema_has_no_findings(schema: Schema) -> None:
    """Compared with itself, or with a copy of itself, a schema shows nothing, in either direction."""
    for direction in Direction:
        verdict = direction_verdict(Side(schema), Side(json.loads(json.dumps(schema))), direction)
        assert (verdict.semantic, verdict.tolerant, verdict.findings) == (Verdict.SAFE, Verdict.SAFE, ())


def test_every_rule_has_a_kind_and_codes_are_unique() -> None:
    """Each keyword's kind exists, and no two kinds share a code."""
    assert set(OF_RULES.values()) <= set(KINDS)
    codes = [kind.code for kind in KINDS.values()]
    assert len(codes) == len(set(codes))
