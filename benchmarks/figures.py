"""One measured figure, and how a table of them is printed. Each benchmark module has ``measure() -> list[Figure]``."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """``value`` against ``goal``: at most it, or (``at_least``) at least it. ``unit``: ``x`` for a ratio, ``s`` for seconds.

    ``detail``: what the value was made from (rates, CPU times, sizes).
    """

    name: str
    value: float
    goal: float | None = None
    at_least: bool = False
    unit: str = "x"
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        if self.goal is None:
            return None
        return self.value >= self.goal if self.at_least else self.value <= self.goal


def median_ratio(
    ours: Callable[[], float], raw: Callable[[], float], rounds: int = 7
) -> tuple[float, list[tuple[float, float]]]:
    """The median over ``rounds`` of ours/raw, each pair measured back to back so that a noisy neighbour hits both."""
    pairs = []
    for i in range(rounds):
        if i % 2:
            r = raw()
            o = ours()
        else:
            o = ours()
            r = raw()
        pairs.append((o, r))
    return statistics.median(o / r for o, r in pairs), pairs


def report(figures: Sequence[Figure], *, as_json: bool = "--json" in sys.argv) -> int:
    """Print the figures; 1 if one missed its goal, else 0."""
    if as_json:
        print(json.dumps([asdict(f) | {"met": f.met} for f in figures], indent=2))
    else:
        for f in figures:
            goal = "" if f.goal is None else f"  goal {'>=' if f.at_least else '<='} {f.goal:g} {f.unit}"
            mark = {True: "ok  ", False: "MISS", None: "    "}[f.met]
            print(f"{mark} {f.name:<62} {f.value:9.3f} {f.unit}{goal}")
            for key, value in f.detail.items():
                print(f"       {key}: {value}")
    return 1 if any(f.met is False for f in figures) else 0
