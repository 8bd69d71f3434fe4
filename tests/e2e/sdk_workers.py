"""Programs that the kill -9 test starts, kills and starts again: a producer and a consumer on an embedded cluster.

    python sdk_workers.py produce CLUSTER FOLDER        python sdk_workers.py consume CLUSTER FOLDER

What they have done is in FOLDER, a line each, written with one system call: a killed process leaves whole lines behind.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import headrace
from headrace.streaming import app as streaming

TENANTS = ("acme", "bolt")
CHUNK = 40
"""Events that the producer has in flight at most, per tenant."""

UNCOMMITTED = 100
"""Events that a lane settles at most without a commit."""


def append(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def produce(cluster: str, folder: Path) -> None:
    """Publish 1, 2, 3... for each tenant, from the number after the last acknowledged one, with ids that repeat."""
    log = append(folder / "acknowledged")
    next_number = dict.fromkeys(TENANTS, 1)
    for line in (folder / "acknowledged").read_text().splitlines():
        tenant, number = line.split()
        next_number[tenant] = int(number) + 1
    with headrace.connect(application="data-api", region="eu", cluster=cluster) as app:
        sales = app.producer("sales-events")
        while True:
            receipts = []
            for tenant in TENANTS:
                for number in range(next_number[tenant], next_number[tenant] + CHUNK):
                    data = {"storeId": "s", "productId": "p", "quantity": number}
                    receipts.append(
                        (tenant, number, sales.publish("SaleRecorded", data, tenant=tenant, id=f"{tenant}-{number}"))
                    )
            for tenant, number, receipt in receipts:
                receipt.result(30)
                os.write(log, f"{tenant} {number}\n".encode())
                next_number[tenant] = number + 1


def consume(cluster: str, folder: Path) -> None:
    """Write down each event that is handed out: tenant, offset, number, process, fence."""
    log = append(folder / "handled")
    connected = headrace.connect(application="plan", region="eu", cluster=cluster, drain_timeout=5).connection
    connected.limits = replace(connected.limits, uncommitted_records=UNCOMMITTED, commit_interval=0.2)
    app = streaming.App(lambda: connected)

    @app.consumer("sales-events", purpose="count")
    def on_sale(event: headrace.Event) -> None:
        line = f"{event.tenant} {event.offset} {event.data['quantity']} {os.getpid()} {event.fence}\n"
        os.write(log, line.encode())

    app.run()


if __name__ == "__main__":
    {"produce": produce, "consume": consume}[sys.argv[1]](sys.argv[2], Path(sys.argv[3]))
