"""Transactions through the whole SDK on a real Apache Kafka, in several processes that are killed."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.adapters.kafka_broker import KafkaBroker
from headrace.local.kafka_server import KafkaServer
from headrace.provisioning.compile import compile_catalogue
from headrace.testing.small_catalogue import small_catalogue
from tests.e2e.test_sdk_kafka import app, apply
from tests.e2e.transaction_kills import kill_while_they_copy

pytestmark = pytest.mark.kafka

SETTINGS = {
    # What a killed member left open is ended soon after its timeout.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
    "group.consumer.session.timeout.ms": "2000",
    # Nobody kills the broker here: on a busy machine it is not to be taken for dead.
    "broker.session.timeout.ms": "30000",
}


@pytest.fixture
def server() -> Iterator[KafkaServer]:
    with KafkaServer(settings=SETTINGS) as made:
        apply(made.bootstrap, compile_catalogue(small_catalogue(), "eu"))
        yield made


def test_killed_members_of_a_transactional_consumer_lose_and_repeat_nothing(
    server: KafkaServer, tmp_path: Path
) -> None:
    """Six kills of two members: for who reads committed, each output is there once and in order, and each dead letter once."""
    seed = int(os.environ.get("HEADRACE_KILL_SEED", random.randrange(1_000_000)))
    print("seed", seed)
    broker = KafkaBroker(server.bootstrap)
    source = app(server.bootstrap, "data-api")
    try:
        kill_while_they_copy(broker, source, f"kafka:{server.bootstrap}", tmp_path, kills=6, chance=random.Random(seed))
    finally:
        broker.close()
