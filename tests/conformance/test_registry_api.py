"""One suite of Confluent's registry API on three servers: Headrace's on an embedded store and on a Kafka topic, and an
independent registry with its listed differences."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from headrace.local.kafka_server import KafkaServer
from headrace.local.registry_server import RegistryServer
from headrace.testing.conformance.registry_api import Api, RegistryApiConformance, Told, fields_checker
from headrace.testing.registry_server import ServedRegistry

APICURIO: Mapping[str, Told | None] = {
    "root": None,
    "types": Told(200, ["AVRO", "JSON", "PROTOBUF"]),
    "contexts": Told(200, [":.:"]),
    "media-type": None,
    "no-guid": None,
    "schema-type-omitted": None,
    "max-id": Told(200, None),
    "errors-without-body": None,
    "malformed-body": Told(400, None),
    "no-schema": Told(500, 0),
    "empty-schema": None,
    "control-characters": Told(400, 0),
    "malformed-version": Told(404, 40402),
    "negative-version": Told(404, 40401),
    "malformed-id": Told(404, None),
    "prefix": None,
    "schema-list": None,
    "json-key-order": None,
    "normalize-keeps-text": None,
    "default-level": Told(200, {"compatibilityLevel": "NONE"}),
    "level-case": Told(422, 42203),
    "level-echo": Told(200, {"compatibility": "FULL_TRANSITIVE", "normalize": False}),
    "normalize-setting": Told(500, 0),
    "level-of-missing-subject": Told(404, 40401),
    "level-not-configured": Told(200, {"compatibilityLevel": "NONE"}),
    "level-delete-missing": Told(200, {"compatibilityLevel": "NONE"}),
    "level-outlives-subject": Told(200, {"compatibilityLevel": "FULL"}),
    "no-messages": Told(200, {"is_compatible": True}),
    "verbose-invalid": None,
    "mode-not-configured": Told(200, {"mode": "READWRITE"}),
    "mode-delete-missing": Told(200, {"mode": "READWRITE"}),
    "mode-malformed": Told(422, 42201),
    "mode-not-enforced": None,
    "import": None,
    "deletion-conflicts": None,
    "deletion-answers-all": None,
    "ids-end": None,
}
"""Apicurio Registry 3.3.3, by its Confluent API (v7). Where it says None, the suite says what is different."""


class TestServedFromAFolder(RegistryApiConformance):
    @pytest.fixture(scope="class")
    def api(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
        folder: Path = tmp_path_factory.mktemp("registry")
        with ServedRegistry(folder, checker=fields_checker) as server, Api(server.url) as api:
            yield api


@pytest.mark.kafka
class TestServedFromATopic(RegistryApiConformance):
    @pytest.fixture(scope="class")
    def api(self, kafka_server: KafkaServer) -> Iterator[Api]:
        topic = f"registry.{uuid.uuid4().hex[:10]}"
        with (
            ServedRegistry(kafka_server.bootstrap, topic=topic, checker=fields_checker) as server,
            Api(server.url) as api,
        ):
            yield api


class TestIndependent(RegistryApiConformance):
    """Apicurio, with every difference asserted."""

    @pytest.fixture(scope="class")
    def api(self, independent_registry: RegistryServer) -> Iterator[Api]:
        with Api(independent_registry.url, APICURIO) as api:
            yield api
