"""Both type checkers that people use refuse what is wrong in tests/typing/programs, and nothing else."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))
ROOT = Path(__file__).parents[2]


def expected(program: Path) -> set[int]:
    lines = enumerate(program.read_text().splitlines(), 1)
    return {number for number, line in lines if line.endswith("# expect-error")}


def differences(reported: dict[str, dict[int, list[str]]]) -> dict[str, object]:
    out: dict[str, object] = {}
    for program in PROGRAMS:
        got, wanted = reported.get(program.name, {}), expected(program)
        missing = sorted(wanted - got.keys())
        surprising = {line: got[line] for line in sorted(got.keys() - wanted)}
        if missing or surprising:
            out[program.name] = {"not refused": missing, "refused": surprising}
    return out


@pytest.mark.slow
def test_mypy_refuses_exactly_what_is_wrong(tmp_path: Path) -> None:
    """mypy --strict reports an error on each marked line (misspelt fields of handlers and events among them), no other."""
    run = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--no-pretty", "--show-absolute-path", "--hide-error-context"),
            *("--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(tmp_path), *map(str, PROGRAMS)),
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    reported: dict[str, dict[int, list[str]]] = {}
    for line in run.stdout.splitlines():
        match = re.match(r"(?P<path>.+?):(?P<line>\d+): error: (?P<text>.*)", line)
        if match:
            # Only these programs count: what mypy says of the package itself is `make lint`'s.
            reported.setdefault(Path(match["path"]).name, {}).setdefault(int(match["line"]), []).append(match["text"])
    assert reported, run.stdout + run.stderr
    assert differences(reported) == {}


@pytest.mark.slow
def test_pyright_refuses_exactly_what_is_wrong(tmp_path: Path) -> None:
    """pyright reports an error on each marked line, no other."""
    # pyright reads only what lies below its configuration.
    shutil.copytree(Path(__file__).parent / "programs", tmp_path / "programs")
    config = tmp_path / "pyrightconfig.json"
    config.write_text(
        json.dumps(
            {
                "include": ["programs"],
                "extraPaths": [str(ROOT / "src")],
                "pythonVersion": "3.11",
                "reportUnusedExpression": False,
                "reportUnnecessaryTypeIgnoreComment": False,
            }
        )
    )
    run = subprocess.run(
        [sys.executable, "-m", "pyright", "--project", str(config), "--outputjson", "--pythonpath", sys.executable],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert run.stdout, run.stderr
    reported: dict[str, dict[int, list[str]]] = {}
    for diagnostic in json.loads(run.stdout)["generalDiagnostics"]:
        if diagnostic["severity"] == "error":
            line = diagnostic["range"]["start"]["line"] + 1
            reported.setdefault(Path(diagnostic["file"]).name, {}).setdefault(line, []).append(diagnostic["message"])
    assert reported, run.stdout
    assert differences(reported) == {}


@pytest.mark.slow
def test_generated_models_are_strict_and_refuse_a_misspelt_field(tmp_path: Path) -> None:
    """What `headrace models` writes passes mypy --strict and ruff, and a handler that misspells one of its fields does not."""
    from headrace.streaming.model_source import model_source
    from headrace.testing.small_catalogue import small_catalogue

    (tmp_path / "sales_events.py").write_text(model_source(small_catalogue().products["sales-events.v1"]))
    (tmp_path / "handlers.py").write_text(
        "import headrace\n"
        "from sales_events import SaleRecorded\n\n"
        'app = headrace.App("plan")\n\n\n'
        '@app.consumer("sales-events", events=[SaleRecorded])\n'
        "def on_sale(event: headrace.Event[SaleRecorded]) -> None:\n"
        "    print(event.data.quantity, event.data.promotion_id, event.data.quantitty)\n"
    )
    run = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--no-pretty", "--cache-dir", str(tmp_path / "cache")),
            *("--config-file", str(ROOT / "pyproject.toml"), "sales_events.py", "handlers.py"),
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"MYPYPATH": str(ROOT / "src")},
        check=False,
    )
    errors = [line for line in run.stdout.splitlines() if ": error: " in line]
    assert len(errors) == 1, run.stdout
    assert errors[0].startswith("handlers.py:9: error: ")
    assert "quantitty" in errors[0]
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E,F,W,I,UP", "--line-length", "120"]
    assert subprocess.run([*ruff, "sales_events.py"], cwd=tmp_path, check=False).returncode == 0
