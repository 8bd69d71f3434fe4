"""What a consumer group has committed, read as one of its members would read it, without joining.

Not by the admin client's `list_consumer_group_offsets`: where the group's coordinator answers that it is none (a new cluster, a
broker that has just taken over) librdkafka ends the whole process with a segmentation fault, because the admin client has no
group to look a coordinator up for (librdkafka issue 5040; seen with 2.16.0).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from confluent_kafka import Consumer, TopicPartition

from headrace.adapters.kafka_calls import REQUEST_TIMEOUT_S, chunks, request_timeout, stable_offsets
from headrace.adapters.kafka_errors import opening
from headrace.adapters.kafka_log import CLIENT_LOG
from headrace.adapters.kafka_settings import consumer_settings
from headrace.errors import BrokerUnavailable
from headrace.interfaces.broker import OffsetCommit

_MOVING = ("COORDINATOR_LOAD_IN_PROGRESS", "COORDINATOR_NOT_AVAILABLE", "NOT_COORDINATOR")


def committed_offsets(
    bootstrap: str, properties: Mapping[str, str], group: str, topics: Iterable[str]
) -> dict[str, OffsetCommit]:
    """By topic, of those of ``topics`` that the group has committed for. Raises `BrokerError`."""
    # The settings of a reader without a group: as no member it says nothing of a member's id, which the broker would check.
    # What is committed counts, and is not waited for while a transaction is about to change it.
    own = {"group.id": group, "isolation.level": "read_uncommitted"}
    settings = consumer_settings(bootstrap, properties, None) | own
    with opening("a consumer"):
        consumer = Consumer(settings, logger=CLIENT_LOG)
    try:
        found: dict[str, OffsetCommit] = {}
        for chunk in chunks(sorted(topics)):
            places = [TopicPartition(topic, 0) for topic in chunk]
            read = partial(consumer.committed, places, timeout=request_timeout(properties))
            for answer in _settled(partial(stable_offsets, read, f"reading the offsets of {group}", group)):
                if answer.offset >= 0:
                    found[answer.topic] = OffsetCommit(answer.offset, answer.metadata or "")
        return found
    finally:
        consumer.close()


def _settled(read: Callable[[], list[TopicPartition]]) -> list[TopicPartition]:
    """What ``read`` answers, again while the group's coordinator moves."""
    deadline = time.monotonic() + REQUEST_TIMEOUT_S
    while True:
        try:
            return read()
        except BrokerUnavailable as error:
            if error.data.get("kafka_error") not in _MOVING or time.monotonic() > deadline:
                raise
        time.sleep(0.1)
