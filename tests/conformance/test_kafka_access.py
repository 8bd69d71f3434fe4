"""Kafka's access rules, through the adapter, keep what every broker with access rules keeps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from headrace.adapters.kafka_access import KafkaAccess
from headrace.adapters.kafka_broker import KafkaBroker
from headrace.errors import AccessDenied, Closed
from headrace.interfaces.access import AccessRule, Match, Operation, ResourceKind
from headrace.local.kafka_server import KafkaServer
from headrace.testing.conformance.access import AccessConformance

RULE = AccessRule("User:somebody", ResourceKind.TOPIC, "a.v1.", Match.PREFIXED, Operation.READ)


@pytest.mark.kafka
class TestKafkaAccess(AccessConformance):
    @pytest.fixture
    def access(self, secure_kafka: KafkaServer) -> Iterator[KafkaAccess]:
        broker = KafkaBroker(secure_kafka.bootstrap, properties=secure_kafka.admin_properties)
        yield broker.access
        broker.close()

    @pytest.fixture
    def unguarded(self, kafka_server: KafkaServer) -> Iterator[KafkaAccess]:
        broker = KafkaBroker(kafka_server.bootstrap)
        yield broker.access
        broker.close()


@pytest.mark.kafka
def test_who_may_not_see_rules_is_refused_not_told_that_there_are_none(secure_kafka: KafkaServer) -> None:
    """Without DESCRIBE and ALTER on the cluster each call is an `AccessDenied`; nobody mistakes it for an open cluster."""
    broker = KafkaBroker(secure_kafka.bootstrap, properties=secure_kafka.add_user("curious"))
    try:
        with pytest.raises(AccessDenied):
            broker.access.rules()
        for change in (broker.access.grant, broker.access.revoke):
            answer = change([RULE])[RULE]
            assert isinstance(answer, AccessDenied) and "User:somebody" in answer.message
    finally:
        broker.close()


@pytest.mark.kafka
def test_after_close_it_says_so(secure_kafka: KafkaServer) -> None:
    """Closing the broker closes its access rules, once opened or not."""
    for asked_before in (False, True):
        broker = KafkaBroker(secure_kafka.bootstrap, properties=secure_kafka.admin_properties)
        if asked_before:
            broker.access.rules()
        broker.close()
        with pytest.raises(Closed):
            broker.access.rules()
