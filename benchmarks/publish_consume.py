"""Publishing and consuming through the whole SDK on the embedded broker, against SQLite's own work on the same bytes.

The raw side is a loop of plain SQLite statements, no code of Headrace's: one INSERT a record into a table of key, value and
headers, one transaction for each batch that Headrace's writer had formed, WAL, synchronous=FULL on both sides. A row for each
whole batch is shown beside it, as the least that SQLite can do with these bytes. Reading is a SELECT over the same rows.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from pathlib import Path

import apsw

import headrace
from benchmarks.figures import Figure, report
from headrace.testing.embedded_cluster import apply_small_catalogue

EVENTS = 20_000
ROUNDS = 5
DATA = {
    "storeId": "367",
    "productId": "1029743",
    "quantity": 3,
    "promotionId": "spring-2026",
    "note": "n" * 300,
    "lines": [{"sku": f"sku-{n:06}", "price": 1.25} for n in range(8)],
}
Rows = list[tuple[bytes | None, bytes | None, bytes]]


def _publish(cluster: str) -> float:
    """Seconds from the first publish until the last event is durable."""
    with headrace.connect(application="data-api", region="eu", cluster=cluster) as app:
        sales = app.producer("sales-events")
        sales.publish("SaleRecorded", DATA, tenant="acme").result(10)
        start = time.perf_counter()
        for _ in range(EVENTS):
            sales.publish("SaleRecorded", DATA, tenant="acme")
        app.flush(60)
        return time.perf_counter() - start


def _consume(cluster: str) -> float:
    """Seconds from the first event that is handed out to the last one's outcome."""
    app = headrace.App("plan", region="eu", cluster=cluster)
    times: list[float] = []
    count = 0
    ended = threading.Event()

    @app.consumer("sales-events", purpose="bench", batch=headrace.Batch(500, "50ms"))
    def on_sales(events: list[headrace.Event]) -> None:
        nonlocal count
        times.append(time.perf_counter())
        count += len(events)
        for event in events:
            _ = event.data["quantity"], event.id
        if count > EVENTS:
            times.append(time.perf_counter())
            ended.set()

    with app:
        app.start()
        if not ended.wait(60):
            raise RuntimeError(f"only {count} of {EVENTS} events arrived")
    return times[-1] - times[0]


def _written(cluster: str) -> tuple[list[int], Rows]:
    """The sizes of the batches that the writer formed, and the records' bytes, as they were read back."""
    with headrace.connect(application="data-api", region="eu", cluster=cluster) as app:
        broker = app.connection.broker
        reader = broker.reader()
        reader.assign({"sales-events.v1.acme": 1})
        rows: Rows = []
        sizes: list[int] = []
        last = None
        while len(rows) < EVENTS:
            for fetched in reader.poll(1.0, 5_000):
                for record in fetched.records:
                    headers = b"".join(name.encode() + (value or b"") for name, value in record.headers)
                    rows.append((record.key, record.value, headers))
                    # All records of a commit have one timestamp of the log; two commits in one ms would look like one.
                    if record.timestamp != last:
                        sizes.append(0)
                        last = record.timestamp
                    sizes[-1] += 1
        reader.close()
    return sizes, rows


def _open(folder: Path) -> apsw.Connection:
    db = apsw.Connection(str(folder / "raw.db"))
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE log(seq INTEGER PRIMARY KEY, ts INTEGER, key BLOB, value BLOB, headers BLOB)")
    return db


def _raw_publish(folder: Path, sizes: list[int], rows: Rows) -> float:
    db = _open(folder)
    start = time.perf_counter()
    place = 0
    for size in sizes:
        db.execute("BEGIN IMMEDIATE")
        for key, value, headers in rows[place : place + size]:
            db.execute("INSERT INTO log(ts, key, value, headers) VALUES(?, ?, ?, ?)", (0, key, value, headers))
        db.execute("COMMIT")
        place += size
    took = time.perf_counter() - start
    db.close()
    return took


def _raw_consume(folder: Path) -> float:
    db = apsw.Connection(str(folder / "raw.db"))
    start = time.perf_counter()
    count = 0
    place = 0
    while count < EVENTS:
        rows = db.execute(
            "SELECT seq, ts, key, value, headers FROM log WHERE seq > ? ORDER BY seq LIMIT 2000", (place,)
        )
        for seq, _, _, _, _ in rows:
            place = seq
            count += 1
    took = time.perf_counter() - start
    db.close()
    return took


def _raw_blobs(folder: Path, sizes: list[int], rows: Rows) -> float:
    db = _open(folder)
    blobs, place = [], 0
    for size in sizes:
        blobs.append(b"".join(part or b"" for row in rows[place : place + size] for part in row))
        place += size
    start = time.perf_counter()
    for blob in blobs:
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO log(ts, value) VALUES(?, ?)", (0, blob))
        db.execute("COMMIT")
    took = time.perf_counter() - start
    db.close()
    return took


def measure() -> list[Figure]:
    ratios: dict[str, list[float]] = {"publish": [], "consume": [], "blobs": []}
    seconds: dict[str, list[float]] = {"publish": [], "raw publish": [], "consume": [], "raw consume": [], "blobs": []}
    batch = size = 0.0
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            apply_small_catalogue(folder / "eu")
            cluster = f"embedded:{folder / 'eu'}"
            published = _publish(cluster)
            consumed = _consume(cluster)
            sizes, rows = _written(cluster)
            (folder / "rows").mkdir()
            (folder / "blobs").mkdir()
            raw = _raw_publish(folder / "rows", sizes, rows)
            raw_read = _raw_consume(folder / "rows")
            blobs = _raw_blobs(folder / "blobs", sizes, rows)
        batch, size = len(rows) / len(sizes), len(rows[0][1] or b"")
        for key, value in zip(seconds, (published, raw, consumed, raw_read, blobs), strict=True):
            seconds[key].append(value)
        ratios["publish"].append(raw / published)
        ratios["consume"].append(raw_read / consumed)
        ratios["blobs"].append(blobs / published)
    middle = {key: statistics.median(values) for key, values in ratios.items()}
    rate = {key: round(EVENTS / statistics.median(values)) for key, values in seconds.items()}
    return [
        Figure(
            "validated publish / SQLite's inserts of the same bytes, rate",
            middle["publish"],
            0.5,
            at_least=True,
            detail={
                "events/s": rate["publish"],
                "SQLite events/s": rate["raw publish"],
                "events a batch": round(batch),
                "bytes an event": size,
            },
        ),
        Figure(
            "validated publish / SQLite's insert of each batch as one blob, rate",
            middle["blobs"],
            detail={"SQLite events/s": rate["blobs"]},
        ),
        Figure(
            "consume, validated, in batches of 500 / SQLite's select, rate",
            middle["consume"],
            detail={"events/s": rate["consume"], "SQLite events/s": rate["raw consume"]},
        ),
    ]


if __name__ == "__main__":
    raise SystemExit(report(measure()))
