"""Calls to the Kafka client, in requests of a bounded size, again where the answer is "not yet"."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from headrace.adapters.kafka_calls import (
    CHUNK,
    chunks,
    from_coordinator,
    from_leaders,
    request_timeout,
    stable_offsets,
    within,
)
from headrace.errors import AccessDenied, BrokerUnavailable


@given(st.integers(0, 3 * CHUNK))
def test_chunks_keep_everything_in_order_and_within_the_bound(count: int) -> None:
    """No request names more than `CHUNK`, none is empty, and together they name everything in order."""
    parts = list(chunks(range(count)))
    assert [n for part in parts for n in part] == list(range(count))
    assert all(0 < len(part) <= CHUNK for part in parts)


def test_a_shorter_socket_timeout_shortens_requests() -> None:
    """A request never outlives the caller's ``socket.timeout.ms``, and by default ends after 30 s."""
    assert request_timeout({}) == 30
    assert request_timeout({"socket.timeout.ms": "1500"}) == 1.5
    assert request_timeout({"socket.timeout.ms": "90000"}) == 30


def _future(answer: object) -> Future[Any]:
    future: Future[Any] = Future()
    if isinstance(answer, int):
        future.set_exception(KafkaException(KafkaError(answer)))
    else:
        future.set_result(answer)
    return future


def test_topics_without_a_leader_are_asked_for_again_and_no_others() -> None:
    """Those that have a leader, or another error, are asked once; the rest until they have one."""
    answers = {
        "ready": ["1"],
        "denied": [KafkaError.TOPIC_AUTHORIZATION_FAILED],
        "new": [KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, "2"],
    }
    asked: list[list[str]] = []

    def ask(topics: list[str]) -> dict[str, Future[Any]]:
        asked.append(topics)
        return {topic: _future(answers[topic].pop(0)) for topic in topics}

    found = from_leaders(ask, list(answers), timeout=5)
    assert asked == [["ready", "denied", "new"], ["new"], ["new"]]
    assert (found["ready"].result(), found["new"].result()) == ("1", "2")
    assert isinstance(found["denied"].exception(), KafkaException)


def test_a_topic_that_stays_without_a_leader_is_given_up() -> None:
    """When the time is over the last answer counts."""
    found = from_leaders(lambda topics: {t: _future(KafkaError.LEADER_NOT_AVAILABLE) for t in topics}, ["t"], timeout=0)
    assert found["t"].exception().args[0].code() == KafkaError.LEADER_NOT_AVAILABLE


def test_a_coordinator_that_is_not_there_yet_is_asked_again() -> None:
    """While a group's log is read by its next coordinator, or nobody is it; any other error ends the asking, as time does."""
    loading: list[object] = [KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.NOT_COORDINATOR]
    answers = [*loading, KafkaError.COORDINATOR_NOT_AVAILABLE, "offsets"]
    assert from_coordinator(lambda: _future(answers.pop(0)), timeout=5).result() == "offsets"
    answers = [*loading, KafkaError.GROUP_AUTHORIZATION_FAILED]
    assert from_coordinator(lambda: _future(answers.pop(0)), timeout=5).exception().args[0].code() == (
        KafkaError.GROUP_AUTHORIZATION_FAILED
    )
    answers = [*loading]
    assert from_coordinator(lambda: _future(answers.pop(0)), timeout=0).exception().args[0].code() == loading[0]


def test_a_call_that_does_not_come_back_is_left() -> None:
    """Its caller gets a TimeoutError in time; answers and errors of others come through as they are."""
    ever = threading.Event()
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        within(0.05, ever.wait)
    assert time.monotonic() - begun < 5
    ever.set()
    assert within(5, lambda: 7) == 7
    with pytest.raises(KafkaException):
        within(5, lambda: _future(KafkaError._TRANSPORT).result())
    with pytest.raises(TimeoutError, match="its own"):
        within(5, lambda: _raise(TimeoutError("its own")))


def _raise(error: Exception) -> None:
    raise error


def _place(offset: int, code: int | None = None) -> TopicPartition:
    place = TopicPartition("t", 0, offset)
    return place if code is None else _Failed(code)  # type: ignore[return-value]


class _Failed:
    """A place with an error, which the client's own class takes from the broker only."""

    topic = "t"

    def __init__(self, code: int) -> None:
        self.error = KafkaError(code)


def test_offsets_in_a_transaction_that_ends_are_waited_for() -> None:
    """An offset that is being changed is read again until it is settled."""
    answers = [[_place(-1, KafkaError.UNSTABLE_OFFSET_COMMIT)], [_place(7)]]
    assert [place.offset for place in stable_offsets(lambda: answers.pop(0), "reading", "g")] == [7]


@pytest.mark.parametrize(
    ("code", "expected"),
    [(KafkaError.TOPIC_AUTHORIZATION_FAILED, AccessDenied), (KafkaError.COORDINATOR_NOT_AVAILABLE, BrokerUnavailable)],
)
def test_any_other_error_of_an_offset_is_raised(code: int, expected: type[Exception]) -> None:
    """An offset that cannot be read is an error, not "nothing committed"."""
    with pytest.raises(expected):
        stable_offsets(lambda: [_place(3), _place(-1, code)], "reading", "g")
