"""The Kafka writer on a producer that is played: what a real one does only once in a long while."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from confluent_kafka import KafkaError, KafkaException

from headrace.adapters import kafka_writer
from headrace.adapters.kafka_missing import WAITING_MOST
from headrace.adapters.kafka_settings import producer_settings
from headrace.adapters.kafka_writer import KafkaWriter
from headrace.errors import AccessDenied, BrokerError, BufferFull, Closed, PublishTimeout, TopicMissing
from headrace.model.record import Record

RECORD = Record(b"k", b"v", (("event-type", b"x"),))


class _Message:
    def __init__(self, offset: int) -> None:
        self._offset = offset

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return (2, 99)


class _Producer:
    """Holds what it takes until the test acknowledges it."""

    made: ClassVar[list[_Producer]] = []
    missing: ClassVar[set[str]] = set()
    room: ClassVar[int] = 1_000

    def __init__(self, settings: dict[str, Any], logger: Any) -> None:
        self.settings = settings
        self.taken: deque[tuple[str, Callable[..., None]]] = deque()
        self.calls: deque[Callable[[], None]] = deque()
        self.offsets: dict[str, int] = {}
        self.looked_up: list[str] = []
        _Producer.made.append(self)

    def produce(
        self, topic: str, value: bytes, key: bytes, partition: int, on_delivery: Callable[..., None], headers: Any
    ) -> None:
        if topic in self.missing:
            raise KafkaException(KafkaError(KafkaError._UNKNOWN_TOPIC))
        if len(self.taken) >= self.room:
            raise BufferError("Local: Queue full")
        self.taken.append((topic, on_delivery))

    def list_topics(self, topic: str, timeout: float) -> None:
        self.looked_up.append(topic)

    def acknowledge(self, count: int = 1, error: KafkaError | None = None) -> None:
        for _ in range(count):
            topic, report = self.taken.popleft()
            offset = self.offsets[topic] = self.offsets.get(topic, -1) + 1
            self.calls.append(lambda report=report, offset=offset: report(error, _Message(offset)))

    def fail_fatally(self) -> None:
        fatal = KafkaError(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, "lost its place", fatal=True)
        self.calls.append(lambda: self.settings["error_cb"](fatal))

    def poll(self, timeout: float) -> int:
        served = 0
        while self.calls:
            self.calls.popleft()()
            served += 1
        if not served:
            time.sleep(0.001)
        return served

    flush = poll

    def purge(self) -> None:
        while self.taken:
            _, report = self.taken.popleft()
            self.calls.append(lambda report=report: report(KafkaError(KafkaError._PURGE_QUEUE), _Message(-1)))


@pytest.fixture
def writer(monkeypatch: pytest.MonkeyPatch) -> Iterator[KafkaWriter]:
    """A writer whose producer the test plays."""
    monkeypatch.setattr(kafka_writer, "Producer", _Producer)
    monkeypatch.setattr(_Producer, "made", [])
    monkeypatch.setattr(_Producer, "missing", set())
    monkeypatch.setattr(_Producer, "room", 1_000)
    writer = KafkaWriter(producer_settings("b:1", {}))
    yield writer
    writer.close(0)


def test_receipts_of_the_acknowledged_records_are_settled(writer: KafkaWriter) -> None:
    """An acknowledgement settles the receipt with the offset and the log's time; `flush` waits for the last."""
    receipts = [writer.publish("t", RECORD, f"e{i}") for i in range(10)]
    _Producer.made[0].acknowledge(10)
    writer.flush(5)
    assert [(r.offset, r.timestamp, r.event_id) for r in receipts] == [(i, 99, f"e{i}") for i in range(10)]


def test_a_fatal_error_fails_what_was_taken_and_a_new_producer_goes_on(writer: KafkaWriter) -> None:
    """After a fatal error every unsettled receipt fails, in order, and the next record goes to a new producer."""
    acknowledged = writer.publish("a", RECORD)
    lost = [writer.publish(topic, RECORD) for topic in "abab"]
    order: list[Any] = []
    again: list[Any] = []
    lost[0].add_done_callback(lambda _: again.append(writer.publish("again", RECORD)))
    for receipt in lost:
        receipt.add_done_callback(order.append)
    first = _Producer.made[0]
    first.acknowledge(1)
    first.fail_fatally()
    for receipt in lost:
        with pytest.raises(BrokerError, match="lost its place"):
            receipt.result(5)
    assert acknowledged.result(5).offset == 0
    assert [r for r in order if r.topic == "a"] == [lost[0], lost[2]]
    after = writer.publish("a", RECORD)
    second = _Producer.made[1]
    second.acknowledge(2)
    assert after.result(5).offset == again[0].result(5).offset == 0
    assert not first.taken


def test_a_writer_that_the_cluster_refuses_as_a_whole_fails_what_it_takes_and_does_not_hammer(
    writer: KafkaWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A principal without any right to write: each receipt fails with `AccessDenied`, no producer after the other is made for
    it, and once the right is there the next record goes through."""

    def refuse() -> None:
        error = KafkaError(KafkaError.CLUSTER_AUTHORIZATION_FAILED, "no id for you", fatal=True)
        raise KafkaException(error)

    taken = [writer.publish(topic, RECORD) for topic in "ab"]
    _Producer.made[0].calls.append(refuse)
    for receipt in [*taken, writer.publish("a", RECORD)]:
        with pytest.raises(AccessDenied, match="no id for you") as caught:
            receipt.result(5)
        assert caught.value.hint and not caught.value.retryable
    writer.flush(5)
    with pytest.raises(AccessDenied):
        writer.publish("b", RECORD).result(5)
    assert len(_Producer.made) == 1
    monkeypatch.setattr(writer, "_ask_again", 0.0)
    after = writer.publish("a", RECORD)
    _Producer.made[1].acknowledge(1)
    assert after.result(5).offset == 0


def test_a_full_buffer_blocks_publish_and_refuses_try_publish(
    writer: KafkaWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the bound `try_publish` raises BufferFull and `publish` waits until there is room."""
    monkeypatch.setattr(_Producer, "room", 2)
    first = [writer.publish("t", RECORD) for _ in range(2)]
    with pytest.raises(BufferFull):
        writer.try_publish("t", RECORD)
    third: list[Any] = []
    thread = threading.Thread(target=lambda: third.append(writer.publish("t", RECORD)))
    thread.start()
    thread.join(0.1)
    assert thread.is_alive()
    _Producer.made[0].acknowledge(1)
    thread.join(5)
    assert first[0].result(5).offset == 0
    _Producer.made[0].acknowledge(2)
    assert [r.result(5).offset for r in (first[1], third[0])] == [1, 2]


def test_a_missing_topic_is_looked_up_again_before_it_is_refused(writer: KafkaWriter) -> None:
    """A topic that the producer remembers as missing is asked for once more; then its own receipt fails, and no other."""
    _Producer.missing.add("gone")
    other = writer.publish("t", RECORD)
    refused = writer.publish("gone", RECORD)
    with pytest.raises(TopicMissing):
        refused.result(5)
    assert _Producer.made[0].looked_up == ["gone"]
    assert not other.done
    _Producer.missing.clear()
    found = writer.publish("gone", RECORD)
    _Producer.made[0].acknowledge(2)
    assert other.result(5).offset == found.result(5).offset == 0


def test_nobody_waits_for_the_answer_whether_a_topic_is_there(
    writer: KafkaWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a missing topic is asked about, its records wait in order, other topics' are acknowledged, and nobody who
    publishes is held up, not even by a producer that is full when the answer comes."""
    answered = threading.Event()
    monkeypatch.setattr(_Producer, "list_topics", lambda self, topic, timeout: answered.wait(10))
    _Producer.missing.add("new")
    waiting = [writer.publish("new", RECORD)]
    _Producer.missing.clear()
    waiting += [writer.publish("new", RECORD) for _ in range(2)]
    other = writer.publish("t", RECORD)
    producer = _Producer.made[0]
    assert [topic for topic, _ in producer.taken] == ["t"]
    monkeypatch.setattr(_Producer, "room", 2)
    producer.acknowledge(1)
    assert other.result(5).offset == 0
    with pytest.raises(PublishTimeout):
        writer.flush(0.05)
    answered.set()
    for i, receipt in enumerate(waiting):
        while not producer.taken:
            time.sleep(0.001)
        producer.acknowledge(1)
        assert receipt.result(5).offset == i


def test_no_more_than_a_bounded_number_waits_for_a_missing_topic(
    writer: KafkaWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is beyond the bound is refused, behind the ones that wait."""
    answered = threading.Event()
    monkeypatch.setattr(_Producer, "list_topics", lambda self, topic, timeout: answered.wait(10))
    _Producer.missing.add("gone")
    receipts = [writer.publish("gone", RECORD) for _ in range(WAITING_MOST + 1)]
    assert not any(receipt.done for receipt in receipts)
    answered.set()
    for receipt in receipts:
        with pytest.raises(TopicMissing):
            receipt.result(5)


def test_what_waits_for_a_missing_topic_fails_with_its_producer(
    writer: KafkaWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fatal error fails the records that wait too, and they are not handed to the new producer."""
    answered = threading.Event()
    monkeypatch.setattr(_Producer, "list_topics", lambda self, topic, timeout: answered.wait(10))
    _Producer.missing.add("new")
    waiting = writer.publish("new", RECORD)
    _Producer.missing.clear()
    _Producer.made[0].fail_fatally()
    with pytest.raises(BrokerError, match="lost its place"):
        waiting.result(5)
    answered.set()
    after = writer.publish("new", RECORD)
    while not _Producer.made[1].taken:
        time.sleep(0.001)
    _Producer.made[1].acknowledge(1)
    assert after.result(5).offset == 0
    assert not _Producer.made[1].taken


def test_a_refused_record_settles_after_the_ones_before_it(writer: KafkaWriter) -> None:
    """A record that the producer refuses at once is settled in its turn, not before earlier ones of its topic."""
    before = writer.publish("t", RECORD)
    _Producer.missing.add("t")
    refused = writer.publish("t", RECORD)
    time.sleep(0.02)
    assert not refused.done
    _Producer.made[0].acknowledge(1)
    with pytest.raises(TopicMissing):
        refused.result(5)
    assert before.done


def test_flush_ends_with_publish_timeout(writer: KafkaWriter) -> None:
    """`flush` with a timeout raises while a record is not acknowledged, and says how many are not."""
    writer.publish("t", RECORD)
    with pytest.raises(PublishTimeout, match="1 records"):
        writer.flush(0.05)


def test_closing_fails_what_is_not_acknowledged(writer: KafkaWriter) -> None:
    """After `close` with a timeout the unsettled receipts have failed with Closed, and nothing more is taken."""
    receipts = [writer.publish("t", RECORD) for _ in range(3)]
    writer.close(0.05)
    writer.close(0.05)
    for receipt in receipts:
        with pytest.raises(Closed):
            receipt.result(0)
    with pytest.raises(Closed):
        writer.publish("t", RECORD)
    assert not _Producer.made[0].taken
