"""The README's code does what it says, on the retail catalogue."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEADRACE = [sys.executable, "-m", "headrace.cli"]


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "retail"
    shutil.copytree(ROOT / "examples" / "retail", folder, ignore=shutil.ignore_patterns(".headrace"))
    monkeypatch.setenv("HEADRACE_CATALOGUE", str(folder))
    subprocess.run([*HEADRACE, "apply", str(folder), "--yes"], check=True, capture_output=True)
    return folder


def test_the_producer_and_the_consumer_of_the_readme_work(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the first block publishes the second one prints, both as written, but for the event's data and the endless run."""
    producer, consumer = _blocks("python")
    example = json.loads((repository / "products/sales-events/examples/SaleRecorded/bananas.json").read_text())
    assert "{...}" in producer
    exec(compile(producer.replace("{...}", repr(example)), "README.md", "exec"), {})
    assert "app.run()" in consumer
    until_caught_up = "with app:\n    app.start()\n    app.wait_until_caught_up(30)"
    exec(compile(consumer.replace("app.run()", until_caught_up), "README.md", "exec"), {})
    assert capsys.readouterr().out.split() == ["nordkorb", example["productId"], str(example["quantity"])]


def test_the_commands_of_the_readme_are_there() -> None:
    """Every `headrace ...` command that the README shows is in the table of commands."""
    from headrace.cli import COMMANDS

    shown = set(re.findall(r"^headrace ([a-z-]+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert shown
    assert shown <= {command.name for command in COMMANDS}
