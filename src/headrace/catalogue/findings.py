"""A fault before its place in the text has been looked up: most files have none, so places are found only when needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from headrace.catalogue.codes import Code

Path = tuple[str | int, ...]
"""A part of a document: keys and indexes from its root."""


class Place(NamedTuple):
    """In a text, both from 1; (0, 0) is the whole file."""

    line: int
    column: int


WHOLE_FILE = Place(0, 0)


@dataclass(frozen=True, slots=True)
class Finding:
    """``path`` says where in the document, ``key``: the key rather than the value; ``place`` overrides both."""

    code: Code
    message: str
    hint: str = ""
    path: Path = ()
    key: bool = False
    place: Place | None = None
