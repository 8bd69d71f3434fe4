"""A secured region: the platform applies with its credentials, a program publishes with its own, and nobody with wrong ones."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import headrace
from headrace import cli
from headrace.adapters.kafka_broker import KafkaBroker
from headrace.cli._demo.prepare import CATALOGUE, _replace_regions
from headrace.errors import AccessDenied, SettingsError
from headrace.local.kafka_server import KafkaServer
from headrace.testing.registry_server import ServedRegistry

pytestmark = pytest.mark.kafka

USER = "data-api-eu"
"""data-api's principal in the EU, as the retail catalogue declares it, without Kafka's `User:`."""


@pytest.fixture
def region(secure_kafka: KafkaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The retail catalogue with its EU on a secure cluster, applied by the platform; taken away again at the end."""
    admin = dict(secure_kafka.admin_properties)
    monkeypatch.setenv("PLATFORM_PASSWORD", admin["sasl.password"])
    folder = tmp_path / "retail"
    shutil.copytree(CATALOGUE, folder, ignore=shutil.ignore_patterns(".headrace"))
    broker = KafkaBroker(secure_kafka.bootstrap, properties=admin)
    topics_before = broker.admin.topics().keys()
    rules_before = broker.access.rules() or frozenset()
    with ServedRegistry(tmp_path / "registry") as registry:
        cluster = {
            "kind": "kafka",
            "bootstrap": secure_kafka.bootstrap,
            "clusterId": secure_kafka.cluster_id,
            "properties": {**admin, "sasl.password": "env:PLATFORM_PASSWORD"},
        }
        _replace_regions(
            folder / "headrace.yaml", {"eu": {"cluster": cluster, "registry": {"kind": "http", "url": registry.url}}}
        )
        with pytest.raises(SystemExit) as ended:
            cli.main(["apply", str(folder), "--region", "eu", "--yes", "--json"])
        assert ended.value.code == 0
        yield folder
    broker.admin.delete_topics(sorted(broker.admin.topics().keys() - topics_before))
    broker.access.revoke(sorted((broker.access.rules() or frozenset()) - rules_before, key=str))
    broker.close()


def sale(folder: Path) -> dict[str, Any]:
    example = next((folder / "products/sales-events/examples/SaleRecorded").glob("*.json"))
    content: dict[str, Any] = json.loads(example.read_text())
    return content.get("data", content)


def test_a_program_signs_in_as_itself(region: Path, secure_kafka: KafkaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the catalogue's folder, its principal's password and nothing of the platform's, data-api publishes; without the
    variable it is told which; with a wrong password it is refused within seconds, not after a timeout."""
    monkeypatch.delenv("PLATFORM_PASSWORD")
    with pytest.raises(SettingsError, match="DATA_API_EU, which is not set"):
        headrace.connect("data-api", region="eu", catalogue=region)

    monkeypatch.setenv("DATA_API_EU", "not the password")
    began = time.monotonic()
    with pytest.raises(AccessDenied, match="SASL authentication error") as caught:
        headrace.connect("data-api", region="eu", catalogue=region)
    assert time.monotonic() - began < 20
    assert "not the password" not in str(caught.value)

    monkeypatch.setenv("DATA_API_EU", secure_kafka.add_user(USER)["sasl.password"])
    with headrace.connect("data-api", region="eu", catalogue=region) as app:
        receipt = app.producer("sales-events").publish("SaleRecorded", sale(region), tenant="nordkorb")
        assert receipt.result(30).offset == 0
        # The access rules are data-api's: what is not declared is refused by Kafka itself.
        answers = app.connection.broker.admin.delete_topics(["sales-events.v1.nordkorb"])
        assert isinstance(answers["sales-events.v1.nordkorb"], AccessDenied)
