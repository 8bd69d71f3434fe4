"""Appending to topics inside a write transaction: offsets, the log's time, and what a topic refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import apsw

from headrace.adapters.embedded_batches import encode_dense
from headrace.adapters.embedded_store import row_id
from headrace.errors import HeadraceError, InvalidTopic, PayloadTooLarge, TopicMissing
from headrace.model.record import Record

BATCH_BYTES = 1_000_000
BATCH_RECORDS = 1_000
"""A row holds no more, so that a reader that decodes one row at a time stays within bounds."""


class Appended(NamedTuple):
    """The first offset that a topic's accepted records got, and the log's time; by index, the records refused."""

    first: int
    timestamp: int
    refused: dict[int, HeadraceError]


def size_of(record: Record) -> int:
    """Bytes of key, value and headers, as the bounds count them."""
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
    accepted: Sequence[Record] = records
    sizes = [size_of(record) for record in records]
    if compacted or max(sizes, default=0) > max_bytes:
        refused = _refused(name, records, sizes, max_bytes, bool(compacted))
        if refused:
            accepted = [record for i, record in enumerate(records) if i not in refused]
            sizes = [size for i, size in enumerate(sizes) if i not in refused]
    if accepted:
        sequence = db.execute("SELECT coalesce(max(seq), 0) + 1 FROM topics").fetchone()[0]
        offset = first
        for part in _parts(accepted, sizes):
            last = offset + len(part) - 1
            db.execute(
                "INSERT INTO batches(id, last, ts, blob) VALUES(?, ?, ?, ?)",
                (row_id(topic, offset), last, timestamp, encode_dense(part)),
            )
            offset = last + 1
        db.execute(
            "UPDATE topics SET next=?, last_ts=?, seq=? WHERE id=?",
            (offset, timestamp, sequence, topic),
        )
    return Appended(first, timestamp, refused)


def _parts(records: Sequence[Record], sizes: Sequence[int]) -> Sequence[Sequence[Record]]:
    if len(records) <= BATCH_RECORDS and sum(sizes) <= BATCH_BYTES:
        return (records,)
    parts: list[list[Record]] = [[]]
    size = 0
    for record, bytes_ in zip(records, sizes, strict=True):
        if parts[-1] and (len(parts[-1]) >= BATCH_RECORDS or size + bytes_ > BATCH_BYTES):
            parts.append([])
            size = 0
        parts[-1].append(record)
        size += bytes_
    return parts


def _refused(
    name: str, records: Sequence[Record], sizes: Sequence[int], max_bytes: int, compacted: bool
) -> dict[int, HeadraceError]:
    refused: dict[int, HeadraceError] = {}
    for i, (record, size) in enumerate(zip(records, sizes, strict=True)):
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
