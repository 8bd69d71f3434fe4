"""A TCP proxy on loopback that can make a connection bad, for tests of what a program does then.

    with FaultProxy(server_port) as proxy:
        client = connect(proxy.port)
        proxy.mode("stall")     # connections stay up, nothing passes
        proxy.mode("pass")      # what was held passes now

For Kafka each node needs a proxy of its own, whose port the node tells its clients: they connect to that, whatever they
were given at first (`headrace.local.kafka_server.KafkaServer`'s ``advertised``).
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal

Mode = Literal["pass", "latency", "rate", "stall", "reset", "refuse"]

LOOPBACK = "127.0.0.1"
_CHUNK = 65_536
_CHUNKS_HELD = 64
"""How much of one direction is read ahead: what a slow network holds. More waits at the sender."""

_ROUNDS_TO_CLOSE = 3
"""Turns of the loop in which aborted transports close their sockets."""

_SLICES_PER_SECOND = 20
"""A limited rate lets bytes through in slices, so that it is even."""


@dataclass
class Traffic:
    """What has passed since the proxy was made: connections accepted, bytes to and from the server, connections that the
    proxy reset."""

    connections: int = 0
    to_server: int = 0
    from_server: int = 0
    resets: int = 0


@dataclass(frozen=True)
class _Fault:
    mode: Mode = "pass"
    delay: float = 0.0
    jitter: float = 0.0
    bytes_per_second: float = 0.0
    after: int | None = None


@dataclass(eq=False)
class _Connection:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    answered: int = 0
    """Bytes that the client got since the mode was chosen."""


class FaultProxy:
    """Listens on ``port`` (a free one of the loopback; fixed from the start) and connects to ``target_port``, which may be
    set later. One thread runs it; all methods may be called from any other."""

    def __init__(self, target_port: int | None = None) -> None:
        self.target_port = target_port
        self.traffic = Traffic()
        self._fault = _Fault()
        self._flowing = asyncio.Event()
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listening: socket.socket | None = None
        self._accepting: threading.Thread
        # Bound for as long as the proxy lives, so that the port stays its own while it refuses.
        self._place = _bound(0)
        self.port: int = self._place.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        self._call(self._choose(self._fault))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Reset all connections and listen no more. Again: nothing."""
        if self._loop.is_closed():
            return
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
        self._loop.close()
        self._place.close()

    def mode(
        self,
        mode: Mode,
        *,
        delay: float = 0.1,
        jitter: float = 0.0,
        bytes_per_second: float = 50_000,
        after: int | None = None,
    ) -> None:
        """Choose what happens from now on, to open connections too; it is in force on return.

        - ``pass``: nothing happens to them;
        - ``latency``: all bytes arrive ``delay`` seconds later in each direction, give or take ``jitter``;
        - ``rate``: at most ``bytes_per_second`` pass in each direction of a connection;
        - ``stall``: connections are accepted and stay, nothing passes; later modes let through what was held;
        - ``reset``: a connection is reset (RST) in the middle of the server's next answer: after half of its next bytes,
          or ``after`` so many bytes;
        - ``refuse``: open connections are reset, and new ones refused.
        """
        self._call(self._choose(_Fault(mode, delay, jitter, bytes_per_second, after)))

    # --- in the proxy's thread

    def _call(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _choose(self, fault: _Fault) -> None:
        self._fault = fault
        for connection in self._connections:
            connection.answered = 0
        if fault.mode == "stall":
            self._flowing.clear()
        else:
            self._flowing.set()
        if fault.mode == "refuse":
            await self._refuse()
        elif self._listening is None:
            self._listening = _bound(self.port)
            self._listening.listen(128)
            self._accepting = threading.Thread(target=self._accept, args=(self._listening,), daemon=True)
            self._accepting.start()

    async def _refuse(self) -> None:
        if self._listening is not None:
            self._listening.shutdown(socket.SHUT_RDWR)  # wakes the thread
            self._accepting.join()
            self._listening.close()
            self._listening = None
            await asyncio.sleep(0)  # what it has accepted is being served now
        for connection in list(self._connections):
            self._reset(connection)

    async def _end(self) -> None:
        await self._refuse()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for _ in range(_ROUNDS_TO_CLOSE):
            await asyncio.sleep(0)

    def _reset(self, connection: _Connection) -> None:
        self._connections.discard(connection)
        self.traffic.resets += 1
        for writer in (connection.client, connection.server):
            _reset(writer)

    def _accept(self, listening: socket.socket) -> None:
        # In a thread of its own: asyncio loses a connection that comes in while it stops accepting (3.11).
        while True:
            try:
                accepted, _ = listening.accept()
            except OSError:
                return
            self._loop.call_soon_threadsafe(self._begin, accepted)

    def _begin(self, accepted: socket.socket) -> None:
        self.traffic.connections += 1
        task = self._loop.create_task(self._serve(accepted))
        self._tasks.add(task)

        def ended(_: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            accepted.close()

        task.add_done_callback(ended)

    async def _serve(self, accepted: socket.socket) -> None:
        reader, client = await asyncio.open_connection(sock=accepted, limit=_CHUNK)
        try:
            from_server, server = await asyncio.open_connection(LOOPBACK, self.target_port, limit=_CHUNK)
        except OSError:
            _reset(client)
            return
        except asyncio.CancelledError:
            client.transport.abort()
            raise
        connection = _Connection(client, server)
        self._connections.add(connection)
        try:
            async with asyncio.TaskGroup() as group:
                for source, target in ((reader, server), (from_server, client)):
                    held: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_CHUNKS_HELD)
                    group.create_task(self._read(source, held))
                    group.create_task(self._write(held, target, connection))
            for writer in (client, server):
                writer.close()
                await writer.wait_closed()
        except* OSError:
            pass  # one end is gone: so is the other
        finally:
            self._connections.discard(connection)
            for writer in (client, server):
                writer.transport.abort()

    async def _read(self, source: asyncio.StreamReader, held: asyncio.Queue[tuple[float, bytes]]) -> None:
        while True:
            chunk = await source.read(_CHUNK)
            fault = self._fault
            delay = fault.delay + random.uniform(-fault.jitter, fault.jitter) if fault.mode == "latency" else 0.0
            await held.put((self._loop.time() + delay, chunk))
            if not chunk:
                return

    async def _write(
        self, held: asyncio.Queue[tuple[float, bytes]], target: asyncio.StreamWriter, connection: _Connection
    ) -> None:
        while True:
            due, chunk = await held.get()
            if (wait := due - self._loop.time()) > 0:
                await asyncio.sleep(wait)
            await self._flowing.wait()
            if not chunk:
                if target.can_write_eof():
                    target.write_eof()
                return
            if target is connection.client:
                if self._fault.mode == "reset" and self._cuts(connection, chunk):
                    return
                connection.answered += len(chunk)
                self.traffic.from_server += len(chunk)
            else:
                self.traffic.to_server += len(chunk)
            await self._send(chunk, target)

    async def _send(self, chunk: bytes, target: asyncio.StreamWriter) -> None:
        while chunk:
            fault = self._fault
            size = len(chunk)
            if fault.mode == "rate":
                size = max(1, int(fault.bytes_per_second / _SLICES_PER_SECOND))
                await asyncio.sleep(len(chunk[:size]) / fault.bytes_per_second)
            target.write(chunk[:size])
            await target.drain()
            chunk = chunk[size:]

    def _cuts(self, connection: _Connection, chunk: bytes) -> bool:
        """Whether the connection is reset within this chunk; what comes before is on its way then."""
        after = self._fault.after
        left = len(chunk) // 2 if after is None else after - connection.answered
        if left >= len(chunk):
            return False
        connection.client.write(chunk[: max(left, 0)])
        self.traffic.from_server += max(left, 0)
        self._reset(connection)
        return True


def _bound(port: int) -> socket.socket:
    """A socket at the port, which others may be bound to as well: connections go to those that listen."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind((LOOPBACK, port))
    return bound


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST, as a crashed machine or a firewall does, instead of FIN."""
    connected = writer.get_extra_info("socket")
    if connected is not None and connected.fileno() >= 0:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
