"""The demo's folder: a copy of the retail catalogue, the data, and what `headrace` then makes of them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace.cli._demo import data
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


def prepare(folder: Path, stores: Sequence[str], *, whole: bool) -> Prepared:
    """Make the folder anew. Raises `SettingsError` where it holds something else, or the stores are not in the data."""
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
    (folder / "headrace.toml").write_text(_SETTINGS)
    (folder / ".gitignore").write_text("*\n")
    if not whole:
        return Prepared(folder, data.SAMPLE, tuple(stores))
    from headrace.cli._demo.extract import extract

    extract(stores, folder / "data")
    return Prepared(folder, folder / "data", tuple(stores))


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
