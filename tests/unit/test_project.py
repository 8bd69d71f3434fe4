"""Rules of the project that no linter knows."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _committed(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, check=True, text=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_notice_names_every_dependency() -> None:
    """Each package that pyproject.toml asks for stands in NOTICE with its licence."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"].values()
    asked = [*project["project"]["dependencies"], *(d for group in groups for d in group if isinstance(d, str))]
    notice = (ROOT / "NOTICE").read_text()
    names = {re.split(r"[\[<>=~ ]", dependency)[0] for dependency in asked}
    assert [name for name in sorted(names) if not re.search(rf"\b{re.escape(name)}\b", notice)] == []


def test_the_locks_hold_every_dependency() -> None:
    """What pyproject.toml asks for at run time is in runtime.lock, and what it asks for to develop in dev.lock."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"].values()
    asked = {
        "runtime.lock": project["project"]["dependencies"],
        "dev.lock": [d for group in groups for d in group if isinstance(d, str)],
    }
    for lock, dependencies in asked.items():
        held = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements" / lock).read_text(), re.MULTILINE))
        names = {re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~ ]", d)[0]).lower() for d in dependencies}
        assert names <= held, f"run `make lock`: {lock} lacks {sorted(names - held)}"


def test_every_test_says_what_it_proves() -> None:
    """Each test function has a docstring whose first sentence says what it proves."""
    silent = []
    for path in [
        *_committed("tests/**/test_*.py", "tests/test_*.py"),
        *_committed("src/headrace/testing/conformance/*.py"),
    ]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                text = ast.get_docstring(node) or ""
                if len(text.split()) < 4:
                    silent.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}")
    assert silent == []


def test_no_source_file_passes_500_lines() -> None:
    """A file of more than 500 lines hides a second idea."""
    long = {
        str(p.relative_to(ROOT)): n for p in _committed("src/**/*.py") if (n := len(p.read_text().splitlines())) > 500
    }
    assert long == {}


@pytest.mark.parametrize(
    "pattern", [r"/(?:work|root|farm)/\w", r"files\.pythonhosted|pypi\.org/simple|repo\.maven|npmjs"]
)
def test_nothing_committed_names_a_machine_or_a_registry_s_host(pattern: str) -> None:
    """No committed text holds a path of one machine or the address of a package registry."""
    found = []
    for path in _committed():
        if path == Path(__file__) or path.suffix in {".gz", ".zst", ".png", ".db"}:
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if re.search(pattern, line):
                found.append(f"{path.relative_to(ROOT)}:{number}")
    assert found == []


def test_every_module_says_what_it_is() -> None:
    """Each source module begins with a docstring."""
    silent = [
        str(path.relative_to(ROOT))
        for path in _committed("src/**/*.py")
        if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_every_decision_has_its_four_parts() -> None:
    """A decision page states context, options, choice and how it shows."""
    pages = [p for p in _committed("docs/decisions/*.md") if p.name != "README.md"]
    assert pages
    for page in pages:
        text = page.read_text()
        missing = [part for part in ("Context", "Options", "Choice", "How it shows") if part not in text]
        assert not missing, f"{page.name} lacks {missing}"
