"""The Kafka clients' settings."""

from __future__ import annotations

import pytest

from headrace.adapters.kafka_settings import admin_settings, consumer_settings, producer_settings
from headrace.errors import SettingsError

SECURITY = {"security.protocol": "SASL_SSL", "sasl.username": "plan"}


def test_a_caller_s_properties_pass_over_the_preferences() -> None:
    """What the caller says replaces what the adapter merely prefers, and reaches every kind of client."""
    properties = {**SECURITY, "linger.ms": "200", "group.protocol": "classic", "client.id": "mine"}
    for settings in (
        admin_settings("b:1", properties),
        producer_settings("b:1", properties),
        consumer_settings("b:1", properties, "g"),
    ):
        assert settings["security.protocol"] == "SASL_SSL"
        assert settings["client.id"] == "mine"
        assert settings["bootstrap.servers"] == "b:1"
    assert producer_settings("b:1", properties)["linger.ms"] == "200"
    assert consumer_settings("b:1", properties, "g")["group.protocol"] == "classic"


def test_a_property_of_one_kind_of_client_stays_with_it() -> None:
    """A producer is not given a consumer's property, nor the other way round: librdkafka would warn each time."""
    properties = {"linger.ms": "200", "transaction.timeout.ms": "5000", "fetch.max.bytes": "1000000"}
    assert not {"linger.ms", "transaction.timeout.ms"} & consumer_settings("b:1", properties, "g").keys()
    assert "fetch.max.bytes" not in producer_settings("b:1", properties)
    assert not properties.keys() & admin_settings("b:1", properties).keys()


def test_what_concerns_members_of_a_group_leaves_readers_without_one_alone() -> None:
    """``max.poll.interval.ms`` below the default session would be refused there, though nothing is a member."""
    properties = {"max.poll.interval.ms": "1000", "session.timeout.ms": "900", "heartbeat.interval.ms": "300"}
    assert not properties.keys() & consumer_settings("b:1", properties, None).keys()
    assert properties.items() <= consumer_settings("b:1", properties, "g").items()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("enable.idempotence", "false"),
        ("acks", "1"),
        ("auto.offset.reset", "latest"),
        ("enable.auto.commit", "true"),
        ("isolation.level", "read_uncommitted"),
    ],
)
def test_what_promises_rest_on_cannot_be_changed(name: str, value: str) -> None:
    """A property that would break a promise is a SettingsError that names it."""
    with pytest.raises(SettingsError) as caught:
        producer_settings("b:1", {name: value})
        consumer_settings("b:1", {name: value}, "g")
    assert caught.value.option == name


def test_saying_what_is_fixed_anyway_is_no_fault() -> None:
    """A property that repeats what the adapter needs is accepted."""
    assert producer_settings("b:1", {"enable.idempotence": "True", "acks": "all"})["acks"] == "all"


def test_the_classic_protocol_moves_topics_one_by_one() -> None:
    """In the classic protocol the strategy is cooperative-sticky, and no other is possible."""
    classic = {"group.protocol": "classic"}
    assert consumer_settings("b:1", classic, "g")["partition.assignment.strategy"] == "cooperative-sticky"
    with pytest.raises(SettingsError):
        consumer_settings("b:1", {**classic, "partition.assignment.strategy": "range"}, "g")


def test_a_transaction_is_not_longer_open_than_its_records_wait() -> None:
    """The delivery timeout of a transactional producer is not above the transaction's, which librdkafka refuses."""
    settings = producer_settings("b:1", {}, "tx")
    assert settings["transactional.id"] == "tx"
    assert settings["delivery.timeout.ms"] <= settings["transaction.timeout.ms"]
    assert "transactional.id" not in producer_settings("b:1", {})
