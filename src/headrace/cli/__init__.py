"""The `headrace` command.

Start-up is measured (`benchmarks/cli_start.py`): this module and what it imports at the top are all that
``headrace --help`` costs. A command's module, and typer with it, is imported only when that command runs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NamedTuple


class Command(NamedTuple):
    """``module`` holds a function of the same name as ``name`` (with ``_`` for ``-``)."""

    name: str
    summary: str
    section: str
    module: str


def _table(section: str, *rows: tuple[str, str]) -> tuple[Command, ...]:
    return tuple(Command(name, summary, section, f"headrace.cli.{name.replace('-', '_')}") for name, summary in rows)


COMMANDS: tuple[Command, ...] = (
    *_table(
        "Declare",
        ("check", "Check a declaration repository: every fault, with file and line"),
        ("compat", "Tell whether one schema may follow another, and prove it"),
        ("history", "Show every schema version of a product with its verdict"),
        ("schema", "Print the JSON Schema of the declarations, for editors"),
        ("models", "Generate typed Python models of a product's events"),
    ),
    *_table(
        "Provision",
        ("plan", "Show what apply would change, and change nothing"),
        ("apply", "Make topics, subjects and schemas as declared"),
        ("topics", "List topics with their settings and contents"),
    ),
    *_table(
        "Operate",
        ("publish", "Publish events from JSON lines, each one checked"),
        ("tail", "Show a product's events as they arrive"),
        ("lag", "Show how far each consumer is behind"),
        ("dead-letters", "Show what an application's consumers rejected, and why"),
        ("registry", "Serve a schema registry of Confluent's API, for development"),
        ("residency", "Show where each tenant's data are, and that they are nowhere else"),
    ),
    *_table(
        "Learn",
        ("demo", "Run a grocery chain's real panel data through declared products"),
        ("dev", "Start a local Apache Kafka and registry for each region, or stop them"),
    ),
)

_BY_NAME = {command.name: command for command in COMMANDS}


def help_text() -> str:
    """The help of `headrace` itself: the table above, as text of at most 100 columns."""
    lines = ["Usage: headrace COMMAND [OPTIONS]", "", "Streaming data products for retail planning, on Apache Kafka."]
    section = ""
    for command in COMMANDS:
        if command.section != section:
            section = command.section
            lines += ["", f"{section}:"]
        lines.append(f"  {command.name:<13} {command.summary}")
    lines += [
        "",
        "Options:",
        "  --version               Print the version",
        "  --install-completion    Install completion for this shell",
        "  --show-completion       Print the completion for this shell",
        "  -h, --help              Print this; `headrace COMMAND --help` tells of one command",
        "",
        "Exit codes: 0 clean, 1 error, 2 usage, 3 changes, 4 stale plan, 5 partial, 6 interrupted, 7 refused.",
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code (design: exit codes of provisioning)."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    if "_HEADRACE_COMPLETE" not in os.environ:
        if not argv or argv[0] in ("-h", "--help", "help"):
            sys.stdout.write(help_text() + "\n")
            raise SystemExit(0 if argv else 2)
        if argv[0] == "--version":
            from headrace.version import version

            sys.stdout.write(f"headrace {version()}\n")
            raise SystemExit(0)
    from headrace.cli.runner import run

    raise SystemExit(run(argv))
