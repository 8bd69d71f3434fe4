"""Checking a change: one schema against another, or against a history, under a mode."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache

from headrace.catalogue.compatibility import avro_verdict, json_verdict, modes
from headrace.catalogue.compatibility.direction import DirectionVerdict
from headrace.catalogue.compatibility.findings import ordered
from headrace.catalogue.compatibility.json_verdict import Side
from headrace.catalogue.compatibility.verdict import Direction, PairVerdict, RegistryAnswer, Verdict
from headrace.errors import InvalidSchema
from headrace.model import avro_schema
from headrace.model.avro_schema import AvroSchema
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


@lru_cache(maxsize=256)
def avro_side(text: str) -> AvroSchema:
    """An Avro schema, parsed once. Raises `InvalidSchema`."""
    try:
        return avro_schema.parse(json.loads(text))
    except RecursionError as error:
        raise InvalidSchema("the schema nests too deeply") from error
    except ValueError as error:
        raise InvalidSchema(f"the schema cannot be read: {error}") from error


def directions(
    old: SchemaText, new: SchemaText, mode: Compatibility, *, witness: bool, version: int | None
) -> list[DirectionVerdict]:
    """The verdict of each direction that ``mode`` asks for."""
    if old.format is not new.format:
        raise InvalidSchema(f"a {new.format.value} schema cannot follow a {old.format.value} schema")
    out = []
    for direction in modes.DIRECTIONS[mode]:
        writer, reader = (old, new) if direction is Direction.BACKWARD else (new, old)
        if old.format is SchemaFormat.AVRO:
            found = avro_verdict.direction_verdict(
                avro_side(writer.text), avro_side(reader.text), direction, witness=witness, version=version
            )
        else:
            found = json_verdict.direction_verdict(
                side(writer.text), side(reader.text), direction, witness=witness, version=version
            )
        out.append(found)
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
