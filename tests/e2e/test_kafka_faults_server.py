"""Faults of one node, and of what stands on it: an outage, slow handlers, new tenants, records and topics that are gone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError

import headrace
from headrace.adapters.kafka_broker import KafkaBroker
from headrace.adapters.kafka_log import CLIENT_LOG
from headrace.errors import LaneStopped
from headrace.interfaces.broker import OffsetCommit, TopicSpec
from headrace.local.kafka_server import KafkaServer
from headrace.model import names
from headrace.streaming.start import commit_metadata
from headrace.testing.ledger import Acknowledged, Handled
from tests.e2e.fault_parts import (
    FEW,
    PATIENCE_S,
    Together,
    app,
    apply,
    many_tenants,
    publish_catalogue,
    silence,
    until,
)

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

PRODUCTS = ("sales-killed", "sales-halted", "sales-slow", "sales-tenant", "sales-ten", "sales-lost", "sales-anew")


@pytest.fixture(scope="module")
def server() -> Iterator[KafkaServer]:
    """One node for this module; its tests end it and start it again."""
    with KafkaServer() as running:
        apply(running.bootstrap, many_tenants(PRODUCTS, FEW))
        yield running


@pytest.fixture
def broker(server: KafkaServer) -> Iterator[KafkaBroker]:
    """The test's own connection."""
    opened = KafkaBroker(server.bootstrap)
    yield opened
    opened.close()


@pytest.mark.parametrize("how", ["killed", "halted"])
def test_the_only_node_ends_and_comes_back(server: KafkaServer, tmp_path: Path, how: str) -> None:
    """kill -9, and an orderly stop, of the only node under load, and its return: no receipt fails, nothing is lost, doubled
    in the log or out of order, and what is handled again is within what was in flight."""
    with Together(server.bootstrap, tmp_path, f"sales-{how}") as load:
        load.handles(200, "the load has begun")
        ended = time.monotonic()
        if how == "killed":
            server.kill()
        else:
            server.halt()
        time.sleep(1)  # an outage, not a blink
        server.start()
        back = time.monotonic()
        load.handles(200, "it goes on")
        verdict = load.settle()
        entries = load.accounts.entries
    assert verdict.total("repeated_in_log") == 0
    first = min(e.at for e in entries if isinstance(e, Handled) and e.at > back)
    print(
        f"{how}: back after {back - ended:.1f} s, handlers {first - back:.1f} s later; longest silence of a topic: "
        f"receipts {silence(entries, Acknowledged, ended):.1f} s, handlers {silence(entries, Handled, ended):.1f} s; {verdict}"
    )


def leaves_its_group(server: KafkaServer, properties: dict[str, str]) -> bool:
    """Whether a bare member of a group, polling as seldom as the handlers below return, is thrown out of it."""
    settings = {"bootstrap.servers": server.bootstrap, "group.id": "bare", "group.protocol": "consumer", **properties}
    bare = Consumer(settings, logger=CLIENT_LOG)
    bare.subscribe([names.topic("sales-slow", 1, FEW[0])])
    try:
        for _ in range(20):
            message = bare.poll(0.1)
            if message is not None and message.error() and message.error().code() == KafkaError._MAX_POLL_EXCEEDED:
                return True
            time.sleep(1.5)
        return False
    finally:
        bare.close()


def test_a_handler_that_is_slower_than_max_poll_interval_causes_no_rebalance(
    server: KafkaServer, tmp_path: Path
) -> None:
    """Each call takes longer than the client may go without a poll: the topics stay, and nothing is handled twice."""
    properties = {"max.poll.interval.ms": "1000"}
    assert leaves_its_group(server, properties), "the setting has no effect here, so nothing would be shown"
    with Together(server.bootstrap, tmp_path, "sales-slow", FEW[:2], properties=properties, rate=2, work=1.5) as load:
        load.handles(6, "slowly, it goes on")
        verdict = load.settle()
    assert verdict.total("handled") >= 6
    assert (verdict.total("duplicates"), verdict.total("handovers")) == (0, 0)


def test_a_new_tenant_s_topic_is_found_under_load_and_read_from_its_first_record(
    server: KafkaServer, broker: KafkaBroker, tmp_path: Path
) -> None:
    """Ten records are written before any consumer can know of the topic, and ten more after it was found; all are handled,
    while the other tenants go on."""
    compiled = many_tenants(PRODUCTS, FEW)
    product = compiled.products["sales-tenant.v1"]
    with Together(server.bootstrap, tmp_path, "sales-tenant", rate=100) as load:
        load.handles(100, "the load has begun")
        newcomer = product.topic_name("t99")
        assert broker.admin.create_topics([TopicSpec(newcomer)]) == {newcomer: None}
        publish_catalogue(broker, many_tenants(PRODUCTS, (*FEW, "t99")))
        made = time.monotonic()
        until(lambda: "t99" in load.producer.connection.feed.current.tenants, PATIENCE_S, "the catalogue is followed")
        load.publish("t99", 10)
        until(lambda: load.accounts.handled_of(newcomer) >= 10, PATIENCE_S, "the new tenant's events are handled")
        found = time.monotonic() - made
        load.publish("t99", 10)
        until(lambda: load.accounts.handled_of(newcomer) >= 20, PATIENCE_S, "and those after them")
        verdict = load.settle()
    assert verdict.topics[newcomer].handled == 20
    assert verdict.total("duplicates") == 0
    print(f"a new tenant's topic is handled {found:.1f} s after it was made; {verdict}")


def test_ten_records_that_are_older_than_the_consumer_are_handled(server: KafkaServer, tmp_path: Path) -> None:
    """A topic that is made and filled before its consumer is first started loses none of its ten records."""
    with Together(server.bootstrap, tmp_path, "sales-ten", (), consume=False) as load:
        load.publish(FEW[0], 10)
        load.producer.flush(30)
        load.consumer.start()
        verdict = load.settle()
    (counts,) = verdict.topics.values()
    assert (counts.acknowledged, counts.handled, counts.duplicates) == (10, 10, 0)


class Quantities:
    """A consumer of one product that keeps what it handles, by tenant."""

    def __init__(self, bootstrap: str, product: str) -> None:
        self.seen: dict[str, list[int]] = {}
        self.app = app(bootstrap, "plan")

        @self.app.consumer(product, purpose=product)
        def on_sale(event: headrace.Event) -> None:
            self.seen.setdefault(event.tenant, []).append(event.data["quantity"])

    def __enter__(self) -> Quantities:
        self.app.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.app.close()

    def has(self, wanted: dict[str, list[int]]) -> None:
        until(lambda: self.seen == wanted, PATIENCE_S, f"{wanted} are handled")

    def stopped(self) -> LaneStopped:
        """The one lane that stands still, once it does."""
        until(lambda: self.app.stopped, PATIENCE_S, "a lane stands still")
        (stopped,) = self.app.stopped
        return stopped


def publish(server: KafkaServer, product: str, quantities: range, tenants: tuple[str, ...] = FEW) -> None:
    with app(server.bootstrap, "data-api") as connected:
        producer = connected.producer(product)
        for quantity in quantities:
            for tenant in tenants:
                producer.publish(
                    "SaleRecorded", {"storeId": "s", "productId": "p", "quantity": quantity}, tenant=tenant
                )


def test_a_lane_whose_records_are_gone_names_the_lost_range_and_others_go_on(
    server: KafkaServer, broker: KafkaBroker
) -> None:
    """Retention took what was not handled yet: that lane stops with the first and last lost offset, the others handle all."""
    publish(server, "sales-lost", range(1, 11))
    wanted = {tenant: list(range(1, 11)) for tenant in FEW}
    with Quantities(server.bootstrap, "sales-lost") as consumer:
        consumer.has(wanted)
    publish(server, "sales-lost", range(11, 21))
    topic = names.topic("sales-lost", 1, FEW[0])
    assert broker.admin.delete_records({topic: 15}) == {topic: None}
    with Quantities(server.bootstrap, "sales-lost") as consumer:
        stopped = consumer.stopped()
        consumer.has({tenant: list(range(11, 21)) for tenant in FEW[1:]})
    assert stopped.data["topic"] == topic
    assert (stopped.data["offset"], stopped.data["lost"]) == (10, (10, 14))
    assert "10 to 14" in str(stopped)


def test_a_lane_whose_topic_is_made_again_stops_and_others_go_on(server: KafkaServer, broker: KafkaBroker) -> None:
    """While it is consumed, and while it is not but its group's commit is still there: the lane stops where it stood and
    names both topics by their ids; nothing of the new one is handled as if it were the old one's."""
    publish(server, "sales-anew", range(1, 11))
    topic = names.topic("sales-anew", 1, FEW[0])
    before = broker.admin.topics(topic)[topic].id
    with Quantities(server.bootstrap, "sales-anew") as consumer:
        consumer.has({tenant: list(range(1, 11)) for tenant in FEW})
        assert broker.admin.delete_topics([topic]) == {topic: None}
        assert broker.admin.create_topics([TopicSpec(topic)]) == {topic: None}
        after = broker.admin.topics(topic)[topic].id
        publish(server, "sales-anew", range(11, 13))
        stopped = consumer.stopped()
        consumer.has({tenant: list(range(1, 13 if tenant != FEW[0] else 11)) for tenant in FEW})
    assert stopped.data["topic"] == topic
    assert before in str(stopped) and after in str(stopped)
    group = "plan.sales-anew"
    broker.admin.set_group_offsets(group, {topic: OffsetCommit(10, commit_metadata(before))})
    with Quantities(server.bootstrap, "sales-anew") as consumer:
        stopped = consumer.stopped()
        publish(server, "sales-anew", range(13, 14))
        consumer.has({tenant: [13] for tenant in FEW[1:]})
    assert stopped.data["offset"] == 10
    assert before in str(stopped) and after in str(stopped)
