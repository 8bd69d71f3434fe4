"""From the prover's gaps to the changes that people made: which kind, and where in the event.

Three things are put right here. Where the reader has alternatives and one of them is plainly meant (the others exclude what the
writer sends), the change is inside that one. What lies below a field that the writer does not declare at all is one change, at
that field. And a gap in a composed schema is placed in its event (`json_events`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from headrace.catalogue.compatibility.json_events import as_sent, event_of
from headrace.catalogue.compatibility.json_nodes import NULL, NUMBER, STRING, Node, type_of
from headrace.catalogue.compatibility.json_prover import Prover
from headrace.catalogue.compatibility.json_state import OTHER, Gap, Gaps, State, Step
from headrace.catalogue.compatibility.kinds import OF_RULES

MATCHING: Final = OTHER[:1] + "match:"
"""Begins a step of a path that stands for the fields whose names match a pattern."""

MAX_ALTERNATIVES: Final = 8
"""How deep alternatives within alternatives are looked into."""


@dataclass(frozen=True, slots=True)
class Change:
    """``path``: in the event. ``gap``: what the prover could not prove. ``whole``: the gap that the prover gave, of which
    ``gap`` may be a part. ``sent``: the path is where such a value is really sent."""

    kind: str
    event: str | None
    path: tuple[Step, ...]
    gap: Gap
    whole: Gap
    sent: bool = True


def changes(
    gaps: Iterable[Gap],
    prover: Prover,
    events: Mapping[str, str] | None,
    *,
    forward: bool,
    event: str | None = None,
) -> list[Change]:
    """The changes behind ``gaps``; those that are sent first. ``events``: the reader's, where it is composed. ``event``: the
    schemas are the data schemas of this event."""
    found = [_change(gap, whole, prover, events, forward) for whole in gaps for gap in _refined(whole, prover)]
    if event is not None:
        found = [replace(each, event=event, path=("data", *each.path)) for each in found]
    met = {(c.event, c.path, c.kind) for c in found if c.sent}
    return [c for c in found if c.sent] + [c for c in found if not c.sent and (c.event, c.path, c.kind) not in met]


def _change(gap: Gap, whole: Gap, prover: Prover, events: Mapping[str, str] | None, forward: bool) -> Change:
    event = event_of(gap, events)
    cut = _undeclared(gap, prover, event)
    path: tuple[Step, ...] = gap.path if cut is None else gap.path[:cut]
    kind = kind_of(gap, prover) if cut is None else _of_undeclared(gap, path, prover, forward)
    if cut is None and (gap.rule == "required" or (kind == "undeclared" and isinstance(gap.data, str))):
        path = (*path, gap.data)
    if kind == "depends":
        path = (*path, gap.data[1])
    sent = as_sent(path, event)
    if event is not None and sent == ("data",) and cut is not None:
        kind = "event"
    return Change(kind, event, sent, gap, whole, sent == path)


def kind_of(gap: Gap, prover: Prover) -> str:
    """The kind of change, of a place that the writer knows."""
    if gap.rule == "required":
        return "optional" if prover.declared(prover.facts(gap.left), gap.data) else "removed"
    if (gap.rule == "type" and gap.data == NULL) or gap.data == (None,):
        return "null"
    if (
        gap.rule == "enum"
        and gap.data is None
        and not prover.facts(gap.left).types & _listed_types(gap.right.enum or ())
    ):
        return "type"
    if gap.rule == "values":
        return _of_values(gap, prover)
    return OF_RULES.get(gap.rule, "undecided")


def _of_values(gap: Gap, prover: Prover) -> str:
    """Where the writer's values can be listed and the reader has no list: by what the reader says instead."""
    right = prover.facts(State((gap.right,)))
    types = _listed_types(gap.data)
    if types & ~right.types:
        return "type"
    if types & NUMBER and (right.least is not None or right.greatest is not None or right.multiples):
        return "range"
    if types & STRING and (right.patterns or right.formats):
        return "pattern" if right.patterns else "format"
    return "length" if types & STRING and (right.min_length or right.max_length is not None) else "values"


def _listed_types(values: Iterable[Any]) -> int:
    types = 0
    for value in values:
        types |= type_of(value)
    return types


def _undeclared(gap: Gap, prover: Prover, event: str | None) -> int | None:
    """How many steps lead to the first field that the writer does not declare; None: it declares them all. A composed
    schema declares `data`, but for an event that it does not have it says nothing of it."""
    for index, step in enumerate(gap.path):
        if isinstance(step, str) and not gap.states[index + 1].nodes:
            facts = prover.facts(gap.states[index])
            unknown_event = event is not None and index == 0 and step == "data"
            if step[:1] == OTHER[:1] or unknown_event or not prover.declared(facts, step):
                return index + 1
    return None


def _of_undeclared(gap: Gap, path: tuple[Step, ...], prover: Prover, forward: bool) -> str:
    if prover.tolerant:
        return "type"  # it may be sent all the same: the writer declares nothing there
    return "dropped" if forward and not str(path[-1]).startswith(OTHER[:1]) else "open"


def _refined(gap: Gap, prover: Prover, depth: int = 0) -> Iterator[Gap]:
    """The gap, or those inside the alternative, or under the pattern, that is meant."""
    if depth > MAX_ALTERNATIVES:
        yield gap
    elif gap.rule in ("anyOf", "oneOf") and gap.data is None:
        yield from _meant(gap, prover, depth)
    elif gap.inner and (pattern := _pattern(gap)) is not None:
        for inner in gap.inner:
            step = MATCHING + pattern
            below = replace(inner, path=(*gap.path, step, *inner.path), states=(*gap.states, *inner.states))
            yield from _refined(below, prover, depth + 1)
    else:
        yield gap


def _pattern(gap: Gap) -> str | None:
    """The pattern of names that a gap is about."""
    if gap.rule == "patternProperties" and isinstance(gap.data, str):
        return gap.data
    return str(gap.data[1]) if isinstance(gap.data, tuple) and gap.data[:1] == ("pattern",) else None


def _meant(gap: Gap, prover: Prover, depth: int) -> Iterator[Gap]:
    branches = gap.right.any_of if gap.rule == "anyOf" else gap.right.one_of
    tried = [
        found
        for branch in branches
        if not prover.empty(gap.left.and_(branch)) and (found := prover.ask(gap.left, branch))
    ]
    if not tried:
        tried = [found for branch in branches if (found := _counterpart(gap, branch, prover))]
    for inner in min(tried, key=len, default=()):
        inside = replace(inner, path=(*gap.path, *inner.path), states=(*gap.states[:-1], *inner.states))
        yield from _refined(inside, prover, depth + 1)
    if not tried:
        types = 0
        for branch in branches:
            types |= prover.facts(State((branch,))).types
        left = prover.facts(gap.left).types
        yield replace(gap, rule="type", data=left) if not left & types else gap


def _counterpart(gap: Gap, branch: Node, prover: Prover) -> Gaps:
    """The gaps of an alternative with the same fields, unless a field that tells alternatives apart has another value."""
    mine, other = prover.facts(gap.left), prover.facts(State((branch,)))
    if not mine.names() or set(mine.names()) != set(other.names()):
        return ()
    found = prover.ask(gap.left, branch)
    return () if any(each.rule in ("enum", "values") and len(each.path) == 1 for each in found) else found
