"""JSON: events to framed bytes and back, validated both ways.

Out: everything but id, time and data is rendered once per route. orjson writes the data (and by that has bounded its depth and
found what is no JSON, before a validator that recurses sees it), the closed schema checks it, the pieces are joined.

In: msgspec decodes the envelope into its struct, then one call checks data, `meta` and ``time`` together against the schema
that the record was written with. Only when something is wrong is the record looked at again, for everything that is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
import orjson

from headrace.envelope.attributes import Attributes
from headrace.envelope.composition import JSON_META, JSON_TIME, json_branches
from headrace.envelope.envelope import JSON, SPECVERSION, Envelope
from headrace.envelope.ids import Stamp, Stamps
from headrace.envelope.plain import non_finite_path, plain
from headrace.envelope.route import Route
from headrace.errors import EventError, InvalidEvent, PayloadTooLarge, UndecodableRecord, Violation
from headrace.model.json_locations import free_form
from headrace.model.json_schema import Validator, closed, compile_schema, violations
from headrace.model.record import (
    HEADER_ID,
    HEADER_SOURCE,
    HEADER_TIME,
    HEADER_TRACEPARENT,
    HEADER_TYPE,
    Headers,
    Record,
)

Encode = Callable[..., tuple[str, Record]]

# Whatever is not a plain dict, list, text, number... is refused here and made plain by our rules, not by orjson's.
_OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS
_dumps = orjson.dumps


class JsonData:
    """An event's data schema on the way out: `to_json` gives the bytes of valid data."""

    def __init__(self, schema: Any) -> None:
        self.validator = compile_schema(dict(closed(schema)))
        self.is_valid = self.validator.is_valid
        self.free_form = free_form(schema)
        """Some place takes any value: only there can a NaN get past the validator."""

    def to_json(self, data: Any, event: str) -> tuple[Any, bytes]:
        """``data`` made plain, and its JSON. Raises `InvalidEvent`."""
        try:
            made = plain(data)
            if type(made) is not dict:
                raise TypeError(f"{type(data).__name__} is no object")
            if (path := non_finite_path(made, "data")) is not None:
                raise InvalidEvent(
                    f"the data of {event} are not valid", [Violation(path, "json", "is not a finite number")]
                )
            body = _dumps(made, None, _OPTIONS)
        except (TypeError, ValueError, RecursionError) as error:
            found = Violation("data", "json", f"is not JSON: {error}")
            raise InvalidEvent(f"the data of {event} are not valid", [found]) from error
        if found_all := violations(self.validator, made):
            raise InvalidEvent(f"the data of {event} are not valid", found_all)
        return made, body


def json_encoder(route: Route, schema: JsonData, stamps: Stamps) -> Encode:
    """The encoder of one route. Safe for many threads: what it keeps between calls is one tuple, replaced as a whole, and
    `Stamps` is safe."""
    head = route.head + b'{"specversion":%b,"type":%b,"source":%b,"datacontenttype":%b,"id":' % tuple(
        _dumps(text) for text in (SPECVERSION, route.type, route.source, JSON)
    )
    meta_head = _dumps(route.meta)[:-1] + b',"publishedAt":"'
    header_type = (HEADER_TYPE, route.type.encode())
    header_source = (HEADER_SOURCE, route.source.encode())
    is_valid, admits_nan = schema.is_valid, schema.free_form
    make_key, max_bytes, more_headers = route.make_key, route.max_bytes, route.headers
    clock_now, new_id = stamps.clock.now_ms, stamps.event_id
    join = b"".join

    def render(stamp: Stamp) -> tuple[Stamp, bytes, tuple[str, bytes]]:
        """What the events of one millisecond share when nothing is said about them: from behind the id to before the
        data, and the header of the time."""
        parts = (b'","time":"', stamp.text, b'","meta":', meta_head, stamp.text, b'"},"data":')
        return stamp, b"".join(parts), (HEADER_TIME, stamp.text)

    plain_head = head + b'"'
    shared = render(stamps.current)

    def encode(data: Any, **said: Any) -> tuple[str, Record]:
        nonlocal shared
        try:
            body = _dumps(data, None, _OPTIONS)
            valid = type(data) is dict and is_valid(data)
        except (TypeError, ValueError):
            valid = False
        if not valid or (admits_nan and b"null" in body and non_finite_path(data, "data")):
            data, body = schema.to_json(data, route.event)
        now = clock_now()
        stamp = stamps.current
        if stamp.now != now:
            stamp = stamps.at(now)
        if said:
            event_id, ident, header_time, middle = say(stamp, **said)
            value = join((head, middle, body, b"}"))
        else:
            _, middle, header_time = now_shared = shared
            if now_shared[0] is not stamp:
                _, middle, header_time = shared = render(stamp)
            count = next(stamp.counter, None)
            event_id = f"{stamp.prefix}{count}{stamp.suffix}" if count is not None else new_id(stamp)
            ident = event_id.encode()
            value = join((plain_head, ident, middle, body, b"}"))
        if len(value) > max_bytes:
            raise too_large(route, len(value))
        headers: Headers = (header_type, (HEADER_ID, ident), header_source, header_time)
        if more_headers:
            headers += more_headers
        if said and (traceparent := said.get("traceparent")) is not None:
            headers += ((HEADER_TRACEPARENT, traceparent.encode()),)
        return event_id, Record(make_key(data), value, headers)

    def say(
        stamp: Stamp,
        *,
        id: str | None = None,  # noqa: A002 - the envelope's own word
        time: datetime | str | None = None,
        subject: str | None = None,
        correlation_id: str | None = None,
        causation_id: str | None = None,
        traceparent: str | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> tuple[str, bytes, tuple[str, bytes], bytes]:
        """Id, id as bytes, header of the time, and the bytes from the id's value to just before the data."""
        given = Attributes(id, time, subject, correlation_id, causation_id, traceparent, meta)
        event_id = given.id if given.id is not None else new_id(stamp)
        moment = given.time.encode() if given.time is not None else stamp.text
        about = b"" if given.subject is None else b',"subject":' + _dumps(given.subject)
        extra = b"," + _dumps(given.meta)[1:-1] if given.meta else b""
        parts = (_dumps(event_id), b',"time":"', moment, b'"', about, b',"meta":', meta_head, stamp.text, b'"', extra)
        return event_id, event_id.encode(), (HEADER_TIME, moment), b"".join((*parts, b'},"data":'))

    return encode


def too_large(route: Route, size: int) -> PayloadTooLarge:
    return PayloadTooLarge(
        f"{route.event} takes {size} bytes; its topic takes {route.max_bytes}",
        hint="send less, or declare a larger topic.maxBytes",
        size=size,
        limit=route.max_bytes,
    )


_decode_envelope: Final = msgspec.json.Decoder(Envelope).decode
_decode_any: Final = msgspec.json.Decoder().decode


class JsonWriterSchema:
    """A composed schema that records were written with, on the way in. Safe for many threads."""

    def __init__(self, text: str) -> None:
        try:
            self._document = orjson.loads(text)
            self._whole: Validator = compile_schema(self._document)
        except ValueError as error:
            raise UndecodableRecord(f"the schema that the record was written with does not parse: {error}") from error
        self._branches = json_branches(self._document)
        self._checks: dict[str, Callable[[Any], bool]] = {}
        self._lock = threading.Lock()

    def decode(self, payload: bytes | memoryview) -> Envelope:
        """The envelope of an encoded value, without its frame. Raises `UndecodableRecord` or `InvalidEvent`."""
        try:
            envelope = _decode_envelope(payload)
        except msgspec.ValidationError as error:
            raise self._refused(payload, error) from error
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            raise undecodable(error) from error
        check = self._checks.get(envelope.type) or self._check(envelope.type)
        try:
            if check([envelope.data, envelope.meta, envelope.time]) and envelope.datacontenttype == JSON:
                return envelope
        except ValueError as error:
            raise undecodable(error) from error
        raise self._refused(payload, None)

    def _check(self, event_type: str) -> Callable[[Any], bool]:
        """The validator of [data, meta, time] for one event type."""
        name = self._branches.get(event_type) if self._branches is not None else None
        if name is None:
            return _never  # an unknown type, or a schema composed elsewhere: the whole schema decides
        with self._lock:
            if event_type not in self._checks:
                data = {"$ref": f"#/definitions/{name}"}
                later = self._document["$schema"].rstrip("#").endswith("2020-12/schema")
                self._checks[event_type] = compile_schema(
                    {
                        "$schema": self._document["$schema"],
                        "prefixItems" if later else "items": [data, JSON_META, JSON_TIME],
                        "definitions": self._document["definitions"],
                    }
                ).is_valid
            return self._checks[event_type]

    def _refused(self, payload: bytes | memoryview, cause: Exception | None) -> EventError:
        """What is wrong with a record that decodes, all of it."""
        try:
            document = _decode_any(payload)
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            return undecodable(error)
        found = violations(self._whole, document, "")
        event_type = document.get("type") if isinstance(document, dict) else None
        if isinstance(event_type, str) and self._branches is not None and event_type not in self._branches:
            found += (Violation("type", "declared", f"{event_type} is not in the schema that it was written with"),)
        if not found and cause is not None:
            found = (Violation("$", "type", str(cause)),)
        return InvalidEvent("the event is not valid", tuple(_rooted(v) for v in found))


def _rooted(violation: Violation) -> Violation:
    return Violation(violation.path.removeprefix(".") or "$", violation.rule, violation.message)


def _never(value: Any) -> bool:
    return False


def undecodable(error: Exception) -> UndecodableRecord:
    """For bytes that are no event."""
    return UndecodableRecord(f"the record cannot be decoded: {str(error) or type(error).__name__}", reason="encoding")
