"""Avro schemas: strict parsing, faults with paths, and two forms of a value."""

from __future__ import annotations

import base64
import datetime as dt
import io
from decimal import Decimal
from typing import Any
from uuid import UUID

import fastavro
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.model.avro_schema import MAX_DEPTH, has_path, parse, violations

SHELF = {
    "type": "record",
    "name": "Shelf",
    "fields": [
        {"name": "width", "type": "double"},
        {"name": "depth", "type": "float", "default": 0.5},
        {"name": "inner", "type": ["null", "Shelf"], "default": None},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["FLAT", "HOOK"]}, "default": "FLAT"},
    ],
}
FLOORPLAN = {
    "type": "record",
    "name": "Floorplan",
    "namespace": "com.example.store",
    "fields": [
        {"name": "storeId", "type": "string"},
        {"name": "revision", "type": "int", "default": 1},
        {"name": "shelves", "type": {"type": "array", "items": SHELF}, "default": []},
        {"name": "tags", "type": {"type": "map", "values": ["null", "long", "string"]}, "default": {}},
        {"name": "validFrom", "type": ["null", {"type": "int", "logicalType": "date"}], "default": None},
        {"name": "madeAt", "type": ["null", {"type": "long", "logicalType": "timestamp-micros"}], "default": None},
        {
            "name": "localAt",
            "type": ["null", {"type": "long", "logicalType": "local-timestamp-millis"}],
            "default": None,
        },
        {"name": "opens", "type": ["null", {"type": "int", "logicalType": "time-millis"}], "default": None},
        {
            "name": "rent",
            "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 8, "scale": 2}],
            "default": None,
        },
        {"name": "ref", "type": ["null", {"type": "string", "logicalType": "uuid"}], "default": None},
        {"name": "image", "type": "bytes", "default": "\u00ff"},
        {"name": "hash", "type": ["null", {"type": "fixed", "name": "Hash", "size": 2}], "default": None},
        {"name": "open", "type": "boolean", "default": True},
    ],
}
PARSED = parse(FLOORPLAN)

_shelf = st.deferred(
    lambda: st.fixed_dictionaries(
        {"width": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-5, 5)},
        optional={
            "depth": st.floats(width=32, allow_nan=False, allow_infinity=False),
            "inner": st.none() | _shelf,
            "kind": st.sampled_from(["FLAT", "HOOK"]),
        },
    )
)
_utf8 = st.text(st.characters(codec="utf-8"), max_size=8)
_moments = st.datetimes(dt.datetime(1970, 1, 2), dt.datetime(2100, 1, 1), timezones=st.just(dt.UTC))  # noqa: DTZ001 - naive bounds are asked for
VALID = st.fixed_dictionaries(
    {"storeId": _utf8},
    optional={
        "revision": st.integers(-(2**31), 2**31 - 1),
        "shelves": st.lists(_shelf, max_size=3),
        "tags": st.dictionaries(_utf8, st.none() | st.integers(-(2**63), 2**63 - 1) | _utf8, max_size=3),
        "validFrom": st.none() | st.dates(dt.date(1, 1, 2), dt.date(9999, 1, 1)),
        "madeAt": st.none() | _moments,
        "localAt": st.none() | _moments.map(lambda m: m.replace(tzinfo=None, microsecond=m.microsecond // 1000 * 1000)),
        "opens": st.none() | st.times().map(lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000)),
        "rent": st.none() | st.decimals(-999_999, 999_999, places=2),
        "ref": st.none() | st.uuids(),
        "image": st.binary(max_size=4),
        "hash": st.none() | st.binary(min_size=2, max_size=2),
        "open": st.booleans(),
    },
)


def _round_trip(value: Any) -> Any:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, PARSED.resolved, value, strict_allow_default=True, disable_tuple_notation=True)
    return fastavro.schemaless_reader(io.BytesIO(out.getvalue()), PARSED.resolved)


@given(VALID)
def test_valid_values_are_written_and_read_back(value: Any) -> None:
    """What the check takes, fastavro writes, and reads back the same (defaults filled in)."""
    assert PARSED.is_valid(value)
    assert violations(PARSED, value) == ()
    back = _round_trip(PARSED.native(value))
    shown = {name: back[name] for name in value if name != "shelves"}
    assert shown == {name: inner for name, inner in value.items() if name != "shelves"}


@given(VALID)
def test_the_json_form_means_the_same(value: Any) -> None:
    """A value as msgspec writes it to JSON is valid too, and becomes the same native value."""
    as_json = msgspec.json.decode(msgspec.json.encode(value))
    assert PARSED.is_valid(as_json)
    assert _round_trip(PARSED.native(as_json)) == _round_trip(PARSED.native(value))


_ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.binary(max_size=2)
    | st.dates()
    | st.uuids()
    | st.decimals(allow_nan=True)
    | st.datetimes()
    | st.just("\ud800")
    | st.just("2026-01-01"),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3) | st.integers(0, 1), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(VALID, st.sampled_from([f["name"] for f in FLOORPLAN["fields"]] + ["other"]), _ANYTHING)
def test_the_fast_check_and_the_faults_agree(value: Any, name: str, wrong: Any) -> None:
    """`is_valid` is true exactly when there are no faults; and what is valid can be written."""
    value = value | {name: wrong}
    found = violations(PARSED, value)
    assert PARSED.is_valid(value) is (found == ())
    if not found:
        _round_trip(PARSED.native(value))


def test_every_fault_has_its_path() -> None:
    """Missing, undeclared and wrong fields are named by their paths, all at once."""
    value = {
        "revision": 2**31,
        "shelves": [{"width": "x", "colour": 1, "inner": {"width": float("nan")}}, {"width": 1, "kind": "ROUND"}, 5],
        "tags": {"a": 1.5},
        "madeAt": dt.datetime(2026, 1, 1),  # noqa: DTZ001 - naive on purpose
        "rent": Decimal("1.234"),
        "image": "not base64!",
        "hash": b"abc",
        "extra": 1,
    }
    assert {(v.path, v.rule) for v in violations(PARSED, value)} == {
        ("data.storeId", "required"),
        ("data.revision", "type"),
        ("data.shelves[0].width", "type"),
        ("data.shelves[0].colour", "additionalProperties"),
        ("data.shelves[0].inner.width", "type"),
        ("data.shelves[1].kind", "enum"),
        ("data.shelves[2]", "type"),
        ("data.tags.a", "union"),
        ("data.madeAt", "union"),
        ("data.rent", "union"),
        ("data.image", "type"),
        ("data.hash", "union"),
        ("data.extra", "additionalProperties"),
    }


def test_native_values_have_their_kinds() -> None:
    """The JSON form of each type becomes Python's own."""
    native = PARSED.native(
        {
            "storeId": "1",
            "validFrom": "2026-01-31",
            "madeAt": "2026-01-31T10:00:00Z",
            "opens": "08:30:00",
            "rent": "12.50",
            "ref": "0190f3a0-0000-7000-8000-000000000000",
            "image": base64.b64encode(b"\x00\x01").decode(),
        }
    )
    assert native["validFrom"] == dt.date(2026, 1, 31)
    assert native["madeAt"] == dt.datetime(2026, 1, 31, 10, tzinfo=dt.UTC)
    assert native["opens"] == dt.time(8, 30)
    assert native["rent"] == Decimal("12.50")
    assert native["ref"] == UUID("0190f3a0-0000-7000-8000-000000000000")
    assert native["image"] == b"\x00\x01"
    assert PARSED.native({"storeId": "1"})["image"] == b"\xff"


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (5, "no name, object or list"),
        (None, "no name, object or list"),
        ("nope", "'nope' is not defined"),
        ({"type": "record"}, "name"),
        ({"type": "record", "name": "A", "fields": [{"name": "x"}]}, "missing 'type'"),
        ({"type": "record", "name": "A", "fields": [{"name": "x", "type": "B"}]}, "'B' is not defined"),
        ({"type": "record", "name": "A", "fields": [{"name": "x", "type": "int", "default": "a"}]}, "int"),
        ({"type": "record", "name": "A", "fields": [{"name": "x", "type": ["null", "int"], "default": 1}]}, "efault"),
        ({"type": "enum", "name": "E", "symbols": []}, "at least one"),
        ({"type": "enum", "name": "1E", "symbols": ["A"]}, "not a name"),
        ({"type": "array", "items": "null"}, "no byte"),
        (
            {"type": "array", "items": {"type": "record", "name": "N", "fields": [{"name": "n", "type": "null"}]}},
            "no byte",
        ),
        ({"type": "array", "items": {"type": "fixed", "name": "F", "size": 0}}, "no byte"),
    ],
)
def test_a_schema_that_does_not_parse_is_a_readable_value_error(schema: Any, text: str) -> None:
    """What is wrong with a schema is said in one line."""
    with pytest.raises(ValueError, match=r".") as caught:
        parse(schema)
    assert text in str(caught.value)


def test_parsing_leaves_the_document_as_it_is() -> None:
    """The same document can be parsed again and again, and is not marked."""
    before = repr(FLOORPLAN)
    assert parse(FLOORPLAN).resolved == parse(FLOORPLAN).resolved
    assert repr(FLOORPLAN) == before


@pytest.mark.parametrize(
    "path", ["storeId", "shelves", "shelves[].width", "shelves[].inner.inner.kind", "tags.anything", "madeAt"]
)
def test_a_path_that_exists_is_found(path: str) -> None:
    """Paths go through arrays, unions, maps and recursion."""
    assert has_path(FLOORPLAN, path)
    assert has_path(PARSED, path)


@pytest.mark.parametrize(
    "path", ["", "nope", "storeId.x", "shelves.width", "storeId[]", "shelves[].nope", "shelves[0].width"]
)
def test_a_path_that_does_not_exist_is_not_found(path: str) -> None:
    """What the schema does not declare has no path."""
    assert not has_path(FLOORPLAN, path)


def test_a_value_nested_too_deep_is_a_violation() -> None:
    """A recursive value is bounded before anything recurses over it, however deep it is."""
    assert PARSED.recursive
    shelf: dict[str, Any] = {"width": 1}
    for _ in range(100_000):
        shelf = {"width": 1, "inner": shelf}
    value = {"storeId": "1", "shelves": [shelf]}
    assert not PARSED.is_valid(value)
    (found,) = violations(PARSED, value)
    assert (found.path, found.rule) == ("data", "depth")
    assert str(MAX_DEPTH) in found.message
    while "inner" in shelf:  # taken apart by hand, as freeing it would recurse
        shelf = shelf.pop("inner")
