"""The registered schema of a topic."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.envelope.composition import compose, json_branches
from headrace.model import avro_schema
from headrace.model.json_schema import compile_schema
from headrace.model.schema import SchemaFormat

JSON, AVRO = SchemaFormat.JSON_SCHEMA, SchemaFormat.AVRO
ORDER = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "$id": "https://example.com/order.json",
    "type": "object",
    "required": ["id"],
    "properties": {"id": {"type": "string"}, "parent": {"$ref": "#"}, "line": {"$ref": "order.json#/definitions/line"}},
    "definitions": {
        "line": {"type": "object", "properties": {"next": {"$ref": "#/definitions/line"}, "n": {"type": "integer"}}}
    },
}
CANCEL = {"type": "object", "required": ["why"], "properties": {"why": {"type": "string"}}}
EVENTS = [("Ordered", "com.example.ordered.v1", ORDER), ("Cancelled", "com.example.cancelled.v1", CANCEL)]


def _envelope(event_type: str, data: Any, **attributes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "type": event_type,
        "source": "/applications/plan",
        "id": "1",
        "time": "2026-01-31T10:00:00Z",
        "datacontenttype": "application/json",
        "meta": {
            "tenant": "acme",
            "region": "eu",
            "product": "orders",
            "application": "plan",
            "schemaVersion": 1,
            "publishedAt": "2026-01-31T10:00:00Z",
        },
        "data": data,
    } | attributes


def test_it_has_the_shape_that_registries_compare() -> None:
    """Draft-07 is stated, `type` is open, each type has its own condition, and `x-events` names each definition."""
    schema = json.loads(compose(EVENTS, JSON).text)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert schema["properties"]["type"] == {"type": "string", "minLength": 1}
    assert [c["if"]["properties"]["type"]["const"] for c in schema["allOf"]] == [
        "com.example.cancelled.v1",
        "com.example.ordered.v1",
    ]
    assert schema["properties"]["x-events"]["properties"] == {
        "Cancelled": {"$ref": "#/definitions/Cancelled"},
        "Ordered": {"$ref": "#/definitions/Ordered"},
    }
    assert "x-events" not in schema["required"]
    assert "$id" not in json.dumps(schema["definitions"])
    assert schema["definitions"]["Ordered"]["properties"]["line"] == {"$ref": "#/definitions/Ordered/definitions/line"}
    assert schema["definitions"]["Ordered"]["properties"]["parent"] == {"$ref": "#/definitions/Ordered"}


def test_one_event_has_its_condition_too() -> None:
    """A single type is composed like many, so a second one changes no shape."""
    schema = json.loads(compose(EVENTS[:1], JSON).text)
    assert len(schema["allOf"]) == 1


def test_a_second_registration_has_the_same_bytes() -> None:
    """The text depends on the events only, not on their order or on anything else."""
    once = compose(EVENTS, JSON)
    assert compose(json.loads(json.dumps(EVENTS[::-1])), JSON) == once
    reread = json.loads(once.text)
    assert json.dumps(reread, ensure_ascii=False, separators=(",", ":")) == once.text


def test_a_composed_schema_can_be_composed_again() -> None:
    """What was composed once is itself a data schema like any other: its references are rewritten again."""
    again = json.loads(compose([("Outer", "o.v1", json.loads(compose(EVENTS, JSON).text))], JSON).text)
    inner = _envelope("com.example.ordered.v1", {"id": "1", "line": {"next": {"n": "x"}}})
    assert not jsonschema.Draft7Validator(again).is_valid(_envelope("o.v1", inner))
    inner["data"]["line"]["next"]["n"] = 1
    assert jsonschema.Draft7Validator(again).is_valid(_envelope("o.v1", inner))


_data = st.recursive(
    st.none() | st.integers(0, 1) | st.just("s"),
    lambda inner: st.dictionaries(
        st.sampled_from(["id", "parent", "line", "next", "n", "why", "new"]), inner, max_size=3
    ),
    max_leaves=6,
)
_attribute = st.sampled_from(["", "x", None, 1, "2026-01-31T10:00:00Z", "2026-01-31", "1.0", {}, "application/json"])
_patch = st.dictionaries(
    st.sampled_from(["specversion", "source", "id", "time", "datacontenttype", "dataschema", "subject", "meta", "new"]),
    _attribute,
    max_size=1,
)


@given(st.sampled_from(EVENTS), _data, _patch)
def test_composition_means_envelope_and_data_schema(
    event: tuple[str, str, Any], data: Any, patch: dict[str, Any]
) -> None:
    """The composed schema accepts an envelope of a type exactly when the envelope's part and the data schema accept it; and
    two independent validators agree on that."""
    _, event_type, schema = event
    envelope = _envelope(event_type, data, **patch)
    composed = json.loads(compose(EVENTS, JSON).text)
    bare = json.loads(compose([("Any", "any.v1", {})], JSON).text)
    expected = compile_schema(bare).is_valid(envelope) and compile_schema(schema).is_valid(data)
    assert compile_schema(composed).is_valid(envelope) is expected
    checker = jsonschema.FormatChecker()
    checker.checks("date-time")(compile_schema({"format": "date-time"}).is_valid)
    assert jsonschema.Draft7Validator(composed, format_checker=checker).is_valid(envelope) is expected


def test_a_type_of_its_own_time_is_let_through_and_nothing_of_it_checked() -> None:
    """A reader with this schema meets a type that was added later: the schema accepts it, whatever its data."""
    composed = compile_schema(json.loads(compose(EVENTS, JSON).text))
    assert composed.is_valid(_envelope("com.example.shipped.v1", {"anything": 1}))


def test_branches_are_read_back() -> None:
    """A composed schema gives its types and definitions; a schema of somebody else's gives none."""
    composed = json.loads(compose(EVENTS, JSON).text)
    assert json_branches(composed) == {"com.example.ordered.v1": "Ordered", "com.example.cancelled.v1": "Cancelled"}
    assert json_branches({"type": "object"}) is None
    composed["properties"]["specversion"] = {"type": "string"}
    assert json_branches(composed) is None


@pytest.mark.parametrize(
    ("events", "format", "text"),
    [
        ([], JSON, "at least one event"),
        ([*EVENTS, ("Ordered", "x.v1", {})], JSON, "name Ordered is there twice"),
        ([*EVENTS, ("Other", "com.example.ordered.v1", {})], JSON, "type com.example.ordered.v1 is there twice"),
        ([*EVENTS, ("New", "n.v1", {"$schema": "https://json-schema.org/draft/2020-12/schema"})], JSON, "mix drafts"),
        ([("Old", "o.v1", {"$schema": "http://json-schema.org/draft-04/schema#"})], JSON, "draft-07 is the oldest"),
        ([("Bad", "b.v1", {"$ref": "#/definitions/none"})], JSON, "data schema of Bad: #: the reference"),
        ([("A", "a.v1", {"type": "record"}), ("B", "b.v1", {})], AVRO, "exactly one event"),
        ([("A", "a.v1", "string")], AVRO, "must be an Avro record"),
        (
            [("A", "a.v1", {"type": "record", "name": "A", "fields": [{"name": "x", "type": "B"}]})],
            AVRO,
            "'B' is not defined",
        ),
        (
            [("A", "a.v1", {"type": "record", "name": "Meta", "namespace": "headrace.envelope", "fields": []})],
            AVRO,
            "does not fit",
        ),
    ],
)
def test_what_cannot_be_composed_is_said(events: Any, format: SchemaFormat, text: str) -> None:  # noqa: A002
    """Each reason why events have no schema together is a ValueError that names the event."""
    with pytest.raises(ValueError, match=r".") as caught:
        compose(events, format)
    assert text in str(caught.value)


def test_a_later_draft_is_kept_where_all_state_it() -> None:
    """Events that all state 2019-09 are composed in 2019-09."""
    later = {
        "$schema": "https://json-schema.org/draft/2019-09/schema",
        "$defs": {"a": {}},
        "properties": {"x": {"$ref": "#/$defs/a"}},
    }
    schema = json.loads(compose([("A", "a.v1", later), ("B", "b.v1", later)], JSON).text)
    assert schema["$schema"] == "https://json-schema.org/draft/2019-09/schema"
    compile_schema(schema)


@pytest.mark.parametrize(
    ("record", "name"),
    [
        ({"name": "Meta", "fields": [{"name": "m", "type": ["null", "Meta"]}]}, "headrace.data.Meta"),
        ({"name": "Envelope", "namespace": "com.example", "fields": []}, "com.example.Envelope"),
        ({"name": "com.example.Meta", "fields": []}, "com.example.Meta"),
        (
            {
                "name": "Plan",
                "namespace": "",
                "fields": [{"name": "p", "type": {"type": "record", "name": "Meta", "fields": []}}],
            },
            "Plan",
        ),
    ],
)
def test_names_of_avro_data_do_not_collide_with_the_envelope_s(record: dict[str, Any], name: str) -> None:
    """Data records called like the envelope's own types, with and without a namespace, fit into it."""
    text = compose([("A", "a.v1", {"type": "record", **record})], AVRO).text
    parsed = avro_schema.parse(json.loads(text))
    data = next(f for f in parsed.resolved["fields"] if f["name"] == "data")
    assert data["type"]["name"] == name
    assert compose([("A", "a.v1", {"type": "record", **record})], AVRO).text == text
