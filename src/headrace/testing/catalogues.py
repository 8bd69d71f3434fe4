"""Catalogues for tests: loaded and compiled once a process, with schema ids counted from 1."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from headrace.errors import SettingsError
from headrace.model.catalogue import Catalogue
from headrace.model.compiled import CompiledCatalogue
from headrace.provisioning.compile import compile_catalogue


def compiled_catalogue(given: str | Path | Catalogue | CompiledCatalogue, region: str | None) -> CompiledCatalogue:
    """What ``given`` says of a region; of its only one where none is named. Raises `CatalogueError`, `SettingsError`."""
    if isinstance(given, CompiledCatalogue):
        return given
    if isinstance(given, Catalogue):
        return compile_catalogue(given, _region(given, region))
    return _compiled_folder(Path(given).resolve(), region)


@lru_cache(maxsize=16)
def _loaded(folder: Path) -> Catalogue:
    # Imported here: a test that brings a compiled catalogue does without pydantic and YAML.
    from headrace.catalogue.load import load

    return load(folder)


@lru_cache(maxsize=32)
def _compiled_folder(folder: Path, region: str | None) -> CompiledCatalogue:
    catalogue = _loaded(folder)
    return compile_catalogue(catalogue, _region(catalogue, region))


def _region(catalogue: Catalogue, region: str | None) -> str:
    if region is not None:
        return region
    if len(catalogue.regions) == 1:
        return next(iter(catalogue.regions))
    raise SettingsError(
        f"the catalogue has the regions {', '.join(catalogue.regions)}: which one?", hint="region=...", option="region"
    )
