"""What a misspelt word was meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is nearest to ``word``; None where none is near. Case, '-' and '_' do not count."""
    by_folded: dict[str, str] = {}
    for candidate in sorted(known):
        by_folded.setdefault(_folded(candidate), candidate)
    found = difflib.get_close_matches(_folded(word), by_folded, n=1, cutoff=0.65)
    return by_folded[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """``did you mean 'x'?``, or the known words where none is near and they are few, or ``otherwise``."""
    known = sorted(known)
    near = closest(word, known)
    if near is not None and near != word:
        return f"did you mean '{near}'?"
    if known and len(known) <= 8:
        listed = f"there is {', '.join(known)}" if len(known) == 1 else f"there are {', '.join(known)}"
        return f"{listed}; {otherwise}" if otherwise else listed
    return otherwise


def _folded(word: str) -> str:
    return word.lower().replace("-", "").replace("_", "")
