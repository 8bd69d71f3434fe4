"""Publishing a product's events for tenants.

What the catalogue does not allow, or what does not validate, raises here and never reaches the log. The way of a publish is
short: one look-up by (event, tenant) for an encoder that has everything but the data rendered, encode, hand to the writer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, overload

from headrace.clock import Clock
from headrace.envelope.codec import ProductCodec
from headrace.errors import (
    Closed,
    DeclarationError,
    EventDeprecated,
    EventError,
    NotAProducer,
    SubjectMissing,
    TenantElsewhere,
    TenantNotSubscribed,
    UnknownEvent,
    UnknownTenant,
)
from headrace.interfaces.receipt import Receipt
from headrace.model.compiled import CompiledCatalogue, CompiledProduct
from headrace.model.record import Record
from headrace.streaming.connection import Connection
from headrace.streaming.event import Event
from headrace.streaming.hints import did_you_mean, options
from headrace.streaming.metrics import SAMPLED
from headrace.streaming.models import Model
from headrace.streaming.published import PUBLISHED
from headrace.streaming.statistics import Row
from headrace.streaming.tracing import Tracing, traceparent_of

Encode = Callable[..., tuple[str, Record]]

_published = PUBLISHED.get


class _Route:
    """Where one event of one tenant goes, and how it is encoded."""

    __slots__ = ("encode", "row", "topic")

    def __init__(self, encode: Encode, topic: str, row: Row) -> None:
        self.encode = encode
        self.topic = topic
        self.row = row


class Producer:
    """An application's publishing side of one product. From `App.producer`; safe to use from many threads.

    It writes the schema version that was declared when it was made: a newer catalogue changes who may be written to (tenants,
    rights), never what is written.
    """

    def __init__(self, product: str, major: int | None = None) -> None:
        self._id = product
        self._wanted_major = major
        self._rows: dict[str, Row] = {}
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._tracing: Tracing | None = None
        self._timed: Clock | None = None
        """Set where acknowledgements are timed."""
        self._taken = 0
        self._write: Callable[..., Receipt] = self._closed
        self._try_write: Callable[..., Receipt] = self._closed
        self._routes: dict[tuple[str, str], _Route] = {}
        self._tombstones: dict[tuple[str, str], _Route] = {}

    def bind(self, connection: Connection) -> None:
        """Connect it. Raises `UnknownProduct` or `NotAProducer`."""
        product = connection.product(self._id, self._wanted_major)
        _check_producer(connection.feed.current, product, connection.application)
        self._application = connection.application
        self._product = product
        self._codec = ProductCodec(product, connection.region, connection.clock)
        self._catalogue = connection.feed.current
        self._write = connection.writer.publish
        self._try_write = connection.writer.try_publish
        self._tracing = connection.observation.tracing
        self._timed = connection.clock if connection.observation.metrics is not None else None
        self._connection = connection
        connection.feed.follow(self._follow)

    def unbind(self) -> None:
        """Disconnect it: every publish raises `Closed` until it is bound again."""
        if self._connection is not None:
            self._connection.feed.unfollow(self._follow)
        self._connection = None
        self._write = self._closed
        self._try_write = self._closed
        self._routes = {}
        self._tombstones = {}

    def _closed(self, *_: Any) -> Receipt:
        raise Closed(
            f"the producer of {self._id} is not connected",
            hint="publish inside `with app:`, or from a handler while the app runs",
            product=self._id,
        )

    @property
    def product(self) -> str:
        """The product's id."""
        return self._id

    @property
    def rows(self) -> list[Row]:
        with self._lock:
            return list(self._rows.values())

    # --- publishing

    @overload
    def publish(
        self,
        event: str,
        data: Mapping[str, Any] | Any,
        /,
        *,
        tenant: str,
        id: str | None = None,
        time: datetime | str | None = None,
        subject: str | None = None,
        correlation: str | None = None,
        causation: Event[Any] | str | None = None,
        traceparent: str | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> Receipt: ...

    @overload
    def publish(
        self,
        event: Model,
        /,
        *,
        tenant: str,
        id: str | None = None,
        time: datetime | str | None = None,
        subject: str | None = None,
        correlation: str | None = None,
        causation: Event[Any] | str | None = None,
        traceparent: str | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> Receipt: ...

    def publish(self, event: str | Model, data: Any = None, /, *, tenant: str, **envelope: Any) -> Receipt:
        """Publish one event; ``data`` is a mapping, a struct or a dataclass, or ``event`` itself is a typed model.

        ``id``: the caller's own (a producer that repeats itself after a crash keeps its ids), else a UUIDv7. ``time``: when
        the fact occurred, else now. ``causation``: the event that led to this one (its correlation id and traceparent are
        handed on), or an id. ``meta``: further entries.

        Blocks while the writer's buffer is full. Returns a receipt at once: ``receipt.result(timeout)`` or ``await receipt``
        say that it is durable; `flush` says it of all. Raises, and writes nothing: `UnknownEvent`, `NotAProducer`,
        `EventDeprecated`, `UnknownTenant`, `TenantElsewhere`, `TenantNotSubscribed`, `InvalidEvent` (with every
        violation), `PayloadTooLarge`.
        """
        # The way of most events, without a detour: a named event of a tenant that was published to before, nothing said but
        # its data, no span to be made.
        if type(event) is str and not envelope:
            route = self._routes.get((event, tenant))
            if route is not None:
                try:
                    if self._tracing is not None and self._tracing.wanted():
                        return self._traced(self._tracing, self._write, event, route, data, envelope)
                    event_id, record = route.encode(data)
                except EventError:
                    self._refused(tenant)
                    raise
                return self._send(self._write, route, record, event_id)
        return self._publish(self._write, event, data, tenant, envelope)

    @overload
    def try_publish(self, event: str, data: Mapping[str, Any] | Any, /, *, tenant: str, **envelope: Any) -> Receipt: ...

    @overload
    def try_publish(self, event: Model, /, *, tenant: str, **envelope: Any) -> Receipt: ...

    def try_publish(self, event: str | Model, data: Any = None, /, *, tenant: str, **envelope: Any) -> Receipt:
        """As `publish`, but raises `BufferFull` instead of blocking."""
        return self._publish(self._try_write, event, data, tenant, envelope)

    def _publish(
        self, write: Callable[..., Receipt], event: str | Model, data: Any, tenant: str, envelope: dict[str, Any]
    ) -> Receipt:
        try:
            if not isinstance(event, str):
                event, data = self._event_of(event), event
            route = self._routes.get((event, tenant)) or self._route(event, tenant)
            if envelope:
                envelope = _envelope(envelope)
            tracing = self._tracing
            if tracing is not None and (envelope.get("traceparent") is not None or tracing.wanted()):
                return self._traced(tracing, write, event, route, data, envelope)
            event_id, record = route.encode(data, **envelope)
        except (EventError, DeclarationError):
            self._refused(tenant)
            raise
        return self._send(write, route, record, event_id)

    def _traced(
        self,
        tracing: Tracing,
        write: Callable[..., Receipt],
        event: str,
        route: _Route,
        data: Any,
        envelope: dict[str, Any],
    ) -> Receipt:
        """Encode and send, in a span where this publish is sampled."""
        span = tracing.publishing(self._product.id, route.topic, event, envelope.get("traceparent"))
        if span is None:
            event_id, record = route.encode(data, **envelope)
            return self._send(write, route, record, event_id)
        try:
            traceparent = traceparent_of(span)
            if traceparent is not None:
                envelope = {**envelope, "traceparent": traceparent}
            event_id, record = route.encode(data, **envelope)
            receipt = self._send(write, route, record, event_id)
        except BaseException as error:
            tracing.failed(span, error)
            raise
        tracing.published(span, receipt)
        return receipt

    def _send(self, write: Callable[..., Receipt], route: _Route, record: Record, event_id: str) -> Receipt:
        if self._timed is not None:
            self._taken += 1
            if not self._taken % SAMPLED:
                return self._send_timed(self._timed, write, route, record, event_id)
        published = _published()
        if published is not None:
            return published.publish(write, route.topic, record, event_id, route.row)
        receipt = write(route.topic, record, event_id)
        # Nothing is called between reading and writing the count, so threads do not lose each other's.
        route.row.published += 1
        return receipt

    def _send_timed(
        self, clock: Clock, write: Callable[..., Receipt], route: _Route, record: Record, event_id: str
    ) -> Receipt:
        begun = clock.monotonic()
        histogram = route.row.acknowledgement

        def acknowledged(receipt: Receipt) -> None:
            if receipt.error is None:
                histogram.add(int((clock.monotonic() - begun) * 1e6))

        published = _published()
        if published is not None:
            receipt = published.publish(write, route.topic, record, event_id, route.row)
        else:
            receipt = write(route.topic, record, event_id)
            route.row.published += 1
        receipt.add_done_callback(acknowledged)
        return receipt

    def _refused(self, tenant: str) -> None:
        # Whatever was passed for a tenant must not make rows without end.
        known = self._connection is not None and tenant in self._catalogue.tenants
        self._row(tenant if known else "").refused += 1

    def delete(
        self, event: str | type[Model], key: Mapping[str, Any] | Any, /, *, tenant: str, **envelope: Any
    ) -> Receipt:
        """Delete a key of a state product: a tombstone. ``key``: the event's data, or at least its key fields. Consumers
        get an event that is `deleted`. Raises as `publish`, and `DeclarationError` where the product is a log."""
        if self._connection is None:
            self._closed()
        if self._product.kind != "state":
            raise DeclarationError(
                f"{self._product.key} is a log: its events are facts and are not deleted",
                hint="publish an event that says what has changed",
                product=self._product.id,
            )
        name = event if isinstance(event, str) else event.__event__
        try:
            route = self._tombstones.get((name, tenant)) or self._route(name, tenant, tombstone=True)
            event_id, record = route.encode(key, **_envelope(envelope))
        except (EventError, DeclarationError):
            self._refused(tenant)
            raise
        return self._send(self._write, route, record, event_id)

    def check(self, event: str | Model, data: Any = None, /, *, tenant: str, **envelope: Any) -> int:
        """Do all that `publish` does, except writing. The size of the record's value in bytes; raises as `publish`."""
        if not isinstance(event, str):
            event, data = self._event_of(event), event
        route = self._routes.get((event, tenant)) or self._route(event, tenant)
        _, record = route.encode(data, **_envelope(envelope))
        return len(record.value or b"")

    def flush(self, timeout: float | None = None) -> None:
        """Return when every event published so far is durable, or has failed. Raises `PublishTimeout`."""
        if self._connection is not None:
            self._connection.writer.flush(timeout)

    # --- what the catalogue allows

    def _route(self, event: str, tenant: str, *, tombstone: bool = False) -> _Route:
        if self._connection is None:
            self._closed()
        catalogue = self._catalogue
        self._check_event(catalogue, event)
        self._check_tenant(catalogue, tenant)
        self._check_registered()
        encode: Encode
        if tombstone:
            encode = partial(self._codec.tombstone, self._application, event, tenant)
        else:
            encode = self._codec.encoder(self._application, event, tenant)
        route = _Route(encode, self._product.topic_name(tenant), self._row(tenant))
        if catalogue is self._catalogue:
            (self._tombstones if tombstone else self._routes)[event, tenant] = route
        return route

    def _check_registered(self) -> None:
        version = self._product.producers[self._application].schema_version
        if not any(schema.version == version and schema.id > 0 for schema in self._product.schemas):
            raise SubjectMissing(
                f"schema version {version} of {self._product.key} is not registered in region {self._catalogue.region}",
                hint="run `headrace apply`",
                product=self._product.id,
            )

    def _event_of(self, model: Any) -> str:
        if not isinstance(model, Model) or not model.__event__:
            raise UnknownEvent(
                f"{type(model).__name__} does not say which event it is",
                hint='publish("EventName", data, tenant=...) or an instance of a model from `headrace models`',
            )
        if model.__product__ != self._product.id or model.__major__ != self._product.major:
            raise UnknownEvent(
                f"{type(model).__name__} is a model of {model.__product__}.v{model.__major__}, "
                f"and this producer publishes {self._product.key}",
                product=self._product.id,
                event=model.__event__,
            )
        return model.__event__

    def _row(self, tenant: str) -> Row:
        with self._lock:
            return self._rows.setdefault(tenant, Row(self._product.id, tenant))

    def _check_event(self, catalogue: CompiledCatalogue, event: str) -> None:
        _check_producer(catalogue, self._product, self._application)
        now = catalogue.products[self._product.key]
        declared = self._product.event(event)
        if declared is None:
            raise UnknownEvent(
                f"{self._product.key} has no event {event!r}",
                hint=did_you_mean(event, [e.name for e in self._product.events]),
                product=self._product.id,
                event=event,
            )
        allowed = now.producers[self._application].events
        if event not in allowed and "*" not in allowed:
            raise NotAProducer(
                f"{self._application} is not declared to produce {event}",
                hint=f"it produces {options(allowed)}; add {event} to its `events` in product.yaml and apply",
                application=self._application,
                product=self._product.id,
                event=event,
            )
        current = now.event(event) or declared
        if current.retired:
            raise EventDeprecated(
                f"{event} of {self._product.key} is past its sunset",
                hint="publish its successor",
                product=self._product.id,
                event=event,
            )

    def _check_tenant(self, catalogue: CompiledCatalogue, tenant: str) -> None:
        found = catalogue.tenants.get(tenant)
        if found is None:
            elsewhere = catalogue.elsewhere.get(tenant)
            if elsewhere is not None:
                raise TenantElsewhere(
                    f"tenant {tenant} lives in region {elsewhere}, this process serves {catalogue.region}",
                    hint=f"connect a process with region={elsewhere!r}",
                    tenant=tenant,
                    region=elsewhere,
                )
            raise UnknownTenant(
                f"there is no tenant {tenant!r}", hint=did_you_mean(tenant, catalogue.tenants), tenant=tenant
            )
        if not found.takes(self._product.id):
            raise TenantNotSubscribed(
                f"tenant {tenant} does not take {self._product.id}",
                hint=f"add {self._product.id} to `products` in tenants/{tenant}.yaml and apply",
                tenant=tenant,
                product=self._product.id,
            )
        if not found.admits(self._application):
            raise TenantNotSubscribed(
                f"tenant {tenant} does not admit {self._application}",
                hint=f"tenants/{tenant}.yaml lists the `applications` that may see it",
                tenant=tenant,
                application=self._application,
            )

    def _follow(self, catalogue: CompiledCatalogue) -> None:
        """Rights may have changed: every route is checked again at its next use. The codec stays."""
        self._catalogue = catalogue
        self._routes = {}
        self._tombstones = {}


def _check_producer(catalogue: CompiledCatalogue, product: CompiledProduct, application: str) -> None:
    now = catalogue.products.get(product.key)
    if now is None or application not in now.producers:
        raise NotAProducer(
            f"{application} is not a declared producer of {product.key}",
            hint=f"declared: {options(sorted(now.producers) if now else [])}; "
            "add it to `producers` in its product.yaml and apply",
            application=application,
            product=product.id,
        )


_NAMES = {"correlation": "correlation_id", "causation": "causation_id"}
_ALLOWED = frozenset({"id", "time", "subject", "correlation", "causation", "traceparent", "meta"})


def _envelope(given: dict[str, Any]) -> dict[str, Any]:
    """The codec's words for the envelope's attributes; what a cause hands on."""
    unknown = given.keys() - _ALLOWED
    if unknown:
        raise TypeError(f"publish() got an unexpected keyword argument {min(unknown)!r}")
    out = {_NAMES.get(name, name): value for name, value in given.items() if value is not None}
    cause = out.get("causation_id")
    if isinstance(cause, Event):
        out["causation_id"] = cause.id
        # Without one of its own, the cause is where the correlation begins.
        out.setdefault("correlation_id", cause.correlation_id or cause.id)
        if cause.traceparent is not None:
            out.setdefault("traceparent", cause.traceparent)
    return out
