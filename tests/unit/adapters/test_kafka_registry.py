"""The registry on a log: its entries as records, and what it does when another server, or another program, is in its way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.adapters.kafka_registry import ENTRY_MAX, TOPIC, KafkaRegistry
from headrace.adapters.kafka_registry_log import entry_of, record_of
from headrace.adapters.registry_tables import ConfigEntry, Entry, ModeEntry, Row, TextEntry, VersionEntry
from headrace.errors import InvalidSchema, RegistryError, RegistryUnavailable, WriterFenced
from headrace.interfaces.broker import TransactionalWriter
from headrace.interfaces.registry_store import Mode, RegistryConfig
from headrace.model.record import Record, StoredRecord
from headrace.model.schema import Compatibility, SchemaFormat, SchemaReference, SchemaText
from headrace.testing.conformance.registry import avro
from headrace.testing.memory_broker import MemoryBroker

NUMBERS = st.integers(1, 2**31 - 1)
SUBJECTS = st.text(max_size=20)
ENTRIES: st.SearchStrategy[Entry] = st.one_of(
    st.builds(
        TextEntry,
        NUMBERS,
        st.builds(
            SchemaText,
            st.sampled_from(SchemaFormat),
            st.text(),
            st.lists(st.builds(SchemaReference, st.text(), SUBJECTS, NUMBERS), max_size=2).map(tuple),
        ),
    ),
    st.builds(VersionEntry, SUBJECTS, NUMBERS, st.none() | st.builds(Row, NUMBERS, NUMBERS, st.booleans())),
    st.builds(
        ConfigEntry,
        SUBJECTS,
        st.none() | st.builds(RegistryConfig, st.none() | st.sampled_from(Compatibility), st.none() | st.booleans()),
    ),
    st.builds(ModeEntry, SUBJECTS, st.none() | st.sampled_from(Mode)),
).map(lambda e: VersionEntry(e.subject, e.row.version, e.row) if isinstance(e, VersionEntry) and e.row else e)


@given(ENTRIES)
def test_an_entry_is_its_record(entry: Entry) -> None:
    """Written and read again it is the same; what takes something away is a tombstone."""
    record = record_of(entry)
    assert entry_of(StoredRecord("t", 0, 0, record.key, record.value)) == entry
    away = any(getattr(entry, name, "") is None for name in ("row", "config", "mode"))
    assert (record.value is None) is away


class TakenOver:
    """A broker whose right to write is taken by another server at the first so many commits."""

    def __init__(self, times: int, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.broker = MemoryBroker()
        self.left = times
        self.meanwhile = meanwhile

    def __getattr__(self, name: str) -> Any:
        return getattr(self.broker, name)

    def transactional_writer(self, transactional_id: str) -> TransactionalWriter:
        writer = self.broker.transactional_writer(transactional_id)
        commit = writer.commit

        def taken() -> None:
            if self.left:
                self.left -= 1
                writer.abort()
                self.meanwhile()
                raise WriterFenced("another has taken over")
            commit()

        writer.commit = taken  # type: ignore[method-assign]
        return writer


def test_a_server_that_lost_the_race_decides_again() -> None:
    """Another server registers the same schema in between: its version and id are answered, and no second one is made."""
    broker = TakenOver(1)
    other = KafkaRegistry(broker.broker)
    answers = []
    broker.meanwhile = lambda: answers.append(other.register("s", avro("A")))
    registry = KafkaRegistry(broker)
    assert registry.register("s", avro("A")) == answers[0]
    assert registry.versions("s") == [1]
    assert registry.max_id() == 1


def test_a_server_that_never_gets_to_write_says_so() -> None:
    """After twelve lost races: an error that says who is in the way, and may be tried again."""
    registry = KafkaRegistry(TakenOver(100))
    with pytest.raises(RegistryUnavailable) as raised:
        registry.register("s", avro("A"))
    assert raised.value.data["contended"]
    assert registry.subjects() == []


def test_what_is_asked_for_again_writes_nothing() -> None:
    """A registration that finds its schema, a level that is set already: no record, so no server takes over from another."""
    broker = MemoryBroker()
    registry = KafkaRegistry(broker)
    registry.register("s", avro("A"))
    registry.set_compatibility("s", Compatibility.FULL)
    before = len(broker.logs[TOPIC].records)
    registry.register("s", avro("A"))
    registry.set_compatibility("s", Compatibility.FULL)
    assert len(broker.logs[TOPIC].records) == before


def test_a_schema_that_fits_no_record_is_refused() -> None:
    """Before it is sent, so that nothing else is lost with it."""
    registry = KafkaRegistry(MemoryBroker())
    document = '{"type":"object","description":"' + "x" * ENTRY_MAX + '"}'
    with pytest.raises(InvalidSchema) as raised:
        registry.register("s", SchemaText(SchemaFormat.JSON_SCHEMA, document))
    assert raised.value.data["too_large"]
    assert registry.subjects() == []
    assert registry.register("s", avro("A")).id == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"", b"{}"),
        (b'{"keytype":"SCHEMA","subject":"s","version":1,"magic":1}', b"{}"),
        (b'{"keytype":"ID","id":1}', None),
        (b'{"keytype":"ID","id":1}', b'{"schemaType":"PROTOBUF","schema":"x"}'),
        (b'{"keytype":"VERSION","subject":"s","version":1}', b"no JSON"),
    ],
)
def test_a_record_that_it_cannot_read_ends_it(key: bytes, value: bytes | None) -> None:
    """It never guesses: every call fails from then on, and so does a server that starts."""
    broker = MemoryBroker()
    registry = KafkaRegistry(broker)
    registered = registry.register("s", avro("A"))
    broker.append(TOPIC, Record(key, value))
    for _ in range(2):
        with pytest.raises(RegistryError, match="cannot read"):
            registry.versions("s")
    assert registry.by_id(registered.id) == avro("A")
    with pytest.raises(RegistryError, match="cannot read"):
        KafkaRegistry(broker)


def test_a_topic_that_is_made_again_is_noticed() -> None:
    """Its registry would be empty, and its ids would be given a second time: the server has to be started again."""
    broker = MemoryBroker()
    registry = KafkaRegistry(broker)
    registry.register("s", avro("A"))
    broker.admin.delete_topics([TOPIC])
    for _ in range(2):
        with pytest.raises(RegistryError, match="deleted, or made again"):
            registry.register("t", avro("B"))


def test_a_failed_change_leaves_no_trace_in_memory() -> None:
    """What a change had put before it failed is taken back: ids, subjects, settings."""
    registry = KafkaRegistry(TakenOver(100))
    with pytest.raises(RegistryUnavailable):
        registry.set_mode(None, Mode.READONLY)
    assert registry.mode() is Mode.READWRITE
    assert (registry.max_id(), registry.list_schemas()) == (0, [])
