"""Running an ASGI application until it is told to stop: on a port that is known to be free, with a clean end."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from headrace.errors import SettingsError

DRAIN_S = 10
"""How long requests that are under way may take once the server was told to stop."""


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0: a free one. Raises `SettingsError`."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise SettingsError(
            f"{host} port {port} cannot be served: {error.strerror or error}",
            hint="another program may have it; give another --port, or 0 for a free one",
            option="port",
        ) from error


def url_of(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """``ready`` is called once requests are answered."""

    def __init__(self, app: ASGIApp, ready: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=DRAIN_S,
        )
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


def serve(app: ASGIApp, listening: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM; then what is under way is answered first. The caller's program goes on afterwards."""
    server = Server(app, ready)
    with _signals_end_here():
        server.run(sockets=[listening])


@contextmanager
def _signals_end_here() -> Iterator[None]:
    """uvicorn raises a signal again once it has stopped; the program is to close its store then, not to end at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        for caught, handler in before.items():
            signal.signal(caught, handler)
