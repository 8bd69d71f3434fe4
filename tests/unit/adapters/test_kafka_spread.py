"""Writers for many topics: what is chosen by their number, and where a topic's records go."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.adapters import kafka_spread
from headrace.adapters.kafka_settings import (
    LINGER_MOST_MS,
    LINGER_MS,
    PRODUCERS_MOST,
    linger_ms,
    producer_settings,
    producers,
)
from headrace.adapters.kafka_spread import KafkaSpreadWriter, writer_for
from headrace.clock import Clock, ManualClock
from headrace.errors import PublishTimeout
from headrace.model.record import Record

RECORD = Record(None, b"v")


class _Writer:
    """Notes what it is given."""

    def __init__(self, settings: dict[str, Any], clock: Clock | None = None) -> None:
        self.settings = settings
        self.topics: list[str] = []
        self.timeouts: list[float | None] = []
        self.error: Exception | None = None
        self.takes = 0.0
        self.clock = clock

    def publish(self, topic: str, record: Record, event_id: str | None = None) -> Any:
        self.topics.append(topic)
        return topic

    try_publish = publish

    def flush(self, timeout: float | None = None) -> None:
        self.timeouts.append(timeout)
        if isinstance(self.clock, ManualClock):
            self.clock.advance(self.takes)
        if self.error is not None:
            raise self.error

    close = flush


@pytest.fixture(autouse=True)
def _played(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_spread, "KafkaWriter", _Writer)


@given(topics=st.integers(1, 100_000))
def test_more_topics_never_wait_less_and_never_without_bound(topics: int) -> None:
    """Linger and the number of producers grow with the topics, from the least to the most."""
    assert LINGER_MS <= linger_ms(topics) <= linger_ms(topics + 1) <= LINGER_MOST_MS
    assert 1 <= producers(topics) <= producers(topics + 1) <= PRODUCERS_MOST


def test_a_caller_s_linger_wins() -> None:
    """The number of topics is a hint; a property is an order."""
    assert producer_settings("b:1", {}, topics=1_000)["linger.ms"] == 100
    assert producer_settings("b:1", {"linger.ms": "7"}, topics=1_000)["linger.ms"] == "7"


def test_few_topics_have_one_producer() -> None:
    """A writer of few topics is a plain one."""
    assert isinstance(writer_for("b:1", {}, topics=10), _Writer)


@given(topics=st.sets(st.text("abc.-_012", min_size=1, max_size=12), min_size=1, max_size=50))
def test_a_topic_stays_with_its_producer(topics: set[str]) -> None:
    """All of a topic's records go to one producer, in order, and none goes anywhere else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kafka_spread, "KafkaWriter", _Writer)
        writer: Any = writer_for("b:1", {}, topics=5_000)
        for _ in range(2):
            for topic in topics:
                writer.publish(topic, RECORD)
        for topic in topics:
            writer.try_publish(topic, RECORD)
    given_to = [[each for each in part.topics if each == topic] for topic in topics for part in writer._writers]
    assert sorted(map(len, given_to)) == [0] * (len(topics) * (PRODUCERS_MOST - 1)) + [3] * len(topics)


def test_the_writer_s_bounds_are_shared() -> None:
    """Together the producers hold what one writer may; no bound stays no bound, and a small one does not become one."""
    writer: Any = writer_for("b:1", {"queue.buffering.max.messages": "0"}, topics=5_000)
    assert [part.settings["queue.buffering.max.messages"] for part in writer._writers] == [0] * 4
    assert [part.settings["queue.buffering.max.kbytes"] for part in writer._writers] == [131_072 // 4] * 4
    small: Any = writer_for("b:1", {"queue.buffering.max.messages": "2"}, topics=5_000)
    assert [part.settings["queue.buffering.max.messages"] for part in small._writers] == [1] * 4


def test_a_timeout_is_for_all_producers_together() -> None:
    """What the first needs is no longer there for the others; without a timeout all wait as long as it takes."""
    clock = ManualClock()
    parts = [_Writer({}, clock) for _ in range(3)]
    writer = KafkaSpreadWriter(parts, clock)  # type: ignore[arg-type]  # played
    parts[0].takes, parts[1].takes = 4, 10
    writer.flush(5)
    assert [part.timeouts for part in parts] == [[5], [1], [0]]
    writer.close()
    assert [part.timeouts[-1] for part in parts] == [None, None, None]
    parts[1].error = PublishTimeout("3 records are not acknowledged")
    with pytest.raises(PublishTimeout):
        writer.flush(5)
