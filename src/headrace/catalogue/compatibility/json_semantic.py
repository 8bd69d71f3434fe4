"""Is every document valid under one JSON Schema valid under another: safe (proved), broken (with a witness), or undecided."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from headrace.catalogue.compatibility.json_evaluate import holds
from headrace.catalogue.compatibility.json_maker import Maker
from headrace.catalogue.compatibility.json_nodes import JsonSchema, canonical
from headrace.catalogue.compatibility.json_prover import Prover
from headrace.catalogue.compatibility.json_state import Gap
from headrace.catalogue.compatibility.json_witness import TRIES, documents

BUDGET: Final = 6_000
"""Values that are tried for all gaps of a pair together."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A gap, and a document that shows it, where one was found."""

    gap: Gap
    document: Any
    found: bool


@dataclass(frozen=True, slots=True)
class Coverage:
    """``gaps``: empty is *safe*; one with a document is *broken*; else *undecided*."""

    gaps: tuple[Shown, ...]

    @property
    def safe(self) -> bool:
        return not self.gaps

    @property
    def broken(self) -> bool:
        return any(shown.found for shown in self.gaps)


def coverage(writer: JsonSchema, reader: JsonSchema, *, budget: int = BUDGET) -> Coverage:
    """Whether what is valid under ``writer`` is valid under ``reader``; in the semantic reading."""
    prover = Prover()
    gaps = prover.covers(writer.root, reader.root)
    return Coverage(tuple(_show(gap, writer, reader, Maker(budget // max(1, min(len(gaps), 10)))) for gap in gaps))


def _show(gap: Gap, writer: JsonSchema, reader: JsonSchema, maker: Maker) -> Shown:
    seen: set[str] = set()
    for document in islice(documents(gap, maker), TRIES * 4):
        text = canonical(document)
        if text in seen:
            continue
        seen.add(text)
        if holds(writer.root, document) and not holds(reader.root, document):
            return Shown(gap, document, True)
    return Shown(gap, None, False)
