"""`app`: run an application's handlers in memory, in the test's own thread, on a clock that moves by itself.

    with testing.app(my_app, catalogue="catalogue/") as t:
        t.send("sales-events", "SaleRecorded", {...}, tenant="acme")
        assert t.accepted[0].data["quantity"] == 3
        assert t.published[0].name == "OrderProposalCreated"

What is sent goes the whole way: validated, encoded, decoded, handed to the handler with its retries and rejects, as in
production; only the broker is a dictionary, and waiting costs nothing.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from headrace.clock import ManualClock
from headrace.envelope.codec import ProductCodec
from headrace.errors import NotAConsumer, NotAProducer, SettingsError
from headrace.interfaces.broker import TopicSpec
from headrace.model import names
from headrace.model.catalogue import Catalogue
from headrace.model.compiled import CompiledCatalogue, CompiledProduct
from headrace.model.record import Record, StoredRecord
from headrace.streaming.app import App
from headrace.streaming.catalogue_feed import FixedCatalogue
from headrace.streaming.connection import Connection
from headrace.streaming.drivers import ResourceHolder, Steps, adrive, drive
from headrace.streaming.event import Event
from headrace.streaming.handler import Registration
from headrace.streaming.hints import did_you_mean
from headrace.streaming.lanes import Lane, LaneState
from headrace.streaming.limits import Limits
from headrace.streaming.models import Model
from headrace.testing.catalogues import compiled_catalogue
from headrace.testing.memory_broker import MemoryBroker
from headrace.testing.tracking import tracked, undeclared

_MOST_ATTEMPTS = 100


class RejectedEvent(NamedTuple):
    """``event`` is None where the record could not be decoded."""

    event: Event[Any] | None
    reason: str
    record: StoredRecord


class RetriedCall(NamedTuple):
    """``wait``: seconds until the events were handed out again."""

    events: tuple[Event[Any], ...]
    reason: str
    wait: float


class UndeclaredReads(AssertionError):
    """Handlers read paths that the catalogue does not declare for them. ``paths``: by consumer group, what they are."""

    def __init__(self, paths: Mapping[str, Sequence[str]]) -> None:
        self.paths = dict(paths)
        lines = [f"  {group}: {', '.join(listed)}" for group, listed in self.paths.items()]
        super().__init__(
            "handlers read what their consumers do not declare; add it to `reads` in product.yaml, or stop reading it:\n"
            + "\n".join(lines)
        )


class Harness:
    """What a test sees of its application. ``accepted``, ``rejected``, ``retried``, ``passed_over`` and ``duplicates`` list
    what happened, in order; ``published`` what the application published; ``reads`` the paths that each consumer read."""

    def __init__(self, app: App, catalogue: CompiledCatalogue, application: str, clock: ManualClock) -> None:
        self.clock = clock
        self.accepted: list[Event[Any]] = []
        self.rejected: list[RejectedEvent] = []
        self.retried: list[RetriedCall] = []
        self.passed_over: list[StoredRecord] = []
        self.duplicates: list[StoredRecord] = []
        self.reads: dict[str, set[str]] = {}
        self.catalogue = catalogue
        self._app = app
        self._application = application
        self._feed = FixedCatalogue(catalogue)
        self.broker = MemoryBroker(clock=clock)
        self._queue: deque[Callable[[], None]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._codecs: dict[str, ProductCodec] = {}
        self._sent: set[tuple[str, int]] = set()
        self._reported: set[str] = set()
        self._make_topics()
        app.attach(
            Connection(
                application=application,
                region=catalogue.region,
                broker=self.broker,
                feed=self._feed,
                limits=Limits(workers=1, drain_timeout=0.0),
                clock=clock,
            )
        )
        self.consumers = app.make_consumers(self._make_driver, self._observe, linger=False)

    # --- sending

    def send(
        self,
        product: str,
        event: str | Model,
        data: Mapping[str, Any] | Any = None,
        /,
        *,
        tenant: str,
        application: str | None = None,
        major: int | None = None,
        **envelope: Any,
    ) -> None:
        """Send one event to the application, as the product's declared producer would (``application`` picks one), and run
        until everything has an outcome. Raises `InvalidEvent` for data that could not be published at all, and
        `LaneStopped` when a lane stops."""
        self._put(product, event, data, tenant, application, major, envelope)
        self.run()

    def send_all(
        self,
        product: str,
        event: str,
        data: Sequence[Mapping[str, Any] | Any],
        /,
        *,
        tenant: str,
        application: str | None = None,
        major: int | None = None,
        **envelope: Any,
    ) -> None:
        """As `send`, many of one kind at once: a batch handler gets them together."""
        for one in data:
            self._put(product, event, one, tenant, application, major, envelope)
        self.run()

    def send_record(
        self, product: str, value: bytes | None, /, *, tenant: str, key: bytes | None = None, major: int | None = None
    ) -> None:
        """Send raw bytes, as a program without Headrace might: poison, for instance."""
        found = self._product(product, major)
        self._append(found, tenant, Record(key, value))
        self.run()

    def delete(
        self, product: str, event: str, key: Mapping[str, Any], /, *, tenant: str, application: str | None = None
    ) -> None:
        """Send a tombstone of a state product."""
        found = self._product(product, None)
        producer = self._producer_of(found, event, application)
        _, record = self._codec(found).tombstone(producer, event, tenant, key)
        self._append(found, tenant, record)
        self.run()

    def _put(
        self,
        product: str,
        event: str | Model,
        data: Any,
        tenant: str,
        application: str | None,
        major: int | None,
        envelope: dict[str, Any],
    ) -> None:
        if isinstance(event, Model):
            event, data = event.__event__, event
        found = self._product(product, major)
        producer = self._producer_of(found, event, application)
        _, record = self._codec(found).encoder(producer, event, tenant)(data, **envelope)
        self._append(found, tenant, record)

    def _append(self, product: CompiledProduct, tenant: str, record: Record) -> None:
        stored = self.broker.append(product.topic_name(tenant), record)
        self._sent.add((stored.topic, stored.offset))

    def _product(self, product: str, major: int | None) -> CompiledProduct:
        found = self._app.connection.product(product, major)
        if not any(consumer.product.key == found.key for consumer in self.consumers):
            raise NotAConsumer(
                f"the app has no handler for {found.key}",
                hint="register one with @app.consumer before the test enters",
                product=product,
            )
        return found

    def _producer_of(self, product: CompiledProduct, event: str, application: str | None) -> str:
        able = [a for a, p in product.producers.items() if event in p.events or "*" in p.events]
        if application is None and able:
            return able[0]
        if application in able:
            return str(application)
        raise NotAProducer(
            f"no declared producer of {product.key} publishes {event}"
            if application is None
            else f"{application} does not publish {event} of {product.key}",
            hint=did_you_mean(event, [e.name for e in product.events]),
            product=product.id,
            event=event,
        )

    def _codec(self, product: CompiledProduct) -> ProductCodec:
        if product.key not in self._codecs:
            self._codecs[product.key] = ProductCodec(product, self.catalogue.region, self.clock)
        return self._codecs[product.key]

    # --- what came of it

    @property
    def published(self) -> list[Event[Any]]:
        """What the application published, in the order of each topic."""
        out = []
        for topic, log in sorted(self.broker.logs.items()):
            parsed = names.parse_topic(topic)
            if parsed is None:
                continue
            product = self.catalogue.products.get(f"{parsed.product}.v{parsed.major}")
            if product is None:
                continue
            for record in log.records:
                if (topic, record.offset) not in self._sent:
                    envelope = self._codec(product).decode(record)
                    name = next(e.name for e in product.events if e.type == envelope.type)
                    out.append(
                        Event(
                            envelope,
                            envelope.data,
                            name=name,
                            tenant=parsed.tenant,
                            region=self.catalogue.region,
                            record=record,
                        )
                    )
        return sorted(out, key=lambda event: (event.timestamp, event.topic, event.offset))

    @property
    def dead_letters(self) -> list[StoredRecord]:
        """The records of the application's dead-letter topic."""
        return list(self.broker.logs[names.dead_letter(self._application)].records)

    def run(self) -> None:
        """Run handlers until every event has an outcome. Waits (backoff, ``Retry(after=...)``) pass at once: the clock is
        moved. Raises `LaneStopped` when a lane has stopped, once each."""
        while True:
            busy = False
            for consumer in self.consumers:
                busy |= consumer.step(0)
            while self._queue:
                busy = True
                self._queue.popleft()()
            self._raise_stopped()
            if busy:
                continue
            waiting = [lane for consumer in self.consumers for lane in consumer.lanes if lane.open and lane.buffered]
            if not waiting:
                return
            stuck = next((lane for lane in waiting if lane.attempt > _MOST_ATTEMPTS), None)
            assert stuck is None, f"{stuck.topic if stuck else ''}: still retried after {_MOST_ATTEMPTS} attempts"
            now = self.clock.monotonic()
            due = min((lane.due(now, linger=False) or now for lane in waiting), default=now)
            self.clock.advance(max(due - now, 0.0))

    def _raise_stopped(self) -> None:
        for consumer in self.consumers:
            for stopped in consumer.stopped:
                topic = f"{consumer.group} {stopped.data['topic']}"
                if topic not in self._reported:
                    self._reported.add(topic)
                    raise stopped

    def undeclared_reads(self) -> dict[str, list[str]]:
        """By consumer group, the paths read beyond the declared ones. A consumer that declares none is left out."""
        out = {}
        for consumer in self.consumers:
            declared = consumer.product.consumers[self._application].reads
            beyond = undeclared(self.reads.get(consumer.group, ()), declared) if declared else []
            if beyond:
                out[consumer.group] = beyond
        return out

    def close(self) -> None:
        for consumer in self.consumers:
            consumer.close()
            while self._queue:
                self._queue.popleft()()
        self._app.close()
        if self._loop is not None:
            self._loop.close()

    # --- how it runs

    def _make_topics(self) -> None:
        specs = [
            TopicSpec(product.topic_name(tenant.id))
            for product in self.catalogue.products.values()
            for tenant in self.catalogue.tenants.values()
            if tenant.takes(product.id)
        ]
        self.broker.admin.create_topics([*specs, TopicSpec(names.dead_letter(self._application))])

    def _observe(self, registration: Registration) -> _Observer:
        touched = self.reads.setdefault(names.group(self._application, registration.purpose), set())
        return _Observer(self, touched)

    def _make_driver(
        self, registration: Registration, turn: Callable[[Lane], Steps], finished: Callable[[Lane], None]
    ) -> _InlineDriver:
        return _InlineDriver(self, registration, turn, finished)

    def enqueue(self, work: Callable[[], None]) -> None:
        self._queue.append(work)

    def run_coroutine(self, coroutine: Coroutine[Any, Any, None]) -> None:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        loop = self._loop
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            loop.run_until_complete(coroutine)
            return
        # The test is itself asynchronous: a loop cannot run within a loop, but beside it on another thread.
        problem: list[BaseException] = []

        def run() -> None:
            try:
                loop.run_until_complete(coroutine)
            except BaseException as error:
                problem.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        if problem:
            raise problem[0]


class _InlineDriver:
    """Queues turns; the harness runs them one after the other."""

    def __init__(
        self,
        harness: Harness,
        registration: Registration,
        turn: Callable[[Lane], Steps],
        finished: Callable[[Lane], None],
    ) -> None:
        self._harness = harness
        self._registration = registration
        self._turn = turn
        self._finished = finished
        self._holder = ResourceHolder(registration.resources) if registration.resources else None

    def submit(self, lane: Lane) -> None:
        self._harness.enqueue(lambda: self._run(lane))

    def _run(self, lane: Lane) -> None:
        try:
            if self._registration.is_async:
                self._harness.run_coroutine(self._arun(lane))
            else:
                drive(self._turn(lane), self._registration.handler, self._holder)
                if self._holder is not None and lane.state is not LaneState.OPEN:
                    self._holder.close(lane)
        finally:
            self._finished(lane)

    async def _arun(self, lane: Lane) -> None:
        await adrive(self._turn(lane), self._registration.handler, self._holder)
        if self._holder is not None and lane.state is not LaneState.OPEN:
            await self._holder.aclose(lane)

    def abandon(self, lane: Lane) -> None:
        """Nothing runs beside the test."""

    def close(self) -> None:
        if self._holder is None:
            return
        if self._registration.is_async:
            self._harness.run_coroutine(self._holder.aclose())
        else:
            self._holder.close()


class _Observer:
    """Notes outcomes for the harness, and hands out data that notes what is read."""

    def __init__(self, harness: Harness, touched: set[str]) -> None:
        self._harness = harness
        self._touched = touched
        self._plain: dict[int, Any] = {}

    def wrap(self, event: Event[Any]) -> None:
        if event.data is not None:
            self._plain[id(event)] = event.data
            event.data = tracked(event.data, "data", self._touched.add)

    def settled(self, record: StoredRecord, event: Event[Any] | None, outcome: str, reason: str) -> None:
        self._unwrap(event)
        harness = self._harness
        if outcome == "accepted" and event is not None:
            harness.accepted.append(event)
        elif outcome == "rejected":
            harness.rejected.append(RejectedEvent(event, reason, record))
        elif outcome == "passed_over":
            harness.passed_over.append(record)
        else:
            harness.duplicates.append(record)

    def retried(self, events: Sequence[Event[Any]], reason: str, wait: float) -> None:
        for event in events:
            self._unwrap(event)
        self._harness.retried.append(RetriedCall(tuple(events), reason, wait))

    def _unwrap(self, event: Event[Any] | None) -> None:
        if event is not None and id(event) in self._plain:
            event.data = self._plain.pop(id(event))


@contextmanager
def app(
    app: App,
    *,
    catalogue: str | Path | Catalogue | CompiledCatalogue | None = None,
    region: str | None = None,
    application: str | None = None,
    check_reads: bool = True,
) -> Iterator[Harness]:
    """Run ``app`` in memory. It must not be connected; it can be used again afterwards.

    ``catalogue``: a declaration repository, or one that is loaded already; left out: the one that the app's settings name.
    ``region`` and ``application``: as the app's settings say, unless given. Handlers that read paths beyond their declared
    ``reads`` fail the test with `UndeclaredReads` at the end, unless ``check_reads`` is False.
    """
    if app.connected:
        raise SettingsError("the app is connected already", hint="test an App that nothing has opened")
    region = region or app.setting("region")
    application = application or app.setting("application")
    if application is None:
        raise SettingsError("which application is it?", hint="testing.app(app, application=...)", option="application")
    given = catalogue if catalogue is not None else app.setting("catalogue")
    if given is None:
        raise SettingsError("which catalogue?", hint="testing.app(app, catalogue=FOLDER)", option="catalogue")
    harness = Harness(app, compiled_catalogue(given, region), application, ManualClock())
    try:
        yield harness
        beyond = harness.undeclared_reads() if check_reads else {}
    finally:
        harness.close()
    if beyond:
        raise UndeclaredReads(beyond)
