"""One node of a local cluster: its folder, its format, its process."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from headrace.errors import BrokerUnavailable
from headrace.local.leashed import LeashedProcess, log_tail
from headrace.local.private_files import write_private

JavaCommand = Callable[..., list[str]]
"""``(heap_mb, main_class, *arguments)`` to a command line."""


class KafkaNode:
    """Node ``number`` (1...), with its files in ``folder``. ``doomed``: the folder that goes when this process ends
    without having stopped the node; None: none does."""

    def __init__(self, number: int, folder: Path, command: JavaCommand, doomed: Path | None) -> None:
        self.number = number
        self.folder = folder
        self.data = folder / "data"
        folder.mkdir(parents=True, exist_ok=True)
        self._settings = folder / "server.properties"
        self._log = folder / "node.log"
        self._command = command
        self._doomed = doomed
        self._process: LeashedProcess | None = None

    @property
    def running(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.running

    @property
    def pid(self) -> int | None:
        """Its process id, while it runs."""
        return self._process.pid if self._process is not None and self._process.running else None

    def configure(self, settings: Mapping[str, str]) -> None:
        """Write its settings, for the next start."""
        write_private(self._settings, "".join(f"{key}={value}\n" for key, value in settings.items()))

    @property
    def formatted(self) -> bool:
        return (self.data / "meta.properties").is_file()

    def format(self, cluster_id: str, scram: str | None) -> subprocess.Popen[str]:
        """Start the storage tool that formats the empty folder; `formatting_ended` looks at how it ended. ``scram``: a
        first user (`--add-scram`), which goes through a file, as other users can see a program's arguments."""
        arguments = ["format", "--cluster-id", cluster_id, "--config", str(self._settings)]
        if scram is not None:
            arguments += ["--add-scram", scram]
        file = self.folder / "format.arguments"
        write_private(file, "\n".join(arguments) + "\n")
        return subprocess.Popen(
            self._command(128, "kafka.tools.StorageTool", f"@{file}"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def formatting_ended(self, tool: subprocess.Popen[str]) -> None:
        """Wait for the storage tool. Raises `BrokerUnavailable` with what it said when it failed."""
        said, _ = tool.communicate()
        (self.folder / "format.arguments").unlink(missing_ok=True)
        if tool.returncode:
            raise BrokerUnavailable(f"Kafka's storage tool ended with {tool.returncode}:\n{said}")

    def start(self, heap_mb: int) -> None:
        """Start its process, unless it runs."""
        if self.running:
            return
        self.end(signal.SIGKILL)
        command = self._command(heap_mb, "kafka.Kafka", str(self._settings))
        self._process = LeashedProcess(command, log=self._log, folder=self._doomed)

    def end(self, number: signal.Signals, timeout: float = 30) -> None:
        """End its process by a signal and wait for it, ``timeout`` seconds before SIGKILL. Not running: nothing."""
        process, self._process = self._process, None
        if process is not None:
            process.signal(number, timeout)

    def log_tail(self, lines: int = 30) -> str:
        """The last lines that it wrote."""
        return log_tail(self._log, lines)
