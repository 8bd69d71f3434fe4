"""`headrace plan`: what `apply` would change. It writes nothing to a cluster."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli.output import EXIT, stderr

if TYPE_CHECKING:
    from headrace.provisioning.changes import Plan


class PlanFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


def plan(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="The declaration repository")] = Path(),
    format_: Annotated[PlanFormat, typer.Option("--format", help="How to print it")] = PlanFormat.TEXT,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Every change, not one line a product")] = False,
    out: Annotated[Path | None, typer.Option(help="Save the plan to this file, for `headrace apply --plan`")] = None,
    allow_delete: Annotated[
        int | None, typer.Option(min=0, help="Plan the deletion of what is not declared any more, at most so many")
    ] = None,
    region: Annotated[list[str] | None, typer.Option(help="Only this region; may be given again")] = None,
) -> None:
    """Show what apply would change, and change nothing.

    Exits with 0 when there is nothing to change, 3 when there is (or settings or access rules have drifted), 7 when the plan is
    refused.
    """
    from headrace.catalogue.load import load
    from headrace.cli.regions import chosen_regions, open_regions, today
    from headrace.provisioning.desired import desired
    from headrace.provisioning.observed import observe
    from headrace.provisioning.plan import encode_plan, make_plan

    catalogue = load(directory)
    regions = chosen_regions(catalogue, region)
    wanted = desired(catalogue, regions=regions)
    with open_regions(catalogue, directory, regions) as connections:
        found = observe(wanted, connections)
    made = make_plan(wanted, found, allow_delete=allow_delete, today=today())
    show(made, PlanFormat.JSON if as_json else format_, verbose=verbose)
    if out is not None:
        out.write_bytes(encode_plan(made) + b"\n")
        stderr.print(f"Saved to {out}; carry it out with: headrace apply {directory} --plan {out}", soft_wrap=True)
    raise typer.Exit(exit_code(made))


def show(made: Plan, format_: PlanFormat, *, verbose: bool = False) -> None:
    """Print a plan on standard output."""
    import sys

    from headrace.provisioning import render
    from headrace.provisioning.plan import encode_plan

    if format_ is PlanFormat.JSON:
        import msgspec

        sys.stdout.write(msgspec.json.format(encode_plan(made), indent=2).decode() + "\n")
    elif format_ is PlanFormat.MARKDOWN:
        sys.stdout.write(render.markdown(made))
    else:
        sys.stdout.write(render.text(made, verbose=verbose) + "\n")


def exit_code(made: Plan) -> EXIT:
    """What `plan` ends with."""
    if made.refusals:
        return EXIT.REFUSED
    return EXIT.CHANGES if made.changes or made.drift or made.foreign else EXIT.CLEAN
