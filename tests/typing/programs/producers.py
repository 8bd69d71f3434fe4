# ruff: noqa: B018
"""Publishing, right and wrong. A line that a type checker must refuse ends in `# expect-error`; every other must pass."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec

import headrace


class OrderProposalCreated(headrace.Model, frozen=True, kw_only=True, omit_defaults=True):
    __product__: ClassVar[str] = "order-proposals"
    __event__: ClassVar[str] = "OrderProposalCreated"
    store_id: str = msgspec.field(name="storeId")
    quantity: int


def publish(app: headrace.App, cause: headrace.Event, when: datetime) -> None:
    orders = app.producer("order-proposals")
    orders.publish("OrderProposalCreated", {"storeId": "s", "quantity": 1}, tenant="acme").result(timeout=5).offset
    orders.publish(OrderProposalCreated(store_id="s", quantity=1), tenant="acme", causation=cause, time=when)
    orders.publish(OrderProposalCreated(store_id="s", quantitty=1), tenant="acme")  # expect-error
    orders.publish(OrderProposalCreated(store_id="s", quantity="1"), tenant="acme")  # expect-error
    orders.publish(OrderProposalCreated(store_id="s"), tenant="acme")  # expect-error
    orders.publish("OrderProposalCreated", {"storeId": "s"})  # expect-error
    orders.publish("OrderProposalCreated", {"storeId": "s"}, tenant="acme", correlaton="x")  # expect-error
    orders.publish("OrderProposalCreated", {"storeId": "s"}, tenant="acme", time=5)  # expect-error
    orders.publish(5, {"storeId": "s"}, tenant="acme")  # expect-error
    orders.publish("OrderProposalCreated", {}, tenant="acme").ofset  # expect-error
    headrace.connnect(application="plan")  # expect-error


async def publish_async() -> None:
    async with headrace.aconnect(application="plan", region="eu") as app:
        receipt = await app.producer("order-proposals").publish("OrderProposalCreated", {}, tenant="acme")
        receipt.offset + 1
        app.producer("order-proposals", mjor=2)  # expect-error
        with headrace.connect(application="plan", region="eu", catalouge="x"):  # expect-error
            pass
