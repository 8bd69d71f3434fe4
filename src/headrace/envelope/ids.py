"""Event ids (UUIDv7) and times as text, rendered once a millisecond.

An id is RFC 9562's version 7 with method 1 of section 6.2: 48 bits of milliseconds, a 12-bit counter that starts at 0 in each
millisecond, and 62 random bits, drawn anew in each. When the counter runs out, or the clock steps back, the ids go on from the
millisecond reached (they never go back); the times are the clock's.

Safe for many threads under the GIL without a lock on the way of every id: a `Stamp` never changes except for its counter, an
iterator over a tuple whose ``next`` is one C call, so no two threads draw the same. Making the next stamp takes the lock.
A forked child draws new random bits, or it would repeat its parent's ids.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Final

from headrace.clock import Clock

_COUNTS: Final = tuple(f"{n:03x}" for n in range(4096))

_DRAWN: Final[list[bytes]] = []
"""Random bytes for suffixes to come; each is used once, a child process never uses its parent's."""


def time_text(ms: int) -> str:
    """Milliseconds since 1970 as RFC 3339, UTC: ``2026-01-31T13:45:00.123Z``."""
    seconds, rest = divmod(ms, 1000)
    return "{:04d}-{:02d}-{:02d}T{:02d}:{:02d}:{:02d}.{:03d}Z".format(*time.gmtime(seconds)[:6], rest)


class Stamp:
    """What the events of one millisecond share. ``now``: the clock's reading; ``text``: it as RFC 3339."""

    __slots__ = ("counter", "id_ms", "now", "prefix", "suffix", "text")

    def __init__(self, now: int, id_ms: int, counter: Iterator[str], suffix: str) -> None:
        self.now = now
        self.id_ms = id_ms
        self.text = time_text(now).encode()
        digits = f"{id_ms:012x}"
        self.prefix = f"{digits[:8]}-{digits[8:]}-7"
        self.counter = counter
        self.suffix = suffix


_ALL: weakref.WeakSet[Stamps] = weakref.WeakSet()


class Stamps:
    """Where encoders get id and time: ``stamp = stamps.at(clock.now_ms())``, then ``stamps.event_id(stamp)``."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        now = clock.now_ms()
        self.current = Stamp(now, now, iter(_COUNTS), _random_suffix())
        _ALL.add(self)

    def at(self, now: int) -> Stamp:
        """The stamp of a clock reading."""
        stamp = self.current
        return stamp if stamp.now == now else self._advance(now, stamp.id_ms)

    def event_id(self, stamp: Stamp) -> str:
        count = next(stamp.counter, None)
        while count is None:
            stamp = self._advance(stamp.now, stamp.id_ms + 1)
            count = next(stamp.counter, None)
        return f"{stamp.prefix}{count}{stamp.suffix}"

    def _advance(self, now: int, at_least: int) -> Stamp:
        with self._lock:
            last = self.current
            id_ms = max(now, at_least, last.id_ms)
            if id_ms == last.id_ms:  # the same millisecond: go on counting in it
                stamp = Stamp(now, id_ms, last.counter, last.suffix)
            else:
                stamp = Stamp(now, id_ms, iter(_COUNTS), _random_suffix())
            self.current = stamp
            return stamp

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
        last = self.current
        self.current = Stamp(last.now, last.id_ms, iter(_COUNTS), _random_suffix())


def _random_suffix() -> str:
    """The variant (10) and 62 random bits, as the last two groups of a UUID. Each millisecond takes one: drawn one by one,
    the calls of the operating system would cost more than all else that an id does."""
    try:
        drawn = _DRAWN.pop()
    except IndexError:
        many = os.urandom(8 * 256)
        _DRAWN.extend(many[at : at + 8] for at in range(8, len(many), 8))
        drawn = many[:8]
    bits = int.from_bytes(drawn, "big") & (2**62 - 1) | 2**63
    digits = f"{bits:016x}"
    return f"-{digits[:4]}-{digits[4:]}"


def _renew_all() -> None:
    _DRAWN.clear()
    for stamps in list(_ALL):
        stamps._after_fork()


os.register_at_fork(after_in_child=_renew_all)
