"""A product's codec: data to records and records to envelopes, in the product's format and schemas."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import orjson

from headrace.clock import SYSTEM_CLOCK, Clock
from headrace.envelope.attributes import Attributes
from headrace.envelope.avro_codec import AvroData, AvroWriterSchema, avro_encoder
from headrace.envelope.composition import JSON_META, JSON_TIME
from headrace.envelope.envelope import AVRO, JSON, SPECVERSION, Envelope
from headrace.envelope.framing import (
    HEADER_SCHEMA_ID,
    HEADER_SIZE,
    frame_head,
    framed_id,
    not_framed,
    read_header,
)
from headrace.envelope.ids import Stamps
from headrace.envelope.json_codec import Encode, JsonData, JsonWriterSchema, json_encoder, undecodable
from headrace.envelope.keys import key_maker, key_of, key_of_values
from headrace.envelope.plain import natural, plain
from headrace.envelope.route import Route
from headrace.errors import (
    DeclarationError,
    EventError,
    InvalidEvent,
    NotAProducer,
    UndecodableRecord,
    UnknownEvent,
    Violation,
)
from headrace.model import names
from headrace.model.compiled import CompiledEvent, CompiledProduct
from headrace.model.json_schema import compile_schema, violations
from headrace.model.record import HEADER_ID, HEADER_SOURCE, HEADER_TIME, HEADER_TYPE, Record, StoredRecord
from headrace.model.schema import Framing, SchemaFormat

HEADER_ENVELOPE: Final = "event-envelope"
"""A tombstone has no value, so its envelope (without data, JSON) is in this header."""

_TOMBSTONE: Final = compile_schema(
    {
        "type": "object",
        "required": ["specversion", "type", "source", "id", "time", "datacontenttype", "meta"],
        "properties": {
            "specversion": {"const": SPECVERSION},
            **{name: {"type": "string", "minLength": 1} for name in ("type", "source", "id")},
            "time": dict(JSON_TIME),
            "datacontenttype": {"enum": [JSON, AVRO]},
            "dataschema": {"type": ["string", "null"], "minLength": 1},
            "subject": {"type": ["string", "null"], "minLength": 1},
            "meta": dict(JSON_META),
        },
    }
)
_COPIED: Final = 8192
_ATTRIBUTES: Final = frozenset(Envelope.__struct_fields__) - {"data"}

WriterSchema = JsonWriterSchema | AvroWriterSchema


class ProductCodec:
    """Codec of one product in one region. Safe for many threads, encoders and decoding alike."""

    def __init__(self, product: CompiledProduct, region: str, clock: Clock = SYSTEM_CLOCK) -> None:
        self._product = product
        self._region = region
        self._stamps = Stamps(clock)
        self._lock = threading.RLock()
        self._data: dict[tuple[str, int], JsonData | AvroData] = {}
        self._texts = {schema.id: schema.text for schema in product.schemas}
        self._writers: dict[int, WriterSchema] = {}
        self._framed: dict[bytes, WriterSchema] = {}
        """The same by their frames."""
        self._types = frozenset(event.type for event in product.events)

    def encoder(self, application: str, event: str, tenant: str) -> Encode:
        """The function that makes records of one event for one tenant, in the schema version that the application
        declares: ``encode(data, *, id=None, time=None, subject=None, correlation_id=None, causation_id=None,
        traceparent=None, meta=None) -> (event id, record)``.

        ``data``: a mapping, `msgspec.Struct`, dataclass or pydantic model. ``time``: an aware datetime or RFC 3339 text;
        now if None. ``meta``: more for the envelope's `meta`. It raises `InvalidEvent` with every violation, or
        `PayloadTooLarge`. Making it raises a `DeclarationError` where the product does not declare all this.
        """
        route = self._route(application, event, tenant)
        with self._lock:
            key = (event, route.schema_version)
            if key not in self._data:
                self._data[key] = self._compile(event, route.schema_version)
            data = self._data[key]
        if isinstance(data, JsonData):
            return json_encoder(route, data, self._stamps)
        return avro_encoder(route, data, self._stamps)

    def tombstone(
        self,
        application: str,
        event: str,
        tenant: str,
        data_or_key: Any,
        *,
        id: str | None = None,  # noqa: A002 - the envelope's own word
        time: datetime | str | None = None,
        subject: str | None = None,
        correlation_id: str | None = None,
        causation_id: str | None = None,
        traceparent: str | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> tuple[str, Record]:
        """The record that deletes a key of a state product. ``data_or_key``: the event's data, an object with at least
        its key fields, or the list of the key's values in the declared order."""
        if self._product.kind != "state":
            raise DeclarationError(
                f"{self._product.key} is a log: its events are not deleted", product=self._product.id
            )
        route = self._route(application, event, tenant)
        if not route.key_paths:
            raise DeclarationError(f"{event} declares no key, so there is none to delete", event=event)
        given = Attributes(id, time, subject, correlation_id, causation_id, traceparent, meta)
        if isinstance(data_or_key, list | tuple):
            key = key_of_values(route.key_paths, data_or_key)
        else:
            try:
                made = plain(data_or_key) if self._product.format is SchemaFormat.JSON_SCHEMA else natural(data_or_key)
            except (TypeError, ValueError, RecursionError) as error:
                raise InvalidEvent("the key is not valid", [Violation("data", "json", str(error))]) from error
            key = key_of(route.key_paths, made)
        stamp = self._stamps.at(self._stamps.clock.now_ms())
        now = stamp.text.decode()
        event_id = given.id if given.id is not None else self._stamps.event_id(stamp)
        moment = given.time if given.time is not None else now
        envelope = {
            "specversion": SPECVERSION,
            "type": route.type,
            "source": route.source,
            "id": event_id,
            "time": moment,
            "datacontenttype": JSON if self._product.format is SchemaFormat.JSON_SCHEMA else AVRO,
            **({"subject": given.subject} if given.subject is not None else {}),
            "meta": {**route.meta, "publishedAt": now, **given.meta},
        }
        headers = (
            (HEADER_TYPE, route.type.encode()),
            (HEADER_ID, event_id.encode()),
            (HEADER_SOURCE, route.source.encode()),
            (HEADER_TIME, moment.encode()),
            (HEADER_ENVELOPE, orjson.dumps(envelope)),
            *given.headers(),
        )
        return event_id, Record(key, None, headers)

    def decode(self, record: StoredRecord) -> Envelope:
        """The envelope of a record, validated against the schema that it was written with. Raises `UndecodableRecord`
        (with ``schema_id`` where it is one that the catalogue lacks) or `InvalidEvent`; both name topic and offset."""
        try:
            value = record.value
            if value is None:
                return self._decode_tombstone(record)
            writer = self._framed.get(value[:HEADER_SIZE])
            if writer is not None:
                # Copying is faster than a view up to some kilobytes.
                return writer.decode(value[HEADER_SIZE:] if len(value) < _COPIED else memoryview(value)[HEADER_SIZE:])
            # The header, where there is one, is what counts. It is looked for only where the value has no frame, so that
            # those with one pay nothing: neither JSON nor an envelope in Avro begins with a frame's 0.
            schema_id = framed_id(value)
            if schema_id is not None:
                payload = memoryview(value)[HEADER_SIZE:]
            else:
                header = record.header(HEADER_SCHEMA_ID)
                if header is None:
                    raise not_framed(value)
                schema_id = read_header(header)
                payload = memoryview(value)
            writer = self._writers.get(schema_id) or self._writer(schema_id)
            return writer.decode(payload)
        except EventError as error:
            error.data = {**error.data, "topic": record.topic, "offset": record.offset}
            raise

    def add_schema(self, schema_id: int, text: str) -> None:
        """A composed schema that the compiled catalogue lacks, from the registry."""
        with self._lock:
            self._texts.setdefault(schema_id, text)

    def _writer(self, schema_id: int) -> WriterSchema:
        with self._lock:
            if schema_id in self._writers:
                return self._writers[schema_id]
            text = self._texts.get(schema_id)
            if text is None:
                raise UndecodableRecord(
                    f"{self._product.key} has no schema with id {schema_id}", reason="schema", schema_id=schema_id
                )
            made: WriterSchema
            if self._product.format is SchemaFormat.AVRO:
                made = AvroWriterSchema(text, self._types)
            else:
                made = JsonWriterSchema(text)
            self._writers[schema_id] = made
            self._framed[schema_id.to_bytes(HEADER_SIZE, "big")] = made
            return made

    def _decode_tombstone(self, record: StoredRecord) -> Envelope:
        header = record.header(HEADER_ENVELOPE)
        if header is None:
            raise UndecodableRecord(f"a tombstone without the header {HEADER_ENVELOPE}", reason="framing")
        try:
            document = msgspec.json.decode(header)
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            raise undecodable(error) from error
        if not _TOMBSTONE.is_valid(document):
            found = violations(_TOMBSTONE, document, "")
            raise InvalidEvent(
                "the tombstone's envelope is not valid",
                [Violation(v.path.removeprefix(".") or "$", v.rule, v.message) for v in found],
            )
        if document["type"] not in self._types:
            raise InvalidEvent(
                "the event is not valid", [Violation("type", "declared", f"{document['type']} is not declared")]
            )
        return Envelope(**{name: value for name, value in document.items() if name in _ATTRIBUTES}, data=None)

    def _route(self, application: str, event: str, tenant: str) -> Route:
        product = self._product
        declared = self._event(event)
        producing = product.producers.get(application)
        if producing is None or event not in producing.events:
            raise NotAProducer(
                f"{application} is not declared as a producer of {event} in {product.key}",
                application=application,
                product=product.id,
                event=event,
            )
        version = producing.schema_version
        head = self._head(version)
        by_header = product.framing is Framing.HEADER
        return Route(
            event=event,
            type=declared.type,
            source=names.source(application),
            meta={
                "tenant": tenant,
                "region": self._region,
                "product": product.id,
                "application": application,
                "schemaVersion": version,
            },
            schema_version=version,
            head=b"" if by_header else head,
            headers=((HEADER_SCHEMA_ID, head),) if by_header else (),
            key_paths=declared.key,
            make_key=key_maker(declared.key),
            max_bytes=product.max_bytes,
        )

    def _head(self, version: int) -> bytes:
        schema = next((s for s in self._product.schemas if s.version == version), None)
        try:
            if schema is None:
                raise ValueError(f"schema version {version} is not there")
            return frame_head(schema.id)
        except ValueError as error:
            raise DeclarationError(
                f"{self._product.key} has no registered schema of version {version} in this region: {error}",
                hint="run `headrace apply`",
                product=self._product.id,
            ) from error

    def _event(self, name: str) -> CompiledEvent:
        found = self._product.event(name)
        if found is None:
            raise UnknownEvent(f"{self._product.key} has no event {name}", product=self._product.id, event=name)
        return found

    def _compile(self, event: str, version: int) -> JsonData | AvroData:
        text = self._event(event).data_schemas.get(str(version))
        if text is None:
            raise UnknownEvent(
                f"{event} is not part of schema version {version} of {self._product.key}",
                product=self._product.id,
                event=event,
            )
        schema = json.loads(bytes(text))
        try:
            if self._product.format is SchemaFormat.JSON_SCHEMA:
                return JsonData(schema)
            composed = next(s.text for s in self._product.schemas if s.version == version)
            return AvroData(schema, composed)
        except ValueError as error:
            raise DeclarationError(f"the schema of {event} does not parse: {error}", event=event) from error


__all__: Sequence[str] = ("HEADER_ENVELOPE", "ProductCodec")
