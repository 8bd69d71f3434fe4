"""An independent schema registry on loopback: Apicurio Registry, by its Confluent API.

    with RegistryServer() as registry:
        httpx.get(f"{registry.url}/subjects")

It keeps its schemas in memory, or in ``folder=``. It is gone when the context ends, or when this process does, however it
ends (`leash`). Its files are brought by `headrace.local.fetch`.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from pathlib import Path
from types import TracebackType

import httpx
import msgspec

from headrace.errors import RegistryUnavailable
from headrace.local import java_runtime
from headrace.local.fetch import REGISTRY, folder_of
from headrace.local.leashed import LeashedProcess
from headrace.local.ports import LOOPBACK, free_ports, is_free
from headrace.local.private_files import write_private

API = "/apis/ccompat/v7"
"""Where it serves Confluent's API."""


class _Ports(msgspec.Struct, frozen=True):
    http: int
    management: int


class RegistryServer:
    """``folder``: keep schemas and ports there (None: in memory, in a temporary folder that `stop` removes). ``heap_mb``:
    the Java heap. Raises `SettingsError` when its files or Java are missing, `RegistryUnavailable` with the end of the log
    when it does not come up."""

    def __init__(self, *, folder: Path | None = None, heap_mb: int = 256) -> None:
        self._app = folder_of(REGISTRY)
        self._java = java_runtime.java(java_runtime.FOR_THE_REGISTRY)
        self._heap_mb = heap_mb
        self._kept = folder is not None
        self.folder = (folder or Path(tempfile.mkdtemp(prefix="headrace-registry-"))).absolute()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._ports = self._ports_in(self.folder / "registry.json")
        self._process: LeashedProcess | None = None

    @staticmethod
    def _ports_in(path: Path) -> _Ports:
        try:
            return msgspec.json.decode(path.read_bytes(), type=_Ports)
        except FileNotFoundError:
            ports = _Ports(*free_ports(2))
            write_private(path, msgspec.json.encode(ports).decode())
            return ports

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._ports.http

    @property
    def url(self) -> str:
        """The root of its Confluent API."""
        return f"http://{LOOPBACK}:{self.port}{API}"

    @property
    def pid(self) -> int | None:
        """Its process id, while it runs."""
        return self._process.pid if self._process is not None and self._process.running else None

    def _command(self) -> list[str]:
        settings = {
            "quarkus.http.host": LOOPBACK,
            "quarkus.http.port": str(self._ports.http),
            "quarkus.management.host": LOOPBACK,
            "quarkus.management.port": str(self._ports.management),
            "quarkus.log.level": "WARN",
            "quarkus.banner.enabled": "false",
            # Without them Confluent's permanent deletions answer with an error.
            "apicurio.rest.deletion.artifact.enabled": "true",
            "apicurio.rest.deletion.artifact-version.enabled": "true",
            **(
                {"apicurio.datasource.url": f"jdbc:h2:file:{self.folder / 'schemas'};WRITE_DELAY=0"}
                if self._kept
                else {}
            ),
        }
        return [
            self._java,
            f"-Xmx{self._heap_mb}m",
            "-XX:+UseSerialGC",
            "-XX:-UsePerfData",
            "-XX:TieredStopAtLevel=1",
            *(f"-D{key}={value}" for key, value in settings.items()),
            "-jar",
            str(self._app / "quarkus-run.jar"),
        ]

    def start(self, timeout: float = 120) -> RegistryServer:
        """Start it and return when it answers (``timeout``: seconds). It runs: nothing."""
        if self._process is not None and self._process.running:
            return self
        for port in self._ports.http, self._ports.management:
            if not is_free(port):
                raise RegistryUnavailable(f"port {port} of the registry is taken by another program")
        doomed = None if self._kept else self.folder
        self._process = LeashedProcess(self._command(), log=self.folder / "registry.log", folder=doomed)
        try:
            self._wait_until_ready(self._process, time.monotonic() + timeout)
        except BaseException:
            self.stop()
            raise
        return self

    def _wait_until_ready(self, process: LeashedProcess, deadline: float) -> None:
        with httpx.Client(trust_env=False) as client:
            while time.monotonic() < deadline:
                if not process.running:
                    raise RegistryUnavailable(f"the registry ended while starting; its log ends:\n{process.log_tail()}")
                try:
                    if client.get(f"{self.url}/subjects", timeout=2).status_code == httpx.codes.OK:
                        return
                except httpx.TransportError:
                    pass
                time.sleep(0.05)
        raise RegistryUnavailable(f"the registry did not come up in time; its log ends:\n{process.log_tail()}")

    def kill(self) -> None:
        """End it with SIGKILL. What was in memory is lost; with a folder, `start` finds it again."""
        process, self._process = self._process, None
        if process is not None:
            process.signal(signal.SIGKILL)

    def stop(self) -> None:
        """End it; a temporary folder is removed. Again: nothing."""
        process, self._process = self._process, None
        if process is not None:
            process.signal(signal.SIGTERM if self._kept else signal.SIGKILL, timeout=10)
        if not self._kept:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> RegistryServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
