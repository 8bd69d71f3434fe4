"""Time, passed in: nothing else in Headrace asks the machine what time it is, so that tests of retry, retention and
schedules move the time by hand and never sleep."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """What the code may know of time."""

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01T00:00Z (may step back when the machine's clock is set)."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never goes back. For durations and deadlines."""

    def wait(self, condition: threading.Condition, timeout: float | None) -> bool:
        """Wait on ``condition`` (held by the caller) until notified or ``timeout`` seconds of *this clock* have passed.

        Returns False when it timed out. May wake early: callers check their predicate in a loop.
        """

    def sleep(self, seconds: float) -> None:
        """Return when ``seconds`` of this clock have passed."""


class SystemClock:
    """The machine's own clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, condition: threading.Condition, timeout: float | None) -> bool:
        return condition.wait(timeout)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class ManualClock:
    """A clock that stands still until `advance`: for tests. Waiters and sleepers wake when their time has come.

    ``start_ms`` is the first wall-clock reading; the monotonic reading starts at 0. Safe to use from many threads.
    """

    # A waiter polls at this real interval, because the condition that it waits on belongs to somebody else and
    # `advance` cannot take that lock without risking a deadlock.
    _POLL_S = 0.002

    def __init__(self, start_ms: int = 1_767_225_600_000) -> None:
        self._start_ms = start_ms
        self._elapsed = 0.0
        self._changed = threading.Condition()

    def now_ms(self) -> int:
        return self._start_ms + round(self._elapsed * 1000)

    def monotonic(self) -> float:
        return self._elapsed

    def wait(self, condition: threading.Condition, timeout: float | None) -> bool:
        deadline = None if timeout is None else self._elapsed + timeout
        while deadline is None or self._elapsed < deadline:
            if condition.wait(self._POLL_S):
                return True
        return False

    def sleep(self, seconds: float) -> None:
        with self._changed:
            deadline = self._elapsed + seconds
            while self._elapsed < deadline:
                self._changed.wait()

    def advance(self, seconds: float) -> None:
        """Move the time forward by ``seconds`` (>= 0) and wake whoever waited for it."""
        if seconds < 0:
            raise ValueError("a clock does not run backwards")
        with self._changed:
            self._elapsed += seconds
            self._changed.notify_all()


SYSTEM_CLOCK = SystemClock()
"""The default wherever a clock is a parameter."""
