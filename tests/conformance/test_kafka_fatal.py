"""The Kafka writer on librdkafka's own mock cluster, which can be told to answer with errors that a real broker gives once in
years: a producer that has lost its place in a log's sequence."""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest
from confluent_kafka import KafkaError

from headrace.adapters.kafka_broker import KafkaBroker
from headrace.adapters.kafka_spread import KafkaSpreadWriter
from headrace.errors import BrokerError
from headrace.interfaces.receipt import Receipt
from headrace.model.record import Record

PRODUCE = 0
"""Kafka's API key of a produce request."""


def _library() -> ctypes.CDLL:
    """The librdkafka that confluent-kafka itself has loaded (rdkafka_mock.h is part of its interface)."""
    folder = Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs"
    bundled = sorted(folder.glob("librdkafka*"))
    library = ctypes.CDLL(str(bundled[0]) if bundled else ctypes.util.find_library("rdkafka"))
    pointer = ctypes.c_void_p
    library.rd_kafka_conf_new.restype = pointer
    library.rd_kafka_new.restype = pointer
    library.rd_kafka_new.argtypes = [ctypes.c_int, pointer, ctypes.c_char_p, ctypes.c_size_t]
    library.rd_kafka_destroy.argtypes = [pointer]
    library.rd_kafka_mock_cluster_new.restype = pointer
    library.rd_kafka_mock_cluster_new.argtypes = [pointer, ctypes.c_int]
    library.rd_kafka_mock_cluster_destroy.argtypes = [pointer]
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    library.rd_kafka_mock_cluster_bootstraps.argtypes = [pointer]
    library.rd_kafka_mock_topic_create.argtypes = [pointer, ctypes.c_char_p, ctypes.c_int, ctypes.c_int]
    library.rd_kafka_mock_push_request_errors_array.argtypes = [
        pointer,
        ctypes.c_int16,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_int),
    ]
    return library


class MockCluster:
    """One mock broker of librdkafka's."""

    def __init__(self) -> None:
        self._library = _library()
        text = ctypes.create_string_buffer(512)
        conf = self._library.rd_kafka_conf_new()
        self._client = self._library.rd_kafka_new(PRODUCER, conf, text, len(text))
        assert self._client, text.value
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._client, 1)
        self.bootstrap = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def create(self, topic: str) -> None:
        assert self._library.rd_kafka_mock_topic_create(self._cluster, topic.encode(), 1, 1) == 0

    def fail_next(self, request: int, code: int) -> None:
        """The next request of a kind is answered with an error."""
        self._library.rd_kafka_mock_push_request_errors_array(self._cluster, request, 1, (ctypes.c_int * 1)(code))

    def close(self) -> None:
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._client)


PRODUCER = 0
"""librdkafka's RD_KAFKA_PRODUCER: the kind of the client that carries the cluster."""


@pytest.fixture
def mock() -> Iterator[MockCluster]:
    """A cluster of one mock broker."""
    cluster = MockCluster()
    yield cluster
    cluster.close()


@pytest.mark.parametrize("hint", [1, 2_000])
def test_after_a_fatal_error_all_receipts_are_settled_in_order_and_writing_goes_on(
    mock: MockCluster, hint: int
) -> None:
    """librdkafka gives up a producer whose sequence a broker refuses. Every receipt that it had is settled, each topic's in
    order, and what comes then is written; of a writer with several producers the other producers' topics do not notice."""
    topics = [f"sales-events.v1.tenant-{i}" for i in range(50)]
    for topic in topics:
        mock.create(topic)
    broker = KafkaBroker(mock.bootstrap)
    writer = broker.writer(topics=hint)
    first = [writer.publish(topic, Record(None, b"before")) for topic in topics]
    writer.flush(30)
    assert [receipt.result(0).offset for receipt in first] == [0] * len(topics)
    mock.fail_next(PRODUCE, KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER)
    receipts = [writer.publish(topic, Record(None, b"%d" % i)) for i in range(20) for topic in topics]
    order: list[Any] = []
    for receipt in receipts:
        receipt.add_done_callback(order.append)
    writer.flush(30)
    failed = [receipt for receipt in receipts if receipt.error is not None]
    assert failed and all(isinstance(receipt.error, BrokerError) for receipt in failed)
    assert all("OUT_OF_ORDER_SEQUENCE_NUMBER" in str(receipt.error) for receipt in failed)
    for topic in topics:
        assert [r for r in order if r.topic == topic] == [r for r in receipts if r.topic == topic]
        assert _offsets_grow([r for r in receipts if r.topic == topic])
    if isinstance(writer, KafkaSpreadWriter):
        assert len({receipt.topic for receipt in failed}) < len(topics) / 2
    after = [writer.publish(topic, Record(None, b"after")) for topic in topics]
    for receipt in after:
        assert receipt.result(30).offset > 0
    broker.close()


def _offsets_grow(receipts: list[Receipt]) -> bool:
    """Of those that were written: a later receipt has a later offset."""
    offsets = [receipt.offset for receipt in receipts if receipt.error is None]
    return offsets == sorted(set(offsets))
