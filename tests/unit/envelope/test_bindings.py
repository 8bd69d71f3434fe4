"""Envelopes as strict CloudEvents and back; the strict form is read and written by an independent SDK as well."""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from cloudevents.core.bindings import http as sdk_http
from cloudevents.core.bindings import kafka as sdk_kafka
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st

from headrace.clock import ManualClock
from headrace.envelope import bindings
from headrace.envelope.codec import ProductCodec
from headrace.envelope.envelope import Envelope
from headrace.errors import EventError, InvalidEvent, UndecodableRecord
from headrace.model import avro_schema
from headrace.model.schema import SchemaFormat
from tests.unit.envelope.products import make_product, stored

_any_text = st.text(st.characters(codec="utf-8"), max_size=6)
_some_text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_any_text, inner, max_size=3),
    max_leaves=8,
)
_attribute = st.text(st.sampled_from('aZ09 /.-_%"\\é€ßя漢\U0001f600\u00a0\u200b'), min_size=1, max_size=8)
_times = st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2100, 1, 1)).map(  # noqa: DTZ001 - naive bounds are asked for
    lambda t: t.isoformat(timespec="microseconds") + "Z"
)
_meta = st.builds(
    lambda known, more: more | known,
    st.fixed_dictionaries(
        dict.fromkeys(("tenant", "region", "product", "application"), _some_text)
        | {"schemaVersion": st.integers(1), "publishedAt": _times},
        optional=dict.fromkeys(("correlationId", "causationId", "traceparent"), _some_text),
    ),
    st.dictionaries(_any_text, _json, max_size=4),
)
ENVELOPES = st.builds(
    Envelope,
    specversion=st.just("1.0"),
    type=_attribute,
    source=_attribute,
    id=_attribute,
    time=_times,
    datacontenttype=st.just("application/json"),
    meta=_meta,
    data=_json,
    dataschema=st.none() | _attribute,
    subject=st.none() | _attribute,
)


def _same(one: Any, other: Any) -> bool:
    """Equal, and of the same types all the way down (1 is not 1.0, nor true)."""
    if isinstance(one, Envelope):
        return _same(msgspec.structs.asdict(one), msgspec.structs.asdict(other))
    if isinstance(one, dict):
        return type(other) is dict and one.keys() == other.keys() and all(_same(v, other[k]) for k, v in one.items())
    if isinstance(one, list):
        return type(other) is list and len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and repr(one) == repr(other)


@given(ENVELOPES)
def test_structured_json_is_lossless(envelope: Envelope) -> None:
    """Any meta and any data, integers of any size and every float among them, come back from the structured form."""
    assert _same(envelope, bindings.from_structured(bindings.to_structured(envelope)))


@given(ENVELOPES)
def test_http_binary_mode_is_lossless(envelope: Envelope) -> None:
    """The same through headers, whose values are printable ASCII, and a body."""
    headers, body = bindings.to_http(envelope)
    assert all(re.fullmatch(r"[\x21-\x7e]+", value) for _, value in headers)
    assert _same(envelope, bindings.from_http(headers, body))


@given(ENVELOPES, st.none() | st.binary(max_size=3))
def test_kafka_binary_mode_is_lossless(envelope: Envelope, key: bytes | None) -> None:
    """The same through a record's headers and value; the key is kept beside them."""
    record = bindings.to_kafka(envelope, key)
    assert record.key == key
    assert _same(envelope, bindings.from_kafka(record.headers, record.value))


@given(ENVELOPES)
def test_a_cloud_event_of_ours_is_the_same_again(envelope: Envelope) -> None:
    """The other way round: strict event, envelope, strict event gives the same bytes, in every mode."""
    structured = bindings.to_structured(envelope)
    assert bindings.to_structured(bindings.from_structured(structured)) == structured
    headers, body = bindings.to_http(envelope)
    assert bindings.to_http(bindings.from_http(headers, body)) == (headers, body)
    record = bindings.to_kafka(envelope)
    assert bindings.to_kafka(bindings.from_kafka(record.headers, record.value)) == record


@given(ENVELOPES)
def test_metajson_is_a_cloud_events_string(envelope: Envelope) -> None:
    """`meta` travels as one attribute, whose name and characters CloudEvents allows, and nothing else is added."""
    event = json.loads(bindings.to_structured(envelope))
    assert re.fullmatch(r"[\x20-\x7e]+", event["metajson"])
    allowed = {
        "specversion",
        "type",
        "source",
        "id",
        "time",
        "datacontenttype",
        "dataschema",
        "subject",
        "metajson",
        "data",
    }
    assert event.keys() <= allowed
    assert all(re.fullmatch("[a-z0-9]{1,20}", name) for name in event.keys() - {"data"})


def _attributes(event: Any) -> dict[str, Any]:
    found = {k: v for k, v in event.get_attributes().items() if v is not None}
    assert isinstance(found["time"], dt.datetime)
    return found | {"time": found["time"].replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"}


@given(ENVELOPES)
def test_an_independent_sdk_reads_the_same_events(envelope: Envelope) -> None:
    """The CloudEvents SDK finds a valid event with the same attributes and data in each of the three forms, and what it
    writes of them is read back as the same envelope."""
    if envelope.dataschema is not None and not envelope.dataschema.strip():
        envelope = msgspec.structs.replace(envelope, dataschema="/schemas/1")
    expected = {name: value for name, value in msgspec.structs.asdict(envelope).items() if value is not None}
    meta = expected.pop("meta")
    expected.pop("data", None)
    form = JSONFormat()
    headers, body = bindings.to_http(envelope)
    record = bindings.to_kafka(envelope)
    read = [
        form.read(None, bindings.to_structured(envelope)),
        sdk_http.from_binary(sdk_http.HTTPMessage(dict(headers), body), form),
        sdk_kafka.from_binary(sdk_kafka.KafkaMessage(dict(record.headers), None, record.value or b""), form),
    ]
    for event in read:
        attributes = _attributes(event)
        assert json.loads(attributes.pop("metajson")) == meta
        assert attributes == expected
        if envelope.data is not None:
            assert event.get_data() == envelope.data
    if isinstance(envelope.data, dict):  # the SDK writes other JSON values as text
        written = sdk_http.to_binary(read[1], form)
        back = bindings.from_http(list(written.headers.items()), written.body)
        assert back.meta == envelope.meta
        assert back.data == envelope.data
        assert back.id == envelope.id


# --- Avro data

SCHEMA = {
    "type": "record",
    "name": "Plan",
    "fields": [
        {"name": "storeId", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "rent", "type": {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}},
        {"name": "image", "type": "bytes"},
    ],
}
DATA = {"storeId": "ü", "at": dt.datetime(2026, 1, 31, tzinfo=dt.UTC), "rent": Decimal("1.50"), "image": b"\x00\xff"}


def _avro_envelope() -> Envelope:
    codec = ProductCodec(make_product(SCHEMA, format=SchemaFormat.AVRO), "eu", ManualClock())
    return codec.decode(stored(codec.encoder("plan", "Made", "acme")(DATA)[1]))


def test_avro_data_are_lossless_in_every_mode() -> None:
    """Times, decimals and bytes come back natively: the data travel as Avro's own encoding by the event's data schema."""
    envelope, schema = _avro_envelope(), avro_schema.parse(SCHEMA)
    structured = bindings.to_structured(envelope, schema)
    assert json.loads(structured)["datacontenttype"] == "application/avro"
    assert base64.b64decode(json.loads(structured)["data_base64"]).startswith(b"\x04")
    assert bindings.from_structured(structured, schema) == envelope
    headers, body = bindings.to_http(envelope, schema)
    assert dict(headers)["content-type"] == "application/avro"
    assert bindings.from_http(headers, body, schema) == envelope
    record = bindings.to_kafka(envelope, b"k", schema)
    assert bindings.from_kafka(record.headers, record.value, schema) == envelope


def test_avro_data_need_their_schema() -> None:
    """Without the data schema, or with bytes that are not of it, there is an error and no guess."""
    envelope, schema = _avro_envelope(), avro_schema.parse(SCHEMA)
    with pytest.raises(InvalidEvent):
        bindings.to_structured(envelope)
    headers, body = bindings.to_http(envelope, schema)
    with pytest.raises(InvalidEvent):
        bindings.from_http(headers, body)
    for wrong in (body[:-1], body + b"x", b"\xff" * 20):
        with pytest.raises(UndecodableRecord):
            bindings.from_http(headers, wrong, schema)


# --- as it is, and what is refused

ENVELOPE = Envelope(
    specversion="1.0",
    type="com.example.made.v1",
    source="/applications/plan",
    id="1",
    time="2026-01-31T10:00:00.000Z",
    datacontenttype="application/json",
    meta={
        "tenant": "acme",
        "region": "eu",
        "product": "things",
        "application": "plan",
        "schemaVersion": 1,
        "publishedAt": "2026-01-31T10:00:00.000Z",
    },
    data={"a": 1},
)


def test_an_envelope_as_it_is_is_plain_json() -> None:
    """With `meta` it is no CloudEvent, so its media type does not say so."""
    assert bindings.NATIVE == "application/json"
    assert bindings.STRUCTURED == "application/cloudevents+json"
    native = json.loads(bindings.to_native(ENVELOPE))
    assert native["meta"] == ENVELOPE.meta
    assert native["data"] == {"a": 1}
    assert "metajson" not in native
    assert "subject" not in native
    with pytest.raises(InvalidEvent):
        bindings.to_native(_avro_envelope())


def test_a_tombstone_has_no_data_in_any_mode() -> None:
    """An envelope without data gives an event without data, an empty body, a null value; and comes back."""
    gone = msgspec.structs.replace(ENVELOPE, data=None)
    assert "data" not in json.loads(bindings.to_structured(gone))
    headers, body = bindings.to_http(gone)
    assert body == b""
    record = bindings.to_kafka(gone, b"k")
    assert record.value is None
    assert bindings.from_kafka(record.headers, None) == gone
    assert bindings.from_http(headers, b"") == gone
    assert bindings.from_structured(bindings.to_structured(gone)) == gone


@pytest.mark.parametrize(
    "change",
    [
        {"id": "a\nb"},
        {"subject": "\x7f"},
        {"type": "\ud800"},
        {"source": "\uffff"},
        {"meta": {"x": float("nan")}},
        {"meta": {"x": "\ud800"}},
        {"data": float("inf")},
        {"data": "\ud800"},
        {"data": object()},
    ],
)
def test_what_cannot_be_a_cloud_event_is_refused(change: dict[str, Any]) -> None:
    """Control characters, surrogates and non-characters in attributes, and what is no JSON, are `InvalidEvent`."""
    wrong = msgspec.structs.replace(ENVELOPE, **change)
    for write in (bindings.to_structured, bindings.to_http, bindings.to_kafka):
        with pytest.raises(InvalidEvent):
            write(wrong)


def _event(**change: Any) -> bytes:
    event = json.loads(bindings.to_structured(ENVELOPE)) | change
    return json.dumps({k: v for k, v in event.items() if v != "absent"}).encode()


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        (_event(specversion="0.3"), {"specversion"}),
        (_event(id="", source=5), {"id", "source"}),
        (_event(time="now"), {"time"}),
        (_event(metajson="absent"), {"metajson"}),
        (_event(metajson="{"), {"metajson"}),
        (_event(metajson="[]"), {"meta"}),
        (
            _event(metajson="{}"),
            {f"meta.{n}" for n in ("tenant", "region", "product", "application", "schemaVersion", "publishedAt")},
        ),
        (b"{}", {"specversion", "type", "source", "id", "time", "metajson"}),
    ],
)
def test_a_cloud_event_that_is_no_envelope_says_why(body: bytes, paths: set[str]) -> None:
    """Each attribute that is missing or wrong is a violation."""
    with pytest.raises(InvalidEvent) as caught:
        bindings.from_structured(body)
    assert {v.path for v in caught.value.violations} == paths


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b"NaN",
        b'{"data":1e999}',
        b"[" * 100_000,
        b"9" * 10_000,
        _event(data_base64="?"),
        _event(data_base64=5),
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_no_cloud_event_is_undecodable(body: bytes) -> None:
    """Broken JSON, depth, huge numbers, wrong base64: `UndecodableRecord`."""
    with pytest.raises(UndecodableRecord):
        bindings.from_structured(body)


def test_attributes_of_others_are_passed_over() -> None:
    """Extension attributes that Headrace does not know, and null ones, change nothing."""
    assert bindings.from_structured(_event(traceparent="00-x", subject=None)) == ENVELOPE
    headers, body = bindings.to_http(ENVELOPE)
    extra = [("CE-Other", "1"), ("Host", "example.com")]
    assert bindings.from_http([(n.upper(), v) for n, v in headers] + extra, body) == ENVELOPE


def test_header_values_of_other_senders_are_understood() -> None:
    """Percent-encoding in lower case, of characters that need none, and a quoted string are read; broken UTF-8 is not."""
    headers, body = bindings.to_http(msgspec.structs.replace(ENVELOPE, subject="Euro € 😀"))
    assert dict(headers)["ce-subject"] == "Euro%20%E2%82%AC%20%F0%9F%98%80"  # the example of the HTTP binding's section
    for text, meaning in (("%c3%bc%61", "üa"), ('"a\\"b"', 'a"b'), ("50%", "50%")):
        sent = [(n, text if n == "ce-subject" else v) for n, v in headers]
        assert bindings.from_http(sent, body).subject == meaning
    with pytest.raises(UndecodableRecord):
        bindings.from_http([(n, "%ff" if n == "ce-subject" else v) for n, v in headers], body)
    with pytest.raises(UndecodableRecord):
        bindings.from_kafka([("ce_id", b"\xff")], None)


@given(
    st.dictionaries(
        st.sampled_from(["id", "time", "metajson", "data", "data_base64", "datacontenttype", "subject"]),
        _json,
        max_size=3,
    )
)
def test_fuzzed_events_are_refused_in_two_ways_only(change: dict[str, Any]) -> None:
    """Whatever stands in an event, reading gives an envelope, `InvalidEvent` or `UndecodableRecord`."""
    try:
        bindings.from_structured(_event(**change))
    except EventError as error:
        assert isinstance(error, InvalidEvent | UndecodableRecord)
