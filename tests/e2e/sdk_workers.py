"""Programs that the kill -9 test starts, kills and starts again: a producer and a consumer on an embedded cluster.

    python sdk_workers.py produce CLUSTER FOLDER        python sdk_workers.py consume CLUSTER FOLDER

What they have done is in FOLDER, in the ledgers ``producers`` and ``consumers``.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import headrace
from headrace.streaming import app as streaming
from headrace.testing.ledger import Acknowledged, Ledger, read

TENANTS = ("acme", "bolt")
CHUNK = 40
"""Events that the producer has in flight at most, per tenant."""

UNCOMMITTED = 100
"""Events that a lane settles at most without a commit."""


def produce(cluster: str, folder: Path) -> None:
    """Publish 1, 2, 3... for each tenant, from the number after the last acknowledged one, with ids that repeat."""
    ledger = Ledger(folder / "producers", "data-api")
    next_number = dict.fromkeys(TENANTS, 1)
    for entry in read(folder / "producers"):
        if isinstance(entry, Acknowledged):
            tenant, number = entry.event.split("-")
            next_number[tenant] = int(number) + 1
    with headrace.connect(application="data-api", region="eu", cluster=cluster) as app:
        sales = app.producer("sales-events")
        topic_of = app.connection.product("sales-events").topic_name
        while True:
            receipts = []
            for tenant in TENANTS:
                for number in range(next_number[tenant], next_number[tenant] + CHUNK):
                    data = {"storeId": "s", "productId": "p", "quantity": number}
                    event = f"{tenant}-{number}"
                    ledger.published(topic_of(tenant), event)
                    receipts.append(sales.publish("SaleRecorded", data, tenant=tenant, id=event))
                next_number[tenant] += CHUNK
            for receipt in receipts:
                ledger.acknowledged(receipt.result(30))


def consume(cluster: str, folder: Path) -> None:
    """Write down each event that is handed out."""
    ledger = Ledger(folder / "consumers")
    connected = headrace.connect(application="plan", region="eu", cluster=cluster, drain_timeout=5).connection
    connected.limits = replace(connected.limits, uncommitted_records=UNCOMMITTED, commit_interval=0.2)
    app = streaming.App(lambda: connected)

    @app.consumer("sales-events", purpose="count")
    def on_sale(event: headrace.Event) -> None:
        ledger.handled(event)

    app.run()


if __name__ == "__main__":
    {"produce": produce, "consume": consume}[sys.argv[1]](sys.argv[2], Path(sys.argv[3]))
