"""Which topics to pause and which to resume: the bounds on what a consumer keeps in memory.

Lanes buffer in Python; a topic is paused only above its high-water mark, because librdkafka drops what it had fetched when a
topic is paused.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Final

from headrace.clock import Clock
from headrace.streaming.lanes import Lane
from headrace.streaming.limits import Limits

DRAIN_S: Final = 0.02
"""How long the polling thread waits for quick handlers before it reads on."""


class Drain:
    """Holds the polling thread back while handlers are quick: what waits in memory has left the processor's caches by the
    time that it is handled, and a topic that never gets to its bound is never paused. A handler that does not get on within
    `DRAIN_S` is not waited for, neither then nor the next time: other lanes are not to wait for it."""

    def __init__(self, lock: threading.Condition, clock: Clock, enough: int) -> None:
        """``enough``: records that a lane may have for the thread to read on. ``lock``: the consumer's."""
        self._lock = lock
        self._clock = clock
        self._enough = enough
        self._waiting = False

    def freed(self, lane: Lane) -> None:
        """A lane has settled something (lock held)."""
        if self._waiting and lane.buffered <= self._enough:
            self._lock.notify_all()

    def wait(self, fed: Iterable[Lane]) -> None:
        """Wait for those of the lanes that were just fed that are quick."""
        with self._lock:
            quick = {lane: lane.buffered for lane in fed if lane.running and lane.quick}
            deadline = self._clock.monotonic() + DRAIN_S
            self._waiting = True
            while any(lane.buffered > self._enough and lane.running and lane.open for lane in quick):
                left = deadline - self._clock.monotonic()
                if left <= 0:
                    break
                self._clock.wait(self._lock, left)
            self._waiting = False
            for lane, before in quick.items():
                lane.quick = lane.buffered < before or lane.buffered <= self._enough


def poll_timeout(lanes: Iterable[Lane], now: float, longest: float, next_commit: float) -> float:
    """Seconds to wait for records: at most ``longest``, less where anything waits for the polling thread (a lane to resume, a
    retry's time, a commit)."""
    for lane in lanes:
        if lane.paused or lane.full:
            return 0.01
        if lane.held:
            longest = min(longest, max(next_commit - now, 0.001))
        if lane.running:
            longest = min(longest, 0.05)
        elif (due := lane.due(now)) is not None:
            longest = min(longest, max(due - now, 0.001))
    return longest


def flow(lanes: Iterable[Lane], held: int, limits: Limits) -> tuple[list[str], list[str]]:
    """Topics to pause and to resume; ``paused`` is set on their lanes. ``held``: bytes of all lanes together.

    A lane is paused above its own mark, or, while all together are above theirs, as long as it has work; it is resumed below
    half of its mark. One with nothing to do is always read on, so that others' backlogs never starve it.
    """
    pause: list[str] = []
    resume: list[str] = []
    crowded = held > limits.buffer_bytes
    roomy = held < limits.buffer_bytes * 3 // 4
    for lane in lanes:
        if not lane.open or lane.hidden:
            wanted = True
        elif lane.paused:
            below = lane.bytes <= limits.lane_buffer_bytes // 2 and lane.buffered <= limits.lane_records // 2
            wanted = not (lane.buffered == 0 or (below and roomy))
        else:
            above = lane.bytes > limits.lane_buffer_bytes or lane.buffered > limits.lane_records
            wanted = above or (crowded and lane.buffered > 0)
        if wanted != lane.paused:
            lane.paused = wanted
            (pause if wanted else resume).append(lane.topic)
    return pause, resume
