"""From settings and declarations to a region as one program reaches it: properties, credentials, the expected cluster."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import pytest

from headrace.bootstrap import check_cluster, credentials_of, region_as_told, region_from_addresses, resolve_references
from headrace.clock import SYSTEM_CLOCK
from headrace.errors import SettingsError, WrongCluster
from headrace.model.application import Credentials
from headrace.model.region import ClusterAddress, Region, RegistryAddress
from headrace.settings import Settings, load_settings
from headrace.testing.memory_broker import MemoryBroker

WAY = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-512"}
EU = Region(
    "eu",
    "EU",
    ClusterAddress(
        "kafka",
        bootstrap="kafka:9092",
        cluster_id="declared",
        properties=MappingProxyType({**WAY, "sasl.username": "platform", "sasl.password": "env:PLATFORM"}),
    ),
    RegistryAddress("http", url="http://registry", properties=MappingProxyType({"basic.auth.user.info": "env:R"})),
)
PLAN = Credentials("User:plan-eu", "env:PLAN_EU")


def told(**arguments: object) -> Settings:
    return load_settings(environment={}, **arguments)


def test_an_application_brings_its_own_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a secured cluster the platform's user and password are not used, nor even looked up: they may not be there."""
    monkeypatch.setenv("PLAN_EU", "secret")
    monkeypatch.delenv("PLATFORM", raising=False)
    region = region_as_told(EU, told(), "plan", PLAN)
    assert resolve_references(region.cluster.properties) == {
        **WAY,
        "sasl.username": "plan-eu",
        "sasl.password": "secret",
    }
    assert region.cluster.cluster_id == "declared"


def test_the_platform_keeps_what_the_region_declares() -> None:
    """Provisioning commands name no application: the region's own properties stand."""
    assert region_as_told(EU, told(), None, None).cluster.properties == EU.cluster.properties


def test_a_cluster_that_is_not_secured_asks_nobody_who_he_is() -> None:
    """Without a security protocol an application's credentials are not read."""
    plain = Region("eu", "EU", ClusterAddress("kafka", bootstrap="kafka:9092"), EU.registry)
    assert region_as_told(plain, told(), "plan", None).cluster.properties == {}


def test_settings_win_over_the_declaration(tmp_path: Path) -> None:
    """Properties that say who asks take the place of the declared credentials; others are added to them; the expected id and
    the registry's properties likewise."""
    given = {"sasl.username": "me", "sasl.password": "file:p", "linger.ms": "1"}
    region = region_as_told(
        EU,
        told(cluster_properties=given, cluster_id="other", registry_properties="basic.auth.user.info=me:pw"),
        "plan",
        None,
    )
    assert region.cluster.properties == {**WAY, **given}
    assert region.cluster.cluster_id == "other"
    assert region.registry.properties == {"basic.auth.user.info": "me:pw"}


@pytest.mark.parametrize(
    ("own", "says"),
    [
        (None, "plan has no credentials for the secured cluster of region eu"),
        (Credentials("User:plan", "vault:kv/plan#eu"), "are in a vault"),
        (Credentials("User:plan", "env:NOT_SET_ANYWHERE"), "NOT_SET_ANYWHERE, which is not set"),
        (Credentials("User:plan", "file:/no/such/file"), "/no/such/file, which cannot be read"),
    ],
)
def test_credentials_that_cannot_be_had_say_what_to_do(own: Credentials | None, says: str) -> None:
    """Each way to fail names the application or the place, and has a hint."""
    with pytest.raises(SettingsError, match=says) as caught:
        credentials_of("plan", "eu", own)
    assert caught.value.hint


def test_malformed_credentials_are_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is neither a password nor properties may still be a secret."""
    monkeypatch.setenv("PLAN_EU", "sasl.password=hush,hush2")
    with pytest.raises(SettingsError) as caught:
        credentials_of("plan", "eu", PLAN)
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_settings_alone_name_a_region() -> None:
    """Without a catalogue folder the addresses, ids and properties are those of the settings."""
    region = region_from_addresses(
        "eu",
        "kafka:a:9092,b:9092",
        "https://registry",
        cluster_id="x",
        cluster_properties={"security.protocol": "SSL"},
        registry_properties={"ssl.ca.location": "ca.pem"},
    )
    assert (region.cluster.bootstrap, region.cluster.cluster_id) == ("a:9092,b:9092", "x")
    assert region.cluster.properties == {"security.protocol": "SSL"}
    assert region.registry == RegistryAddress("http", url="https://registry", properties={"ssl.ca.location": "ca.pem"})


def test_a_cluster_with_another_id_is_refused() -> None:
    """The expected id and the found one are in the error; where none is expected any cluster will do."""
    broker = MemoryBroker(clock=SYSTEM_CLOCK)
    here = broker.admin.cluster_id()
    check_cluster(Region("eu", "EU", ClusterAddress("embedded", path="p"), EU.registry), broker)
    check_cluster(Region("eu", "EU", ClusterAddress("embedded", path="p", cluster_id=here), EU.registry), broker)
    with pytest.raises(WrongCluster) as caught:
        check_cluster(EU, broker)
    assert (caught.value.declared, caught.value.found) == ("declared", here)


def test_kafka_needs_a_registry_of_its_own() -> None:
    """The default registry is a folder of the embedded cluster: on Kafka there is none, and nothing is made in silence."""
    with pytest.raises(SettingsError, match="has a registry of its own") as caught:
        region_from_addresses("eu", "kafka:a:9092", "embedded")
    assert "HEADRACE_REGISTRY" in str(caught.value.hint)


def test_the_profiles_that_a_region_may_declare_are_those_that_there_are() -> None:
    """`registry.profile` of headrace.yaml takes each profile that the checker has, and no other."""
    from typing import get_args

    from headrace.catalogue.compatibility.profiles import PROFILES
    from headrace.catalogue.documents import Profile

    assert sorted(get_args(Profile)) == sorted(PROFILES)


@pytest.mark.parametrize("profile", ["confluent", "confluent-lenient", "karapace", "apicurio"])
def test_a_registry_of_ours_decides_as_the_profile_does(profile: str) -> None:
    """What the profile refuses has its reasons and the findings' sentences; what it accepts has none; a schema with references
    is refused, because what they name is not looked up."""
    from headrace.bootstrap import compatibility_checker
    from headrace.model.schema import Compatibility, SchemaFormat, SchemaReference, SchemaText

    def quantity(kind: str) -> SchemaText:
        text = '{"type": "object", "properties": {"quantity": {"type": "%s"}}}'
        return SchemaText(SchemaFormat.JSON_SCHEMA, text % kind)

    check = compatibility_checker(profile)
    reasons = check(quantity("number"), [quantity("integer")], Compatibility.FORWARD)
    assert len(reasons) >= 2 and reasons[-1].startswith("`quantity` was")
    assert list(check(quantity("number"), [quantity("integer")], Compatibility.BACKWARD)) == []
    referring = SchemaText(SchemaFormat.JSON_SCHEMA, '{"$ref": "x.json"}', (SchemaReference("x.json", "x", 1),))
    assert check(referring, [referring], Compatibility.FORWARD)[0].startswith("REFERENCES")
