"""kill -9 of producers and consumers at random points: nothing acknowledged is lost, order holds, duplicates are bounded."""

from __future__ import annotations

import importlib.util
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from headrace.testing.checker import judge
from headrace.testing.embedded_cluster import apply_small_catalogue
from headrace.testing.ledger import Acknowledged, Handled, Tail, read

HERE = Path(__file__).parent
KILLS = 20


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


workers = module("sdk_workers")


def start(role: str, cluster: str, folder: Path) -> subprocess.Popen[bytes]:
    with (folder / f"{role}.log").open("ab") as log:
        return subprocess.Popen([sys.executable, str(HERE / "sdk_workers.py"), role, cluster, str(folder)], stderr=log)


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


class Victim:
    """A worker that is killed at a random moment after it has begun to work, and started again, so many times."""

    def __init__(self, role: str, cluster: str, folder: Path, trace: Path, chance: random.Random) -> None:
        self.role, self.cluster, self.folder, self.trace, self.chance = role, cluster, folder, trace, chance
        self.kills = 0
        self.begin()

    def begin(self) -> None:
        self.before = size(self.trace)
        self.process = start(self.role, self.cluster, self.folder)
        self.at: float | None = None

    def step(self) -> None:
        assert self.process.poll() is None, (self.folder / f"{self.role}.log").read_text()[-3000:]
        now = time.monotonic()
        if self.at is None and size(self.trace) > self.before:
            self.at = now + self.chance.uniform(0.0, 0.3)
        elif self.at is not None and now >= self.at and self.kills < KILLS:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.kills += 1
            self.begin()

    def end(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.mark.slow
def test_twenty_kills_of_producer_and_consumer(tmp_path: Path) -> None:
    """20 kills each: every acknowledged event is in the log and handled; each tenant's events stay in order; what comes again
    in the log is at most what was in flight, and what is handled again at most what a lane may leave uncommitted, per kill."""
    seed = int(os.environ.get("HEADRACE_KILL_SEED", random.randrange(1_000_000)))
    print("seed", seed)
    apply_small_catalogue(tmp_path / "eu")
    cluster = f"embedded:{tmp_path / 'eu'}"
    published, handled = tmp_path / "producers", tmp_path / "consumers"
    chance = random.Random(seed)
    producer = Victim("produce", cluster, tmp_path, published, chance)
    consumer = Victim("consume", cluster, tmp_path, handled, chance)
    try:
        while producer.kills < KILLS or consumer.kills < KILLS:
            for victim in (producer, consumer):
                victim.step()
            time.sleep(0.005)
        producer.end()
        wanted = {entry.event for entry in read(published) if isinstance(entry, Acknowledged)}
        tail = Tail(handled)
        deadline = time.monotonic() + 60
        while wanted:
            assert time.monotonic() < deadline, "the acknowledged events were not all handled"
            wanted -= {entry.event for entry in tail.more()}
            time.sleep(0.2)
        consumer.process.send_signal(signal.SIGTERM)
        assert consumer.process.wait(30) == 0
    finally:
        producer.end()
        consumer.end()
    assert (producer.kills, consumer.kills) == (KILLS, KILLS)

    # What is settled and not committed, and the event that was being handled.
    in_flight = workers.UNCOMMITTED + 1
    verdict = judge(read(published, handled), in_flight=in_flight).check()
    print(verdict)
    for topic, counts in verdict.topics.items():
        offsets = {entry.offset for entry in read(handled) if isinstance(entry, Handled) and entry.topic == topic}
        assert offsets == set(range(len(offsets))), "the log is dense, so no offset is left out"
        assert counts.repeated_in_log <= KILLS * workers.CHUNK
        assert counts.duplicates <= KILLS * in_flight
        assert counts.stale == 0, "a dead consumer handles nothing"
