"""Which region a command talks to: what is named, else the setting, else where the tenant lives."""

from __future__ import annotations

from pathlib import Path

from headrace.errors import UnknownTenant
from headrace.settings import load_settings


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
