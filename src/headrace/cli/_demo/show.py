"""Telling of the demo while it runs: bars on a terminal, plain lines elsewhere. All on standard error."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from headrace.cli._demo.processes import Running
from headrace.cli._demo.provision import ClusterShown, Provisioned
from headrace.cli._demo.replay import Replay

LINE_S = 5.0
"""Between two lines of progress where there is no terminal."""

BARS_S = 0.2


def in_words(cluster: ClusterShown) -> str:
    """A region's cluster in words."""
    if cluster.kind == "embedded":
        return f"embedded broker {cluster.cluster_id}, {cluster.address}"
    nodes = f"{len(cluster.nodes)} node{'s' * (len(cluster.nodes) != 1)}"
    listening = ", ".join(cluster.nodes) or cluster.address
    return f"Apache Kafka {cluster.cluster_id}, {nodes} ({listening}), registry {cluster.registry}"


class Shown:
    """A `run.Show` on a console. A context manager: bars go away at its end."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._stack = ExitStack()
        self._bars: _Bars | None = None
        self._next = 0.0
        self._mistakes = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _say(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)

    def input(self, folder: str, sales: int, stores: tuple[str, ...], weeks: int) -> None:
        self._say(
            f"[bold]Input[/] {sales:,} lines of receipts of {len(stores)} store{'s' * (len(stores) != 1)} "
            f"({escape(', '.join(stores[:6]))}{', ...' * (len(stores) > 6)}), weeks 1 to {weeks}; folder {escape(folder)}"
        )

    def starting(self, what: str) -> None:
        self._say(f"[bold]Start[/] {escape(what)}")

    def provisioned(self, made: Provisioned, seconds: float) -> None:
        catalogue = made.catalogue
        self._say(
            f"[bold]Check[/] no faults in {len(catalogue.products)} streaming products, {len(catalogue.applications)} "
            f"applications, {len(catalogue.tenants)} tenants, {len(catalogue.regions)} regions"
        )
        for cluster in made.clusters:
            self._say(f"[bold]Cluster[/] {cluster.region}: {escape(in_words(cluster))}")
        left = "nothing left to do" if made.again.clean else "[red]not all is done[/]"
        self._say(
            f"[bold]Plan, apply[/] {len(made.plan.changes)} changes, plan {made.plan.hash[:12]}; a plan after it: {left} "
            f"[dim]({seconds:.1f} s)[/]"
        )

    def started(self, processes: int, seconds: float) -> None:
        self._say(f"[bold]Start[/] {processes} processes, an application in a region each [dim]({seconds:.1f} s)[/]")

    def refused(self, mistake: Mapping[str, Any], program: Running) -> None:
        if not self._mistakes:
            self._mistakes = True
            self._say(f"[bold]Wrong on purpose[/] {program.application} in {program.region} tries to publish")
        error = mistake["error"]
        if error is None:
            self._say(f"  [bold red]not refused[/] {escape(mistake['tried'])}")
            return
        violations = error.get("violations", ())
        message = error["message"].partition(": " if violations else "\0")[0]
        self._say(f"  {escape(mistake['tried'])}")
        self._say(f"    [green]refused[/] {escape(message)} [dim]\\[{error['code']}][/]")
        for violation in violations:
            self._say(f"      [cyan]{escape(violation['path'])}[/] {escape(violation['message'])}")

    def progress(self, replays: Mapping[str, Replay]) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + (BARS_S if self._console.is_terminal else LINE_S)
        if self._console.is_terminal:
            if self._bars is None:
                self._bars = self._stack.enter_context(_Bars(self._console, replays))
            self._bars.update(replays)
            return
        for region, replay in replays.items():
            self._say(
                f"{region} week {replay.week} of {replay.weeks}: {replay.published:,} published, "
                f"{replay.settled:,} consumed, {replay.rejected:,} rejected"
            )


class _Bars:
    """For each region a bar of its weeks, below it a line for each application."""

    def __init__(self, console: Console, replays: Mapping[str, Replay]) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[told]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        for region, replay in replays.items():
            self._tasks[region] = self._progress.add_task(f"[bold]{region}[/]", total=replay.weeks, told="")
            for program in replay.programs:
                self._tasks[program.name] = self._progress.add_task(f"  {program.application}", total=None, told="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def update(self, replays: Mapping[str, Replay]) -> None:
        for region, replay in replays.items():
            self._progress.update(
                self._tasks[region],
                completed=replay.week,
                told=f"week {replay.week} of {replay.weeks}: {replay.published:,} published, {replay.settled:,} consumed",
            )
            for program in replay.programs:
                self._application(program, replay)

    def _application(self, program: Running, replay: Replay) -> None:
        said = program.progress
        published, settled = (sum(said.get(key, {}).values()) for key in ("published", "settled"))
        parts = []
        if published:
            parts.append(f"{published:,} published")
        if program.said["ready"]["consumes"]:
            parts.append(f"{settled:,} consumed")
        if said.get("rejected"):
            parts.append(f"[yellow]{said['rejected']:,} rejected[/]")
        source = program.said["ready"]["publishes"]
        done, total = (said.get("week", 0), replay.weeks) if source else (settled, max(settled, replay.due(program)))
        self._progress.update(self._tasks[program.name], completed=done, total=max(total, 1), told=", ".join(parts))
