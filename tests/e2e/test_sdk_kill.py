"""kill -9 of producers and consumers at random points: nothing acknowledged is lost, order holds, duplicates are bounded."""

from __future__ import annotations

import importlib.util
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from types import ModuleType

import pytest

from headrace.testing.embedded_cluster import apply_small_catalogue

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


def lines(path: Path) -> list[list[str]]:
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


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
    acknowledged, handled = tmp_path / "acknowledged", tmp_path / "handled"
    chance = random.Random(seed)
    producer = Victim("produce", cluster, tmp_path, acknowledged, chance)
    consumer = Victim("consume", cluster, tmp_path, handled, chance)
    try:
        while producer.kills < KILLS or consumer.kills < KILLS:
            for victim in (producer, consumer):
                victim.step()
            time.sleep(0.005)
        producer.end()
        last = {tenant: int(number) for tenant, number in lines(acknowledged)}
        deadline = time.monotonic() + 60
        while any(
            max((int(line[2]) for line in lines(handled) if line[0] == tenant), default=0) < number
            for tenant, number in last.items()
        ):
            assert time.monotonic() < deadline, "the acknowledged events were not all handled"
            time.sleep(0.2)
        consumer.process.send_signal(signal.SIGTERM)
        assert consumer.process.wait(30) == 0
    finally:
        producer.end()
        consumer.end()
    assert (producer.kills, consumer.kills) == (KILLS, KILLS)

    repeated_in_log = repeated_in_handling = 0
    # What is settled and not committed, and the event that was being handled.
    again = workers.UNCOMMITTED + 1
    for tenant in workers.TENANTS:
        by_offset: dict[int, int] = {}
        by_process: dict[str, list[int]] = defaultdict(list)
        times: Counter[int] = Counter()
        fences: list[int] = []
        for line in lines(handled):
            if line[0] == tenant:
                offset, number, process, fence = int(line[1]), int(line[2]), line[3], int(line[4])
                assert by_offset.setdefault(offset, number) == number, "an offset never changes its event"
                by_process[process].append(offset)
                times[offset] += 1
                fences.append(fence)
        offsets = sorted(by_offset)
        assert offsets == list(range(len(offsets))), "no offset is left out"
        high = -1
        for process, seen in by_process.items():
            assert seen[0] > high - again, f"process {process} was handed more again than a lane may leave uncommitted"
            high = max(high, seen[-1])
            assert seen == list(range(seen[0], seen[0] + len(seen))), f"process {process} was handed out of order"
        assert fences == sorted(fences), "the fence never falls"
        numbers = [by_offset[offset] for offset in offsets]
        first = list(dict.fromkeys(numbers))
        assert first == list(range(1, len(first) + 1)), "numbers first appear in order, none is lost"
        assert first[-1] >= last[tenant], "everything acknowledged is in the log"
        repeated_in_log += len(numbers) - len(first)
        repeated_in_handling += sum(times.values()) - len(times)
    in_flight = workers.CHUNK * len(workers.TENANTS)
    print(
        f"acknowledged {sum(last.values())}; again in the log {repeated_in_log}; handled again {repeated_in_handling}"
    )
    assert repeated_in_log <= KILLS * in_flight
    assert repeated_in_handling <= KILLS * again * len(workers.TENANTS)
