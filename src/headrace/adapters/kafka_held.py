"""What a Kafka reader knows of the topics it holds: their place, the generation under which it got them, and their ids."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from headrace.adapters.kafka_admin import KafkaAdmin
from headrace.adapters.kafka_calls import answer_unless_gone
from headrace.adapters.kafka_log import LOG
from headrace.clock import Clock
from headrace.errors import BrokerError, OffsetOutOfRange, TopicMissing, TopicReplaced
from headrace.interfaces.broker import OffsetAt

_METADATA = re.compile(rb"CGMDv2:(?P<generation>.{4})", re.DOTALL)
"""How librdkafka writes a group's metadata (``rd_kafka_consumer_group_metadata_write``): the magic, then the generation
(the member's epoch in the consumer protocol) as a 32-bit integer in the machine's order, then names."""

LOOK_S = 5.0
"""How often ids are compared where the broker does not do it."""


def generation_of(metadata: bytes) -> int:
    """The generation in a group's serialised metadata. Raises `BrokerError` for a form that is not known."""
    match = _METADATA.match(metadata)
    if match is None:
        raise BrokerError("this version of confluent-kafka tells a group's generation in a form that is not known")
    return int.from_bytes(match["generation"], sys.byteorder, signed=True)


def patterns_of(prefix: str) -> list[str]:
    """Subscriptions for the topics that begin with ``prefix``: regular expressions in what librdkafka, which searches, and
    the broker (RE2/J), which matches the whole name, have in common. Kafka's own topics begin with two underscores."""
    if prefix == "":
        return [r"^[^_].*", r"^_[^_].*"]
    if prefix == "_":
        return [r"^_[^_].*"]
    return ["^" + prefix.replace(".", r"\.") + ".*"]


class Held:
    """A topic that is read. ``start``: where reading was begun, maybe a logical offset; ``position``: the next offset, as
    far as it is known; ``anywhere``: nobody has read it, so that the earliest is right, whatever it is; ``failed``: its
    error was told."""

    __slots__ = ("anywhere", "failed", "generation", "position", "start")

    def __init__(self, generation: int, start: int, *, anywhere: bool = False) -> None:
        self.anywhere = anywhere
        self.generation = generation
        self.start = start
        self.position = max(start, 0)
        self.failed = False


class TopicIds:
    """The id of every topic that was ever held: a name that comes back with another one is another topic.

    In the consumer protocol the broker hands topics out by id, so that a topic made again comes as a new assignment, where
    `compare` tells. Elsewhere the client would read on in the new log at the old one's offset, without a word: there
    `look` asks for the ids from time to time. It never waits for them.
    """

    def __init__(self, admin: KafkaAdmin, clock: Clock) -> None:
        self._admin = admin
        self._clock = clock
        self._known: dict[str, str] = {}
        self._asked: dict[str, Future[Any]] = {}
        self._next_look = clock.monotonic() + LOOK_S

    def forget(self) -> None:
        self._known.clear()
        self._asked.clear()

    def compare(self, topic: str, topic_id: str) -> TopicReplaced | None:
        """Note the id; an error where it is not the one that was known. It is told once."""
        known = self._known.setdefault(topic, topic_id)
        if known == topic_id:
            return None
        self._known[topic] = topic_id
        return TopicReplaced(
            f"{topic} was deleted and made again: it was the topic {known} and is {topic_id} now",
            topic=topic,
            committed=known,
            actual=topic_id,
        )

    def look(self, topics: Mapping[str, Held]) -> dict[str, BrokerError]:
        """What has become of ``topics`` since the last look: those replaced or missing."""
        if self._asked:
            if not all(future.done() for future in self._asked.values()):
                return {}
            asked, self._asked = self._asked, {}
            try:
                return self._compare_all(asked, topics)
            except BrokerError as error:
                LOG.info("the ids of topics could not be compared: %s", error)
        elif self._clock.monotonic() >= self._next_look:
            self._next_look = self._clock.monotonic() + LOOK_S
            self._asked = self._admin.ask_topics(topics)
        return {}

    def _compare_all(self, asked: Mapping[str, Future[Any]], topics: Mapping[str, Held]) -> dict[str, BrokerError]:
        found: dict[str, BrokerError] = {}
        for topic, future in asked.items():
            if topic not in topics:
                continue
            described = answer_unless_gone(future, f"describing {topic}")
            if described is None:
                found[topic] = TopicMissing(f"{topic} is gone", topic=topic)
            elif (error := self.compare(topic, str(described.topic_id))) is not None:
                found[topic] = error
        return found


def out_of_range(admin: KafkaAdmin, topic: str, wanted: int, error: KafkaError) -> OffsetOutOfRange:
    """``lost`` is the first and the last offset that is missing."""
    earliest = admin.offsets([topic], OffsetAt.EARLIEST).get(topic, 0)
    latest = admin.offsets([topic], OffsetAt.LATEST).get(topic, 0)
    lost = (wanted, earliest - 1) if wanted < earliest else (latest, wanted - 1)
    found = OffsetOutOfRange(
        f"{topic} has no offset {wanted}: it holds {earliest} to {latest - 1}; lost are {lost[0]} to {lost[1]}",
        topic=topic,
        offset=wanted,
        earliest=earliest,
        latest=latest,
        lost=lost,
    )
    found.__cause__ = KafkaException(error)
    return found
