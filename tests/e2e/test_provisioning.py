"""plan, apply, topics and lag as a user runs them, on the embedded broker and registry."""

from __future__ import annotations

import io
import json
import os
import pty
import random
import signal
import subprocess
import sysconfig
import time
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from benchmarks._scale_catalogue import write
from headrace.adapters.embedded_broker import EmbeddedBroker
from headrace.adapters.embedded_registry import EmbeddedRegistry
from headrace.cli.runner import run
from headrace.clock import SYSTEM_CLOCK
from headrace.interfaces.broker import OffsetCommit
from headrace.model import names
from headrace.model.compiled_records import from_records
from headrace.model.record import Record
from headrace.provisioning.compile import with_schema_ids
from headrace.provisioning.topic_reader import read_topic

HEADRACE = str(Path(sysconfig.get_path("scripts")) / "headrace")


class Done(NamedTuple):
    """What a command said."""

    stdout: str
    stderr: str


def headrace(folder: Path, command: str, *arguments: str, expected: int | None = 0) -> Done:
    """Run a command on ``folder`` within this process, which spares a start; its exit code must be ``expected``."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run([command, str(folder), *arguments])
    assert expected is None or code == expected, f"{code}\n{out.getvalue()[-3000:]}\n{err.getvalue()[-3000:]}"
    return Done(out.getvalue(), err.getvalue())


def state(folder: Path) -> dict[str, Any]:
    """What the clusters of a repository hold, but for ids and what differs from run to run."""
    found: dict[str, Any] = {}
    for region in ("eu", "us"):
        broker = EmbeddedBroker(folder / ".headrace" / region)
        registry = EmbeddedRegistry(folder / ".headrace" / region)
        try:
            found[region] = {
                "topics": {name: dict(t.configs) for name, t in broker.admin.topics().items()},
                "subjects": {
                    s: [registry.version(s, v).schema for v in registry.versions(s)] for s in registry.subjects()
                },
                "levels": {s: registry.compatibility(s) for s in registry.subjects()},
                "catalogue": catalogue_of(broker),
            }
        finally:
            broker.close()
            registry.close()
    return found


def catalogue_of(broker: EmbeddedBroker) -> object:
    """The published catalogue, with ids taken out: they depend on the order of registering, and on the cluster."""
    compiled = from_records(read_topic(broker, names.catalogue_topic(), SYSTEM_CLOCK))
    assert compiled is not None
    assert all(schema.id > 0 for product in compiled.products.values() for schema in product.schemas)
    assert compiled.cluster_id == broker.admin.cluster_id()
    return msgspec.structs.replace(with_schema_ids(compiled, {}), cluster_id=None)


def put(folder: Path, region: str, records: Mapping[str, int]) -> None:
    """Write so many records to each topic."""
    broker = EmbeddedBroker(folder / ".headrace" / region)
    writer = broker.writer()
    for topic, count in records.items():
        for number in range(count):
            writer.publish(topic, Record(b"k", str(number).encode()))
    writer.close(10)
    broker.close()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Six tenants, two products."""
    folder = tmp_path / "repository"
    folder.mkdir()
    write(folder, tenants=6, products=2)
    return folder


def test_plan_apply_plan(repository: Path) -> None:
    """Changes are shown with exit 3, applied with 0, and then there are none: exit 0."""
    shown = headrace(repository, "plan", expected=3).stdout
    assert (
        shown.startswith("product-00.v1 ")
        and "+ 6 topics (eu 4, us 2)" in shown
        and "+ 12 schemas (eu 8, us 4)" in shown
    )
    applied = headrace(repository, "apply")
    assert "+ 6 topics" in applied.stdout and "Applied" in applied.stderr
    assert headrace(repository, "plan").stdout.startswith("No changes")
    assert "No changes" in headrace(repository, "apply").stdout


def test_plan_changes_nothing(repository: Path) -> None:
    """Two plans are the same to the byte, and no topic is there after them."""
    first, second = (headrace(repository, "plan", "--json", expected=3).stdout for _ in range(2))
    assert first == second and len(json.loads(first)["hash"]) == 64
    assert json.loads(headrace(repository, "topics", "--json").stdout) == []


def test_a_saved_plan_is_carried_out_while_it_is_true(repository: Path, tmp_path: Path) -> None:
    """`apply --plan` does what was reviewed; when something has changed since, it does nothing and exits with 4."""
    headrace(repository, "plan", "--out", str(tmp_path / "plan.json"), expected=3)
    headrace(repository, "apply", "--plan", str(tmp_path / "plan.json"))
    stale = headrace(repository, "apply", "--plan", str(tmp_path / "plan.json"), expected=4)
    assert "provisioning.stale-plan" in stale.stderr
    (tmp_path / "plan.json").write_text("{}")
    assert "is no plan" in headrace(repository, "apply", "--plan", str(tmp_path / "plan.json"), expected=2).stderr


def test_deleting_needs_leave_twice(repository: Path) -> None:
    """A tenant that is gone keeps its topics; `--allow-delete` is refused by number and by policy, then deletes."""
    headrace(repository, "apply")
    (repository / "tenants" / "tenant-0001.yaml").unlink()
    assert "eu topic product-00.v1.tenant-0001" in headrace(repository, "plan", expected=3).stdout
    headrace(repository, "apply")
    refused = headrace(repository, "apply", "--allow-delete", "3", expected=7)
    assert "eu:product-01.v1.tenant-0001" in refused.stdout and "--allow-delete 4" in refused.stdout
    assert "maxDeletes: 0" in headrace(repository, "plan", "--allow-delete", "4", expected=7).stdout
    root = repository / "headrace.yaml"
    root.write_text(root.read_text().replace("maxDeletes: 0", "maxDeletes: 4"))
    headrace(repository, "apply", "--allow-delete", "4")
    there = {row["topic"] for row in json.loads(headrace(repository, "topics", "--json").stdout)}
    assert not {t for t in there if t.endswith("tenant-0001")} and "product-00.v1.tenant-0000" in there
    assert headrace(repository, "plan", "--allow-delete", "4").stdout.startswith("No changes")


def test_an_applied_version_that_was_edited_is_refused(repository: Path) -> None:
    """The registry has the old text: exit 7 with subject and version, by plan and by apply."""
    headrace(repository, "apply")
    path = repository / "products" / "product-01" / "schemas" / "LineRecorded.1.json"
    path.write_text(path.read_text().replace("The store.", "The shop."))
    for command in ("plan", "apply"):
        refused = headrace(repository, command, expected=7)
        assert "product-01.v1.tenant-0000-value: version 1 in the registry differs" in refused.stdout


def test_faults_of_the_declaration_come_first(repository: Path) -> None:
    """A repository with a fault is not planned at all."""
    (repository / "tenants" / "tenant-0001.yaml").write_text("apiVersion: headrace/v1\nkind: Tenant\nid: x\n")
    assert "tenant-0001.yaml" in headrace(repository, "plan", expected=1).stderr


def test_a_region_that_is_not_declared_is_wrong_usage(repository: Path) -> None:
    """The error names the ones that are."""
    assert "headrace.yaml declares eu, us" in headrace(repository, "plan", "--region", "asia", expected=2).stderr


def test_one_region_alone(repository: Path) -> None:
    """`--region` leaves the others as they are."""
    headrace(repository, "apply", "--region", "us")
    plan = json.loads(headrace(repository, "plan", "--json", expected=3).stdout)
    assert {change["region"] for change in plan["changes"]} == {"eu"}


def test_another_region_s_cluster_is_refused(repository: Path) -> None:
    """Addresses that were mixed up are found by the catalogue that the cluster holds, before anything is done."""
    headrace(repository, "apply")
    before = state(repository)
    root = repository / "headrace.yaml"
    text = root.read_text()
    root.write_text(text.replace("headrace/eu", "headrace/x").replace("headrace/us", "headrace/eu"))
    root.write_text(root.read_text().replace("headrace/x", "headrace/us"))
    for command in ("plan", "apply"):
        assert "provisioning.wrong-cluster" in headrace(repository, command, expected=1).stderr
    assert state(repository) == before


def test_markdown_for_a_merge_request(repository: Path) -> None:
    """A table by product and the folded list."""
    text = headrace(repository, "plan", "--format", "markdown", expected=3).stdout
    assert text.startswith("### Headrace plan\n") and "| product-01 " not in text and "| product-01.v1 |" in text
    assert "+ eu topic product-00.v1.tenant-0000 (" in text


@pytest.mark.parametrize(("answer", "expected"), [("n", 3), ("y", 0)])
def test_on_a_terminal_apply_asks(repository: Path, answer: str, expected: int) -> None:
    """No leaves everything as it is and exits with 3; yes applies."""
    parent, child = pty.openpty()
    process = subprocess.Popen([HEADRACE, "apply"], cwd=repository, stdin=child, stdout=child, stderr=child)
    os.close(child)
    seen = b""
    try:
        while b"Apply?" not in seen:
            seen += os.read(parent, 4096)
        os.write(parent, answer.encode() + b"\n")
        while True:
            try:
                part = os.read(parent, 4096)
            except OSError:  # Linux: the other end has closed
                break
            if not part:
                break
        assert process.wait(60) == expected
    finally:
        process.kill()
        os.close(parent)
    headrace(repository, "plan", expected=3 if answer == "n" else 0)


def test_topics_shows_kind_retention_and_contents(repository: Path) -> None:
    """Rows have records, offsets and the time of the last append; filters choose by product and tenant."""
    headrace(repository, "apply")
    put(repository, "eu", {"product-00.v1.tenant-0000": 5})
    (row,) = json.loads(headrace(repository, "topics", "--json", "-p", "product-00", "-t", "tenant-0000").stdout)
    assert (row["kind"], row["retention_ms"], row["records"], row["first_offset"], row["next_offset"]) == (
        "log", 7 * 86_400_000, 5, 0, 5,
    )  # fmt: skip
    assert abs(row["last_append_ms"] - time.time() * 1000) < 60_000
    kinds = {r["topic"]: r["kind"] for r in json.loads(headrace(repository, "topics", "--json").stdout)}
    assert kinds["dlq.plan"] == "dead letter" and kinds[names.catalogue_topic()] == "platform"
    table = headrace(repository, "topics", "-p", "product-00.v1", "--region", "us").stdout
    assert "product-00.v1.tenant-0002" in table and "tenant-0000" not in table and "for ever" not in table


def test_lag_counts_what_is_not_committed(repository: Path) -> None:
    """By group, product and tenant, with how long the oldest event has waited; a tenant not begun counts whole."""
    headrace(repository, "apply")
    put(
        repository,
        "eu",
        {"product-00.v1.tenant-0000": 10, "product-00.v1.tenant-0001": 3, "product-01.v1.tenant-0000": 4},
    )
    broker = EmbeddedBroker(repository / ".headrace" / "eu")
    broker.admin.set_group_offsets("plan.forecast", {"product-00.v1.tenant-0000": OffsetCommit(8)})
    broker.close()
    rows = {r["topic"]: r for r in json.loads(headrace(repository, "lag", "--json").stdout)}
    assert {t: (r["committed"], r["lag"]) for t, r in rows.items() if r["lag"]} == {
        "product-00.v1.tenant-0000": (8, 2),
        "product-00.v1.tenant-0001": (None, 3),
    }
    waiting = rows["product-00.v1.tenant-0000"]["waiting_ms"]
    assert 0 <= waiting < 60_000
    only = json.loads(
        headrace(repository, "lag", "--json", "-t", "tenant-0001", "-p", "product-00", "-g", "plan").stdout
    )
    assert [(r["group"], r["tenant"]) for r in only] == [("plan.forecast", "tenant-0001")]
    assert "plan.forecast" in headrace(repository, "lag").stdout


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A repository of 750 topics, and what an apply of it in one go leaves."""
    folder = tmp_path_factory.mktemp("large")
    write(folder, tenants=250, products=3)
    headrace(folder, "apply")
    return folder, state(folder)


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_apply_that_is_ended_half_way_is_finished_by_the_next(
    large: tuple[Path, dict[str, Any]], tmp_path: Path, signal_: signal.Signals
) -> None:
    """By Ctrl-C, by SIGTERM (exit 6 both) or by kill -9 at a random moment: the same is there in the end."""
    _, wanted = large
    folder = tmp_path / "repository"
    folder.mkdir()
    write(folder, tenants=250, products=3)
    random.seed(signal_)
    stopped = 0
    for _ in range(3):
        before = topics_of(folder)
        process = subprocess.Popen(
            [HEADRACE, "apply"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        wait_for_change(folder, before, process)
        time.sleep(random.uniform(0, 0.05))
        process.send_signal(signal_)
        _, words = process.communicate(timeout=60)
        if process.returncode and "Applied" not in words:  # else the signal came too late
            stopped += 1
            assert process.returncode == (-signal.SIGKILL if signal_ == signal.SIGKILL else 6), words
    shown = headrace(folder, "plan", expected=None).stdout
    assert stopped, "each apply ended before its signal"
    assert "did not end" in shown or shown.startswith("No changes")
    headrace(folder, "apply")
    assert state(folder) == wanted
    assert headrace(folder, "plan").stdout.startswith("No changes")


def topics_of(folder: Path) -> int:
    """How many topics the EU cluster has so far."""
    store = folder / ".headrace" / "eu"
    if not (store / "headrace.db").exists():
        return 0
    broker = EmbeddedBroker(store)
    try:
        return len(broker.admin.topics())
    finally:
        broker.close()


def wait_for_change(folder: Path, before: int, process: subprocess.Popen[str]) -> None:
    """Return when there are other topics than ``before``, or the process has ended."""
    while process.poll() is None and topics_of(folder) == before:
        time.sleep(0.005)
