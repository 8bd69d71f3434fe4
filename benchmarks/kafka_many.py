"""Thousands of tenants on one node of Apache Kafka: writing to 2,000 topics, reading 5,000, and slow tenants beside a backlog.

Groups of that size, and 10,000 commits, are tests: tests/conformance/test_kafka_many.py.
"""

from __future__ import annotations

from benchmarks import _many_lanes, _many_read, _many_write
from benchmarks.figures import Figure, report
from headrace.adapters.kafka_broker import KafkaBroker
from headrace.interfaces.broker import TopicSpec
from headrace.local.kafka_server import KafkaServer

TOPICS = 5_000
WRITTEN = 2_000


def measure() -> list[Figure]:
    with KafkaServer(quick_start=False, heap_mb=1024) as server:
        topics = [f"demand-forecasts.v1.tenant-{i:05}" for i in range(TOPICS)]
        broker = KafkaBroker(server.bootstrap)
        assert not any(broker.admin.create_topics([TopicSpec(topic) for topic in topics]).values())
        broker.close()
        writing = _many_write.figures(server.bootstrap, topics[:WRITTEN])
        reading = _many_read.figures(server.bootstrap, topics)
    with KafkaServer(quick_start=False, heap_mb=1024) as server:
        return [*writing, *reading, *_many_lanes.figures(server)]


if __name__ == "__main__":
    raise SystemExit(report(measure()))
