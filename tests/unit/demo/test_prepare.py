"""The demo's folder: never somebody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.catalogue.load import load
from headrace.cli._demo import data
from headrace.cli._demo.prepare import prepare
from headrace.errors import SettingsError


def test_the_folder_is_a_declaration_repository(tmp_path: Path) -> None:
    """A folder that is not there is made: the retail catalogue without a fault, with settings that point at it."""
    prepared = prepare(tmp_path / "a" / "b", data.SAMPLE_STORES, whole=False)
    assert load(prepared.folder).name == "retail"
    assert 'catalogue = "."' in (prepared.folder / "headrace.toml").read_text()
    assert prepared.data == data.SAMPLE


def test_an_earlier_demo_s_folder_is_made_anew(tmp_path: Path) -> None:
    """What an earlier run left behind is gone, and the folder is complete."""
    first = prepare(tmp_path, data.SAMPLE_STORES, whole=False)
    (first.folder / ".headrace").mkdir()
    (first.folder / "products" / "sales-events" / "product.yaml").unlink()
    prepare(tmp_path, data.SAMPLE_STORES, whole=False)
    assert not (tmp_path / ".headrace").exists()
    assert load(tmp_path).name == "retail"


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    """A folder that holds anything not of the demo's is refused and not touched; so is a file."""
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(SettingsError, match="not the demo's"):
        prepare(tmp_path, data.SAMPLE_STORES, whole=False)
    with pytest.raises(SettingsError, match="not the demo's"):
        prepare(tmp_path / "letter.txt", data.SAMPLE_STORES, whole=False)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize(
    ("stores", "says"), [(("367", "9999"), "no store 9999"), (("367", "367"), "twice"), (("../x",), "number")]
)
def test_stores_that_cannot_be_are_refused(tmp_path: Path, stores: tuple[str, ...], says: str) -> None:
    """A store outside the sample, one named twice, and what is no number are refused before anything is made."""
    with pytest.raises(SettingsError, match=says):
        prepare(tmp_path / "new", stores, whole=False)
    assert not (tmp_path / "new").exists()
