"""A registry server for tests: the application of `headrace registry serve` in a thread, on a free port of loopback."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType

from headrace.adapters.embedded_registry import EmbeddedRegistry
from headrace.adapters.kafka_registry import TOPIC, open_kafka_registry
from headrace.errors import RegistryUnavailable
from headrace.interfaces.compatibility import CompatibilityChecker
from headrace.interfaces.registry_store import RegistryStore
from headrace.web.registry_api import registry_app
from headrace.web.serve import Server, bound, url_of

START_TIMEOUT_S = 20.0


class ServedRegistry:
    """A context manager. ``where``: a folder (the embedded registry in it), a Kafka cluster's ``host:port`` (the registry on
    ``topic`` of it), or a `RegistryStore` that the caller closes. ``checker``: for the first two. ``url``: without a closing
    slash. ``store``: what is served."""

    def __init__(
        self, where: Path | str | RegistryStore, *, topic: str = TOPIC, checker: CompatibilityChecker | None = None
    ) -> None:
        self._owned = True
        if isinstance(where, Path):
            self.store: RegistryStore = EmbeddedRegistry(where, checker=checker)
        elif isinstance(where, str):
            self.store = open_kafka_registry(where, topic=topic, checker=checker)
        else:
            self.store, self._owned = where, False
        self._socket = bound("127.0.0.1", 0)
        self.url = url_of(self._socket)
        self._ready = threading.Event()
        self._server = Server(registry_app(self.store), self._ready.set)
        self._thread = threading.Thread(target=self._run, name="served-registry", daemon=True)

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._ready.set()

    def start(self) -> ServedRegistry:
        """Return when it answers. Raises `RegistryUnavailable`."""
        self._thread.start()
        self._ready.wait(START_TIMEOUT_S)
        if not self._server.started:
            self.stop()
            raise RegistryUnavailable(f"the registry at {self.url} did not come up")
        return self

    def stop(self) -> None:
        """End it, and close a store of its own. Again: nothing."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(START_TIMEOUT_S)
        self._socket.close()
        if self._owned:
            self.store.close()

    def __enter__(self) -> ServedRegistry:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
