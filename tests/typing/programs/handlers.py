# ruff: noqa: B018
"""Handlers, right and wrong. A line that a type checker must refuse ends in `# expect-error`; every other must pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import msgspec

import headrace

app = headrace.App("plan", region="eu")


class SaleRecorded(headrace.Model, frozen=True, kw_only=True, omit_defaults=True):
    __product__: ClassVar[str] = "sales-events"
    __event__: ClassVar[str] = "SaleRecorded"
    store_id: str = msgspec.field(name="storeId")
    quantity: int
    promotion_id: str | None = msgspec.field(name="promotionId", default=None)


class SaleCorrected(headrace.Model, frozen=True, kw_only=True, omit_defaults=True):
    __product__: ClassVar[str] = "sales-events"
    __event__: ClassVar[str] = "SaleCorrected"
    sale_id: str = msgspec.field(name="saleId")


class Connection:
    def execute(self, statement: str) -> None: ...


@contextmanager
def connection() -> Iterator[Connection]:
    yield Connection()


@app.consumer("sales-events", events=[SaleRecorded], purpose="typed")
def typed(event: headrace.Event[SaleRecorded]) -> None:
    event.data.quantity + 1
    event.data.store_id.upper()
    event.data.quantitty  # expect-error
    event.data.storeId  # expect-error
    event.data.quantity.upper()  # expect-error
    event.data.promotion_id.upper()  # expect-error
    event.tennant  # expect-error
    event.time.isoformat()
    event.fence + 1


@app.consumer("sales-events", events=SaleRecorded, purpose="single")
async def asynchronous(event: headrace.Event[SaleRecorded]) -> None:
    event.data.quantity + 1


@app.consumer("sales-events", events=[SaleRecorded], purpose="typed-batch", batch=headrace.Batch(500, "2s"))
def typed_batch(events: list[headrace.Event[SaleRecorded]]) -> None:
    sum(event.data.quantity for event in events)
    events[0].data.quantitty  # expect-error
    events[0].reject("bad")


@app.consumer("sales-events", events=[SaleRecorded], purpose="sequence", batch=headrace.Batch(500))
def as_sequence(events: Sequence[headrace.Event[SaleRecorded]]) -> None: ...


@app.consumer("sales-events", events=["SaleRecorded"], purpose="untyped")
def untyped(event: headrace.Event) -> None:
    event.data["quantity"] + 1
    event.data.quantity  # expect-error


@app.consumer("sales-events", purpose="untyped-batch", batch=headrace.Batch(500))
def untyped_batch(events: list[headrace.Event]) -> None: ...


@app.consumer("sales-events", purpose="resource", resources=connection)
def with_resource(event: headrace.Event, db: Connection) -> None:
    db.execute("select 1")
    db.exeute("select 1")  # expect-error


@app.consumer("sales-events", events=(SaleRecorded, SaleCorrected), purpose="two")
def two_models(event: headrace.Event[SaleRecorded | SaleCorrected]) -> None:
    if isinstance(event.data, SaleRecorded):
        event.data.quantity + 1
    event.data.quantity  # expect-error


@app.consumer("sales-events", events=[SaleCorrected], purpose="wrong-model")  # expect-error
def wrong_model(event: headrace.Event[SaleRecorded]) -> None: ...


@app.consumer("sales-events", events=[SaleRecorded], purpose="no-batch")  # expect-error
def no_batch(events: list[headrace.Event[SaleRecorded]]) -> None: ...


@app.consumer("sales-events", events=[SaleRecorded], purpose="batched", batch=headrace.Batch(2))  # expect-error
def batched(event: headrace.Event[SaleRecorded]) -> None: ...


@app.consumer("sales-events", purpose="wrong-resource", resources=connection)  # expect-error
def wrong_resource(event: headrace.Event, db: str) -> None: ...


@app.consumer("sales-events", purpose="no-resource")  # expect-error
def no_resource(event: headrace.Event, db: Connection) -> None: ...


@app.consumer("sales-events", purpose="returns")  # expect-error
def returns_something(event: headrace.Event) -> list[str]:
    return [event.id]


@app.consumer("sales-events", purpose="misspelt", retries=headrace.Backoff())  # expect-error
def misspelt_option(event: headrace.Event) -> None: ...


@app.consumer("sales-events", events=[int], purpose="no-model")  # expect-error
def no_model(event: Any) -> None: ...
