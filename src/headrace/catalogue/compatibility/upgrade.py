"""Who must deploy first for a change, and how to make one that no order makes safe in two steps.

Consumers that are built on the old schema and meet new events need the forward direction; consumers that are built on the new
schema and meet old events (in the log, or of producers that are late) need the backward direction. Where only one holds, it
decides who goes first. Where none does, nothing but a second field, or a second event, beside the first one will do: add, then
deprecate, then remove with the next major after the sunset.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

import msgspec

from headrace.catalogue.compatibility.kinds import KINDS
from headrace.catalogue.compatibility.modes import DIRECTIONS
from headrace.catalogue.compatibility.verdict import Direction, Finding, Reading, Verdict
from headrace.model.schema import Compatibility


class Order(StrEnum):
    """Who deploys first. ``either``: it does not matter; ``none``: no order is safe; ``unknown``: it is not decided."""

    PRODUCERS = "producers"
    CONSUMERS = "consumers"
    EITHER = "either"
    NONE = "none"
    UNKNOWN = "unknown"


class Upgrade(msgspec.Struct, frozen=True):
    """``allowed``: the mode lets it through in that order, and nobody who reads a field loses it. ``steps``: what to do, in
    order, each a sentence; where it is not allowed, the change in two steps that is."""

    order: Order
    allowed: bool
    because: str
    steps: tuple[str, ...]

    @property
    def text(self) -> str:
        """For people: the reason, then the numbered steps."""
        return "\n".join([self.because, *(f"{number}. {step}" for number, step in enumerate(self.steps, 1))])


def order_of(forward: Verdict, backward: Verdict) -> Order:
    """From the verdicts of both directions, in the reading that counts for the product."""
    if forward is Verdict.SAFE:
        return Order.EITHER if backward is Verdict.SAFE else Order.PRODUCERS
    if backward is Verdict.SAFE:
        return Order.CONSUMERS
    return Order.UNKNOWN if Verdict.UNDECIDED in (forward, backward) else Order.NONE


_BECAUSE: Final = {
    Order.EITHER: "Either side may deploy first: old and new consumers take old and new events.",
    Order.PRODUCERS: "Producers deploy first: consumers built on the old schema take the new events.",
    Order.CONSUMERS: "Consumers deploy first: built on the new schema they still take the old events, and before that they do "
    "not take the new ones.",
    Order.NONE: "No order is safe: old consumers do not take the new events, nor new consumers the old ones.",
    Order.UNKNOWN: "Which order is safe could not be decided: treat it as if none were.",
}
_REFUSED: Final = {
    Order.PRODUCERS: "Producers would have to deploy first, and {mode} does not allow that: consumers built on the new "
    "schema do not take the old events.",
    Order.CONSUMERS: "Consumers would have to deploy first, and {mode} does not allow that: consumers built on the old "
    "schema do not take the new events.",
}


def upgrade(
    forward: Verdict,
    backward: Verdict,
    findings: Iterable[Finding],
    mode: Compatibility,
    *,
    consumers: Sequence[str] = (),
    sunset: date | None = None,
    next_major: int | None = None,
    reading: Reading = Reading.TOLERANT,
) -> Upgrade:
    """The order for a change whose two directions have these verdicts, and its steps. ``findings``: of both directions;
    ``consumers``: names for the steps (those that break, say); ``sunset``: the last day of what is deprecated;
    ``next_major``: its number; ``reading``: the one that counts for the product."""
    order = order_of(forward, backward)
    plan = _Plan(", ".join(consumers) if consumers else "the consumers", sunset, next_major)
    counted = [f for f in findings if reading in f.readings or f.code == _DROPPED]
    asked = DIRECTIONS[mode]
    in_the_way = [f for f in counted if f.direction in asked]
    if in_the_way or order in (Order.NONE, Order.UNKNOWN):
        return Upgrade(order, False, _why_not(order, mode, in_the_way), plan.two_steps(in_the_way or counted))
    lost = sorted({f"`{f.path}`" for f in counted if f.code == _DROPPED})
    if lost and order is Order.EITHER:
        because = f"Consumers deploy first: those that read {_listed(lost)} would find nothing."
        return Upgrade(Order.CONSUMERS, True, because, _in_order(Order.CONSUMERS, plan.who, counted))
    return Upgrade(order, True, _BECAUSE[order], _in_order(order, plan.who, counted))


_DROPPED: Final = "HC103"
"""Matters in any reading: who reads the field finds nothing."""


def _why_not(order: Order, mode: Compatibility, findings: Sequence[Finding]) -> str:
    if findings and all(f.code == _DROPPED for f in findings):
        paths = _listed(sorted({f"`{f.path}`" for f in findings}))
        return f"Not now: no event would be refused, but consumers that read {paths} would find nothing."
    return _REFUSED.get(order, _BECAUSE[order]).format(mode=mode.value)


def _in_order(order: Order, who: str, findings: Sequence[Finding]) -> tuple[str, ...]:
    if order is Order.EITHER:
        return ("Deploy producers and consumers in any order.",)
    if order is Order.PRODUCERS:
        return ("Deploy the producers.", f"Deploy {who}. {_old_events(findings)}")
    return (f"Deploy {who}, all of them, built on the new schema.", "Deploy the producers only then.")


def _old_events(findings: Sequence[Finding]) -> str:
    paths = sorted({f"`{f.path}`" for f in findings if f.direction is Direction.BACKWARD and f.path})
    if not paths:
        return "They still get old events until these have left the log."
    return f"They still get old events, which differ in {_listed(paths)}, until these have left the log."


def _listed(paths: Sequence[str]) -> str:
    return paths[0] if len(paths) == 1 else f"{', '.join(paths[:-1])} and {paths[-1]}"


@dataclass(frozen=True, slots=True)
class _Plan:
    """Who has to move, by when, to what."""

    who: str
    sunset: date | None
    next_major: int | None

    @property
    def _until(self) -> str:
        return "" if self.sunset is None else f", with the sunset {self.sunset.isoformat()}"

    @property
    def _major(self) -> str:
        return "the next major" if self.next_major is None else f"v{self.next_major}"

    def two_steps(self, findings: Sequence[Finding]) -> tuple[str, ...]:
        """Add, move over, deprecate, remove."""
        steps = list(dict.fromkeys(self._first(each) for each in findings if each.code != _EVENT))
        twins = sorted({f"`{f.path}`" for f in findings if f.code in _NEEDS_TWIN and f.direction is Direction.FORWARD})
        if twins:
            steps.append(f"Move {self.who} over to the new field{'' if len(twins) == 1 else 's'}.")
        going = {f"`{f.path}`" for f in findings if f.code in _KEEPS and f.direction is Direction.FORWARD}
        gone = sorted(going.union(twins) - {"``"})
        if gone:
            steps.append(f"Mark {_listed(gone)} deprecated: true{self._until}.")
            steps.append(f"Remove {_listed(gone)} with {self._major}, after the sunset.")
        for event in sorted({f.event or "the event" for f in findings if f.code == _EVENT}):
            if any(f.code == _EVENT and f.direction is Direction.BACKWARD and f.event == event for f in findings):
                steps.append(f"Add {event} with {self._major}: under this mode the event types of a major are fixed.")
            else:
                steps.append(f"Keep the schema of {event}, and mark the event deprecated{self._until}.")
                steps.append(f"Publish {event} until then, and leave it out of {self._major}.")
        return tuple(steps)

    def _first(self, each: Finding) -> str:
        at = f"`{each.path}`" if each.path else "the event"
        if each.direction is Direction.BACKWARD:
            if each.code in ("HC101", "HC102"):
                return f"Declare {at} optional, and let producers always send it; require it with {self._major}."
            return f"{at}: {each.advice}."
        if each.code in _KEEPS:
            return f"Keep {at} as it is; if another field takes its place, add that one beside it, and send both."
        if each.code == "HC102":
            return f"Keep {at} required, and always send it; make it optional with {self._major}."
        if each.code == "HC211":
            return f"Keep sending {at} wherever the old schema asks for it; drop the rule with {self._major}."
        if each.code in _NEEDS_TWIN:
            return f"Add an optional field beside {at} that takes what is new; keep sending {at} as it was."
        return f"{at}: {each.advice}."


_EVENT: Final = "HC105"
_KEEPS: Final = ("HC101", "HC103")
_NEEDS_TWIN: Final = tuple(kind.code for kind in KINDS.values() if kind.value)
