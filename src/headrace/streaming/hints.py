"""Hints in errors: what was probably meant, and what there is."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(text: str, known: Iterable[str]) -> str:
    """``did you mean X?``, or what there is."""
    names = sorted(known)
    close = difflib.get_close_matches(str(text), names, 1, 0.6)
    if not close:
        # A word written in another case or with other separators is as close as can be.
        plain = _plain(str(text))
        close = [name for name in names if _plain(name) == plain][:1]
    return f"did you mean {close[0]}?" if close else f"there are {options(names)}"


def options(names: Iterable[str]) -> str:
    """A list for people: at most eight names, and how many more."""
    listed = list(names)
    if not listed:
        return "none"
    more = f" and {len(listed) - 8} more" if len(listed) > 8 else ""
    return ", ".join(listed[:8]) + more


def _plain(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())
