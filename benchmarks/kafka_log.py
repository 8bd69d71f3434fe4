"""The Kafka adapter against bare confluent-kafka: the same records, settings and broker, in one run.

Writing: `publish` with a receipt each, against `Producer.produce` with one delivery callback for all. Reading: `poll`, which
makes a `StoredRecord` of each record, against `Consumer.consume` that looks at key, value and headers. Reported without goals:
client, adapter and broker share two cores here, and the ratio moves between 0.55 and 1.0 from run to run.
"""

from __future__ import annotations

import os
import time
import uuid

from confluent_kafka import Consumer, Message, Producer, TopicPartition

from benchmarks.figures import Figure, median_ratio, report
from headrace.adapters.kafka_broker import KafkaBroker
from headrace.adapters.kafka_settings import consumer_settings, producer_settings
from headrace.interfaces.broker import OffsetAt, TopicSpec
from headrace.local.kafka_server import KafkaServer
from headrace.model.record import Record

COUNT = 50_000
HEADERS = (
    ("event-type", b"com.example.sale.recorded.v1"),
    ("event-id", b"01980000-0000-7000-8000-000000000000"),
    ("event-source", b"/applications/data-api"),
    ("event-time", b"2026-03-01T08:00:00Z"),
)
# 1 kB of which about half compresses away, as JSON with ids and amounts does.
VALUES = [(os.urandom(192).hex() + " " * 640).encode()[:1024] for _ in range(100)]
RECORDS = [Record(b"store-367", value, HEADERS) for value in VALUES]


def _write(broker: KafkaBroker, topic: str) -> float:
    writer = broker.writer()
    writer.publish(topic, RECORDS[0]).result(30)
    start = time.perf_counter()
    receipts = [writer.publish(topic, RECORDS[i % 100]) for i in range(COUNT)]
    writer.flush(60)
    seconds = time.perf_counter() - start
    assert all(receipt.done and receipt.error is None for receipt in receipts)
    writer.close()
    return seconds


def _write_raw(bootstrap: str, topic: str) -> float:
    acknowledged = 0

    def delivered(error: object, message: Message) -> None:
        nonlocal acknowledged
        assert error is None
        acknowledged += 1

    producer = Producer(producer_settings(bootstrap, {}) | {"on_delivery": delivered})
    headers = list(HEADERS)
    producer.produce(topic, VALUES[0], b"store-367", 0, headers=headers)
    producer.flush(30)
    start = time.perf_counter()
    for i in range(COUNT):
        while True:
            try:
                producer.produce(topic, VALUES[i % 100], b"store-367", 0, headers=headers)
                break
            except BufferError:
                producer.poll(0.05)
        if i % 500 == 0:
            producer.poll(0)
    producer.flush(60)
    seconds = time.perf_counter() - start
    assert acknowledged == COUNT + 1
    return seconds


def _read(broker: KafkaBroker, topic: str) -> float:
    reader = broker.reader()
    reader.assign({topic: OffsetAt.EARLIEST})
    seen = sum(len(fetched.records) for fetched in reader.poll(30, 1))
    start = time.perf_counter()
    while seen < COUNT:
        seen += sum(len(fetched.records) for fetched in reader.poll(30))
    seconds = time.perf_counter() - start
    reader.close()
    return seconds


def _read_raw(bootstrap: str, topic: str) -> float:
    consumer = Consumer(consumer_settings(bootstrap, {}, None))
    consumer.assign([TopicPartition(topic, 0, 0)])
    seen = 0
    while not seen:
        seen += sum(message.error() is None for message in consumer.consume(1, 30))
    start = time.perf_counter()
    while seen < COUNT:
        for message in consumer.consume(500, 0.01):
            if message.error() is None:
                message.key(), message.value(), message.headers()
                seen += 1
    seconds = time.perf_counter() - start
    consumer.close()
    return seconds


def measure() -> list[Figure]:
    with KafkaServer(quick_start=False, heap_mb=1024) as kafka:
        broker = KafkaBroker(kafka.bootstrap)

        def fresh() -> str:
            topic = f"bench-{uuid.uuid4().hex}"
            broker.admin.create_topics([TopicSpec(topic)])
            return topic

        _write(broker, fresh())  # warms the broker's compiler
        full = fresh()
        _write_raw(kafka.bootstrap, full)
        write, writes = median_ratio(
            lambda: _write_raw(kafka.bootstrap, fresh()), lambda: _write(broker, fresh()), rounds=5
        )
        read, reads = median_ratio(lambda: _read_raw(kafka.bootstrap, full), lambda: _read(broker, full), rounds=5)
        broker.close()
    return [
        Figure("kafka: publish with receipts / raw produce (rate)", write, detail=_rates(writes)),
        Figure("kafka: poll to StoredRecord / raw consume (rate)", read, detail=_rates(reads)),
    ]


def _rates(pairs: list[tuple[float, float]]) -> dict[str, float]:
    raw, ours = (min(side) for side in zip(*pairs, strict=True))
    return {"raw records/s (best)": round(COUNT / raw), "ours records/s (best)": round(COUNT / ours)}


if __name__ == "__main__":
    raise SystemExit(report(measure()))
