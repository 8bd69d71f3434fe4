"""One suite of Confluent's registry API on three servers: Headrace's on an embedded store and on a Kafka topic, and an
independent registry with its listed differences."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.local.kafka_server import KafkaServer
from headrace.testing.conformance.registry_api import Api, RegistryApiConformance, fields_checker
from headrace.testing.registry_server import ServedRegistry


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
