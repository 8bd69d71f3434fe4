"""The demo from its beginning to its end: provision, start, make mistakes, replay, wait, end, check."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from headrace.cli._demo.applications import APPLICATIONS
from headrace.cli._demo.checks import Accounts, Check, Told
from headrace.cli._demo.prepare import Prepared
from headrace.cli._demo.processes import Processes, Running, failure
from headrace.cli._demo.provision import ClusterShown, Provisioned, provision, worker_settings
from headrace.cli._demo.replay import Replay
from headrace.cli.regions import open_regions
from headrace.errors import DemoStuck
from headrace.model.catalogue import Catalogue

STUCK_S = 60.0
"""So long without any progress means that something is stuck."""

TOTALS_S = 0.5


class Show(Protocol):
    """Where the demo tells of itself while it runs."""

    def provisioned(self, made: Provisioned, seconds: float) -> None: ...

    def started(self, processes: int, seconds: float) -> None: ...

    def refused(self, mistake: Mapping[str, Any], program: Running) -> None: ...

    def progress(self, replays: Mapping[str, Replay]) -> None: ...


@dataclass(frozen=True)
class Outcome:
    """``set_up_s``: check, plan, apply and starting. ``replay_s``: by region, from its first week to its last outcome."""

    catalogue: Catalogue
    accounts: Accounts
    checks: tuple[Check, ...]
    mistakes: tuple[Mapping[str, Any], ...]
    weeks: int
    set_up_s: float
    replay_s: Mapping[str, float]
    clusters: tuple[ClusterShown, ...] = ()

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)


def run(prepared: Prepared, weeks: int, show: Show, *, shared: bool = False) -> Outcome:
    """Run it. ``shared``: see `provision`. Raises a `HeadraceError` where it cannot go on; what does not add up is in the
    outcome's checks."""
    began = time.monotonic()
    made = provision(prepared.folder, shared=shared)
    catalogue = made.catalogue
    show.provisioned(made, time.monotonic() - began)
    logs = prepared.folder / "logs"
    settings = {id_: logs / f"settings.{id_}.toml" for id_ in catalogue.regions}
    logs.mkdir()
    for id_, path in settings.items():
        path.write_text(worker_settings(catalogue.regions[id_], prepared.folder), encoding="utf-8")
    with Processes(logs, prepared.data, prepared.stores, settings) as processes:
        starting = time.monotonic()
        for application in APPLICATIONS:
            for region in sorted(catalogue.regions):
                processes.start(application, region)
        _until(processes, lambda: all("ready" in running.said for running in processes.all))
        set_up = time.monotonic() - began
        show.started(len(processes.all), time.monotonic() - starting)
        mistakes = _make_mistakes(processes, show)
        replays = {region: Replay(region, weeks, processes.of(region)) for region in sorted(catalogue.regions)}
        seconds = _replay(processes, replays, catalogue, show)
        accounts = _end(processes, catalogue)
    return Outcome(
        catalogue,
        accounts,
        _check(made, accounts, mistakes, prepared),
        tuple(mistakes),
        weeks,
        set_up,
        seconds,
        made.clusters,
    )


def _until(processes: Processes, done: Any) -> None:
    """Listen until ``done``. Raises `DemoStuck` where nobody says anything new for long."""
    deadline = time.monotonic() + STUCK_S
    while not done():
        for _ in processes.listen(0.2):
            pass
        if time.monotonic() > deadline:
            silent = ", ".join(running.name for running in processes.all if not running.said)
            raise DemoStuck(f"the applications do not start: {silent}")


def _make_mistakes(processes: Processes, show: Show) -> list[Mapping[str, Any]]:
    program = next(running for running in processes.all if running.application == "data-api")
    mistakes: list[Mapping[str, Any]] = []
    program.tell(do="mistakes")
    deadline = time.monotonic() + STUCK_S
    while "mistakes" not in program.said:
        for running, message in processes.listen(0.2):
            if message["kind"] == "refused":
                mistakes.append(message)
                show.refused(message, running)
        if time.monotonic() > deadline:
            raise DemoStuck(f"{program.name} does not answer")
    return mistakes


def _replay(processes: Processes, replays: Mapping[str, Replay], catalogue: Catalogue, show: Show) -> dict[str, float]:
    """Release the weeks, then wait until every account is complete; the seconds by region."""
    began = time.monotonic()
    seconds: dict[str, float] = {}
    moved, before = began, -1
    next_totals = began
    while True:
        for _ in processes.listen(0.05):
            pass
        now = time.monotonic()
        for replay in replays.values():
            replay.advance()
        show.progress(replays)
        done = sum(replay.settled + replay.published + replay.week for replay in replays.values())
        if done != before:
            moved, before = now, done
        fed = [region for region, replay in replays.items() if replay.fed and region not in seconds]
        if fed and now >= next_totals:
            next_totals = now + TOTALS_S
            for region in fed:
                accounts = _totals(processes, processes.of(region), catalogue)
                if accounts.complete():
                    seconds[region] = time.monotonic() - began
        if len(seconds) == len(replays):
            return seconds
        if now - moved > STUCK_S:
            waiting = [region for region in replays if region not in seconds]
            problems = _totals(processes, processes.all, catalogue).counts().problems
            raise DemoStuck(
                f"nothing has moved for {STUCK_S:.0f} s in {', '.join(waiting)}: {'; '.join(problems[:5])}",
                problems=problems,
            )


def _totals(processes: Processes, programs: list[Running], catalogue: Catalogue) -> Accounts:
    """What the programs say now. Taken one after the other, so only equal and complete accounts mean something."""
    for running in programs:
        running.said.pop("totals", None)
        running.tell(do="totals")
    _until(processes, lambda: all("totals" in running.said for running in programs))
    return Accounts(
        catalogue, [Told.from_json(running.application, running.region, running.said["totals"]) for running in programs]
    )


def _end(processes: Processes, catalogue: Catalogue) -> Accounts:
    """Have all drain, commit and end; what they say at their end."""
    for running in processes.all:
        running.tell(do="stop")
    _until(processes, lambda: all(running.ended for running in processes.all))
    for running in processes.all:
        if running.process.wait(10):
            raise failure(running, f"ended with exit code {running.process.returncode}")
    return Accounts(
        catalogue,
        [Told.from_json(running.application, running.region, running.said["done"]) for running in processes.all],
    )


def _check(
    made: Provisioned, accounts: Accounts, mistakes: list[Mapping[str, Any]], prepared: Prepared
) -> tuple[Check, ...]:
    let_through = tuple(mistake["tried"] for mistake in mistakes if mistake["error"] is None)
    checks = [
        Check("a plan after the apply has nothing to do", tuple(str(change) for change in made.again.changes)),
        Check("every wrong event was refused", let_through if mistakes else ("none was tried",)),
        accounts.counts(),
        accounts.digests(),
        accounts.lanes(),
    ]
    regions = sorted(made.catalogue.regions)
    with open_regions(made.catalogue, prepared.folder, regions) as connections:
        for region in regions:
            broker = connections[region].broker
            checks += [
                accounts.log(region, broker),
                accounts.committed(region, broker),
                accounts.dead_letters(region, broker),
            ]
    return tuple(checks)
