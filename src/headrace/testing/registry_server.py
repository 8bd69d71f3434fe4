"""A registry server for tests: the application of `headrace registry serve` in a thread, on a free port of loopback."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from types import TracebackType

import uvicorn

from headrace.adapters.embedded_registry import EmbeddedRegistry
from headrace.errors import RegistryUnavailable
from headrace.interfaces.compatibility import CompatibilityChecker
from headrace.interfaces.registry_store import RegistryStore
from headrace.web.registry_api import registry_app

START_TIMEOUT_S = 20.0


class ServedRegistry:
    """A context manager. ``store``: a folder (the embedded registry in it; it is closed at the end) or a `RegistryStore` that
    the caller closes. ``checker``: for a folder. ``url``: without a closing slash."""

    def __init__(self, store: Path | RegistryStore, *, checker: CompatibilityChecker | None = None) -> None:
        self._own = EmbeddedRegistry(store, checker=checker) if isinstance(store, Path) else None
        self.store: RegistryStore = store if not isinstance(store, Path) else self._own  # type: ignore[assignment]
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(registry_app(self.store), log_config=None, access_log=False, lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="served-registry", daemon=True
        )

    def start(self) -> ServedRegistry:
        """Return when it answers. Raises `RegistryUnavailable`."""
        self._thread.start()
        waited = threading.Event()
        for _ in range(int(START_TIMEOUT_S / 0.01)):
            if self._server.started:
                return self
            if not self._thread.is_alive():
                break
            waited.wait(0.01)
        self.stop()
        raise RegistryUnavailable(f"the registry at {self.url} did not come up")

    def stop(self) -> None:
        """End it, and close a store of its own. Again: nothing."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(START_TIMEOUT_S)
        self._socket.close()
        if self._own is not None:
            self._own.close()

    def __enter__(self) -> ServedRegistry:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
