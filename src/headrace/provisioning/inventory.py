"""Which topics, subjects and access rules are Headrace's own making, in a compacted topic of each region.

The live cluster says what is there; the inventory only says what may be deleted. A resource that it does not name is
never deleted, so losing it costs deletions, not data. A topic's entry holds the topic's id: one that was deleted and made
again by somebody else has another id, and is not ours. An access rule has no id: its entry holds the rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from headrace.clock import Clock
from headrace.interfaces.access import AccessRule
from headrace.interfaces.broker import Broker
from headrace.model import names
from headrace.model.compiled_records import latest
from headrace.model.record import Record, StoredRecord
from headrace.provisioning.topic_reader import read_topic

Resource = Literal["topic", "subject", "rule"]


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """``id``: the topic's own (empty for what has none). ``rule``: of an access rule."""

    product: str
    tenant: str
    id: str = ""
    rule: AccessRule | None = None


@dataclass(frozen=True)
class Inventory:
    """Entries by the resource's name, or the rule."""

    topics: Mapping[str, Entry] = field(default_factory=dict)
    subjects: Mapping[str, Entry] = field(default_factory=dict)
    rules: Mapping[AccessRule, Entry] = field(default_factory=dict)

    def owns_topic(self, name: str, topic_id: str) -> bool:
        entry = self.topics.get(name)
        return entry is not None and entry.id == topic_id


_decoder = msgspec.json.Decoder(Entry)


def entry_record(resource: Resource, name: str, entry: Entry | None) -> Record:
    """The record that enters a resource, or with None takes it out."""
    return Record(f"{resource}/{name}".encode(), None if entry is None else msgspec.json.encode(entry))


def from_records(records: Iterable[StoredRecord]) -> Inventory:
    """The inventory after ``records``, in the log's order. What does not decode is passed over: it owns nothing."""
    found: dict[str, dict[str, Entry]] = {"topic": {}, "subject": {}, "rule": {}}
    for key, value in latest(records).items():
        resource, _, name = key.decode(errors="replace").partition("/")
        if resource not in found:
            continue
        try:
            found[resource][name] = _decoder.decode(value)
        except msgspec.MsgspecError:
            continue
    rules = {entry.rule: entry for entry in found["rule"].values() if entry.rule is not None}
    return Inventory(found["topic"], found["subject"], rules)


def read_inventory(broker: Broker, clock: Clock) -> Inventory:
    """What the region's inventory topic says; empty where there is none."""
    return from_records(read_topic(broker, names.inventory_topic(), clock))


def write_inventory(broker: Broker, records: Iterable[Record], timeout: float = 60.0) -> None:
    """Write entries and return when they are durable. Raises what the broker raises."""
    writer = broker.writer()
    try:
        receipts = [writer.publish(names.inventory_topic(), record) for record in records]
        writer.flush(timeout)
        for receipt in receipts:
            receipt.result(timeout)
    finally:
        writer.close(timeout)
