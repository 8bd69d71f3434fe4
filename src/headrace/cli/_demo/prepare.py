"""The demo's folder: a copy of the retail catalogue, the data, and what `headrace` then makes of them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace.cli._demo import data
from headrace.cli._demo.clusters import Regions
from headrace.errors import SettingsError

_MARK = ".headrace-demo-folder"
"""A folder that holds this file is the demo's own, to be made anew by the next run."""

_SETTINGS = """\
# Commands run in this folder read its catalogue: `headrace topics`, `headrace lag`, `headrace tail PRODUCT --tenant T`.
catalogue = "."
"""


@dataclass(frozen=True, slots=True)
class Prepared:
    """``folder``: the declaration repository. ``data``: the three files of the input. ``stores``: as dealt out."""

    folder: Path
    data: Path
    stores: tuple[str, ...]


CATALOGUE = Path(__file__).parent / "retail"
"""The retail catalogue: a link to ``examples/retail`` in the source tree, its files where Headrace was installed."""


def prepare(folder: Path, stores: Sequence[str], *, whole: bool, regions: Regions | None = None) -> Prepared:
    """Make the folder anew. ``regions`` stand in the place of the catalogue's own, which are on the embedded broker. Raises
    `SettingsError` where it holds something else, or the stores are not in the data."""
    if len(set(stores)) != len(stores):
        raise SettingsError("a store is named twice", stores=list(stores))
    strange = sorted(store for store in stores if not store.isdecimal())
    if strange:
        raise SettingsError(f"{strange[0]!r} is not a store's number", stores=strange)
    if not whole and (missing := sorted(set(stores) - set(data.SAMPLE_STORES))):
        raise SettingsError(
            f"the sample has no store {', '.join(missing)}",
            hint=f"it has {' and '.join(data.SAMPLE_STORES)}; all others come with --data full",
            stores=missing,
        )
    folder = folder.absolute()
    _empty(folder)
    shutil.copytree(CATALOGUE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".headrace"))
    if regions is not None:
        _replace_regions(folder / "headrace.yaml", regions)
    (folder / "headrace.toml").write_text(_SETTINGS)
    (folder / ".gitignore").write_text("*\n")
    if not whole:
        return Prepared(folder, data.SAMPLE, tuple(stores))
    from headrace.cli._demo.extract import extract

    extract(stores, folder / "data")
    return Prepared(folder, folder / "data", tuple(stores))


def _replace_regions(path: Path, regions: Regions) -> None:
    from ruamel.yaml import YAML

    yaml = YAML()
    document = yaml.load(path)
    for id_, region in regions.items():
        named = {"name": document["regions"][id_]["name"], **region}
        document["regions"][id_] = named
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(document, file)


def _empty(folder: Path) -> None:
    if folder.is_dir() and (folder / _MARK).is_file():
        shutil.rmtree(folder)
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingsError(
            f"{folder} is there and is not the demo's",
            hint="name another folder with --dir; it is made if it is not there",
            folder=str(folder),
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARK).write_text("Made by `headrace demo`, which empties this folder when it runs here again.\n")
