"""Records that name their schema in a header: written where it is declared, read everywhere, also by Confluent's clients."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from headrace.clock import ManualClock
from headrace.envelope.codec import ProductCodec
from headrace.envelope.framing import HEADER_SCHEMA_ID, frame_head
from headrace.errors import UndecodableRecord
from headrace.model.compiled import CompiledProduct
from headrace.model.record import Record
from headrace.model.schema import Framing, SchemaFormat
from tests.unit.envelope.products import make_product, stored

SCHEMAS: dict[SchemaFormat, Any] = {
    SchemaFormat.JSON_SCHEMA: {"type": "object", "properties": {"storeId": {"type": "string"}}},
    SchemaFormat.AVRO: {"type": "record", "name": "Made", "fields": [{"name": "storeId", "type": "string"}]},
}
formats = pytest.mark.parametrize("form", SchemaFormat)
framings = pytest.mark.parametrize("framing", Framing)


def product(form: SchemaFormat, framing: Framing, schema_id: int = 7) -> CompiledProduct:
    made = make_product(SCHEMAS[form], format=form)
    schemas = tuple(msgspec.structs.replace(schema, id=schema_id) for schema in made.schemas)
    return msgspec.structs.replace(made, framing=framing, schemas=schemas)


def written(of: CompiledProduct, **said: Any) -> Record:
    encode = ProductCodec(of, "eu", ManualClock()).encoder("plan", "Made", "acme")
    return encode({"storeId": "367"}, **said)[1]


@formats
def test_the_header_holds_the_frame_and_the_value_is_bare(form: SchemaFormat) -> None:
    """The five bytes of the prefix are the header instead, behind the routing headers; the rest is byte for byte the same."""
    said = {"id": "e-1", "time": "2026-01-31T10:00:00Z"}
    by_prefix, by_header = (written(product(form, framing), **said) for framing in Framing)
    assert by_prefix.value == frame_head(7) + (by_header.value or b"")
    assert by_header.headers == (*by_prefix.headers, (HEADER_SCHEMA_ID, frame_head(7)))


@formats
@framings
def test_both_are_read_whatever_is_declared(form: SchemaFormat, framing: Framing) -> None:
    """A log may hold both: framing is a matter of who wrote, not of who reads."""
    codec = ProductCodec(product(form, framing), "eu", ManualClock())
    for other in Framing:
        envelope = codec.decode(stored(written(product(form, other))))
        assert (envelope.data, envelope.meta["tenant"]) == ({"storeId": "367"}, "acme")


@formats
def test_a_tombstone_needs_no_schema(form: SchemaFormat) -> None:
    """It has no value, and no header that says how one was written; it is read as ever."""
    made = make_product(SCHEMAS[form], format=form, kind="state", key=("storeId",))
    codec = ProductCodec(msgspec.structs.replace(made, framing=Framing.HEADER), "eu", ManualClock())
    record = codec.tombstone("plan", "Made", "acme", {"storeId": "367"})[1]
    assert HEADER_SCHEMA_ID not in dict(record.headers)
    assert codec.decode(stored(record)).data is None


@formats
@pytest.mark.parametrize(
    ("header", "reason"),
    [(None, "framing"), (b"", "framing"), (frame_head(9), "schema"), (b"\x01" + uuid.uuid4().bytes, "framing")],
    ids=["none", "empty", "unknown id", "guid"],
)
def test_a_bare_value_without_a_known_id_is_undecodable(form: SchemaFormat, header: bytes | None, reason: str) -> None:
    """No header, an empty one, an id that the catalogue lacks (which the registry may know), and a GUID are told apart."""
    record = written(product(form, Framing.HEADER))
    headers = record.headers[:-1] if header is None else (*record.headers[:-1], (HEADER_SCHEMA_ID, header))
    with pytest.raises(UndecodableRecord) as raised:
        ProductCodec(product(form, Framing.HEADER), "eu").decode(
            stored(msgspec.structs.replace(record, headers=headers))
        )
    assert raised.value.data["reason"] == reason
    assert (raised.value.data.get("schema_id") == 9) == (reason == "schema")


@formats
@framings
def test_confluent_s_own_deserialisers_read_both(form: SchemaFormat, framing: Framing) -> None:
    """confluent-kafka's JSONDeserializer and AvroDeserializer, unconfigured, find the id in either place."""
    client = SchemaRegistryClient.new_client({"url": "mock://"})
    text = make_product(SCHEMAS[form], format=form).schemas[0].text
    schema_id = client.register_schema("things.v1.acme-value", Schema(text, form.registry_type))
    record = written(product(form, framing, schema_id))
    read: Any = (
        JSONDeserializer(None, schema_registry_client=client)
        if form is SchemaFormat.JSON_SCHEMA
        else AvroDeserializer(client)
    )
    context = SerializationContext("things.v1.acme", MessageField.VALUE, list(record.headers))
    envelope = read(record.value, context)
    assert (envelope["type"], envelope["data"]) == ("com.example.made.v1", {"storeId": "367"})
