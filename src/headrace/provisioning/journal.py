"""The record of each apply, in a topic of each region: begun, what was done in each step, and how it ended.

Nothing is decided from it: the next plan comes from what is there. It tells people that an apply was cut short, how far it
had come, and who did what when. Each record says everything about its apply so far, so the last one is enough.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from headrace.clock import Clock
from headrace.interfaces.broker import Broker, RecordWriter
from headrace.model import names
from headrace.model.record import Record
from headrace.provisioning.topic_reader import read_topic


class Outcome(StrEnum):
    """``running``: not ended yet, or cut off without a word."""

    RUNNING = "running"
    APPLIED = "applied"
    PARTIAL = "partial"
    INTERRUPTED = "interrupted"


class JournalEntry(msgspec.Struct, frozen=True):
    """One step of an apply in one region.

    ``apply``: the apply's id, the same in each region. ``plan``: the plan's hash. ``total``, ``done``, ``failed``: changes
    of this region, so far. ``step``: the keys of the changes that this record tells of; ``failures`` by key, the text.
    ``time``: ms since the epoch. ``exceptions``: subjects' rules that are lifted now, or stand again, in words.
    """

    apply: str
    plan: str
    commit: str | None
    outcome: Outcome
    total: int
    done: int
    failed: int
    time: int
    step: tuple[str, ...] = ()
    failures: dict[str, str] = {}
    exceptions: tuple[str, ...] = ()

    @property
    def unfinished(self) -> bool:
        return self.outcome in (Outcome.RUNNING, Outcome.INTERRUPTED)


# Offsets at the end of the topic among which the last record is found: transactions and compaction leave gaps.
_TAIL = 100


def last_entry(broker: Broker, clock: Clock) -> JournalEntry | None:
    """The newest entry of a region's journal; None where there is none, or none that can be read."""
    for record in reversed(read_topic(broker, names.journal_topic(), clock, last=_TAIL)):
        try:
            return msgspec.json.decode(record.value or b"", type=JournalEntry)
        except msgspec.MsgspecError:
            continue
    return None


def write_entry(writer: RecordWriter, entry: JournalEntry, timeout: float = 60.0) -> None:
    """Write an entry and return when it is durable."""
    record = Record(entry.apply.encode(), msgspec.json.encode(entry))
    receipt = writer.publish(names.journal_topic(), record)
    writer.flush(timeout)
    receipt.result(timeout)
