"""An application's program: its producers, its consumers, and their life.

app = App("plan", ...)                     # nothing is opened yet: handlers register at import
orders = app.producer("order-proposals")

@app.consumer("sales-events", events=["SaleRecorded"], purpose="forecast")
def on_sale(event: Event) -> None: ...

app.run()                                  # connects, consumes until SIGTERM or SIGINT, drains, closes
"""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from types import TracebackType
from typing import Any, Literal, Self

from headrace.errors import Closed, HandlerMisdeclared, HeadraceError, LaneStopped, NotAConsumer, UnknownEvent
from headrace.streaming.connection import Connection
from headrace.streaming.consumer import Consumer, DriverMaker
from headrace.streaming.decoder import Decoder
from headrace.streaming.drivers import LoopDriver, LoopThread, Pool, PoolDriver, Steps
from headrace.streaming.handler import Registration, register
from headrace.streaming.hints import did_you_mean, options
from headrace.streaming.lanes import Lane
from headrace.streaming.producer import Producer
from headrace.streaming.registrars import ConsumerDecorators
from headrace.streaming.signals import ending_on_signals
from headrace.streaming.statistics import Row, Statistics
from headrace.streaming.turn import Observer
from headrace.streaming.watched import Watch

log = logging.getLogger("headrace")

OnStopped = Literal["continue", "exit"]


class App(ConsumerDecorators):
    """One application in one region. Open it with ``with`` or ``async with``, or let `run` or `arun` do so.

    ``connector`` opens what it runs on; `headrace.App` and `headrace.connect` bring their own.
    """

    def __init__(self, connector: Callable[[], Connection]) -> None:
        self._connector = connector
        self._connection: Connection | None = None
        self._producers: dict[tuple[str, int | None], Producer] = {}
        self._registrations: list[Registration] = []
        self._consumers: list[Consumer] = []
        self._past: list[Consumer] = []
        self._pool: Pool | None = None
        self._loop_thread: LoopThread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = threading.Event()
        self._on_ended: Callable[[], None] = self._ended.set
        self._lock = threading.RLock()

    def setting(self, name: str) -> Any:
        """What the app was told of ``name`` (``application``, ``region``, ``catalogue``), before it connects; None: nothing."""
        return None

    # --- life

    @property
    def connected(self) -> bool:
        return self._connection is not None

    @property
    def connection(self) -> Connection:
        """Raises `Closed` while the app is not connected."""
        if self._connection is None:
            raise Closed("the app is not connected", hint="use `with app:`, `async with app:` or `app.run()`")
        return self._connection

    @property
    def registrations(self) -> Sequence[Registration]:
        return tuple(self._registrations)

    def open(self) -> None:
        """Connect, and check every producer and consumer against the catalogue. Again: nothing."""
        with self._lock:
            if self._connection is None:
                self.attach(self._connector())

    def attach(self, connection: Connection) -> None:
        """Run on this connection (`headrace.testing` brings one in memory). It is closed by `close`."""
        try:
            for registration in self._registrations:
                check_registration(registration, connection)
            for producer in self._producers.values():
                producer.bind(connection)
            if connection.observation.metrics is not None:
                connection.observation.metrics.start(Watch(connection, self.rows, lambda: self.consumers))
        except BaseException:
            for producer in self._producers.values():
                producer.unbind()
            connection.close(0)
            raise
        self._connection = connection

    def close(self) -> None:
        """Stop consuming (drain, commit), flush what was published, close. Again: nothing."""
        with self._lock:
            self.stop()
            connection, self._connection = self._connection, None
            if connection is None:
                return
            for producer in self._producers.values():
                producer.unbind()
            if connection.observation.metrics is not None:
                connection.observation.metrics.stop()
            connection.close(connection.limits.drain_timeout)

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self.open)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.close)

    # --- producing

    def producer(self, product: str, *, major: int | None = None) -> Producer:
        """The producer of a product (of its newest active major unless one is named). Before the app is connected it can be
        made, but not used. Raises `UnknownProduct` or `NotAProducer`, at the latest when the app connects."""
        with self._lock:
            producer = self._producers.get((product, major))
            if producer is None:
                producer = Producer(product, major)
                if self._connection is not None:
                    producer.bind(self._connection)
                self._producers[product, major] = producer
            return producer

    def flush(self, timeout: float | None = None) -> None:
        """Return when all that was published is durable, or has failed."""
        self.connection.writer.flush(timeout)

    # --- consuming

    def _register(self, product: str, handler: Callable[..., Any], **options: Any) -> None:
        registration = register(product, handler, **options)
        with self._lock:
            if self._consumers:
                raise HandlerMisdeclared(
                    f"{product}: the app is already consuming", hint="register handlers before `run` or `start`"
                )
            taken = next((r for r in self._registrations if r.purpose == registration.purpose), None)
            if taken is not None:
                raise HandlerMisdeclared(
                    f"the purpose {registration.purpose!r} is taken by the consumer of {taken.product}",
                    hint="a purpose is a consumer group: give each consumer its own purpose=...",
                )
            if self._connection is not None:
                check_registration(registration, self._connection)
            self._registrations.append(registration)

    def make_consumers(
        self,
        make_driver: DriverMaker,
        observe: Callable[[Registration], Observer | None] = lambda _: None,
        *,
        linger: bool = True,
    ) -> list[Consumer]:
        """The consumers of all registrations, opened, not yet running. For `start`, and for `headrace.testing`."""
        connection = self.connection
        made: list[Consumer] = []
        for registration in self._registrations:
            product = connection.product(registration.product, registration.major)
            consumer = Consumer(
                registration,
                product,
                application=connection.application,
                broker=connection.broker,
                writer=connection.writer,
                feed=connection.feed,
                decoder=Decoder(
                    registration, product, connection.region, connection.feed, connection.registry, connection.clock
                ),
                limits=connection.limits,
                clock=connection.clock,
                make_driver=make_driver,
                observer=observe(registration),
                linger=linger,
                observation=connection.observation,
            )
            made.append(consumer)
            consumer.open()
        self._consumers = made
        return made

    def start(self) -> None:
        """Consume in the background, until `stop` or `close`. Again while running: nothing."""
        with self._lock:
            if self._consumers:
                return
            self.open()
            self._ended.clear()
            if any(not r.is_async for r in self._registrations):
                self._pool = Pool(self.connection.limits.workers)
            for consumer in self.make_consumers(self._make_driver):
                consumer.start(self._consumer_ended)

    def stop(self) -> None:
        """Stop consuming: running handlers finish, what is settled is committed. The connection stays open."""
        with self._lock:
            for consumer in self._consumers:
                consumer.stop()
            for consumer in self._consumers:
                limit = self.connection.limits.drain_timeout + 10
                if not consumer.join(limit):
                    log.error("%s does not end within %s s", consumer.group, limit)
            self._past += self._consumers
            self._consumers = []
            if self._pool is not None:
                self._pool.close(1.0)
                self._pool = None
            if self._loop_thread is not None:
                self._loop_thread.close()
                self._loop_thread = None

    def run(self, *, signals: bool = True, on_stopped: OnStopped = "continue") -> None:
        """Consume until SIGTERM or SIGINT, or until `stop_soon` is called from a handler or another thread; then drain and
        commit. Connects first and closes at the end, unless the app is connected already.

        A lane that stops (too many rejects, a lost offset) leaves the others going; it is in `stopped` and in the log.
        ``on_stopped="exit"`` ends the run instead. Either way `LaneStopped` is raised at the end, so that the process
        does not exit as if all were well. An error that ends a consumer as a whole ends the run and is raised.
        """
        opened = not self.connected
        self.open()
        self._on_ended = self._ended.set
        spare_what_stays()
        try:
            with ending_on_signals(self._ended.set) if signals else nullcontext():
                self.start()
                while not self._ended.wait(0.5 if on_stopped == "exit" else None):
                    if self.stopped:
                        break
        finally:
            problem = self._end()
            if opened:
                self.close()
        if problem is not None:
            raise problem

    async def arun(self, *, signals: bool = True, on_stopped: OnStopped = "continue") -> None:
        """As `run`, in a running event loop: asynchronous handlers run in it. Cancelling it ends it the same way."""
        self._loop = asyncio.get_running_loop()
        opened = not self.connected
        await asyncio.to_thread(self.open)
        spare_what_stays()
        ended = asyncio.Event()
        loop = self._loop

        def end() -> None:
            loop.call_soon_threadsafe(ended.set)

        self._on_ended = end
        problem: HeadraceError | None = None
        try:
            with ending_on_signals(end) if signals else nullcontext():
                await asyncio.to_thread(self.start)
                while not ended.is_set():
                    try:
                        await asyncio.wait_for(ended.wait(), 0.5)
                    except TimeoutError:
                        if on_stopped == "exit" and self.stopped:
                            break
        finally:
            # Handlers need the loop to finish, so the waiting is done elsewhere.
            problem = await asyncio.shield(asyncio.to_thread(self._end))
            if opened:
                await asyncio.shield(asyncio.to_thread(self.close))
        if problem is not None:
            raise problem

    def stop_soon(self) -> None:
        """End `run` or `arun`, from a handler or another thread."""
        self._on_ended()

    def _end(self) -> HeadraceError | None:
        """Stop; what `run` then raises."""
        consumers = list(self._consumers)
        self.stop()
        for consumer in consumers:
            if consumer.error is not None:
                return consumer.error
        stopped = [lane for consumer in consumers for lane in consumer.stopped]
        if not stopped:
            return None
        if len(stopped) == 1:
            return stopped[0]
        summary = LaneStopped(
            f"{len(stopped)} lanes stand still: {options(str(lane.data['topic']) for lane in stopped)}; first: {stopped[0]}",
            topics=tuple(lane.data["topic"] for lane in stopped),
        )
        summary.__cause__ = stopped[0]
        return summary

    def _make_driver(
        self, registration: Registration, turn: Callable[[Lane], Steps], finished: Callable[[Lane], None]
    ) -> PoolDriver | LoopDriver:
        if not registration.is_async:
            assert self._pool is not None
            return PoolDriver(self._pool, registration, turn, finished)
        loop = self._loop
        if loop is None or not loop.is_running():
            if self._loop_thread is None:
                self._loop_thread = LoopThread()
            loop = self._loop_thread.loop
        return LoopDriver(loop, registration, turn, finished)

    def _consumer_ended(self, consumer: Consumer) -> None:
        if consumer.error is not None:
            self._on_ended()

    # --- what it has done

    @property
    def consumers(self) -> Sequence[Consumer]:
        return tuple(self._consumers)

    @property
    def stopped(self) -> Sequence[LaneStopped]:
        """The lanes that stand still now, and why."""
        return [lane for consumer in self._consumers for lane in consumer.stopped]

    def statistics(self) -> Statistics:
        """Counts and latencies since the app was made, by product, tenant and purpose."""
        return Statistics(self.rows())

    def rows(self) -> list[Row]:
        """The rows that `statistics` sums up, as they are counted in."""
        rows = [row for producer in self._producers.values() for row in producer.rows]
        for consumer in [*self._past, *self._consumers]:
            rows += consumer.rows
        return rows

    def behind(self) -> int:
        """How many offsets the lanes of this process are behind the ends of their topics, in total."""
        return sum(consumer.behind() for consumer in self._consumers)

    def wait_until_caught_up(self, timeout: float) -> bool:
        """Wait, up to ``timeout`` seconds, until all that was in the topics has an outcome; whether it has."""
        clock = self.connection.clock
        deadline = clock.monotonic() + timeout
        while clock.monotonic() < deadline:
            if self.behind() == 0:
                return True
            clock.sleep(0.02)
        return False


def spare_what_stays() -> None:
    """Take what is there once a program has connected (modules, schemas) out of the garbage collector's hands, which would look
    through all of it again and again while events come and go. It is not given back: what it was, stays."""
    gc.collect()
    gc.freeze()


def check_registration(registration: Registration, connection: Connection) -> None:
    """What only the catalogue can tell: the product, the right to consume, the events. Raises a `DeclarationError`."""
    product = connection.product(registration.product, registration.major)
    consuming = product.consumers.get(connection.application)
    if consuming is None:
        raise NotAConsumer(
            f"{connection.application} is not a declared consumer of {product.key}",
            hint=f"declared: {options(sorted(product.consumers))}; add it to `consumers` in its product.yaml and apply",
            application=connection.application,
            product=product.id,
        )
    names = [event.name for event in product.events]
    for event in registration.events or ():
        if event not in names:
            raise UnknownEvent(
                f"{product.key} has no event {event!r}",
                hint=did_you_mean(event, names),
                product=product.id,
                event=event,
            )
        if not consuming.takes(event):
            raise NotAConsumer(
                f"{connection.application} is not declared to consume {event} of {product.key}",
                hint=f"it consumes {options(consuming.events)}; add {event} to its `events` in product.yaml and apply",
                application=connection.application,
                product=product.id,
                event=event,
            )
