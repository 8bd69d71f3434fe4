"""`headrace dev up` and `down` as a user runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from headrace.adapters.http_registry import HttpRegistry
from headrace.adapters.kafka_broker import KafkaBroker
from headrace.bootstrap import resolve_references
from headrace.errors import SubjectMissing
from headrace.interfaces.broker import TopicSpec
from headrace.local.ports import accepts
from headrace.local.registry_server import RegistryServer

pytestmark = pytest.mark.kafka


def _dev(folder: Path, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "headrace.cli", "dev", *arguments, "--folder", str(folder), "--json"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_two_regions_come_up_are_mended_and_go_down(tmp_path: Path) -> None:
    """Each region has a cluster and a registry that answer; `up` again starts what was killed, with its data; `down` ends all
    and leaves nothing."""
    folder = tmp_path / "dev"
    try:
        up = _dev(folder, "up", "--regions", "eu,us", "--secure", "--user", "plan")
        regions = up["regions"]
        assert regions.keys() == {"eu", "us"}
        assert regions["eu"]["clusterId"] != regions["us"]["clusterId"]
        for region in regions.values():
            assert "password=" not in str(region["environment"]).replace("sasl.password=file:", "")
            broker = KafkaBroker(region["bootstrap"], properties=resolve_references(region["properties"]))
            assert broker.admin.cluster_id() == region["clusterId"]
            assert broker.admin.create_topics([TopicSpec("kept")]) == {"kept": None}
            broker.close()
            registry = HttpRegistry(region["registry"])
            with pytest.raises(SubjectMissing):
                registry.version("no-such-value", "latest")
            registry.close()
            assert Path(region["users"]["plan"]).stat().st_mode & 0o077 == 0

        killed = regions["us"]["pids"]
        for pid in killed.values():
            os.kill(pid, signal.SIGKILL)
        again = _dev(folder, "up")
        assert again["keeper"] == up["keeper"]
        assert again["regions"]["eu"] == regions["eu"]
        mended = again["regions"]["us"]
        assert {**mended, "pids": killed} == regions["us"]
        assert not set(mended["pids"].values()) & set(killed.values())
        broker = KafkaBroker(mended["bootstrap"], properties=resolve_references(mended["properties"]))
        assert "kept" in broker.admin.topics()
        broker.close()
    finally:
        down = _dev(folder, "down")
    assert down == {"stopped": True, "kept": False}
    assert not folder.exists()
    ports = [int(address.rsplit(":", 1)[1]) for r in regions.values() for address in (r["bootstrap"], r["registry"])]
    assert not any(map(accepts, ports))


def test_the_independent_registry_keeps_its_schemas_in_a_folder(tmp_path: Path) -> None:
    """After kill -9 and a start on the same folder, the schemas are there, at the same address."""
    import httpx

    schema = json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"})
    with RegistryServer(folder=tmp_path / "registry") as server:
        url = server.url
        httpx.post(f"{url}/subjects/a-value/versions", json={"schema": schema, "schemaType": "JSON"}).raise_for_status()
        server.kill()
        assert server.pid is None
        server.start()
        assert server.url == url
        assert httpx.get(f"{url}/subjects").json() == ["a-value"]
