"""Programs that the fault tests start, stop and kill: python -m tests.e2e.fault_workers ROLE JSON

What they have done stands in the ledgers ``producers`` and ``consumers`` of their folder.
"""

from __future__ import annotations

import faulthandler
import itertools
import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import headrace
from headrace.interfaces.receipt import Receipt
from headrace.testing.ledger import Acknowledged, Ledger, read
from tests.e2e.fault_parts import app

DATA = {"storeId": "s", "productId": "p"}


def produce(
    bootstrap: str,
    folder: Path,
    *,
    name: str,
    product: str,
    tenants: Sequence[str],
    rate: float,
    properties: Mapping[str, str] | None = None,
) -> None:
    """Publish 1, 2, 3... for each tenant, ``rate`` events a second over all, from the one after the last that was
    acknowledged to a producer of this name, until the folder has a file ``enough``. Fails if a receipt does."""
    ledger = Ledger(folder / "producers", name)
    first = dict.fromkeys(tenants, 1)
    for entry in read(folder / "producers"):
        if isinstance(entry, Acknowledged) and entry.writer == name:
            _, tenant, number = entry.event.rsplit(".", 2)
            first[tenant] = max(first[tenant], int(number) + 1)
    failed: list[Receipt] = []
    with app(bootstrap, "data-api", properties=properties) as connected:
        producer = connected.producer(product)
        connection = connected.connection
        topic_of = connection.product(product).topic_name
        start, published = time.monotonic(), 0
        for number in itertools.count(min(first.values())):
            if (folder / "enough").exists():
                break
            for tenant in tenants:
                if number < first[tenant]:
                    continue
                event = f"{name}.{tenant}.{number}"
                ledger.published(topic_of(tenant), event)
                receipt = producer.publish("SaleRecorded", {**DATA, "quantity": number}, tenant=tenant, id=event)
                receipt.add_done_callback(ledger.acknowledged)
                receipt.add_done_callback(lambda r: failed.append(r) if r.error is not None else None)
                published += 1
            time.sleep(max(0.0, start + published / rate - time.monotonic()))
        producer.flush(120)
    if failed:
        raise SystemExit(f"{len(failed)} receipts failed, the first: {failed[0].topic}: {failed[0].error!r}")


def consume(
    bootstrap: str,
    folder: Path,
    *,
    product: str,
    purpose: str = "count",
    work: float = 0.0,
    properties: Mapping[str, str] | None = None,
) -> None:
    """Write down each event that is handed out, ``work`` seconds later."""
    ledger = Ledger(folder / "consumers")
    consumer = app(bootstrap, "plan", properties=properties)
    pause = threading.Event()

    @consumer.consumer(product, purpose=purpose)
    def on_sale(event: headrace.Event) -> None:
        if work:
            pause.wait(work)
        ledger.handled(event)

    consumer.run()


def copy(bootstrap: str, folder: Path, *, product: str, properties: Mapping[str, str]) -> None:
    """Make an order proposal of each event, in transactions; it names the event that it was made from."""
    ledger = Ledger(folder / "consumers")
    copier = app(bootstrap, "plan", properties=properties, transaction_interval=0.05)
    orders = copier.producer("order-proposals")

    @copier.consumer(product, purpose=product, transactional=True)
    def on_sale(event: headrace.Event) -> None:
        data = {"storeId": str(event.offset), "productId": event.id, "quantity": event.data["quantity"]}
        orders.publish("OrderProposalCreated", data, tenant=event.tenant, causation=event)
        ledger.handled(event)

    copier.run()


if __name__ == "__main__":
    faulthandler.register(signal.SIGUSR1)
    logging.basicConfig(level=logging.INFO, format="%(relativeCreated)d %(name)s %(message)s")
    options = json.loads(sys.argv[2])
    {"produce": produce, "consume": consume, "copy": copy}[sys.argv[1]](
        options.pop("bootstrap"), Path(options.pop("folder")), **options
    )
