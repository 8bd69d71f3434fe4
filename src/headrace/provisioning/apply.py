"""Carrying out a plan: in a safe order, in batches, journalled, and stoppable between batches.

What is half done needs no repair: the next plan is what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from headrace.clock import SYSTEM_CLOCK, Clock
from headrace.errors import ApplyInterrupted, PartialApply, PolicyRefused
from headrace.provisioning.apply_region import RegionApply, Step
from headrace.provisioning.changes import Plan, RegisterSchema
from headrace.provisioning.desired import Desired
from headrace.provisioning.observed import Observed, RegionConnection
from headrace.provisioning.self_check import check_first_schemas
from headrace.provisioning.together import in_each_region

BATCH = 250
"""Changes of one kind that go out together. A stop waits for one batch at most."""

Progress = Callable[[Step], None]


@dataclass(frozen=True)
class ApplyResult:
    """``apply``: its id in the journals. ``done``: changes by region."""

    apply: str
    done: Mapping[str, int] = field(default_factory=dict)


def new_apply_id(clock: Clock = SYSTEM_CLOCK) -> str:
    """An id for one apply that sorts by time and can be read: ``20260131T134500Z-9f3a1c20``."""
    now = datetime.fromtimestamp(clock.now_ms() / 1000, tz=UTC)
    return f"{now:%Y%m%dT%H%M%SZ}-{uuid4().hex[:8]}"


def apply_plan(
    plan: Plan,
    wanted: Desired,
    found: Observed,
    connections: Mapping[str, RegionConnection],
    *,
    apply_id: str,
    clock: Clock = SYSTEM_CLOCK,
    stop: Callable[[], bool] = lambda: False,
    progress: Progress = lambda _: None,
    batch: int = BATCH,
) -> ApplyResult:
    """Carry out ``plan``, which was made of ``wanted`` and ``found``. Regions at the same time; a failure in one does not hold
    up another. ``stop`` is asked between batches; it and ``progress`` are called from a thread of each region.

    Raises `PolicyRefused` (the plan has refusals; nothing was touched), `IncompatibleSchema` and other registry errors of
    the check before first registrations (nothing was touched), `PartialApply` (``failures``, ``skipped``),
    `ApplyInterrupted` (``done``, ``total``).
    """
    refuse(plan)

    def check(id_: str) -> None:
        firsts = {
            change.product: wanted.regions[id_].subjects[change.name]
            for change in reversed(plan.of_region(id_))
            if isinstance(change, RegisterSchema) and change.first
        }
        check_first_schemas(id_, connections[id_].registry, (firsts[key] for key in sorted(firsts)))

    def apply(id_: str) -> RegionApply | None:
        changes = plan.of_region(id_)
        last = found[id_].last_apply
        if not (changes or (last is not None and last.unfinished)):
            return None  # with nothing left to do, an apply that was cut short is still to be closed in the journal
        region = RegionApply(
            changes=changes,
            wanted=wanted.regions[id_],
            found=found[id_],
            connection=connections[id_],
            apply_id=apply_id,
            plan_hash=plan.hash,
            commit=wanted.commit,
            clock=clock,
            stop=stop,
            progress=progress,
            batch=batch,
        )
        region.run()
        return region

    regions = sorted(wanted.regions)
    in_each_region(regions, check)
    applied = {id_: region for id_, region in in_each_region(regions, apply).items() if region is not None}
    done = {id_: region.done for id_, region in applied.items()}
    failures = [
        {"region": id_, "change": key, "error": text}
        for id_, region in applied.items()
        for key, text in region.failures.items()
    ]
    skipped = sum(region.skipped for region in applied.values())
    total = len(plan.changes)
    if any(region.interrupted for region in applied.values()):
        count = sum(done.values())
        raise ApplyInterrupted(
            f"stopped after {count} of {total} changes",
            hint="run `headrace apply` again: it goes on with what is left",
            apply=apply_id,
            done=count,
            total=total,
            failures=tuple(failures),
        )
    if failures:
        raise PartialApply(
            f"{len(failures)} of {total} changes failed"
            + (f", {skipped} were held back because of it" if skipped else "")
            + f"; first: {failures[0]['region']}: {failures[0]['change']}: {failures[0]['error']}",
            hint="run `headrace apply` again when the cause is gone: it goes on with what is left",
            apply=apply_id,
            done=sum(done.values()),
            total=total,
            failures=tuple(failures),
            skipped=skipped,
        )
    return ApplyResult(apply_id, done)


def refuse(plan: Plan) -> None:
    """Raise `PolicyRefused` (``refusals``) for a plan that may not be applied."""
    if plan.refusals:
        first = plan.refusals[0]
        more = f"; and {len(plan.refusals) - 1} more refusals" if len(plan.refusals) > 1 else ""
        raise PolicyRefused(f"{first.message}{more}", hint=first.hint, refusals=plan.refusals)
