"""Every kind of fault, planted into the retail catalogue, alone and all at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.catalogue.codes import Code
from headrace.catalogue.load import check, load
from headrace.errors import CatalogueError
from tests.unit.catalogue import planted_rules, planted_text
from tests.unit.catalogue.planting import Plant, copy_retail

pytestmark = pytest.mark.slow


PLANTS = (
    *(planted_text.FILES + planted_text.SHAPE + planted_text.NAMES),
    *(planted_rules.OWNERSHIP + planted_rules.SCHEMAS + planted_rules.LIFE),
    *(planted_rules.REGIONS + planted_rules.BATCH),
)


def _reported(root: Path) -> list[tuple[str, int, int, str]]:
    return [(f.path, f.line, f.column, f.code) for f in check(root).faults]


@pytest.mark.parametrize("plant", PLANTS, ids=lambda p: p.name)
def test_a_planted_fault_is_reported_where_it_stands_and_nothing_else(plant: Plant, tmp_path: Path) -> None:
    """One fault gives exactly the expected reports, each with file, line and column: no cascade."""
    root = copy_retail(tmp_path / "retail")
    plant.apply(root)
    assert _reported(root) == sorted(e.place(root) for e in plant.expected)


def test_all_of_them_at_once_are_all_reported(tmp_path: Path) -> None:
    """A repository with all planted faults that can stand together reports every one, each in its place, and no more."""
    root = copy_retail(tmp_path / "retail")
    together = [plant for plant in PLANTS if not plant.alone]
    for plant in together:
        plant.apply(root)
    expected = sorted(e.place(root) for plant in together for e in plant.expected)
    assert len(together) > 80
    assert _reported(root) == expected


def test_every_code_is_planted() -> None:
    """There is no kind of fault that no test provokes."""
    planted = {code for plant in PLANTS for code in plant.codes}
    assert [code.name for code in Code if code not in planted] == []


def test_every_fault_says_what_to_do(tmp_path: Path) -> None:
    """Each fault has a message and a hint, and neither ends in a full stop or spans lines."""
    root = copy_retail(tmp_path / "retail")
    for plant in PLANTS:
        if not plant.alone:
            plant.apply(root)
    for fault in check(root).faults:
        assert fault.message and fault.hint, fault
        assert not fault.message.endswith(".") and "\n" not in fault.message + fault.hint, fault


def test_load_raises_with_all_faults(tmp_path: Path) -> None:
    """`load` refuses a repository with faults, and the error holds the same faults as `check`."""
    root = copy_retail(tmp_path / "retail")
    for plant in PLANTS:
        if not plant.alone:
            plant.apply(root)
    with pytest.raises(CatalogueError) as caught:
        load(root)
    assert caught.value.faults == check(root).faults
