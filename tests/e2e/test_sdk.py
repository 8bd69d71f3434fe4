"""The SDK on the embedded broker, through the same doors as a user's program: settings, catalogue topic, command line."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

import headrace
from headrace import cli, errors
from headrace.interfaces.broker import TopicSpec
from headrace.model import names
from headrace.model.compiled_records import to_records
from headrace.testing.embedded_cluster import apply_small_catalogue

SALE = {"storeId": "s1", "productId": "p1", "quantity": 2}


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    apply_small_catalogue(tmp_path / "eu")
    address = f"embedded:{tmp_path / 'eu'}"
    monkeypatch.setenv("HEADRACE_CLUSTER", address)
    monkeypatch.setenv("HEADRACE_REGION", "eu")
    monkeypatch.chdir(tmp_path)
    return address


def test_what_is_published_is_consumed(cluster: str) -> None:
    """Published by one application, handed to another, whose own event comes back with its cause; the counts add up."""
    with headrace.connect("data-api") as data_api:
        receipts = [
            data_api.producer("sales-events").publish("SaleRecorded", {**SALE, "quantity": n}, tenant=tenant)
            for n in range(1, 51)
            for tenant in ("acme", "bolt")
        ]
        assert [r.result(10).offset for r in receipts[::2]] == list(range(50))
    plan = headrace.App("plan")
    orders = plan.producer("order-proposals")
    proposals: list[headrace.Event] = []

    @plan.consumer("sales-events", batch=headrace.Batch(20, "100ms"))
    def on_sales(events: list[headrace.Event]) -> None:
        for event in events:
            orders.publish("OrderProposalCreated", event.data, tenant=event.tenant, causation=event)

    @plan.consumer("order-proposals")
    async def on_proposal(event: headrace.Event) -> None:
        proposals.append(event)

    with plan:
        plan.start()
        deadline = time.monotonic() + 20
        while len(proposals) < 100 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert plan.wait_until_caught_up(10)
        statistics = plan.statistics()
    for tenant in ("acme", "bolt"):
        assert [e.data["quantity"] for e in proposals if e.tenant == tenant] == list(range(1, 51))
    assert {event.application for event in proposals} == {"plan"}
    assert all(event.causation_id for event in proposals)
    assert (statistics.total("published"), statistics.total("accepted"), statistics.total("rejected")) == (100, 200, 0)
    row = next(row for row in statistics.rows if row.purpose == "on-sales" and row.tenant == "acme")
    assert row.latency.count == 50
    with headrace.connect("plan") as again:
        assert again.connection.broker.admin.group_offsets("plan.on-sales")["sales-events.v1.acme"].offset == 50


def test_asyncio_all_the_way(cluster: str) -> None:
    """aconnect, await receipt, arun with an async handler that ends the run."""
    seen: list[str] = []

    async def main() -> None:
        async with headrace.aconnect("data-api") as data_api:
            receipt = await data_api.producer("sales-events").publish("SaleRecorded", SALE, tenant="acme", id="one")
            assert receipt.offset == 0
        plan = headrace.App("plan")

        @plan.consumer("sales-events")
        async def on_sale(event: headrace.Event) -> None:
            seen.append(event.id)
            plan.stop_soon()

        await asyncio.wait_for(plan.arun(signals=False), 20)

    asyncio.run(main())
    assert seen == ["one"]


def test_a_tenant_that_is_applied_while_programs_run(cluster: str) -> None:
    """Within seconds of its apply a new tenant can be published for, and is consumed from its first event."""
    plan = headrace.App("plan")
    seen: list[str] = []

    @plan.consumer("sales-events")
    def on_sale(event: headrace.Event) -> None:
        seen.append(event.tenant)

    with headrace.connect("data-api") as data_api, plan:
        plan.start()
        sales = data_api.producer("sales-events")
        with pytest.raises(errors.UnknownTenant):
            sales.publish("SaleRecorded", SALE, tenant="coop")
        connection = data_api.connection
        now = connection.feed.current
        tenants = {**now.tenants, "coop": msgspec.structs.replace(now.tenants["acme"], id="coop")}
        connection.broker.admin.create_topics([TopicSpec("sales-events.v1.coop")])
        for record in to_records(msgspec.structs.replace(now, tenants=tenants)):
            connection.writer.publish(names.catalogue_topic(), record)
        connection.writer.flush(10)
        deadline = time.monotonic() + 35
        while not seen and time.monotonic() < deadline:
            try:
                sales.publish("SaleRecorded", SALE, tenant="coop").result(10)
            except errors.UnknownTenant:
                time.sleep(0.05)
                continue
            while not seen and time.monotonic() < deadline:
                time.sleep(0.02)
    assert seen == ["coop"]


PROGRAM = """
import os
import headrace
app = headrace.App("plan")

@app.consumer("sales-events")
def on_sale(event: headrace.Event) -> None:
    os.write(1, event.id.encode() + b"\\n")  # in one piece: two threads print
    if event.data["quantity"] > 5:
        raise headrace.Reject("too many")

@app.consumer("order-proposals", reject_limit=headrace.RejectLimit(consecutive=1))
def on_proposal(event: headrace.Event) -> None:
    os.write(1, event.id.encode() + b"\\n")  # in one piece: two threads print
    raise headrace.Reject("no")

app.run()
"""


@pytest.mark.parametrize("stopped", [False, True])
def test_sigterm_drains_and_the_exit_code_tells(cluster: str, tmp_path: Path, stopped: bool) -> None:
    """SIGTERM commits and ends with 0; with a lane that stands still it ends with an error that says so."""
    with headrace.connect("data-api") as app:
        for n in range(1, 4):
            app.producer("sales-events").publish("SaleRecorded", {**SALE, "quantity": n}, tenant="acme", id=f"s{n}")
        for n in range(2 if stopped else 0):
            app.producer("order-proposals").publish("OrderProposalCreated", SALE, tenant="acme", id=f"o{n}")
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    try:
        assert process.stdout is not None
        seen = {process.stdout.readline().strip() for _ in range(5 if stopped else 3)}
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)
    finally:
        process.kill()
    assert {"s1", "s2", "s3"} <= seen
    assert process.returncode == (1 if stopped else 0), said
    assert ("LaneStopped" in said and "events in a row were rejected" in said) == stopped
    with headrace.connect("plan") as again:
        offsets = again.connection.broker.admin.group_offsets("plan.on-sale")
        assert offsets["sales-events.v1.acme"].offset == 3


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(list(arguments))
    return int(ended.value.code or 0)


def test_publish_and_tail_on_the_command_line(cluster: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Faulty lines are all listed with their numbers and nothing is published; good ones are, and tail shows them."""
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    good.write_text("".join(json.dumps({**SALE, "quantity": n}) + "\n" for n in range(1, 4)))
    bad.write_text(json.dumps(SALE) + "\n\n{\n" + json.dumps({"storeId": 1}) + "\n")
    options = ("--tenant", "acme", "--application", "data-api")
    assert run("publish", "sales-events", "SaleRecorded", str(bad), *options) == 1
    said = capsys.readouterr().err
    assert "line 3" in said
    assert "line 4" in said
    assert "data.storeId" in said
    assert "nothing was published" in said
    assert run("publish", "sales-events", "SaleRecorded", str(good), "--dry-run", *options) == 0
    assert "nothing was published" in capsys.readouterr().err
    assert run("publish", "sales-events", "SaleRecorded", str(good), "--json", *options) == 0
    assert json.loads(capsys.readouterr().out)["published"] == 3
    assert run("tail", "sales-events", "-t", "acme", "--from", "earliest", "--no-follow", "--json") == 0
    lines: list[dict[str, Any]] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["event"], line["data"]["quantity"], line["log"]["offset"]) for line in lines] == [
        ("SaleRecorded", n, n - 1) for n in range(1, 4)
    ]
    again = tmp_path / "again.jsonl"
    again.write_text("\n".join(json.dumps({key: line[key] for key in ("id", "time", "data")}) for line in lines))
    assert run("publish", "sales-events", "SaleRecorded", str(again), "--envelope", *options) == 0
    assert run("tail", "sales-events", "-t", "acme", "--from", "earliest", "-n", "4") == 0
    text = capsys.readouterr().out
    assert text.count("SaleRecorded") == 4
    assert '"quantity":2' in text


def test_the_command_line_says_what_was_meant(cluster: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt product, event or tenant is an error with a hint, not a traceback and not silence."""
    assert run("tail", "sale-events", "-t", "acme") == 1
    assert "did you mean sales-events" in capsys.readouterr().err
    assert run("tail", "sales-events", "-t", "acme", "-e", "SalesRecorded") == 1
    assert "did you mean SaleRecorded" in capsys.readouterr().err
    assert run("tail", "sales-events", "-t", "nobody") == 1
    assert "no topic sales-events.v1.nobody" in capsys.readouterr().err
    assert run("tail", "sales-events") == 2


RETAIL = Path(__file__).parents[2] / "examples" / "retail"


def test_a_folder_is_enough_in_development(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With catalogue=FOLDER a program finds cluster, schema ids and rights in the declarations; before the apply it is told to
    apply, and events in both formats go through after it."""
    folder = tmp_path / "retail"
    shutil.copytree(RETAIL, folder, ignore=shutil.ignore_patterns(".headrace"))
    sale = json.loads(next((folder / "products/sales-events/examples/SaleRecorded").glob("*.json")).read_text())
    planogram = json.loads(
        next((folder / "products/planograms/examples/PlanogramPublished").glob("*.json")).read_text()
    )
    with headrace.connect("data-api", region="eu", catalogue=folder) as app:
        tenant = next(t.id for t in app.connection.feed.current.tenants.values() if t.takes("planograms"))
        with pytest.raises(errors.SubjectMissing, match="headrace apply"):
            app.producer("sales-events").publish("SaleRecorded", sale, tenant=tenant)
    assert run("apply", str(folder), "--yes") == 0
    capsys.readouterr()
    with headrace.connect("data-api", region="eu", catalogue=folder) as app:
        app.producer("sales-events").publish("SaleRecorded", sale, tenant=tenant).result(10)
    with headrace.connect("store", region="eu", catalogue=folder) as app:
        app.producer("planograms").publish("PlanogramPublished", planogram, tenant=tenant).result(10)
    seen: list[object] = []
    plan = headrace.App("plan", region="eu", catalogue=folder)
    for product in ("sales-events", "planograms"):
        plan.consumer(product, purpose=product)(lambda event: seen.append(event.data))
    with plan:
        plan.start()
        assert plan.wait_until_caught_up(20)
    assert sale in seen
    assert planogram in seen
    assert run("tail", "planograms", "-t", tenant, "--from", "earliest", "--no-follow", "--catalogue", str(folder)) == 0
    assert "PlanogramPublished" in capsys.readouterr().out
