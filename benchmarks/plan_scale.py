"""`headrace check` and `headrace plan`, run as a user runs them, for 10,000 topics: on empty clusters, and when all is there.

Goal: both commands together at most 10 s. The apply in between is reported, without a goal: the embedded broker is made for
500 topics.
"""

from __future__ import annotations

import subprocess
import sysconfig
import tempfile
import time
from pathlib import Path

from benchmarks._scale_catalogue import write
from benchmarks.figures import Figure, report

TENANTS, PRODUCTS = 1_000, 10


def _run(folder: Path, *arguments: str, expected: int) -> float:
    """Seconds. The exit code must be the one that the state of the clusters asks for."""
    command = [str(Path(sysconfig.get_path("scripts")) / "headrace"), *arguments]
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode != expected:
        raise RuntimeError(
            f"{' '.join(arguments)} ended with {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        )
    return seconds


def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write(folder, TENANTS, PRODUCTS)
        check = _run(folder, "check", expected=0)
        empty = _run(folder, "plan", expected=3)
        apply = _run(folder, "apply", "--yes", expected=0)
        full = _run(folder, "plan", expected=0)
    topics = TENANTS * PRODUCTS
    return [
        Figure(
            f"check + plan, {topics:,} topics, nothing there",
            check + empty,
            10,
            unit="s",
            detail={"check s": round(check, 2), "plan s": round(empty, 2)},
        ),
        Figure(
            f"check + plan, {topics:,} topics, all there",
            check + full,
            10,
            unit="s",
            detail={"check s": round(check, 2), "plan s": round(full, 2)},
        ),
        Figure(f"apply of {topics:,} topics and {2 * topics:,} schema versions, embedded", apply, unit="s"),
    ]


if __name__ == "__main__":
    raise SystemExit(report(measure()))
