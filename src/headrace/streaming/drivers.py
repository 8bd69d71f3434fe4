"""What runs the turns of lanes: a bounded pool of threads for synchronous handlers, an event loop for asynchronous ones."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Callable, Generator, Sequence
from queue import SimpleQueue
from typing import Any, Protocol

from headrace.errors import HeadraceError
from headrace.interfaces.receipt import Receipt
from headrace.streaming.handler import Registration, Resources
from headrace.streaming.lanes import Lane, LaneState
from headrace.streaming.outcome import Retry
from headrace.streaming.published import PUBLISHED
from headrace.streaming.turn import Effect, Invocation

log = logging.getLogger("headrace.consumer")

Steps = Generator[Effect, Any, None]


class Driver(Protocol):
    """Runs turns. `submit` is never called for a lane whose turn is under way."""

    def submit(self, lane: Lane) -> None: ...

    def abandon(self, lane: Lane) -> None:
        """The lane has gone to somebody else while its handler runs: cancel it (asynchronous) or let it be."""

    def close(self) -> None:
        """Close the resources that all lanes share."""


class ResourceHolder:
    """Opens what handlers are given, when first needed, and closes it: one for all lanes, or one for each."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._opened: dict[str, tuple[Any, Any]] = {}
        self._lock = threading.Lock()

    def _key(self, lane: Lane) -> str:
        return lane.topic if self._resources.per == "lane" else ""

    def get(self, lane: Lane) -> Any:
        key = self._key(lane)
        with self._lock:
            if key not in self._opened:
                manager = self._resources.open()
                self._opened[key] = (manager, manager.__enter__())
            return self._opened[key][1]

    async def aget(self, lane: Lane) -> Any:
        # On the loop's thread alone; two lanes may still meet here, and the second one's is closed again.
        key = self._key(lane)
        if key not in self._opened:
            manager: Any = self._resources.open()
            if not hasattr(manager, "__aenter__"):
                return self.get(lane)
            value = await manager.__aenter__()
            if key in self._opened:
                await manager.__aexit__(None, None, None)
            else:
                self._opened[key] = (manager, value)
        return self._opened[key][1]

    def close(self, lane: Lane | None = None) -> None:
        """Close a lane's, or all that are open."""
        for manager in self._take(lane):
            try:
                manager.__exit__(None, None, None)
            except Exception:
                log.exception("a resource failed to close")

    async def aclose(self, lane: Lane | None = None) -> None:
        for manager in self._take(lane):
            try:
                if hasattr(manager, "__aexit__"):
                    await manager.__aexit__(None, None, None)
                else:
                    manager.__exit__(None, None, None)
            except Exception:
                log.exception("a resource failed to close")

    def _take(self, lane: Lane | None) -> list[Any]:
        with self._lock:
            if lane is None:
                taken = list(self._opened)
            elif self._resources.per == "lane" and lane.topic in self._opened:
                taken = [lane.topic]
            else:
                taken = []
            return [self._opened.pop(key)[0] for key in taken]


def wait_all(receipts: Sequence[Receipt]) -> HeadraceError | None:
    """Wait until all are settled; the first error."""
    error = None
    for receipt in receipts:
        try:
            receipt.result()
        except HeadraceError as failed:
            error = error or failed
    return error


def drive(steps: Steps, handler: Callable[..., Any], holder: ResourceHolder | None) -> None:
    """Run one turn to its end on this thread."""
    try:
        effect = next(steps)
        while True:
            if isinstance(effect, Invocation):
                effect = steps.send(_invoke(effect, handler, holder))
            else:
                effect = steps.send(wait_all(effect))
    except StopIteration:
        return


def _invoke(call: Invocation, handler: Callable[..., Any], holder: ResourceHolder | None) -> BaseException | None:
    arguments: tuple[Any, ...] = (call.argument,)
    if holder is not None:
        try:
            arguments = (call.argument, holder.get(call.lane))
        except Exception as error:
            # Not the event's fault, so it never ends in the dead letter.
            return Retry(f"the resource cannot be opened: {type(error).__name__}: {error}")
    token = PUBLISHED.set(call.published)
    try:
        if call.around is None:
            handler(*arguments)
        else:
            with call.around:
                handler(*arguments)
    except BaseException as error:
        return error
    finally:
        PUBLISHED.reset(token)
    return None


async def adrive(steps: Steps, handler: Callable[..., Any], holder: ResourceHolder | None) -> None:
    """Run one turn to its end on the running loop. Being cancelled ends it with nothing more settled."""
    try:
        effect = next(steps)
        while True:
            if isinstance(effect, Invocation):
                effect = steps.send(await _ainvoke(effect, handler, holder))
            else:
                effect = steps.send(await _await_all(effect))
            # A handler that never really waits would keep the loop to itself.
            await asyncio.sleep(0)
    except StopIteration:
        return
    finally:
        steps.close()


async def _ainvoke(
    call: Invocation, handler: Callable[..., Any], holder: ResourceHolder | None
) -> BaseException | None:
    arguments: tuple[Any, ...] = (call.argument,)
    if holder is not None:
        try:
            arguments = (call.argument, await holder.aget(call.lane))
        except Exception as error:
            return Retry(f"the resource cannot be opened: {type(error).__name__}: {error}")
    token = PUBLISHED.set(call.published)
    try:
        if call.around is None:
            await handler(*arguments)
        else:
            with call.around:
                await handler(*arguments)
    except asyncio.CancelledError:
        if not call.lane.open:
            raise
        # Cancelled by something of the handler's own (a timeout scope that leaked): a failure like any other.
        return RuntimeError("the handler was cancelled")
    except Exception as error:
        return error
    finally:
        PUBLISHED.reset(token)
    return None


async def _await_all(receipts: Sequence[Receipt]) -> HeadraceError | None:
    error = None
    for receipt in receipts:
        try:
            await receipt
        except HeadraceError as failed:
            error = error or failed
    return error


class Pool:
    """Threads that run what is submitted, in order. A thread that an abandoned handler keeps is replaced."""

    def __init__(self, workers: int) -> None:
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        for _ in range(workers):
            self.grow()

    def grow(self) -> None:
        with self._lock:
            # Daemons: a handler that never returns must not keep the process from ending.
            thread = threading.Thread(target=self._run, name=f"headrace-worker-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
        thread.start()

    def submit(self, work: Callable[[], None]) -> None:
        self._queue.put(work)

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            try:
                work()
            except Exception:
                log.exception("a turn failed; this is a fault of Headrace's")

    def close(self, timeout: float) -> None:
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout)
                timeout = min(timeout, 0.1) if thread.is_alive() else timeout


class LoopThread:
    """An event loop on a thread of its own, for asynchronous handlers of a program that is not itself asynchronous."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="headrace-loop", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        if not self._thread.is_alive():
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()


class PoolDriver:
    """Turns of synchronous handlers, on a pool that all consumers share."""

    def __init__(
        self,
        pool: Pool,
        registration: Registration,
        turn: Callable[[Lane], Steps],
        finished: Callable[[Lane], None],
    ) -> None:
        self._pool = pool
        self._handler = registration.handler
        self._turn = turn
        self._finished = finished
        self._holder = ResourceHolder(registration.resources) if registration.resources else None

    def submit(self, lane: Lane) -> None:
        self._pool.submit(lambda: self._run(lane))

    def _run(self, lane: Lane) -> None:
        try:
            drive(self._turn(lane), self._handler, self._holder)
            if self._holder is not None and lane.state is not LaneState.OPEN:
                self._holder.close(lane)
        finally:
            self._finished(lane)

    def abandon(self, lane: Lane) -> None:
        self._pool.grow()

    def close(self) -> None:
        if self._holder is not None:
            self._holder.close()


class LoopDriver:
    """Turns of asynchronous handlers, as tasks of a loop: as many lanes at once as there are."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        registration: Registration,
        turn: Callable[[Lane], Steps],
        finished: Callable[[Lane], None],
    ) -> None:
        self._loop = loop
        self._handler = registration.handler
        self._turn = turn
        self._finished = finished
        self._holder = ResourceHolder(registration.resources) if registration.resources else None
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def submit(self, lane: Lane) -> None:
        self._loop.call_soon_threadsafe(self._start, lane)

    def _start(self, lane: Lane) -> None:
        self._tasks[lane.topic] = self._loop.create_task(self._run(lane), name=f"headrace {lane.topic}")

    async def _run(self, lane: Lane) -> None:
        try:
            await adrive(self._turn(lane), self._handler, self._holder)
            if self._holder is not None and lane.state is not LaneState.OPEN:
                await self._holder.aclose(lane)
        except asyncio.CancelledError:
            log.warning("%s: the handler was cancelled, the topic has gone to another member", lane.topic)
        except Exception:
            log.exception("a turn failed; this is a fault of Headrace's")
        finally:
            self._tasks.pop(lane.topic, None)
            self._finished(lane)

    def abandon(self, lane: Lane) -> None:
        self._loop.call_soon_threadsafe(self._cancel, lane.topic)

    def _cancel(self, topic: str) -> None:
        task = self._tasks.get(topic)
        if task is not None:
            task.cancel()

    def close(self) -> None:
        if self._holder is None:
            return
        if inspect.iscoroutinefunction(self._handler):
            done = threading.Event()

            async def closing() -> None:
                try:
                    assert self._holder is not None
                    await self._holder.aclose()
                finally:
                    done.set()

            self._loop.call_soon_threadsafe(lambda: self._loop.create_task(closing()))
            done.wait(10)
