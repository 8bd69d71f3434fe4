"""Avro: the envelope as the outer record, for large payloads. Same rules as JSON: closed and checked on the way out, decoded by
the writer's schema on the way in.

fastavro is written in C and trusts its input in three ways that bytes from outside do not deserve: it recurses as deep as
they say (the process dies), it takes a negative index of a union or an enum as one from the end, and an `int` beyond 32 bits
as it comes. So a recursive schema's bytes are walked for depth before, and the decoded value is checked like one that is sent.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import fastavro

from headrace.envelope.attributes import Attributes
from headrace.envelope.avro_depth import check_depth
from headrace.envelope.composition import JSON_META
from headrace.envelope.envelope import AVRO, META_OPTIONAL, META_REQUIRED, SPECVERSION, Envelope
from headrace.envelope.ids import Stamps
from headrace.envelope.json_codec import Encode, too_large, undecodable
from headrace.envelope.plain import natural
from headrace.envelope.route import Route
from headrace.errors import InvalidEvent, UndecodableRecord, Violation
from headrace.model import avro_schema
from headrace.model.avro_schema import AvroSchema
from headrace.model.json_schema import Validator, compile_schema, violations
from headrace.model.record import HEADER_ID, HEADER_SOURCE, HEADER_TIME, HEADER_TYPE, Record

_NAMED_META: Final = frozenset((*META_REQUIRED, *META_OPTIONAL))


class AvroData:
    """An event's data schema on the way out, and the composed schema that it is written in."""

    def __init__(self, schema: Any, composed: str) -> None:
        self.schema = avro_schema.parse(schema)
        self.composed = avro_schema.parse(json.loads(composed))

    def to_native(self, data: Any, event: str) -> dict[str, Any]:
        """``data`` as fastavro writes them. Raises `InvalidEvent` with everything that is wrong."""
        schema = self.schema
        try:
            if type(data) is dict and schema.is_valid(data):
                return dict(schema.native(data))
            made = natural(data)
            found = schema.faults(made, "data")
            if not found:
                return dict(schema.native(made))
        except (TypeError, ValueError, RecursionError) as error:
            found = (Violation("data", "avro", f"cannot be written: {error}"),)
        raise InvalidEvent(f"the data of {event} are not valid", found)


def avro_encoder(route: Route, schema: AvroData, stamps: Stamps) -> Encode:
    """The encoder of one route. Safe for many threads: it keeps nothing between calls."""
    resolved = schema.composed.resolved
    header_type = (HEADER_TYPE, route.type.encode())
    header_source = (HEADER_SOURCE, route.source.encode())

    def encode(
        data: Any,
        *,
        id: str | None = None,  # noqa: A002 - the envelope's own word
        time: datetime | str | None = None,
        subject: str | None = None,
        correlation_id: str | None = None,
        causation_id: str | None = None,
        traceparent: str | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> tuple[str, Record]:
        given = Attributes(id, time, subject, correlation_id, causation_id, traceparent, meta)
        native = schema.to_native(data, route.event)
        stamp = stamps.at(stamps.clock.now_ms())
        now = stamp.text.decode()
        event_id = given.id if given.id is not None else stamps.event_id(stamp)
        moment = given.time if given.time is not None else now
        record = {
            "specversion": SPECVERSION,
            "type": route.type,
            "source": route.source,
            "id": event_id,
            "time": moment,
            "datacontenttype": AVRO,
            "subject": given.subject,
            "meta": _written_meta({**route.meta, "publishedAt": now, **given.meta}),
            "data": native,
        }
        out = io.BytesIO()
        out.write(route.head)
        try:
            fastavro.schemaless_writer(out, resolved, record, strict_allow_default=True, disable_tuple_notation=True)
        except Exception as error:  # fastavro raises whatever the value raises
            found = Violation("data", "avro", f"cannot be written: {error}")
            raise InvalidEvent(f"the data of {route.event} are not valid", [found]) from error
        value = out.getvalue()
        if len(value) > route.max_bytes:
            raise too_large(route, len(value))
        headers = (
            header_type,
            (HEADER_ID, event_id.encode()),
            header_source,
            (HEADER_TIME, moment.encode()),
            *route.headers,
            *given.headers(),
        )
        return event_id, Record(route.make_key(native), value, headers)

    return encode


def _written_meta(meta: Mapping[str, Any]) -> dict[str, Any]:
    more = {
        key: json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        for key, value in meta.items()
        if key not in _NAMED_META
    }
    return {key: value for key, value in meta.items() if key in _NAMED_META} | {"more": more}


def _read_meta(record: Mapping[str, Any]) -> dict[str, Any]:
    meta = {key: value for key, value in record.items() if key != "more" and value is not None}
    return meta | {key: json.loads(text) for key, text in record["more"].items()}


_ATTRIBUTES: Final[Validator] = compile_schema(
    {
        "type": "object",
        "properties": {
            "specversion": {"const": SPECVERSION},
            **{name: {"type": "string", "minLength": 1} for name in ("type", "source", "id")},
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"const": AVRO},
            "subject": {"type": ["string", "null"], "minLength": 1},
            "dataschema": {"type": ["string", "null"], "minLength": 1},
            "meta": dict(JSON_META),
        },
    }
)


class AvroWriterSchema:
    """A composed schema that records were written with, on the way in. Safe for many threads.

    ``types``: the event types that the product declares; the schema itself does not name its event's."""

    def __init__(self, text: str, types: frozenset[str]) -> None:
        try:
            self._schema: AvroSchema = avro_schema.parse(json.loads(text))
        except ValueError as error:
            raise UndecodableRecord(f"the schema that the record was written with does not parse: {error}") from error
        self._types = types
        self._whole: Callable[[Any], bool] = self._schema.is_valid

    def decode(self, payload: bytes | memoryview) -> Envelope:
        """The envelope of an encoded value, without its frame. Raises `UndecodableRecord` or `InvalidEvent`."""
        source = io.BytesIO(payload)
        try:
            if self._schema.recursive:
                check_depth(memoryview(payload), self._schema)
            record: Any = fastavro.schemaless_reader(source, self._schema.resolved)
            attributes = {key: inner for key, inner in record.items() if key != "data"}
            attributes["meta"] = _read_meta(record["meta"])
            data = record["data"]
            whole = self._whole(record)
        except UndecodableRecord:
            raise
        except Exception as error:  # whatever hostile bytes lead fastavro into
            raise undecodable(error) from error
        if source.tell() != len(payload):
            raise UndecodableRecord(f"{len(payload) - source.tell()} bytes follow the event", reason="encoding")
        found = () if _ATTRIBUTES.is_valid(attributes) else violations(_ATTRIBUTES, attributes, "")
        found = tuple(Violation(v.path.removeprefix("."), v.rule, v.message) for v in found)
        if attributes["type"] not in self._types:
            found += (Violation("type", "declared", f"{attributes['type']} is not declared"),)
        if found or not whole:
            wrong = (Violation(v.path.removeprefix("."), v.rule, v.message) for v in self._schema.faults(record, ""))
            found += tuple(v for v in wrong if v.path.startswith("data"))
            raise InvalidEvent("the event is not valid", found)
        return Envelope(**attributes, data=data)
