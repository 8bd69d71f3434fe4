"""`headrace history`: every schema version of a product with its verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from headrace.cli.runner import run
from tests.unit.catalogue.planting import RETAIL, copy_retail, replace


def test_a_product_s_versions_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """The first has no verdict; the second what it is against the first, by what counts for the product."""
    assert run(["history", "order-proposals", str(RETAIL), "--verbose"]) == 0
    out = capsys.readouterr().out
    assert "the first" in out and "compatible" in out and "OrderProposalCancelled" in out
    assert "the semantic verdict counts: it is exposed to customers" in out
    assert "plan does not; promo-pricing does not; mobile-replenishment does not" in out


def test_json_has_every_version(capsys: pytest.CaptureFixture[str]) -> None:
    """--json: the mode, and for each version its events and the whole review; by key it is the one major."""
    assert run(["history", "order-proposals.v1", str(RETAIL), "--json"]) == 0
    (product,) = json.loads(capsys.readouterr().out)["products"]
    assert (product["product"], product["mode"]) == ("order-proposals.v1", "FORWARD_TRANSITIVE")
    first, second = product["versions"]
    assert (first["version"], first["review"]) == (1, None)
    assert second["review"]["outcome"] == "compatible" and second["review"]["gate"] == "semantic"
    assert second["events"] == ["OrderProposalCreated"]


def test_an_unknown_product_is_told_with_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt id is an error with what was probably meant."""
    assert run(["history", "order-proposls", str(RETAIL)]) == 1
    assert "did you mean 'order-proposals'?" in capsys.readouterr().err


def test_what_passed_by_exception_is_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A version that only the registry refuses, with its exception and who approved it."""
    root = copy_retail(tmp_path / "retail")
    path = "products/sales-events"
    schema = json.loads((root / path / "schemas/SaleRecorded.1.json").read_text())
    optional = next(name for name in schema["properties"] if name not in (*schema["required"], "retailDiscount"))
    del schema["properties"][optional]
    (root / path / "schemas/SaleRecorded.2.json").write_text(json.dumps(schema))
    for example in (root / path / "examples").rglob("*.json"):
        example.rename(example.with_suffix(".1.json"))
    replace(f"{path}/product.yaml", "SaleRecorded.1.json]", "SaleRecorded.1.json, schemas/SaleRecorded.2.json]")(root)
    text = (root / path / "product.yaml").read_text()
    exception = "exceptions: [{schemaVersion: 2, reason: never filled, approvedBy: the board}]\n"
    (root / path / "product.yaml").write_text(text + exception)
    assert run(["history", "sales-events", str(root), "-v"]) == 0
    out = capsys.readouterr().out
    assert "refused by the registry, and harmless (by exception)" in out
    assert "registered by exception, approved by the board: never filled" in out
