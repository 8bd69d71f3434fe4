"""Several processes on one store, some of them killed."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from headrace.adapters.embedded_broker import EmbeddedBroker
from headrace.errors import BrokerError
from headrace.interfaces.broker import OffsetAt, OffsetCommit, TopicSpec
from headrace.model.record import Record, StoredRecord

WRITER = """
import sys, os
from pathlib import Path
from headrace.adapters.embedded_broker import EmbeddedBroker
from headrace.model.record import Record
folder, who, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
broker = EmbeddedBroker(folder)
writer = broker.writer()
waiting = []
for i in range(count):
    waiting.append((i, writer.publish("t", Record(who.encode(), b"%d" % i))))
    while waiting and waiting[0][1].done:
        n, receipt = waiting.pop(0)
        receipt.result(0)
        os.write(1, b"%d %d\\n" % (n, receipt.offset))
    if len(waiting) > 200:
        waiting[0][1].result(30)
for n, receipt in waiting:
    receipt.result(30)
    os.write(1, b"%d %d\\n" % (n, receipt.offset))
"""

READER = """
import sys, os
from pathlib import Path
from headrace.adapters.embedded_broker import EmbeddedBroker
from headrace.interfaces.broker import OffsetCommit
class Quiet:
    on_assigned = on_revoked = on_lost = on_error = lambda self, *_: None
reader = EmbeddedBroker(Path(sys.argv[1])).reader("g")
reader.subscribe(["t"], Quiet())
while True:
    for part in reader.poll(0.1, 50):
        if part.records:
            generation = reader.generation(part.topic)
            first, last = part.records[0].offset, part.records[-1].offset
            os.write(1, f"read {part.topic} {generation} {first} {last}\\n".encode())
            reader.commit({part.topic: OffsetCommit(part.next_offset)})
            os.write(1, f"committed {part.topic} {generation} {part.next_offset}\\n".encode())
"""


def _start(folder: Path, who: str, count: int, out: Path) -> subprocess.Popen[bytes]:
    with out.open("wb") as file:
        return subprocess.Popen([sys.executable, "-c", WRITER, str(folder), who, str(count)], stdout=file)


def _acknowledged(out: Path) -> list[tuple[int, int]]:
    # The last line may be cut: what was not written whole was not seen as acknowledged.
    lines = out.read_bytes().split(b"\n")[:-1]
    return [(int(n), int(offset)) for n, offset in (line.split() for line in lines)]


def _read_all(folder: Path) -> list[StoredRecord]:
    broker = EmbeddedBroker(folder)
    reader = broker.reader()
    reader.assign({"t": OffsetAt.EARLIEST})
    found: list[StoredRecord] = []
    while fetched := reader.poll(0, max_records=10_000):
        found += [record for part in fetched for record in part.records]
    broker.close()
    return found


def _check(found: list[StoredRecord], acknowledged: dict[str, list[tuple[int, int]]]) -> None:
    assert [r.offset for r in found] == list(range(len(found))), "offsets are dense"
    assert all(a.timestamp <= b.timestamp for a, b in itertools.pairwise(found)), "the log's time goes on"
    by_offset = {r.offset: (r.key, r.value) for r in found}
    for who, receipts in acknowledged.items():
        written = [int(r.value or b"") for r in found if r.key == who.encode()]
        assert written == list(range(len(written))), f"{who}: in order, none twice, none between missing"
        for n, offset in receipts:
            assert by_offset.get(offset) == (who.encode(), b"%d" % n), f"{who}: {n} was acknowledged at {offset}"


def test_eight_writers_keep_one_total_order(tmp_path: Path) -> None:
    """Eight processes that write one topic at once get dense offsets, each one's records in its own order."""
    broker = EmbeddedBroker(tmp_path / "store")
    broker.admin.create_topics([TopicSpec("t")])
    broker.close()
    outs = {f"w{i}": tmp_path / f"w{i}" for i in range(8)}
    processes = [_start(tmp_path / "store", who, 2_000, out) for who, out in outs.items()]
    assert [p.wait(120) for p in processes] == [0] * 8
    found = _read_all(tmp_path / "store")
    assert len(found) == 16_000
    _check(found, {who: _acknowledged(out) for who, out in outs.items()})


def test_twenty_killed_writers_lose_nothing_acknowledged(tmp_path: Path) -> None:
    """Writers killed at random points leave every acknowledged record where its receipt said, in order, none twice."""
    broker = EmbeddedBroker(tmp_path / "store")
    broker.admin.create_topics([TopicSpec("t")])
    broker.close()
    chance = random.Random(7)
    outs = {f"w{i}": tmp_path / f"w{i}" for i in range(20)}
    for batch in range(0, 20, 4):  # four at a time: they also meet each other's locks when they die
        running = []
        for who in list(outs)[batch : batch + 4]:
            running.append((_start(tmp_path / "store", who, 1_000_000, outs[who]), outs[who]))
        for process, out in running:
            deadline = time.monotonic() + 60
            while out.stat().st_size == 0 and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(chance.uniform(0, 0.2))
            os.kill(process.pid, signal.SIGKILL)
            process.wait(60)
    acknowledged = {who: _acknowledged(out) for who, out in outs.items()}
    assert all(acknowledged.values()), "each was killed while it was writing"
    _check(_read_all(tmp_path / "store"), acknowledged)


def test_twenty_killed_readers_miss_nothing(tmp_path: Path) -> None:
    """Members of a group that are killed at random points leave nothing unread, and no more read twice than was not committed;
    no two of them hold a topic in the same generation."""
    topics = ["t0", "t1", "t2"]
    broker = EmbeddedBroker(tmp_path / "store")
    broker.admin.create_topics([TopicSpec(topic) for topic in topics])
    writer = broker.writer()
    chance = random.Random(11)
    running: list[tuple[subprocess.Popen[bytes], Path]] = []
    outs: list[Path] = []
    written = 0

    def kill_oldest() -> None:
        process, out = running.pop(0)
        deadline = time.monotonic() + 60
        while out.stat().st_size == 0 and time.monotonic() < deadline:
            write(10)
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 0.05))
        os.kill(process.pid, signal.SIGKILL)
        process.wait(60)

    def write(count: int) -> None:
        nonlocal written
        for _ in range(count):
            for topic in topics:
                writer.publish(topic, Record(None, b"%d" % written))
            written += 1

    for n in range(20):
        outs.append(tmp_path / f"r{n}")
        with outs[-1].open("wb") as file:
            command = [sys.executable, "-c", READER, str(tmp_path / "store")]
            running.append((subprocess.Popen(command, stdout=file), outs[-1]))
        write(50)
        if len(running) == 3:  # three at a time, so that topics move among the living as well
            kill_oldest()
    while running:
        kill_oldest()
    writer.flush(60)
    told = [line.split() for out in outs for line in out.read_text().split("\n")[:-1]]
    last = broker.reader("g")
    rest = {topic: [] for topic in topics}
    last.subscribe(["t"], Quiet())
    ends = broker.admin.offsets(topics, OffsetAt.LATEST)
    committed = {topic: commit.offset for topic, commit in broker.admin.group_offsets("g").items()}
    place = {topic: committed.get(topic, 0) for topic in topics}
    deadline = time.monotonic() + 60
    while any(place[topic] < ends[topic] for topic in topics):
        assert time.monotonic() < deadline
        for part in last.poll(0.1):
            rest[part.topic] += [record.offset for record in part.records]
            place[part.topic] = part.next_offset
    broker.close()
    for topic in topics:
        _check_readers(topic, told, committed.get(topic, 0), rest[topic], ends[topic])


def _check_readers(topic: str, told: list[list[str]], committed: int, rest: list[int], end: int) -> None:
    holders: dict[int, list[tuple[int, int]]] = {}
    commits: dict[int, int] = {}
    for what, name, generation, *numbers in told:
        if name == topic and what == "read":
            holders.setdefault(int(generation), []).append((int(numbers[0]), int(numbers[1])))
        elif name == topic:
            commits[int(generation)] = int(numbers[0])
    assert holders, f"{topic} was read before the kills"
    known = reached = 0
    for generation in sorted(holders):
        spans = holders[generation]
        assert known <= spans[0][0] <= reached, f"{topic}: generation {generation} began at {spans[0][0]}"
        assert all(a[1] + 1 == b[0] for a, b in itertools.pairwise(spans)), f"{topic}: in order, none left out"
        reached = max(reached, spans[-1][1] + 1)
        known = max(known, commits.get(generation, 0))
    assert known <= committed <= reached, "what was told as committed is there"
    assert rest == list(range(committed, end)), "the last one reads the rest"


class Quiet:
    def on_assigned(self, topics: Mapping[str, OffsetCommit | None]) -> None: ...

    def on_revoked(self, topics: Sequence[str]) -> None: ...

    def on_lost(self, topics: Sequence[str]) -> None: ...

    def on_error(self, topic: str, error: BrokerError) -> None: ...
