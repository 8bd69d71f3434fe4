"""What the Kafka benchmarks of the SDK share: a region on a real node (or on librdkafka's mock cluster), one event of about
1 kB, and the raw side, which writes and reads the same bytes with bare confluent-kafka and the adapter's own settings."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jsonschema_rs
import msgspec
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from headrace.adapters.kafka_broker import KafkaBroker
from headrace.adapters.kafka_settings import consumer_settings, producer_settings
from headrace.envelope.codec import ProductCodec
from headrace.interfaces.broker import TopicSpec
from headrace.model import names
from headrace.model.compiled import CompiledCatalogue
from headrace.model.record import Record
from headrace.provisioning.compile import compile_catalogue
from headrace.streaming.app import App
from headrace.streaming.catalogue_feed import FixedCatalogue
from headrace.streaming.connection import Connection
from headrace.streaming.limits import Limits
from headrace.testing.small_catalogue import small_catalogue

TOPIC = "sales-events.v1.acme"
DATA: Mapping[str, Any] = {
    "storeId": "367",
    "productId": "1029743",
    "quantity": 3,
    "promotionId": "spring-2026",
    "note": "n" * 300,
    "lines": [{"sku": f"sku-{n:06}", "price": 1.25} for n in range(8)],
}
MOCK = {"test.mock.num.brokers": "1"}
"""librdkafka's own mock cluster, inside the client: no broker takes part in the work, so Python is the bound."""

COMPILED = compile_catalogue(small_catalogue(), "eu")


def record() -> Record:
    """`DATA` as the SDK writes it."""
    return _encode()(dict(DATA))[1]


def _encode() -> Callable[..., tuple[str, Record]]:
    return ProductCodec(COMPILED.products["sales-events.v1"], "eu").encoder("data-api", "SaleRecorded", "acme")


def composed_schema() -> str:
    """The schema that the records are written with, as a registry has it."""
    product = COMPILED.products["sales-events.v1"]
    return next(schema.text for schema in product.schemas if schema.version == 2)


def create_topics(bootstrap: str, compiled: CompiledCatalogue = COMPILED) -> None:
    """Every tenant's topics and the dead-letter topics; a topic of the same name is deleted first."""
    broker = KafkaBroker(bootstrap)
    specs = [TopicSpec(names.dead_letter(application)) for application in compiled.applications]
    specs += [
        TopicSpec(product.topic_name(tenant.id))
        for product in compiled.products.values()
        for tenant in compiled.tenants.values()
        if tenant.takes(product.id)
    ]
    there = broker.admin.topics()
    broker.admin.delete_topics([spec.name for spec in specs if spec.name in there])
    while broker.admin.topics():
        time.sleep(0.05)
    refused = {name: error for name, error in broker.admin.create_topics(specs).items() if error is not None}
    assert not refused, refused
    broker.close()


def app(bootstrap: str, application: str, properties: Mapping[str, str] | None = None, **more: Any) -> App:
    """An application on this cluster, with the small catalogue."""
    limits = more.pop("limits", Limits())

    def connect() -> Connection:
        broker = KafkaBroker(bootstrap, properties=properties)
        return Connection(
            application=application,
            region="eu",
            broker=broker,
            feed=FixedCatalogue(COMPILED),
            opened=[broker.close],
            limits=limits,
            **more,
        )

    return App(connect)


class Times:
    """Wall seconds and CPU seconds of this process, from making one to `stop`."""

    def __init__(self) -> None:
        self.wall = time.perf_counter()
        self.cpu = time.process_time()

    def stop(self) -> Times:
        self.wall = time.perf_counter() - self.wall
        self.cpu = time.process_time() - self.cpu
        return self


# --- publishing


def publish(
    bootstrap: str,
    count: int,
    properties: Mapping[str, str] | None = None,
    tenants: Sequence[str] = ("acme",),
    **more: Any,
) -> Times:
    """The SDK: validated, a receipt each, until the last is acknowledged."""
    data = dict(DATA)
    with app(bootstrap, "data-api", properties, **more) as program:
        sales = program.producer("sales-events")
        sales.publish("SaleRecorded", data, tenant="acme").result(30)
        times = Times()
        receipts = [sales.publish("SaleRecorded", data, tenant=tenants[i % len(tenants)]) for i in range(count)]
        program.flush(120)
        times.stop()
        assert all(receipt.done and receipt.error is None for receipt in receipts)
    return times


def publish_raw(bootstrap: str, count: int, properties: Mapping[str, str] | None = None) -> Times:
    """Bare confluent-kafka: the same bytes, one delivery callback for all."""
    acknowledged = 0

    def delivered(error: object, message: Message) -> None:
        nonlocal acknowledged
        assert error is None
        acknowledged += 1

    made = record()
    producer = Producer(producer_settings(bootstrap, properties or {}) | {"on_delivery": delivered})
    headers = list(made.headers)
    producer.produce(TOPIC, made.value, made.key, 0, headers=headers)
    producer.flush(30)
    times = Times()
    for i in range(count):
        while True:
            try:
                producer.produce(TOPIC, made.value, made.key, 0, headers=headers)
                break
            except BufferError:
                producer.poll(0.05)
        if i % 500 == 0:
            producer.poll(0)
    producer.flush(120)
    times.stop()
    assert acknowledged == count + 1
    return times


# --- consuming


def raw_consumer(bootstrap: str) -> Consumer:
    """At the beginning of `TOPIC`, its first record read."""
    consumer = Consumer(consumer_settings(bootstrap, {}, None))
    consumer.assign([TopicPartition(TOPIC, 0, 0)])
    while True:
        messages = consumer.consume(1, 30)
        if messages and messages[0].error() is None:
            return consumer


def consume_raw(bootstrap: str, count: int, check: Callable[[bytes], object]) -> Times:
    """A bare loop over ``consume(500)`` that does ``check`` with each value."""
    consumer = raw_consumer(bootstrap)
    seen = 0
    times = Times()
    while seen < count:
        for message in consumer.consume(500, 0.05):
            if message.error() is None:
                check(message.value())  # type: ignore[arg-type]
                seen += 1
    times.stop()
    consumer.close()
    return times


def whole_check() -> Callable[[bytes], object]:
    """msgspec decodes, jsonschema-rs validates by the registered schema, as a consumer without Headrace has it."""
    decode = msgspec.json.Decoder().decode
    is_valid = jsonschema_rs.validator_for(json.loads(composed_schema())).is_valid

    def check(value: bytes) -> None:
        assert is_valid(decode(value[5:]))

    return check


def data_check() -> Callable[[bytes], object]:
    """As `whole_check`, but only the data are validated: the least that such a loop could do."""
    decode = msgspec.json.Decoder().decode
    schemas = COMPILED.products["sales-events.v1"].event("SaleRecorded").data_schemas  # type: ignore[union-attr]
    is_valid = jsonschema_rs.validator_for(json.loads(bytes(schemas["2"]))).is_valid

    def check(value: bytes) -> None:
        assert is_valid(decode(value[5:])["data"])

    return check
