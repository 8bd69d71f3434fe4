"""Envelope to strict CloudEvents 1.0 and back, without loss: structured JSON, HTTP's binary mode, Kafka's binary mode.

An envelope has `meta`, an object, and CloudEvents attributes are scalars: so an envelope as it is goes out as
``application/json`` (`to_native`), never as ``application/cloudevents+json``. In the strict form `meta` is the one extension
attribute ``metajson``: a String that holds it as JSON, everything but printable ASCII escaped (the type forbids control
characters and surrogates; CloudEvents 1.0.2, "Type System"). Other attributes have the same names on both sides.

Data in JSON are themselves. Avro data are Avro's binary encoding by the event's own data schema (``data_base64`` in the
structured mode, the body or value in the binary ones), as JSON has no place for bytes, decimals or times; who reads them needs
that schema, as with any Avro. A tombstone has no data. Extension attributes that are not ours are not kept.

From outside in: `UndecodableRecord` for what is no CloudEvent, `InvalidEvent` for one that is no envelope.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import fastavro
import msgspec

from headrace.envelope.attributes import text_problem
from headrace.envelope.avro_depth import check_depth
from headrace.envelope.composition import JSON_META, JSON_TIME
from headrace.envelope.envelope import AVRO, JSON, SPECVERSION, Envelope
from headrace.errors import InvalidEvent, UndecodableRecord, Violation
from headrace.model.avro_schema import AvroSchema
from headrace.model.json_schema import compile_schema, violations
from headrace.model.record import Record

STRUCTURED: Final = "application/cloudevents+json"
"""The media type of the structured mode (CloudEvents JSON format 1.0.2, 3)."""

NATIVE: Final = JSON
"""The media type of an envelope as it is."""

_ATTRIBUTES: Final = ("specversion", "type", "source", "id", "time", "datacontenttype", "dataschema", "subject")
_META: Final = "metajson"
_TEXT: Final = {"type": "string", "minLength": 1}
_STRICT: Final = compile_schema(
    {
        "type": "object",
        "required": ["specversion", "type", "source", "id", "time", _META],
        "properties": {
            "specversion": {"const": SPECVERSION},
            **dict.fromkeys(("type", "source", "id", "datacontenttype", "dataschema", "subject", _META), _TEXT),
            "time": dict(JSON_TIME),
        },
    }
)
_CHECK_META: Final = compile_schema(dict(JSON_META))


# --- as it is


def to_native(envelope: Envelope) -> bytes:
    """The envelope as JSON, `meta` and all; label it `NATIVE`. JSON data only."""
    if envelope.datacontenttype != JSON:
        raise _refused("datacontenttype", "only an envelope with JSON data is JSON as a whole")
    return _to_json({n: v for n, v in msgspec.structs.asdict(envelope).items() if v is not None})


# --- strict: structured JSON


def to_structured(envelope: Envelope, avro: AvroSchema | None = None) -> bytes:
    """A CloudEvent in the JSON format; label it `STRUCTURED`. ``avro``: the data schema, where the data are Avro."""
    event: dict[str, Any] = dict(_strict(envelope))
    if envelope.data is not None:
        if envelope.datacontenttype == JSON:
            event["data"] = envelope.data
        else:
            event["data_base64"] = base64.b64encode(_payload(envelope, avro)).decode()
    return _to_json(event)


def from_structured(body: bytes, avro: AvroSchema | None = None) -> Envelope:
    event = _from_json(body)
    if not isinstance(event, dict):
        raise UndecodableRecord("a structured CloudEvent is a JSON object", reason="encoding")
    data = event.get("data")
    if "data_base64" in event:
        try:
            payload = base64.b64decode(event["data_base64"], validate=True)
        except (binascii.Error, TypeError, ValueError) as error:
            raise UndecodableRecord(f"data_base64 is not base64: {error}", reason="encoding") from error
        data = _data(payload, str(event.get("datacontenttype", JSON)), avro)
    return _envelope(event, data)


# --- strict: HTTP's binary mode


def to_http(envelope: Envelope, avro: AvroSchema | None = None) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and body of a CloudEvent in HTTP's binary mode (HTTP binding 1.0.2, 3.1)."""
    strict = _strict(envelope)
    headers = [("content-type", strict.pop("datacontenttype"))]
    headers += [(f"ce-{name}", _percent_encoded(value)) for name, value in strict.items()]
    return headers, _payload(envelope, avro) if envelope.data is not None else b""


def from_http(headers: Iterable[tuple[str, str]], body: bytes, avro: AvroSchema | None = None) -> Envelope:
    event: dict[str, Any] = {}
    for name, value in headers:
        name = name.lower()
        if name == "content-type":
            event["datacontenttype"] = value
        elif name.startswith("ce-"):
            event[name[3:]] = _percent_decoded(value)
    return _envelope(event, _data(body, str(event.get("datacontenttype", JSON)), avro))


# --- strict: Kafka's binary mode


def to_kafka(envelope: Envelope, key: bytes | None = None, avro: AvroSchema | None = None) -> Record:
    """A record in Kafka's binary mode (Kafka binding 1.0.2, 3.2): for topics of others; ours hold framed envelopes."""
    strict = _strict(envelope)
    headers = [("content-type", strict.pop("datacontenttype").encode())]
    headers += [(f"ce_{name}", value.encode()) for name, value in strict.items()]
    return Record(key, _payload(envelope, avro) if envelope.data is not None else None, tuple(headers))


def from_kafka(
    headers: Iterable[tuple[str, bytes | None]], value: bytes | None, avro: AvroSchema | None = None
) -> Envelope:
    event: dict[str, Any] = {}
    for name, raw in headers:
        try:
            text = (raw or b"").decode()
        except UnicodeDecodeError as error:
            raise UndecodableRecord(f"the header {name} is not UTF-8", reason="encoding") from error
        if name == "content-type":
            event["datacontenttype"] = text
        elif name.startswith("ce_"):
            event[name[3:]] = text
    return _envelope(event, _data(value or b"", str(event.get("datacontenttype", JSON)), avro))


# --- attributes


def _strict(envelope: Envelope) -> dict[str, str]:
    """The CloudEvents attributes, `metajson` among them. Raises `InvalidEvent` for a text that CloudEvents forbids."""
    named: dict[str, str] = {n: value for n in _ATTRIBUTES if (value := getattr(envelope, n)) is not None}
    if found := [Violation(name, "text", problem) for name, value in named.items() if (problem := text_problem(value))]:
        raise InvalidEvent("the envelope is no CloudEvent", found)
    try:
        meta = json.dumps(envelope.meta, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
        if "\\ud" in meta:  # half a surrogate pair can be escaped, and nobody could read it
            json.dumps(envelope.meta, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise _refused("meta", f"is not JSON: {error}") from error
    return named | {_META: meta}


def _envelope(event: Mapping[str, Any], data: Any) -> Envelope:
    event = {name: value for name, value in event.items() if value is not None}
    found = list(violations(_STRICT, event, "")) if not _STRICT.is_valid(event) else []
    meta: Any = None
    if isinstance(event.get(_META), str):
        try:
            meta = _from_json(event[_META])
        except UndecodableRecord as error:
            found.append(Violation(_META, "json", error.message))
        else:
            found += violations(_CHECK_META, meta, "meta")
    if found:
        raise InvalidEvent(
            "the CloudEvent is no envelope", [Violation(v.path.lstrip("."), v.rule, v.message) for v in found]
        )
    attributes: dict[str, Any] = {"datacontenttype": JSON} | {n: event[n] for n in _ATTRIBUTES if n in event}
    return Envelope(**attributes, meta=meta, data=data)


def _refused(path: str, message: str) -> InvalidEvent:
    return InvalidEvent("the envelope cannot be bound", [Violation(path, "binding", message)])


# --- data


def _payload(envelope: Envelope, avro: AvroSchema | None) -> bytes:
    if envelope.datacontenttype == JSON:
        return _to_json(envelope.data)
    schema = _needed(avro, envelope.datacontenttype)
    out = io.BytesIO()
    try:
        fastavro.schemaless_writer(
            out, schema.resolved, envelope.data, strict_allow_default=True, disable_tuple_notation=True
        )
    except Exception as error:  # fastavro raises whatever the value raises
        raise _refused("data", f"is not the Avro that was given: {error}") from error
    return out.getvalue()


def _data(payload: bytes, datacontenttype: str, avro: AvroSchema | None) -> Any:
    if not payload:
        return None
    if _is_json(datacontenttype):
        return _from_json(payload)
    schema = _needed(avro, datacontenttype)
    source = io.BytesIO(payload)
    try:
        if schema.recursive:
            check_depth(memoryview(payload), schema)
        data = fastavro.schemaless_reader(source, schema.resolved)
    except Exception as error:
        raise UndecodableRecord(f"the data cannot be decoded: {error}", reason="encoding") from error
    if source.tell() != len(payload) or not schema.is_valid(data):
        raise UndecodableRecord("the data are not the Avro that was given", reason="encoding")
    return data


def _is_json(datacontenttype: str) -> bool:
    """CloudEvents JSON format, 3.1: subtype ``json`` or suffix ``+json``, whatever the parameters."""
    kind = datacontenttype.split(";")[0].strip().lower()
    return kind.endswith(("/json", "+json"))


def _needed(avro: AvroSchema | None, datacontenttype: str) -> AvroSchema:
    if avro is None or datacontenttype != AVRO:
        raise _refused("datacontenttype", f"{datacontenttype}: the data need their Avro schema")
    return avro


# --- JSON without loss: integers of any size, floats by their shortest text, no NaN in either direction


def _to_json(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise _refused("data", f"is not JSON: {error}") from error


def _from_json(text: bytes | str) -> Any:
    try:
        if isinstance(text, bytes):
            text = text.decode()
        return json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise UndecodableRecord(f"not JSON: {error}", reason="encoding") from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is beyond a double")
    return number


# --- header values (HTTP binding 1.0.2, 3.1.3.2)

_TO_ENCODE: Final = re.compile(r"[^\x21\x23\x24\x26-\x7e]")
"""Everything but printable ASCII without space, double quote and percent."""


def _percent_encoded(value: str) -> str:
    return _TO_ENCODE.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), value)


def _percent_decoded(value: str) -> str:
    value = value.strip(" \t")
    if len(value) > 1 and value[0] == value[-1] == '"':  # a quoted-string of an older sender
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeDecodeError as error:
        raise UndecodableRecord("a header's percent-encoding is not UTF-8", reason="encoding") from error
