"""Retention and compaction happen by themselves, and nobody waits for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.adapters.embedded_broker import EmbeddedBroker
from headrace.adapters.embedded_maintenance import Upkeep
from headrace.clock import ManualClock
from headrace.interfaces.broker import OffsetAt, TopicSpec
from headrace.model.record import Record

STATE = {"cleanup.policy": "compact"}


def eventually(done: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def written(broker: EmbeddedBroker, topic: str, *records: tuple[bytes, bytes | None]) -> None:
    writer = broker.writer()
    for key, value in records:
        writer.publish(topic, Record(key, value)).result(10)
    writer.close()


def offsets_read(broker: EmbeddedBroker, topic: str) -> list[int]:
    reader = broker.reader()
    reader.assign({topic: OffsetAt.EARLIEST})
    found: list[int] = []
    while fetched := reader.poll(0):
        found += [record.offset for part in fetched for record in part.records]
    reader.close()
    return found


def test_a_writer_keeps_the_log_in_bounds(tmp_path: Path) -> None:
    """Once a writer finds it due, what is past its retention goes and keys are compacted, with no other call."""
    clock = ManualClock()
    broker = EmbeddedBroker(tmp_path, clock=clock, maintenance_s=5)
    broker.admin.create_topics([TopicSpec("log", {"retention.ms": "1000"}), TopicSpec("state", STATE), TopicSpec("t")])
    written(broker, "log", (b"", b"0"), (b"", b"1"))
    written(broker, "state", (b"a", b"0"), (b"b", b"1"), (b"a", b"2"))
    writer = broker.writer()
    clock.advance(6)
    writer.publish("t", Record(None, b"")).result(10)
    eventually(lambda: broker.admin.offsets(["log"], OffsetAt.EARLIEST) == {"log": 2})
    eventually(lambda: offsets_read(broker, "state") == [1, 2])
    broker.close()


def test_no_receipt_waits_for_upkeep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compaction that takes long holds up no publish, and ends early when the writer is closed."""
    runs: list[float] = []

    def long(upkeep: Upkeep, *, compact_all: bool = False) -> None:
        runs.append(time.monotonic())
        assert upkeep._ended.wait(60)

    monkeypatch.setattr(Upkeep, "run", long)
    clock = ManualClock()
    broker = EmbeddedBroker(tmp_path, clock=clock, maintenance_s=1)
    broker.admin.create_topics([TopicSpec("t")])
    writer = broker.writer()
    clock.advance(2)
    writer.publish("t", Record(None, b"0")).result(10)
    eventually(lambda: runs)
    for i in range(1, 20):
        clock.advance(2)
        assert writer.publish("t", Record(None, b"%d" % i)).result(10).offset == i
    assert len(runs) == 1, "one at a time"
    writer.close(30)
    assert not writer._thread.is_alive()
    broker.close()


def test_the_dirty_ratio_decides_when_a_topic_is_compacted(tmp_path: Path) -> None:
    """A topic is left alone until so much of it is new, by its own setting or by half."""
    broker = EmbeddedBroker(tmp_path, clock=ManualClock())
    broker.admin.create_topics(
        [TopicSpec("half", STATE), TopicSpec("any", STATE | {"min.cleanable.dirty.ratio": "0.01"})]
    )
    for topic in ("half", "any"):
        written(broker, topic, *((b"%d" % i, b"") for i in range(10)))
    broker.maintain()
    for topic in ("half", "any"):
        written(broker, topic, (b"0", b"again"))
    writer = broker.writer()
    Upkeep(writer._store, broker._clock).run()
    assert offsets_read(broker, "half") == list(range(11))
    assert offsets_read(broker, "any") == list(range(1, 11))
    broker.close()


def test_a_compaction_that_is_cut_short_is_done_again(tmp_path: Path) -> None:
    """What it had rewritten stays, nothing is lost, and the topic counts as not yet compacted."""
    broker = EmbeddedBroker(tmp_path, clock=ManualClock())
    broker.admin.create_topics([TopicSpec("s", STATE)])
    written(broker, "s", (b"a", b"0"), (b"a", b"1"), (b"b", b"2"), (b"a", b"3"))
    writer = broker.writer()
    upkeep = Upkeep(writer._store, broker._clock)
    rewrite, rewritten = upkeep._rewrite, []

    def one(*arguments: object) -> None:
        rewrite(*arguments)  # type: ignore[arg-type]
        rewritten.append(1)
        upkeep._ended.set()

    upkeep._rewrite = one  # type: ignore[method-assign]
    upkeep.run(compact_all=True)
    assert rewritten == [1]
    assert offsets_read(broker, "s") == [1, 2, 3]
    Upkeep(writer._store, broker._clock).run()
    assert offsets_read(broker, "s") == [2, 3]
    broker.close()
