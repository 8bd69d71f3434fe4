"""`headrace apply`: make what is declared."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headrace.cli.output import EXIT, print_error, print_json, stderr
from headrace.cli.plan import PlanFormat, show
from headrace.errors import ApplyInterrupted, PartialApply, SettingsError, StalePlan

if TYPE_CHECKING:
    from headrace.provisioning.apply_region import Step
    from headrace.provisioning.changes import Plan


def apply(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="The declaration repository")] = Path(),
    plan: Annotated[
        Path | None, typer.Option(help="Only if it is still this plan, saved by `headrace plan --out`")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask")] = False,
    allow_delete: Annotated[
        int | None, typer.Option(min=0, help="Delete what is not declared any more, at most so many")
    ] = None,
    region: Annotated[list[str] | None, typer.Option(help="Only this region; may be given again")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show every change")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON; the plan is not shown")] = False,
) -> None:
    """Make topics, subjects, schemas and the run-time catalogue as declared.

    Shows the plan and asks, when on a terminal. Interrupt it with Ctrl-C: it stops after the step that it is at, and the
    next apply goes on. Exits with 0 applied, 4 the saved plan is stale, 5 some changes failed, 6 interrupted, 7 refused.
    """
    from headrace.catalogue.load import load
    from headrace.cli.regions import chosen_regions, open_regions, today
    from headrace.provisioning.apply import apply_plan, new_apply_id, refuse
    from headrace.provisioning.desired import desired
    from headrace.provisioning.observed import observe
    from headrace.provisioning.plan import make_plan

    saved = _saved(plan) if plan is not None else None
    if saved is not None:
        allow_delete = saved.allow_delete if allow_delete is None else allow_delete
        region = region or [capacity.region for capacity in saved.capacity]
    catalogue = load(directory)
    regions = chosen_regions(catalogue, region)
    wanted = desired(catalogue, regions=regions)
    with open_regions(catalogue, directory, regions) as connections:
        found = observe(wanted, connections)
        made = make_plan(wanted, found, allow_delete=allow_delete, today=today())
        if saved is not None and saved.hash != made.hash:
            raise _stale(saved.hash, made.hash, "the saved plan")
        if not as_json:
            show(made, PlanFormat.TEXT, verbose=verbose)
        refuse(made)
        if made.changes and not yes and saved is None and sys.stdin.isatty() and sys.stdout.isatty():
            if not typer.confirm("Apply?"):
                raise typer.Exit(EXIT.CHANGES)
            found = observe(wanted, connections)
            again = make_plan(wanted, found, allow_delete=allow_delete, today=today())
            if again.hash != made.hash:
                raise _stale(made.hash, again.hash, "what was shown")
            made = again
        apply_id = new_apply_id()
        try:
            with _stopping() as stop, _progress(len(made.changes)) as progress:
                result = apply_plan(
                    made, wanted, found, connections, apply_id=apply_id, stop=stop.is_set, progress=progress
                )
        except (PartialApply, ApplyInterrupted) as error:
            _failed(error, as_json)
            raise typer.Exit(EXIT.of(error)) from error
    if as_json:
        print_json({"apply": result.apply, "plan": made.hash, "commit": made.commit, "done": dict(result.done)})
    elif made.changes:
        stderr.print(f"[green]Applied[/] {sum(result.done.values())} changes.")


def _saved(path: Path) -> Plan:
    import msgspec

    from headrace.provisioning.plan import decode_plan

    try:
        return decode_plan(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"the plan {path} cannot be read: {error.strerror}", option="plan") from error
    except msgspec.MsgspecError as error:
        raise SettingsError(
            f"{path} is no plan: {error}", hint="make one with `headrace plan --out FILE`", option="plan"
        ) from error


def _stale(old: str, new: str, what: str) -> StalePlan:
    return StalePlan(
        f"{what} is not what there is to do now ({old[:12]}, now {new[:12]})",
        hint="something changed since: look at a new plan",
        plan=old,
        now=new,
    )


def _failed(error: PartialApply | ApplyInterrupted, as_json: bool) -> None:
    print_error(error, as_json=as_json)
    if not as_json:
        for failure in error.failures:
            stderr.print(f"  {failure['region']} {failure['change']}: {failure['error']}", markup=False, soft_wrap=True)


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set: the apply ends between two steps. A second signal ends it as usual."""
    event = threading.Event()
    before: dict[int, Any] = {}

    def on_signal(number: int, _: FrameType | None) -> None:
        event.set()
        signal.signal(number, before[number])
        sys.stderr.write("\nStopping after this step; once more to stop at once.\n")

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.getsignal(number)
        signal.signal(number, on_signal)
    try:
        yield event
    finally:
        for caught, handler in before.items():
            signal.signal(caught, handler)


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    """What is told of each step: a bar on a terminal, nothing elsewhere."""
    if not total or not stderr.is_terminal:
        yield lambda _: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, transient=True) as bar:
        task = bar.add_task("apply", total=total)

        def step(step: Step) -> None:
            bar.update(task, advance=step.count, description=f"{step.region} {step.label[:60]}")

        yield step
