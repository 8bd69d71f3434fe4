"""A program that tests of transactions start, kill and start again: it copies sales to order proposals, in transactions.

python transaction_workers.py CLUSTER        `embedded:FOLDER` or `kafka:HOST:PORT`
"""

from __future__ import annotations

import sys
from dataclasses import replace

import headrace
from headrace.clock import SYSTEM_CLOCK
from headrace.streaming import app as streaming
from headrace.streaming.catalogue_feed import FollowedCatalogue
from headrace.streaming.connection import Connection
from headrace.streaming.limits import Limits

UNCOMMITTED = 50
"""Events that a lane settles at most without a transaction."""

KAFKA = {
    # A member that is killed is noticed soon, and what it left open is ended soon.
    "transaction.timeout.ms": "4000",
    "delivery.timeout.ms": "4000",
}


def connection(cluster: str, application: str) -> Connection:
    limits = Limits(drain_timeout=5, commit_interval=0.2, transaction_interval=0.05, uncommitted_records=UNCOMMITTED)
    kind, _, address = cluster.partition(":")
    if kind == "embedded":
        made = headrace.connect(application=application, region="eu", cluster=cluster).connection
        made.limits = replace(limits)
        return made
    from headrace.adapters.kafka_broker import KafkaBroker

    broker = KafkaBroker(address, properties=KAFKA)
    feed = FollowedCatalogue(broker, "eu", SYSTEM_CLOCK)
    return Connection(
        application=application,
        region="eu",
        broker=broker,
        feed=feed,
        opened=[broker.close, feed.close],
        limits=limits,
    )


def copy(cluster: str) -> None:
    """Each sale becomes an order proposal of the same quantity; each tenth is rejected after it has published."""
    made = connection(cluster, "plan")
    app = streaming.App(lambda: made)
    orders = app.producer("order-proposals")

    @app.consumer("sales-events", purpose="copy", transactional=True)
    def on_sale(event: headrace.Event) -> None:
        quantity = event.data["quantity"]
        data = {"storeId": "s", "productId": "p", "quantity": quantity}
        orders.publish("OrderProposalCreated", data, tenant=event.tenant, causation=event)
        if quantity % 10 == 0:
            raise headrace.Reject("a tenth")

    print("ready", flush=True)
    app.run()


if __name__ == "__main__":
    copy(sys.argv[1])
