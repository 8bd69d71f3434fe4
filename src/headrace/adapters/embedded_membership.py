"""Which members of consumer groups are alive, without a write to the database.

Each member holds an exclusive `flock` on a file of its own and touches it: the kernel drops the lock when the process dies,
so a killed member's topics move on at once; a process that is stopped keeps the lock but no longer touches, so it is
taken for dead when its session is over. (A heartbeat in the database would cost a synced commit a second per member.)
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import uuid
from pathlib import Path

from headrace.clock import Clock

SESSION_S = 10.0


class Membership:
    """One member's sign of life. ``member`` is its id, new for every joining."""

    def __init__(self, folder: Path, clock: Clock, session_s: float) -> None:
        self.member = uuid.uuid4().hex
        self._clock = clock
        self._path = _path(folder, self.member)
        self._path.parent.mkdir(exist_ok=True, mode=0o700)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._ended = threading.Event()
        self._interval = session_s / 5
        self.touch()
        self._thread = threading.Thread(target=self._beat, name="headrace-heartbeat", daemon=True)
        self._thread.start()

    def touch(self) -> None:
        now = self._clock.now_ms() / 1000
        os.utime(self._file, (now, now))

    def _beat(self) -> None:
        # A real interval: what it shows is that this process runs.
        while not self._ended.wait(self._interval):
            with contextlib.suppress(OSError):
                self.touch()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()
        self._path.unlink(missing_ok=True)
        os.close(self._file)


def alive(folder: Path, member: str, clock: Clock, session_s: float) -> bool:
    """Whether another member lives: it holds its lock, and touched it within its session."""
    try:
        file = os.open(_path(folder, member), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        touched = os.fstat(file).st_mtime
        if clock.now_ms() / 1000 - touched > session_s:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
    finally:
        os.close(file)


def forget(folder: Path, member: str) -> None:
    """Remove what a dead member left."""
    _path(folder, member).unlink(missing_ok=True)


def _path(folder: Path, member: str) -> Path:
    return folder / "members" / member
