"""A topic of another region's tenant, met in this one: told, and nothing of it handed out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import pytest

import headrace
from headrace.clock import SYSTEM_CLOCK
from headrace.interfaces.broker import TopicSpec
from headrace.model.compiled import CompiledCatalogue
from headrace.model.record import Record
from headrace.streaming.hidden import tell_hidden

STRAY = "sales-events.v1.zest"


def until(condition: Callable[[], object], timeout: float = 5.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.002)


def test_a_tenant_of_another_region_is_not_handed_out(
    make_world: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """zest lives in us. A topic of its that somebody made in eu is an error in the log; no handler sees a record of it, the
    group stays at its beginning, no dead letter is written, and the tenants that are at home go on."""
    world = make_world(clock=SYSTEM_CLOCK)
    app = world.app("plan")
    seen: list[str] = []

    @app.consumer("sales-events", purpose="x")
    def on_sale(event: headrace.Event) -> None:
        seen.append(event.tenant)

    with world.app("data-api") as data_api:
        sales = data_api.producer("sales-events")
        sales.publish("SaleRecorded", {"storeId": "s", "productId": "p", "quantity": 1}, tenant="acme").result(5)
        with pytest.raises(headrace.errors.TenantElsewhere):
            sales.publish("SaleRecorded", {"storeId": "s", "productId": "p", "quantity": 1}, tenant="zest")
    (good,) = world.records("sales-events.v1.acme")
    world.broker.create(TopicSpec(STRAY))
    world.broker.append(STRAY, Record(good.key, good.value, good.headers))
    with caplog.at_level(logging.ERROR, "headrace.consumer"), app:
        app.start()
        until(lambda: seen)
        assert app.wait_until_caught_up(5)
        time.sleep(0.1)
        assert app.stopped == []
    assert seen == ["acme"]
    assert "tenant zest lives in region us; its topic sales-events.v1.zest is in eu" in caplog.text
    assert "declaration.tenant-elsewhere" in caplog.text
    assert world.broker.admin.group_offsets("plan.x")[STRAY].offset == 0
    assert world.records("dlq.plan") == []


@pytest.mark.parametrize(
    ("tenant", "level", "says"),
    [("zest", "ERROR", "lives in region us"), ("ghost", "WARNING", "no tenant"), ("bolt", "INFO", "does not admit")],
)
def test_each_reason_has_its_level(
    compiled: CompiledCatalogue, caplog: pytest.LogCaptureFixture, tenant: str, level: str, says: str
) -> None:
    """Data in the wrong region is an error, an unknown tenant a warning, a right that is missing is as declared."""
    with caplog.at_level(logging.INFO, "headrace.consumer"):
        tell_hidden("plan.x", f"sales-events.v1.{tenant}", tenant, compiled)
    (record,) = caplog.records
    assert record.levelname == level
    assert says in record.getMessage()
