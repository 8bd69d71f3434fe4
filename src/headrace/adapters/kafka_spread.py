"""Writing to thousands of topics: several producers, each with its share of them.

librdkafka puts one topic's records into a request, and an idempotent producer has at most five requests under way at each
broker. For thousands of topics with little in each, that many round trips are the limit, and each producer more adds five.
A topic stays with one producer, so its order is that of the `publish` calls.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping

from headrace.adapters.kafka_settings import producer_settings, producers
from headrace.adapters.kafka_writer import KafkaWriter
from headrace.clock import SYSTEM_CLOCK, Clock
from headrace.interfaces.receipt import Receipt
from headrace.model.record import Record

_SHARED_BOUNDS = ("queue.buffering.max.messages", "queue.buffering.max.kbytes")
"""Bounds of a writer, so each of its producers has its share."""


def writer_for(
    bootstrap: str, properties: Mapping[str, str], clock: Clock = SYSTEM_CLOCK, topics: int = 1
) -> KafkaWriter | KafkaSpreadWriter:
    """A writer for about ``topics`` topics."""
    settings = producer_settings(bootstrap, properties, topics=topics)
    count = producers(topics)
    if count == 1:
        return KafkaWriter(settings, clock)
    for name in _SHARED_BOUNDS:
        # 0 is no bound; a small one is never divided down to it.
        settings[name] = int(settings[name]) and max(int(settings[name]) // count, 1)
    return KafkaSpreadWriter([KafkaWriter(settings, clock) for _ in range(count)], clock)


class KafkaSpreadWriter:
    """`RecordWriter` on several. Safe for many threads."""

    def __init__(self, writers: list[KafkaWriter], clock: Clock = SYSTEM_CLOCK) -> None:
        self._writers = writers
        self._clock = clock
        self._of_topic: dict[str, KafkaWriter] = {}

    def _writer(self, topic: str) -> KafkaWriter:
        writer = self._of_topic.get(topic)
        if writer is None:
            # Not `hash`, which differs from process to process: what is measured today is so tomorrow.
            writer = self._of_topic[topic] = self._writers[zlib.crc32(topic.encode()) % len(self._writers)]
        return writer

    def publish(self, topic: str, record: Record, event_id: str | None = None) -> Receipt:
        return self._writer(topic).publish(topic, record, event_id)

    def try_publish(self, topic: str, record: Record, event_id: str | None = None) -> Receipt:
        return self._writer(topic).try_publish(topic, record, event_id)

    def flush(self, timeout: float | None = None) -> None:
        self._each(lambda writer, left: writer.flush(left), timeout)

    def close(self, timeout: float | None = None) -> None:
        self._each(lambda writer, left: writer.close(left), timeout)

    def _each(self, end: Callable[[KafkaWriter, float | None], None], timeout: float | None) -> None:
        """One after the other, in ``timeout`` seconds together: the others go on meanwhile, so it takes as long as the
        slowest."""
        deadline = None if timeout is None else self._clock.monotonic() + timeout
        for writer in self._writers:
            end(writer, None if deadline is None else max(deadline - self._clock.monotonic(), 0))
