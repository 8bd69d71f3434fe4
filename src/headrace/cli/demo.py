"""`headrace demo`: a grocery chain's panel data through declared data products."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from headrace.cli.output import EXIT, console, print_json, stderr

FOLDER = Path(".headrace-demo")


class Source(StrEnum):
    SAMPLE = "sample"
    FULL = "full"


def demo(
    weeks: Annotated[int, typer.Option(min=1, max=53, help="How many weeks to replay, from the first")] = 53,
    stores: Annotated[str | None, typer.Option(help="Which stores, by number: 367,406 (with --data full any)")] = None,
    data: Annotated[
        Source, typer.Option(help="Two stores, or the whole set, which pip install headrace\\[demo] brings")
    ] = Source.SAMPLE,
    directory: Annotated[
        Path, typer.Option("--dir", help="The folder to work in; emptied if an earlier demo made it")
    ] = FOLDER,
    kafka: Annotated[
        bool,
        typer.Option("--kafka", help="On Apache Kafka: a cluster and a registry for each region, started and ended"),
    ] = False,
    config: Annotated[
        Path | None, typer.Option(help="On clusters of your own: a file with regions eu and us, as in headrace.yaml")
    ] = None,
    shared: Annotated[
        bool, typer.Option("--shared", help="With --config: although the clusters hold topics of others")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON")] = False,
) -> None:
    """Check, plan and apply the retail catalogue, then run its applications on a grocery chain's panel data.

    Seven applications in two regions, fourteen processes, publish and consume a year of it as fast as they can, on the
    embedded broker or on Kafka. At the end it says what went through, and whether all of it adds up: exits with 0 if so,
    else 1. The folder stays, to look at.
    """
    if kafka and config is not None:
        raise typer.BadParameter("--kafka starts clusters of its own: leave out --config")
    from headrace.cli._demo import clusters
    from headrace.cli._demo import data as input_data
    from headrace.cli._demo.calendar import week_of
    from headrace.cli._demo.prepare import prepare
    from headrace.cli._demo.report import as_json as report_as_json
    from headrace.cli._demo.report import print_report
    from headrace.cli._demo.run import run
    from headrace.cli._demo.show import Shown

    whole = data is Source.FULL
    named = tuple(part.strip() for part in stores.split(",")) if stores else input_data.SAMPLE_STORES
    try:
        with _ending_on_sigterm(), Shown(stderr) as show, ExitStack() as started:
            regions = None if config is None else clusters.regions_of(config)
            if kafka:
                regions = started.enter_context(clusters.local_kafka(show.starting))
            prepared = prepare(directory, named, whole=whole, regions=regions)
            sales = sum(week_of(sale.sold_at) <= weeks for sale in input_data.read_sales(prepared.data, named))
            show.input(str(directory), sales, named, weeks)
            outcome = run(prepared, weeks, show, shared=shared)
    except KeyboardInterrupt:
        stderr.print("Interrupted; all applications have ended.")
        raise
    if as_json:
        print_json(report_as_json(outcome, str(prepared.folder)))
    else:
        print_report(outcome, console, str(directory), clusters_stay=not kafka)
    raise typer.Exit(EXIT.CLEAN if outcome.ok else EXIT.ERROR)


@contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    """SIGTERM ends the applications too, as Ctrl-C does."""

    def end(*_: object) -> None:
        raise SystemExit(143)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
