"""What the demo says at its end: a table by product and tenant, what was found, whether it adds up, and where to look next."""

from __future__ import annotations

import shlex
import shutil
import sysconfig
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from headrace.cli._demo.run import Outcome
from headrace.cli._demo.show import in_words
from headrace.streaming.statistics import Histogram

SHOWN_PROBLEMS = 10

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class Line(NamedTuple):
    """One topic. ``consumed`` counts all its consumers together; latencies in ms from the log's time to the handler."""

    product: str
    tenant: str
    region: str
    published: int
    consumers: int
    consumed: int
    rejected: int
    p50: int | None
    p95: int | None
    p99: int | None
    per_second: float
    """Published and consumed events, over the time that the region's replay took."""


def lines(outcome: Outcome) -> Iterator[Line]:
    """A line for each topic, by product, region and tenant."""
    found = []
    for region in outcome.catalogue.regions:
        for topic in outcome.accounts.topics(region):
            latency = Histogram()
            accepted = rejected = consumers = 0
            for told, purpose, consumed in outcome.accounts.consumptions(region):
                if consumed != topic:
                    continue
                consumers += 1
                for row in told.statistics.rows:
                    if (row.product, row.tenant, row.purpose) == (topic.product.id, topic.tenant, purpose):
                        accepted += row.accepted + row.passed_over
                        rejected += row.rejected
                        latency.merge(row.latency)
            published = outcome.accounts.published(topic.product.id, topic.tenant)
            rate = (published + accepted + rejected) / outcome.replay_s[region]
            p50, p95, p99 = (latency.quantile(q) for q in QUANTILES.values())
            found.append(
                Line(
                    topic.product.id,
                    topic.tenant,
                    region,
                    published,
                    consumers,
                    accepted,
                    rejected,
                    p50,
                    p95,
                    p99,
                    rate,
                )
            )
    yield from sorted(found, key=lambda line: (line.product, line.region, line.tenant))


def as_json(outcome: Outcome, folder: str) -> dict[str, Any]:
    """All of it, for programs."""
    return {
        "ok": outcome.ok,
        "weeks": outcome.weeks,
        "folder": folder,
        "clusters": [asdict(cluster) for cluster in outcome.clusters],
        "seconds": {
            "setUp": round(outcome.set_up_s, 2),
            "replay": {region: round(seconds, 2) for region, seconds in outcome.replay_s.items()},
        },
        "topics": [
            {
                **{name: value for name, value in line._asdict().items() if name not in QUANTILES},
                "per_second": round(line.per_second, 1),
                "latency_ms": {name: getattr(line, name) for name in QUANTILES},
            }
            for line in lines(outcome)
        ],
        "accounts": [
            {**account._asdict(), **entry._asdict()}
            for told in outcome.accounts.told
            for account, entry in sorted(told.published.items())
        ],
        "refused": [{"tried": mistake["tried"], "error": mistake["error"]} for mistake in outcome.mistakes],
        "checks": [{"name": check.name, "ok": check.ok, "problems": check.problems} for check in outcome.checks],
        "findings": [
            {"application": told.application, "region": told.region, **told.findings} for told in outcome.accounts.told
        ],
    }


def print_report(outcome: Outcome, console: Console, folder: str, *, clusters_stay: bool = True) -> None:
    """``clusters_stay`` False: they were started for the demo, and have ended with it."""
    found = list(lines(outcome))
    for cluster in outcome.clusters:
        console.print(f"{cluster.region}: {escape(in_words(cluster))}", soft_wrap=True)
    console.print(_table(found))
    console.print(
        "[dim]Latency from the log's time to the handler; events/s are published and consumed ones.[/]", soft_wrap=True
    )
    published, consumed, rejected = (
        sum(getattr(line, name) for line in found) for name in ("published", "consumed", "rejected")
    )
    longest = max(outcome.replay_s.values())
    console.print()
    console.print(
        f"{published:,} events published and {consumed + rejected:,} consumed ({rejected:,} rejected) in {longest:.1f} s, "
        f"{(published + consumed + rejected) / longest:,.0f} a second; {outcome.set_up_s:.1f} s to set up.",
        soft_wrap=True,
    )
    for text in _found(outcome):
        console.print(f"  [dim]{escape(text)}[/]", soft_wrap=True)
    console.print()
    for check in outcome.checks:
        console.print(f"{'[green]yes[/]' if check.ok else '[bold red]NO [/]'} {escape(check.name)}", soft_wrap=True)
        for problem in check.problems[:SHOWN_PROBLEMS]:
            console.print(f"      [red]{escape(problem)}[/]", soft_wrap=True)
        if len(check.problems) > SHOWN_PROBLEMS:
            console.print(f"      and {len(check.problems) - SHOWN_PROBLEMS} more", soft_wrap=True)
    console.print()
    console.print("[bold]Look next[/]")
    commands = list(_next(folder) if clusters_stay else _next_after_local())
    width = max(len(command) for command, _ in commands) + 2
    for command, says in commands:
        console.print(f"  {escape(command):<{width}}[dim]{escape(says)}[/]", soft_wrap=True)


def _next(folder: str) -> Iterator[tuple[str, str]]:
    """Commands to go on with, and what each shows."""
    scripts = sysconfig.get_path("scripts")
    if shutil.which("headrace") is None:
        yield f'export PATH="{scripts}:$PATH"', "so that headrace is found"
    yield f"cd {shlex.quote(folder)}", "a declaration repository like any other"
    yield "headrace topics", "the topics of both clusters, with what they hold"
    yield "headrace lag", "how far each consumer group is behind: nowhere"
    yield "headrace tail order-proposals -t nordkorb --from earliest -n 3", "three events of the log"
    yield "headrace tail planograms -t maple-pantry --from earliest -n 1", "Avro reads the same"
    yield "headrace dead-letters mobile-replenishment -n 3", "what was rejected, and why"
    yield "headrace plan", "nothing to do, until a file below products/ changes"


def _next_after_local() -> Iterator[tuple[str, str]]:
    yield "headrace dev up --regions eu,us", "clusters that stay, and their settings"
    yield "headrace demo --config .headrace-dev/regions.yaml", "the demo on these, to look at afterwards"


def _table(found: list[Line]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("product", "tenant", "region"):
        table.add_column(title, no_wrap=True)
    for title in ("published", "consumers", "consumed", "rejected", "p50 ms", "p95 ms", "p99 ms", "events/s"):
        table.add_column(title, justify="right", no_wrap=True)
    product = ""
    for line in found:
        table.add_row(
            line.product if line.product != product else "",
            line.tenant,
            line.region,
            f"{line.published:,}",
            str(line.consumers),
            f"{line.consumed:,}",
            f"[yellow]{line.rejected:,}[/]" if line.rejected else "0",
            *("-" if value is None else f"{value:,}" for value in (line.p50, line.p95, line.p99)),
            f"{line.per_second:,.0f}",
        )
        product = line.product
    return table


def _found(outcome: Outcome) -> Iterator[str]:
    """What applications have made of the events, summed over the regions."""
    sums: dict[str, dict[str, float]] = {}
    for told in outcome.accounts.told:
        of = sums.setdefault(told.application, {})
        for name, value in told.findings.items():
            of[name] = of.get(name, 0) + value
    for application, of in sorted(sums.items()):
        if of:
            yield f"{application}: " + ", ".join(f"{value:,.0f} {name}" for name, value in of.items())
