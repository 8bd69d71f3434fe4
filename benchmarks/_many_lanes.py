"""Two hundred slow tenants beside one with a backlog of 1,000,000 events, in one consumer of the SDK: what is fetched for it,
and whether healthy tenants notice.

Slow tenants' handlers wait 250 ms an event and always have more to do. Healthy tenants get an event each now and then; their
latency is from `publish` to the handler. Without: the same, but no backlog and nobody slow.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import statistics
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
from confluent_kafka import Producer

from benchmarks._kafka_bench import COMPILED, DATA
from benchmarks.figures import Figure
from headrace.adapters import kafka_reader
from headrace.adapters.kafka_broker import KafkaBroker
from headrace.adapters.kafka_settings import consumer_settings, producer_settings
from headrace.envelope.codec import ProductCodec
from headrace.interfaces.broker import TopicSpec
from headrace.local.kafka_server import KafkaServer
from headrace.model import names
from headrace.model.compiled import CompiledTenant
from headrace.model.record import Record
from headrace.streaming.app import App
from headrace.streaming.catalogue_feed import FixedCatalogue
from headrace.streaming.connection import Connection
from headrace.streaming.event import Event

BACKLOG = 1_000_000
SLOW = [f"slow-{i:03}" for i in range(200)]
HEALTHY = [f"healthy-{i:02}" for i in range(20)]
BIG = "big"
PRODUCT = COMPILED.products["sales-events.v1"]
CATALOGUE = msgspec.structs.replace(
    COMPILED, tenants={id_: CompiledTenant(id_, ("*",)) for id_ in [*SLOW, *HEALTHY, BIG]}
)
SLOW_S = 0.25
PACE_S = 0.01
"""Between two events of healthy tenants."""


def _records(tenant: str, count: int = 1) -> list[Record]:
    """Events whose notes do not compress, so that the log is as large as it would be."""
    encode = ProductCodec(PRODUCT, "eu").encoder("data-api", "SaleRecorded", tenant)
    return [encode({**DATA, "note": os.urandom(150).hex()})[1] for _ in range(count)]


def fill(bootstrap: str) -> None:
    """The backlog, and more for each slow tenant than it can do."""
    producer = Producer(producer_settings(bootstrap, {}) | {"linger.ms": 50})
    for tenant, count in ((BIG, BACKLOG), *((tenant, 2_000) for tenant in SLOW)):
        topic = PRODUCT.topic_name(tenant)
        made: list[tuple[Record, Any]] = [(record, list(record.headers)) for record in _records(tenant, 500)]
        for i in range(count):
            record, headers = made[i % len(made)]
            while True:
                try:
                    producer.produce(topic, record.value, record.key, 0, headers=headers)
                    break
                except BufferError:
                    producer.poll(0.05)
    producer.flush(300)


def log_bytes(server: KafkaServer, tenant: str) -> int:
    """What a tenant's topic holds on the disk: what is fetched is that, as it lies there."""
    folder = next(Path(server.folder).rglob(f"{PRODUCT.topic_name(tenant)}-0"))
    return sum(path.stat().st_size for path in folder.glob("*.log"))


class Fetching:
    """The bytes that the consumer's client has received, as librdkafka counts them."""

    def __init__(self) -> None:
        self.bytes = 0

    def settings(self, bootstrap: str, properties: Mapping[str, str], group: str | None) -> dict[str, Any]:
        made = consumer_settings(bootstrap, properties, group)
        return made | {"statistics.interval.ms": 500, "stats_cb": self._told} if group else made

    def _told(self, text: str) -> None:
        self.bytes = json.loads(text)["rx_bytes"]


def run(bootstrap: str, purpose: str, *, seconds: float | None) -> tuple[float, float, int]:
    """Consume until the backlog is done (``seconds`` None) or for so long. The 99th percentile of healthy tenants' latency
    in seconds, how long it ran, and the bytes that were fetched."""
    took: list[float] = []
    done = threading.Event()
    fetching = Fetching()
    sent: dict[str, float] = {}
    big = 0

    def connect() -> Connection:
        broker = KafkaBroker(bootstrap)
        feed = FixedCatalogue(CATALOGUE)
        return Connection(application="plan", region="eu", broker=broker, feed=feed, opened=[broker.close])

    app = App(connect)

    @app.consumer("sales-events", purpose=purpose)
    async def on_sale(event: Event) -> None:
        nonlocal big
        if event.tenant == BIG:
            big += 1
            if big >= BACKLOG:
                done.set()
        elif event.tenant in SLOW_TENANTS:
            await asyncio.sleep(SLOW_S)
        else:
            at = sent.pop(event.id, None)
            if at is not None:
                took.append(time.perf_counter() - at)

    with mock.patch.object(kafka_reader, "consumer_settings", fetching.settings), app:
        app.start()
        broker = KafkaBroker(bootstrap)
        writer = broker.writer()
        start = time.perf_counter()
        for tenant in itertools.cycle(HEALTHY):
            (record,) = _records(tenant)
            event_id = dict(record.headers)["event-id"] or b""
            sent[event_id.decode()] = time.perf_counter()
            writer.publish(PRODUCT.topic_name(tenant), record)
            if done.wait(PACE_S) or (seconds is not None and time.perf_counter() - start > seconds):
                break
        ran = time.perf_counter() - start
        time.sleep(1)  # the last statistics
        broker.close()
    return statistics.quantiles(took[len(took) // 10 :], n=100)[98], ran, fetching.bytes


SLOW_TENANTS = frozenset(SLOW)


def figures(server: KafkaServer) -> list[Figure]:
    broker = KafkaBroker(server.bootstrap)
    tenants = [*SLOW, *HEALTHY, BIG]
    answers = broker.admin.create_topics(
        [TopicSpec(PRODUCT.topic_name(tenant)) for tenant in tenants] + [TopicSpec(names.dead_letter("plan"))]
    )
    assert not any(answers.values())
    broker.close()
    without, _, _ = run(server.bootstrap, "without", seconds=20)
    fill(server.bootstrap)
    beside, ran, fetched = run(server.bootstrap, "beside", seconds=None)
    log = sum(log_bytes(server, tenant) for tenant in tenants)
    return [
        Figure(
            "200 slow lanes beside a backlog of 1,000,000: bytes fetched / the log",
            fetched / log,
            1.5,
            detail={
                "log MB": round(log / 1e6),
                "fetched MB": round(fetched / 1e6),
                "backlog events/s": round(BACKLOG / ran),
            },
        ),
        Figure(
            "... healthy tenants' p99 / without",
            beside / without,
            2,
            detail={"p99 without ms": round(without * 1000), "p99 beside ms": round(beside * 1000)},
        ),
    ]
