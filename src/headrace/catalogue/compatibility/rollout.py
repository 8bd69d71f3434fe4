"""The order in which a change is rolled out, worked out from two schemas: both directions are compared, whatever the mode."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from headrace.catalogue.compatibility.checker import directions
from headrace.catalogue.compatibility.findings import ordered
from headrace.catalogue.compatibility.upgrade import Upgrade, upgrade
from headrace.catalogue.compatibility.verdict import Reading, Verdict
from headrace.model.schema import Compatibility, SchemaText


def rollout(
    old: SchemaText,
    new: SchemaText,
    mode: Compatibility,
    reading: Reading,
    *,
    consumers: Sequence[str] = (),
    event: str | None = None,
    sunset: date | None = None,
    next_major: int | None = None,
) -> Upgrade:
    """Who deploys first where ``new`` follows ``old``, and the steps. ``event``: as for `check_pair`; the others as for
    `upgrade`."""
    backward, forward = directions(old, new, Compatibility.FULL, witness=True, version=None, event=event)
    found = ordered(each for one in (forward, backward) for each in one.findings)

    def counts(semantic: Verdict, tolerant: Verdict) -> Verdict:
        return semantic if reading is Reading.SEMANTIC else tolerant

    return upgrade(
        counts(forward.semantic, forward.tolerant),
        counts(backward.semantic, backward.tolerant),
        found,
        mode,
        consumers=consumers,
        sunset=sunset,
        next_major=next_major,
        reading=reading,
    )
