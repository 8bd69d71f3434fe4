"""The first contact with a cluster: refusals and silence are told for what they are."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from headrace.adapters.kafka_contact import Notices, make_contact
from headrace.errors import AccessDenied, BrokerUnavailable


class Client:
    """Serves what it is told of one step at a time, as `poll` does; then answers, unless it never does."""

    def __init__(self, notices: Notices, *told: KafkaError, answer: Any = None) -> None:
        self._notices = notices
        self._told = list(told)
        self._answer = answer
        self._future: Future[Any] = Future()

    def describe_cluster(self, *, request_timeout: float) -> Future[Any]:
        return self._future

    def poll(self, timeout: float) -> int:
        if self._told:
            self._notices(self._told.pop(0))
        elif isinstance(self._answer, Exception):
            self._future.set_exception(self._answer)
        else:
            self._future.set_result(self._answer)
        return 0


TIMED_OUT = KafkaException(KafkaError(KafkaError._TIMED_OUT, "Failed while waiting for controller"))
REFUSED = KafkaError(KafkaError._AUTHENTICATION, "SASL authentication error: invalid credentials")
NO_TRUST = KafkaError(KafkaError._SSL, "SSL handshake failed: certificate verify failed")
CLOSED_PORT = KafkaError(KafkaError._TRANSPORT, "Connect to ipv4#127.0.0.1:1 failed: Connection refused")


def contact(*told: KafkaError, answer: Any = None, grace: float = 0.0) -> None:
    notices = Notices()
    make_contact(Client(notices, *told, answer=answer), notices, "kafka:9092", 30, grace=grace)


def test_a_cluster_that_answers_is_in_contact() -> None:
    """Notices of connections that came to nothing do not matter once it has."""
    contact(CLOSED_PORT)


@pytest.mark.parametrize(("notice", "hint"), [(REFUSED, "sasl.password"), (NO_TRUST, "ssl.ca.location")])
def test_a_refusal_ends_the_waiting(notice: KafkaError, hint: str) -> None:
    """The client would try again until its timeout: the error comes at once, with what to check and the cause."""
    with pytest.raises(AccessDenied, match=r"reaching the cluster at kafka:9092") as caught:
        contact(notice, answer=TIMED_OUT)
    assert hint in str(caught.value.hint)
    assert isinstance(caught.value.__cause__, KafkaException)


def test_a_refusal_may_be_a_passing_one() -> None:
    """A user that was just made may be unknown to a broker for a moment: within the grace, an answer counts."""
    contact(REFUSED, grace=60)


@pytest.mark.parametrize(
    ("told", "says"),
    [((CLOSED_PORT,), "nobody answers; the client says: .*Connection refused"), ((), "nobody answers")],
)
def test_silence_is_told_with_what_the_client_has_met(told: tuple[KafkaError, ...], says: str) -> None:
    """The timeout's own text speaks of a controller; what helps is the last notice, and a hint."""
    with pytest.raises(BrokerUnavailable, match=says) as caught:
        contact(*told, answer=TIMED_OUT)
    assert caught.value.kafka_error == "_TIMED_OUT"
    assert "security.protocol" in str(caught.value.hint)
