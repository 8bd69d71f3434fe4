"""What every command shares: where output goes, how errors look, and the exit codes."""

from __future__ import annotations

import enum
import sys
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape

from headrace import errors

_SHOWN_FAULTS = 20

_PIPED_WIDTH = 1000
"""Not a terminal: rich would fold tables at 80 columns, and names in a file or a pipe must stay whole."""

console = Console(highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else _PIPED_WIDTH)
"""Standard output: the command's result, and nothing else."""

stderr = Console(stderr=True, highlight=False)
"""Standard error: progress, notes and errors."""


class EXIT(enum.IntEnum):
    """Exit codes of every command (design, 5)."""

    CLEAN = 0
    ERROR = 1
    USAGE = 2
    CHANGES = 3
    STALE = 4
    PARTIAL = 5
    INTERRUPTED = 6
    REFUSED = 7

    @staticmethod
    def of(error: errors.HeadraceError) -> EXIT:
        """The code that an error ends a command with."""
        for kind, code in _OF_ERROR.items():
            if isinstance(error, kind):
                return code
        return EXIT.ERROR


_OF_ERROR: dict[type[errors.HeadraceError], EXIT] = {
    errors.SettingsError: EXIT.USAGE,
    errors.StalePlan: EXIT.STALE,
    errors.PartialApply: EXIT.PARTIAL,
    errors.ApplyInterrupted: EXIT.INTERRUPTED,
    errors.PolicyRefused: EXIT.REFUSED,
}


def print_json(value: Any) -> None:
    """One JSON document on standard output, indented, keys as given."""
    text = msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2)
    sys.stdout.write(text.decode() + "\n")


def print_error(error: errors.HeadraceError, *, as_json: bool = False) -> None:
    """One error on standard error: ``error: message``, the hint below it, the code at the end."""
    if as_json:
        sys.stderr.write(msgspec.json.encode({"error": error.to_json()}, enc_hook=str).decode() + "\n")
        return
    message = error.message
    if isinstance(error, errors.CatalogueError):
        message = message.partition("; first:")[0]  # all of them follow
    stderr.print(f"[bold red]error[/]: {escape(message)} [dim]\\[{error.code}][/]", soft_wrap=True)
    if isinstance(error, errors.CatalogueError):
        for fault in error.faults[:_SHOWN_FAULTS]:
            stderr.print(f"  {escape(str(fault))}", soft_wrap=True)
        if len(error.faults) > _SHOWN_FAULTS:
            stderr.print(f"  and {len(error.faults) - _SHOWN_FAULTS} more")
    if error.hint:
        stderr.print(f"  [cyan]hint[/]: {escape(error.hint)}", soft_wrap=True)
