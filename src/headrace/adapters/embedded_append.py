"""Appending to topics inside a write transaction: offsets, the log's time, and what a topic refuses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import apsw

from headrace.adapters.embedded_batches import encode_dense
from headrace.adapters.embedded_store import row_id
from headrace.errors import BrokerError, HeadraceError, InvalidTopic, PayloadTooLarge, TopicMissing
from headrace.model.record import Record

BATCH_BYTES = 1_000_000
BATCH_RECORDS = 1_000
"""A row holds no more records, and about so many bytes (a single record may be larger), so that a reader that decodes a few
rows at a time stays within bounds."""


class Appended(NamedTuple):
    """The first offset that a topic's accepted records got, and the log's time; by index, the records refused."""

    first: int
    timestamp: int
    refused: dict[int, HeadraceError]


def next_sequence(db: apsw.Connection) -> int:
    """One more than that of any append before. Readers ask for the topics above the last that they saw, so it may not go
    back when the topic with the highest is deleted: then its number stays in the table `store`."""
    row: tuple[int] = db.execute(
        "SELECT max((SELECT coalesce(max(seq), 0) FROM topics),"
        " (SELECT coalesce(max(CAST(value AS INTEGER)), 0) FROM store WHERE name='sequence')) + 1"
    ).fetchone()
    return row[0]


def size_of(record: Record) -> int:
    """Bytes of key, value and headers, as a topic's limit counts them."""
    size = len(record.value or b"") + len(record.key or b"")
    for name, value in record.headers:
        size += len(name) + len(value or b"")
    return size


def append(db: apsw.Connection, name: str, records: Sequence[Record], now_ms: int) -> Appended | TopicMissing:
    """Append ``records`` to a topic, in order. The caller commits."""
    row = db.execute("SELECT id, next, last_ts, max_bytes, compacted FROM topics WHERE name=?", (name,)).fetchone()
    if row is None:
        return TopicMissing(f"there is no topic {name}", hint="run `headrace apply`", topic=name)
    topic, first, last_ts, max_bytes, compacted = row
    # The log's time never goes back, though the machine's clock may.
    timestamp = max(now_ms, last_ts)
    refused: dict[int, HeadraceError] = {}
    rows: list[tuple[int, bytes]] = []
    for start in range(0, len(records), BATCH_RECORDS):
        part = records[start : start + BATCH_RECORDS]
        wrong: dict[int, HeadraceError] = {}
        try:
            blob = encode_dense(part)
        except (TypeError, ValueError):
            wrong = _unencodable(name, part)
        if wrong or compacted or _may_exceed(part, blob, max_bytes):
            wrong |= _refused(name, part, max_bytes, bool(compacted))
            if wrong:
                refused |= {start + i: error for i, error in wrong.items()}
                part = [record for i, record in enumerate(part) if i not in wrong]
                blob = encode_dense(part)
        rows += _halved(part, blob)
    if rows:
        sequence = next_sequence(db)
        offset = first
        for count, blob in rows:
            last = offset + count - 1
            db.execute(
                "INSERT INTO batches(id, last, ts, blob) VALUES(?, ?, ?, ?)",
                (row_id(topic, offset), last, timestamp, blob),
            )
            offset = last + 1
        db.execute("UPDATE topics SET next=?, last_ts=?, seq=? WHERE id=?", (offset, timestamp, sequence, topic))
    return Appended(first, timestamp, refused)


def _halved(records: Sequence[Record], blob: bytes) -> Iterator[tuple[int, bytes]]:
    """The rows for these records: each a number of records and their blob."""
    if len(blob) <= 2 * BATCH_BYTES or len(records) == 1:
        if records:
            yield len(records), blob
    else:
        middle = len(records) // 2
        for half in (records[:middle], records[middle:]):
            yield from _halved(half, encode_dense(half))


def _unencodable(name: str, records: Sequence[Record]) -> dict[int, HeadraceError]:
    """Those that cannot be stored at all, such as one with half a surrogate pair in a header's name."""
    refused: dict[int, HeadraceError] = {}
    for i, record in enumerate(records):
        try:
            encode_dense((record,))
        except (TypeError, ValueError) as error:
            refused[i] = BrokerError(f"the record for {name} cannot be stored: {error}", topic=name)
            refused[i].__cause__ = error
    return refused


def _may_exceed(records: Sequence[Record], blob: bytes, max_bytes: int) -> bool:
    """Whether a record of the batch may be larger than the topic takes. What is not values is keys and headers: even if all
    of it were the largest record's, that would fit. Adding up each record's headers instead costs 1 us a record."""
    values = [len(record.value or b"") for record in records]
    return len(blob) - sum(values) + max(values) > max_bytes


def _refused(name: str, records: Sequence[Record], max_bytes: int, compacted: bool) -> dict[int, HeadraceError]:
    refused: dict[int, HeadraceError] = {}
    for i, record in enumerate(records):
        size = size_of(record)
        if size > max_bytes:
            refused[i] = PayloadTooLarge(
                f"a record of {size} bytes is larger than {name} takes ({max_bytes})",
                hint="raise the product's topic.maxBytes, or send less",
                topic=name,
                size=size,
                limit=max_bytes,
            )
        elif compacted and record.key is None:
            # As Kafka: a compacted topic cannot hold what compaction cannot place.
            refused[i] = InvalidTopic(f"{name} is compacted: a record needs a key", topic=name)
    return refused
