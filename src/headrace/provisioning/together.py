"""One piece of work for each region, all at the same time: regions share nothing, and most of it is waiting for answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


def in_each_region(regions: Iterable[str], work: Callable[[str], T]) -> dict[str, T]:
    """What ``work`` returns, by region, in the order of ``regions``. Raises the error of the first region (in that order) that
    has one, when all have ended. The threads hold up no exit: Ctrl-C ends a program though a region does not answer."""
    ids = list(regions)
    if len(ids) == 1:
        return {ids[0]: work(ids[0])}
    results: dict[str, T] = {}
    errors: dict[str, BaseException] = {}

    def run(id_: str) -> None:
        try:
            results[id_] = work(id_)
        except BaseException as error:
            errors[id_] = error

    threads = [threading.Thread(target=run, args=(id_,), name=f"region {id_}", daemon=True) for id_ in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for id_ in ids:
        if id_ in errors:
            raise errors[id_]
    return {id_: results[id_] for id_ in ids}
