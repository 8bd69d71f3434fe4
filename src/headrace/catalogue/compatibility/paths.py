"""Paths of an event's fields, and when one has to do with another.

A path is as a consumer declares what it reads: ``data.storeId``, ``data.lines[].quantity``, ``data.prices.*`` (any field). Two
paths touch where they are the same, or one lies within the other: whoever reads ``data.lines`` reads ``data.lines[].quantity``,
and who reads ``data.lines[].quantity`` is concerned by a change of ``data.lines`` itself.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_STEP: Final = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[\d*\]|\[\*\]|\.?([^.\[\]]+)')

ITEM: Final = "[]"
ANY_FIELD: Final = "*"


@lru_cache(maxsize=4096)
def steps(path: str) -> tuple[str, ...]:
    """``data.lines[].n`` as ``("data", "lines", "[]", "n")``; ``[3]`` and ``[*]`` are any item."""
    out = []
    for found in _STEP.finditer(path):
        if found[1] is not None:
            out.append(found[1])
        elif found[2] is not None:
            out.append(found[2])
        else:
            out.append(ITEM)
    return tuple(out)


def touch(one: str, other: str) -> bool:
    """Whether one of the two is, or lies within, the other."""
    return all(_meet(a, b) for a, b in zip(steps(one), steps(other), strict=False))


def within(inner: str, outer: str) -> bool:
    """Whether ``inner`` is ``outer`` or lies within it."""
    return len(steps(inner)) >= len(steps(outer)) and touch(inner, outer)


def _meet(a: str, b: str) -> bool:
    return a == b or (ANY_FIELD in (a, b) and ITEM not in (a, b))
