"""Where the demo's regions are: the user's own file, and clusters that hold nothing else."""

from __future__ import annotations

import tomllib
from pathlib import Path
from types import MappingProxyType

import pytest

from headrace.catalogue.load import load
from headrace.cli._demo import data
from headrace.cli._demo.clusters import regions_of
from headrace.cli._demo.prepare import prepare
from headrace.cli._demo.processes import _SETTINGS
from headrace.cli._demo.provision import MARK, clear, refuse_others, worker_settings
from headrace.errors import ClusterInUse, SettingsError
from headrace.interfaces.broker import OffsetCommit, TopicSpec
from headrace.model import names
from headrace.model.region import ClusterAddress, Region, RegistryAddress
from headrace.model.schema import SchemaFormat, SchemaText
from headrace.provisioning.desired import DesiredRegion, desired
from headrace.provisioning.observed import RegionConnection
from headrace.settings import load_settings
from headrace.testing.memory_broker import MemoryBroker
from headrace.testing.small_catalogue import small_catalogue
from tests.unit.provisioning.memory import MemoryRegistry

OWN = """
regions:
  eu:
    cluster:
      kind: kafka
      bootstrap: kafka-eu:9093
      clusterId: abc
      properties: {security.protocol: SASL_SSL, sasl.username: u, sasl.password: "file:eu.pw"}
    registry: {kind: http, url: "http://registry-eu", properties: {basic.auth.user.info: "env:REGISTRY_EU"}}
  us:
    cluster: {kind: kafka, bootstrap: "kafka-us:9093"}
    registry: {kind: http, url: "http://registry-us"}
"""


def test_the_user_s_regions_stand_in_the_catalogue(tmp_path: Path) -> None:
    """The demo's catalogue is the retail one, without a fault, on the user's clusters; its regions keep their names."""
    (tmp_path / "mine.yaml").write_text(OWN)
    prepared = prepare(tmp_path / "work", data.SAMPLE_STORES, whole=False, regions=regions_of(tmp_path / "mine.yaml"))
    eu = load(prepared.folder).regions["eu"]
    assert (eu.name, eu.cluster.bootstrap, eu.cluster.cluster_id) == ("European Union", "kafka-eu:9093", "abc")
    assert eu.registry.url == "http://registry-eu"
    # The copy stands in another folder: what counted from here still does.
    assert eu.cluster.properties["sasl.password"] == f"file:{Path('eu.pw').absolute()}"


def test_the_example_of_two_regions_on_kafka_is_one(tmp_path: Path) -> None:
    """The file in examples/ has no fault, with the retail catalogue around it."""
    example = Path(__file__).parents[3] / "examples" / "regions.kafka.yaml"
    prepared = prepare(tmp_path / "work", data.SAMPLE_STORES, whole=False, regions=regions_of(example))
    regions = load(prepared.folder).regions
    assert {region.cluster.kind for region in regions.values()} == {"kafka"}
    assert {region.registry.kind for region in regions.values()} == {"http"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("regions: {eu: {}}", "declares the regions eu; the demo's tenants live in eu and us"),
        ("clusters: {}", "declares no regions"),
        ("regions: [", "is not plain YAML"),
    ],
)
def test_a_file_that_is_no_help_says_what_is_missing(tmp_path: Path, text: str, says: str) -> None:
    """Another set of regions, none, and what is no YAML are refused before anything is made."""
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(SettingsError, match=says):
        regions_of(tmp_path / "mine.yaml")
    with pytest.raises(SettingsError, match="cannot be read"):
        regions_of(tmp_path / "none.yaml")


def test_applications_are_told_their_region_in_a_settings_file(tmp_path: Path) -> None:
    """It reads back as settings, secrets as references only; what the user's shell says of Headrace does not reach them."""
    region = Region(
        "eu",
        "EU",
        ClusterAddress(
            "kafka", bootstrap="k:9092", cluster_id="abc", properties=MappingProxyType({"sasl.password": "env:P"})
        ),
        RegistryAddress("http", url="http://r", properties=MappingProxyType({"ssl.ca.location": 'a"b\\c'})),
    )
    text = worker_settings(region, tmp_path)
    path = tmp_path / "settings.toml"
    path.write_text(text, encoding="utf-8")
    settings = load_settings(environment={"HEADRACE_SETTINGS": str(path)})
    assert (settings.region, settings.cluster, settings.registry) == ("eu", "kafka:k:9092", "http://r")
    assert settings.cluster_id == "abc"
    assert settings.cluster_properties == {"sasl.password": "env:P"}
    assert settings.registry_properties == {"ssl.ca.location": 'a"b\\c'}
    embedded = Region("eu", "EU", ClusterAddress("embedded", path="there"), RegistryAddress("embedded"))
    assert tomllib.loads(worker_settings(embedded, tmp_path)) == {
        "region": "eu",
        "cluster": f"embedded:{tmp_path / 'there'}",
        "registry": "embedded",
    }
    assert {"HEADRACE_SETTINGS", "HEADRACE_CLUSTER_PROPERTIES"} <= _SETTINGS


@pytest.fixture
def wanted() -> DesiredRegion:
    return desired(small_catalogue()).regions["eu"]


@pytest.fixture
def connection() -> RegionConnection:
    return RegionConnection(MemoryBroker(), MemoryRegistry())


def make(connection: RegionConnection, *topics: str) -> None:
    assert not any(connection.broker.admin.create_topics([TopicSpec(topic) for topic in topics]).values())


def test_an_empty_cluster_is_marked_as_the_demo_s(wanted: DesiredRegion, connection: RegionConnection) -> None:
    """A registry may keep its own topic there: that is nobody's data."""
    make(connection, "headrace-registry.v1._platform")
    refuse_others(wanted, connection, shared=False)
    clear(wanted, connection)
    assert MARK in connection.broker.admin.topics()


def test_a_cluster_of_others_is_refused_unless_told(wanted: DesiredRegion, connection: RegionConnection) -> None:
    """The error names what is there; --shared is enough for topics of other names."""
    make(connection, "orders", "payments")
    with pytest.raises(ClusterInUse, match="the topic orders and 1 more that no demo made") as caught:
        refuse_others(wanted, connection, shared=False)
    assert caught.value.topics == ["orders", "payments"]
    refuse_others(wanted, connection, shared=True)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("topic", ["sales-events.v1.acme", names.catalogue_topic()])
def test_somebody_s_own_retail_topics_are_never_touched(
    wanted: DesiredRegion, connection: RegionConnection, shared: bool, topic: str
) -> None:
    """Topics of the demo's names that no demo made (a real installation's) are refused whatever is told."""
    make(connection, topic)
    with pytest.raises(ClusterInUse, match="made by somebody else"):
        refuse_others(wanted, connection, shared=shared)


def test_what_an_earlier_demo_left_is_cleared_away(wanted: DesiredRegion, connection: RegionConnection) -> None:
    """Its topics, subjects and groups go; those of others on a shared cluster stay."""
    subject = next(iter(wanted.subjects))
    make(connection, MARK, "orders", "sales-events.v1.acme")
    connection.registry.register(subject, SchemaText(SchemaFormat.JSON_SCHEMA, "{}"))
    connection.registry.register("orders-value", SchemaText(SchemaFormat.JSON_SCHEMA, "{}"))
    admin = connection.broker.admin
    admin.set_group_offsets("plan.x", {"sales-events.v1.acme": OffsetCommit(0)})
    admin.set_group_offsets("biller", {"orders": OffsetCommit(0), "sales-events.v1.acme": OffsetCommit(0)})
    refuse_others(wanted, connection, shared=True)
    clear(wanted, connection)
    assert set(admin.topics()) == {MARK, "orders"}
    assert list(admin.groups()) == ["biller"]
    assert list(connection.registry.subjects()) == ["orders-value"]
