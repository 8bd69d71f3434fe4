"""What the fault tests share: a catalogue of many tenants, programs in processes of their own, and waiting by ledgers."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import headrace
from headrace.adapters.kafka_broker import KafkaBroker
from headrace.clock import SYSTEM_CLOCK
from headrace.interfaces.broker import TopicSpec
from headrace.interfaces.receipt import Receipt
from headrace.interfaces.registry import SchemaRegistry
from headrace.model import names
from headrace.model.compiled import CompiledCatalogue
from headrace.model.compiled_records import to_records
from headrace.model.tenant import Tenant
from headrace.provisioning.compile import SchemaIds, compile_catalogue
from headrace.streaming.app import App
from headrace.streaming.catalogue_feed import CatalogueFeed, FixedCatalogue, FollowedCatalogue
from headrace.streaming.connection import Connection
from headrace.streaming.limits import Limits
from headrace.testing.checker import Verdict, judge
from headrace.testing.ledger import Acknowledged, Entry, Handled, Ledger, Tail, read
from headrace.testing.small_catalogue import small_catalogue

ROOT = Path(__file__).parents[2]
TENANTS = tuple(f"t{number:02}" for number in range(1, 13))
FEW = TENANTS[:4]
PATIENCE_S = 90.0
"""A busy machine may be slow; nothing waits for so long when all is well."""

UNCOMMITTED = 50
"""Events that a lane settles at most without a commit, in every consumer of these tests."""

IN_FLIGHT = UNCOMMITTED + 1
"""And the event that is being handled."""


def many_tenants(
    products: Iterable[str], tenants: Iterable[str] = TENANTS, schema_ids: SchemaIds | None = None
) -> CompiledCatalogue:
    """sales-events of the small catalogue under other names, a product for each test that shares the cluster, and plan's
    order-proposals, which its consumers may publish."""
    small = small_catalogue()
    sales, proposals = small.products["sales-events.v1"], small.products["order-proposals.v1"]
    made = [replace(sales, id=product) for product in products]
    catalogue = replace(
        small,
        products={product.key: product for product in [*made, proposals]},
        tenants={tenant: Tenant(tenant, tenant.upper(), "eu") for tenant in tenants},
    )
    return compile_catalogue(catalogue, "eu", schema_ids)


def publish_catalogue(broker: KafkaBroker, compiled: CompiledCatalogue) -> None:
    writer = broker.writer()
    for record in to_records(compiled):
        writer.publish(names.catalogue_topic(), record)
    writer.close(30)


def apply(bootstrap: str, compiled: CompiledCatalogue) -> None:
    """Catalogue, dead letters and each tenant's topics, with as many copies as the cluster makes by itself."""
    broker = KafkaBroker(bootstrap)
    topics = [TopicSpec(names.catalogue_topic(), {"cleanup.policy": "compact"})]
    topics += [TopicSpec(names.dead_letter(application)) for application in compiled.applications]
    topics += [TopicSpec(t) for product in compiled.products for t in topics_of(compiled, product)]
    refused = {name: error for name, error in broker.admin.create_topics(topics).items() if error is not None}
    assert not refused, refused
    publish_catalogue(broker, compiled)
    broker.close()


def topics_of(compiled: CompiledCatalogue, product: str) -> list[str]:
    return [compiled.products[product].topic_name(tenant) for tenant in compiled.tenants]


def app(
    bootstrap: str,
    application: str,
    *,
    properties: Mapping[str, str] | None = None,
    registry: SchemaRegistry | None = None,
    catalogue: CompiledCatalogue | None = None,
    **limits: Any,
) -> App:
    """An application on a Kafka, with small bounds. ``catalogue``: one that stays, instead of the one that was applied."""

    def connect() -> Connection:
        broker = KafkaBroker(bootstrap, properties=properties)
        feed: CatalogueFeed = (
            FollowedCatalogue(broker, "eu", SYSTEM_CLOCK) if catalogue is None else FixedCatalogue(catalogue)
        )
        return Connection(
            application=application,
            region="eu",
            broker=broker,
            feed=feed,
            registry=registry,
            opened=[broker.close, feed.close],
            limits=Limits(
                **{"uncommitted_records": UNCOMMITTED, "commit_interval": 0.3, "drain_timeout": 10.0} | limits
            ),
        )

    return App(connect)


# --- programs


class Program:
    """`fault_workers` in a process of its own. ``options``: its keyword arguments."""

    def __init__(self, role: str, folder: Path, **options: Any) -> None:
        self.log = folder / f"{role}-{time.monotonic_ns()}.log"
        arguments = json.dumps({**options, "folder": str(folder)})
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.e2e.fault_workers", role, arguments], cwd=ROOT, stderr=log
            )

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL; also for one that is stopped."""
        self.process.kill()
        self.process.wait()

    def end(self, timeout: float = 40) -> None:
        """Wait until it has ended by itself, well."""
        assert self.process.wait(timeout) == 0, self.text()

    def terminate(self) -> None:
        """SIGTERM: it drains, commits and ends well."""
        self.signal(signal.SIGTERM)
        self.end()

    def stacks(self) -> str:
        """What its threads do just now."""
        self.signal(signal.SIGUSR1)
        time.sleep(1)
        return self.text()

    def text(self) -> str:
        return self.log.read_text(errors="replace")[-8000:]


class Accounts:
    """The ledgers of one test in its folder, followed while they grow."""

    def __init__(self, folder: Path) -> None:
        self.paths = folder / "producers", folder / "consumers"
        self._tails = [Tail(path) for path in self.paths]
        self.entries: list[Entry] = []
        self._waiting: set[tuple[str, str]] = set()
        self._handled: set[tuple[str, str]] = set()

    def look(self) -> None:
        for tail in self._tails:
            for entry in tail.more():
                self.entries.append(entry)
                place = entry.topic, entry.event
                if isinstance(entry, Acknowledged) and place not in self._handled:
                    self._waiting.add(place)
                elif isinstance(entry, Handled):
                    self._handled.add(place)
                    self._waiting.discard(place)

    def count(self, kind: type[Entry], holder: str | None = None) -> int:
        self.look()
        return sum(
            isinstance(entry, kind) and (holder is None or getattr(entry, "holder", None) == holder)
            for entry in self.entries
        )

    @property
    def holders(self) -> list[str]:
        """Consumers that have handled something, in the order in which they began."""
        self.look()
        return list(dict.fromkeys(entry.holder for entry in self.entries if isinstance(entry, Handled)))

    def held(self, holder: str) -> set[str]:
        """Topics of which a consumer has handled something."""
        self.look()
        return {entry.topic for entry in self.entries if isinstance(entry, Handled) and entry.holder == holder}

    def handled_of(self, topic: str) -> int:
        self.look()
        return sum(isinstance(entry, Handled) and entry.topic == topic for entry in self.entries)

    @property
    def unhandled(self) -> int:
        """Events that were acknowledged and not handled yet."""
        self.look()
        return len(self._waiting)

    def entries_of(self, *kinds: type[Entry]) -> list[Entry]:
        return [entry for entry in read(*self.paths) if isinstance(entry, kinds)]

    def judge(self, *, resent: bool = False) -> Verdict:
        """From the files, anew."""
        return judge(read(*self.paths), in_flight=IN_FLIGHT, resent=resent)


def silence(entries: Iterable[Entry], kind: type[Entry], since: float = 0.0) -> float:
    """The longest time in which nothing of a kind happened on any one topic, while it still went on later, in seconds."""
    last: dict[str, float] = {}
    longest = 0.0
    for entry in entries:
        if isinstance(entry, kind):
            if entry.topic in last and entry.at > since:
                longest = max(longest, entry.at - max(last[entry.topic], since))
            last[entry.topic] = entry.at
    return longest


def until(
    done: Callable[[], object], within: float, what: str, programs: Sequence[Program] = (), every: float = 0.05
) -> None:
    """Wait; fail after ``within`` seconds, or when one of ``programs`` has ended badly."""
    deadline = time.monotonic() + within
    while not done():
        for program in programs:
            assert program.process.poll() in (None, 0), program.text()
        if time.monotonic() > deadline:
            stacks = "\n".join(program.stacks() for program in programs if program.running)
            raise AssertionError(f"not within {within} s: {what}\n{stacks}")
        time.sleep(every)


class Together:
    """A producer and a consumer of one product in this process, each on connections of its own, with the same ledgers."""

    def __init__(
        self,
        bootstrap: str,
        folder: Path,
        product: str,
        tenants: Sequence[str] = FEW,
        *,
        properties: Mapping[str, str] | None = None,
        rate: float = 200.0,
        work: float = 0.0,
        consume: bool = True,
    ) -> None:
        self._consume = consume
        self.accounts = Accounts(folder)
        self.producer, self.consumer = (app(bootstrap, name, properties=properties) for name in ("data-api", "plan"))
        self._product, self._tenants, self._rate = product, tenants, rate
        self._producing, self._consuming = Ledger(folder / "producers", "data-api"), Ledger(folder / "consumers")
        self._enough = threading.Event()
        self._failed: list[Receipt] = []
        self._numbers: dict[str, int] = {}
        self._thread = threading.Thread(target=self._produce)

        @self.consumer.consumer(product, purpose=product)
        def on_sale(event: headrace.Event) -> None:
            if work:
                time.sleep(work)
            self._consuming.handled(event)

    def __enter__(self) -> Together:
        self.producer.open()
        self._publish = self.producer.producer(self._product).publish
        self._thread.start()
        if self._consume:
            self.consumer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._enough.set()
        self._thread.join()
        self.consumer.close()
        self.producer.close()

    def publish(self, tenant: str, count: int = 1) -> None:
        """The next events of a tenant. One thread at a time for each tenant."""
        topic = self.producer.connection.product(self._product).topic_name(tenant)
        for _ in range(count):
            number = self._numbers[tenant] = self._numbers.get(tenant, 0) + 1
            event = f"{tenant}.{number}"
            self._producing.published(topic, event)
            data = {"storeId": "s", "productId": "p", "quantity": number}
            receipt = self._publish("SaleRecorded", data, tenant=tenant, id=event)
            receipt.add_done_callback(self._producing.acknowledged)
            receipt.add_done_callback(lambda r: self._failed.append(r) if r.error is not None else None)

    def _produce(self) -> None:
        while not self._enough.wait(max(len(self._tenants), 1) / self._rate):
            for tenant in self._tenants:
                self.publish(tenant)

    def handles(self, more: int, what: str) -> float:
        """Wait until so many more events are handled; how long that took, in seconds."""
        so_far, begin = self.accounts.count(Handled), time.monotonic()
        until(lambda: self.accounts.count(Handled) >= so_far + more, PATIENCE_S, what)
        return time.monotonic() - begin

    def settle(self) -> Verdict:
        """End publishing; wait until everything acknowledged is handled; end; judge."""
        self._enough.set()
        self._thread.join()
        self.producer.flush(PATIENCE_S)
        assert not self._failed, f"{len(self._failed)} receipts failed, the first: {self._failed[0].error!r}"
        until(lambda: not self.accounts.unhandled, PATIENCE_S, "all that was acknowledged is handled")
        self.consumer.close()
        assert not self.consumer.stopped
        return self.accounts.judge().check()
