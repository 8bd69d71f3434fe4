"""Who must deploy first for a change, and how to make one that no order makes safe in two steps.

Consumers that are built on the old schema and meet new events need the forward direction; consumers that are built on the new
schema and meet old events (in the log, or of producers that are late) need the backward direction. Where only one holds, it
decides who goes first. Where none does, nothing but a second field, or a second event, beside the first one will do: add, then
deprecate, then remove with the next major after the sunset.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from enum import StrEnum
from typing import Final

import msgspec

from headrace.catalogue.compatibility.verdict import Direction, Finding, Reading, Verdict


class Order(StrEnum):
    """Who deploys first. ``either``: it does not matter; ``none``: no order is safe; ``unknown``: it is not decided."""

    PRODUCERS = "producers"
    CONSUMERS = "consumers"
    EITHER = "either"
    NONE = "none"
    UNKNOWN = "unknown"


class Upgrade(msgspec.Struct, frozen=True):
    """``steps``: what to do, in order, each a sentence. ``because``: why in this order."""

    order: Order
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
    Order.CONSUMERS: "Consumers deploy first: built on the new schema they still take the old events, and the old ones do not "
    "take the new events.",
    Order.NONE: "No order is safe: old consumers do not take the new events, nor new consumers the old ones.",
    Order.UNKNOWN: "Which order is safe could not be decided: treat it as if none were.",
}


def upgrade(
    forward: Verdict,
    backward: Verdict,
    findings: Iterable[Finding],
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
    who = ", ".join(consumers) if consumers else "the consumers"
    counted = [f for f in findings if reading in f.readings or f.code in _ALWAYS]
    ahead = [f for f in counted if f.direction is Direction.FORWARD]
    if order is Order.EITHER:
        steps: tuple[str, ...] = ("Deploy producers and consumers in any order.",)
    elif order is Order.PRODUCERS:
        steps = (
            "Deploy the producers.",
            f"Deploy {who}. {_old_events(counted)}",
        )
    elif order is Order.CONSUMERS:
        steps = (f"Deploy {who}, all of them, built on the new schema.", "Deploy the producers only then.")
    else:
        steps = ()
    if order is not Order.EITHER and order is not Order.PRODUCERS and ahead:
        steps = (*steps, *_two_steps(ahead, who, sunset, next_major, first=not steps))
    elif order is Order.PRODUCERS or order is Order.EITHER:
        steps = (*steps, *_afterwards([f for f in ahead if f.code in _ALWAYS], sunset, next_major))
    return Upgrade(order, _BECAUSE[order], steps)


_ALWAYS: Final = ("HC103",)
"""What matters in any reading: who reads the field finds nothing."""


def _old_events(findings: Sequence[Finding]) -> str:
    paths = sorted({f"`{f.path}`" for f in findings if f.direction is Direction.BACKWARD and f.path})
    if not paths:
        return "They still get old events until these have left the log."
    return f"They still get old events, which differ in {_listed(paths)}, until these have left the log."


def _listed(paths: Sequence[str]) -> str:
    return paths[0] if len(paths) == 1 else f"{', '.join(paths[:-1])} and {paths[-1]}"


def _two_steps(
    findings: Sequence[Finding], who: str, sunset: date | None, next_major: int | None, *, first: bool
) -> tuple[str, ...]:
    """Add, move over, deprecate, remove."""
    events = [f for f in findings if f.code == "HC105"]
    rest = [f for f in findings if f.code != "HC105"]
    begin = "" if first else "Or, without waiting for all consumers: "
    steps: list[str] = []
    for each in rest:
        steps.append(f"{begin}{_add(each)}")
        begin = ""
    for each in events:
        steps.append(
            f"Keep the schema of {each.event}, mark the event deprecated, and stop to publish it after the sunset."
        )
    fields = sorted({f"`{f.path}`" for f in rest if f.code in _NEEDS_TWIN and f.path})
    if fields:
        steps.append(f"Move {who} over to the new field{'' if len(fields) == 1 else 's'}.")
    gone = sorted({f"`{f.path}`" for f in rest if (f.code in _NEEDS_TWIN or f.code in _KEEPS) and f.path})
    if gone:
        steps.append(f"Mark {_listed(gone)} deprecated: true{_until(sunset)}.")
        steps.append(f"Remove {_listed(gone)} with {_major(next_major)}, after the sunset.")
    return tuple(steps)


_NEEDS_TWIN: Final = (
    "HC201",
    "HC202",
    "HC203",
    "HC204",
    "HC205",
    "HC206",
    "HC207",
    "HC208",
    "HC209",
    "HC210",
    "HC212",
    "HC213",
)
_KEEPS: Final = ("HC101", "HC103")


def _add(each: Finding) -> str:
    at = f"`{each.path}`" if each.path else "the event"
    if each.code in ("HC101", "HC103"):
        return f"Keep {at} as it is; if another field takes its place, add that one beside it, optional, and send both."
    if each.code == "HC102":
        return f"Keep {at} required in this major, and always send it; make it optional with the next one."
    if each.code == "HC211":
        return f"Keep sending {at} wherever the old schema asks for it; drop the rule with the next major."
    if each.code in _NEEDS_TWIN:
        return f"Add an optional field beside {at} that takes what is new; keep sending {at} as it was."
    return f"{at}: {each.advice}."


def _afterwards(findings: Sequence[Finding], sunset: date | None, next_major: int | None) -> tuple[str, ...]:
    """What is gone without a break of the schema, though somebody may read it."""
    fields = sorted({f"`{f.path}`" for f in findings})
    if not fields:
        return ()
    return (
        f"Do not remove {_listed(fields)} yet: mark it deprecated: true{_until(sunset)}.",
        f"Remove {_listed(fields)} with {_major(next_major)}, after the sunset.",
    )


def _until(sunset: date | None) -> str:
    return "" if sunset is None else f", with the sunset {sunset.isoformat()}"


def _major(number: int | None) -> str:
    return "the next major" if number is None else f"v{number}"
