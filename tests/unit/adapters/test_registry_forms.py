"""When two schemas are the same, and their canonical form."""

from __future__ import annotations

import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.adapters.registry_forms import guid_of, normalized
from headrace.model import avro_schema
from headrace.model.schema import SchemaFormat, SchemaReference, SchemaText
from headrace.testing.conformance.registry_api_support import laid_out, reordered

NAMES = st.sampled_from(["a", "b", "Cc", "d_1"])
PRIMITIVES = st.sampled_from(["string", "int", "bytes", {"type": "long"}, {"type": "int", "logicalType": "date"}])
TYPES = st.recursive(
    PRIMITIVES,
    lambda inner: st.one_of(
        st.builds(lambda items: {"type": "array", "items": items}, inner),
        st.builds(lambda values: {"type": "map", "values": values}, inner),
        st.builds(lambda other: ["null", {"type": "array", "items": other}], inner),
    ),
    max_leaves=4,
)


@st.composite
def records(draw: st.DrawFn) -> SchemaText:
    fields = [{"name": name, "type": draw(TYPES), "doc": "d"} for name in draw(st.lists(NAMES, unique=True))]
    document = {"type": "record", "name": "R", "namespace": draw(st.sampled_from(["x", "x.y"])), "fields": fields}
    return SchemaText(SchemaFormat.AVRO, json.dumps(document))


@given(records())
def test_layout_and_order_of_attributes_do_not_count_in_avro(schema: SchemaText) -> None:
    """One guid for all ways to write it, and one canonical form, which is its own, parses, and is without white space."""
    for other in (laid_out(schema), reordered(schema)):
        assert guid_of(other) == guid_of(schema)
        assert normalized(other) == normalized(schema)
    canonical = normalized(schema)
    assert normalized(canonical) == canonical
    assert " " not in canonical.text
    assert avro_schema.parse(json.loads(canonical.text))


@given(records(), records())
def test_other_schemas_have_other_guids(first: SchemaText, second: SchemaText) -> None:
    """Two have the same guid only where they say the same."""
    same = json.loads(first.text) == json.loads(second.text)
    assert (guid_of(first) == guid_of(second)) is same


def test_a_guid_is_a_uuid_and_stays_the_same() -> None:
    """Version 8 of RFC 9562; written down here, as records may be framed with it."""
    guid = guid_of(SchemaText(SchemaFormat.AVRO, '"string"'))
    assert guid == "a67d4393-44b8-8b08-b5b1-37af37600c68"
    assert (uuid.UUID(guid).version, uuid.UUID(guid).variant) == (8, uuid.RFC_4122)


def test_the_order_of_keys_counts_in_json_schema_until_it_is_normalized() -> None:
    """As in Confluent's registry."""
    schema = SchemaText(SchemaFormat.JSON_SCHEMA, '{"type":"object","properties":{"b":true,"a":true}}')
    assert guid_of(laid_out(schema)) == guid_of(schema)
    assert guid_of(reordered(schema)) != guid_of(schema)
    assert normalized(reordered(schema)) == normalized(schema)
    assert normalized(schema).text == '{"properties":{"a":true,"b":true},"type":"object"}'


def test_references_and_format_count() -> None:
    """The same text with other references, or in another format, is another schema."""
    reference = SchemaReference("a", "s", 1)
    texts = [
        SchemaText(SchemaFormat.AVRO, "{}"),
        SchemaText(SchemaFormat.JSON_SCHEMA, "{}"),
        SchemaText(SchemaFormat.JSON_SCHEMA, "{}", (reference,)),
    ]
    assert len({guid_of(text) for text in texts}) == 3


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ('{"type": "string"}', '"string"'),
        ('{"name":"R","namespace":"x","type":"record","fields":[{"type":"R","name":"n"}]}', None),
        ('["null", {"type": "enum", "symbols": ["A"], "name": "E", "namespace": "x"}]', None),
    ],
)
def test_names_are_written_in_full(written: str, canonical: str | None) -> None:
    """A namespace goes into the names, and a primitive needs no object around it."""
    text = normalized(SchemaText(SchemaFormat.AVRO, written)).text
    assert canonical is None or text == canonical
    assert "namespace" not in text
    assert canonical is not None or ('"x.R"' in text or '"x.E"' in text)


@pytest.mark.parametrize("text", ["{", "", "[" * 100_000, "null"])
def test_what_does_not_parse_stays_as_it_is(text: str) -> None:
    """It has a guid all the same, and is refused elsewhere."""
    schema = SchemaText(SchemaFormat.AVRO, text)
    assert normalized(schema) == schema
    assert guid_of(schema) != guid_of(SchemaText(SchemaFormat.AVRO, text + " "))
