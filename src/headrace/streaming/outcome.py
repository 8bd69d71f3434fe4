"""What a handler decides, and the bounds on it: accept, retry, reject; backoff, batches, the limit on rejects.

A handler *accepts* by returning. It decides otherwise by raising `Reject` or `Retry`, which then count for everything it was
handed; in a batch, `Event.reject` marks single events, and ``Retry(at=event)`` settles what stands before that event.
"""

from __future__ import annotations

import random
import re
from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headrace.streaming.event import Event

Duration = float | str | timedelta
"""Seconds, or text with a unit (``500ms``, ``2s``, ``5m``, ``1h``), or a timedelta."""

_DURATION = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h|d)\s*\Z")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(duration: Duration) -> float:
    """A duration in seconds. Raises ValueError where it is negative, or text without a known unit."""
    if isinstance(duration, timedelta):
        value = duration.total_seconds()
    elif isinstance(duration, str):
        match = _DURATION.match(duration)
        if match is None:
            raise ValueError(f"{duration!r} is not a duration: write a number and ms, s, m, h or d")
        value = float(match[1]) * _UNITS[match[2]]
    else:
        value = float(duration)
    if value < 0:
        raise ValueError(f"a duration is not negative: {duration!r}")
    return value


class Reject(Exception):
    """Raised by a handler: these events can never be processed. They go to the dead letter with ``reason``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Retry(Exception):
    """Raised by a handler: hand the same events out again, in the same order, after ``after`` (default: the consumer's
    backoff). The tenant's later events wait. It may be raised any number of times: only unexpected errors are counted.

    ``at``: in a batch, the first event to hand out again; those before it are settled as they are marked.
    """

    def __init__(self, reason: str = "", *, after: Duration | None = None, at: Event[Any] | None = None) -> None:
        super().__init__(reason or "retry")
        self.reason = reason
        self.after = None if after is None else seconds(after)
        self.at = at


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait between attempts, and how many unexpected errors to take before an event is rejected.

    The n-th wait is ``first * factor**(n-1)``, at most ``maximum``, less a random share of up to ``jitter`` of it (so that
    lanes that failed together do not come back together). ``attempts`` counts the first try too.
    """

    first: Duration = "200ms"
    maximum: Duration = "30s"
    factor: float = 2.0
    jitter: float = 0.5
    attempts: int = 5

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError("attempts counts the first try: at least 1")
        if not 0 <= self.jitter <= 1:
            raise ValueError("jitter is a share of the wait, 0 to 1")
        if self.factor < 1:
            raise ValueError("factor is at least 1: waits do not shrink")
        if seconds(self.first) > seconds(self.maximum):
            raise ValueError("first is at most maximum")

    def wait(self, attempt: int, chance: float | None = None) -> float:
        """Seconds to wait after the ``attempt``-th failure (from 1). ``chance`` in [0, 1): where in the jitter."""
        longest = seconds(self.maximum)
        # The exponent is bounded: 2.0**1100 overflows long after the maximum is reached.
        full = min(longest, seconds(self.first) * self.factor ** min(attempt - 1, 64))
        share = random.random() if chance is None else chance  # noqa: S311 - spreads load, guards nothing
        return full * (1 - self.jitter * share)


@dataclass(frozen=True, slots=True)
class Batch:
    """Hand out up to ``size`` events of one tenant at a time, waiting at most ``within`` for a full batch."""

    size: int
    within: Duration = "1s"

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError("a batch holds at least one event")
        seconds(self.within)


@dataclass(frozen=True, slots=True)
class RejectLimit:
    """When a lane stops rather than reject once more: after ``consecutive`` rejects in a row, or when more than ``ratio``
    of its last ``window`` events (once that many are settled) would be rejects. The record that would pass the limit is
    neither dead-lettered nor committed; it is the first one read after a restart."""

    consecutive: int = 50
    ratio: float = 0.5
    window: int = 200

    def __post_init__(self) -> None:
        if self.consecutive < 1 or self.window < 1:
            raise ValueError("consecutive and window are at least 1")
        if not 0 < self.ratio <= 1:
            raise ValueError("ratio is above 0 and at most 1")


class RejectMeter:
    """One lane's count against its limit. What is accepted costs nothing but a number."""

    __slots__ = ("_at", "_limit", "_run", "_settled")

    def __init__(self, limit: RejectLimit) -> None:
        self._limit = limit
        self._run = 0
        self._settled = 0
        self._at: deque[int] = deque()
        """Which of the settled events, counted from 0, were rejects; those that left the window go when asked."""

    def copy(self) -> RejectMeter:
        """For counting ahead what may yet fail to be written."""
        made = RejectMeter(self._limit)
        made._run = self._run
        made._settled = self._settled
        made._at = self._at.copy()
        return made

    def refuses(self) -> str | None:
        """Why one more reject would pass the limit, or None."""
        limit = self._limit
        if self._run >= limit.consecutive:
            return f"{limit.consecutive} events in a row were rejected"
        while self._at and self._at[0] < self._settled - limit.window:
            self._at.popleft()
        if self._settled >= limit.window and len(self._at) + 1 > limit.ratio * limit.window:
            return f"more than {limit.ratio:.0%} of the last {limit.window} events were rejected"
        return None

    def accepted(self, count: int = 1) -> None:
        if count:
            self._run = 0
            self._settled += count

    def rejected(self) -> None:
        self._run += 1
        self._at.append(self._settled)
        self._settled += 1
