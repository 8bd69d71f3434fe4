"""Reading 300,000 events of 5,000 topics: with librdkafka's defaults, with the adapter's settings, and by the adapter."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from benchmarks._many_write import RECORDS
from benchmarks.figures import Figure
from headrace.adapters.kafka_broker import KafkaBroker
from headrace.adapters.kafka_settings import consumer_settings
from headrace.interfaces.broker import OffsetAt

EACH = 60
ROUNDS = 3
DEFAULTS = {"group.id": "defaults", "enable.auto.commit": False}


def fill(broker: KafkaBroker, topics: Sequence[str]) -> dict[str, int]:
    """Write `EACH` events to every topic, tenant by tenant; where they begin."""
    begins = dict(broker.admin.offsets(topics, OffsetAt.LATEST))
    writer = broker.writer()
    for topic in topics:
        for i in range(EACH):
            writer.publish(topic, RECORDS[i])
    writer.flush(300)
    writer.close()
    return begins


def raw(settings: dict[str, Any], begins: Mapping[str, int]) -> float:
    """Events a second of a bare consumer that looks at key, value and headers."""
    consumer = Consumer(settings)
    consumer.assign([TopicPartition(topic, 0, offset) for topic, offset in begins.items()])
    seen, count, start = 0, len(begins) * EACH, 0.0
    while seen < count:
        for message in consumer.consume(500, 0.05):
            if message.error() is None:
                message.key(), message.value(), message.headers()
                start = start or time.perf_counter()
                seen += 1
    seconds = time.perf_counter() - start
    consumer.close()
    return count / seconds


def ours(broker: KafkaBroker, begins: Mapping[str, int]) -> float:
    """Events a second of `poll`, which makes a `StoredRecord` of each."""
    reader = broker.reader()
    reader.assign(begins)
    seen, count, start = 0, len(begins) * EACH, 0.0
    while seen < count:
        fetched = reader.poll(1, 500)
        start = start or time.perf_counter()
        seen += sum(len(part.records) for part in fetched)
    seconds = time.perf_counter() - start
    reader.close()
    return count / seconds


def figures(bootstrap: str, topics: Sequence[str]) -> list[Figure]:
    broker = KafkaBroker(bootstrap)
    begins = fill(broker, topics)
    tuned = consumer_settings(bootstrap, {}, None)
    rounds = [
        (raw({"bootstrap.servers": bootstrap, **DEFAULTS}, begins), raw(tuned, begins), ours(broker, begins))
        for _ in range(ROUNDS)
    ]
    broker.close()
    default, same, adapter = (statistics.median(column) for column in zip(*rounds, strict=True))
    rates = {
        "defaults events/s": round(default),
        "same settings events/s": round(same),
        "ours events/s": round(adapter),
    }
    return [
        Figure(
            f"{len(topics)} topics read / librdkafka's defaults (rate)",
            statistics.median(o / d for d, _, o in rounds),
            2,
            at_least=True,
            detail=rates,
        ),
        Figure(
            f"{len(topics)} topics read / raw with the same settings (rate)",
            statistics.median(o / s for _, s, o in rounds),
            0.8,
            at_least=True,
        ),
    ]
