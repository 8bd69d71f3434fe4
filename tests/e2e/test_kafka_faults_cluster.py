"""Faults on three nodes, with several producers and consumers over a dozen tenants; the ledgers are the judge."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from headrace.adapters.kafka_broker import KafkaBroker
from headrace.envelope.codec import ProductCodec
from headrace.local.kafka_server import KafkaServer
from headrace.testing.checker import Verdict, judge, outputs
from headrace.testing.ledger import Acknowledged, Handled, Published
from tests.e2e.fault_parts import PATIENCE_S, TENANTS, Accounts, Program, apply, many_tenants, silence, until
from tests.e2e.transaction_kills import read_committed

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

PRODUCTS = ("sales-node", "sales-rebalance", "sales-zombie", "sales-copied")
SESSION_S = 3.0
TRANSACTIONS = {"transaction.timeout.ms": "8000", "delivery.timeout.ms": "8000"}
"""What a killed member left open is given up soon."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """Three nodes for this module, with every test's topics in three copies. Their logs stay when a test has failed."""
    folder = tmp_path_factory.mktemp("kafka")
    settings = {"group.consumer.session.timeout.ms": f"{SESSION_S * 1000:.0f}"}
    with KafkaServer(nodes=3, settings=settings, folder=folder) as server:
        apply(server.bootstrap, many_tenants(PRODUCTS))
        yield server


class Load:
    """Two producers and some consumers of one product, on all tenants."""

    def __init__(self, cluster: KafkaServer, folder: Path, product: str) -> None:
        self.cluster, self.folder, self.product = cluster, folder, product
        self.accounts = Accounts(folder)
        self.producers: list[Program] = []
        self.consumers: list[Program] = []

    def produce(self, rate: float, producers: int = 2) -> None:
        """Begin: ``rate`` events a second in all, until `settle`."""
        self.producers += [
            Program(
                "produce",
                self.folder,
                bootstrap=self.cluster.bootstrap,
                product=self.product,
                name=f"data-api-{number}",
                tenants=TENANTS,
                rate=rate / producers,
            )
            for number in range(1, producers + 1)
        ]

    @property
    def programs(self) -> list[Program]:
        return [*self.producers, *(consumer for consumer in self.consumers if consumer.running)]

    def handles(self, more: int, what: str) -> None:
        """Wait until so many more events are handled."""
        so_far = self.accounts.count(Handled)
        until(lambda: self.accounts.count(Handled) >= so_far + more, PATIENCE_S, what, self.programs)

    def consume(self, *, work: float = 0.0) -> Program:
        made = Program(
            "consume",
            self.folder,
            bootstrap=self.cluster.bootstrap,
            product=self.product,
            purpose=self.product,
            work=work,
        )
        self.consumers.append(made)
        return made

    def copy(self) -> Program:
        """A consumer that makes an order proposal of each event, in transactions."""
        options = {"product": self.product, "properties": TRANSACTIONS}
        made = Program("copy", self.folder, bootstrap=self.cluster.bootstrap, **options)
        self.consumers.append(made)
        return made

    def settle(self) -> None:
        """End the producers; wait until everything acknowledged is handled; end the consumers as a deployment does."""
        (self.folder / "enough").touch()
        for producer in self.producers:
            producer.end(PATIENCE_S)
        until(lambda: not self.accounts.unhandled, PATIENCE_S, "all that was acknowledged is handled", self.programs)
        for consumer in self.consumers:
            if consumer.running:
                consumer.terminate()

    def judge(self, *, resent: bool = False) -> Verdict:
        """Of what consumers handled."""
        return self.accounts.judge(resent=resent).check()

    def outputs(self) -> list[tuple[str, int, str]]:
        """From the order proposals, as a reader of what is committed finds them: topic, offset and id of their events."""
        compiled = many_tenants(PRODUCTS)
        orders = compiled.products["order-proposals.v1"]
        codec = ProductCodec(orders, "eu")
        product = compiled.products[f"{self.product}.v1"]
        broker = KafkaBroker(self.cluster.bootstrap)
        derived = []
        for tenant in TENANTS:
            for record in read_committed(broker, orders.topic_name(tenant)):
                data = codec.decode(record).data
                derived.append((product.topic_name(tenant), int(data["storeId"]), data["productId"]))
        broker.close()
        return derived

    def stop(self) -> None:
        for program in (*self.producers, *self.consumers):
            program.kill()


@pytest.fixture
def load(cluster: KafkaServer, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Load]:
    """The test's load, whose product is named by its marker's parameter."""
    made = Load(cluster, tmp_path, request.param)
    yield made
    made.stop()


def coordinator(cluster: KafkaServer, group: str) -> int:
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
    return admin.describe_consumer_groups([group])[group].result(10).coordinator.id


@pytest.mark.parametrize("load", ["sales-node"], indirect=True)
def test_a_node_of_three_is_killed_under_load_and_comes_back(cluster: KafkaServer, load: Load) -> None:
    """kill -9 of the node that coordinates the group and leads a third of the topics: no receipt fails, nothing is lost or
    out of order, and what is written or handled again is within what was in flight."""
    load.consume()
    load.consume()
    load.produce(rate=240)
    load.handles(500, "the load has begun")
    node = coordinator(cluster, f"plan.{load.product}")
    killed = time.monotonic()
    cluster.kill(node)
    load.handles(500, "the others go on without it")
    cluster.start_node(node)
    back = time.monotonic() - killed
    load.handles(500, "it goes on with it")
    load.settle()
    verdict = load.judge(resent=True)
    quiet = {kind.__name__: round(silence(load.accounts.entries, kind, killed), 1) for kind in (Acknowledged, Handled)}
    print(f"node {node} back after {back:.1f} s; longest silence of a topic {quiet}; {verdict}")


@pytest.mark.parametrize("load", ["sales-rebalance"], indirect=True)
def test_consumers_are_killed_in_rebalances(load: Load) -> None:
    """SIGKILL of a member as soon as another one has begun to take its topics over, twice: nothing is lost or out of order,
    each topic is begun again within what was in flight."""
    load.consume()
    load.produce(rate=200)
    load.handles(300, "the first member works")
    for members in (2, 3):
        load.consume()
        until(
            lambda members=members: len(load.accounts.holders) >= members,
            PATIENCE_S,
            "the next member has begun",
            load.programs,
            every=0.01,
        )
        load.consumers[members - 2].kill()
        load.handles(100, "the group goes on")
    load.handles(300, "the last member works")
    load.settle()
    verdict = load.judge()
    assert verdict.total("handovers") >= len(TENANTS)
    print(f"longest silence of a topic {silence(load.accounts.entries, Handled):.1f} s; {verdict}")


@pytest.mark.parametrize("load", ["sales-zombie"], indirect=True)
def test_a_consumer_that_was_stopped_past_its_session_is_fenced(load: Load) -> None:
    """SIGSTOP past the session, then SIGCONT: the group goes on without it under higher fences; what the zombie still
    handles is stale by its fence, and within bounds; its commits change nothing."""
    load.consume()
    load.produce(rate=200)
    load.handles(300, "the first member works")
    load.consume()
    until(lambda: len(load.accounts.holders) == 2, PATIENCE_S, "the second member works", load.programs)
    other = load.accounts.holders[1]
    load.consumers[0].signal(signal.SIGSTOP)
    stopped = time.monotonic()
    until(
        lambda: len(load.accounts.held(other)) == len(TENANTS), PATIENCE_S, "the other has all topics", load.producers
    )
    taken = time.monotonic() - stopped
    load.consumers[0].signal(signal.SIGCONT)
    load.handles(500, "both work again")
    load.settle()
    verdict = load.judge()
    assert verdict.total("handovers") >= len(TENANTS) // 2
    print(f"taken over {taken:.1f} s after SIGSTOP; {verdict}")


@pytest.mark.parametrize("load", ["sales-copied"], indirect=True)
def test_transactions_write_each_output_once(cluster: KafkaServer, load: Load) -> None:
    """kill -9 of a member, and of the node that coordinates the group, under load: every record has exactly one output, in
    its tenant's order, and none of an attempt that was given up is seen."""
    load.copy()
    load.copy()
    load.produce(rate=120)
    load.handles(150, "the load has begun")
    load.consumers[0].kill()
    load.copy()
    until(lambda: len(load.accounts.holders) == 3, PATIENCE_S, "the next member has begun", load.programs)
    load.handles(100, "the group goes on without the first member")
    node = coordinator(cluster, f"plan.{load.product}")
    killed = time.monotonic()
    cluster.kill(node)
    load.handles(150, "the group goes on without the node")
    quiet = silence(load.accounts.entries, Handled, killed)
    cluster.start_node(node)
    load.handles(150, "the group goes on with it")
    load.settle()
    attempts = load.accounts.count(Handled)
    verdict = judge(
        outputs(load.accounts.entries_of(Published, Acknowledged), load.outputs()), in_flight=0, resent=True
    ).check()
    assert verdict.total("duplicates") == 0
    assert verdict.total("handled") == verdict.total("in_log") >= verdict.total("acknowledged")
    print(f"silence {quiet:.1f} s; {attempts - verdict.total('handled')} attempts were given up; {verdict}")
