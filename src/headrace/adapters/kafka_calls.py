"""Helpers for calls to the Kafka client: futures to values and errors, requests of a bounded size."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, wait
from itertools import islice
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from headrace.adapters.kafka_errors import asked, broker_error
from headrace.errors import BrokerError, BrokerUnavailable, TopicMissing
from headrace.interfaces.broker import OffsetCommit

CHUNK = 1_000
"""Names per request: 8,000 names of 55 bytes in one commit were refused, and one answer should not hold up the client."""

REQUEST_TIMEOUT_S = 30.0
"""How long one request may take; a smaller ``socket.timeout.ms`` among the properties shortens it."""

T = TypeVar("T")


def chunks(items: Iterable[T]) -> Iterator[list[T]]:
    """``items`` in lists of at most `CHUNK`."""
    iterator = iter(items)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk


def request_timeout(properties: Mapping[str, str]) -> float:
    """Seconds."""
    return min(REQUEST_TIMEOUT_S, int(properties.get("socket.timeout.ms", 60_000)) / 1000)


def partition_at(topic: str, commit: OffsetCommit) -> TopicPartition:
    """A commit in the client's form: every topic has the one partition 0."""
    return TopicPartition(topic, 0, commit.offset, commit.metadata)


def answer(future: Future[Any], what: str, **data: Any) -> Any:
    """What the future brings. Raises the `BrokerError` for its exception."""
    try:
        # The client ends the future itself at its own timeout; this one is for a client that is closed under it.
        return future.result(REQUEST_TIMEOUT_S + 5)
    except KafkaException as error:
        raise broker_error(error, what, **data) from error
    except TimeoutError as error:
        raise BrokerUnavailable(f"{what}: no answer", **data) from error


def error_of(future: Future[Any], what: str, **data: Any) -> BrokerError | None:
    """The error that the future brings, or None."""
    try:
        answer(future, what, **data)
    except BrokerError as error:
        return error
    return None


def errors_of(futures: Mapping[str, Future[Any]], what: str) -> dict[str, BrokerError | None]:
    """By topic: its error, or None."""
    return {topic: error_of(future, f"{what} {topic}", topic=topic) for topic, future in futures.items()}


def answer_unless_gone(future: Future[Any], what: str) -> Any:
    """What the future brings, or None where that is that the topic is not there."""
    try:
        return answer(future, what)
    except TopicMissing:
        return None


def from_leaders(
    ask: Callable[[list[str]], Mapping[str, Future[Any]]], topics: list[str], timeout: float
) -> dict[str, Future[Any]]:
    """Ask about topics, where each one's leader answers; again those that have none just now: a topic that was made a
    moment ago, or whose broker has gone. By topic its future, which has come."""
    deadline = time.monotonic() + timeout
    found: dict[str, Future[Any]] = {}
    while topics:
        found |= ask(topics)
        topics = [topic for topic in topics if time.monotonic() < deadline and _failed_with(found[topic], _LEADERLESS)]
        if topics:
            time.sleep(0.02)
    return found


def from_coordinator(ask: Callable[[], Future[Any]], timeout: float) -> Future[Any]:
    """Ask a group's coordinator; again while there is none to answer: the broker that was it has gone, or the next one still
    reads the group's log. Nothing was done then. A future that has come."""
    deadline = time.monotonic() + timeout
    while True:
        future = ask()
        if not _failed_with(future, _NO_COORDINATOR) or time.monotonic() >= deadline:
            return future
        time.sleep(0.1)


_LEADERLESS = (
    KafkaError.FENCED_LEADER_EPOCH,  # the client's account of the leader is an election old
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.UNKNOWN_LEADER_EPOCH,
)
_NO_COORDINATOR = (
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
)


def _failed_with(future: Future[Any], codes: tuple[int, ...]) -> bool:
    try:
        error = future.exception(REQUEST_TIMEOUT_S + 5)
    except TimeoutError:
        return False
    return isinstance(error, KafkaException) and error.args[0].code() in codes


def within(seconds: float, call: Callable[[], T]) -> T:
    """What ``call`` answers, or raises. Raises TimeoutError when it has not come back by then, for calls that do not keep to
    their own timeout: it goes on in a thread of its own, and what it answers is lost."""
    answered: Future[T] = Future()

    def run() -> None:
        try:
            answered.set_result(call())
        except BaseException as error:
            answered.set_exception(error)

    threading.Thread(target=run, name="headrace-kafka-call", daemon=True).start()
    if answered not in wait([answered], seconds).done:
        raise TimeoutError
    return answered.result()


def stable_offsets(read: Callable[[], list[TopicPartition]], what: str, group: str | None) -> list[TopicPartition]:
    """What ``read`` answers, again while one of the offsets is being changed by a transaction that is committed but not
    yet carried out everywhere. Raises for any other error of one of them."""
    deadline = time.monotonic() + REQUEST_TIMEOUT_S
    while True:
        with asked(what, group=group):
            partitions = read()
        failed = [(p.topic, p.error) for p in partitions if p.error is not None]
        if not failed:
            return partitions
        unstable = all(error.code() == KafkaError.UNSTABLE_OFFSET_COMMIT for _, error in failed)
        if not unstable or time.monotonic() > deadline:
            topic, error = failed[0]
            raise broker_error(error, what, group=group, topic=topic)
        time.sleep(0.02)
