"""Where rejected records go: the application's dead-letter topic, with the reason and the origin.

A record is kept as it was, value and headers, so that it can be handed back. Its key says where it came from (group, topic
id, partition, offset): rejecting the same record again replaces it. The topic is compacted, so a rejected tombstone is
written with an empty value and a header that says what it was; a null deletes (`erase_dead_letters`).

    dead-letter-reason       why, in words             dead-letter-code      the error's stable code, or `rejected`
    dead-letter-group        who gave it up            dead-letter-attempts  how often it was handed out
    dead-letter-topic        -topic-id -partition -offset -timestamp -key: where it stood, and its own key
    dead-letter-at           when, ms since 1970       dead-letter-tombstone `1`: its value was null
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from headrace.interfaces.broker import RecordWriter
from headrace.model import names
from headrace.model.record import Record, StoredRecord

PREFIX = "dead-letter-"
_REASON_MAX = 4096
"""Bytes. The topic's records may pass the largest product's by 64 kB, and the origin's own headers need room as well."""


class Rejected(NamedTuple):
    """A dead letter, taken apart: the record as it stood in its topic, and why it was given up."""

    record: StoredRecord
    reason: str
    code: str
    group: str
    topic_id: str
    attempts: int
    at: int


def dead_letter_record(
    record: StoredRecord, *, reason: str, code: str, group: str, topic_id: str, attempts: int, at: int
) -> Record:
    """The record to write for ``record``, rejected by ``group`` at ``at`` (ms since 1970)."""
    added: list[tuple[str, bytes | None]] = [
        ("reason", reason.encode()[:_REASON_MAX].decode(errors="ignore").encode()),
        ("code", code.encode()),
        ("group", group.encode()),
        ("attempts", b"%d" % attempts),
        ("topic", record.topic.encode()),
        ("topic-id", topic_id.encode()),
        ("partition", b"0"),
        ("offset", b"%d" % record.offset),
        ("timestamp", b"%d" % record.timestamp),
        ("at", b"%d" % at),
    ]
    if record.key is not None:
        added.append(("key", record.key))
    if record.value is None:
        added.append(("tombstone", b"1"))
    return Record(
        key=f"{group}/{topic_id}/0/{record.offset}".encode(),
        value=b"" if record.value is None else record.value,
        headers=record.headers + tuple((PREFIX + name, value) for name, value in added),
    )


def erase_dead_letters(
    writer: RecordWriter, application: str, keys: Iterable[bytes], timeout: float | None = None
) -> int:
    """Write a tombstone for each key, and return how many once all are durable. From then on a reader finds them gone; their
    bytes go when the topic is compacted. ``timeout``: seconds. Raises a `BrokerError`."""
    topic = names.dead_letter(application)
    receipts = [writer.publish(topic, Record(key, None)) for key in keys]
    for receipt in receipts:
        receipt.result(timeout)
    return len(receipts)


def parse_dead_letter(stored: StoredRecord) -> Rejected:
    """What `dead_letter_record` wrote. Raises ValueError where a header of ours is missing or malformed."""
    ours = {name.removeprefix(PREFIX): value for name, value in stored.headers if name.startswith(PREFIX)}
    # A record that was rejected, handed back and rejected again has our headers twice: the last ones count, as with
    # `StoredRecord.header`, and the origin's are what stands before the last "reason".
    names = [name for name, _ in stored.headers]
    try:
        last = len(names) - 1 - names[::-1].index(PREFIX + "reason")

        def text(name: str) -> str:
            value = ours[name]
            return (value or b"").decode()

        return Rejected(
            record=StoredRecord(
                topic=text("topic"),
                offset=int(text("offset")),
                timestamp=int(text("timestamp")),
                key=_after(stored, last, "key"),
                value=None if _after(stored, last, "tombstone") == b"1" else stored.value,
                headers=stored.headers[:last],
            ),
            reason=text("reason"),
            code=text("code"),
            group=text("group"),
            topic_id=text("topic-id"),
            attempts=int(text("attempts")),
            at=int(text("at")),
        )
    except (KeyError, ValueError) as error:
        raise ValueError(f"{stored.topic}@{stored.offset} is no dead letter: {error}") from error


def _after(stored: StoredRecord, index: int, name: str) -> bytes | None:
    return next((value for header, value in stored.headers[index:] if header == PREFIX + name), None)
