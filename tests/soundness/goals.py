"""What the corpus has to show, over all pairs and for each keyword."""

from __future__ import annotations

from tests.soundness.report import Report

UNDECIDED_OF_ALL = 0.03
UNDECIDED_OF_ONE = 0.20
FOUND_BY_SAMPLER = 0.90

DISPUTED = frozenset(("avro decimal",))
"""Undecided on purpose: the specification refuses another precision or scale, readers take it."""


def missed(report: Report) -> list[str]:
    """Every goal that is missed, in words."""
    out = []
    undecided, pairs = report.total("undecided"), report.pairs
    if undecided > UNDECIDED_OF_ALL * pairs:
        out.append(f"{undecided} of {pairs} pairs are undecided")
    for keyword, counts in report.by_keyword.items():
        if keyword not in DISPUTED and counts["undecided"] > UNDECIDED_OF_ONE * max(counts["pairs"], 5):
            out.append(f"{keyword}: {counts['undecided']} of {counts['pairs']} pairs are undecided")
    broken, found = report.total("broken"), report.total("found")
    if found < FOUND_BY_SAMPLER * broken:
        out.append(f"the sampler found {found} of {broken} breaks")
    return out
