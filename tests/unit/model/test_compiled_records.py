"""The compiled catalogue as records: there and back, whole or not at all."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import CatalogueError
from headrace.model.compiled import (
    CompiledApplication,
    CompiledCatalogue,
    CompiledConsuming,
    CompiledEvent,
    CompiledProducing,
    CompiledProduct,
    CompiledSchema,
    CompiledTenant,
)
from headrace.model.compiled_records import HEAD, Head, from_records, to_records
from headrace.model.record import Record, StoredRecord
from headrace.model.schema import Framing, SchemaFormat

ids = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
texts = st.text(max_size=20)


@st.composite
def products(draw: st.DrawFn, id_: str) -> CompiledProduct:
    count = draw(st.integers(0, 4))
    events = []
    for name in draw(st.lists(st.sampled_from(["Made", "Changed", "Gone"]), min_size=1, unique=True)):
        in_force: dict[str, msgspec.Raw] = {}
        current: bytes | None = None
        for version in range(1, count + 1):
            if draw(st.booleans()):
                current = msgspec.json.encode({"n": draw(st.integers(0, 2)), "t": draw(texts)})
            if current is not None:
                in_force[str(version)] = msgspec.Raw(current)
        events.append(CompiledEvent(name, f"com.example.{name.lower()}.v1", ("a",), in_force, draw(st.booleans())))
    return CompiledProduct(
        id=id_,
        major=draw(st.integers(1, 3)),
        version="1.0.0",
        status="active",
        pattern="one-to-many",
        team=draw(texts),
        kind="log",
        format=draw(st.sampled_from(SchemaFormat)),
        max_bytes=draw(st.integers(1, 10**7)),
        events=tuple(events),
        schemas=tuple(CompiledSchema(v, draw(st.integers(0, 9)), draw(texts)) for v in range(1, count + 1)),
        producers={a: CompiledProducing(("Made",), 1) for a in draw(st.lists(ids, max_size=2, unique=True))},
        consumers={a: CompiledConsuming(("*",), 1, (), "latest") for a in draw(st.lists(ids, max_size=2, unique=True))},
        framing=draw(st.sampled_from(Framing)),
    )


@st.composite
def catalogues(draw: st.DrawFn) -> CompiledCatalogue:
    made = [draw(products(id_)) for id_ in draw(st.lists(ids, max_size=3, unique=True))]
    tenants = draw(st.lists(ids, max_size=3, unique=True))
    return CompiledCatalogue(
        region=draw(st.sampled_from(["eu", "us"])),
        commit=draw(st.none() | texts),
        products={p.key: p for p in made},
        tenants={t: CompiledTenant(t, ("*",), draw(st.none() | st.just(("plan",)))) for t in tenants},
        applications={a: CompiledApplication(a, "team") for a in draw(st.lists(ids, max_size=2, unique=True))},
        elsewhere=dict.fromkeys(draw(st.lists(ids, max_size=2, unique=True)), "us"),
    )


def stored(records: list[Record], start: int = 0) -> list[StoredRecord]:
    return [StoredRecord("t", start + n, 1, r.key, r.value) for n, r in enumerate(records)]


@given(catalogues())
def test_records_give_the_catalogue_back(catalogue: CompiledCatalogue) -> None:
    """`from_records` after `to_records` is identity, and the bytes are the same each time."""
    records = to_records(catalogue)
    assert from_records(stored(records)) == catalogue
    assert to_records(from_records(stored(records))) == records  # type: ignore[arg-type]
    assert records[-1].key == HEAD


@given(catalogues(), st.data())
def test_a_set_that_is_not_whole_is_no_catalogue(catalogue: CompiledCatalogue, data: st.DataObject) -> None:
    """One record lost, changed or too many, and there is nothing to apply."""
    records = to_records(catalogue)
    place = data.draw(st.integers(0, len(records) - 1))
    lost = records[:place] + records[place + 1 :]
    assert from_records(stored(lost)) is None
    assert from_records(stored([*records[:-1], Record(b"tenant/more", b"{}"), records[-1]])) is None
    if place < len(records) - 1:
        changed = [*records]
        changed[place] = Record(records[place].key, (records[place].value or b"") + b" ")
        assert from_records(stored(changed)) is None


@given(catalogues(), catalogues())
def test_a_newer_set_replaces_an_older_one_at_its_head(old: CompiledCatalogue, new: CompiledCatalogue) -> None:
    """Until the head has come the log holds no catalogue; then it holds the new one, whatever the old one had."""
    before, after = to_records(old), to_records(new)
    keys = {r.key for r in after}
    gone = [Record(r.key, None) for r in before if r.key not in keys]
    log = stored([*before, *gone, *after])
    assert from_records(log) == new
    # without the new head the set counts only if nothing but the head differs
    assert from_records(log[:-1]) in (None, old)


def test_a_version_that_changes_one_event_stores_one_data_schema() -> None:
    """The data schema of an event is stored with the version that brought it, not again with each later one."""
    first, second = msgspec.Raw(b'{"v":1}'), msgspec.Raw(b'{"v":2}')
    events = (
        CompiledEvent("Same", "com.example.same.v1", (), {"1": first, "2": first, "3": first}),
        CompiledEvent("Grown", "com.example.grown.v1", (), {"2": first, "3": second}),
    )
    product = CompiledProduct(
        "p", 1, "1.0.0", "active", "one-to-many", "t", "log", SchemaFormat.JSON_SCHEMA, 1, events,
        tuple(CompiledSchema(v, v, "{}") for v in (1, 2, 3)), {}, {},
    )  # fmt: skip
    records = {r.key: r.value or b"" for r in to_records(CompiledCatalogue("eu", None, {"p.v1": product}, {}, {}, {}))}
    brought = {v: list(msgspec.json.decode(records[f"schema/p.v1/{v}".encode()])["data"]) for v in (1, 2, 3)}
    assert brought == {1: ["Same"], 2: ["Grown"], 3: ["Grown"]}


def test_a_later_format_is_told_and_not_guessed() -> None:
    """A whole set of a format that this version does not know is an error with what to do."""
    records = to_records(CompiledCatalogue("eu", None, {}, {}, {}, {}))
    head = msgspec.json.decode(records[-1].value or b"", type=Head)
    later = msgspec.json.encode(msgspec.structs.replace(head, format=99))
    with pytest.raises(CatalogueError, match="format 99"):
        from_records(stored([*records[:-1], Record(HEAD, later)]))


def test_no_records_are_no_catalogue() -> None:
    """An empty topic holds nothing."""
    assert from_records([]) is None


def test_the_usual_framing_is_not_written() -> None:
    """A product framed by prefix has the record that it had before framing could be declared; the other names it."""
    product = CompiledProduct(
        id="a",
        major=1,
        version="1.0.0",
        status="active",
        pattern="one-to-many",
        team="t",
        kind="log",
        format=SchemaFormat.AVRO,
        max_bytes=1,
        events=(),
        schemas=(),
        producers={},
        consumers={},
    )
    written = {}
    for framing in Framing:
        framed = msgspec.structs.replace(product, framing=framing)
        catalogue = CompiledCatalogue("eu", None, {"a.v1": framed}, {}, {}, {})
        records = to_records(catalogue)
        written[framing] = msgspec.json.decode(records[0].value or b"")
        assert from_records(stored(records)) == catalogue
    assert "framing" not in written[Framing.PREFIX]
    assert written[Framing.HEADER] == written[Framing.PREFIX] | {"framing": "header"}
