"""What only Kafka does: outages, topics made again, transactions' marks in the log, two group protocols."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from headrace.adapters.kafka_broker import KafkaBroker
from headrace.errors import (
    BrokerError,
    BrokerUnavailable,
    Closed,
    HeadraceError,
    InvalidTopic,
    OffsetOutOfRange,
    SettingsError,
    TopicMissing,
    TopicNameCollision,
    TopicReplaced,
    TransactionAborted,
)
from headrace.interfaces.broker import OffsetAt, OffsetCommit, RecordReader, TopicSpec
from headrace.local.kafka_server import KafkaServer
from headrace.model.record import Record, StoredRecord

pytestmark = pytest.mark.kafka


class Listener:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.assigned: dict[str, OffsetCommit | None] = {}
        self.revoked: list[str] = []
        self.errors: dict[str, BrokerError] = {}

    def on_assigned(self, topics: Mapping[str, OffsetCommit | None]) -> None:
        self.assigned |= topics

    def on_revoked(self, topics: Sequence[str]) -> None:
        self.revoked += topics

    def on_lost(self, topics: Sequence[str]) -> None:
        self.revoked += topics

    def on_error(self, topic: str, error: BrokerError) -> None:
        self.errors[topic] = error


@pytest.fixture
def broker(kafka_server: KafkaServer) -> Iterator[KafkaBroker]:
    """A broker of the shared server."""
    broker = KafkaBroker(kafka_server.bootstrap)
    yield broker
    broker.close()


def _until(
    done: Callable[[], object], poll: Callable[[], object] = lambda: time.sleep(0.01), within: float = 20
) -> None:
    deadline = time.monotonic() + within
    while not done():
        assert time.monotonic() < deadline, "it did not happen in time"
        poll()


def _read(reader: RecordReader, count: int, within: float = 20) -> list[StoredRecord]:
    records: list[StoredRecord] = []
    _until(
        lambda: len(records) >= count, lambda: records.extend(r for f in reader.poll(0.2) for r in f.records), within
    )
    return records


def test_what_was_acknowledged_survives_a_killed_broker_and_what_waits_is_written_after_it() -> None:
    """kill -9 of the node: nothing acknowledged is lost, what was published in the outage follows in order, once."""
    # A shorter session: a node that comes back after kill -9 waits for its former life to be over.
    with KafkaServer(settings={"broker.session.timeout.ms": "2000"}) as server:
        broker = KafkaBroker(server.bootstrap)
        assert broker.admin.create_topics([TopicSpec("t")]) == {"t": None}
        writer = broker.writer()
        before = [writer.publish("t", Record(None, b"%d" % i)) for i in range(200)]
        before[99].result(30)
        server.kill()
        during = [writer.publish("t", Record(None, b"%d" % i)) for i in range(200, 300)]
        server.start()
        for receipt in before + during:
            receipt.result(60)
        reader = broker.reader()
        reader.assign({"t": OffsetAt.EARLIEST})
        assert [r.value for r in _read(reader, 300)] == [b"%d" % i for i in range(300)]
        broker.close()


def test_a_node_that_cannot_start_says_why() -> None:
    """The error of a node with a bad setting holds the end of its log."""
    with pytest.raises(BrokerUnavailable, match=r"num\.io\.threads"):
        KafkaServer(settings={"num.io.threads": "0"}).start()


def test_without_a_broker_every_call_fails_with_a_retryable_error() -> None:
    """With nothing behind the address each call ends in time with BrokerUnavailable, and never with a client's error."""
    broker = KafkaBroker("127.0.0.1:1", properties={"socket.timeout.ms": "1000"})
    admin = broker.admin
    calls: list[Callable[[], Any]] = [
        admin.cluster_id,
        admin.topics,
        admin.groups,
        lambda: admin.group_offsets("g"),
        lambda: admin.set_group_offsets("g", {"t": OffsetCommit(1)}),
        lambda: admin.delete_group("g"),
        lambda: admin.offsets(["t"], OffsetAt.LATEST),
        lambda: broker.reader().assign({"t": 0}),
        lambda: _raised(admin.create_topics([TopicSpec("t")])),
        lambda: _raised(admin.delete_topics(["t"])),
        lambda: _raised(admin.set_configs({"t": {"retention.ms": "1"}})),
        lambda: _raised(admin.delete_records({"t": 1})),
    ]
    with ThreadPoolExecutor(len(calls)) as pool:
        errors = [future.exception(20) for future in [pool.submit(call) for call in calls]]
    broker.close()
    assert [type(error) for error in errors] == [BrokerUnavailable] * len(calls)


def _raised(answers: Mapping[str, BrokerError | None]) -> None:
    for error in answers.values():
        if error is not None:
            raise error


def test_odd_arguments_end_in_headrace_s_errors(broker: KafkaBroker, unique: str) -> None:
    """Names and values that Kafka or its client refuse come back as Headrace's errors, each from its own call."""
    admin = broker.admin
    assert admin.create_topics([TopicSpec(unique)]) == {unique: None}
    transactional = broker.transactional_writer(unique)
    long = "x" * 300
    calls: list[Callable[[], Any]] = [
        lambda: _raised(admin.create_topics([TopicSpec("")])),
        lambda: _raised(admin.create_topics([TopicSpec(long)])),
        lambda: _raised(admin.create_topics([TopicSpec("with space")])),
        lambda: _raised(admin.create_topics([TopicSpec(f"{unique}x", {"": "1"})])),
        lambda: _raised(admin.create_topics([TopicSpec(f"{unique}x", replication=9)])),
        lambda: _raised(admin.create_topics([TopicSpec(f"{unique}x"), TopicSpec(f"{unique}x")])),
        lambda: _raised(admin.delete_topics([""])),
        lambda: _raised(admin.set_configs({unique: {"no.such": "1"}})),
        lambda: _raised(admin.delete_records({unique: 1_000})),
        lambda: admin.set_group_offsets(unique, {unique: OffsetCommit(0, "x" * 5_000)}),
        lambda: admin.set_group_offsets("", {unique: OffsetCommit(0)}),
        lambda: broker.reader().subscribe(["t"], Listener()),
        lambda: broker.reader().commit({unique: OffsetCommit(0)}),
        lambda: broker.reader().assign({long: 0}),
        lambda: broker.reader().seek(unique, 0),
        lambda: broker.reader(unique).generation(unique),
        lambda: transactional.publish(unique, Record(None, b"x")),
        lambda: transactional.commit(),
        lambda: broker.writer().publish("", Record(None, b"x")).result(10),
        lambda: broker.writer().publish(long, Record(None, b"x")).result(10),
    ]
    for number, call in enumerate(calls):
        with pytest.raises(HeadraceError):
            call()
            raise AssertionError(f"call {number} passed")


def test_closed_parts_say_so(kafka_server: KafkaServer) -> None:
    """Every part that is used after `close` raises Closed; closing again does nothing."""
    broker = KafkaBroker(kafka_server.bootstrap)
    writer, transactional, reader = broker.writer(), broker.transactional_writer("x"), broker.reader("g")
    broker.close()
    broker.close()
    calls: list[Callable[[], Any]] = [
        broker.admin.topics,
        broker.writer,
        broker.reader,
        lambda: writer.publish("t", Record(None, b"x")),
        transactional.begin,
        lambda: reader.poll(0),
        lambda: reader.subscribe(["t"], Listener()),
        lambda: reader.pause(["t"]),
    ]
    for call in calls:
        with pytest.raises(Closed):
            call()
    for part in (writer, transactional, reader):
        part.close()


def test_a_missing_topic_costs_its_own_record_an_error_and_nobody_else_a_wait(broker: KafkaBroker, unique: str) -> None:
    """Records to a topic that is there are acknowledged while others to a missing one fail, each within a second."""
    broker.admin.create_topics([TopicSpec(unique)])
    writer = broker.writer()
    writer.publish(unique, Record(None, b"first")).result(30)
    start = time.monotonic()
    pairs = [
        (writer.publish(f"{unique}.missing", Record(None, b"x")), writer.publish(unique, Record(None, b"x")))
        for _ in range(50)
    ]
    for missing, there in pairs:
        assert there.result(1).offset > 0
        with pytest.raises(TopicMissing):
            missing.result(1)
    assert time.monotonic() - start < 2
    broker.admin.create_topics([TopicSpec(f"{unique}.missing")])
    assert writer.publish(f"{unique}.missing", Record(None, b"x")).result(5).offset == 0


def test_names_that_collide_within_one_request_are_refused(broker: KafkaBroker, unique: str) -> None:
    """Kafka makes both of two colliding names of one request; the adapter makes the first."""
    answers = broker.admin.create_topics([TopicSpec(f"{unique}.a"), TopicSpec(f"{unique}_a")])
    assert answers[f"{unique}.a"] is None
    assert isinstance(answers[f"{unique}_a"], TopicNameCollision)
    assert list(broker.admin.topics(unique)) == [f"{unique}.a"]


def test_a_reader_passes_the_marks_of_transactions(broker: KafkaBroker, unique: str) -> None:
    """Where a log ends in marks and aborted records, `next_offset` reaches its end, so a reader knows it caught up."""
    broker.admin.create_topics([TopicSpec(unique)])
    writer = broker.transactional_writer(unique)
    for value, keep in ((b"kept", True), (b"dropped", False)):
        writer.begin()
        receipt = writer.publish(unique, Record(None, value))
        if keep:
            writer.commit()
            assert receipt.result(0).offset == 0
        else:
            time.sleep(0.2)  # longer than it lingers: it is in the log when the transaction is given up
            writer.abort()
            with pytest.raises(TransactionAborted):
                receipt.result(0)
    end = 4  # two records, two marks
    _until(lambda: broker.admin.offsets([unique], OffsetAt.LATEST) == {unique: end})
    reader = broker.reader()
    reader.assign({unique: OffsetAt.EARLIEST})
    fetched: list[Any] = []
    _until(lambda: fetched and fetched[-1].next_offset == end, lambda: fetched.extend(reader.poll(0.2)))
    assert [r.value for f in fetched for r in f.records] == [b"kept"]


def test_an_assigned_topic_that_is_made_again_is_noticed(broker: KafkaBroker, unique: str) -> None:
    """A reader outside a group is told that its topic's name belongs to another one now, and reads no further."""
    broker.admin.create_topics([TopicSpec(unique)])
    writer = broker.writer()
    writer.publish(unique, Record(None, b"old")).result(10)
    reader = broker.reader()
    reader.assign({unique: OffsetAt.EARLIEST})
    assert len(_read(reader, 1)) == 1
    broker.admin.delete_topics([unique])
    broker.admin.create_topics([TopicSpec(unique)])
    with pytest.raises(TopicReplaced):
        _until(lambda: False, lambda: reader.poll(0.2))
    writer.publish(unique, Record(None, b"new")).result(10)
    assert reader.poll(0.5) == ()


def test_an_assigned_place_that_is_not_there_names_what_is_lost(broker: KafkaBroker, unique: str) -> None:
    """A place below the earliest offset, or past the end, raises once with the lost range; a seek mends it."""
    broker.admin.create_topics([TopicSpec(unique)])
    writer = broker.writer()
    for i in range(10):
        writer.publish(unique, Record(None, b"%d" % i))
    writer.flush(10)
    assert broker.admin.delete_records({unique: 4}) == {unique: None}
    reader = broker.reader()
    for place, lost in ((1, (1, 3)), (15, (10, 14))):
        reader.assign({unique: place})
        with pytest.raises(OffsetOutOfRange) as caught:
            _until(lambda: False, lambda: reader.poll(0.2))
        assert caught.value.lost == lost
        assert reader.poll(0.3) == ()
    reader.seek(unique, 7)
    assert [r.value for r in _read(reader, 3)] == [b"7", b"8", b"9"]


def test_the_classic_protocol_shares_topics_of_one_partition(kafka_server: KafkaServer, unique: str) -> None:
    """Two members of a classic group get some of the topics each, under generations that grow."""
    broker = KafkaBroker(
        kafka_server.bootstrap, properties={"group.protocol": "classic", "heartbeat.interval.ms": "300"}
    )
    broker.admin.create_topics([TopicSpec(f"{unique}.{i}") for i in range(4)])
    first, second = broker.reader(unique), broker.reader(unique)
    first.subscribe([f"{unique}."], Listener())
    _until(lambda: len(first.assignment()) == 4, lambda: first.poll(0.1))
    before = {topic: first.generation(topic) for topic in first.assignment()}
    second.subscribe([f"{unique}."], Listener())
    _until(lambda: len(second.assignment()) == 2, lambda: (first.poll(0.05), second.poll(0.05)))
    assert first.assignment() | second.assignment() == before.keys()
    assert all(second.generation(topic) > before[topic] for topic in second.assignment())
    broker.close()


def test_a_topic_with_more_partitions_is_told_as_an_error(kafka_server: KafkaServer, unique: str) -> None:
    """A member that is given a second partition of a topic says so: its records would be read by nobody."""
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": kafka_server.bootstrap})
    admin.create_topics([NewTopic(unique, 2)])[unique].result(10)
    broker = KafkaBroker(kafka_server.bootstrap)
    listener = Listener()
    reader = broker.reader(unique)
    reader.subscribe([unique], listener)
    _until(lambda: unique in listener.errors, lambda: reader.poll(0.1))
    assert isinstance(listener.errors[unique], InvalidTopic)
    broker.close()


def test_a_setting_that_does_not_exist_is_a_settings_error(kafka_server: KafkaServer) -> None:
    """An unknown property, or one that would break a promise, is refused with its name."""
    with pytest.raises(SettingsError, match=r"no\.such"):
        KafkaBroker(kafka_server.bootstrap, properties={"no.such": "1"})
    with pytest.raises(SettingsError, match="acks"):
        KafkaBroker(kafka_server.bootstrap, properties={"acks": "0"}).writer()


def test_many_records_of_many_sizes_come_back_as_they_were(broker: KafkaBroker, unique: str) -> None:
    """Keys, values, tombstones, and headers with repeated names and no values are what they were, in order."""
    broker.admin.create_topics([TopicSpec(unique, {"max.message.bytes": "4000000"})])
    records = [
        Record(None, b""),
        Record(b"", None, (("a", None), ("a", b""), ("b", b"\x00\xff"))),
        Record(b"k", os.urandom(2_000_000)),
        *(Record(b"%d" % i, os.urandom(i), (("n", b"%d" % i),)) for i in range(200)),
    ]
    writer = broker.writer()
    receipts = [writer.publish(unique, record) for record in records]
    writer.flush(30)
    reader = broker.reader()
    reader.assign({unique: OffsetAt.EARLIEST})
    read = _read(reader, len(records))
    assert [(r.key, r.value, r.headers) for r in read] == [(r.key, r.value, r.headers) for r in records]
    assert [(r.offset, r.timestamp) for r in read] == [(r.offset, r.timestamp) for r in receipts]
