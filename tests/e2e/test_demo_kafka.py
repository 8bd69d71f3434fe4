"""`headrace demo` on Apache Kafka: two clusters with a registry each, the same events, the same table, the same checks."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import headrace
from headrace.adapters.kafka_broker import KafkaBroker
from headrace.cli._demo.provision import MARK
from headrace.errors import WrongCluster
from headrace.interfaces.broker import TopicSpec
from headrace.local.kafka_server import KafkaServer
from headrace.testing.registry_server import ServedRegistry

pytestmark = pytest.mark.kafka

HEADRACE = str(Path(sysconfig.get_path("scripts")) / "headrace")


class Regions(NamedTuple):
    """``config``: the file that declares them, as a user would write it."""

    eu: KafkaServer
    us: KafkaServer
    registries: dict[str, str]
    config: Path


@pytest.fixture(scope="module")
def regions(kafka_server: KafkaServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Regions]:
    folder = tmp_path_factory.mktemp("regions")
    with ExitStack() as stack:
        servers = {"eu": kafka_server, "us": stack.enter_context(KafkaServer())}
        urls = {id_: stack.enter_context(ServedRegistry(folder / id_)).url for id_ in servers}
        document = {
            id_: {
                "cluster": {"kind": "kafka", "bootstrap": server.bootstrap, "clusterId": server.cluster_id},
                "registry": {"kind": "http", "url": urls[id_]},
            }
            for id_, server in servers.items()
        }
        config = folder / "mine.yaml"
        config.write_text(json.dumps({"regions": document}))
        empty(kafka_server)
        yield Regions(servers["eu"], servers["us"], urls, config)
        empty(kafka_server)


def empty(server: KafkaServer) -> None:
    broker = KafkaBroker(server.bootstrap)
    for group in broker.admin.groups():
        broker.admin.delete_group(group)
    broker.admin.delete_topics(list(broker.admin.topics()))
    broker.close()


def demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [HEADRACE, "demo", "--weeks", "1", "--json", "--dir", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=400)


def report_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def table(report: dict[str, Any]) -> list[tuple[Any, ...]]:
    """What must be the same wherever it runs: all but the times."""
    columns = ("product", "tenant", "region", "published", "consumers", "consumed", "rejected")
    return [tuple(topic[column] for column in columns) for topic in report["topics"]]


class Ran(NamedTuple):
    folder: Path
    report: dict[str, Any]
    embedded: dict[str, Any]


@pytest.fixture(scope="module")
def ran(regions: Regions, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The demo's first week on the embedded broker, and on the two clusters."""
    folder = tmp_path_factory.mktemp("demo")
    embedded = report_of(demo(folder / "embedded"))
    return Ran(folder / "kafka", report_of(demo(folder / "kafka", "--config", str(regions.config))), embedded)


def headrace_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HEADRACE, *arguments], cwd=folder, capture_output=True, text=True, timeout=120)


def test_the_table_and_the_checks_are_those_of_the_embedded_default(ran: Ran) -> None:
    """The same events in the same order by every publisher (their digests), the same counts by topic, all eleven checks."""
    assert table(ran.report) == table(ran.embedded)
    assert ran.report["accounts"] == ran.embedded["accounts"]
    assert sum(topic["published"] for topic in ran.report["topics"]) > 3_000
    assert [check["name"] for check in ran.report["checks"]] == [check["name"] for check in ran.embedded["checks"]]
    assert len(ran.report["checks"]) == 11
    assert all(check["ok"] for check in ran.report["checks"])


def test_both_regions_clusters_are_shown(ran: Ran, regions: Regions) -> None:
    """Cluster ids, addresses, nodes and registries, of the clusters that were declared."""
    assert ran.report["clusters"] == [
        {
            "region": id_,
            "kind": "kafka",
            "cluster_id": server.cluster_id,
            "address": server.bootstrap,
            "nodes": [server.bootstrap],
            "registry": regions.registries[id_],
        }
        for id_, server in (("eu", regions.eu), ("us", regions.us))
    ]


def test_the_commands_work_on_what_it_leaves(ran: Ran) -> None:
    """In its folder: nothing to plan, no lag, the topics with what they hold, an event of the log."""
    assert headrace_in(ran.folder, "plan").returncode == 0
    lag = json.loads(headrace_in(ran.folder, "lag", "--json").stdout)
    assert len(lag) > 40
    assert {row["lag"] for row in lag} == {0}
    topics = json.loads(headrace_in(ran.folder, "topics", "--json").stdout)
    held = {(row["topic"], row["region"]): row["next_offset"] for row in topics}
    for product, tenant, region, published, *_ in table(ran.report):
        assert held[f"{product}.v1.{tenant}", region] == published
    tail = headrace_in(
        ran.folder, "tail", "sales-events", "-t", "maple-pantry", "--from", "earliest", "-n", "1", "--json"
    )
    assert json.loads(tail.stdout)["meta"]["product"] == "sales-events"


def test_residency_finds_a_planted_topic(ran: Ran, regions: Regions) -> None:
    """What every tenant has is in its own region: exit 0. A topic of a tenant of the EU, made by hand in the US, is named, with
    where the tenant lives: exit 1."""
    clean = headrace_in(ran.folder, "residency", "--json")
    assert clean.returncode == 0, clean.stderr
    document = json.loads(clean.stdout)
    assert document["clusters"] == {"eu": regions.eu.cluster_id, "us": regions.us.cluster_id}
    assert document["tenants"]["nordkorb"] == "eu"
    kinds = {place["kind"] for place in document["places"] if place["tenant"] == "nordkorb"}
    assert kinds == {"topic", "subject", "committed offset", "catalogue entry"}
    broker = KafkaBroker(regions.us.bootstrap)
    try:
        broker.admin.create_topics([TopicSpec("sales-events.v1.nordkorb")])
        found = headrace_in(ran.folder, "residency", "nordkorb")
        assert found.returncode == 1
        assert "1 topic of nordkorb in us; it lives in eu: sales-events.v1.nordkorb" in found.stderr
        assert headrace_in(ran.folder, "residency", "maple-pantry").returncode == 0
        broker.admin.delete_topics(["sales-events.v1.nordkorb"])
    finally:
        broker.close()


def test_a_program_at_the_wrong_cluster_does_not_begin(ran: Ran, regions: Regions) -> None:
    """A program of the EU that is pointed at the US's cluster, or at any but the expected one, is told before it publishes."""
    us = {"cluster": f"kafka:{regions.us.bootstrap}", "registry": regions.registries["us"]}
    with pytest.raises(WrongCluster, match="catalogue of region us, not of eu"):
        headrace.connect("data-api", region="eu", **us)
    with pytest.raises(WrongCluster, match="expected is elsewhere"):
        headrace.connect("data-api", region="us", cluster_id="elsewhere", **us)
    with headrace.connect("data-api", region="us", cluster_id=regions.us.cluster_id, **us) as app:
        assert app.connection.feed.current.cluster_id == regions.us.cluster_id


def test_clusters_of_others_are_refused(ran: Ran, regions: Regions, tmp_path: Path) -> None:
    """Beside somebody's topics, and above all where the demo's names are somebody's own, it does not begin."""
    broker = KafkaBroker(regions.us.bootstrap)
    try:
        broker.admin.create_topics([TopicSpec("payments")])
        refused = demo(tmp_path / "one", "--config", str(regions.config))
        assert refused.returncode == 1
        assert json.loads(refused.stderr.splitlines()[-1])["error"]["topics"] == ["payments"]
        broker.admin.delete_topics(["payments", MARK])
        refused = demo(tmp_path / "two", "--config", str(regions.config), "--shared")
        assert refused.returncode == 1
        assert "made by somebody else" in refused.stderr
    finally:
        broker.close()


def test_it_starts_and_ends_clusters_of_its_own(tmp_path: Path, ran: Ran) -> None:
    """--kafka needs nothing but Java: it ends with the same table, and no process of it is left."""
    before = processes()
    report = report_of(demo(tmp_path / "own", "--kafka"))
    assert table(report) == table(ran.embedded)
    assert all(check["ok"] for check in report["checks"])
    assert {cluster["region"]: cluster["kind"] for cluster in report["clusters"]} == {"eu": "kafka", "us": "kafka"}
    ports = [node.rpartition(":")[2] for cluster in report["clusters"] for node in cluster["nodes"]]
    left = [command for pid, command in processes().items() if pid not in before]
    assert not [command for command in left if str(tmp_path) in command or any(f":{port}" in command for port in ports)]


def processes() -> dict[int, str]:
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
    return found
