"""Answers of the registry that are kept: one call for many threads that ask the same at once, and for a while after."""

from __future__ import annotations

import copy
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

from headrace.clock import Clock
from headrace.errors import RegistryError, RegistryUnavailable

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class AnswerCache(Generic[K, V]):
    """``ttl``: seconds that an answer is believed (infinite: for ever). ``capacity``: how many are kept, the oldest go.

    Only answers are kept, never errors. ``stale``: where the registry cannot be reached, an answer that is too old is given
    rather than none. Safe for many threads.
    """

    def __init__(self, clock: Clock, *, ttl: float = math.inf, capacity: float = math.inf, stale: bool = False) -> None:
        self._clock = clock
        self._ttl = ttl
        self._capacity = capacity
        self._stale = stale
        self._lock = threading.Lock()
        self._kept: OrderedDict[K, tuple[V, float]] = OrderedDict()
        self._asking: dict[K, Future[V]] = {}

    def get(self, key: K, ask: Callable[[], V]) -> V:
        """What is kept for ``key``, else what ``ask`` answers. Who comes while another thread asks waits for its answer, or
        gets its error: a registry that is down costs one round of attempts, not one for every lane."""
        kept = self._kept.get(key)
        if kept is not None and self._clock.monotonic() < kept[1]:
            return kept[0]
        with self._lock:
            asking = self._asking.get(key)
            mine: Future[V] | None = None
            if asking is None:
                asking = mine = self._asking[key] = Future()
        try:
            return self._asked(key, ask, mine) if mine is not None else _answer(asking)
        except RegistryUnavailable:
            if not self._stale or kept is None:
                raise
            return kept[0]

    def _asked(self, key: K, ask: Callable[[], V], mine: Future[V]) -> V:
        try:
            value = ask()
        except BaseException as error:
            self._done(key)
            mine.set_exception(error)
            raise
        self.put(key, value)
        self._done(key)
        mine.set_result(value)
        return value

    def _done(self, key: K) -> None:
        with self._lock:
            self._asking.pop(key, None)

    def put(self, key: K, value: V) -> None:
        with self._lock:
            self._kept[key] = (value, self._clock.monotonic() + self._ttl)
            self._kept.move_to_end(key)
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)

    def drop(self, which: Callable[[K], bool]) -> None:
        """Forget the answers to the keys for which ``which`` holds."""
        with self._lock:
            for key in [key for key in self._kept if which(key)]:
                del self._kept[key]


def _answer(asking: Future[V]) -> V:
    try:
        return asking.result()
    except RegistryError as error:
        # An error of its own for each thread: an exception that several threads raise collects all their tracebacks.
        raise copy.copy(error) from error
