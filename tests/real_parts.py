"""The real parts that tests run against, as fixtures of the whole run: tests/conftest.py offers them everywhere.

A part that cannot be had fails the tests that need it: they are the only proof, so they are never skipped. Tests share the
servers: each takes names of its own (`unique`), or a server that is emptied around it (`emptied_kafka`).
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from headrace.local.kafka_server import KafkaServer
    from headrace.local.registry_server import RegistryServer


@pytest.fixture(scope="session")
def kafka_server() -> Iterator[KafkaServer]:
    """One plain node of Apache Kafka for the whole run. Without its jars this raises, with the command that fetches them."""
    from headrace.local.kafka_server import KafkaServer

    with KafkaServer() as server:
        yield server


@pytest.fixture
def emptied_kafka(kafka_server: KafkaServer) -> Iterator[KafkaServer]:
    """The same node, with no topic and no group on it, before and after: for tests whose names are not theirs to choose."""
    _empty(kafka_server)
    yield kafka_server
    _empty(kafka_server)


def _empty(server: KafkaServer) -> None:
    from headrace.adapters.kafka_broker import KafkaBroker

    broker = KafkaBroker(server.bootstrap)
    try:
        for group in broker.admin.groups():
            broker.admin.delete_group(group)
        broker.admin.delete_topics(list(broker.admin.topics()))
    finally:
        broker.close()


@pytest.fixture(scope="module")
def kafka_cluster() -> Iterator[KafkaServer]:
    """Three plain nodes for one module. A test that ends one starts it again."""
    from headrace.local.kafka_server import KafkaServer

    with KafkaServer(nodes=3) as server:
        yield server


@pytest.fixture(scope="session")
def secure_kafka() -> Iterator[KafkaServer]:
    """One secure node for the whole run. Tests make users of their own, and access rules for these."""
    from headrace.local.kafka_server import KafkaServer

    with KafkaServer(secure=True) as server:
        yield server


@pytest.fixture(scope="session")
def independent_registry() -> Iterator[RegistryServer]:
    """A registry that others wrote, for the whole run, with its schemas in memory. Tests take subjects of their own."""
    from headrace.local.registry_server import RegistryServer

    with RegistryServer() as server:
        yield server


@pytest.fixture
def unique() -> str:
    """A name that no other test uses: tests share the broker."""
    return f"t{uuid.uuid4().hex[:10]}p{os.getpid()}"
