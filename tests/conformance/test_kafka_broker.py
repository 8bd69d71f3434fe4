"""Apache Kafka, through its adapter, keeps what every broker keeps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from headrace.adapters.kafka_broker import KafkaBroker
from headrace.local.kafka_server import QUICK, KafkaServer
from headrace.model.record import Record
from headrace.testing.conformance.broker import BrokerConformance
from headrace.testing.conformance.broker_members import Cluster
from headrace.testing.conformance.support import DEADLINE_S, FILLER, Compact, Connect


@pytest.mark.kafka
class TestKafkaBroker(BrokerConformance):
    @pytest.fixture
    def connect(self, kafka_server: KafkaServer) -> Iterator[Connect]:
        with ExitStack() as opened:

            def open_another() -> KafkaBroker:
                broker = KafkaBroker(kafka_server.bootstrap)
                opened.callback(broker.close)
                return broker

            yield open_another

    @pytest.fixture
    def broker(self, kafka_server: KafkaServer) -> Iterator[KafkaBroker]:
        broker = KafkaBroker(kafka_server.bootstrap)
        yield broker
        broker.close()

    @pytest.fixture
    def compact(self, broker: KafkaBroker) -> Compact:
        def compact(topic: str) -> None:
            # A segment is closed by the first record that comes after its time, and only closed ones are compacted.
            writer = broker.writer()
            writer.publish(topic, Record(FILLER, b"")).result(DEADLINE_S)
            writer.close(DEADLINE_S)
            time.sleep(0.3)

        return compact

    @pytest.fixture
    def narrow(self, kafka_server: KafkaServer) -> Iterator[KafkaBroker]:
        broker = KafkaBroker(kafka_server.bootstrap, properties={"queue.buffering.max.messages": "10"})
        yield broker
        broker.close()

    @pytest.fixture
    def cluster(self, kafka_server: KafkaServer) -> Cluster:
        session_s = int(QUICK["group.consumer.session.timeout.ms"]) / 1000
        return Cluster("headrace.adapters.kafka_broker:KafkaBroker", kafka_server.bootstrap, {}, session_s)
