"""Findings: one for each change as a person made it, in a sentence, ordered by harm.

A finding is about a place in the event and a kind of change. What belongs to one edit is one finding: both readings, several
cases of a choice, a minimum and a type that were changed together, all that was in a field that was removed. Which side of a
gap is old and which is new follows from the direction: the reader's subschema (the gap's right) is the old one under FORWARD.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from headrace.catalogue.compatibility import sentences
from headrace.catalogue.compatibility.json_gaps import Change
from headrace.catalogue.compatibility.json_nodes import Node
from headrace.catalogue.compatibility.json_state import Gap, Step
from headrace.catalogue.compatibility.kinds import KINDS
from headrace.catalogue.compatibility.verdict import Direction, Finding, Reading, Verdict

_ABSORBING = ("event", "removed", "dropped")
"""Kinds after which nothing below the place is worth a word."""

Key = tuple[str, tuple[Step, ...], str]


@dataclass(slots=True)
class Draft:
    """A finding in the making. ``change``: the gravest of its changes. ``readings``: those in which it was met, each with an
    event that shows it, in a tuple (empty: none was found)."""

    change: Change
    kinds: set[str] = field(default_factory=set)
    readings: dict[Reading, tuple[Any, ...]] = field(default_factory=dict)
    also: list[tuple[Step, ...]] = field(default_factory=list)
    """Other places of the same edit: of a definition that is used in several."""

    @property
    def kind(self) -> str:
        return self.change.kind

    def take(self, change: Change, reading: Reading, shown: tuple[Any, ...]) -> None:
        self.kinds.add(change.kind)
        if _gravity(change) > _gravity(self.change):
            self.change = change
        if not self.readings.get(reading):
            self.readings[reading] = shown

    def absorb(self, other: Draft) -> None:
        for reading, shown in other.readings.items():
            if not self.readings.get(reading):
                self.readings[reading] = shown


def _gravity(change: Change) -> tuple[int, int]:
    return KINDS[change.kind].harm, -len(change.gap.path)


class Drafts:
    """The findings of one direction while they are made."""

    def __init__(self) -> None:
        self._drafts: dict[Key, Draft] = {}

    @staticmethod
    def _key(change: Change) -> Key:
        family = "value" if KINDS[change.kind].value else change.kind
        return change.event or "", change.path, family

    def shown(self, change: Change, reading: Reading) -> tuple[Any, ...]:
        """The event that already shows the same change."""
        found = self._drafts.get(self._key(change))
        return () if found is None else found.readings.get(reading, ())

    def take(self, change: Change, reading: Reading, shown: tuple[Any, ...]) -> None:
        found = self._drafts.setdefault(self._key(change), Draft(change))
        found.take(change, reading, shown)

    def merged(self) -> list[Draft]:
        """Each change once: what lies at or below a field that is gone belongs to that."""
        kept: list[Draft] = []
        rank = {kind: index for index, kind in enumerate((*_ABSORBING, "open"))}
        for made in sorted(self._drafts.values(), key=lambda d: (len(d.change.path), rank.get(d.kind, 9))):
            around = next((d for d in kept if _absorbs(d, made)), None)
            if around is None:
                kept.append(made)
            else:
                around.absorb(made)
        once: dict[tuple[Any, ...], Draft] = {}
        for made in kept:
            first = once.setdefault(_edit(made), made)
            if first is not made:
                first.absorb(made)
                first.also.append(made.change.path)
        return list(once.values())


def _edit(made: Draft) -> tuple[Any, ...]:
    """What tells one edit of the schemas from another: the two places, and what was done there."""
    gap, path = made.change.gap, made.change.path
    field_ = path[-1] if gap.rule == "required" or made.kind in ("undeclared", "dropped", "open") else None
    left = next((node.number for node in gap.left.nodes if node.raw is not None), None)
    where = path if left is None and field_ is None else None
    return made.change.event, made.kind, gap.right.number, left, field_, where, frozenset(made.kinds)


def _absorbs(outer: Draft, inner: Draft) -> bool:
    one, other = outer.change, inner.change
    if one.event != other.event:
        return False
    if one.kind == "open":
        return other.path == one.path and KINDS[other.kind].value
    return one.kind in _ABSORBING and other.path[: len(one.path)] == one.path


def finding(made: Draft, direction: Direction, *, tried: bool = True) -> Finding:
    """The finding as it is told; the old side is called `headrace.catalogue.compatibility.sentences.OLD`. ``tried``: an event
    that shows it was looked for."""
    kind, gap = KINDS[made.kind], made.change.gap
    forward = direction is Direction.FORWARD
    reader, writer = gap.right.place, writer_place(gap)
    shown = any(made.readings.values())
    at = sentences.place(made.change.path, made.change.event, made.also)
    told = sentences.sentence(made.kind, at, gap, direction, sentences.OLD, several=len(made.kinds) > 1)
    return Finding(
        code=kind.code,
        direction=direction,
        path=sentences.data_path(made.change.path),
        old=reader if forward else writer,
        new=writer if forward else reader,
        rule=gap.rule,
        message=told if shown or not tried else sentences.undecided(told, gap),
        advice=kind.advice(direction),
        verdict=Verdict.BROKEN if shown else Verdict.UNDECIDED,
        readings=tuple(r for r in Reading if r in made.readings),
        harm=kind.harm if Reading.TOLERANT in made.readings else kind.foreign,
        event=made.change.event,
        also=tuple(sentences.data_path(path) for path in made.also),
    )


def hint(
    kind: str, path: tuple[Step, ...], event: str | None, old: Node | None, new: Node | None, message: str
) -> Finding:
    """A finding by which nothing breaks; in the forward direction."""
    return Finding(
        code=KINDS[kind].code,
        direction=Direction.FORWARD,
        path=sentences.data_path(path),
        old=None if old is None else old.place,
        new=None if new is None else new.place,
        rule="properties" if kind == "dropped" else "additionalProperties",
        message=message,
        advice=KINDS[kind].forward,
        verdict=Verdict.SAFE,
        readings=(),
        harm=KINDS[kind].foreign,
        event=event,
    )


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """By harm, then by place: the same order for the same findings."""
    return tuple(
        sorted(
            findings, key=lambda f: (-f.harm, f.event or "", f.path, f.code, f.direction, -(f.version or 0), f.message)
        )
    )


def writer_place(gap: Gap) -> str | None:
    """The pointer of the writer's subschema at the gap's place, where it has one. Of several the first, which the others
    refine; for an alternative the alternative itself."""
    nodes = [node for node in gap.left.nodes if node.raw is not None]
    if not nodes:
        return None
    if gap.rule == "required":
        nodes = [node for node in nodes if gap.data in node.properties] or nodes
    places = [node.place for node in nodes]
    return places[-1] if gap.rule in ("anyOf", "oneOf") else places[0]


def told_of(each: Finding, versions: tuple[int, ...]) -> Finding:
    """The finding, of these versions of the old side (oldest first; none: no version is known)."""
    if not versions:
        return each
    message = each.message.replace(sentences.OLD, called(versions))
    return replace(each, message=message, version=versions[-1], versions=versions)


def over_versions(alike: Sequence[tuple[tuple[int, ...], Finding]]) -> Finding:
    """The same change after several versions, newest first, as one finding: told of the newest, naming the others."""
    newest = alike[0][1]
    same = sorted({number for numbers, each in alike if each.message == newest.message for number in numbers})
    every = tuple(sorted({number for numbers, _ in alike for number in numbers}))
    told = told_of(newest, tuple(same))
    others = tuple(number for number in every if number not in same)
    return replace(
        told,
        message=f"{told.message} (likewise {called(others)})" if others else told.message,
        verdict=Verdict.worst([each.verdict for _, each in alike]),
        readings=tuple(r for r in Reading if any(r in each.readings for _, each in alike)),
        harm=max(each.harm for _, each in alike),
        version=every[-1] if every else None,
        versions=every,
    )


def called(versions: tuple[int, ...]) -> str:
    """``v3``, ``v1 and v3``, ``v1 to v3``, ``v1, v2 and v4 to v6``."""
    runs: list[list[int]] = []
    for number in versions:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    words = [
        word
        for run in runs
        for word in ([f"v{run[0]} to v{run[-1]}"] if len(run) > 2 else [f"v{number}" for number in run])
    ]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def in_event(each: Finding, event: str) -> Finding:
    """A finding about an event's data schema, as it is seen from the envelope."""
    message = each.message.replace("the event", "`data`", 1) if not each.path else each.message
    for path in filter(None, (each.path, *each.also)):
        message = message.replace(f"`{path}`", f"`{in_data(path)}`", 1)
    also = tuple(map(in_data, each.also))
    return replace(each, path=in_data(each.path), also=also, event=event, message=f"{event}: {message}")


def in_data(path: str) -> str:
    """A path in the data, from the envelope's root."""
    return f"data{path}" if path.startswith("[") else f"data.{path}" if path else "data"
