"""How long `headrace --help` takes, against a bare interpreter that does nothing. Goal: at most 5x."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import time
from pathlib import Path

from benchmarks.figures import Figure, median_ratio, report


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def measure() -> list[Figure]:
    script = str(Path(sysconfig.get_path("scripts")) / "headrace")
    ratio, pairs = median_ratio(
        lambda: _seconds([script, "--help"]), lambda: _seconds([sys.executable, "-c", "pass"]), rounds=21
    )
    best = [round(min(side) * 1000, 1) for side in zip(*pairs, strict=True)]
    return [
        Figure(
            "headrace --help / python -c pass", ratio, 5, detail={"help ms (best)": best[0], "pass ms (best)": best[1]}
        )
    ]


if __name__ == "__main__":
    raise SystemExit(report(measure()))
