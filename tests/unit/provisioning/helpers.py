"""Planning and applying against a world in memory, in one call each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from headrace.clock import ManualClock
from headrace.provisioning.apply import ApplyResult, apply_plan
from headrace.provisioning.apply_region import Step
from headrace.provisioning.changes import Plan
from headrace.provisioning.desired import desired
from headrace.provisioning.observed import observe
from headrace.provisioning.plan import make_plan
from tests.unit.provisioning.catalogues import Repository
from tests.unit.provisioning.memory import World

TODAY = date(2026, 6, 1)


def plan_of(repository: Repository, world: World, allow_delete: int | None = None) -> Plan:
    """The plan for what the world holds now."""
    wanted = desired(repository.catalogue(), today=TODAY)
    return make_plan(wanted, observe(wanted, world.connections, ManualClock()), allow_delete=allow_delete)


def apply_all(
    repository: Repository,
    world: World,
    allow_delete: int | None = None,
    *,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[Step], None] = lambda _: None,
    batch: int = 250,
) -> ApplyResult:
    """Plan, and carry it out."""
    wanted = desired(repository.catalogue(), today=TODAY)
    found = observe(wanted, world.connections, ManualClock())
    plan = make_plan(wanted, found, allow_delete=allow_delete)
    return apply_plan(
        plan,
        wanted,
        found,
        world.connections,
        apply_id="apply-1",
        clock=ManualClock(),
        stop=stop,
        progress=progress,
        batch=batch,
    )
