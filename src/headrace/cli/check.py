"""`headrace check`: every fault of a declaration repository, and what a change of it means for those who read; for people,
programs and merge requests."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from headrace.cli.output import EXIT, console, print_json

if TYPE_CHECKING:
    from headrace.catalogue.git_base import Base
    from headrace.cli.check_report import CheckReport
    from headrace.errors import Fault
    from headrace.model.catalogue import Catalogue
    from headrace.provisioning.branch import BranchReport


class CheckFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    GITLAB = "gitlab"
    SARIF = "sarif"


def check(
    directory: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="The declaration repository", exists=True, file_okay=False)
    ] = Path(),
    base: Annotated[
        str | None, typer.Option(metavar="REF", help="Every schema that is new since this branch, against its history")
    ] = None,
    lint: Annotated[bool, typer.Option("--lint", help="Look for what works and will be regretted, too")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="--lint, and a warning is a failure")] = False,
    format_: Annotated[CheckFormat, typer.Option("--format", help="How to print the result")] = CheckFormat.TEXT,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json")] = False,
    no_witness: Annotated[bool, typer.Option("--no-witness", help="Show none; the verdict is the same")] = False,
) -> None:
    """Check a declaration repository: every fault at once, each with file, line, code and the way out.

    With --base origin/main also every schema version that this branch brings: what the registry will answer, what is true, who
    breaks. docs/declaration.md explains the faults, docs/verdicts.md the verdicts, docs/lint.md the warnings. Exits with 0 when
    nothing is wrong, 1 with faults or a change that breaks somebody, 7 where only the registry refuses.
    """
    report = _report(directory, base, lint or strict, witness=not no_witness)
    _print(report, CheckFormat.JSON if as_json else format_)
    raise typer.Exit(_exit(report, strict))


def _report(directory: Path, ref: str | None, lint: bool, *, witness: bool) -> CheckReport:
    from headrace.catalogue.load import check as check_repository
    from headrace.cli.check_report import CheckReport

    # A base that cannot be found is told before any fault: the call is wrong, whatever the repository is.
    found = _found(directory, ref)
    result = check_repository(directory)
    warnings = None
    branch = None
    if result.catalogue is not None:
        if lint:
            from headrace.catalogue.lint import lint as lint_repository

            warnings = lint_repository(directory, result.catalogue)
        if found is not None:
            branch = _compared(directory, result.catalogue, found, witness=witness)
    return CheckReport(directory, result.catalogue, result.faults, warnings, found, branch)


def _found(directory: Path, ref: str | None) -> Base | None:
    from headrace.catalogue.git_base import find_base

    return None if ref is None else find_base(directory, ref)


def _compared(directory: Path, catalogue: Catalogue, base: Base, *, witness: bool) -> BranchReport:
    from headrace.catalogue.against_base import read_base
    from headrace.catalogue.git_base import checked_out
    from headrace.provisioning.branch import branch_report

    with checked_out(directory, base.fork) as folder:
        fork = read_base(folder)
    tip = fork
    if base.tip != base.fork:
        with checked_out(directory, base.tip) as folder:
            tip = read_base(folder)
    return branch_report(catalogue, fork, tip, witness=witness)


def _exit(report: CheckReport, strict: bool) -> EXIT:
    from headrace.cli.compat import exit_code

    if report.all_faults or (strict and report.warnings):
        return EXIT.ERROR
    return EXIT.CLEAN if report.branch is None else exit_code(report.branch.outcome)


def _print(report: CheckReport, format_: CheckFormat) -> None:
    from headrace.cli import check_report
    from headrace.cli.check_note import as_markdown

    match format_:
        case CheckFormat.JSON:
            print_json(as_object(report))
        case CheckFormat.MARKDOWN:
            sys.stdout.write(as_markdown(report, _counted(report.catalogue)))
        case CheckFormat.GITLAB:
            print_json(check_report.as_gitlab(report))
        case CheckFormat.SARIF:
            print_json(check_report.as_sarif(report))
        case _:
            _print_text(report)


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


def as_object(report: CheckReport) -> dict[str, Any]:
    """The shape of ``--json``: ``faults`` always; ``counts`` and ``commit`` where there are none; ``warnings`` with --lint;
    ``base`` with --base."""
    out: dict[str, Any] = {"clean": not report.all_faults, "faults": [_fault(f) for f in report.all_faults]}
    if report.catalogue is not None and not report.all_faults:
        catalogue = report.catalogue
        out |= {"name": catalogue.name, "commit": catalogue.commit, "counts": counts(catalogue)}
    if report.warnings is not None:
        out["warnings"] = [_fault(w) for w in report.warnings]
    if report.base is not None and report.branch is not None:
        from headrace.provisioning.review import as_object as review_object

        branch = report.branch
        out["clean"] = out["clean"] and branch.outcome.passes
        out["base"] = {
            "ref": report.base.ref,
            "commit": report.base.fork,
            "outcome": branch.outcome,
            "reviews": [review_object(review) for review in branch.reviews],
            "stopped": [
                {"product": s.product, "events": {e: {"by": w, "still": left} for e, (w, left) in s.events.items()}}
                | {"breaks": s.breaks}
                for s in branch.stopped
            ],
            "new": branch.fresh,
            "modes": {product: {"old": old, "new": new} for product, (old, new) in branch.modes.items()},
        }
    return out


def _fault(f: Fault) -> dict[str, Any]:
    return {"path": f.path, "line": f.line, "column": f.column, "code": f.code, "message": f.message, "hint": f.hint}


def _counted(catalogue: Catalogue | None) -> list[str]:
    if catalogue is None:
        return []
    sums = counts(catalogue)
    lines = [
        f"**headrace check**: no faults in {_products(sums)}.",
        "",
        "| region | tenants | topics |",
        "| --- | --: | --: |",
    ]
    return lines + [f"| {region} | {of['tenants']} | {of['topics']} |" for region, of in sums["regions"].items()]


def _products(sums: dict[str, Any]) -> str:
    streaming, batch = sums["streamingProducts"], sums["batchProducts"]
    return f"{streaming} streaming and {batch} batch products, {sums['applications']} applications, {sums['tenants']} tenants"


def _print_text(report: CheckReport) -> None:
    from headrace.cli.check_note import summary

    lines = [*_by_file(report.all_faults, "red"), *_by_file(report.warnings or (), "yellow")]
    if report.branch is not None and report.base is not None:
        lines += _branch_lines(report.branch, report.base.ref)
    if report.all_faults:
        lines.append(f"[bold red]{summary(report.all_faults)}[/]")
    elif report.catalogue is not None:
        sums = counts(report.catalogue)
        lines.append(f"[bold green]no faults[/]: {escape(report.catalogue.name)}, {_products(sums)}")
        lines += [f"  {escape(r)}: {of['tenants']} tenants, {of['topics']} topics" for r, of in sums["regions"].items()]
    if report.warnings:
        lines.append(f"[yellow]{summary(report.warnings).replace('fault', 'warning')}[/]")
    for line in lines:
        console.print(line, soft_wrap=True)


def _by_file(faults: Sequence[Fault], colour: str) -> Iterator[str]:
    from headrace.cli.check_note import place_of

    for path, of_file in groupby(faults, key=lambda fault: fault.path):
        yield f"[bold]{escape(path)}[/]"
        for fault in of_file:
            # Editors and terminals make file:line:column a link, so it stands whole in each line.
            yield f"  [dim]{escape(place_of(fault))}[/]  [{colour}]{fault.code}[/]  {escape(fault.message)}"
            if fault.hint:
                yield f"      [cyan]{escape(fault.hint)}[/]"
        yield ""


def _branch_lines(branch: BranchReport, ref: str) -> Iterator[str]:
    from headrace.cli import verdict_text

    for review in branch.reviews:
        yield from verdict_text.review_lines(review)
        yield ""
    for stopped in branch.stopped:
        for each in stopped.breaks:
            word = "[red]breaks[/]" if each.breaks else "may break"
            yield f"[bold]{escape(stopped.product)}[/]: {escape(each.application)} {word}: {escape('; '.join(each.because))}"
    for product, (old, new) in branch.modes.items():
        yield f"[bold]{escape(product)}[/]: the mode is {new} now, and was {old}"
    if branch.reviews or branch.stopped:
        yield f"Schema changes since {escape(ref)}: {verdict_text.outcome_line(branch.outcome)}"
    else:
        yield f"No schema version is new since {escape(ref)}"
