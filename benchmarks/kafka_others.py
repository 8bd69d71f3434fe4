"""The SDK beside what others use, each with the same event: confluent-kafka's JSONSerializer and JSONDeserializer, with
validation, given the finished envelope and its registered schema; the `cloudevents` library, structured JSON; FastStream on
confluent-kafka, which publishes plain JSON and checks nothing.

The first four are CPU time of one event on its way out or in, without a broker. FastStream is measured on one node, publishing
without waiting for confirmations until the last is written, beside the SDK doing the same with validation and receipts.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from cloudevents.core.bindings.kafka import KafkaMessage, from_structured_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from faststream.confluent import KafkaBroker as FastStreamBroker

from benchmarks import _kafka_bench as kafka
from benchmarks.figures import Figure, report
from headrace.envelope.codec import ProductCodec
from headrace.local.kafka_server import KafkaServer
from headrace.model.record import StoredRecord

LOOPS = 200
ROUNDS = 7
EVENTS = 20_000


def us(call: Callable[[], object]) -> float:
    """CPU microseconds of one call, the best of some rounds."""
    call()
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(LOOPS):
            call()
        best = min(best, time.process_time() - start)
    return best / LOOPS * 1e6


def _codecs() -> list[Figure]:
    codec = ProductCodec(kafka.COMPILED.products["sales-events.v1"], "eu")
    encode = codec.encoder("data-api", "SaleRecorded", "acme")
    data = dict(kafka.DATA)
    made = kafka.record()
    assert made.value is not None
    stored = StoredRecord(kafka.TOPIC, 0, 0, made.key, made.value, made.headers)
    envelope = json.loads(made.value[5:])
    client = SchemaRegistryClient.new_client({"url": "mock://others"})
    schema = json.dumps(json.loads(kafka.composed_schema()) | {"title": "Envelope"})
    serializer = JSONSerializer(schema, client)
    deserializer = JSONDeserializer(schema, schema_registry_client=client)
    context = SerializationContext(kafka.TOPIC, MessageField.VALUE)
    framed = serializer(envelope, context)
    attributes: dict[str, Any] = {
        "type": envelope["type"],
        "source": envelope["source"],
        "datacontenttype": "application/json",
        "metajson": json.dumps(envelope["meta"]),
    }
    message: KafkaMessage = to_structured_event(CloudEvent(attributes, data))
    out, back = us(lambda: encode(data)), us(lambda: codec.decode(stored))
    others = {
        "JSONSerializer, validating": (us(lambda: serializer(envelope, context)), out, 30.0),
        "JSONDeserializer, validating": (us(lambda: deserializer(framed, context)), back, None),
        "cloudevents, out, checking no schema": (
            us(lambda: to_structured_event(CloudEvent(attributes, data))),
            out,
            None,
        ),
        "cloudevents, in, checking no schema": (us(lambda: from_structured_event(message)), back, None),
    }
    return [
        Figure(
            f"{name} / the SDK (CPU)",
            theirs / ours,
            goal,
            at_least=True,
            detail={"theirs us": round(theirs, 1), "ours us": round(ours, 1)},
        )
        for name, (theirs, ours, goal) in others.items()
    ]


async def _faststream(bootstrap: str) -> float:
    """Seconds an event."""
    async with FastStreamBroker(bootstrap, acks="all", enable_idempotence=True, linger_ms=5) as broker:
        await broker.publish(dict(kafka.DATA), kafka.TOPIC)
        start = time.perf_counter()
        for _ in range(EVENTS - 1):
            await broker.publish(dict(kafka.DATA), kafka.TOPIC, no_confirm=True)
        await broker.publish(dict(kafka.DATA), kafka.TOPIC)  # its topic's last: confirmed after all the others
        return (time.perf_counter() - start) / EVENTS


def _publishing() -> Figure:
    with KafkaServer(quick_start=False, heap_mb=1024) as server:
        kafka.create_topics(server.bootstrap)
        kafka.publish_raw(server.bootstrap, EVENTS)
        pairs = [
            (asyncio.run(_faststream(server.bootstrap)), kafka.publish(server.bootstrap, EVENTS).wall / EVENTS)
            for _ in range(3)
        ]
    theirs, ours = (statistics.median(side) for side in zip(*pairs, strict=True))
    return Figure(
        "FastStream, publishing unchecked JSON / the SDK (time)",
        theirs / ours,
        detail={"theirs events/s": round(1 / theirs), "ours events/s": round(1 / ours)},
    )


def measure() -> list[Figure]:
    return [*_codecs(), _publishing()]


if __name__ == "__main__":
    raise SystemExit(report(measure()))
