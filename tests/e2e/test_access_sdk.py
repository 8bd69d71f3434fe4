"""The SDK on a secure Kafka: with exactly the rights that Headrace grants, and what a program is told when one is missing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import pytest

import headrace
from headrace.errors import AccessDenied, LaneStopped
from headrace.interfaces.access import Operation
from headrace.interfaces.broker import OffsetAt
from headrace.local.kafka_server import KafkaServer
from headrace.streaming.app import App
from tests.e2e.access_parts import STRANGER, Secured, deny, guarded_catalogue, secured

pytestmark = pytest.mark.kafka

SALE = {"storeId": "s1", "productId": "p1"}
CATALOGUE = guarded_catalogue()


@pytest.fixture(scope="module")
def kafka(secure_kafka: KafkaServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """The secure node with everything applied."""
    made = secured(secure_kafka, tmp_path_factory.mktemp("registry"))
    made.apply(CATALOGUE)
    yield made
    made.empty()


def eventually(what: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


def publish(kafka: Secured, quantities: range, tenants: tuple[str, ...] = ("acme", "bolt")) -> None:
    with kafka.app("data-api") as app:
        sales = app.producer("sales-events")
        for quantity in quantities:
            for tenant in tenants:
                sales.publish("SaleRecorded", {**SALE, "quantity": quantity}, tenant=tenant)
        app.flush(30)


def collecting(kafka: Secured, application: str, purpose: str) -> tuple[App, dict[str, list[int]]]:
    """A consumer of sales that notes quantities by tenant and rejects every third."""
    seen: dict[str, list[int]] = {}
    app = kafka.app(application)

    @app.consumer("sales-events", events=["SaleRecorded"], purpose=purpose)
    def collect(event: headrace.Event) -> None:
        seen.setdefault(event.tenant, []).append(event.data["quantity"])
        if event.data["quantity"] % 3 == 0:
            event.reject("a third")

    return app, seen


def test_the_whole_way_with_nothing_but_the_granted_rights(kafka: Secured) -> None:
    """Followed catalogue, publishing, group, commits, dead letters: the rights suffice. Kafka shows promo-pricing no topic of
    the tenant that does not admit it."""
    publish(kafka, range(1, 10))
    (plan, seen), (promo, shown) = collecting(kafka, "plan", "whole"), collecting(kafka, "promo-pricing", "whole")
    with plan, promo:
        plan.start()
        promo.start()
        eventually(lambda: len(seen.get("acme", ())) == len(seen.get("bolt", ())) == len(shown.get("acme", ())) == 9)
        assert plan.wait_until_caught_up(20) and promo.wait_until_caught_up(20)
        assert not plan.stopped and not promo.stopped
        assert {lane.tenant for consumer in promo.consumers for lane in consumer.lanes} == {"acme"}
    assert seen == {"acme": list(range(1, 10)), "bolt": list(range(1, 10))} and set(shown) == {"acme"}
    with closing(kafka.broker("plan")) as broker:
        assert broker.admin.offsets(["dlq.plan"], OffsetAt.LATEST) == {"dlq.plan": 6}
        assert broker.admin.group_offsets("plan.whole")["sales-events.v1.bolt"].offset == 9


def test_a_transactional_consumer_has_the_rights_that_it_needs(kafka: Secured) -> None:
    """Offsets and what its handler publishes are written in transactions under an id of its own."""
    publish(kafka, range(1, 6))
    app = kafka.app("plan")
    proposals = app.producer("order-proposals")

    @app.consumer("sales-events", events=["SaleRecorded"], purpose="exactly", transactional=True)
    def propose(event: headrace.Event) -> None:
        proposals.publish("OrderProposalCreated", {**SALE, "quantity": event.data["quantity"]}, tenant=event.tenant)

    with app:
        app.start()
        assert app.wait_until_caught_up(30)
        assert not app.stopped
    with closing(kafka.broker("plan")) as broker:
        committed = broker.admin.group_offsets("plan.exactly")
        ends = broker.admin.offsets(["order-proposals.v1.acme"], OffsetAt.LATEST)
        assert committed["sales-events.v1.acme"].offset >= 5 and ends["order-proposals.v1.acme"] >= 5


def test_a_program_with_another_principal_is_told_when_it_connects(kafka: Secured) -> None:
    """It cannot even read the catalogue, and the error says so without naming anybody."""
    with pytest.raises(AccessDenied) as caught:
        kafka.app("data-api", STRANGER).open()
    told = str(caught.value)
    assert "headrace-catalogue.v1._platform" in told and "signs in" in told and STRANGER not in told


def test_a_denied_topic_costs_its_own_events_and_no_other_s(kafka: Secured) -> None:
    """Publishing for one tenant fails with `AccessDenied`, for the other it goes on; the right back, it works again."""
    rule = deny("data-api", "sales-events.v1.acme", Operation.WRITE)
    with closing(kafka.broker()) as admin, kafka.app("data-api") as app:
        sales = app.producer("sales-events")
        sales.publish("SaleRecorded", {**SALE, "quantity": 1}, tenant="acme").result(20)
        admin.access.grant([rule])
        denied = sales.publish("SaleRecorded", {**SALE, "quantity": 2}, tenant="acme")
        allowed = sales.publish("SaleRecorded", {**SALE, "quantity": 2}, tenant="bolt")
        with pytest.raises(AccessDenied, match=r"sales-events\.v1\.acme"):
            denied.result(20)
        assert allowed.result(20).offset >= 0
        admin.access.revoke([rule])
        sales.publish("SaleRecorded", {**SALE, "quantity": 3}, tenant="acme").result(20)


@pytest.mark.parametrize("operation", [Operation.READ, Operation.ALL])
def test_a_topic_that_is_closed_while_it_is_read_stops_its_lane_alone(kafka: Secured, operation: Operation) -> None:
    """The lane stands still with `AccessDenied` as its cause; the other tenant's events go on being handled and committed."""
    app, seen = collecting(kafka, "plan", f"closed-{operation.lower()}")
    rule = deny("plan", "sales-events.v1.acme", operation)
    with closing(kafka.broker()) as admin:
        try:
            with app:
                app.start()
                publish(kafka, range(1, 3))
                eventually(lambda: seen.get("acme", ())[-2:] == [1, 2] == seen.get("bolt", ())[-2:])
                admin.access.grant([rule])
                before = len(seen["acme"])
                publish(kafka, range(101, 103))
                eventually(lambda: app.stopped)
                (stopped,) = app.stopped
                assert isinstance(stopped, LaneStopped) and stopped.topic == "sales-events.v1.acme"
                assert isinstance(stopped.__cause__, AccessDenied)
                publish(kafka, range(201, 203), ("bolt",))
                eventually(lambda: seen["bolt"][-2:] == [201, 202])
                ends = admin.admin.offsets(["sales-events.v1.bolt"], OffsetAt.LATEST)
                group = f"plan.closed-{operation.lower()}"
                eventually(
                    lambda: (
                        admin.admin.group_offsets(group)["sales-events.v1.bolt"].offset == ends["sales-events.v1.bolt"]
                    )
                )
                assert len(seen["acme"]) == before and len(app.stopped) == 1
        finally:
            admin.access.revoke([rule])


def test_a_right_that_is_withdrawn_by_an_apply_is_gone(kafka: Secured) -> None:
    """promo-pricing is taken out of the product's consumers: what it may read before it may not read after, nor join a group
    for; declared again, it may."""
    product = CATALOGUE.products["sales-events.v1"]
    without = replace(product, consumers=tuple(c for c in product.consumers if c.application != "promo-pricing"))
    smaller = replace(CATALOGUE, products={**CATALOGUE.products, product.key: without})
    topic = "sales-events.v1.acme"
    with closing(kafka.broker("promo-pricing")) as broker:
        assert topic in broker.admin.topics("sales-events.")
        plan = kafka.apply(smaller)
        revoked = [change.name for change in plan.changes if change.key.startswith("revoke-access")]
        assert "ALLOW User:promo-pricing READ topic prefixed sales-events.v1." in revoked
        assert revoked[-1] == "DENY User:promo-pricing ALL topic sales-events.v1.bolt"
        assert broker.admin.topics("sales-events.") == {}
        with pytest.raises(AccessDenied):
            broker.admin.group_offsets("promo-pricing.whole")
        with closing(broker.reader()) as reader, pytest.raises(AccessDenied):
            reader.assign({topic: 0})
        kafka.apply(CATALOGUE)
        assert topic in broker.admin.topics("sales-events.")


def test_an_apply_again_has_nothing_to_do(kafka: Secured) -> None:
    """Kafka gives back every rule as it was made, and the operator's own rules are no drift."""
    plan = kafka.apply(CATALOGUE)
    assert plan.clean and not plan.foreign and not plan.warnings
    assert plan.capacity[0].rules == plan.capacity[0].rules_after
