"""A declaration repository, read whole: a trusted catalogue, or every fault that it has.

The libraries behind it (pydantic, ruamel.yaml, jsonschema-rs) are imported by the first call, not by this module: a command
that needs no catalogue does not pay for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from headrace.errors import CatalogueError, Fault
from headrace.model.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class CheckResult:
    """``catalogue`` is None where there are faults. ``faults`` are in order of file, line and column."""

    catalogue: Catalogue | None
    faults: tuple[Fault, ...]


def check(directory: Path) -> CheckResult:
    """Read the repository at ``directory`` and check every rule. Never raises for what stands in it."""
    from headrace.catalogue.reading import read_repository

    return CheckResult(*read_repository(directory))


def load(directory: Path) -> Catalogue:
    """The catalogue at ``directory``. Raises `CatalogueError` with all faults."""
    result = check(directory)
    if result.catalogue is None:
        raise CatalogueError(result.faults)
    return result.catalogue
