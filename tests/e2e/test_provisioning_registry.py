"""The retail catalogue on Apache Kafka with an independent registry beside it: applied, unchanged on a second look, and its
events read by Headrace and by Confluent's own deserialiser, however they are framed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import confluent_kafka
import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.json_schema import JSONDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

import headrace
from headrace.adapters.http_registry import HttpRegistry
from headrace.adapters.kafka_broker import KafkaBroker
from headrace.catalogue.load import load
from headrace.envelope.framing import HEADER_SCHEMA_ID, framed_id
from headrace.errors import IncompatibleSchema
from headrace.local.kafka_server import KafkaServer
from headrace.local.registry_server import RegistryServer
from headrace.model.catalogue import Catalogue
from headrace.model.schema import Compatibility, Framing, SchemaFormat, SchemaText
from headrace.provisioning.apply import apply_plan
from headrace.provisioning.changes import Plan, PublishCatalogue
from headrace.provisioning.desired import Desired, desired
from headrace.provisioning.observed import RegionConnection, observe
from headrace.provisioning.plan import make_plan

pytestmark = pytest.mark.kafka

RETAIL = Path(__file__).parents[2] / "examples" / "retail"
SALE = json.loads((RETAIL / "products/sales-events/examples/SaleRecorded/bananas.json").read_text())
TENANT, TOPIC = "nordkorb", "sales-events.v1.nordkorb"


def europe(framing: Framing) -> Catalogue:
    """The retail catalogue with its European region alone."""
    whole = load(RETAIL)
    region = whole.regions["eu"]
    region = replace(region, registry=replace(region.registry, kind="http", framing=framing))
    tenants = MappingProxyType({id_: t for id_, t in whole.tenants.items() if t.region == "eu"})
    return replace(whole, regions=MappingProxyType({"eu": region}), tenants=tenants)


@pytest.fixture
def eu(emptied_kafka: KafkaServer, independent_registry: RegistryServer) -> Iterator[RegionConnection]:
    """The region's parts; both are as they were at the end."""
    broker, registry = KafkaBroker(emptied_kafka.bootstrap), HttpRegistry(independent_registry.url)
    yield RegionConnection(broker, registry)
    for subject in desired(europe(Framing.PREFIX)).regions["eu"].subjects:
        if subject in registry.subjects(subject):
            registry.delete_subject(subject)
    registry.close()
    broker.close()


def plan(eu: RegionConnection, framing: Framing = Framing.PREFIX, *, apply: bool = False) -> tuple[Plan, Desired]:
    wanted = desired(europe(framing))
    found = observe(wanted, {"eu": eu})
    made = make_plan(wanted, found)
    if apply:
        apply_plan(made, wanted, found, {"eu": eu}, apply_id="e2e")
    return made, wanted


def test_the_retail_catalogue_is_applied_once(eu: RegionConnection) -> None:
    """Every version of every product, JSON Schema and Avro, in every tenant's subject under FORWARD_TRANSITIVE; a second
    plan finds nothing to do, and a change that breaks readers is refused by the registry itself."""
    first, wanted = plan(eu, apply=True)
    assert not first.clean
    second, _ = plan(eu)
    assert second.clean and not second.drift and not second.interruptions
    subjects = wanted.regions["eu"].subjects
    states = eu.registry.states_of(list(subjects))  # type: ignore[attr-defined]
    assert {name: len(state.versions) for name, state in states.items()} == {
        name: len(subject.schemas) for name, subject in subjects.items()
    }
    assert {state.compatibility for state in states.values()} == {Compatibility.FORWARD_TRANSITIVE}
    for product in {subject.product for subject in subjects.values()}:
        same = {states[s.name].versions for s in subjects.values() if s.product == product}
        assert len(same) == 1, "the tenants of a product share their schemas' ids"

    subject = next(s for s in subjects.values() if s.name.startswith(TOPIC))
    broken = json.loads(subject.schemas[0].text.text)
    broken["definitions"]["SaleRecorded"]["properties"]["quantity"] = {"type": "string"}
    text = SchemaText(SchemaFormat.JSON_SCHEMA, json.dumps(broken, separators=(",", ":")))
    assert eu.registry.check(subject.name, text)
    with pytest.raises(IncompatibleSchema, match="sales-events"):
        eu.registry.register(subject.name, text)
    assert plan(eu)[0].clean


def test_both_framings_are_read_by_headrace_and_by_confluent_s_client(
    eu: RegionConnection, emptied_kafka: KafkaServer, independent_registry: RegistryServer
) -> None:
    """An event framed by prefix, then the region is declared to frame by header: the catalogue alone is published again,
    programs that start after it write the header, and everybody reads both."""
    settings = {"region": "eu", "cluster": f"kafka:{emptied_kafka.bootstrap}", "registry": independent_registry.url}
    ids = []
    for framing in Framing:
        made, _ = plan(eu, framing, apply=True)
        if framing is Framing.HEADER:
            assert [type(change) for change in made.changes] == [PublishCatalogue]
        with headrace.connect(application="data-api", **settings) as app:
            app.producer("sales-events").publish("SaleRecorded", SALE, tenant=TENANT, id=framing).result(30)
    assert plan(eu, Framing.HEADER)[0].clean

    registered = eu.registry.version(f"{TOPIC}-value", "latest").id
    with SchemaRegistryClient({"url": independent_registry.url}) as client:
        read = JSONDeserializer(None, schema_registry_client=client)
        for message in consumed(emptied_kafka.bootstrap, 2):
            headers = dict(message.headers())
            by_header = HEADER_SCHEMA_ID in headers
            assert framed_id(headers[HEADER_SCHEMA_ID] if by_header else message.value()) == registered
            envelope = read(message.value(), SerializationContext(TOPIC, MessageField.VALUE, message.headers()))
            assert envelope["data"] == SALE and envelope["id"] == ("header" if by_header else "prefix")
            ids.append(envelope["id"])
    assert ids == ["prefix", "header"]

    seen: list[str] = []
    plan_app = headrace.App(application="plan", **settings)

    @plan_app.consumer("sales-events", purpose="framing")
    def handle(event: headrace.Event) -> None:
        seen.append(event.id)

    with plan_app:
        plan_app.start()
        assert plan_app.wait_until_caught_up(30)
    assert seen == ["prefix", "header"]


def consumed(bootstrap: str, count: int) -> list[Any]:
    """The first records of the tenant's topic, as another program reads them."""
    consumer = confluent_kafka.Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "framing-reader", "auto.offset.reset": "earliest"}
    )
    try:
        consumer.assign([confluent_kafka.TopicPartition(TOPIC, 0, 0)])
        messages = consumer.consume(count, timeout=30)
        assert len(messages) == count and not any(message.error() for message in messages)
        return messages
    finally:
        consumer.close()
