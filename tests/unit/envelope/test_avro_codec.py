"""Publishing and reading Avro events."""

from __future__ import annotations

import datetime as dt
import io
import json
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import fastavro
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.clock import ManualClock
from headrace.envelope.codec import ProductCodec
from headrace.envelope.framing import frame_head
from headrace.errors import EventError, InvalidEvent, PayloadTooLarge, UndecodableRecord
from headrace.model.record import Record
from headrace.model.schema import SchemaFormat
from tests.unit.envelope.products import make_product, stored

MONEY = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
FLOORPLAN = {
    "type": "record",
    "name": "Floorplan",
    "namespace": "com.example.store",
    "fields": [
        {"name": "storeId", "type": "string"},
        {"name": "madeAt", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {
            "name": "rent",
            "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}],
            "default": None,
        },
        {
            "name": "fixtures",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "Fixture",
                    "fields": [
                        {"name": "id", "type": "int"},
                        {"name": "x", "type": "double"},
                        {"name": "label", "type": ["null", "string"], "default": None},
                        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["SHELF", "HOOK"]}},
                    ],
                },
            },
        },
    ],
}
TREE = {
    "type": "record",
    "name": "Node",
    "fields": [
        {"name": "storeId", "type": "string", "default": "1"},
        {"name": "next", "type": ["null", "Node"], "default": None},
    ],
}
AT = dt.datetime(2026, 1, 31, 10, tzinfo=dt.UTC)
DATA = {
    "storeId": "367",
    "madeAt": AT,
    "rent": Decimal("1250.50"),
    "fixtures": [{"id": 1, "x": 1.5, "label": "é", "kind": "SHELF"}, {"id": 2, "x": 2, "kind": "HOOK"}],
}


def _codec(schema: Any = FLOORPLAN, **options: Any) -> tuple[ProductCodec, Callable[..., tuple[str, Record]]]:
    product = make_product(schema, format=SchemaFormat.AVRO, **({"key": ("storeId",)} | options))
    codec = ProductCodec(product, "eu", ManualClock())
    return codec, codec.encoder("plan", "Made", "acme")


def test_an_event_is_written_and_read_back() -> None:
    """Envelope and data come back from the outer record; data with their native types, defaults filled in."""
    codec, encode = _codec()
    event_id, record = encode(DATA, subject="s", correlation_id="c", meta={"more": [1, {"é": None}], "n": 1.5})
    assert record.value is not None
    assert record.value[:5] == frame_head(7)
    assert record.key == b'["367"]'
    assert [name for name, _ in record.headers] == ["event-type", "event-id", "event-source", "event-time"]
    envelope = codec.decode(stored(record))
    assert (envelope.id, envelope.subject, envelope.datacontenttype) == (event_id, "s", "application/avro")
    assert envelope.meta == {
        "tenant": "acme",
        "region": "eu",
        "product": "things",
        "application": "plan",
        "schemaVersion": 1,
        "publishedAt": "2026-01-01T00:00:00.000Z",
        "correlationId": "c",
        "more": [1, {"é": None}],
        "n": 1.5,
    }
    fixtures = [DATA["fixtures"][0], {"id": 2, "x": 2.0, "label": None, "kind": "HOOK"}]  # type: ignore[index]
    assert envelope.data == DATA | {"fixtures": fixtures}


def test_the_json_form_is_the_same_event() -> None:
    """Data as JSON has them (a time as text, a decimal as text) give the same bytes as native ones."""
    _, encode = _codec()
    as_json = json.loads(msgspec.json.encode(DATA))
    assert encode(as_json, id="1")[1] == encode(DATA, id="1")[1]


class Fixture(msgspec.Struct):
    id: int
    x: float
    kind: str
    label: str | None = None


class Floorplan(msgspec.Struct, rename="camel"):
    store_id: str
    made_at: dt.datetime
    fixtures: list[Fixture]
    rent: Decimal | None = None


def test_typed_data_are_written_natively() -> None:
    """A struct's datetimes and decimals reach Avro as such, and a struct is made of them again."""
    codec, encode = _codec()
    plan = Floorplan("367", AT, [Fixture(1, 1.5, "SHELF")], Decimal("10.00"))
    read = codec.decode(stored(encode(plan)[1])).data
    assert msgspec.convert(read, Floorplan) == plan


def test_all_violations_are_told() -> None:
    """Wrong, missing and undeclared fields come in one error, with paths."""
    _, encode = _codec()
    with pytest.raises(InvalidEvent) as caught:
        encode(
            {
                "storeId": 1,
                "fixtures": [{"id": 2**31, "x": float("nan"), "kind": "OTHER", "colour": 1}],
                "rent": "1.234",
            }
        )
    assert {v.path for v in caught.value.violations} == {
        "data.storeId",
        "data.madeAt",
        "data.rent",
        "data.fixtures[0].id",
        "data.fixtures[0].x",
        "data.fixtures[0].kind",
        "data.fixtures[0].colour",
    }


@pytest.mark.parametrize("data", [None, 5, "text", [], object()], ids=lambda value: str(value).split(" object at")[0])
def test_data_that_are_no_record_are_refused(data: Any) -> None:
    """An event's data are a record."""
    with pytest.raises(InvalidEvent):
        _codec()[1](data)


def test_a_large_floorplan_goes_through() -> None:
    """Megabytes of fixtures are written and read whole, and the topic's limit holds."""
    fixtures = [
        {"id": i, "x": i / 7, "label": f"fixture {i} of the ground floor", "kind": "SHELF"} for i in range(30_000)
    ]
    codec, encode = _codec(max_bytes=5_000_000)
    _, record = encode(DATA | {"fixtures": fixtures})
    assert record.value is not None
    assert len(record.value) > 1_200_000
    assert codec.decode(stored(record)).data["fixtures"] == fixtures
    with pytest.raises(PayloadTooLarge):
        _codec(max_bytes=1_200_000)[1](DATA | {"fixtures": fixtures})


# --- hostile bytes


def _varint(number: int) -> bytes:
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number & ~0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _head() -> bytes:
    """A valid envelope up to where the data begin."""
    value = _codec()[1](DATA | {"storeId": "STORE"})[1].value
    assert value is not None
    return value[: value.index(_varint(5) + b"STORE")]


HEAD = _head()
GOOD = _codec()[1](DATA)[1].value or b""


def test_a_nest_of_a_million_levels_does_not_end_the_process() -> None:
    """Bytes that would make the decoder in C recurse a million times are refused; so is what stops short of it."""
    codec, encode = _codec(TREE)
    one = encode({"storeId": "1"})[1].value
    assert one is not None
    head = one[: -len(_varint(1) + b"1" + b"\x00")]
    level = _varint(1) + b"1" + b"\x02"
    for levels in (110, 5_000, 1_000_000):
        with pytest.raises(UndecodableRecord, match="nests deeper"):
            codec.decode(stored(Record(None, head + level * levels + _varint(1) + b"1" + b"\x00")))
    deep = codec.decode(stored(Record(None, head + level * 90 + _varint(1) + b"1" + b"\x00"))).data
    for _ in range(90):
        deep = deep["next"]
    assert deep == {"storeId": "1", "next": None}


def test_data_nested_too_deep_are_not_written() -> None:
    """The same bound holds on the way out."""
    node: dict[str, Any] = {"storeId": "1"}
    for _ in range(5_000):
        node = {"next": node}
    with pytest.raises(InvalidEvent):
        _codec(TREE)[1](node)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        _varint(2**40) + b"x",  # a text of a terabyte
        _varint(-5) + b"x",
        _varint(1) + b"\xff" + _varint(0) + b"\x00\x00",  # no UTF-8
        _varint(1) + b"1" + _varint(2**62) + b"\x00\x00",  # a time beyond the years that there are
        _varint(1) + b"1" + _varint(0) + _varint(7) + b"\x00",  # a branch that is not there
        _varint(1) + b"1" + _varint(0) + b"\x00" + _varint(2**60) + b"\x02",  # an array of 10^18 items
        _varint(1) + b"1" + _varint(0) + b"\x00" + _varint(-(2**60)) + _varint(1) + b"\x02",
        _varint(1)
        + b"1"
        + _varint(0)
        + b"\x00"
        + _varint(1)
        + _varint(1)
        + struct.pack("<d", 1)
        + b"\x00"
        + _varint(9)
        + b"\x00",
        _varint(1) + b"1" + b"\xff" * 100,  # a number without end
        _varint(1) + b"1" + _varint(0) + b"\x00\x00 and more",
    ],
    ids=lambda data: repr(data[:20]),
)
def test_bytes_that_are_no_avro_are_undecodable(data: bytes) -> None:
    """Lengths, counts, branches, symbols and texts that cannot be: refused at once, nothing allocated for them."""
    with pytest.raises(UndecodableRecord) as caught:
        _codec()[0].decode(stored(Record(None, HEAD + data)))
    assert caught.value.topic == "things.v1.acme"


def test_a_number_that_does_not_fit_its_type_is_invalid() -> None:
    """fastavro reads an `int` of 2**40; the check after it does not let it through."""
    fixture = _varint(1) + _varint(2**40) + struct.pack("<d", 1) + b"\x00" + b"\x00" + b"\x00"
    with pytest.raises(InvalidEvent) as caught:
        _codec()[0].decode(stored(Record(None, HEAD + _varint(1) + b"1" + _varint(0) + b"\x00" + fixture)))
    assert [v.path for v in caught.value.violations] == ["data.fixtures[0].id"]


@pytest.mark.parametrize(
    ("patch", "paths"),
    [
        ({"specversion": "2.0"}, {"specversion"}),
        ({"time": "x", "id": ""}, {"time", "id"}),
        ({"type": "com.example.other.v1"}, {"type"}),
        ({"datacontenttype": "application/json"}, {"datacontenttype"}),
        ({"subject": ""}, {"subject"}),
    ],
)
def test_an_invalid_envelope_names_every_violation(patch: dict[str, Any], paths: set[str]) -> None:
    """Attributes that another producer wrote wrongly are refused with their paths."""
    codec, _ = _codec()
    schema = fastavro.parse_schema(json.loads(make_product(FLOORPLAN, format=SchemaFormat.AVRO).schemas[0].text))
    record: Any = fastavro.schemaless_reader(io.BytesIO(GOOD[5:]), schema)
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, record | patch)
    with pytest.raises(InvalidEvent) as caught:
        codec.decode(stored(Record(None, frame_head(7) + out.getvalue())))
    assert {v.path for v in caught.value.violations} == paths


@given(st.integers(0, 10**9), st.integers(0, 255))
def test_a_changed_byte_is_refused_in_two_ways_only(at: int, byte: int) -> None:
    """With any one byte changed, reading gives an envelope, `InvalidEvent` or `UndecodableRecord`."""
    at = 5 + at % (len(GOOD) - 5)
    try:
        _codec()[0].decode(stored(Record(None, GOOD[:at] + bytes([byte]) + GOOD[at + 1 :])))
    except EventError as error:
        assert isinstance(error, InvalidEvent | UndecodableRecord)


@given(st.binary(max_size=80))
def test_random_bytes_are_refused_in_two_ways_only(noise: bytes) -> None:
    """Random data, flat or recursive, after a valid envelope never raise anything else."""
    for schema in (FLOORPLAN, TREE):
        try:
            _codec(schema)[0].decode(stored(Record(None, HEAD + noise)))
        except EventError as error:
            assert isinstance(error, InvalidEvent | UndecodableRecord)


def test_a_truncated_record_is_undecodable_wherever_it_ends() -> None:
    """No prefix of a record passes for a record."""
    codec, _ = _codec()
    for end in range(len(GOOD)):
        with pytest.raises(UndecodableRecord):
            codec.decode(stored(Record(None, GOOD[:end])))


def test_a_tombstone_of_an_avro_product() -> None:
    """State topics in Avro have tombstones with the same key as the event."""
    codec, encode = _codec(kind="state")
    _, gone = codec.tombstone("plan", "Made", "acme", DATA)
    assert (gone.key, gone.value) == (encode(DATA)[1].key, None)
    envelope = codec.decode(stored(gone))
    assert (envelope.data, envelope.datacontenttype) == (None, "application/avro")
