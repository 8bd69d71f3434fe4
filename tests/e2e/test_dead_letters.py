"""`headrace dead-letters` shows what was rejected, and why."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import headrace
from headrace.model.record import Record

ROOT = Path(__file__).parents[2]
HEADRACE = [sys.executable, "-m", "headrace.cli"]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "retail"
    shutil.copytree(ROOT / "examples" / "retail", folder, ignore=shutil.ignore_patterns(".headrace"))
    monkeypatch.setenv("HEADRACE_CATALOGUE", str(folder))
    subprocess.run([*HEADRACE, "apply", str(folder), "--yes"], check=True, capture_output=True)
    return folder


def _run(*arguments: str) -> str:
    return subprocess.run([*HEADRACE, *arguments], check=True, capture_output=True, text=True).stdout


def test_a_rejected_event_is_shown_with_its_reason_and_origin(repository: Path) -> None:
    """Reason, group, attempts, topic, offset, id and the record itself; filters by tenant; nothing for another application."""
    example = json.loads((repository / "products/sales-events/examples/SaleRecorded/bananas.json").read_text())
    with headrace.connect(application="data-api", region="eu") as app:
        sales = app.producer("sales-events")
        for tenant in ("nordkorb", "granja-viva"):
            sales.publish("SaleRecorded", example, tenant=tenant, id=f"sale-of-{tenant}").result(10)
    app = headrace.App("plan", region="eu")

    @app.consumer("sales-events", purpose="forecast")
    def on_sale(event: headrace.Event) -> None:
        raise headrace.Reject(f"no forecast for {event.data['productId']}")

    with app:
        app.start()
        assert app.wait_until_caught_up(30)

        # What is no dead letter does not hide those that are.
        app.connection.writer.publish("dlq.plan", Record(b"k", b"by hand")).result(10)

    (row,) = json.loads(_run("dead-letters", "plan", str(repository), "--tenant", "nordkorb", "--json"))
    assert row["reason"] == f"no forecast for {example['productId']}"
    assert (row["region"], row["group"], row["attempts"]) == ("eu", "plan.forecast", 1)
    assert (row["topic"], row["offset"], row["id"]) == ("sales-events.v1.nordkorb", 0, "sale-of-nordkorb")
    assert json.loads(row["value"][row["value"].index("{") :])["data"] == example

    shown = _run("dead-letters", "plan", str(repository))
    assert shown.count("rejected by plan.forecast") == 2
    assert "sale-of-granja-viva" in shown

    # Erasing: never by accident, and only what was shown.
    erase = [*HEADRACE, "dead-letters", "plan", str(repository), "--id", "sale-of-nordkorb", "--erase"]
    refused = subprocess.run(erase, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "say --yes" in refused.stderr
    assert _run("dead-letters", "plan", str(repository)).count("rejected by plan.forecast") == 2
    subprocess.run([*erase, "--yes"], check=True, capture_output=True)
    (left,) = json.loads(_run("dead-letters", "plan", str(repository), "--json"))
    assert left["id"] == "sale-of-granja-viva"
    assert "No dead letters" in _run("dead-letters", "promo-pricing", str(repository))
