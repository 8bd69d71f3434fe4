"""Confluent's own Python client against a registry's REST API, and its serializers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, SchemaRegistryError
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from headrace.model.schema import SchemaText
from headrace.testing.conformance.registry import avro, own_name
from headrace.testing.conformance.registry_api_support import Api
from headrace.testing.conformance.support import unique


def _sent(schema: SchemaText) -> Schema:
    return Schema(schema.text, schema.format.registry_type)


class ClientConformance:
    @pytest.fixture
    def connect(self, api: Api) -> Iterator[Callable[[], SchemaRegistryClient]]:
        """A client of its own each time: it keeps what it has seen."""
        with ExitStack() as opened:
            yield lambda: opened.enter_context(SchemaRegistryClient({"url": api.url}))

    def test_confluent_s_client_works(self, api: Api, connect: Callable[[], SchemaRegistryClient]) -> None:
        """Register, look up, list, compare, configure and delete, each through the client's own methods."""
        client = connect()
        subject, name = unique("s/x"), own_name()
        client.set_compatibility(subject, "BACKWARD")
        schema_id = client.register_schema(subject, _sent(avro(name)))
        assert client.register_schema(subject, _sent(avro(name)), normalize_schemas=True) == schema_id
        second = client.register_schema(subject, _sent(avro(name, "a")))
        assert json.loads(client.get_schema(schema_id).schema_str or "") == json.loads(avro(name).text)
        found = client.lookup_schema(subject, _sent(avro(name)), normalize_schemas=True)
        assert (found.subject, found.version, found.schema_id) == (subject, 1, schema_id)
        latest = client.get_latest_version(subject)
        assert (latest.version, latest.schema_id) == (2, second)
        assert client.get_version(subject, 1).schema_id == schema_id
        assert client.get_versions(subject) == [1, 2]
        assert subject in client.get_subjects()
        assert client.test_compatibility(subject, _sent(avro(name, "a", "b")))
        assert not client.test_compatibility(subject, _sent(avro(name, required=("z",))))
        assert client.get_compatibility(subject) == "BACKWARD"
        with pytest.raises(SchemaRegistryError) as raised:
            client.register_schema(subject, _sent(avro(name, required=("z",))))
        assert (raised.value.http_status_code, raised.value.error_code) == (409, 409)
        assert client.delete_version(subject, 1) == 1
        assert client.delete_subject(subject) == ([1, 2] if api.differs("deletion-answers-all") else [2])
        assert client.delete_subject(subject, permanent=True) == [1, 2]
        with pytest.raises(SchemaRegistryError) as raised:
            connect().get_latest_version(subject)
        assert (raised.value.http_status_code, raised.value.error_code) == (404, 40401)

    @pytest.mark.parametrize("kind", ["avro", "json"])
    def test_confluent_s_serializers_register_and_find(
        self, api: Api, connect: Callable[[], SchemaRegistryClient], kind: str
    ) -> None:
        """With ``auto.register.schemas`` a value gets an id, and another client reads it by that id."""
        topic, name = unique("topic"), own_name()
        value = {"storeId": "s-1", "quantity": 3}
        context = SerializationContext(topic, MessageField.VALUE)
        framed = _serializer(kind, name, connect())(value, context)
        assert framed is not None
        versions = api.versions(f"{topic}-value")
        assert (framed[0], versions) == (0, [1])
        assert api.ask("GET", f"/subjects/{topic}-value/versions/1").body["id"] == int.from_bytes(framed[1:5], "big")
        assert _deserializer(kind, name, connect())(framed, context) == value
        again = _serializer(kind, name, connect())(value, context)
        assert (again, api.versions(f"{topic}-value")) == (framed, [1])


def _text(kind: str, name: str) -> str:
    if kind == "avro":
        fields = [{"name": "storeId", "type": "string"}, {"name": "quantity", "type": "int"}]
        return json.dumps({"type": "record", "name": name, "fields": fields})
    properties = {"storeId": {"type": "string"}, "quantity": {"type": "integer"}}
    draft = "http://json-schema.org/draft-07/schema#"
    return json.dumps({"$schema": draft, "title": name, "type": "object", "properties": properties})


def _serializer(kind: str, name: str, client: SchemaRegistryClient) -> Any:
    if kind == "avro":
        return AvroSerializer(client, _text(kind, name))
    return JSONSerializer(_text(kind, name), client)


def _deserializer(kind: str, name: str, client: SchemaRegistryClient) -> Any:
    if kind == "avro":
        return AvroDeserializer(client)
    return JSONDeserializer(_text(kind, name), schema_registry_client=client)
