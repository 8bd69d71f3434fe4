"""The registries' profiles: labelled pairs, the composed schema of a topic, histories, and inputs that are hard to read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from headrace.catalogue.compatibility.profiles import (
    PROFILES,
    answer,
    apicurio,
    apicurio_kinds,
    confluent,
    confluent_kinds,
    everit_loader,
    everit_modern,
)
from headrace.catalogue.compatibility.profiles.everit import Schema
from headrace.catalogue.compatibility.profiles.everit_loader import Unreadable
from headrace.model.json_references import draft_of
from headrace.model.schema import Compatibility, SchemaFormat, SchemaText
from tests.unit.catalogue.compatibility.parity import pairs, table
from tests.unit.catalogue.compatibility.parity.composed import ACCEPTED, REFUSED, schema
from tests.unit.catalogue.compatibility.parity.pairs import DRAFT7, Pair, obj, prop, text

MODES = (Compatibility.BACKWARD, Compatibility.FORWARD, Compatibility.FULL)


def made(raw: Any) -> SchemaText:
    return SchemaText(SchemaFormat.JSON_SCHEMA, json.dumps({"$schema": DRAFT7, **raw}))


def reasons(profile: str, old: Any, new: Any, mode: Compatibility = Compatibility.BACKWARD) -> tuple[str, ...]:
    return answer(profile, [made(old)], made(new), mode).reasons


@pytest.mark.parametrize("pair", table.PAIRS, ids=lambda pair: pair.id)
def test_labelled(pair: Pair) -> None:
    """Each profile answers a change as its rule says, in each direction and in both."""
    for profile in PROFILES:
        for mode in MODES:
            got = answer(profile, [pair.old], pair.new, mode)
            assert got.accepted is pair.accepted(profile, mode.value), (profile, mode, got.reasons, pair.why)
            assert got.accepted is (not got.reasons)


def test_the_table_is_large_enough() -> None:
    """There are 200 pairs and more, 60 of them of Avro, of every draft, each with an id of its own."""
    assert len({pair.id for pair in table.PAIRS}) == len(table.PAIRS) >= 200
    assert len(table.AVRO_PAIRS) >= 60
    for draft in (pairs.DRAFT4, pairs.DRAFT6, pairs.DRAFT7, pairs.DRAFT2019, pairs.DRAFT2020):
        assert any(draft in pair.old.text for pair in table.JSON_PAIRS)


def test_profiles_name_their_release() -> None:
    """Every answer carries the release whose rules it follows."""
    assert list(PROFILES) == list(pairs.PROFILES)
    for profile, release in PROFILES.items():
        got = answer(profile, [made(obj())], made(obj()), Compatibility.FULL)
        assert (got.profile, got.release, got.accepted, got.reasons) == (profile, release, True, ())
    with pytest.raises(ValueError, match="confluent-lenient"):
        answer("glue", [], made(obj()), Compatibility.FULL)


@pytest.mark.parametrize("name", sorted(ACCEPTED | REFUSED))
@pytest.mark.parametrize("profile", ["confluent", "apicurio"])
def test_composed_schemas(profile: str, name: str) -> None:
    """A composed schema takes on event types and optional fields under FORWARD_TRANSITIVE, and nothing that breaks."""
    *history, new = (schema(events) for events in (ACCEPTED | REFUSED)[name])
    assert answer(profile, history, new, Compatibility.FORWARD_TRANSITIVE).accepted is (name in ACCEPTED)


def _both_ways(read: Callable[[str], Schema]) -> Iterator[tuple[Schema, Schema]]:
    for each in table.JSON_PAIRS:
        try:
            old, new = read(each.old.text), read(each.new.text)
        except Unreadable:
            continue
        yield from ((old, new), (new, old))


def _confluent(text_: str) -> Schema:
    raw = json.loads(text_)
    return everit_modern.load(raw) if draft_of(raw) > 7 else everit_loader.load(raw, draft_of(raw))


def test_each_kind_of_confluent_is_met() -> None:
    """A kind is accepted or refused, lenient accepts all that strict does, and the table meets every kind and no other."""
    assert not confluent_kinds.LENIENT & confluent_kinds.REFUSED
    assert confluent_kinds.STRICT < confluent_kinds.LENIENT
    pairs_ = _both_ways(_confluent)
    met = {kind for old, new in pairs_ for kind, _ in confluent.compare(old, new, confluent_kinds.STRICT)}
    assert met == confluent_kinds.LENIENT | confluent_kinds.REFUSED


def test_each_kind_of_apicurio_is_met() -> None:
    """A kind is accepted or refused, and the table meets every kind and no other."""
    assert not apicurio_kinds.ACCEPTED & apicurio_kinds.REFUSED
    met: set[str] = set()
    for old, new in _both_ways(lambda text_: everit_loader.load(json.loads(text_), 7)):
        try:
            met |= {kind for kind, _ in apicurio.compare(old, new)}
        except apicurio.CheckFailed:
            continue
    assert met == apicurio_kinds.ACCEPTED | apicurio_kinds.REFUSED


CONFLUENT = [
    (obj(), prop(text()), "OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL at #/properties/x"),
    (prop(text()), prop({"type": "integer"}), "TYPE_CHANGED at #/properties/x"),
    (prop(text()), prop(text(), required=["x"]), "REQUIRED_ATTRIBUTE_ADDED at #/required/x"),
    (
        prop(obj()),
        prop(obj(additionalProperties=False)),
        "ADDITIONAL_PROPERTIES_REMOVED at #/properties/x/additionalProperties",
    ),
    (text(), {"anyOf": [{"type": "null"}, {"type": "boolean"}]}, "TYPE_CHANGED at #"),
]


@pytest.mark.parametrize(("old", "new", "expected"), CONFLUENT)
def test_reasons_name_kind_and_place(old: Any, new: Any, expected: str) -> None:
    """A reason is the registry's own kind of difference and the place that the registry gives it."""
    assert reasons("confluent", old, new) == (expected,)


def test_reasons_of_the_other_registries() -> None:
    """So it is for Apicurio, Karapace and Avro."""
    assert reasons("apicurio", obj(), prop(text())) == (
        "OBJECT_TYPE_PROPERTY_SCHEMAS_NARROWED at #/propertySchemasAdded",
    )
    assert reasons("karapace", obj(), prop(text())) == ("property_added_to_open_content_model at #/properties/x",)
    fields = [{"name": "a", "type": "int"}, {"name": "b", "type": "int"}]
    old, new = (
        SchemaText(SchemaFormat.AVRO, json.dumps({"type": "record", "name": "R", "fields": fields[:count]}))
        for count in (1, 2)
    )
    got = answer("confluent", [old], new, Compatibility.BACKWARD)
    assert got.reasons == ("READER_FIELD_MISSING_DEFAULT_VALUE at #/fields/1",)


def test_a_history_is_compared_by_mode() -> None:
    """Only transitive modes see the versions before the last, newest first, and the first refusal is the answer."""
    first, last, new = made(prop(text(maxLength=3))), made(prop(text())), made(prop(text()))
    for mode in (Compatibility.FORWARD, Compatibility.BACKWARD, Compatibility.FULL, Compatibility.NONE):
        assert answer("confluent", [first, last], new, mode).accepted
    refused = answer("confluent", [first, last], new, Compatibility.FORWARD_TRANSITIVE)
    assert refused.reasons == ("MAX_LENGTH_ADDED at #/properties/x/maxLength",)
    assert answer("confluent", [first, last], new, Compatibility.BACKWARD_TRANSITIVE).accepted
    assert answer("confluent", [], new, Compatibility.FULL_TRANSITIVE).accepted


def test_full_asks_both_ways() -> None:
    """FULL refuses what either direction refuses, with the reasons of both."""
    assert reasons("confluent", prop(text(maxLength=3)), prop({"type": "integer"}), Compatibility.FULL)
    widened, narrowed = prop(text(maxLength=3)), prop(text(maxLength=2, minLength=1))
    assert len(reasons("confluent", widened, narrowed, Compatibility.FULL)) == 2


def test_another_format_is_refused() -> None:
    """A subject does not change from JSON Schema to Avro."""
    avro = SchemaText(SchemaFormat.AVRO, '"int"')
    for profile in PROFILES:
        assert not answer(profile, [made(obj())], avro, Compatibility.BACKWARD).accepted


UNREADABLE = [
    "{",
    "null",
    json.dumps({"$schema": DRAFT7, **prop({"$ref": "https://example.com/other.json"})}),
    json.dumps({"$schema": DRAFT7, **prop({"$ref": "#/definitions/none"})}),
]


@pytest.mark.parametrize("unreadable", UNREADABLE)
@pytest.mark.parametrize("profile", list(PROFILES))
def test_what_cannot_be_read_is_refused(profile: str, unreadable: str) -> None:
    """A schema that the registry cannot read is refused with a reason; nothing is fetched and nothing is raised."""
    broken = SchemaText(SchemaFormat.JSON_SCHEMA, unreadable)
    for old, new in ((broken, made(obj())), (made(obj()), broken)):
        got = answer(profile, [old], new, Compatibility.BACKWARD)
        assert not got.accepted
        assert got.reasons[0].startswith("UNREADABLE: ")


@pytest.mark.parametrize("malformed", [{"enum": 3}, {"required": [[1]]}, {"dependencies": {"a": 5}}, {"allOf": {}}])
@pytest.mark.parametrize("profile", ["confluent", "confluent-lenient", "apicurio"])
def test_a_keyword_with_a_wrong_value_is_refused(profile: str, malformed: Any) -> None:
    """What the library would not load is refused with a reason, too."""
    got = answer(profile, [made(obj())], made({"type": "object", **malformed}), Compatibility.BACKWARD)
    assert got.reasons[0].startswith("UNREADABLE: ")


@pytest.mark.parametrize(
    ("stated", "labels"),
    [
        ("https://json-schema.org/draft-07/schema", "ffff"),
        ("http://json-schema.org/draft-07/schema#/", "ffff"),
        ("http://example.com/other", "fffx"),
        ("http://json-schema.org/draft/2020-12/schema", "fffx"),
    ],
)
def test_a_draft_is_known_by_the_start_of_its_url(stated: str, labels: str) -> None:
    """A draft with https or http is the same; one that is unknown is draft-07, but for Apicurio."""
    pair = pairs.pair("draft", {"$schema": stated, **text()}, {"$schema": stated, **text(maxLength=3)}, labels, "")
    test_labelled(pair)


def _nested(depth: int) -> dict[str, Any]:
    found: dict[str, Any] = text()
    for _ in range(depth):
        found = prop(found)
    return found


@pytest.mark.parametrize("profile", list(PROFILES))
def test_deep_schemas_end(profile: str) -> None:
    """Fifty levels are compared, and a depth that no reader bears is refused instead of breaking the run."""
    assert answer(profile, [made(_nested(50))], made(_nested(50)), Compatibility.FULL).accepted
    got = answer(profile, [made(_nested(400))], made(_nested(400)), Compatibility.FULL)
    assert got.accepted or got.reasons[0].startswith("UNREADABLE")


def _layers(depth: int, width: int) -> dict[str, Any]:
    layers: dict[str, Any] = {
        f"d{level}": {
            "oneOf": [
                obj({f"k{branch}": {"$ref": f"#/definitions/d{level + 1}"}, "t": {"const": branch}}, required=["t"])
                for branch in range(width)
            ]
        }
        for level in range(depth)
    }
    return {"$ref": "#/definitions/d0", "definitions": {**layers, f"d{depth}": text()}}


@pytest.mark.parametrize("profile", list(PROFILES))
def test_layers_of_unions_do_not_explode(profile: str) -> None:
    """Twelve layers of five branches that refer to the next are 244 million paths, each pair compared once."""
    layers = made(_layers(12, 5))
    assert answer(profile, [layers], layers, Compatibility.FULL_TRANSITIVE).accepted


RECURSIVE = {
    "definitions": {
        "n": obj(
            {
                "v": text(),
                "l": {"$ref": "#/definitions/n"},
                "r": {"anyOf": [{"$ref": "#/definitions/n"}, {"type": "null"}]},
            }
        )
    }
}


@pytest.mark.parametrize("profile", ["confluent", "confluent-lenient", "apicurio"])
def test_a_change_inside_a_recursion_is_found(profile: str) -> None:
    """A pair that is met again counts as no difference, but not where it is refused elsewhere."""
    old = {**prop({"$ref": "#/definitions/n"}), **RECURSIVE}
    new = json.loads(json.dumps(old))
    assert answer(profile, [made(old)], made(new), Compatibility.FULL).accepted
    new["definitions"]["n"]["properties"]["v"]["maxLength"] = 3
    assert not answer(profile, [made(old)], made(new), Compatibility.BACKWARD).accepted
    assert answer(profile, [made(old)], made(new), Compatibility.FORWARD).accepted


def test_answers_repeat_to_the_byte() -> None:
    """The same question has the same answer, reasons in the same order."""
    old, new = obj({name: text() for name in "abcdef"}), obj({name: {"type": "integer"} for name in "fedcba"})
    for profile in PROFILES:
        assert reasons(profile, old, new) == reasons(profile, old, new) != ()
