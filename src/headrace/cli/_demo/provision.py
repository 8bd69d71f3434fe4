"""check, plan and apply, as the commands of these names do them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from headrace.catalogue.load import load
from headrace.cli.regions import open_regions
from headrace.model.catalogue import Catalogue
from headrace.provisioning.apply import apply_plan, new_apply_id, refuse
from headrace.provisioning.changes import Plan
from headrace.provisioning.desired import desired
from headrace.provisioning.observed import observe
from headrace.provisioning.plan import make_plan


@dataclass(frozen=True, slots=True)
class Provisioned:
    """``again``: the plan after the apply, which must have nothing left to do."""

    catalogue: Catalogue
    plan: Plan
    again: Plan


def provision(folder: Path) -> Provisioned:
    """Make what the repository declares. Raises `CatalogueError`, `PolicyRefused`, `PartialApply`, and what the adapters
    raise."""
    catalogue = load(folder)
    wanted = desired(catalogue)
    with open_regions(catalogue, folder, sorted(catalogue.regions)) as connections:
        found = observe(wanted, connections)
        plan = make_plan(wanted, found)
        refuse(plan)
        apply_plan(plan, wanted, found, connections, apply_id=new_apply_id())
        return Provisioned(catalogue, plan, make_plan(wanted, observe(wanted, connections)))


def cluster_address(catalogue: Catalogue, folder: Path, region: str) -> str:
    """What an application is told of its region's cluster, as the setting ``cluster``."""
    return f"embedded:{folder / (catalogue.regions[region].cluster.path or f'.headrace/{region}')}"
