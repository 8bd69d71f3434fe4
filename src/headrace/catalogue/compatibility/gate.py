"""The gate: what the verdicts together mean for a change.

A change passes where the registry's profile accepts it and the reading that counts is not broken. Which reading counts: the
tolerant one, or the semantic one where a party is not on the SDK or customers see the product. A change that the registry
refuses although it is proved harmless is an outcome of its own, because there is a way through: an approved exception.
"""

from __future__ import annotations

from enum import StrEnum

from headrace.catalogue.compatibility.verdict import PairVerdict, Reading, Verdict


class Outcome(StrEnum):
    """``broken``: somebody breaks. ``refused``: the registry refuses it, and nobody has proved that it is harmless.
    ``refused-harmless``: the registry refuses it, and it is proved harmless."""

    COMPATIBLE = "compatible"
    REFUSED_HARMLESS = "refused-harmless"
    REFUSED = "refused"
    BROKEN = "broken"

    @property
    def passes(self) -> bool:
        return self is Outcome.COMPATIBLE

    @staticmethod
    def worst(outcomes: list[Outcome]) -> Outcome:
        """Of several changes together."""
        return max(outcomes, key=_RANKS.__getitem__, default=Outcome.COMPATIBLE)


_RANKS = {outcome: rank for rank, outcome in enumerate(Outcome)}


def outcome(accepted: bool, reading: Verdict, *, breaks: bool = False) -> Outcome:
    """``accepted``: the registry's answer. ``reading``: the verdict of the reading that counts. ``breaks``: a declared consumer
    breaks whatever the verdicts say."""
    if breaks or reading is Verdict.BROKEN:
        return Outcome.BROKEN
    if accepted:
        return Outcome.COMPATIBLE
    return Outcome.REFUSED_HARMLESS if reading is Verdict.SAFE else Outcome.REFUSED


def of_pair(verdict: PairVerdict, reading: Reading = Reading.TOLERANT) -> Outcome:
    """The outcome of one pair of schemas, of which nothing else is known."""
    counts = verdict.tolerant if reading is Reading.TOLERANT else verdict.semantic
    return outcome(verdict.registry.accepted, counts)
