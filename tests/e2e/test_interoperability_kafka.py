"""What Headrace writes to Kafka, as programs that know nothing of it read it: kcat, and confluent-kafka's deserialisers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from msgspec.structs import replace

from headrace.adapters.http_registry import HttpRegistry
from headrace.adapters.kafka_broker import KafkaBroker
from headrace.interfaces.broker import OffsetAt, TopicSpec
from headrace.local.kafka_server import KafkaServer
from headrace.model import names
from headrace.model.compiled import CompiledProduct
from headrace.model.record import StoredRecord
from headrace.model.schema import SchemaFormat, SchemaText
from headrace.testing.registry_server import ServedRegistry
from tests.e2e.fault_parts import app, many_tenants
from tests.unit.envelope.products import make_product

pytestmark = pytest.mark.kafka

JSON_DATA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "required": ["storeId", "quantity"],
    "properties": {"storeId": {"type": "string"}, "quantity": {"type": "integer"}, "note": {"type": "string"}},
}
AVRO_DATA = {
    "type": "record",
    "name": "Made",
    "fields": [
        {"name": "storeId", "type": "string"},
        {"name": "quantity", "type": "int"},
        {"name": "note", "type": ["null", "string"], "default": None},
    ],
}
EVENTS: list[dict[str, Any]] = [{"storeId": "s1", "quantity": 1, "note": "Äpfel"}, {"storeId": "s2", "quantity": 2}]
SCHEMAS = {SchemaFormat.JSON_SCHEMA: JSON_DATA, SchemaFormat.AVRO: AVRO_DATA}


@pytest.fixture(params=["headrace", "independent"])
def registry_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Headrace's own registry server, and one that others wrote."""
    if request.param == "independent":
        yield request.getfixturevalue("independent_registry").url
        return
    with ServedRegistry(tmp_path / "registry") as served:
        yield served.url


def written(server: KafkaServer, product: CompiledProduct, *, delete: bool = False) -> tuple[str, list[StoredRecord]]:
    """Publish `EVENTS` for one tenant, and delete the first one's key; the topic, and its records."""
    catalogue = many_tenants(["sales-events"], ["acme"])
    catalogue = replace(catalogue, products={product.key: product})
    topic = product.topic_name("acme")
    broker = KafkaBroker(server.bootstrap)
    assert broker.admin.create_topics([TopicSpec(topic)]) == {topic: None}
    with app(server.bootstrap, "plan", catalogue=catalogue) as plan:
        producer = plan.producer(product.id)
        for number, data in enumerate(EVENTS):
            producer.publish("Made", data, tenant="acme", id=f"e{number}", time="2026-03-01T10:00:00.000Z")
        if delete:
            producer.delete("Made", {"storeId": "s1"}, tenant="acme", id="gone", time="2026-03-01T11:00:00.000Z")
    records: list[StoredRecord] = []
    reader = broker.reader()
    reader.assign({topic: OffsetAt.EARLIEST})
    while len(records) < len(EVENTS) + delete:
        records += [record for fetched in reader.poll(1) for record in fetched.records]
    broker.close()
    return topic, records


def made(unique: str, form: SchemaFormat, schema_id: int = 7, *, kind: str = "log") -> CompiledProduct:
    product = make_product(SCHEMAS[form], format=form, kind=kind, key=("storeId",))
    return replace(product, id=f"things-{unique}", schemas=(replace(product.schemas[0], id=schema_id),))


def kcat(server: KafkaServer, topic: str, *arguments: str) -> bytes:
    program = shutil.which("kcat")
    assert program is not None, "kcat is missing: run `make kcat`"
    command = [program, "-C", "-q", "-e", "-b", server.bootstrap, "-t", topic, "-o", "beginning", *arguments]
    return subprocess.run(command, capture_output=True, check=True, timeout=30).stdout


def test_kcat_finds_framing_headers_and_keys_as_documented(kafka_server: KafkaServer, unique: str) -> None:
    """Each value is byte 0, the schema's id as four bytes big-endian, and the envelope as JSON; the routing attributes are
    headers; the key is the key fields' values as a compact JSON array."""
    topic, _ = written(kafka_server, made(unique, SchemaFormat.JSON_SCHEMA, 258))
    for offset, data in enumerate(EVENTS):
        value = kcat(kafka_server, topic, "-o", str(offset), "-c", "1", "-D", "", "-f", "%s")
        assert value[:5] == bytes([0, 0, 0, 1, 2])
        envelope = json.loads(value[5:])
        assert envelope["data"] == data
        assert {name: envelope[name] for name in ("specversion", "type", "source", "id", "datacontenttype")} == {
            "specversion": "1.0",
            "type": "com.example.made.v1",
            "source": "/applications/plan",
            "id": f"e{offset}",
            "datacontenttype": "application/json",
        }
        assert envelope["meta"]["tenant"] == "acme"
    headers = kcat(kafka_server, topic, "-D", "", "-f", r"%p %o %k %h\n").decode().splitlines()
    assert headers == [
        f'0 {offset} ["{data["storeId"]}"] event-type=com.example.made.v1,event-id=e{offset},'
        "event-source=/applications/plan,event-time=2026-03-01T10:00:00.000Z"
        for offset, data in enumerate(EVENTS)
    ]


def test_kcat_finds_a_tombstone_with_its_envelope_in_a_header(kafka_server: KafkaServer, unique: str) -> None:
    """A deletion has a null value under the event's key, and its envelope, without data, as JSON in a header."""
    topic, _ = written(kafka_server, made(unique, SchemaFormat.JSON_SCHEMA, kind="state"), delete=True)
    place = str(len(EVENTS))
    assert kcat(kafka_server, topic, "-o", place, "-c", "1", "-f", r"%S %k\n") == b'-1 ["s1"]\n'
    headers = kcat(kafka_server, topic, "-o", place, "-c", "1", "-f", "%h").decode()
    found = re.search(r"event-envelope=(\{.*\})", headers)
    assert found is not None, headers
    envelope = json.loads(found[1])
    assert (envelope["id"], envelope["type"], "data" in envelope) == ("gone", "com.example.made.v1", False)


def deserialiser(form: SchemaFormat, client: SchemaRegistryClient) -> Any:
    if form is SchemaFormat.AVRO:
        return AvroDeserializer(client)
    return JSONDeserializer(None, schema_registry_client=client)


@pytest.mark.parametrize("form", SCHEMAS, ids=["json-schema", "avro"])
def test_confluent_s_deserialisers_read_it_with_nothing_but_the_registry(
    kafka_server: KafkaServer, registry_url: str, unique: str, form: SchemaFormat
) -> None:
    """JSONDeserializer validates each value against the schema that its frame names, AvroDeserializer decodes by it: what
    they return is the envelope with its data."""
    product = made(unique, form)
    registry = HttpRegistry(registry_url)
    topic = product.topic_name("acme")
    schema = SchemaText(form, product.schemas[0].text)
    schema_id = registry.register(names.subject(topic), schema).id
    registry.close()
    _, records = written(kafka_server, made(unique, form, schema_id))

    with SchemaRegistryClient({"url": registry_url}) as client:
        deserialise = deserialiser(form, client)
        for record, data in zip(records, EVENTS, strict=True):
            envelope = deserialise(record.value, SerializationContext(topic, MessageField.VALUE, list(record.headers)))
            assert {key: value for key, value in envelope["data"].items() if value is not None} == data
            assert (envelope["type"], envelope["source"]) == ("com.example.made.v1", "/applications/plan")
            assert envelope["meta"]["tenant"] == "acme"


def test_a_foreign_deserialiser_is_a_judge(kafka_server: KafkaServer, unique: str, tmp_path: Path) -> None:
    """The check of the test above can fail: a value that does not fit the registered schema is refused."""
    product = made(unique, SchemaFormat.JSON_SCHEMA)
    topic = product.topic_name("acme")
    with ServedRegistry(tmp_path / "registry") as served:
        registry = HttpRegistry(served.url)
        schema_id = registry.register(names.subject(topic), SchemaText(product.format, product.schemas[0].text)).id
        registry.close()
        _, records = written(kafka_server, made(unique, SchemaFormat.JSON_SCHEMA, schema_id))
        broken = (records[0].value or b"").replace(b'"quantity":1', b'"quantity":"1"')
        with SchemaRegistryClient({"url": served.url}) as client:
            deserialise = deserialiser(product.format, client)
            with pytest.raises(Exception, match="'1' is not of type 'integer'"):
                deserialise(broken, SerializationContext(topic, MessageField.VALUE, []))
