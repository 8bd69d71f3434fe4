"""The verdict of one direction between two schemas, whatever their format."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.catalogue.compatibility.verdict import Finding, Verdict, Witness


@dataclass(frozen=True, slots=True)
class DirectionVerdict:
    """``findings`` are ordered by harm, ``witnesses`` by that of what they show."""

    semantic: Verdict
    tolerant: Verdict
    findings: tuple[Finding, ...]
    witnesses: tuple[Witness, ...]
