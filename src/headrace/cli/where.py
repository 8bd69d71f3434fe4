"""Where a command works: which declaration repository it starts from, and which region it talks to."""

from __future__ import annotations

from pathlib import Path

from headrace.errors import UnknownTenant
from headrace.settings import load_settings


def repository(named: Path | None) -> Path | None:
    """The declaration repository: the one named, else the setting, else the working directory where it is one (as for
    `headrace plan`); None where the applied catalogue is to be used (a `cluster` is set)."""
    settings = load_settings(catalogue=named)
    found: Path | None = settings.catalogue
    if found is None and settings.cluster is None and Path("headrace.yaml").is_file():
        return Path()
    return found


def region_of(tenant: str, region: str | None, catalogue: Path | None) -> str | None:
    """The region, or None where nothing says it (the settings then say how to name one). Raises `UnknownTenant`."""
    settings = load_settings(region=region, catalogue=catalogue)
    named: str | None = settings.region
    if named is not None or settings.catalogue is None:
        return named
    from headrace.catalogue.load import load
    from headrace.streaming.hints import did_you_mean

    loaded = load(settings.catalogue)
    found = loaded.tenants.get(tenant)
    if found is None:
        raise UnknownTenant(f"there is no tenant {tenant!r}", hint=did_you_mean(tenant, loaded.tenants), tenant=tenant)
    return found.region
