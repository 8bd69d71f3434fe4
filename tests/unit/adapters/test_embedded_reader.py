"""Reading: nothing is skipped, whatever happens between two polls, and little is held in memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.adapters.embedded_broker import EmbeddedBroker
from headrace.errors import BrokerUnavailable, OffsetOutOfRange, TopicReplaced
from headrace.interfaces.broker import OffsetAt, TopicSpec
from headrace.model.record import Record
from tests.unit.adapters.embedded_support import Listener, fill, until


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    """A broker with the topics a and b."""
    broker = EmbeddedBroker(tmp_path)
    broker.admin.create_topics([TopicSpec("a"), TopicSpec("b")])
    yield broker
    broker.close()


def test_an_error_of_one_topic_costs_no_record_of_another(broker: EmbeddedBroker) -> None:
    """The poll that meets an error in one topic still returns what it took of the others; the error comes with the next."""
    fill(broker, "a", 3)
    fill(broker, "b", 3)
    broker.admin.delete_records({"a": 2})
    reader = broker.reader()
    reader.assign({"b": 0, "a": 0})
    offsets: list[int] = []
    errors = 0
    for _ in range(4):
        try:
            offsets += [record.offset for fetched in reader.poll(0) for record in fetched.records]
        except OffsetOutOfRange:
            errors += 1
    assert (offsets, errors) == ([0, 1, 2], 1)


def test_records_are_seen_after_another_topic_was_deleted(broker: EmbeddedBroker, tmp_path: Path) -> None:
    """A topic that had the store's newest record is deleted; what comes to the others afterwards is still noticed."""
    fill(broker, "a", 1)
    fill(broker, "b", 1)
    reader = broker.reader()
    reader.assign({"a": 0})
    assert len(reader.poll(1)) == 1
    elsewhere = EmbeddedBroker(tmp_path)
    elsewhere.admin.delete_topics(["b"])
    assert reader.poll(0) == []
    fill(elsewhere, "a", 1)
    elsewhere.close()
    assert [record.offset for fetched in reader.poll(5) for record in fetched.records] == [1]


def test_a_look_that_fails_is_made_again(broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A passing error of the disk does not make a reader overlook the commit that it was about to see."""
    reader = broker.reader()
    reader.assign({"a": 0})
    assert reader.poll(0) == []
    fill(broker, "a", 1)
    with monkeypatch.context() as patch:

        def busy(_: object) -> None:
            raise BrokerUnavailable("busy")

        patch.setattr(reader._store, "read", busy)
        with pytest.raises(BrokerUnavailable):
            reader.poll(0)
    assert len(reader.poll(5)) == 1


def test_what_happens_while_a_listener_is_told_is_not_overlooked(broker: EmbeddedBroker, tmp_path: Path) -> None:
    """A member that leaves in the very moment in which another is given topics loses its own to that one all the same."""
    first = broker.reader("g")
    first.subscribe([""], Listener())
    until(lambda: len(first.assignment()) == 2, first)
    elsewhere = EmbeddedBroker(tmp_path)
    second = elsewhere.reader("g")
    second.subscribe([""], Listener(first.close))
    deadline = time.monotonic() + 20
    while not second.assignment():
        assert time.monotonic() < deadline
        first.poll(0.02)
        second.poll(0.02)
    until(lambda: len(second.assignment()) == 2, second)
    elsewhere.close()


def test_a_topic_made_again_is_told_and_not_read_in_silence(broker: EmbeddedBroker) -> None:
    """A member whose topic was deleted and made again is told `TopicReplaced` once, and reads on only when it seeks."""
    fill(broker, "a", 2)
    listener = Listener()
    reader = broker.reader("g")
    reader.subscribe(["a"], listener)
    until(lambda: reader.poll(0.02), reader)
    broker.admin.delete_topics(["a"])
    broker.admin.create_topics([TopicSpec("a")])
    fill(broker, "a", 1)
    until(lambda: listener.errors, reader)
    for _ in range(5):
        assert reader.poll(0.01) == []
    assert [(topic, type(error)) for topic, error in listener.errors] == [("a", TopicReplaced)]
    reader.seek("a", 0)
    assert [record.offset for fetched in reader.poll(5) for record in fetched.records] == [0]


def test_few_decoded_records_wait_however_many_topics_are_behind(broker: EmbeddedBroker) -> None:
    """Reading 30 topics in small portions holds the decoded records of one or two of them, and none of a paused one."""
    names = [f"t{i}" for i in range(30)]
    broker.admin.create_topics([TopicSpec(name) for name in names])
    for name in names:
        fill(broker, name, 300)
    reader = broker.reader()
    reader.assign(dict.fromkeys(names, OffsetAt.EARLIEST))
    seen: dict[str, list[int]] = {name: [] for name in names}
    most = 0
    while fetched := reader.poll(0, 70):
        assert sum(len(part.records) for part in fetched) <= 70
        for part in fetched:
            seen[part.topic] += [record.offset for record in part.records]
        most = max(most, sum(len(place.buffered) for place in reader._places.values()))
        reader.pause(names[:15])
        assert not any(reader._places[name].buffered for name in names[:15])
        reader.resume(names[:15])
    assert seen == {name: list(range(300)) for name in names}
    assert most <= 600


def test_reading_tells_that_it_is_past_what_compaction_took(broker: EmbeddedBroker) -> None:
    """A reader whose place is followed only by a gap is told the offset behind it, so that it knows when it has caught up."""
    broker.admin.create_topics([TopicSpec("s", {"cleanup.policy": "compact", "delete.retention.ms": "0"})])
    writer = broker.writer()
    for value in (b"1", None):
        writer.publish("s", Record(b"k", value)).result(10)
    writer.publish("s", Record(b"k", None)).result(10)
    time.sleep(0.01)  # the tombstone has to be older than its retention
    broker.maintain()
    reader = broker.reader()
    reader.assign({"s": 0})
    assert [(part.records, part.next_offset) for part in reader.poll(5)] == [((), 3)]
    assert reader.poll(0) == []
