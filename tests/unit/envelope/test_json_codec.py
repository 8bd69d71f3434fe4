"""Publishing and reading JSON events."""

from __future__ import annotations

import copy
import datetime as dt
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from headrace.clock import ManualClock
from headrace.envelope.codec import HEADER_ENVELOPE, ProductCodec
from headrace.envelope.framing import frame_head
from headrace.errors import (
    DeclarationError,
    EventError,
    InvalidEvent,
    NotAProducer,
    PayloadTooLarge,
    UndecodableRecord,
    UnknownEvent,
)
from headrace.model.json_schema import compile_schema
from headrace.model.record import Record, StoredRecord
from tests.unit.envelope.products import make_product, stored

ORDER = {
    "type": "object",
    "required": ["storeId", "lines"],
    "properties": {
        "storeId": {"type": "string", "minLength": 1},
        "day": {"type": "string", "format": "date"},
        "at": {"type": "string", "format": "date-time"},
        "price": {"type": "number"},
        "note": {"type": ["string", "null"]},
        "ref": {"type": "string", "format": "uuid"},
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["productId"],
                "properties": {"productId": {"type": "string"}, "quantity": {"type": "integer"}},
            },
        },
        "free": {},
    },
}
DATA = {"storeId": "367", "lines": [{"productId": "1", "quantity": 2}], "note": None}


def _codec(*more: Any, **options: Any) -> tuple[ProductCodec, Callable[..., tuple[str, Record]]]:
    codec = ProductCodec(make_product(ORDER, *more, **({"key": ("storeId",)} | options)), "eu", ManualClock())
    return codec, codec.encoder("plan", "Made", "acme")


def _paths(caught: pytest.ExceptionInfo[InvalidEvent]) -> set[tuple[str, str]]:
    return {(v.path, v.rule) for v in caught.value.violations}


def test_what_is_written_is_the_frame_and_the_envelope() -> None:
    """The record has the wire format's five bytes, the envelope, the key and the four routing headers, and nothing else."""
    _, encode = _codec()
    event_id, record = encode(DATA)
    assert record.value is not None
    assert record.value[:5] == b"\x00\x00\x00\x00\x07"
    now = "2026-01-01T00:00:00.000Z"
    assert json.loads(record.value[5:]) == {
        "specversion": "1.0",
        "type": "com.example.made.v1",
        "source": "/applications/plan",
        "datacontenttype": "application/json",
        "id": event_id,
        "time": now,
        "meta": {
            "tenant": "acme",
            "region": "eu",
            "product": "things",
            "application": "plan",
            "schemaVersion": 1,
            "publishedAt": now,
        },
        "data": DATA,
    }
    assert UUID(event_id).version == 7
    assert record.key == b'["367"]'
    assert record.headers == (
        ("event-type", b"com.example.made.v1"),
        ("event-id", event_id.encode()),
        ("event-source", b"/applications/plan"),
        ("event-time", now.encode()),
    )


def test_everything_that_a_producer_may_say_is_read_back() -> None:
    """Own id, time, subject, correlation, causation, trace and more meta come back from the record as they were given."""
    codec, encode = _codec()
    given_meta = {"batch": 7, "nested": {"é": [1.5, None, True]}}
    event_id, record = encode(
        DATA,
        id='mine "ü"',
        time=dt.datetime(2026, 1, 31, 12, 0, 0, 5000, dt.timezone(dt.timedelta(hours=2))),
        subject="store/367",
        correlation_id="c",
        causation_id="k",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        meta=given_meta,
    )
    envelope = codec.decode(stored(record))
    assert (event_id, envelope.id, envelope.subject) == ('mine "ü"', 'mine "ü"', "store/367")
    assert envelope.time == "2026-01-31T10:00:00.005Z"
    assert envelope.meta["publishedAt"] == "2026-01-01T00:00:00.000Z"
    assert envelope.meta["correlationId"] == "c"
    assert envelope.meta["causationId"] == "k"
    assert envelope.meta["traceparent"].startswith("00-")
    assert {k: envelope.meta[k] for k in given_meta} == given_meta
    assert envelope.data == DATA
    assert dict(record.headers)["event-id"] == event_id.encode()
    assert dict(record.headers)["event-time"] == envelope.time.encode()


@pytest.mark.parametrize(
    ("given_time", "text"),
    [
        ("2026-01-31T10:00:00.123Z", "2026-01-31T10:00:00.123Z"),
        ("2026-01-31T10:00:00Z", "2026-01-31T10:00:00.000Z"),
        ("2026-01-31t10:00:00z", "2026-01-31T10:00:00.000Z"),
        ("2026-01-31T10:00:00.5+02:00", "2026-01-31T08:00:00.500Z"),
        ("2026-01-31T10:00:00.123456789Z", "2026-01-31T10:00:00.123456789Z"),
        ("2026-01-31T10:00:00.123456789-01:00", "2026-01-31T11:00:00.123456789Z"),
        (dt.datetime(2026, 1, 31, 10, 0, 0, 123456, dt.UTC), "2026-01-31T10:00:00.123456Z"),
    ],
)
def test_times_are_written_in_utc(given_time: Any, text: str) -> None:
    """An aware datetime or RFC 3339 text is written with `Z`, at least milliseconds, and no digit lost."""
    codec, encode = _codec()
    assert codec.decode(stored(encode(DATA, time=given_time)[1])).time == text


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({"time": dt.datetime(2026, 1, 31)}, "time"),  # noqa: DTZ001 - naive on purpose
        ({"time": "2026-01-31"}, "time"),
        ({"time": "2026-02-30T10:00:00Z"}, "time"),
        ({"time": 5}, "time"),
        ({"id": ""}, "id"),
        ({"id": "a\nb"}, "id"),
        ({"id": "\ud800"}, "id"),
        ({"id": 5}, "id"),
        ({"subject": ""}, "subject"),
        ({"correlation_id": ""}, "meta.correlationId"),
        ({"meta": {"tenant": "other"}}, "meta.tenant"),
        ({"meta": {"correlationId": "x"}}, "meta.correlationId"),
        ({"meta": {"x": float("nan")}}, "meta"),
        ({"meta": {"x": "\ud800"}}, "meta"),
        ({"meta": {"x": object()}}, "meta"),
    ],
)
def test_attributes_that_cannot_be_are_refused(said: dict[str, Any], path: str) -> None:
    """A wrong attribute is a violation with its path, before anything is written."""
    _, encode = _codec()
    with pytest.raises(InvalidEvent) as caught:
        encode(DATA, **said)
    assert {v.path for v in caught.value.violations} == {path}


def test_all_violations_are_told() -> None:
    """Missing, undeclared and wrong fields come in one error."""
    _, encode = _codec()
    with pytest.raises(InvalidEvent) as caught:
        encode({"lines": [{"quantity": "x"}], "storId": "1"})
    assert _paths(caught) == {
        ("data.storeId", "required"),
        ("data.lines[0].productId", "required"),
        ("data.lines[0].quantity", "type"),
        ("data.storId", "additionalProperties"),
    }


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        -float("inf"),
        Decimal("NaN"),
        2**64,
        -(2**63) - 1,
        "\ud800",
        object(),
        {1: 2},
        {"a": {"b": float("nan")}},
    ],
    ids=lambda value: repr(value).split(" object at")[0],
)
@pytest.mark.parametrize("place", ["price", "free"])
def test_what_is_no_json_is_refused_everywhere(value: Any, place: str) -> None:
    """NaN, infinities, integers beyond 64 bits, half surrogates, objects without a form: refused, in free-form places too."""
    _, encode = _codec()
    with pytest.raises(InvalidEvent) as caught:
        encode(DATA | {place: value})
    assert caught.value.violations


def test_data_nested_without_end_are_refused_before_anything_recurses() -> None:
    """A list nested 100,000 deep is a violation; the process lives."""
    _, encode = _codec()
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InvalidEvent):
        encode(DATA | {"free": deep})


@pytest.mark.parametrize("data", [None, 5, "text", [1], [], True], ids=repr)
def test_data_that_are_no_object_are_refused(data: Any) -> None:
    """An event's data are an object."""
    _, encode = _codec()
    with pytest.raises(InvalidEvent):
        encode(data)


class Line(msgspec.Struct, rename="camel"):
    product_id: str
    quantity: int = 1


class Order(msgspec.Struct, rename="camel", omit_defaults=True):
    store_id: str
    lines: list[Line]
    day: dt.date | None = None
    at: dt.datetime | None = None
    price: Decimal | None = None
    ref: UUID | None = None


@dataclass
class PlainOrder:
    storeId: str  # noqa: N815 - the event's own name
    lines: list[dict[str, Any]]


class ModelOrder(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)
    store_id: str
    day: dt.date
    lines: list[dict[str, str]]


class Shop(Enum):
    BIG = "367"


def test_typed_data_are_encoded_by_the_rules() -> None:
    """Structs, dataclasses, pydantic models, dates, times, UUIDs, enums, decimals, tuples: each has its JSON form."""
    codec, encode = _codec()

    def read(data: Any) -> Any:
        return codec.decode(stored(encode(data)[1])).data

    at = dt.datetime(2026, 1, 31, 10, tzinfo=dt.UTC)
    ref = UUID("0190f3a0-0000-7000-8000-000000000000")
    order = Order("367", [Line("1")], dt.date(2026, 1, 31), at, Decimal("1.25"), ref)
    assert read(order) == {
        "storeId": "367",
        "lines": [{"productId": "1", "quantity": 1}],
        "day": "2026-01-31",
        "at": "2026-01-31T10:00:00Z",
        "price": 1.25,
        "ref": str(ref),
    }
    assert read(PlainOrder("367", [{"productId": "1"}])) == {"storeId": "367", "lines": [{"productId": "1"}]}
    assert read(ModelOrder(store_id="367", day=dt.date(2026, 1, 31), lines=[]))["day"] == "2026-01-31"
    assert read({"storeId": Shop.BIG, "lines": ({"productId": "1"},)})["lines"] == [{"productId": "1"}]
    assert read(DATA | {"free": [Decimal("0.1"), Decimal("0.12345678901234567890"), dt.date(2026, 1, 1)]})["free"] == [
        0.1,
        "0.12345678901234567890",
        "2026-01-01",
    ]
    with pytest.raises(InvalidEvent) as caught:
        encode(DATA | {"at": dt.datetime(2026, 1, 31)})  # noqa: DTZ001 - naive on purpose
    assert _paths(caught) == {("data.at", "format")}


def test_integers_of_64_bits_keep_every_digit() -> None:
    """Integers up to 64 bits come back exactly, also beyond what a double holds."""
    codec, encode = _codec()
    numbers = [2**53 + 1, 2**63 - 1, -(2**63), 2**64 - 1]
    assert codec.decode(stored(encode(DATA | {"free": numbers})[1])).data["free"] == numbers


def test_a_record_that_is_too_large_is_refused_with_its_size() -> None:
    """The limit is on the framed value, and the error has both numbers."""
    _, encode = _codec(max_bytes=1000)
    with pytest.raises(PayloadTooLarge) as caught:
        encode(DATA | {"note": "x" * 1000})
    assert caught.value.limit == 1000
    assert caught.value.size > 1000


@pytest.mark.parametrize(
    ("application", "event", "error"),
    [("plan", "Unknown", UnknownEvent), ("other", "Made", NotAProducer)],
)
def test_an_encoder_is_for_what_is_declared(application: str, event: str, error: type[Exception]) -> None:
    """Another application or event has no encoder."""
    with pytest.raises(error):
        _codec()[0].encoder(application, event, "acme")


def test_an_unregistered_schema_has_no_encoder() -> None:
    """Where this region's registry lacks the schema, nothing can be framed."""
    made = make_product(ORDER)
    product = msgspec.structs.replace(made, schemas=(msgspec.structs.replace(made.schemas[0], id=0),))
    with pytest.raises(DeclarationError):
        ProductCodec(product, "eu").encoder("plan", "Made", "acme")


# --- reading


_ATTRIBUTES = ["specversion", "type", "source", "id", "time", "datacontenttype", "meta", "data"]


def _value(envelope: Any) -> bytes:
    return frame_head(7) + json.dumps(envelope).encode()


def _good() -> dict[str, Any]:
    _, record = _codec()[1](DATA)
    assert record.value is not None
    return dict(json.loads(record.value[5:]))


@pytest.mark.parametrize(
    ("patch", "paths"),
    [
        ({"specversion": "2.0"}, {"specversion"}),
        ({"id": "", "source": 5}, {"id", "source"}),
        ({"time": "yesterday"}, {"time"}),
        ({"datacontenttype": "text/plain"}, {"datacontenttype"}),
        ({"type": "com.example.other.v1"}, {"type"}),
        (
            {"meta": {}},
            {f"meta.{n}" for n in ("tenant", "region", "product", "application", "schemaVersion", "publishedAt")},
        ),
        ({"data": {"storeId": 1}}, {"data.storeId", "data.lines"}),
        ({"data": None}, {"data"}),
        ({"subject": ""}, {"subject"}),
    ],
)
def test_an_invalid_event_names_every_violation_and_its_place(patch: dict[str, Any], paths: set[str]) -> None:
    """What another producer wrote wrongly is refused with all paths, the topic and the offset."""
    codec, _ = _codec({"type": "object"})
    with pytest.raises(InvalidEvent) as caught:
        codec.decode(stored(Record(None, _value(_good() | patch))))
    assert {v.path for v in caught.value.violations} == paths
    assert (caught.value.topic, caught.value.offset) == ("things.v1.acme", 42)


def test_an_undeclared_field_is_accepted_on_the_way_in() -> None:
    """Reading is open: a field from a newer schema does not make an old reader refuse."""
    good = _good()
    good["data"] = good["data"] | {"new": 1}
    assert _codec()[0].decode(stored(Record(None, _value(good | {"future": 1})))).data["new"] == 1


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\x00\x00\x00",
        b"\x01\x00\x00\x00\x07{}",
        b'{"specversion":"1.0"}',
        b"\x00\x00\x00\x00\x07",
        b"\x00\x00\x00\x00\x07{",
        b"\x00\x00\x00\x00\x07\xff",
        b"\x00\x00\x00\x00\x07{} x",
        b"\x00\x00\x00\x00\x07" + b"[" * 1_000_000,
        b'\x00\x00\x00\x00\x07{"data":1e999}',
        b'\x00\x00\x00\x00\x07{"data":' + b"9" * 100_000 + b"}",
        b'\x00\x00\x00\x00\x07{"id":"\\ud800"}',
        b"\x00\x00\x00\x00\x07NaN",
    ],
    ids=lambda value: repr(value[:24]),
)
def test_bytes_that_are_no_event_are_undecodable(value: bytes) -> None:
    """Wrong framing, broken JSON, depth, huge numbers: `UndecodableRecord`, with the place, and nothing else."""
    with pytest.raises(UndecodableRecord) as caught:
        _codec()[0].decode(stored(Record(None, value)))
    assert caught.value.offset == 42


def test_a_schema_that_the_catalogue_lacks_can_be_added() -> None:
    """The error names the id; with the schema from the registry the record reads."""
    codec, encode = _codec()
    _, record = encode(DATA)
    assert record.value is not None
    moved = stored(Record(None, frame_head(99) + record.value[5:]))
    with pytest.raises(UndecodableRecord) as caught:
        codec.decode(moved)
    assert caught.value.schema_id == 99
    codec.add_schema(99, make_product(ORDER).schemas[0].text)
    assert codec.decode(moved).data == DATA


def test_a_schema_composed_elsewhere_is_used_as_a_whole() -> None:
    """A writer's schema that is not of our composition validates the whole envelope."""
    codec, encode = _codec()
    _, record = encode(DATA)
    assert record.value is not None
    moved = stored(Record(None, frame_head(99) + record.value[5:]))
    codec.add_schema(99, json.dumps({"properties": {"data": {"required": ["nope"]}}}))
    with pytest.raises(InvalidEvent) as caught:
        codec.decode(moved)
    assert _paths(caught) == {("data.nope", "required")}


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.sampled_from(["specversion", "type", "source", "id", "time", "datacontenttype", "meta", "data", "new"]),
    _json,
    st.binary(max_size=3),
)
def test_fuzzed_records_are_refused_in_two_ways_only(name: str, value: Any, tail: bytes) -> None:
    """Whatever stands in an attribute, and whatever follows, reading gives an envelope, `InvalidEvent` or
    `UndecodableRecord`."""
    try:
        _codec()[0].decode(stored(Record(None, _value(_GOOD | {name: value}) + tail)))
    except EventError as error:
        assert isinstance(error, InvalidEvent | UndecodableRecord)
        if isinstance(error, InvalidEvent):
            assert error.violations


@given(st.binary(max_size=60))
def test_random_bytes_are_refused_in_two_ways_only(noise: bytes) -> None:
    """Random bytes after a valid frame never raise anything else."""
    with pytest.raises((InvalidEvent, UndecodableRecord)):
        _codec()[0].decode(stored(Record(None, frame_head(7) + noise)))


@given(_json)
def test_data_written_are_data_read(free: Any) -> None:
    """Any JSON value that is accepted for writing is read back equal."""
    codec, encode = _codec()
    try:
        _, record = encode(DATA | {"free": free})
    except InvalidEvent:
        return
    assert codec.decode(stored(record)).data == DATA | {"free": free}


_GOOD = _good()


@given(_json, st.sampled_from(["data", "meta", "time", "id", "subject"]))
def test_reading_agrees_with_the_composed_schema(value: Any, name: str) -> None:
    """For a declared type, the codec accepts exactly what the registered schema accepts."""
    document = json.loads(json.dumps(_GOOD | {name: value}))
    try:
        text = json.dumps(document, allow_nan=False)
        document = msgspec.json.decode(text)
    except (ValueError, msgspec.DecodeError):
        return
    expected = compile_schema(json.loads(make_product(ORDER).schemas[0].text)).is_valid(document)
    try:
        _codec()[0].decode(stored(Record(None, frame_head(7) + text.encode())))
        accepted = True
    except InvalidEvent:
        accepted = False
    assert accepted is expected


# --- tombstones


def test_a_tombstone_deletes_the_key_and_keeps_the_envelope() -> None:
    """Its value is null, its key that of the event, its envelope (without data) in a header; it is read like any event."""
    codec, encode = _codec(kind="state")
    _, record = encode(DATA)
    event_id, gone = codec.tombstone("plan", "Made", "acme", DATA, subject="s", causation_id="k")
    assert (gone.key, gone.value) == (record.key, None)
    assert [name for name, _ in gone.headers] == [
        "event-type",
        "event-id",
        "event-source",
        "event-time",
        HEADER_ENVELOPE,
    ]
    envelope = codec.decode(stored(gone))
    assert (envelope.id, envelope.subject, envelope.data) == (event_id, "s", None)
    assert envelope.meta["causationId"] == "k"
    assert codec.tombstone("plan", "Made", "acme", ["367"])[1].key == record.key
    assert codec.tombstone("plan", "Made", "acme", {"storeId": "367"})[1].key == record.key


def test_what_cannot_be_a_tombstone() -> None:
    """A log has none, a key has to be whole, and a bare null value is not an event."""
    with pytest.raises(DeclarationError):
        _codec()[0].tombstone("plan", "Made", "acme", DATA)
    codec, _ = _codec(kind="state")
    with pytest.raises(InvalidEvent):
        codec.tombstone("plan", "Made", "acme", {"lines": []})
    with pytest.raises(InvalidEvent):
        codec.tombstone("plan", "Made", "acme", ["1", "2"])
    for headers in ((), ((HEADER_ENVELOPE, b"{"),)):
        with pytest.raises(UndecodableRecord):
            codec.decode(StoredRecord("t", 0, 0, b"k", None, headers))
    for document in (b"{}", b"[]", json.dumps(_GOOD | {"type": "other"}).encode()):
        with pytest.raises(InvalidEvent):
            codec.decode(StoredRecord("t", 0, 0, b"k", None, ((HEADER_ENVELOPE, document),)))


# --- many threads


def test_many_threads_share_one_encoder() -> None:
    """Eight threads on one encoder write whole, valid records, each with an id of its own, and change nobody's data."""
    codec, encode = _codec()
    records: list[list[tuple[str, Record]]] = [[] for _ in range(8)]

    def work(number: int) -> None:
        data = copy.deepcopy(DATA) | {"storeId": str(number)}
        for i in range(1000):
            records[number].append(encode(data) if i % 3 else encode(data, subject=str(number)))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = set()
    for number, mine in enumerate(records):
        for event_id, record in mine:
            envelope = codec.decode(stored(record))
            assert (envelope.id, envelope.data["storeId"]) == (event_id, str(number))
            assert record.key == json.dumps([str(number)]).encode()
            ids.add(event_id)
    assert len(ids) == 8000
