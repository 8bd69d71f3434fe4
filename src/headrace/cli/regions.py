"""Opening the regions of a declaration repository, for commands that look at all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.clock import SYSTEM_CLOCK
from headrace.errors import SettingsError

if TYPE_CHECKING:
    from headrace.model.catalogue import Catalogue
    from headrace.provisioning.observed import RegionConnection


def today() -> date:
    """The date, in UTC."""
    return datetime.fromtimestamp(SYSTEM_CLOCK.now_ms() / 1000, tz=UTC).date()


def chosen_regions(catalogue: Catalogue, named: Sequence[str] | None) -> list[str]:
    """The named regions, or all. Raises `SettingsError` for one that is not declared."""
    unknown = sorted(set(named or ()) - catalogue.regions.keys())
    if unknown:
        raise SettingsError(
            f"there is no region {', '.join(unknown)}",
            hint=f"headrace.yaml declares {', '.join(sorted(catalogue.regions))}",
            regions=unknown,
        )
    return sorted(set(named)) if named else sorted(catalogue.regions)


@contextmanager
def open_regions(
    catalogue: Catalogue, directory: Path, regions: Sequence[str]
) -> Iterator[dict[str, RegionConnection]]:
    """Each region's broker and registry, closed at the end."""
    from headrace.bootstrap import open_region
    from headrace.provisioning.observed import RegionConnection

    with ExitStack() as stack:
        connections = {}
        for id_ in regions:
            parts = open_region(catalogue.regions[id_], base=directory)
            stack.callback(parts.close)
            connections[id_] = RegionConnection(parts.broker, parts.registry)
        yield connections
