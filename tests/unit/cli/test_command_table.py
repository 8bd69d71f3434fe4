"""The command line as a whole."""

from __future__ import annotations

import subprocess
import sys

import pytest

from headrace import cli

pytestmark = pytest.mark.slow


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "headrace.cli", *arguments], capture_output=True, text=True, timeout=60
    )


def test_help_imports_neither_typer_nor_any_library() -> None:
    """`headrace --help` stays quick because it loads nothing beyond the table of commands."""
    code = (
        "import sys, headrace.cli\n"
        "try: headrace.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'typer', 'click', 'rich', 'pydantic', 'apsw', 'msgspec', 'orjson', 'jsonschema_rs'} & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_no_arguments_print_the_help_and_are_a_usage_error() -> None:
    """`headrace` alone shows what there is, and exits with 2."""
    done = _run()
    assert done.returncode == 2
    assert "Usage: headrace" in done.stdout


@pytest.mark.parametrize("command", [c.name for c in cli.COMMANDS])
def test_every_command_of_the_table_has_a_help_of_its_own(command: str) -> None:
    """Each name in the table runs: its module imports, and `--help` prints its usage."""
    done = _run(command, "--help")
    assert done.returncode == 0, done.stderr
    assert f"headrace {command}" in done.stdout


def test_an_unknown_command_is_a_usage_error() -> None:
    """A mistyped command exits with 2 and names it."""
    done = _run("chekc")
    assert done.returncode == 2
    assert "chekc" in done.stderr


def test_completion_knows_the_commands() -> None:
    """Shell completion offers the commands of the table without running any."""
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv=['headrace']; from headrace.cli import main; main([])"],
        capture_output=True,
        text=True,
        timeout=60,
        env={"_HEADRACE_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "headrace t", "PATH": ""},
    )
    assert "tail" in done.stdout
    assert "topics" in done.stdout
