"""The applications as processes: started, told and listened to over pipes, and ended without leaving one behind."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from headrace.errors import ApplicationFailed
from headrace.settings import OPTIONS

END_S = 60.0
"""How long applications may take to drain and commit when they are told to end."""

LOG_LINES = 15

_SETTINGS = {option.variable for option in OPTIONS} | {"HEADRACE_SETTINGS"}


@dataclass
class Running:
    """An application's process. What it has said last is kept by kind of message."""

    application: str
    region: str
    process: subprocess.Popen[bytes]
    log: Path
    said: dict[str, dict[str, Any]] = field(default_factory=dict)
    ended: bool = False

    @property
    def name(self) -> str:
        return f"{self.application} {self.region}"

    def tell(self, **order: Any) -> None:
        """Raises `ApplicationFailed` where it has gone."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(msgspec.json.encode(order) + b"\n")
            self.process.stdin.flush()
        except OSError as error:
            raise failure(self, _end_of(self.process)) from error

    @property
    def progress(self) -> dict[str, Any]:
        return self.said.get("progress", {})


def _end_of(process: subprocess.Popen[bytes]) -> str:
    try:
        code = process.wait(10)
    except subprocess.TimeoutExpired:
        return "does not answer"
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"has ended by itself, with exit code {code}"


def failure(running: Running, why: str) -> ApplicationFailed:
    """The error that tells of it, with the end of its log."""
    try:
        lines = running.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
    except OSError:
        lines = []
    tail = "\n".join(f"    {line}" for line in lines)
    return ApplicationFailed(
        f"{running.application} in {running.region} {why}" + (f"; its log ends with\n{tail}" if lines else ""),
        hint=f"all of its log: {running.log}",
        application=running.application,
        region=running.region,
    )


class Processes:
    """All applications of the demo. A context manager: leaving it ends every process, whatever has happened."""

    def __init__(self, folder: Path, data: Path, stores: Sequence[str], settings: Mapping[str, Path]) -> None:
        """``folder``: for the logs. ``settings``: by region, the settings file of its applications."""
        self._folder = folder
        self._data = data
        self._stores = stores
        self._settings = settings
        self._messages: queue.SimpleQueue[tuple[Running, dict[str, Any] | None]] = queue.SimpleQueue()
        self.all: list[Running] = []

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        alive = [running for running in self.all if running.process.poll() is None]
        for running in alive:
            running.process.terminate()
        deadline = time.monotonic() + 10
        for running in self.all:
            try:
                running.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                running.process.kill()
                running.process.wait()
            for pipe in (running.process.stdin, running.process.stdout):
                if pipe is not None:
                    try:
                        pipe.close()
                    except OSError:
                        continue  # what it has not read is lost with it

    def start(self, application: str, region: str) -> Running:
        log = self._folder / f"{application}.{region}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [
            *(sys.executable, "-m", "headrace.cli._demo.worker", application, region),
            *(str(self._settings[region]), str(self._data), ",".join(self._stores)),
        ]
        # Settings of the user's own shell are not the demo's; a secret that a region refers to may have any name.
        environment = {key: value for key, value in os.environ.items() if key not in _SETTINGS}
        with log.open("wb") as stderr:
            process = subprocess.Popen(  # noqa: S603 - this very Python, and nothing from outside
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=environment,
                start_new_session=True,
            )
        running = Running(application, region, process, log)
        self.all.append(running)
        threading.Thread(target=self._listen, args=(running,), name=running.name, daemon=True).start()
        return running

    def _listen(self, running: Running) -> None:
        assert running.process.stdout is not None
        for line in running.process.stdout:
            self._messages.put((running, msgspec.json.decode(line)))
        self._messages.put((running, None))

    def listen(self, timeout: float) -> Iterator[tuple[Running, dict[str, Any]]]:
        """What they have said meanwhile; at least one message, or nothing after ``timeout`` seconds. Raises
        `ApplicationFailed` where one has failed, or has ended without having said that it is done."""
        try:
            running, message = self._messages.get(timeout=timeout)
            while True:
                if message is None:
                    running.ended = True
                    if "done" not in running.said:
                        raise failure(running, _end_of(running.process))
                else:
                    running.said[message["kind"]] = message
                    yield running, message
                running, message = self._messages.get_nowait()
        except queue.Empty:
            return

    def of(self, region: str) -> list[Running]:
        return [running for running in self.all if running.region == region]
