"""`headrace registry serve` as a process of its own, for clusters of this machine: on a topic of a cluster, or in a folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import httpx

from headrace.errors import RegistryUnavailable
from headrace.local.leashed import LeashedProcess
from headrace.local.ports import LOOPBACK, free_ports


class RegistryProcess:
    """A context manager. ``cluster``: where the registry is kept, as the setting of that name says it (``kafka:HOST:PORT``).
    ``environment``: further settings for the process (``HEADRACE_CLUSTER_PROPERTIES``). ``log``: what it prints. ``port``:
    0 for a free one. It ends with this process, however this process ends."""

    def __init__(self, cluster: str, *, log: Path, port: int = 0, environment: Mapping[str, str] | None = None) -> None:
        self._port = port or free_ports(1)[0]
        self._command = [
            *(sys.executable, "-m", "headrace.cli", "registry", "serve"),
            *("--cluster", cluster, "--host", LOOPBACK, "--port", str(self._port)),
        ]
        self._log = log
        self._environment = environment
        self._process: LeashedProcess | None = None
        self.url = f"http://{LOOPBACK}:{self._port}"

    @property
    def pid(self) -> int | None:
        """Its process id, while it runs."""
        return self._process.pid if self._process is not None and self._process.running else None

    def start(self, timeout: float = 120) -> RegistryProcess:
        """Return when it answers; where it runs already, at once. Raises `RegistryUnavailable` with the end of its log where it
        does not in ``timeout`` s."""
        if self.pid is not None:
            return self
        self._process = LeashedProcess(self._command, log=self._log, environment=self._environment)
        deadline = time.monotonic() + timeout
        while self._process.running and time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/subjects", timeout=5, trust_env=False).is_success:
                    return self
            except httpx.TransportError:
                pass  # not yet
            time.sleep(0.1)
        said = self._process.log_tail()
        self.stop()
        raise RegistryUnavailable(f"the registry at {self.url} did not come up; its log ends:\n{said}")

    def stop(self) -> None:
        """End it. Again: nothing."""
        process, self._process = self._process, None
        if process is not None:
            process.let_go()
            process.wait()

    def __enter__(self) -> RegistryProcess:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
