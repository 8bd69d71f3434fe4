"""The embedded broker against SQLite itself: the same bytes, in the same batches, as durable, by a loop of plain statements.

Goals: appending at least 0.65 of it, so that validated publish can reach 0.5 of it; reading at least 0.5 of a plain
SELECT whose rows are decoded.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import apsw
import msgspec

from benchmarks.figures import Figure, median_ratio, report
from headrace.adapters.embedded_broker import EmbeddedBroker
from headrace.interfaces.broker import OffsetAt, TopicSpec
from headrace.model.record import Record

RECORDS = 40_000
TOPICS = 4


def _records() -> list[Record]:
    body = json.dumps({"storeId": "367", "text": "x" * 960}).encode()
    headers = (
        ("event-type", b"com.example.sale.recorded.v1"),
        ("event-id", b"0" * 36),
        ("event-source", b"/a/data-api"),
    )
    return [Record(b'["367","%d"]' % i, body, headers) for i in range(RECORDS)]


def _ours(records: Sequence[Record]) -> tuple[float, list[int]]:
    """Seconds to write all, and the sizes of the batches that came about (the same are then given to plain SQLite)."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        broker = EmbeddedBroker(Path(folder))
        broker.admin.create_topics([TopicSpec(f"t{i}") for i in range(TOPICS)])
        writer = broker.writer()
        start = time.perf_counter()
        for i, record in enumerate(records):
            writer.publish(f"t{i % TOPICS}", record)
        writer.flush()
        seconds = time.perf_counter() - start
        broker.close()
        db = apsw.Connection(str(Path(folder) / "headrace.db"))
        sizes = [len(blob) for (blob,) in db.execute("SELECT blob FROM batches").fetchall()]
        db.close()
        return seconds, sizes


def _plain(sizes: Sequence[int]) -> float:
    """The same blobs' sizes, a commit for each set of `TOPICS` rows, WAL and synchronous=FULL."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        db = apsw.Connection(str(Path(folder) / "plain.db"))
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE log(id INTEGER PRIMARY KEY, blob BLOB NOT NULL)")
        noise = os.urandom(max(sizes))
        start = time.perf_counter()
        for i in range(0, len(sizes), TOPICS):
            db.execute("BEGIN IMMEDIATE")
            for size in sizes[i : i + TOPICS]:
                db.execute("INSERT INTO log(blob) VALUES(?)", (noise[:size],))
            db.execute("COMMIT")
        seconds = time.perf_counter() - start
        db.close()
        return seconds


def measure() -> list[Figure]:
    records = _records()
    sizes: list[int] = []

    def ours() -> float:
        nonlocal sizes
        seconds, sizes = _ours(records)
        return seconds

    _, pairs = median_ratio(ours, lambda: _plain(sizes) if sizes else ours(), rounds=5)
    pairs = pairs[1:] if len(pairs) > 1 else pairs
    ratios = sorted(raw / mine for mine, raw in pairs)
    appended = ratios[len(ratios) // 2]
    return [
        Figure(
            "embedded append / plain SQLite, same bytes and batches",
            appended,
            0.65,
            at_least=True,
            detail={
                "records/s": round(RECORDS / min(mine for mine, _ in pairs)),
                "plain records/s": round(RECORDS / min(raw for _, raw in pairs)),
                "rows": len(sizes),
            },
        ),
        _reading(records),
    ]


def _reading(records: Sequence[Record]) -> Figure:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        broker = EmbeddedBroker(Path(folder))
        broker.admin.create_topics([TopicSpec("t")])
        writer = broker.writer()
        for record in records:
            writer.publish("t", record)
        writer.flush()
        db = apsw.Connection(str(Path(folder) / "headrace.db"))
        decoder = msgspec.msgpack.Decoder(list[Record])

        def raw() -> float:
            start = time.perf_counter()
            count = 0
            for (blob,) in db.execute("SELECT blob FROM batches ORDER BY id"):
                count += len(decoder.decode(memoryview(blob)[5:]))
            assert count == RECORDS
            return time.perf_counter() - start

        def ours() -> float:
            reader = broker.reader()
            reader.assign({"t": OffsetAt.EARLIEST})
            start = time.perf_counter()
            count = 0
            while count < RECORDS:
                count += sum(len(part.records) for part in reader.poll(1))
            seconds = time.perf_counter() - start
            reader.close()
            return seconds

        _, pairs = median_ratio(ours, raw, rounds=5)
        db.close()
        broker.close()
    ratios = sorted(r / o for o, r in pairs)
    return Figure(
        "embedded read / plain SELECT and MessagePack decode",
        ratios[len(ratios) // 2],
        0.5,
        at_least=True,
        detail={"records/s": round(RECORDS / min(o for o, _ in pairs))},
    )


if __name__ == "__main__":
    raise SystemExit(report(measure()))
