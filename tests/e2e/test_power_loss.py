"""The power goes while the embedded broker writes: what it had acknowledged is there when it is opened again."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import apsw
import pytest

from headrace.adapters import embedded_store
from headrace.adapters.embedded_broker import EmbeddedBroker
from headrace.errors import BrokerError
from headrace.interfaces.broker import OffsetCommit, TopicSpec
from headrace.interfaces.receipt import Receipt
from headrace.model.record import Record
from headrace.testing.conformance.support import read_all, values
from tests.e2e.power_loss_vfs import Cut, Disk, PowerLossVFS

TOPICS = ("t0", "t1", "t2")
TOGETHER = ("x", "y")
"""Written by transactions only, the same records in both."""
RUNS = 24
CUTS = 4
"""Of each run: so many anywhere, and as many during checkpoints."""


@dataclass
class Told:
    """What was acknowledged: by topic how many records, how many transactions, the group's place."""

    topics: bool = False
    records: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    transactions: int = 0
    place: int = 0

    def copy(self) -> Told:
        return Told(self.topics, defaultdict(int, self.records), self.transactions, self.place)


def run(folder: Path, seed: int, synchronous: str = "FULL") -> Disk:
    """Write for a while on a disk that remembers what it held before each of its steps."""
    told = Told()
    disk = Disk(told.copy)
    name = f"power-loss-{seed}-{synchronous}-{id(disk)}"
    vfs = PowerLossVFS(name, disk)
    choice = random.Random(seed)

    def acknowledged(receipt: Receipt) -> None:
        assert receipt.error is None
        told.records[receipt.topic] += 1

    try:
        broker = EmbeddedBroker(folder, vfs=name, synchronous=synchronous)
        broker.admin.create_topics([TopicSpec(topic) for topic in (*TOPICS, *TOGETHER)])
        told.topics = True
        writer, transactions = broker.writer(), broker.transactional_writer("tx")
        published: dict[str, int] = defaultdict(int)
        for turn in range(12):
            for _ in range(choice.randint(1, 40)):
                topic = choice.choice(TOPICS)
                value = b"%d %s" % (published[topic], choice.randbytes(choice.randint(0, 900)))
                published[topic] += 1
                writer.publish(topic, Record(None, value)).add_done_callback(acknowledged)
            transactions.begin()
            for topic in TOGETHER:
                transactions.publish(topic, Record(None, b"%d" % turn))
            transactions.commit()
            told.transactions += 1
            if choice.random() < 0.7:
                writer.flush(20)
            broker.admin.set_group_offsets("g", {"t0": OffsetCommit(turn + 1)})
            told.place = turn + 1
        broker.close()
    finally:
        vfs.unregister()
    return disk


def problems_after(cut: Cut, folder: Path, seed: int) -> list[str]:
    """Open what the disk may hold by ordinary means; everything that is not as it was promised."""
    cut.rebuild(folder, seed)
    told: Told = cut.known
    try:
        broker = EmbeddedBroker(folder)
    except BrokerError as error:
        return [f"not opened: {error}"]
    found: list[str] = []
    try:
        db = apsw.Connection(str(folder / embedded_store.FILE))
        verdict = db.execute("PRAGMA integrity_check").fetchall()
        db.close()
        if verdict != [("ok",)]:
            return [f"damaged: {verdict}"]
        if not broker.admin.topics():
            return ["lost: the topics"] if told.topics else []
        for topic in TOPICS:
            numbers = [int((value or b"").split(b" ")[0]) for value in values(read_all(broker, topic))]
            if numbers != list(range(len(numbers))):
                found.append(f"order: {topic} holds {numbers}")
            if len(numbers) < told.records[topic]:
                found.append(f"lost: {topic} holds {len(numbers)} of {told.records[topic]} acknowledged records")
        both = [values(read_all(broker, topic)) for topic in TOGETHER]
        if both[0] != both[1] or both[0] != [b"%d" % n for n in range(len(both[0]))]:
            found.append(f"torn: transactions left {both}")
        if len(both[0]) < told.transactions:
            found.append(f"lost: {len(both[0])} of {told.transactions} transactions")
        place = broker.admin.group_offsets("g").get("t0", OffsetCommit(0)).offset
        if place < told.place:
            found.append(f"lost: the group is at {place}, and had committed {told.place}")
        before = len(read_all(broker, TOPICS[0]))
        broker.writer().publish(TOPICS[0], Record(None, b"after")).result(20)
        if len(read_all(broker, TOPICS[0])) != before + 1:
            found.append("order: what is written afterwards is not at the end")
    except (BrokerError, apsw.CorruptError) as error:
        found.append(f"damaged: {error!r}")
    finally:
        broker.close()
    return found


@pytest.fixture
def small_wal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints every few commits, so that the power also goes while the WAL is copied, reset and cut."""
    monkeypatch.setattr(embedded_store, "CHECKPOINT_PAGES", 24)
    monkeypatch.setattr(embedded_store, "TRUNCATE_PAGES", 40)


def during_checkpoints(disk: Disk) -> list[Cut]:
    return [cut for cut in disk.cuts if cut.pending(embedded_store.FILE)]


@pytest.mark.usefixtures("small_wal")
@pytest.mark.parametrize("seed", range(RUNS))
def test_what_was_acknowledged_survives(tmp_path: Path, seed: int) -> None:
    """After a cut at any step, whatever is left of unsynced writes: an intact file, every acknowledged record, transaction
    and commit in it, nothing torn or out of order, and a log that goes on."""
    disk = run(tmp_path / "run", seed)
    choice = random.Random(seed)
    cuts = choice.sample(disk.cuts, CUTS) + choice.sample(during_checkpoints(disk), CUTS)
    for n, cut in enumerate(cuts):
        found = problems_after(cut, tmp_path / str(n), seed * 100 + n)
        assert not found, f"cut before step {cut.step} of {len(disk.cuts)}: {found}"


@pytest.mark.usefixtures("small_wal")
def test_a_store_that_does_not_sync_is_found_out(tmp_path: Path) -> None:
    """The same test with ``synchronous=OFF`` finds acknowledged records lost: it would see it if the store did not sync."""
    disk = run(tmp_path / "run", 1, "OFF")
    cuts = disk.cuts[len(disk.cuts) // 2 :: 20]
    found = [problem for cut in cuts for problem in problems_after(cut, tmp_path / str(cut.step), cut.step)]
    assert any(problem.startswith("lost: ") for problem in found), found


@pytest.mark.usefixtures("small_wal")
def test_nothing_rests_on_unsynced_pages_of_the_database(tmp_path: Path) -> None:
    """A disk that forgets every unsynced write of the database file loses nothing: the WAL still has it. The same disk that
    also forgets the WAL loses what was acknowledged."""
    cuts = during_checkpoints(run(tmp_path / "run", 3))
    assert cuts
    forgetful = None
    for cut in cuts[:: max(1, len(cuts) // 8)]:
        cut.files[embedded_store.FILE].pending.clear()
        assert problems_after(cut, tmp_path / str(cut.step), 1) == []
        forgetful = cut
    assert forgetful is not None
    del forgetful.files[f"{embedded_store.FILE}-wal"]
    assert any(problem.startswith("lost: ") for problem in problems_after(forgetful, tmp_path / "no-wal", 1))
