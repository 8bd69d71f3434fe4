"""The embedded log against a plain model of it, its time, and what its disk may do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import apsw
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from headrace.adapters.embedded_broker import EmbeddedBroker
from headrace.adapters.embedded_store import FILE, Gate
from headrace.clock import ManualClock
from headrace.errors import BrokerError, BrokerUnavailable, BufferFull, Closed
from headrace.interfaces.broker import OffsetAt, TopicSpec
from headrace.model.record import Record, StoredRecord

DAY = 86_400_000


def read_all(broker: EmbeddedBroker, topic: str) -> list[StoredRecord]:
    reader = broker.reader()
    reader.assign({topic: OffsetAt.EARLIEST})
    found: list[StoredRecord] = []
    while True:
        fetched = reader.poll(0)
        if not fetched:
            reader.close()
            return found
        found += [record for part in fetched for record in part.records]


class LogModel(RuleBasedStateMachine):
    """A log topic with a retention of a day and a compacted one, against lists."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.clock = ManualClock()
        self.broker = EmbeddedBroker(Path(self.folder.name), clock=self.clock, maintenance_s=1e8)
        self.broker.admin.create_topics(
            [
                TopicSpec("log", {"retention.ms": str(DAY)}),
                TopicSpec("state", {"cleanup.policy": "compact", "delete.retention.ms": str(DAY)}),
            ]
        )
        self.writer = self.broker.writer()
        self.model: dict[str, list[tuple[int, int, bytes | None, bytes | None]]] = {"log": [], "state": []}
        self.next = {"log": 0, "state": 0}
        self.first = {"log": 0, "state": 0}

    @rule(
        topic=st.sampled_from(["log", "state"]),
        keys=st.lists(st.sampled_from([b"a", b"b", b"c"]), min_size=1, max_size=4),
    )
    def write(self, topic: str, keys: list[bytes]) -> None:
        first = self.next[topic]
        receipts = [self.writer.publish(topic, Record(key, b"%d" % (first + i))) for i, key in enumerate(keys)]
        for i, (key, receipt) in enumerate(zip(keys, receipts, strict=True)):
            assert receipt.result(10).offset == first + i
            self.model[topic].append((first + i, self.clock.now_ms(), key, b"%d" % (first + i)))
        self.next[topic] = first + len(keys)

    @rule(key=st.sampled_from([b"a", b"b", b"c"]))
    def delete(self, key: bytes) -> None:
        self.writer.publish("state", Record(key, None)).result(10)
        self.model["state"].append((self.next["state"], self.clock.now_ms(), key, None))
        self.next["state"] += 1

    @rule(hours=st.integers(1, 20))
    def pass_time(self, hours: int) -> None:
        self.clock.advance(hours * 3600)

    @rule()
    def maintain(self) -> None:
        now = self.clock.now_ms()
        self.broker.maintain()
        kept = [row for row in self.model["log"] if row[1] >= now - DAY]
        self.first["log"] = max(self.first["log"], kept[0][0] if kept else self.next["log"])
        self.model["log"] = [row for row in kept if row[0] >= self.first["log"]]
        newest = {row[2]: row[0] for row in self.model["state"]}
        self.model["state"] = [
            row
            for row in self.model["state"]
            if newest[row[2]] == row[0] and (row[3] is not None or row[1] > now - DAY)
        ]

    @rule(share=st.floats(0, 1))
    def delete_records(self, share: float) -> None:
        before = round(self.next["log"] * share)
        self.broker.admin.delete_records({"log": before})
        self.first["log"] = max(self.first["log"], before)
        self.model["log"] = [row for row in self.model["log"] if row[0] >= before]

    @rule()
    def make_again(self) -> None:
        self.broker.admin.delete_topics(["log"])
        self.broker.admin.create_topics([TopicSpec("log", {"retention.ms": str(DAY)})])
        self.model["log"], self.next["log"], self.first["log"] = [], 0, 0

    @invariant()
    def reads_as_the_model(self) -> None:
        for topic, rows in self.model.items():
            found = [(r.offset, r.timestamp, r.key, r.value) for r in read_all(self.broker, topic)]
            assert found == rows
            assert self.broker.admin.offsets([topic], OffsetAt.EARLIEST) == {topic: self.first[topic]}
            assert self.broker.admin.offsets([topic], OffsetAt.LATEST) == {topic: self.next[topic]}

    def teardown(self) -> None:
        self.broker.close()
        self.folder.cleanup()


TestLogModel = LogModel.TestCase
TestLogModel.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
TestLogModel.__doc__ = (
    "Whatever is written, deleted, expired, compacted or made again, the log reads as plain lists say."
)


def test_the_log_s_time_never_goes_back(tmp_path: Path) -> None:
    """A machine's clock that is set back does not make a topic's timestamps go back."""
    clock = ManualClock(start_ms=10_000)
    broker = EmbeddedBroker(tmp_path, clock=clock)
    broker.admin.create_topics([TopicSpec("t")])
    writer = broker.writer()
    first = writer.publish("t", Record(None, b"1")).result(10).timestamp
    clock._start_ms -= 5_000
    assert writer.publish("t", Record(None, b"2")).result(10).timestamp == first == 10_000
    broker.close()


def test_a_full_disk_fails_receipts_and_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """When the file cannot grow the receipts fail as retryable, and what was acknowledged before still reads."""
    broker = EmbeddedBroker(tmp_path)
    broker.admin.create_topics([TopicSpec("t", {"max.message.bytes": "10000000"})])
    writer = broker.writer()
    writer.publish("t", Record(None, b"kept")).result(10)
    pages = writer._store.db.pragma("page_count")
    writer._store.db.pragma("max_page_count", pages + 2)
    with pytest.raises(BrokerUnavailable) as caught:
        writer.publish("t", Record(None, os.urandom(200_000))).result(10)
    assert caught.value.retryable
    writer._store.db.pragma("max_page_count", pages + 10_000)
    writer.publish("t", Record(None, b"after")).result(10)
    assert [r.value for r in read_all(broker, "t")] == [b"kept", b"after"]
    broker.close()


def test_try_publish_meets_the_bound(tmp_path: Path) -> None:
    """`try_publish` raises BufferFull with what waits, once the writer holds its bound of records."""
    broker = EmbeddedBroker(tmp_path, max_records=3)
    broker.admin.create_topics([TopicSpec("t")])
    writer = broker.writer()
    gate = Gate(tmp_path)
    with gate, pytest.raises(BufferFull):  # somebody else has the gate: nothing can be committed meanwhile
        for _ in range(10):
            writer.try_publish("t", Record(None, b"x"))
    gate.close()
    broker.close()
    assert len(read_all(EmbeddedBroker(tmp_path), "t")) >= 3


def test_a_damaged_row_stops_its_topic_and_no_other(tmp_path: Path) -> None:
    """A batch whose bytes changed on disk is told as StoreCorrupt; what stands before it is read."""
    broker = EmbeddedBroker(tmp_path)
    broker.admin.create_topics([TopicSpec("t")])
    writer = broker.writer()
    for i in range(3):
        writer.publish("t", Record(None, b"%d" % i)).result(10)
    db = apsw.Connection(str(tmp_path / FILE))
    db.execute("UPDATE batches SET blob=zeroblob(30) WHERE id=(SELECT max(id) FROM batches)")
    db.close()
    reader = broker.reader()
    reader.assign({"t": 0})
    assert [r.value for part in reader.poll(0) for r in part.records] == [b"0", b"1"]
    with pytest.raises(Exception, match="damaged") as caught:
        reader.poll(0.1)
    assert caught.value.code == "broker.store-corrupt"
    broker.close()


def test_a_broker_opened_before_a_fork_says_so(tmp_path: Path) -> None:
    """In a forked child the parent's broker and writer raise Closed instead of hanging."""
    code = (
        "import os, sys; from pathlib import Path\n"
        "from headrace.adapters.embedded_broker import EmbeddedBroker\n"
        "from headrace.errors import Closed\n"
        "from headrace.interfaces.broker import TopicSpec\n"
        "from headrace.model.record import Record\n"
        f"b = EmbeddedBroker(Path({str(tmp_path)!r})); b.admin.create_topics([TopicSpec('t')]); w = b.writer()\n"
        "if os.fork() == 0:\n"
        "    raised = 0\n"
        "    for call in (b.writer, lambda: w.publish('t', Record(None, b'x'))):\n"
        "        try: call()\n"
        "        except Closed: raised += 1\n"
        "    os._exit(0 if raised == 2 else 1)\n"
        "_, status = os.wait(); w.publish('t', Record(None, b'x')).result(10); sys.exit(os.waitstatus_to_exitcode(status))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=60, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_use_after_close_is_closed(tmp_path: Path) -> None:
    """Every part of a closed broker raises Closed, and closing again does nothing."""
    broker = EmbeddedBroker(tmp_path)
    writer, reader = broker.writer(), broker.reader()
    broker.close()
    broker.close()
    for call in (
        lambda: writer.publish("t", Record(None, b"x")),
        lambda: reader.poll(0),
        broker.writer,
        broker.admin.topics,
    ):
        with pytest.raises(Closed):
            call()


@pytest.mark.parametrize("record", [Record("text", b"x"), Record(b"k", "text"), Record(None, bytearray(b"x"))])  # type: ignore[arg-type]
def test_what_is_not_bytes_never_enters_a_batch(tmp_path: Path, record: Record) -> None:
    """A key or value of another type is refused at once: it would make its whole batch unreadable."""
    broker = EmbeddedBroker(tmp_path)
    broker.admin.create_topics([TopicSpec("t")])
    writer = broker.writer()
    with pytest.raises(BrokerError, match="bytes"):
        writer.publish("t", record)
    writer.publish("t", Record(None, b"fine")).result(10)
    assert [r.value for r in read_all(broker, "t")] == [b"fine"]
    broker.close()
