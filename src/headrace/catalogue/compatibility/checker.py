"""Checking a change: one schema against another, or against a history, under a mode.

The registry's answer is that of a profile (`headrace.catalogue.compatibility.profiles`); both readings, findings and witnesses
are of this package. Over a history every version that the mode compares with is compared with; texts that are the same are
compared once, and what is true of several versions is one finding that names them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from msgspec.structs import replace as changed

from headrace.catalogue.compatibility import avro_verdict, json_verdict, modes
from headrace.catalogue.compatibility.direction import DirectionVerdict
from headrace.catalogue.compatibility.findings import in_data, in_event, ordered, over_versions
from headrace.catalogue.compatibility.json_verdict import MOST_WITNESSES, Side
from headrace.catalogue.compatibility.verdict import (
    Direction,
    Finding,
    PairVerdict,
    RegistryAnswer,
    Verdict,
    Witness,
)
from headrace.errors import InvalidSchema
from headrace.model import avro_schema
from headrace.model.avro_schema import AvroSchema
from headrace.model.schema import Compatibility, SchemaFormat, SchemaText

DEFAULT_PROFILE: Final = "confluent"


@lru_cache(maxsize=256)
def side(text: str) -> Side:
    """A JSON Schema, parsed once. Raises `InvalidSchema`."""
    try:
        return Side(json.loads(text))
    except RecursionError as error:
        raise InvalidSchema("the schema nests too deeply") from error
    except ValueError as error:
        raise InvalidSchema(f"the schema cannot be read: {error}") from error


@lru_cache(maxsize=256)
def avro_side(text: str) -> AvroSchema:
    """An Avro schema, parsed once. Raises `InvalidSchema`."""
    try:
        return avro_schema.parse(json.loads(text))
    except RecursionError as error:
        raise InvalidSchema("the schema nests too deeply") from error
    except ValueError as error:
        raise InvalidSchema(f"the schema cannot be read: {error}") from error


def check_pair(
    old: SchemaText,
    new: SchemaText,
    mode: Compatibility,
    profile: str = DEFAULT_PROFILE,
    *,
    witness: bool = True,
    version: int | None = None,
    event: str | None = None,
) -> PairVerdict:
    """The verdicts on one schema that follows another. ``version``: what the old one is called. ``event``: the schemas are
    the data schemas of this event; findings then name it, and their paths begin with ``data.``, as seen from the envelope.
    Raises `InvalidSchema`."""
    versions = None if version is None else (version,)
    return check_history(new, (old,), mode, profile, witness=witness, versions=versions, numbered=False, event=event)


def check_history(
    new: SchemaText,
    history: Sequence[SchemaText],
    mode: Compatibility,
    profile: str = DEFAULT_PROFILE,
    *,
    witness: bool = True,
    versions: Sequence[int] | None = None,
    numbered: bool = True,
    event: str | None = None,
    registry: RegistryAnswer | None = None,
) -> PairVerdict:
    """The verdicts on ``new`` after ``history`` (oldest first), with every version that ``mode`` compares with. ``versions``:
    the numbers of the history's versions, 1, 2... where they are left out (``numbered=False``: they have none). ``event``: as
    for `check_pair`. ``registry``: its answer, where that is known already. A finding says of which versions it is true.
    Raises `InvalidSchema`."""
    if versions is None and numbered:
        versions = range(1, len(history) + 1)
    _readable(new)
    for each in modes.compared(history, mode) or history[-1:]:
        _readable(each)
        if each.format is not new.format:
            raise InvalidSchema(f"a {new.format.value} schema cannot follow a {each.format.value} schema")
    alike: dict[str, list[int]] = {}
    for index in reversed(modes.compared(range(len(history)), mode)):
        alike.setdefault(history[index].text, []).append(index)
    # Newest first: where several versions have the same finding, the witness is against the newest.
    compared = sorted(alike.items(), key=lambda pair: -pair[1][-1])
    found: list[tuple[tuple[int, ...], DirectionVerdict]] = []
    for text, indexes in compared:
        if text != new.text:
            numbers = () if versions is None else tuple(versions[index] for index in indexes)
            old = history[indexes[-1]]
            found += [
                (numbers, each) for each in directions(old, new, mode, witness=witness, version=None, event=event)
            ]
    findings = _merged(found)
    return PairVerdict(
        mode=mode.value,
        registry=registry or _registry(profile, list(history), new, mode),
        semantic=Verdict.worst([each.semantic for _, each in found]),
        tolerant=Verdict.worst([each.tolerant for _, each in found]),
        findings=findings,
        witnesses=_witnesses(found, findings),
    )


def directions(
    old: SchemaText,
    new: SchemaText,
    mode: Compatibility,
    *,
    witness: bool,
    version: int | None,
    event: str | None = None,
) -> list[DirectionVerdict]:
    """The verdict of each direction that ``mode`` asks for; the rest as for `check_pair`."""
    if old.format is not new.format:
        raise InvalidSchema(f"a {new.format.value} schema cannot follow a {old.format.value} schema")
    out = []
    for direction in modes.DIRECTIONS[mode]:
        writer, reader = (old, new) if direction is Direction.BACKWARD else (new, old)
        if old.format is SchemaFormat.AVRO:
            found = avro_verdict.direction_verdict(
                avro_side(writer.text), avro_side(reader.text), direction, witness=witness, version=version
            )
            if event is not None:
                found = replace(
                    found,
                    findings=tuple(in_event(each, event) for each in found.findings),
                    witnesses=tuple(changed(each, about=in_data(each.about)) for each in found.witnesses),
                )
        else:
            found = json_verdict.direction_verdict(
                side(writer.text), side(reader.text), direction, witness=witness, version=version, event=event
            )
        out.append(found)
    return out


def combined(found: Sequence[DirectionVerdict], mode: Compatibility, registry: RegistryAnswer) -> PairVerdict:
    """Several directions as one verdict."""
    return PairVerdict(
        mode=mode.value,
        registry=registry,
        semantic=Verdict.worst([each.semantic for each in found]),
        tolerant=Verdict.worst([each.tolerant for each in found]),
        findings=ordered(f for each in found for f in each.findings),
        witnesses=tuple(w for each in found for w in each.witnesses),
    )


def _readable(schema: SchemaText) -> None:
    if schema.format is SchemaFormat.AVRO:
        avro_side(schema.text)
    else:
        side(schema.text)


def _registry(profile: str, history: list[SchemaText], new: SchemaText, mode: Compatibility) -> RegistryAnswer:
    from headrace.catalogue.compatibility import profiles

    return profiles.answer(profile, history, new, mode)


Verdicts = Iterable[tuple[tuple[int, ...], DirectionVerdict]]


def _merged(found: Verdicts) -> tuple[Finding, ...]:
    """One finding for the same change after several versions: as it is of the newest, with the others named."""
    alike: dict[tuple[str, ...], list[tuple[tuple[int, ...], Finding]]] = {}
    for numbers, verdict in found:
        for each in verdict.findings:
            alike.setdefault((each.code, each.direction, each.event or "", each.path), []).append((numbers, each))
    return ordered(over_versions(each) for each in alike.values())


def _witnesses(found: Verdicts, findings: Sequence[Finding]) -> tuple[Witness, ...]:
    """At most `MOST_WITNESSES`, those of the gravest findings: one for each, against the newest version, and each event
    once."""
    ranks = {(f.direction, f.code, path): rank for rank, f in enumerate(findings) for path in (f.path, *f.also)}
    known = [
        (
            ranks.get((each.direction, each.code, each.about), len(ranks)),
            changed(each, version=max(numbers, default=None)),
        )
        for numbers, verdict in found
        for each in verdict.witnesses
    ]
    kept: dict[bytes, Witness] = {}
    shown: set[int] = set()
    for rank, each in sorted(known, key=lambda pair: pair[0]):
        text = _text(each)
        if rank not in shown and text not in kept:
            kept[text] = each
            shown.add(rank)
    return tuple(kept.values())[:MOST_WITNESSES]


def _text(each: Witness) -> bytes:
    about: Mapping[str, object] = {"event": each.event, "direction": each.direction, "rejected": each.rejected_by}
    return json.dumps(about, sort_keys=True).encode()
