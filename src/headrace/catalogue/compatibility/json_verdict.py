"""Both readings of a change of a JSON Schema, with findings and confirmed witnesses.

A witness is confirmed by two validators (jsonschema-rs and jsonschema) before it counts. Each finding has at most one, that of
the tolerant reading where there is one; of all, the `MOST_WITNESSES` gravest are kept, so that a verdict stays small.
"""

from __future__ import annotations

import re
from typing import Any, Final

from msgspec.structs import replace

from headrace.catalogue.compatibility import sentences
from headrace.catalogue.compatibility.direction import DirectionVerdict
from headrace.catalogue.compatibility.findings import Draft, Drafts, finding, hint, ordered, told_of
from headrace.catalogue.compatibility.json_changes import Seen, seen
from headrace.catalogue.compatibility.json_events import by_event
from headrace.catalogue.compatibility.json_gaps import changes
from headrace.catalogue.compatibility.json_prover import Prover
from headrace.catalogue.compatibility.json_sides import Side, Trial, opened, second_opinion
from headrace.catalogue.compatibility.verdict import Direction, Finding, Reading, Verdict, Witness
from headrace.model.json_schema import violations

__all__ = ["BUDGET", "MOST_WITNESSES", "Side", "direction_verdict", "opened", "second_opinion"]

BUDGET: Final = 6_000
"""Values that are tried for all gaps of a pair together."""

MOST_WITNESSES: Final = 5


def direction_verdict(
    writer: Side,
    reader: Side,
    direction: Direction,
    *,
    witness: bool = True,
    version: int | None = None,
    event: str | None = None,
) -> DirectionVerdict:
    """Whether ``reader`` takes what ``writer`` writes. Without ``witness`` one event is looked for, which decides the
    verdict by one validator alone, and none is handed out; findings beside it stay undecided. ``version``: what the old
    side is called in the sentences. ``event``: the schemas are the data schemas of this event, and places are told as
    seen from its envelope."""
    drafts = Drafts()
    verdicts = {
        reading: _read(writer, reader, reading, drafts, direction, witness, event)
        for reading in (Reading.TOLERANT, Reading.SEMANTIC)
    }
    told = [(made, finding(made, direction, tried=witness)) for made in drafts.merged()]
    findings = [each for _, each in told]
    if direction is Direction.FORWARD:
        findings = _with_hints(findings, seen(reader.parsed, writer.parsed, reader.events, writer.events, event))
    ranks = {_place(each): number for number, each in enumerate(ordered(findings))}
    told.sort(key=lambda pair: ranks[_place(pair[1])])
    shown = (
        [found for made, each in told if (found := _witness(made, each, reader, event is not None)) is not None]
        if witness
        else []
    )
    versions = () if version is None else (version,)
    return DirectionVerdict(
        semantic=verdicts[Reading.SEMANTIC],
        tolerant=verdicts[Reading.TOLERANT],
        findings=ordered(told_of(each, versions) for each in findings),
        witnesses=tuple(replace(each, version=version) for each in shown[:MOST_WITNESSES]),
    )


def _read(
    writer: Side,
    reader: Side,
    reading: Reading,
    drafts: Drafts,
    direction: Direction,
    witness: bool,
    event: str | None,
) -> Verdict:
    """One reading's verdict; what it found goes into ``drafts``."""
    prover = Prover(tolerant=reading is Reading.TOLERANT)
    gaps = by_event(prover, writer.parsed, reader.parsed)
    if gaps is None:
        gaps = prover.ask(writer.left(reading), reader.parsed.root)
    if not gaps:
        return Verdict.SAFE
    found = changes(gaps, prover, reader.events, forward=direction is Direction.FORWARD, event=event)
    trial = Trial(writer, reader, reading, confirm=witness)
    broken = False
    budget = (BUDGET // 10 if prover.exhausted else BUDGET) // min(len(found), 10)
    for change in found:
        shown = drafts.shown(change, reading)
        if not shown and (witness or not broken):
            shown = trial.show(change, budget, drafts.shown(change, Reading.TOLERANT))
        broken = broken or bool(shown)
        drafts.take(change, reading, shown)
    return Verdict.BROKEN if broken else Verdict.UNDECIDED


def _place(each: Finding) -> tuple[str, str, str]:
    return each.event or "", each.path, each.code


def _with_hints(findings: list[Finding], changes_seen: list[Seen]) -> list[Finding]:
    """The findings with what a reader of both schemas sees beside: fields that are gone, objects that are closed."""
    out = list(findings)
    for each in changes_seen:
        path = sentences.data_path(each.path)
        about = [
            n for n, f in enumerate(out) if f.event == each.event and path in (f.path, *f.also) and f.code in _GONE
        ]
        if each.kind == "dropped" and each.renamed is not None:
            new_name = sentences.data_path((*each.path[:-1], each.renamed))
            also = f"; `{new_name}`, which is new beside it, looks like its new name"
        else:
            also = ""
        for number in about if also else ():
            out[number] = replace(out[number], message=out[number].message + also)
        if each.kind == "closed":
            message = sentences.closes(sentences.place(each.path, each.event))
            out.append(hint("closed", each.path, each.event, each.old, each.new, message))
        elif not about and not any(_within(path, each.event, f) for f in findings):
            message = sentences.dropped(sentences.place(each.path, each.event), sentences.OLD)
            out.append(hint("dropped", each.path, each.event, each.old, each.new, message + also))
    return out


_GONE: Final = ("HC101", "HC103")


def _within(path: str, event: str | None, outer: Finding) -> bool:
    return outer.code in _GONE and outer.event == event and path.startswith((f"{outer.path}.", f"{outer.path}["))


_INDEX: Final = re.compile(r"\[[0-9]+\]")


def _witness(made: Draft, told: Finding, reader: Side, inside: bool) -> Witness | None:
    """The event that shows the finding, with what the reader's validator says of it. ``inside``: it is an event's data."""
    reading = next((r for r in (Reading.TOLERANT, Reading.SEMANTIC) if made.readings.get(r)), None)
    if reading is None:
        return None
    event: Any = made.readings[reading][0]
    validator = reader.opened_validator if reading is Reading.TOLERANT else reader.validator
    said = violations(validator, event, "")
    about = told.path.removeprefix("data.") if inside else told.path
    first = next((v for v in said if _INDEX.sub("[]", v.path) == about), said[0])
    backward = told.direction is Direction.BACKWARD
    return Witness(
        event=event,
        direction=told.direction,
        valid_under="old" if backward else "new",
        rejected_by="new" if backward else "old",
        path=first.path,
        rule=first.rule,
        message=first.message,
        reading=reading,
        code=told.code,
        about=told.path,
    )
