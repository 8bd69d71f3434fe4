"""Which members of consumer groups are alive, without a write to the database.

Each member holds an exclusive `flock` on a file of its own and touches it: the kernel drops the lock when the process dies,
so a killed member's topics move on at once; a process that is stopped keeps the lock but no longer touches, so the others
take it for dead when its session is over (`Watch`). (A heartbeat in the database would cost a synced commit a second per
member.)
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

_BEATS = 5
"""Signs of life within a session."""

_LOOKS = 4
"""How often an observer has to look, at least, before it takes a member for dead."""


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
        self._interval = session_s / _BEATS
        self._beats = 0
        self.touch()
        self._thread = threading.Thread(target=self._beat, name="headrace-heartbeat", daemon=True)
        self._thread.start()

    def touch(self) -> None:
        # What counts is that it changes, even where the clock stands still.
        self._beats += 1
        now = self._clock.now_ms() * 1_000_000 + self._beats * 1_000
        os.utime(self._file, ns=(now, now))

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


class Watch:
    """What one observer sees of the members' signs of life.

    Times of different processes are never compared, so a clock that is set forward or back takes nobody's topics away: a
    member is dead when its file has not changed for a session of the observer's own time. The observer's own pauses do not
    count either: after a suspended machine wakes up, all are alive until they have been watched again.
    """

    def __init__(self, folder: Path, clock: Clock, session_s: float) -> None:
        self._folder = folder
        self._clock = clock
        self._session_s = session_s
        self._seen: dict[str, tuple[int, float, float]] = {}
        """By member: its file's time, for how long (s) that has been the same, and when it was last looked at."""

    def alive(self, member: str) -> bool:
        try:
            file = os.open(_path(self._folder, member), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            self._seen.pop(member, None)
            return False
        except OSError:
            return True  # too many open files, say: a trouble of the observer's
        try:
            stamp = os.fstat(file).st_mtime_ns
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return self._is_heard_of(member, stamp)
            return False  # nobody holds the lock: its process has ended
        finally:
            os.close(file)

    def _is_heard_of(self, member: str, stamp: int) -> bool:
        now = self._clock.monotonic()
        before, silent, looked = self._seen.get(member, (stamp, 0.0, now))
        silent = silent + min(now - looked, self._session_s / _LOOKS) if before == stamp else 0.0
        self._seen[member] = (stamp, silent, now)
        return silent < self._session_s

    def forget(self, member: str) -> None:
        """Remove what a dead member left."""
        self._seen.pop(member, None)
        _path(self._folder, member).unlink(missing_ok=True)


def _path(folder: Path, member: str) -> Path:
    return folder / "members" / member
