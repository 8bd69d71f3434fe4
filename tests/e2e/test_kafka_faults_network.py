"""A bad network between an application and its node: slow, silent, cut in the middle of an answer, refusing."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from headrace.local.kafka_server import KafkaServer
from headrace.testing.fault_proxy import FaultProxy
from headrace.testing.ledger import Acknowledged, Handled
from tests.e2e.fault_parts import FEW, Together, apply, many_tenants, silence

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

MODES: Mapping[str, Mapping[str, Any]] = {
    "latency": {"delay": 0.2, "jitter": 0.05},
    "stall": {},
    "reset": {},
    "refuse": {},
}
SESSION_S = 3.0
FAULT_S = SESSION_S + 2
"""Long enough that the group gives up a member that it does not hear."""


@pytest.fixture(scope="module")
def proxy() -> Iterator[FaultProxy]:
    """What stands between, for this module."""
    with FaultProxy() as running:
        yield running


@pytest.fixture(scope="module")
def server(proxy: FaultProxy) -> Iterator[KafkaServer]:
    """One node that tells its clients the proxy's port."""
    settings = {"group.consumer.session.timeout.ms": f"{SESSION_S * 1000:.0f}"}
    made = KafkaServer(settings=settings, advertised={1: proxy.port})
    proxy.target_port = made.client_ports[0]
    with made as running:
        apply(running.bootstrap, many_tenants([f"sales-{mode}" for mode in MODES], FEW))
        yield running


@pytest.mark.parametrize("mode", MODES)
def test_a_bad_network_costs_time_and_nothing_else(
    server: KafkaServer, proxy: FaultProxy, tmp_path: Path, mode: str
) -> None:
    """Some seconds of it under load, past the group's session, then good again: no receipt fails, nothing is lost, written
    twice or out of order, and what is handled again is within what was in flight."""
    with Together(server.bootstrap, tmp_path, f"sales-{mode}") as load:
        load.handles(100, "the load has begun")
        begun, before = time.monotonic(), proxy.traffic.resets
        proxy.mode(mode, **MODES[mode])  # type: ignore[arg-type]
        time.sleep(FAULT_S)
        proxy.mode("pass")
        healed = time.monotonic()
        took = load.handles(200, "it goes on")
        verdict = load.settle()
        entries = load.accounts.entries
    assert verdict.total("repeated_in_log") == 0
    during = sum(isinstance(entry, Handled) and begun + 1 < entry.at < healed for entry in entries)
    if mode == "latency":
        assert during > 0, "slow is not silent"
    elif mode != "reset":  # between two cuts something may pass
        assert during == 0, "the fault was one"
    if mode in ("reset", "refuse"):
        assert proxy.traffic.resets > before
    print(
        f"{mode}: 200 more {took:.1f} s after the end of it; longest silence of a topic: "
        f"receipts {silence(entries, Acknowledged, begun):.1f} s, handlers {silence(entries, Handled, begun):.1f} s; {verdict}"
    )
