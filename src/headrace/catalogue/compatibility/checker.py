"""Checking a change: one schema against another, or against a history, under a mode."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache

from headrace.catalogue.compatibility import modes
from headrace.catalogue.compatibility.findings import ordered
from headrace.catalogue.compatibility.json_verdict import DirectionVerdict, Side, direction_verdict
from headrace.catalogue.compatibility.verdict import Direction, PairVerdict, RegistryAnswer, Verdict
from headrace.errors import InvalidSchema
from headrace.model.schema import Compatibility, SchemaFormat, SchemaText


@lru_cache(maxsize=256)
def side(text: str) -> Side:
    """A JSON Schema, parsed once. Raises `InvalidSchema`."""
    try:
        return Side(json.loads(text))
    except RecursionError as error:
        raise InvalidSchema("the schema nests too deeply") from error
    except ValueError as error:
        raise InvalidSchema(f"the schema cannot be read: {error}") from error


def directions(
    old: SchemaText, new: SchemaText, mode: Compatibility, *, witness: bool, version: int | None
) -> list[DirectionVerdict]:
    """The verdict of each direction that ``mode`` asks for."""
    if old.format is not SchemaFormat.JSON_SCHEMA:
        raise InvalidSchema(f"schemas of the format {old.format} are not compared here")
    before, after = side(old.text), side(new.text)
    out = []
    for direction in modes.DIRECTIONS[mode]:
        writer, reader = (before, after) if direction is Direction.BACKWARD else (after, before)
        out.append(direction_verdict(writer, reader, direction, witness=witness, version=version))
    return out


def combined(found: Sequence[DirectionVerdict], mode: Compatibility, registry: RegistryAnswer) -> PairVerdict:
    """Several directions and versions as one verdict."""
    return PairVerdict(
        mode=mode.value,
        registry=registry,
        semantic=Verdict.worst([each.semantic for each in found]),
        tolerant=Verdict.worst([each.tolerant for each in found]),
        findings=ordered(f for each in found for f in each.findings),
        witnesses=tuple(w for each in found for w in each.witnesses),
    )
