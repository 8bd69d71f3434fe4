"""The real parts that conformance runs against. A part that cannot be had fails the tests that need it: they are the only
proof, so they are never skipped."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest

from headrace.local.kafka_server import KafkaServer


@pytest.fixture(scope="session")
def kafka_server() -> Iterator[KafkaServer]:
    """One Apache Kafka for the whole run. Without its jars this raises, with the command that fetches them."""
    with KafkaServer() as server:
        yield server


@pytest.fixture
def unique() -> str:
    """A name that no other test uses: tests share the broker."""
    return f"t{uuid.uuid4().hex[:10]}p{os.getpid()}"
