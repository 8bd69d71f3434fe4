"""How long it takes to load and check a large repository: 1,000 tenants x 10 products, and 50 tenants x 300 products.

Goals: 4 s for the first (check and plan together have 10 s, see plan_scale) and 8 s for the second. The best of some rounds
counts, since the machine is shared.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks._scale_catalogue import write
from benchmarks.figures import Figure, report


def _seconds(tenants: int, products: int, rounds: int) -> float:
    from headrace.catalogue.load import load

    best = float("inf")
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), tenants, products)
        for _ in range(rounds):
            start = time.perf_counter()
            catalogue = load(Path(folder))
            best = min(best, time.perf_counter() - start)
        assert (len(catalogue.tenants), len(catalogue.products)) == (tenants, products)
    return best


def measure() -> list[Figure]:
    return [
        Figure("check 10,000 topics (1,000 tenants x 10 products)", _seconds(1_000, 10, 3), 4, unit="s"),
        Figure("check 300 products with 900 schemas and 600 examples", _seconds(50, 300, 2), 8, unit="s"),
    ]


if __name__ == "__main__":
    raise SystemExit(report(measure()))
