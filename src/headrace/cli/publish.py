"""`headrace publish`: events from JSON lines, each one checked before any is published."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from headrace.cli.output import EXIT, print_json, stderr
from headrace.errors import EventError, HeadraceError

if TYPE_CHECKING:
    from headrace.streaming.producer import Producer

_SHOWN = 50


def publish(
    product: Annotated[str, typer.Argument(help="The product's id")],
    event: Annotated[str, typer.Argument(help="The event's name")],
    file: Annotated[Path | None, typer.Argument(help="JSON lines; standard input if left out")] = None,
    tenant: Annotated[str, typer.Option("--tenant", "-t", help="The tenant to publish for")] = "",
    application: Annotated[str | None, typer.Option(help="The application to publish as")] = None,
    region: Annotated[str | None, typer.Option(help="The region; else the setting, else the tenant's")] = None,
    catalogue: Annotated[
        Path | None, typer.Option(help="A declaration repository; else the setting, else the working directory")
    ] = None,
    major: Annotated[int | None, typer.Option(help="Which major of the product")] = None,
    envelope: Annotated[
        bool, typer.Option("--envelope", help="Lines are objects of `data` and, where wanted, id, time, subject, meta")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every line, publish nothing")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON")] = False,
) -> None:
    """Publish events from JSON lines, one event's data a line.

    Every line is checked first: if one is at fault, all faults are listed with their line numbers and nothing is published.
    """
    from headrace.bootstrap import App
    from headrace.cli.where import region_of, repository

    if not tenant:
        raise typer.BadParameter("name the tenant with --tenant")
    lines = _read(file)
    catalogue = repository(catalogue)
    app = App(application, region=region or region_of(tenant, region, catalogue), catalogue=catalogue)
    with app:
        producer = app.producer(product, major=major)
        events, faults = _check(producer, event, tenant, lines, envelope)
        published = 0
        if not faults and not dry_run:
            published = _publish(producer, event, tenant, events)
    if as_json:
        print_json(
            {
                "lines": len(lines),
                "valid": len(events),
                "published": published,
                "faults": [{"line": number, "error": error.to_json()} for number, error in faults],
            }
        )
    else:
        for number, error in faults[:_SHOWN]:
            stderr.print(f"[red]line {number}[/]: {escape(str(error))}", soft_wrap=True)
        if len(faults) > _SHOWN:
            stderr.print(f"and {len(faults) - _SHOWN} more")
        what = f"{len(events)} of {len(lines)} lines are valid"
        stderr.print(f"{what}; nothing was published" if faults or dry_run else f"published {published} events")
    if faults:
        raise typer.Exit(EXIT.ERROR)


def _read(file: Path | None) -> list[tuple[int, bytes]]:
    """Numbered lines, blank ones left out."""
    if file is None and sys.stdin.isatty():
        stderr.print("reading JSON lines from the terminal; end with Ctrl-D")
    content = sys.stdin.buffer.read() if file is None else file.read_bytes()
    return [(number, line) for number, line in enumerate(content.splitlines(), 1) if line.strip()]


_ATTRIBUTES = ("id", "time", "subject", "meta")


def _check(
    producer: Producer, event: str, tenant: str, lines: Iterable[tuple[int, bytes]], envelope: bool
) -> tuple[list[tuple[Any, dict[str, Any]]], list[tuple[int, HeadraceError]]]:
    """What can be published, and what is wrong with the rest. An error that is not about one event is raised."""
    events: list[tuple[Any, dict[str, Any]]] = []
    faults: list[tuple[int, HeadraceError]] = []
    for number, line in lines:
        attributes: dict[str, Any] = {}
        try:
            data = msgspec.json.decode(line)
        except msgspec.DecodeError as error:
            faults.append((number, EventError(f"is not JSON: {error}")))
            continue
        if envelope:
            if not isinstance(data, dict) or "data" not in data:
                faults.append((number, EventError("has no `data`", hint="leave out --envelope if lines are data")))
                continue
            attributes = {name: data[name] for name in _ATTRIBUTES if name in data}
            data = data["data"]
        try:
            producer.check(event, data, tenant=tenant, **attributes)
        except EventError as error:
            faults.append((number, error))
            continue
        events.append((data, attributes))
    return events, faults


def _publish(producer: Producer, event: str, tenant: str, events: list[tuple[Any, dict[str, Any]]]) -> int:
    columns = (TextColumn("publishing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal) as progress:
        task = progress.add_task("publishing", total=len(events))
        receipts = []
        for data, attributes in events:
            receipts.append(producer.publish(event, data, tenant=tenant, **attributes))
            progress.advance(task)
        for receipt in receipts:
            receipt.result(timeout=60)
    return len(receipts)
