"""From the command line's words to one command's function, with its module imported only then."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from headrace import cli
from headrace.cli.output import EXIT, print_error
from headrace.errors import HeadraceError


class _LazyGroup(TyperGroup):
    """Commands come from the table; completing or running one imports that one."""

    _listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        return [command.name for command in cli.COMMANDS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        command = cli._BY_NAME.get(cmd_name)
        if command is None:
            return None
        function: Any = _listed
        if not self._listing:
            function = getattr(importlib.import_module(command.module), command.name.replace("-", "_"))
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        app.command(name=command.name, short_help=command.summary, context_settings=_CONTEXT)(function)
        return typer.main.get_command(app)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        # Offering the names asks for every command; their summaries are all that is needed then.
        self._listing = True
        try:
            return super().shell_complete(ctx, incomplete)
        finally:
            self._listing = False

    def get_help(self, ctx: Any) -> str:
        return cli.help_text()


def _listed() -> None:
    """Stands for a command whose name alone is wanted."""


_CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"]}

_app = typer.Typer(
    cls=_LazyGroup,
    name="headrace",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings=_CONTEXT,
)


@_app.callback()
def _root() -> None:
    """Streaming data products for retail planning, on Apache Kafka."""


def run(argv: Sequence[str]) -> int:
    """Run one command line; its exit code. A `HeadraceError` is told in words, or as JSON where the command was asked
    for JSON; anything else is a bug of ours and keeps its traceback."""
    as_json = "--json" in argv
    # Without a handler Python writes warnings of the client's, which tries again by itself, between a command's own lines.
    logging.getLogger("headrace").addHandler(logging.NullHandler())
    try:
        _app(args=list(argv), prog_name="headrace", standalone_mode=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else EXIT.CLEAN if end.code is None else EXIT.ERROR
    except HeadraceError as error:
        print_error(error, as_json=as_json)
        return EXIT.of(error)
    except BrokenPipeError:
        # `headrace tail ... | head`: the reader has gone, which is not an error of ours.
        return EXIT.CLEAN
    except KeyboardInterrupt:
        return 130
    return EXIT.CLEAN
