"""Publishing to 2,000 tenants' topics, round robin, 1 kB an event: from cold, and warm with a bound on how late an
acknowledgement may come."""

from __future__ import annotations

import os
import statistics
import time
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Any

from confluent_kafka import Message, Producer

from benchmarks.figures import Figure
from headrace.adapters.kafka_broker import KafkaBroker
from headrace.interfaces.receipt import Receipt
from headrace.model.record import Record

HEADERS = (
    ("event-type", b"com.example.sale.recorded.v1"),
    ("event-id", b"01980000-0000-7000-8000-000000000000"),
    ("event-source", b"/applications/data-api"),
    ("event-time", b"2026-03-01T08:00:00Z"),
)
# 1 kB of which about half compresses away, as JSON with ids and amounts does.
VALUES = [(os.urandom(192).hex() + " " * 640).encode()[:1024] for _ in range(100)]
RECORDS = [Record(b"store-367", value, HEADERS) for value in VALUES]
DEFAULTS = {"enable.idempotence": "true", "acks": "all", "compression.type": "zstd"}
"""What writing safely takes; the rest is librdkafka's."""

COLD = 200_000
WARM = 100_000
ACK_GOAL_S = 0.25
BOUNDS = (5_000, 10_000, 20_000, 40_000)
"""How many events are under way at most, tried one after the other."""


def cold_raw(bootstrap: str, topics: Sequence[str], count: int = COLD) -> float:
    """Seconds from making a bare producer to its last acknowledgement."""
    acknowledged = 0

    def delivered(error: object, message: Message) -> None:
        nonlocal acknowledged
        assert error is None
        acknowledged += 1

    start = time.perf_counter()
    producer = Producer({"bootstrap.servers": bootstrap, **DEFAULTS, "on_delivery": delivered})
    headers: Any = list(HEADERS)
    for i in range(count):
        while True:
            try:
                producer.produce(topics[i % len(topics)], VALUES[i % 100], b"store-367", 0, headers=headers)
                break
            except BufferError:
                producer.poll(0.05)
        if i % 100 == 0:
            producer.poll(0)
    producer.flush(300)
    seconds = time.perf_counter() - start
    assert acknowledged == count
    return seconds


def cold(broker: KafkaBroker, topics: Sequence[str], count: int = COLD) -> float:
    """Seconds from making a writer to its last receipt."""
    start = time.perf_counter()
    writer = broker.writer(topics=len(topics))
    receipts = [writer.publish(topics[i % len(topics)], RECORDS[i % 100]) for i in range(count)]
    writer.flush(300)
    seconds = time.perf_counter() - start
    assert all(receipt.done and receipt.error is None for receipt in receipts)
    writer.close()
    return seconds


def warm(broker: KafkaBroker, topics: Sequence[str], bound: int, count: int = WARM) -> tuple[float, float]:
    """Events a second, and the 99th percentile of an acknowledgement's time, with ``bound`` events under way."""
    writer = broker.writer(topics=len(topics))
    for topic in topics:
        writer.publish(topic, RECORDS[0])
    writer.flush(120)
    took: list[float] = []

    def told(at: float, receipt: Receipt) -> None:
        took.append(time.perf_counter() - at)

    under_way: deque[Receipt] = deque()
    start = time.perf_counter()
    for i in range(count):
        if len(under_way) >= bound:
            under_way.popleft().result(60)
        at = time.perf_counter()
        receipt = writer.publish(topics[i % len(topics)], RECORDS[i % 100])
        receipt.add_done_callback(partial(told, at))
        under_way.append(receipt)
    writer.flush(120)
    seconds = time.perf_counter() - start
    writer.close()
    return count / seconds, statistics.quantiles(took, n=100)[98]


def figures(bootstrap: str, topics: Sequence[str]) -> list[Figure]:
    broker = KafkaBroker(bootstrap)
    cold(broker, topics, 20_000)  # warms the broker's compiler, and opens the logs
    pairs = [(cold_raw(bootstrap, topics), cold(broker, topics)) for _ in range(3)]
    few = [(cold_raw(bootstrap, topics, 10 * len(topics)), cold(broker, topics, 10 * len(topics))) for _ in range(3)]
    one = statistics.median(COLD / cold_raw(bootstrap, topics[:1]) for _ in range(3))
    tried = {bound: warm(broker, topics, bound) for bound in BOUNDS}
    broker.close()
    in_time = [rate for rate, p99 in tried.values() if p99 <= ACK_GOAL_S]
    return [
        Figure(
            f"{len(topics)} topics, {COLD} events from cold / librdkafka's defaults (rate)",
            statistics.median(raw / ours for raw, ours in pairs),
            10,
            at_least=True,
            detail={
                "defaults events/s": round(COLD / statistics.median(raw for raw, _ in pairs)),
                "ours events/s": round(COLD / statistics.median(ours for _, ours in pairs)),
                "10 a topic, defaults s": round(statistics.median(raw for raw, _ in few), 2),
                "10 a topic, ours s": round(statistics.median(ours for _, ours in few), 2),
            },
        ),
        Figure(
            f"{len(topics)} topics, warm, ack p99 <= 250 ms / one topic, fresh producer (rate)",
            max(in_time, default=0) / one,
            0.25,
            at_least=True,
            detail={"one topic events/s": round(one)}
            | {
                f"{bound} under way": f"{rate:,.0f} events/s, ack p99 {p99 * 1000:.0f} ms"
                for bound, (rate, p99) in tried.items()
            },
        ),
    ]
