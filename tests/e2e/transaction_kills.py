"""Members of a transactional consumer that are killed while they work, and what must be true of the output afterwards."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from headrace.envelope.codec import ProductCodec
from headrace.interfaces.broker import Broker, OffsetAt
from headrace.model.record import StoredRecord
from headrace.provisioning.compile import compile_catalogue
from headrace.streaming.app import App
from headrace.streaming.dead_letter import parse_dead_letter
from headrace.testing.small_catalogue import small_catalogue

TENANTS = ("acme", "bolt")
HERE = Path(__file__).parent


def read_committed(broker: Broker, topic: str) -> list[StoredRecord]:
    """All that a reader sees of ``topic`` now; readers see what is committed alone."""
    end = broker.admin.offsets([topic], OffsetAt.LATEST)[topic]
    reader = broker.reader()
    try:
        reader.assign({topic: OffsetAt.EARLIEST})
        records: list[StoredRecord] = []
        position = 0
        while position < end:
            for fetched in reader.poll(1.0):
                records += fetched.records
                position = fetched.next_offset
        return records
    finally:
        reader.close()


def outputs(broker: Broker) -> dict[str, list[int]]:
    """By tenant, the quantities of the order proposals in their order."""
    codec = ProductCodec(compile_catalogue(small_catalogue(), "eu").products["order-proposals.v1"], "eu")
    return {
        tenant: [
            codec.decode(record).data["quantity"] for record in read_committed(broker, f"order-proposals.v1.{tenant}")
        ]
        for tenant in TENANTS
    }


class Members:
    """Processes of `transaction_workers`, of which one at a time is killed and started again."""

    def __init__(self, cluster: str, folder: Path, count: int) -> None:
        self._cluster = cluster
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = [self._begin() for _ in range(count)]

    def _begin(self) -> subprocess.Popen[bytes]:
        with (self._folder / "members.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, str(HERE / "transaction_workers.py"), self._cluster],
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def kill(self, index: int) -> None:
        """kill -9, and a new one in its place."""
        assert self._processes[index].poll() is None, self.log()
        self._processes[index].send_signal(signal.SIGKILL)
        self._processes[index].wait()
        self._processes[index] = self._begin()

    def stop(self) -> None:
        """SIGTERM: they finish, commit and leave."""
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(60) for process in self._processes] == [0] * len(self._processes), self.log()

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    def log(self) -> str:
        return (self._folder / "members.log").read_text()[-4000:]


def kill_while_they_copy(
    broker: Broker, source: App, cluster: str, folder: Path, *, kills: int, chance: random.Random
) -> None:
    """Publish sales without a pause, kill members at random moments while output is growing, let what is left be copied; then
    each sale is in its tenant's output exactly once and in order, or (each tenth) in the dead letter, exactly once."""
    members = Members(cluster, folder, 2)
    try:
        published = 0
        with source:
            sales = source.producer("sales-events")

            def publish(count: int) -> None:
                nonlocal published
                for _ in range(count):
                    published += 1
                    for tenant in TENANTS:
                        data = {"storeId": "s", "productId": "p", "quantity": published}
                        sales.publish("SaleRecorded", data, tenant=tenant)
                source.flush(30)

            seen, killed, at = 0, 0, None
            deadline = time.monotonic() + 120
            while killed < kills:
                assert time.monotonic() < deadline, members.log()
                publish(40)
                grown = sum(
                    broker.admin.offsets(
                        [f"order-proposals.v1.{tenant}" for tenant in TENANTS], OffsetAt.LATEST
                    ).values()
                )
                if at is None and grown > seen + 100:
                    at = time.monotonic() + chance.uniform(0.0, 0.4)
                elif at is not None and time.monotonic() >= at:
                    members.kill(chance.randrange(2))
                    killed, seen, at = killed + 1, grown, None
                time.sleep(0.02)
        expected = [number for number in range(1, published + 1) if number % 10]
        deadline = time.monotonic() + 60
        while any(len(outputs(broker)[tenant]) < len(expected) for tenant in TENANTS):
            assert time.monotonic() < deadline, members.log()
            time.sleep(0.5)
        members.stop()
    finally:
        members.end()
    found = outputs(broker)
    for tenant in TENANTS:
        assert found[tenant] == expected, f"{tenant}: lost, twice or out of order"
    rejected = sorted(
        (letter.record.topic, letter.record.offset)
        for letter in map(parse_dead_letter, read_committed(broker, "dlq.plan"))
    )
    assert rejected == sorted(tenths(published)), "dead letters are part of the transaction"


def tenths(published: int) -> Sequence[tuple[str, int]]:
    return [(f"sales-events.v1.{tenant}", number - 1) for tenant in TENANTS for number in range(10, published + 1, 10)]
