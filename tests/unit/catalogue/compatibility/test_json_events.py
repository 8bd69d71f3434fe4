"""Composed schemas event by event: the same answers as taking all conditions apart, in a fraction of the time."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from headrace.catalogue.compatibility.checker import check_pair
from headrace.catalogue.compatibility.json_events import by_event, events_of
from headrace.catalogue.compatibility.json_nodes import JsonSchema
from headrace.catalogue.compatibility.json_prover import Prover
from headrace.catalogue.compatibility.verdict import Verdict
from headrace.envelope.composition import compose
from headrace.model.schema import Compatibility, SchemaFormat, SchemaText
from tests.unit.catalogue.compatibility.everyday import CHANGES, OLD, PLACE, Schema, order


def composed(*events: tuple[str, str, Schema]) -> SchemaText:
    return compose(events, SchemaFormat.JSON_SCHEMA)


def parsed(text: SchemaText) -> JsonSchema:
    return JsonSchema(json.loads(text.text))


MOVED = ("Moved", "moved.v1", PLACE)
CREATED = ("Created", "created.v1", OLD)

PAIRS = {
    **{
        name: (composed(("Created", "created.v1", old), MOVED), composed(("Created", "created.v1", new), MOVED))
        for name, (old, new) in list(CHANGES.items())[::3]
    },
    "an event added": (composed(CREATED), composed(CREATED, MOVED)),
    "an event gone": (composed(CREATED, MOVED), composed(CREATED)),
}


@pytest.mark.parametrize("what", PAIRS)
def test_event_by_event_answers_as_all_together(what: str) -> None:
    """In the semantic reading, in both directions: a gap is left exactly where the whole schemas leave one."""
    old, new = map(parsed, PAIRS[what])
    for writer, reader in ((old, new), (new, old)):
        apart = by_event(Prover(), writer, reader)
        assert apart is not None
        assert bool(apart) == bool(Prover().covers(writer.root, reader.root))
        assert all(gap.path[:1] == ("data",) for gap in apart)


def test_schemas_that_are_only_like_composed_ones_are_no_topics() -> None:
    """Whatever else a schema says, it is taken as it stands."""
    schema: dict[str, Any] = json.loads(composed(CREATED, MOVED).text)
    assert events_of(schema) == {"created.v1": "Created", "moved.v1": "Moved"}
    longer = {"allOf": [*schema["allOf"], {"required": ["x"]}]}
    extras: tuple[Schema, ...] = ({"minProperties": 1}, {"allOf": []}, longer, {"definitions": {}})
    for more in extras:
        assert events_of({**schema, **more}) is None
    twice = [*schema["allOf"], schema["allOf"][0]]
    assert events_of({**schema, "allOf": twice}) is None
    assert events_of(True) is None
    assert events_of(OLD) is None


def test_an_event_with_another_type_is_not_told_apart() -> None:
    """An event whose type has changed, or an envelope that has, goes the long way, and breaks nothing silently."""
    renamed = composed(("Created", "created.v2", OLD))
    assert by_event(Prover(), parsed(composed(CREATED)), parsed(renamed)) is None
    assert check_pair(composed(CREATED), renamed, Compatibility.FORWARD).semantic is Verdict.BROKEN
    other = json.loads(composed(CREATED).text)
    other["properties"]["source"] = {"type": "string", "maxLength": 9}
    assert by_event(Prover(), parsed(composed(CREATED)), JsonSchema(other)) is None


def test_the_topic_s_schema_behaves_as_designed() -> None:
    """Under FORWARD_TRANSITIVE one type to two, and that with an optional field, is accepted and safe; within a type a longer
    list of values, a field that is gone, and a type that changed are refused and told."""
    first = composed(CREATED)
    more = ("Created", "created.v1", order(promotionId={"type": "string"}))
    for new in (composed(CREATED, MOVED), composed(more, MOVED)):
        verdict = check_pair(first, new, Compatibility.FORWARD_TRANSITIVE)
        assert (verdict.registry.accepted, verdict.semantic, verdict.findings) == (True, Verdict.SAFE, ())
    for what, path, code in (
        ("a list of values (`enum`) extended", "data.channel", "HC203"),
        ("an optional field removed", "data.note", "HC103"),
        ("integer to text", "data.quantity", "HC201"),
    ):
        new = composed(("Created", "created.v1", CHANGES[what][1]), MOVED)
        verdict = check_pair(first, new, Compatibility.FORWARD_TRANSITIVE)
        assert not verdict.registry.accepted
        assert [(f.event, f.path, f.code) for f in verdict.findings] == [("Created", path, code)]
        assert verdict.witness is not None
        assert verdict.witness.event["type"] == "created.v1"


def test_many_events_take_no_longer_than_their_sum() -> None:
    """A product of 25 events with a break in one of them, with its witness; the limit is generous."""
    events = [(f"E{n:02}", f"e{n}.v1", OLD) for n in range(25)]
    changed = [(name, type_, CHANGES["null allowed"][1] if name == "E07" else schema) for name, type_, schema in events]
    started = time.process_time()
    verdict = check_pair(composed(*events), composed(*changed), Compatibility.FORWARD)
    assert [(f.event, f.path) for f in verdict.findings] == [("E07", "data.quantity")]
    assert time.process_time() - started < 10
