"""What a user's test of a handler costs with `headrace.testing`: in memory, no broker. Goal: under 0.1 s."""

from __future__ import annotations

import statistics
import time

import headrace
from benchmarks.figures import Figure, report
from headrace import testing
from headrace.provisioning.compile import compile_catalogue
from headrace.testing.small_catalogue import small_catalogue

SALE = {"storeId": "s1", "productId": "p1", "quantity": 2}


def measure() -> list[Figure]:
    catalogue = compile_catalogue(small_catalogue(), "eu")

    def once() -> float:
        app = headrace.App("plan", region="eu")

        @app.consumer("sales-events")
        def on_sale(event: headrace.Event) -> None:
            if event.attempt == 1:
                raise headrace.Retry(after="1h")

        start = time.perf_counter()
        with testing.app(app, catalogue=catalogue) as t:
            for _ in range(10):
                t.send("sales-events", "SaleRecorded", SALE, tenant="acme")
            assert len(t.accepted) == 10
        return time.perf_counter() - start

    return [
        Figure(
            "a test with testing.app: enter, ten events with a retry each, leave",
            statistics.median(once() for _ in range(9)),
            0.1,
            unit="s",
        )
    ]


if __name__ == "__main__":
    raise SystemExit(report(measure()))
