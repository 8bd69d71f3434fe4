"""From a record of a product's topic to the event that a handler takes, or to why there is none."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec

from headrace.clock import Clock
from headrace.envelope.codec import ProductCodec
from headrace.errors import EventError, InvalidEvent, SchemaMissing, UndecodableRecord, Violation
from headrace.interfaces.registry import SchemaRegistry
from headrace.model.compiled import CompiledCatalogue, CompiledProduct
from headrace.model.record import HEADER_TYPE, StoredRecord
from headrace.streaming.catalogue_feed import CatalogueFeed
from headrace.streaming.event import Event, Handing
from headrace.streaming.handler import Registration


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A declared event that the handler does not take."""


PASSED_OVER = PassedOver()

Decoded = Event[Any] | PassedOver | EventError
"""What a record turns out to be: an event, one that the handler does not take, or none."""


class Decoder:
    """One consumer's. Follows the catalogue: a schema or an event type that came later is known at once.

    Safe for many threads: what changes is replaced as a whole.
    """

    def __init__(
        self,
        registration: Registration,
        product: CompiledProduct,
        region: str,
        feed: CatalogueFeed,
        registry: SchemaRegistry | None,
        clock: Clock,
    ) -> None:
        self._registration = registration
        self.region = region
        self._feed = feed
        self._registry = registry
        self._clock = clock
        self._key = product.key
        self._lock = threading.Lock()
        self._extra: dict[int, str] = {}
        """Schemas that the compiled catalogue lacks, from the registry."""
        self._use(product)

    def _use(self, product: CompiledProduct) -> None:
        codec = ProductCodec(product, self.region, self._clock)
        for schema_id, text in self._extra.items():
            codec.add_schema(schema_id, text)
        self._product = product
        self._codec = codec
        self._names = {event.type: event.name for event in product.events}
        models = self._registration.models
        self._plain = {
            event.type: event.name
            for event in product.events
            if self._registration.takes(event.name) and event.name not in models
        }
        """Those that are handed out as they are decoded."""
        self._passed_over = {
            event.type.encode() for event in product.events if not self._registration.takes(event.name)
        }

    def follow(self, catalogue: CompiledCatalogue) -> None:
        """Take over a newer catalogue. A product that is gone from it stays as it was: its log may still hold events."""
        product = catalogue.products.get(self._key)
        with self._lock:
            if product is not None and product != self._product:
                self._use(product)

    def decode_into(self, decoded: list[Decoded], records: Sequence[StoredRecord], handing: Handing) -> bool:
        """Decode and validate ``records`` from the one on that ``decoded`` lacks, appending what becomes of each; whether all
        that were added are events to hand out. Raises as a call does, but for what is wrong with a record itself: its error
        is appended."""
        tenant, passed_over = handing.tenant, self._passed_over
        decode, plain_names, handed, append = self._codec.decode, self._plain, Event.handed, decoded.append
        clean = True
        for record in islice(records, len(decoded), None):
            if passed_over and record.header(HEADER_TYPE) in passed_over:
                append(PASSED_OVER)
                clean = False
                continue
            try:
                envelope = decode(record)
                name = plain_names.get(envelope.type)
                if name is not None and envelope.meta["tenant"] == tenant:
                    append(handed(handing, envelope, envelope.data, name, record))
                    continue
            except (EventError, KeyError):
                pass  # what to do about it is decided below, once more from the beginning
            found = self._decode_carefully(record, handing)
            append(found)
            clean = clean and isinstance(found, Event)
        return clean

    def _decode_carefully(self, record: StoredRecord, handing: Handing) -> Decoded:
        try:
            return self(record, handing)
        except EventError as error:
            return error

    def __call__(self, record: StoredRecord, handing: Handing) -> Event[Any] | PassedOver:
        """Decode and validate. Raises an `EventError` for a record that can never be handed out, and what the registry
        raises (`RegistryUnavailable`: try again) where it has to be asked for a schema."""
        tenant = handing.tenant
        if self._passed_over and record.header(HEADER_TYPE) in self._passed_over:
            return PASSED_OVER
        try:
            envelope = self._codec.decode(record)
        except UndecodableRecord as error:
            if not self._learn_schema(error):
                raise
            envelope = self._codec.decode(record)
        except InvalidEvent:
            # The type may be newer than our catalogue: look for a newer one before the record is given up.
            if not self._learn_catalogue():
                raise
            envelope = self._codec.decode(record)
        name = self._names.get(envelope.type)
        if name is None and self._learn_catalogue():
            name = self._names.get(envelope.type)
        if name is None:
            raise InvalidEvent(
                f"{self._key} has no event of this type",
                (Violation("type", "declared", f"{envelope.type} is not declared"),),
            )
        if not self._registration.takes(name):
            return PASSED_OVER
        if envelope.meta.get("tenant") != tenant:
            raise InvalidEvent(
                f"an event of another tenant in {record.topic}",
                (
                    Violation(
                        "meta.tenant", "tenant", f"is {envelope.meta.get('tenant')!r}, the topic is of {tenant!r}"
                    ),
                ),
            )
        data: Any = envelope.data
        model = self._registration.models.get(name)
        if model is not None and record.value is not None:
            try:
                data = msgspec.convert(data, model)
            except msgspec.ValidationError as error:
                raise InvalidEvent(
                    f"the event does not fit {model.__name__}", (Violation("data", "model", str(error)),)
                ) from error
        return Event.handed(handing, envelope, data, name, record)

    def _learn_schema(self, error: EventError) -> bool:
        """Ask the registry for the schema id that the catalogue lacks; whether decoding is worth another try."""
        schema_id = error.data.get("schema_id")
        if not isinstance(schema_id, int) or schema_id in self._extra or self._registry is None:
            return False
        try:
            schema = self._registry.by_id(schema_id)
        except SchemaMissing:
            return False
        if schema.format is not self._product.format:
            return False
        with self._lock:
            self._extra[schema_id] = schema.text
            self._codec.add_schema(schema_id, schema.text)
        return True

    def _learn_catalogue(self) -> bool:
        """Read the catalogue topic to its end; whether the product has changed."""
        before = self._product
        self._feed.refresh()
        self.follow(self._feed.current)
        return self._product is not before
