"""Plan and apply on a real Apache Kafka, with the embedded registry beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from headrace.adapters.embedded_registry import EmbeddedRegistry
from headrace.adapters.kafka_broker import KafkaBroker
from headrace.clock import SYSTEM_CLOCK
from headrace.errors import WrongCluster
from headrace.local.kafka_server import KafkaServer
from headrace.model import names
from headrace.model.compiled_records import from_records
from headrace.model.product import TopicKind
from headrace.provisioning.apply import apply_plan
from headrace.provisioning.changes import Plan
from headrace.provisioning.desired import desired
from headrace.provisioning.observed import RegionConnection, observe
from headrace.provisioning.plan import make_plan
from headrace.provisioning.topic_reader import read_topic
from tests.unit.provisioning.catalogues import Repository, event, product

pytestmark = pytest.mark.kafka

STATE = product("stock", kind=TopicKind.STATE, retention_ms=None)
BEFORE = Repository(
    regions=("eu",),
    products=(product("orders"), STATE),
    tenants=dict.fromkeys(("acme", "bolt", "core"), ("eu", ("*",))),
)


@pytest.fixture
def eu(emptied_kafka: KafkaServer, tmp_path: Path) -> Iterator[RegionConnection]:
    """The region's parts."""
    broker, registry = KafkaBroker(emptied_kafka.bootstrap), EmbeddedRegistry(tmp_path)
    yield RegionConnection(broker, registry)
    broker.close()
    registry.close()


def plan(repository: Repository, eu: RegionConnection, *, apply: bool = False, allow_delete: int | None = None) -> Plan:
    wanted = desired(repository.catalogue())
    found = observe(wanted, {"eu": eu})
    made = make_plan(wanted, found, allow_delete=allow_delete)
    if apply:
        apply_plan(made, wanted, found, {"eu": eu}, apply_id="e2e", batch=4)
    return made


def test_what_is_applied_is_what_is_declared(eu: RegionConnection) -> None:
    """Kafka gives back the settings, ids and catalogue as they were made: the next plan is empty."""
    plan(BEFORE, eu, apply=True)
    after = plan(BEFORE, eu)
    assert after.clean and not after.drift and not after.interruptions
    compiled = from_records(read_topic(eu.broker, names.catalogue_topic(), SYSTEM_CLOCK))
    assert compiled is not None and set(compiled.tenants) == {"acme", "bolt", "core"}


def test_a_second_apply_changes_settings_schemas_and_catalogue(eu: RegionConnection) -> None:
    """A log that becomes state, a new version, a tenant in and one out: applied, and deletions only with leave."""
    plan(BEFORE, eu, apply=True)
    changed = replace(
        BEFORE.without_tenant("bolt"),
        products=(product("orders", [event("Thing", (1, 2))], kind=TopicKind.STATE, retention_ms=None), STATE),
    )
    changed = replace(changed, tenants={**changed.tenants, "dawn": ("eu", ("orders",))})
    assert len(plan(changed, eu, apply=True).orphans) == 4
    assert plan(changed, eu).clean
    assert eu.broker.admin.topics()["orders.v1.acme"].configs["cleanup.policy"] == "compact"
    plan(changed, eu, apply=True, allow_delete=4)
    assert not [name for name in eu.broker.admin.topics() if name.endswith(".bolt")]
    assert plan(changed, eu, allow_delete=4).clean


def test_a_setting_made_by_hand_is_found(eu: RegionConnection) -> None:
    """One that is managed is a change back; another is drift."""
    plan(BEFORE, eu, apply=True)
    eu.broker.admin.set_configs({"orders.v1.acme": {"retention.ms": "1000", "flush.ms": "5000"}})
    found = plan(BEFORE, eu)
    assert [change.name for change in found.changes] == ["orders.v1.acme"]
    assert [(d.name, d.configs) for d in found.drift] == [("orders.v1.acme", {"flush.ms": "5000"})]


def test_the_cluster_s_id_is_checked(eu: RegionConnection, emptied_kafka: KafkaServer) -> None:
    """The declared id must be the one that Kafka answers with."""
    plan(replace(BEFORE, cluster_ids={"eu": emptied_kafka.cluster_id}), eu)
    with pytest.raises(WrongCluster):
        plan(replace(BEFORE, cluster_ids={"eu": "another"}), eu)
