"""The writer's thread goes on, whatever a record, a callback or the upkeep does: every receipt depends on it."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headrace.adapters import embedded_maintenance
from headrace.adapters.embedded_broker import EmbeddedBroker
from headrace.adapters.embedded_store import Gate
from headrace.adapters.embedded_writer import EmbeddedWriter
from headrace.clock import ManualClock
from headrace.errors import BrokerError, Closed, PayloadTooLarge
from headrace.interfaces.broker import OffsetAt, TopicSpec
from headrace.interfaces.receipt import Receipt
from headrace.model.record import Record


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    """A broker with the topics a and b."""
    broker = EmbeddedBroker(tmp_path)
    broker.admin.create_topics([TopicSpec("a"), TopicSpec("b")])
    yield broker
    broker.close()


@contextmanager
def held(writer: EmbeddedWriter) -> Iterator[None]:
    """Nothing is committed meanwhile: the gate is held by somebody else."""
    gate = Gate(writer._store.folder)
    try:
        with gate:
            yield
    finally:
        gate.close()


def together(writer: EmbeddedWriter, *records: tuple[str, Record]) -> list[Receipt]:
    """Publish while the gate is held, so that all of them go into one commit."""
    with held(writer):
        first = writer.publish("a", Record(None, b"first"))
        time.sleep(0.05)  # the thread has taken it, and waits at the gate
        return [first, *(writer.publish(topic, record) for topic, record in records)]


def test_a_record_that_cannot_be_encoded_fails_alone(broker: EmbeddedBroker) -> None:
    """Half a surrogate pair in a header's name costs neither its neighbours in the commit nor another topic anything."""
    writer = broker.writer()
    receipts = together(
        writer,
        ("a", Record(None, b"1")),
        ("a", Record(None, b"2", (("\ud800", b"x"),))),
        ("a", Record(None, b"3")),
        ("b", Record(None, b"4")),
    )
    writer.flush(10)
    assert [receipt.offset for receipt in receipts] == [0, 1, -1, 2, 0]
    with pytest.raises(BrokerError, match="cannot be stored"):
        receipts[2].result()


def test_headers_count_towards_a_topic_s_limit(broker: EmbeddedBroker) -> None:
    """A record whose headers are larger than the topic takes is refused, however small its value is."""
    broker.admin.set_configs({"a": {"max.message.bytes": "2000"}})
    receipts = together(
        broker.writer(), ("a", Record(None, b"1", (("h", b"x" * 2_000),))), ("a", Record(None, b"2", (("h", b"x"),)))
    )
    with pytest.raises(PayloadTooLarge):
        receipts[1].result(10)
    assert receipts[2].result(10).offset == 1


def test_a_callback_that_fails_holds_up_nothing(broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture) -> None:
    """An exception in a receipt's callback is logged; the receipts after it are settled, and so are later ones."""
    writer = broker.writer()
    with caplog.at_level(logging.ERROR), held(writer):
        receipts = [writer.publish("a", Record(None, b"%d" % i)) for i in range(3)]
        receipts[0].add_done_callback(lambda _: 1 / 0)
    assert [receipt.result(10).offset for receipt in receipts] == [0, 1, 2]
    assert writer.publish("a", Record(None, b"3")).result(10).offset == 3
    assert "ZeroDivisionError" in caplog.text


def test_a_loop_that_ended_before_its_receipt_holds_up_nothing(broker: EmbeddedBroker) -> None:
    """A task that was cancelled with its event loop while it waited leaves a callback that can only fail."""
    writer = broker.writer()

    async def wait(receipt: Receipt) -> None:
        await receipt

    with held(writer):
        receipt = writer.publish("a", Record(None, b"1"))
        with pytest.raises(TimeoutError):
            asyncio.run(asyncio.wait_for(wait(receipt), 0.02))
    assert receipt.result(10).offset == 0
    assert writer.publish("a", Record(None, b"2")).result(10).offset == 1


def test_a_callback_may_publish_though_the_writer_is_full(tmp_path: Path) -> None:
    """It runs on the thread that makes room, so it is let through where others wait."""
    broker = EmbeddedBroker(tmp_path, max_records=2)
    broker.admin.create_topics([TopicSpec("a")])
    writer = broker.writer()
    followers: list[Receipt] = []
    for i in range(20):
        receipt = writer.publish("a", Record(None, b"%d" % i))
        receipt.add_done_callback(lambda _: followers.append(writer.publish("a", Record(None, b"follower"))))
    writer.flush(20)
    assert len(followers) == 20
    assert sorted(receipt.result(10).offset for receipt in followers)[-1] <= 39
    assert broker.admin.offsets(["a"], OffsetAt.LATEST) == {"a": 40}
    broker.close()


def test_upkeep_that_fails_is_logged_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Too many open files, say, in retention and compaction do not end the thread that writes."""
    clock = ManualClock()
    broker = EmbeddedBroker(tmp_path, clock=clock, maintenance_s=1)
    broker.admin.create_topics([TopicSpec("a")])
    writer = broker.writer()
    tried = threading.Event()

    def refuse(*_: object) -> None:
        tried.set()
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(embedded_maintenance._Alone, "__init__", refuse)
    with caplog.at_level(logging.WARNING):
        clock.advance(2)
        writer.publish("a", Record(None, b"1")).result(10)
        assert tried.wait(10)
        writer.publish("a", Record(None, b"2")).result(10)
        broker.close()  # which waits for upkeep's thread, and so for its line
    assert "Too many open files" in caplog.text


def test_closing_with_a_timeout_returns_though_the_gate_is_held(tmp_path: Path) -> None:
    """What is not yet being committed fails with Closed; what is, is settled as it turns out."""
    broker = EmbeddedBroker(tmp_path)
    broker.admin.create_topics([TopicSpec("a")])
    writer = broker.writer()
    with held(writer):
        committing = writer.publish("a", Record(None, b"1"))
        time.sleep(0.05)
        waiting = writer.publish("a", Record(None, b"2"))
        writer.close(0.05)
        with pytest.raises(Closed):
            waiting.result(0)
    assert committing.result(10).offset == 0
    broker.close()


def test_the_log_s_time_is_that_of_the_append(tmp_path: Path) -> None:
    """A record that waits for the writer's turn at the gate is stamped when it is appended, not when it began to wait."""
    clock = ManualClock(start_ms=1_000)
    broker = EmbeddedBroker(tmp_path, clock=clock)
    broker.admin.create_topics([TopicSpec("a")])
    writer = broker.writer()
    with held(writer):
        receipt = writer.publish("a", Record(None, b"1"))
        time.sleep(0.05)
        clock.advance(5)
    assert receipt.result(10).timestamp == 6_000
    broker.close()
