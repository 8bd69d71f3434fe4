"""`headrace check` and `headrace schema`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from headrace.cli.runner import run
from tests.unit.catalogue.planting import RETAIL, SALES, copy_retail, replace


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    root = copy_retail(tmp_path / "retail")
    replace(SALES, "status: active", "status: live")(root)
    replace("tenants/nordkorb.yaml", "region: eu", "region: eu|<b>@all")(root)
    return root


def test_a_clean_repository_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """Text output says how much there is, by region, and the exit code is 0."""
    assert run(["check", str(RETAIL)]) == 0
    out = capsys.readouterr().out
    assert "no faults" in out and "eu: 3 tenants, 22 topics" in out and "us: 1 tenants, 8 topics" in out


def test_faults_are_grouped_by_file(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Text output has each file once as a heading, each fault with place, code and way out, and a sum; the exit code is 1."""
    assert run(["check", str(broken)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == SALES
    assert lines[1].startswith(f"  {SALES}:6:9  HR204  'status' is \"live\"")
    assert "active" in lines[2]
    assert lines[-1] == "2 faults in 2 files"


def test_json_has_the_documented_shape(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--json is one object: `clean` and `faults`, and where clean the name, commit and counts."""
    assert run(["check", str(broken), "--json"]) == 1
    value = json.loads(capsys.readouterr().out)
    assert value["clean"] is False and set(value) == {"clean", "faults"}
    assert set(value["faults"][0]) == {"path", "line", "column", "code", "message", "hint"}
    assert run(["check", str(RETAIL), "--format", "json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert set(value) == {"clean", "faults", "name", "commit", "counts"} and value["faults"] == []
    assert value["counts"]["regions"]["us"] == {"tenants": 1, "topics": 8}


def test_markdown_cannot_be_broken_by_what_is_in_the_repository(
    broken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A merge request's note is a table with a row for each fault; text of the repository in it neither ends a cell, nor
    becomes markup, nor calls anybody."""
    assert run(["check", str(broken), "--format", "markdown"]) == 1
    out = capsys.readouterr().out
    rows = [line for line in out.splitlines() if line.startswith("| `")]
    assert out.startswith("**headrace check**: 2 faults in 2 files.")
    assert len(rows) == 2
    assert r"eu\|\<b\>@" in rows[1] and "@all" not in rows[1]


def test_a_directory_that_is_not_there_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped directory exits with 2 and is named."""
    assert run(["check", str(tmp_path / "nowhere")]) == 2
    # The box around a usage error wraps a long path.
    assert "nowhere" in re.sub(r"[\s│]", "", capsys.readouterr().err)


def test_schema_prints_one_kind_or_all(capsys: pytest.CaptureFixture[str]) -> None:
    """`headrace schema` prints JSON; an unknown kind is a usage error."""
    assert run(["schema"]) == 0
    assert "StreamingDataProduct" in json.loads(capsys.readouterr().out)["definitions"]
    assert run(["schema", "Tenant"]) == 0
    assert "region" in json.loads(capsys.readouterr().out)["properties"]
    assert run(["schema", "Tennant"]) == 2
