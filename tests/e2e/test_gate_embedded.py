"""The gate on the embedded default, by the commands alone: what breaks is refused, what is harmless has its exception."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from headrace.bootstrap import open_region
from headrace.catalogue.load import load
from headrace.cli.runner import run
from headrace.errors import IncompatibleSchema
from headrace.model.schema import Compatibility
from headrace.provisioning.desired import desired
from tests.unit.catalogue.planting import copy_retail, replace

PRODUCT = "products/sales-events/product.yaml"
SCHEMAS = "products/sales-events/schemas"
SUBJECT = "sales-events.v1.nordkorb-value"


@pytest.fixture
def applied(tmp_path: Path) -> Path:
    """The example, applied."""
    root = copy_retail(tmp_path / "retail")
    assert run(["apply", str(root), "--yes"]) == 0
    for example in (root / "products/sales-events/examples").rglob("*.json"):
        example.rename(example.with_suffix(".1.json"))
    return root


def second_version(root: Path, change: Any) -> None:
    schema = json.loads((root / SCHEMAS / "SaleRecorded.1.json").read_text())
    change(schema["properties"])
    (root / SCHEMAS / "SaleRecorded.2.json").write_text(json.dumps(schema, indent=2))
    replace(PRODUCT, "Recorded.1.json]", "Recorded.1.json, schemas/SaleRecorded.2.json]")(root)


def test_what_breaks_somebody_is_refused_and_so_does_the_registry(
    applied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wider type: plan and apply end with 7 and say who breaks; whoever goes past them meets the registry's own refusal."""
    second_version(applied, lambda fields: fields["quantity"].update(type=["integer", "null"]))
    capsys.readouterr()
    assert run(["plan", str(applied)]) == 7
    out = capsys.readouterr().out
    assert "sales-events.v1 schema version 2" in out and "plan breaks (reads data.quantity" in out
    assert run(["apply", str(applied), "--yes"]) == 7
    catalogue = load(applied)
    parts = open_region(catalogue.regions["eu"], base=applied)
    try:
        schema = desired(catalogue).regions["eu"].subjects[SUBJECT].schemas[1].text
        with pytest.raises(IncompatibleSchema) as caught:
            parts.registry.register(SUBJECT, schema)
        assert any("quantity" in reason for reason in caught.value.reasons)
        assert parts.registry.versions(SUBJECT) == [1]
    finally:
        parts.close()


def test_what_only_the_registry_refuses_goes_through_by_exception(applied: Path) -> None:
    """A field that nobody reads is dropped: 7 without an exception; with one it is registered, the level stands again, and the
    next plan is empty."""
    second_version(applied, lambda fields: fields.pop("couponDiscount"))
    assert run(["plan", str(applied)]) == 7
    text = (applied / PRODUCT).read_text()
    approved = "exceptions: [{schemaVersion: 2, reason: it was never filled, approvedBy: the board}]\n"
    (applied / PRODUCT).write_text(text + approved)
    assert run(["apply", str(applied), "--yes"]) == 0
    parts = open_region(load(applied).regions["eu"], base=applied)
    try:
        assert list(parts.registry.versions(SUBJECT)) == [1, 2]
        assert parts.registry.compatibility(SUBJECT) is Compatibility.FORWARD_TRANSITIVE
    finally:
        parts.close()
    assert run(["plan", str(applied)]) == 0
