"""One application in one region, as a process: ``python -m headrace.cli._demo.worker APPLICATION REGION SETTINGS DATA STORES``.

It connects as any application does, by its name and the settings of its region; the catalogue it gets from there. The demo
tells it on standard input, a JSON object a line, and it answers on standard output likewise; its log goes to standard error. It
ends when it is told to, when its input ends (the demo is gone) and on SIGTERM, having drained and committed.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

import headrace
from headrace.cli._demo.applications import APPLICATIONS
from headrace.cli._demo.mistakes import make_mistakes
from headrace.cli._demo.program import Program, PublishWeek
from headrace.errors import HeadraceError

PROGRESS_S = 0.25
HANDLER_THREADS = 4


class Worker:
    def __init__(self, program: Program, tell: Callable[[dict[str, Any]], None]) -> None:
        self._program = program
        self._tell = tell
        self._week = 0
        self._publish_week: PublishWeek | None = APPLICATIONS[program.application](program)
        self._ended = threading.Event()

    def run(self, orders: Any) -> None:
        """Follow orders until they end."""
        program = self._program
        with program.app:
            program.app.start()
            self._tell({"kind": "ready", "publishes": self._publish_week is not None, "consumes": self.consumes()})
            reporter = threading.Thread(target=self._report, name="report", daemon=True)
            reporter.start()
            try:
                for line in orders:
                    order = msgspec.json.decode(line)
                    if order["do"] == "stop":
                        break
                    self._follow(order)
            finally:
                self._ended.set()
                reporter.join()
                program.app.stop()
        self._tell({"kind": "done", **self.totals(), "findings": program.findings})

    def _follow(self, order: dict[str, Any]) -> None:
        if order["do"] == "week" and self._publish_week is not None:
            self._week = order["week"]
            self._publish_week(self._week)
            self._tell({"kind": "week", "week": self._week, "published": self.published()})
        elif order["do"] == "mistakes":
            for mistake in make_mistakes(self._program):
                self._tell({"kind": "refused", **mistake})
            self._tell({"kind": "mistakes"})
        elif order["do"] == "totals":
            self._tell({"kind": "totals", **self.totals()})

    def published(self) -> dict[str, int]:
        """By product, what was published of it so far."""
        found: dict[str, int] = {}
        for account, entry in self._program.published.entries().items():
            found[account.product] = found.get(account.product, 0) + entry.events
        return found

    def consumes(self) -> dict[str, str]:
        """By product, the purpose of its consumer; an application has at most one of each product here."""
        return {registration.product: registration.purpose for registration in self._program.app.registrations}

    def totals(self) -> dict[str, Any]:
        program = self._program
        stopped = [str(lane) for lane in program.app.stopped]
        return {
            "statistics": program.app.statistics().to_json(),
            "published": program.published.to_json(),
            "settled": {purpose: ledger.to_json() for purpose, ledger in program.settled.items()},
            "consumes": {purpose: product for product, purpose in self.consumes().items()},
            "stopped": stopped,
        }

    def _report(self) -> None:
        while not self._ended.wait(PROGRESS_S):
            published: dict[str, int] = {}
            settled: dict[str, int] = {}
            rejected = 0
            for row in self._program.app.statistics().rows:
                if row.purpose is None:
                    published[row.product] = published.get(row.product, 0) + row.published
                else:
                    done = row.accepted + row.rejected + row.passed_over + row.duplicates
                    settled[row.product] = settled.get(row.product, 0) + done
                    rejected += row.rejected
            self._tell(
                {
                    "kind": "progress",
                    "week": self._week,
                    "published": published,
                    "settled": settled,
                    "rejected": rejected,
                }
            )


def main(arguments: list[str]) -> int:
    application, region, settings, folder, stores = arguments
    os.environ["HEADRACE_SETTINGS"] = settings
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # The demo ends its applications itself; Ctrl-C on the terminal is its to handle.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)
    lock = threading.Lock()

    def tell(message: dict[str, Any]) -> None:
        with lock, suppress(BrokenPipeError):  # the demo is gone: standard input ends as well
            sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
            sys.stdout.buffer.flush()

    app = headrace.App(application, region=region, workers=HANDLER_THREADS)
    program = Program(app, application, region, tuple(stores.split(",")), Path(folder))
    try:
        Worker(program, tell).run(sys.stdin.buffer)
    except HeadraceError as error:
        logging.exception("the application has failed")
        tell({"kind": "failed", "error": error.to_json()})
        return 1
    return 0


def _end(*_: object) -> None:
    raise SystemExit(143)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
