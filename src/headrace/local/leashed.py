"""A server process on a `leash`: started with a log file, signalled, stopped, and gone with this process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

GRACE_S = 15.0
"""How long a server may take to end in its own way before it is killed."""


class LeashedProcess:
    """One run of ``command``. ``folder``: removed when this process ends without `stop` (None: nothing is removed), by
    the last of the servers that share it. ``log``: the file that takes what the command prints."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        folder: Path | None = None,
        grace: float = GRACE_S,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._log = log
        leash = Path(__file__).with_name("leash.py")
        with log.open("ab") as output:
            self._leash = subprocess.Popen(
                [sys.executable, "-I", str(leash), str(folder or "-"), str(grace), *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                env=None if environment is None else {**os.environ, **environment},
                start_new_session=True,  # a Ctrl-C in the terminal is for the program, which then stops the server
            )
        assert self._leash.stdout is not None
        self.pid = int(self._leash.stdout.readline() or 0)
        """The command's process id; 0 when it could not be started."""

    @property
    def running(self) -> bool:
        """Whether the command runs."""
        return self._leash.poll() is None

    def signal(self, number: signal.Signals, timeout: float = 30) -> None:
        """Send the command a signal that ends it, and wait; after ``timeout`` seconds SIGKILL."""
        if self.running and self.pid:
            os.kill(self.pid, number)
        try:
            self._leash.wait(timeout)
        except subprocess.TimeoutExpired:
            os.kill(self.pid, signal.SIGKILL)
            self._leash.wait()
        self._close()

    def let_go(self) -> None:
        """Tell the leash to stop the command in its own way; `wait` for the end."""
        self._close()

    def wait(self) -> None:
        """Return when the command has ended, which something else must have asked for."""
        self._leash.wait()
        self._close()

    def log_tail(self, lines: int = 30) -> str:
        """The last lines that the command printed."""
        return log_tail(self._log, lines)

    def _close(self) -> None:
        for pipe in (self._leash.stdin, self._leash.stdout):
            if pipe is not None:
                pipe.close()


def log_tail(log: Path, lines: int = 30) -> str:
    """The last lines of a log file."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"
