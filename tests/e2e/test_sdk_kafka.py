"""The same SDK on a real Apache Kafka: followed catalogue, two tenants, rejects, offsets with the topics' ids."""

from __future__ import annotations

import pytest

import headrace
from headrace.adapters.kafka_broker import KafkaBroker
from headrace.clock import SYSTEM_CLOCK
from headrace.interfaces.broker import OffsetAt, TopicSpec
from headrace.local.kafka_server import KafkaServer
from headrace.model import names
from headrace.model.compiled import CompiledCatalogue
from headrace.model.compiled_records import to_records
from headrace.provisioning.compile import compile_catalogue
from headrace.streaming.app import App
from headrace.streaming.catalogue_feed import FollowedCatalogue
from headrace.streaming.connection import Connection
from headrace.streaming.limits import Limits
from headrace.streaming.start import committed_topic_id
from headrace.testing.small_catalogue import small_catalogue

pytestmark = pytest.mark.kafka
EVENTS = 500


def apply(bootstrap: str, compiled: CompiledCatalogue) -> None:
    broker = KafkaBroker(bootstrap)
    topics = [TopicSpec(names.catalogue_topic(), {"cleanup.policy": "compact"})]
    topics += [TopicSpec(names.dead_letter(application)) for application in compiled.applications]
    topics += [
        TopicSpec(product.topic_name(tenant.id))
        for product in compiled.products.values()
        for tenant in compiled.tenants.values()
        if tenant.takes(product.id)
    ]
    assert not any(broker.admin.create_topics(topics).values())
    writer = broker.writer()
    for record in to_records(compiled):
        writer.publish(names.catalogue_topic(), record)
    writer.close()
    broker.close()


def app(bootstrap: str, application: str) -> App:
    def connect() -> Connection:
        broker = KafkaBroker(bootstrap)
        feed = FollowedCatalogue(broker, "eu", SYSTEM_CLOCK)
        return Connection(
            application=application,
            region="eu",
            broker=broker,
            feed=feed,
            opened=[broker.close, feed.close],
            limits=Limits(drain_timeout=10, commit_interval=0.2),
        )

    return App(connect)


def test_publish_and_consume_on_kafka(emptied_kafka: KafkaServer) -> None:
    """Every event arrives once in its tenant's order, rejected ones are in the dead letter, the commits name the topics, and a
    second run of the group gets only what came after."""
    compiled = compile_catalogue(small_catalogue(), "eu")
    apply(emptied_kafka.bootstrap, compiled)
    data = {"storeId": "s1", "productId": "p1"}
    with app(emptied_kafka.bootstrap, "data-api") as data_api:
        sales = data_api.producer("sales-events")
        for quantity in range(1, EVENTS + 1):
            for tenant in ("acme", "bolt"):
                sales.publish("SaleRecorded", {**data, "quantity": quantity}, tenant=tenant)

    seen: dict[str, list[int]] = {"acme": [], "bolt": []}

    def handle(events: list[headrace.Event]) -> None:
        for event in events:
            seen[event.tenant].append(event.data["quantity"])
            if event.data["quantity"] % 100 == 0:
                event.reject("hundred")

    def consume(until: int) -> None:
        plan = app(emptied_kafka.bootstrap, "plan")
        plan.consumer("sales-events", purpose="count", batch=headrace.Batch(50, "50ms"))(handle)
        with plan:
            plan.start()
            for _ in range(600):
                if sum(map(len, seen.values())) >= until:
                    break
                SYSTEM_CLOCK.sleep(0.05)
            assert plan.wait_until_caught_up(20)

    consume(2 * EVENTS)
    assert seen == {tenant: list(range(1, EVENTS + 1)) for tenant in seen}
    with app(emptied_kafka.bootstrap, "data-api") as data_api:
        data_api.producer("sales-events").publish("SaleRecorded", {**data, "quantity": 7}, tenant="acme")
    consume(2 * EVENTS + 1)
    assert seen["acme"][EVENTS:] == [7]
    assert len(seen["bolt"]) == EVENTS

    broker = KafkaBroker(emptied_kafka.bootstrap)
    admin = broker.admin
    commits, topics = admin.group_offsets("plan.count"), admin.topics("sales-events.v1.")
    assert {topic: commits[topic].offset for topic in topics} == {
        "sales-events.v1.acme": EVENTS + 1,
        "sales-events.v1.bolt": EVENTS,
    }
    assert all(committed_topic_id(commits[topic]) == topics[topic].id for topic in topics)
    assert names.catalogue_topic() in commits
    assert admin.offsets(["dlq.plan"], OffsetAt.LATEST) == {"dlq.plan": 2 * EVENTS // 100}
    broker.close()
