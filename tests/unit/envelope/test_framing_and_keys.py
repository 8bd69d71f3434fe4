"""The wire format's frame, and record keys."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.envelope.framing import ID_MAX, frame_head, framed_id, not_framed, read_header
from headrace.envelope.keys import key_maker, key_of, key_of_values
from headrace.errors import InvalidEvent, UndecodableRecord


@given(st.integers(1, ID_MAX), st.binary(max_size=5))
def test_a_frame_gives_its_id_back(schema_id: int, payload: bytes) -> None:
    """Magic byte 0 and the id big-endian, five bytes, read back for every id that a registry can give."""
    head = frame_head(schema_id)
    assert head == b"\x00" + schema_id.to_bytes(4, "big")
    assert framed_id(head + payload) == schema_id
    assert read_header(head) == schema_id


@pytest.mark.parametrize("schema_id", [0, -1, ID_MAX + 1])
def test_an_id_that_no_registry_gives_is_not_framed(schema_id: int) -> None:
    """Ids are positive Java ints."""
    with pytest.raises(ValueError, match="schema id"):
        frame_head(schema_id)


@pytest.mark.parametrize("value", [b"", b"\x00\x00\x00\x01", b"\x01\x00\x00\x00\x01", b"{}   "])
def test_what_is_not_framed_is_undecodable(value: bytes) -> None:
    """Too short, or another magic byte: there is no id, and the error says what is there instead."""
    assert framed_id(value) is None
    error = not_framed(value)
    assert error.data["reason"] == "framing"
    assert (str(len(value)) if len(value) < 5 else f"{value[0]:#04x}") in error.message


@pytest.mark.parametrize("header", [b"", b"\x00\x00\x00\x01", b"\x00" * 6, b"\x02\x00\x00\x00\x01", b"\x00" * 17])
def test_a_header_without_an_id_is_undecodable(header: bytes) -> None:
    """Too short, too long, or another magic byte."""
    with pytest.raises(UndecodableRecord, match="no schema id"):
        read_header(header)


def test_a_header_with_a_guid_is_named_and_refused() -> None:
    """What Confluent's own header serialiser writes is told apart from rubbish, with the GUID to look for."""
    guid = uuid.UUID("89791762-2336-4186-9674-299b90a802e2")
    with pytest.raises(UndecodableRecord, match="GUID") as raised:
        read_header(b"\x01" + guid.bytes)
    assert raised.value.data["schema_guid"] == str(guid)


_scalar = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(st.characters(codec="utf-8"))


@given(_scalar, _scalar)
def test_a_key_is_the_compact_array_of_its_values(store: Any, product: Any) -> None:
    """Key paths, top-level or nested, give the values in the declared order as compact JSON."""
    flat = key_maker(("storeId", "productId"))({"productId": product, "storeId": store, "x": 1})
    nested = key_maker(("a.storeId", "b.c.productId"))({"a": {"storeId": store}, "b": {"c": {"productId": product}}})
    expected = json.dumps([store, product], ensure_ascii=False, separators=(",", ":"))
    assert flat is not None
    assert json.loads(flat) == [store, product]
    assert flat == nested == key_of_values(("storeId", "productId"), [store, product])
    if not any(isinstance(v, str) for v in (store, product)):
        assert flat.decode() == expected


def test_a_key_does_not_depend_on_the_order_inside_objects() -> None:
    """Objects in a key are sorted, so equal values have equal bytes."""
    assert key_of(("k",), {"k": {"b": 1, "a": 2}}) == key_of(("k",), {"k": {"a": 2, "b": 1}}) == b'[{"a":2,"b":1}]'


def test_no_declared_key_is_no_key() -> None:
    """An event without a declared key has a record without one."""
    assert key_maker(())({"a": 1}) is None


def test_values_that_avro_has_types_for() -> None:
    """Dates, times, decimals and bytes have one text each."""
    at = dt.datetime(2026, 1, 31, 10, tzinfo=dt.UTC)
    assert key_of_values(("a", "b", "c", "d"), [dt.date(2026, 1, 31), at, Decimal("1.50"), b"\x00"]) == (
        b'["2026-01-31","2026-01-31T10:00:00Z","1.50","AA=="]'
    )


@pytest.mark.parametrize(("paths", "missing"), [(("a", "b"), {"data.a", "data.b"}), (("x.y", "x.z"), {"data.x.z"})])
def test_a_key_needs_all_its_fields(paths: tuple[str, ...], missing: set[str]) -> None:
    """Each field of the key that is not there is a violation."""
    with pytest.raises(InvalidEvent) as caught:
        key_maker(paths)({"x": {"y": 1}})
    assert {v.path for v in caught.value.violations} == missing


def test_a_key_that_is_no_json_is_refused() -> None:
    """A value without a JSON form cannot be part of a key; nor can too few values be one."""
    with pytest.raises(InvalidEvent):
        key_of_values(("a",), [object()])
    with pytest.raises(InvalidEvent):
        key_of_values(("a", "b"), [1])
