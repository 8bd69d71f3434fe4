"""What the demo's applications share: their input, publishing with an account of it, and batches that are accounted for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import headrace
from headrace.cli._demo import data
from headrace.cli._demo.ledger import Account, Ledger
from headrace.cli._demo.shops import TENANTS, Shops
from headrace.interfaces.receipt import Receipt

Events = list[headrace.Event[dict[str, Any]]]

BATCH = headrace.Batch(500, "20ms")

PublishWeek = Callable[[int], None]
"""Publishes what an application publishes of its own accord in a week."""


@dataclass
class Program:
    """One application in one region. ``findings``: what it has learnt from the events, for the report."""

    app: headrace.App
    application: str
    region: str
    stores: tuple[str, ...]
    folder: Path
    published: Ledger = field(default_factory=Ledger)
    settled: dict[str, Ledger] = field(default_factory=dict)
    """By purpose."""
    findings: dict[str, float] = field(default_factory=dict)
    articles: Mapping[str, data.Article] = field(init=False)
    shops: Shops = field(init=False)

    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.articles = data.read_products(self.folder)
        self.shops = Shops.of(self.stores, self.articles)

    @property
    def here(self) -> frozenset[str]:
        """The region's stores."""
        return frozenset(self.shops.in_region(self.region))

    def count(self, finding: str, by: float = 1) -> None:
        """Add to a finding; only from a handler."""
        self.findings[finding] = self.findings.get(finding, 0) + by

    def outlet(self, product: str, *, waits: bool = True) -> Outlet:
        """``waits`` False: for handlers, whose offsets the SDK commits only once what they published is durable."""
        return Outlet(self, product, waits=waits)

    def consume(
        self, product: str, events: Sequence[str] | None, purpose: str, handler: Callable[[Events], None]
    ) -> None:
        """Have ``handler`` called with batches, and account for each batch that it has taken. Tenants are lanes, on threads of
        their own; one lock lets an application's handlers share what they know."""
        ledger = self.settled[purpose] = Ledger()

        @self.app.consumer(product, events=events, purpose=purpose, batch=BATCH)
        def handle(batch: Events) -> None:
            with self._lock:
                handler(batch)
            ledger.settle(batch)


class Outlet:
    """A producer whose events are entered in the program's account; it remembers receipts until they are looked at."""

    def __init__(self, program: Program, product: str, *, waits: bool) -> None:
        self._producer = program.app.producer(product)
        self._ledger = program.published
        self._accounts = {
            tenant: Account(product, tenant, program.application) for tenants in TENANTS.values() for tenant in tenants
        }
        self._waits = waits
        self._receipts: list[Receipt] = []

    def publish(self, event: str, content: Mapping[str, Any], tenant: str, event_id: str, **envelope: Any) -> None:
        self._sent(tenant, event_id, self._producer.publish(event, content, tenant=tenant, id=event_id, **envelope))

    def delete(self, event: str, key: Mapping[str, Any], tenant: str, event_id: str, **envelope: Any) -> None:
        self._sent(tenant, event_id, self._producer.delete(event, key, tenant=tenant, id=event_id, **envelope))

    def _sent(self, tenant: str, event_id: str, receipt: Receipt) -> None:
        self._ledger.add(self._accounts[tenant], event_id)
        if self._waits:
            self._receipts.append(receipt)

    def wait(self) -> None:
        """Return when all of it is durable. Raises the error of the first event that is not."""
        receipts, self._receipts = self._receipts, []
        for receipt in receipts:
            receipt.result(60)
