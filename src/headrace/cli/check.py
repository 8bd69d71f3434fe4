"""`headrace check`: every fault of a declaration repository, for people, programs and merge requests."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from headrace.cli.output import EXIT, console, print_json

if TYPE_CHECKING:
    from headrace.errors import Fault
    from headrace.model.catalogue import Catalogue


class CheckFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


def check(
    directory: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="The declaration repository", exists=True, file_okay=False)
    ] = Path(),
    format_: Annotated[CheckFormat, typer.Option("--format", help="How to print the result")] = CheckFormat.TEXT,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json")] = False,
) -> None:
    """Check a declaration repository: every fault at once, each with file, line, code and the way out.

    Exits with 0 when there is no fault, else with 1. docs/declaration.md explains every code.
    """
    from headrace.catalogue.load import check as check_repository

    result = check_repository(directory)
    match CheckFormat.JSON if as_json else format_:
        case CheckFormat.JSON:
            print_json(as_object(result.catalogue, result.faults))
        case CheckFormat.MARKDOWN:
            sys.stdout.write(as_markdown(result.catalogue, result.faults))
        case _:
            _print_text(result.catalogue, result.faults)
    raise typer.Exit(EXIT.ERROR if result.faults else EXIT.CLEAN)


def counts(catalogue: Catalogue) -> dict[str, Any]:
    """How much a catalogue holds: numbers of things, and by region those of tenants and topics."""
    active = [p for p in catalogue.products.values() if p.status.provisioned]
    regions = {}
    for region in catalogue.regions:
        tenants = [t for t in catalogue.tenants.values() if t.region == region]
        topics = sum(1 for p in active for _ in catalogue.tenants_of(p, region))
        regions[region] = {"tenants": len(tenants), "topics": topics}
    return {
        "streamingProducts": len(catalogue.products),
        "batchProducts": len(catalogue.batch_products),
        "applications": len(catalogue.applications),
        "tenants": len(catalogue.tenants),
        "regions": regions,
    }


def as_object(catalogue: Catalogue | None, faults: Sequence[Fault]) -> dict[str, Any]:
    """The shape of ``--json``: ``faults`` always, ``counts`` and ``commit`` where there are none."""
    out: dict[str, Any] = {
        "clean": not faults,
        "faults": [
            {"path": f.path, "line": f.line, "column": f.column, "code": f.code, "message": f.message, "hint": f.hint}
            for f in faults
        ],
    }
    if catalogue is not None:
        out |= {"name": catalogue.name, "commit": catalogue.commit, "counts": counts(catalogue)}
    return out


def as_markdown(catalogue: Catalogue | None, faults: Sequence[Fault]) -> str:
    """A note for a merge request: a line that sums up, and a table of the faults or of what there is."""
    if catalogue is not None:
        sums = counts(catalogue)
        lines = [
            f"**headrace check**: no faults in {_products(sums)}.",
            "",
            "| region | tenants | topics |",
            "| --- | --: | --: |",
        ]
        lines += [f"| {region} | {of['tenants']} | {of['topics']} |" for region, of in sums["regions"].items()]
    else:
        lines = [
            f"**headrace check**: {_summary(faults)}.",
            "",
            "| place | code | fault | way out |",
            "| --- | --- | --- | --- |",
        ]
        lines += [f"| `{_place(f)}` | {f.code} | {_cell(f.message)} | {_cell(f.hint)} |" for f in faults]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    # A fault repeats text of the repository: it must not become markup of the note.
    for character in "\\`*_[]<>|#":
        text = text.replace(character, f"\\{character}")
    return text.replace("@", "@\u200b").replace("\n", " ")


def _place(fault: Fault) -> str:
    path = fault.path.replace("`", "'").replace("|", "/")
    return f"{path}:{fault.line}:{fault.column}" if fault.line else path


def _summary(faults: Sequence[Fault]) -> str:
    files = len({fault.path for fault in faults})
    fault_noun = "fault" if len(faults) == 1 else "faults"
    return f"{len(faults)} {fault_noun} in {files} {'file' if files == 1 else 'files'}"


def _products(sums: dict[str, Any]) -> str:
    streaming, batch = sums["streamingProducts"], sums["batchProducts"]
    return f"{streaming} streaming and {batch} batch products, {sums['applications']} applications, {sums['tenants']} tenants"


def _print_text(catalogue: Catalogue | None, faults: Sequence[Fault]) -> None:
    for path, of_file in groupby(faults, key=lambda fault: fault.path):
        console.print(f"[bold]{escape(path)}[/]", soft_wrap=True)
        for fault in of_file:
            # Editors and terminals make file:line:column a link, so it stands whole in each line.
            place = escape(f"{path}:{fault.line}:{fault.column}" if fault.line else path)
            console.print(f"  [dim]{place}[/]  [red]{fault.code}[/]  {escape(fault.message)}", soft_wrap=True)
            if fault.hint:
                console.print(f"      [cyan]{escape(fault.hint)}[/]", soft_wrap=True)
        console.print()
    if catalogue is None:
        console.print(f"[bold red]{_summary(faults)}[/]", soft_wrap=True)
        return
    sums = counts(catalogue)
    console.print(f"[bold green]no faults[/]: {escape(catalogue.name)}, {_products(sums)}", soft_wrap=True)
    for region, of in sums["regions"].items():
        console.print(f"  {escape(region)}: {of['tenants']} tenants, {of['topics']} topics", soft_wrap=True)
