"""Thousands of tenants on Apache Kafka: 5,000 topics of one product and 5,000 of another, on a server of their own.

The steps share the topics, because making 10,000 takes half a minute; each test has a group of its own. What is fast enough
is measured in benchmarks/kafka_many.py; here counts what arrives, where, and after whom.
"""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest

from headrace.adapters.kafka_broker import KafkaBroker
from headrace.errors import BrokerError, GroupFenced, GroupTooLarge, TopicMissing
from headrace.interfaces.broker import OffsetAt, OffsetCommit, RecordReader, TopicSpec
from headrace.interfaces.receipt import Receipt
from headrace.local.kafka_server import QUICK, KafkaServer
from headrace.model.record import Record
from headrace.testing.conformance.broker_members import Cluster, Process

pytestmark = pytest.mark.kafka

COUNT = 5_000
SALES, FORECASTS = "sales-events.v1.", "demand-forecasts.v1."
MEMBERS = 12
SETTLE_S = 30.0
"""What a group of that size is promised."""
PATIENCE_S = 120.0
"""For what has to happen, and nothing is said about how soon."""


def _names(prefix: str) -> list[str]:
    """Names of 55 bytes, as long as a product's and a customer's together are."""
    return [prefix + f"a-grocery-chain-of-some-size-{i:06}".rjust(55 - len(prefix), "x") for i in range(COUNT)]


TOPICS = _names(SALES)
OTHERS = _names(FORECASTS)


class Listener:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.assigned: dict[str, OffsetCommit | None] = {}
        self.lost: list[str] = []
        self.errors: dict[str, BrokerError] = {}

    def on_assigned(self, topics: Mapping[str, OffsetCommit | None]) -> None:
        self.assigned |= topics

    def on_revoked(self, topics: Sequence[str]) -> None: ...

    def on_lost(self, topics: Sequence[str]) -> None:
        self.lost += topics

    def on_error(self, topic: str, error: BrokerError) -> None:
        self.errors[topic] = error


@pytest.fixture(scope="module")
def many_topics() -> Iterator[KafkaServer]:
    """One node with 10,000 topics, each with nothing in it yet."""
    with KafkaServer(heap_mb=1024) as server:
        broker = KafkaBroker(server.bootstrap)
        answers = broker.admin.create_topics([TopicSpec(name) for name in TOPICS + OTHERS])
        assert not any(answers.values())
        broker.close()
        yield server


@pytest.fixture
def broker(many_topics: KafkaServer) -> Iterator[KafkaBroker]:
    """A broker of the node with many topics."""
    broker = KafkaBroker(many_topics.bootstrap)
    yield broker
    broker.close()


def _until(done: Callable[[], object], poll: Callable[[], object], within: float, what: str) -> None:
    deadline = time.monotonic() + within
    while not done():
        assert time.monotonic() < deadline, f"not within {within} s: {what}"
        poll()


def test_a_cold_writer_reaches_thousands_of_topics_and_missing_ones_hold_up_nobody(broker: KafkaBroker) -> None:
    """Round robin over 2,000 topics that the writer has never seen, with a missing one after each 20: everything that there
    is a topic for is written in order, the others fail by themselves, and publish never waits for an answer."""
    topics = TOPICS[:2_000]
    writer = broker.writer(topics=len(topics))
    receipts: list[Receipt] = []
    missing: list[Receipt] = []
    longest = 0.0
    for turn in range(3):
        for i, topic in enumerate(topics):
            receipts.append(writer.publish(topic, Record(None, b"%d" % turn)))
            if not i % 20:
                began = time.perf_counter()
                missing.append(writer.publish(f"{topic}-missing", Record(None, b"x")))
                longest = max(longest, time.perf_counter() - began)
    for receipt in missing:
        with pytest.raises(TopicMissing):
            receipt.result(PATIENCE_S)
    writer.flush(PATIENCE_S)
    assert Counter(receipt.result(0).offset for receipt in receipts) == {0: 2_000, 1: 2_000, 2: 2_000}
    assert [r.offset for r in receipts if r.topic == topics[7]] == [0, 1, 2]
    assert longest < 1, "publish waited for the answer about a missing topic"


def test_every_topic_of_thousands_is_read_in_order(broker: KafkaBroker) -> None:
    """A reader of 5,000 topics hands out each record once, a topic's in order."""
    writer = broker.writer(topics=COUNT)
    start = broker.admin.offsets(TOPICS, OffsetAt.LATEST)
    for i in range(3):
        for topic in TOPICS:
            writer.publish(topic, Record(None, b"%d" % i))
    writer.flush(PATIENCE_S)
    reader = broker.reader()
    reader.assign(start)
    read: dict[str, list[int]] = {topic: [] for topic in TOPICS}
    seen = 0
    deadline = time.monotonic() + PATIENCE_S
    while seen < 3 * COUNT and time.monotonic() < deadline:
        for fetched in reader.poll(0.5, 5_000):
            read[fetched.topic] += [record.offset for record in fetched.records]
            seen += len(fetched.records)
    assert read == {topic: [first, first + 1, first + 2] for topic, first in start.items()}
    reader.close()


def test_ten_thousand_offsets_are_committed(broker: KafkaBroker) -> None:
    """One member of a group over both products commits for all its 10,000 topics, in requests that the broker takes."""
    group, listener = "plan.ten-thousand", Listener()
    reader = broker.reader(group)
    reader.subscribe([SALES, FORECASTS], listener)
    _until(lambda: len(reader.assignment()) == 2 * COUNT, lambda: reader.poll(0.2), PATIENCE_S, "all are assigned")
    wanted = {topic: OffsetCommit(1, "x" * 60) for topic in TOPICS + OTHERS}
    reader.commit(wanted)
    assert broker.admin.group_offsets(group) == wanted
    with pytest.raises(GroupFenced):
        reader.commit({"sales-events.v1.not-held": OffsetCommit(1)})
    reader.close()


def test_a_classic_group_of_that_size_is_refused(many_topics: KafkaServer) -> None:
    """10,000 names of 55 bytes are more than the classic protocol is trusted with, even for one member."""
    broker = KafkaBroker(many_topics.bootstrap, properties={"group.protocol": "classic"})
    with pytest.raises(GroupTooLarge, match=r"group\.protocol=consumer"):
        broker.reader("plan.classic").subscribe([SALES, FORECASTS], Listener())
    broker.close()


class Member:
    """A member that polls on a thread of its own, and commits when it is told to."""

    def __init__(self, reader: RecordReader) -> None:
        self.reader = reader
        self.listener = Listener()
        self.failed: BaseException | None = None
        self.committed: set[str] = set()
        self._commit = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        reader.subscribe([SALES], self.listener)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                self.reader.poll(0.1)
                if self._commit.is_set() and not self.committed:
                    held = self.reader.assignment()
                    self.reader.commit({topic: OffsetCommit(1) for topic in held})
                    self.committed = set(held)
            self.reader.close()
        except BaseException as error:
            self.failed = error

    def commit(self) -> None:
        self._commit.set()

    def end(self) -> None:
        self._ended.set()

    def join(self) -> None:
        self._thread.join(60)
        assert not self._thread.is_alive()
        if self.failed is not None:
            raise self.failed


def test_twelve_members_settle_and_settle_again_when_one_is_killed(
    broker: KafkaBroker, many_topics: KafkaServer
) -> None:
    """Twelve members share 5,000 topics within 30 s; after a kill -9 of one the eleven have all of them within 30 s and its
    session's time, and each commits for what it holds."""
    group = "plan.twelve"
    cluster = Cluster("headrace.adapters.kafka_broker:KafkaBroker", many_topics.bootstrap, {}, 0)
    began = time.monotonic()
    with Process(cluster, group, SALES) as doomed:
        members = [Member(broker.reader(group)) for _ in range(MEMBERS - 1)]

        def held() -> Counter[str]:
            return Counter(topic for member in members for topic in member.reader.assignment())

        def shared() -> bool:
            each = [len(doomed.held), *(len(member.reader.assignment()) for member in members)]
            return sum(each) == COUNT and min(each) > 0 and not doomed.held & held().keys()

        _until(shared, lambda: time.sleep(0.1), began + SETTLE_S - time.monotonic(), "twelve share them all")
        assert held() + Counter(doomed.held) == Counter(TOPICS)
        doomed.send(signal.SIGKILL)
        session_s = int(QUICK["group.consumer.session.timeout.ms"]) / 1000
        _until(
            lambda: held() == Counter(TOPICS), lambda: time.sleep(0.1), SETTLE_S + session_s, "eleven share them all"
        )
    for member in members:
        member.commit()
    _until(lambda: all(m.committed or m.failed for m in members), lambda: time.sleep(0.1), 30, "all have committed")
    for member in members:
        member.end()
    for member in members:
        member.join()
    assert Counter(topic for member in members for topic in member.committed) == Counter(TOPICS)
    assert broker.admin.group_offsets(group) == dict.fromkeys(TOPICS, OffsetCommit(1))
    assert not any(member.listener.lost or member.listener.errors for member in members)


def test_a_new_tenant_s_topic_is_read_from_its_first_record(broker: KafkaBroker) -> None:
    """A topic that is made while a group reads, with ten records in it before the group has heard of it: within 30 s all
    ten are read."""
    new = f"{SALES}a-new-tenant"
    reader, listener = broker.reader("plan.new-tenant"), Listener()
    reader.subscribe([SALES], listener)
    _until(lambda: len(reader.assignment()) >= COUNT, lambda: reader.poll(0.2), PATIENCE_S, "all are assigned")
    assert broker.admin.create_topics([TopicSpec(new)]) == {new: None}
    writer = broker.writer()
    for i in range(10):
        writer.publish(new, Record(None, b"%d" % i))
    writer.flush(10)
    assert new not in reader.assignment()
    values: list[bytes | None] = []
    _until(
        lambda: len(values) >= 10,
        lambda: values.extend(r.value for f in reader.poll(0.2) if f.topic == new for r in f.records),
        30,
        "the new tenant's events are read",
    )
    assert values == [b"%d" % i for i in range(10)]
    assert listener.assigned[new] is None
    reader.close()
    assert broker.admin.delete_topics([new]) == {new: None}
