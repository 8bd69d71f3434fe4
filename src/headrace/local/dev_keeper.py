"""The process behind `headrace dev up`: it starts a Kafka cluster and a registry for each region, and keeps them.

All of them hang on it by a leash: when it ends, however it ends, they end. It is told what to do by its folder
(`dev_state`) and two signals: SIGUSR1, do what the request says now (start what has ended, make users); SIGTERM, stop all
and end. A part that ends by itself is not started again unasked: who kills a node wants to see it dead.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import msgspec

from headrace.errors import HeadraceError
from headrace.local import kafka_security as security
from headrace.local.dev_settings import joined
from headrace.local.dev_state import Failure, Request, RunningRegion, State, hold, read_request, read_state, write_state
from headrace.local.kafka_server import KafkaServer
from headrace.local.ports import free_ports
from headrace.local.private_files import write_private
from headrace.local.registry_process import RegistryProcess
from headrace.local.registry_server import RegistryServer

OTHER_KEEPER = 3
"""The exit code when another keeper has the folder."""


class Registry(Protocol):
    """What both registries have."""

    @property
    def url(self) -> str: ...
    @property
    def pid(self) -> int | None: ...
    def start(self) -> object: ...
    def stop(self) -> None: ...


class Region:
    """One region's parts, in a folder of its own, which keeps their data."""

    def __init__(self, id_: str, folder: Path, request: Request, say: Callable[[str], None]) -> None:
        self._id = id_
        self._folder = folder
        self._say = say
        self._kafka = KafkaServer(nodes=request.nodes, secure=request.secure, folder=folder / "kafka")
        self._admin: dict[str, str] = {}
        if request.secure:
            password = security.password_file(self._kafka.folder, security.ADMIN)
            self._admin = {**self._kafka.admin_properties, "sasl.password": f"file:{password}"}
        self._registry: Registry = (
            RegistryServer(folder=folder / "registry") if request.registry == "apicurio" else self._headrace_registry()
        )

    def _headrace_registry(self) -> RegistryProcess:
        path = self._folder / "registry.port"
        if not path.exists():
            write_private(path, f"{free_ports(1)[0]}\n")
        return RegistryProcess(
            f"kafka:{self._kafka.bootstrap}",
            log=self._folder / "registry.log",
            port=int(path.read_text()),
            # Of the environment of whoever started the keeper nothing is meant for this cluster.
            environment={"HEADRACE_CLUSTER_PROPERTIES": joined(self._admin)},
        )

    def start(self, users: tuple[str, ...]) -> RunningRegion:
        """Start what does not run and make the users that are not there; what runs now."""
        if len(self._kafka.pids) < self._kafka.nodes:
            self._kafka.start()
            self._say(f"{self._id}: Apache Kafka answers at {self._kafka.bootstrap}")
        if self._registry.pid is None:
            self._registry.start()
            self._say(f"{self._id}: its registry answers at {self._registry.url}")
        files = {name: self._user(name) for name in users}
        pids = {f"kafka {node}": pid for node, pid in self._kafka.pids.items()}
        if self._registry.pid is not None:
            pids["registry"] = self._registry.pid
        return RunningRegion(
            bootstrap=self._kafka.bootstrap,
            cluster_id=self._kafka.cluster_id,
            registry=self._registry.url,
            admin=self._admin,
            users={name: str(file) for name, file in files.items()},
            pids=pids,
        )

    def _user(self, name: str) -> Path:
        file = self._folder / "users" / f"{name}.properties"
        if not file.exists():
            properties = self._kafka.add_user(name)
            file.parent.mkdir(mode=0o700, exist_ok=True)
            write_private(file, "".join(f"{key}={value}\n" for key, value in properties.items()))
            self._say(f"{self._id}: the user {name} may sign in")
        return file

    def stop(self) -> None:
        """Stop both, the one that needs the other first."""
        self._registry.stop()
        self._kafka.stop()


class Keeper:
    """Holds the regions of one folder and writes what happens into its state."""

    def __init__(self, folder: Path, request: Request) -> None:
        self._folder = folder
        self._regions: dict[str, Region] = {}
        self._lock = threading.Lock()
        before = read_state(folder)
        done = before.done if before is not None else 0
        self._state = State(pid=os.getpid(), request=request, begun=done, done=done)
        self._write()

    def _write(self) -> None:
        write_state(self._folder, self._state)

    def say(self, step: str) -> None:
        """Tell who waits what was done."""
        with self._lock:
            self._state = msgspec.structs.replace(self._state, steps=(*self._state.steps, step))
            self._write()

    def ensure(self, request: Request) -> bool:
        """Do what is asked for; False, with the reason in the state, where that fails."""
        with self._lock:
            self._state = msgspec.structs.replace(
                self._state, request=request, begun=self._state.done + 1, steps=(), failure=None
            )
            self._write()
        running: dict[str, RunningRegion] = {}
        failure = None
        try:
            for id_ in request.regions:
                if id_ not in self._regions:
                    self._regions[id_] = Region(id_, self._folder / id_, request, self.say)
            with ThreadPoolExecutor(len(self._regions)) as pool:
                started = {id_: pool.submit(region.start, request.users) for id_, region in self._regions.items()}
            running = {id_: future.result() for id_, future in started.items()}
        except HeadraceError as error:
            failure = Failure(error.code, error.message, error.hint)
        with self._lock:
            self._state = msgspec.structs.replace(
                self._state, done=self._state.begun, regions=running or self._state.regions, failure=failure
            )
            self._write()
        return failure is None

    def stop(self) -> None:
        """Stop everything."""
        if self._regions:
            with ThreadPoolExecutor(len(self._regions)) as pool:
                list(pool.map(Region.stop, self._regions.values()))
        with self._lock:
            self._state = msgspec.structs.replace(self._state, regions={})
            self._write()


def main(folder: Path) -> int:
    """Keep what the folder's request asks for until SIGTERM. 1 where it cannot be started, `OTHER_KEEPER` where another
    keeper is there already."""
    told: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, lambda number, _: told.put(number))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    held = hold(folder)
    if held is None:
        return OTHER_KEEPER
    request = read_request(folder)
    assert request is not None, "who starts a keeper has written what is asked for"
    keeper = Keeper(folder, request)
    try:
        if not keeper.ensure(request):
            return 1
        while _next(told) == signal.SIGUSR1:
            keeper.ensure(read_request(folder) or request)
    finally:
        keeper.stop()
    return 0


def _next(told: queue.SimpleQueue[int]) -> int:
    while True:
        try:
            # With a limit: a wait for ever would not let Python's handlers of signals run.
            return told.get(timeout=0.5)
        except queue.Empty:
            continue


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
