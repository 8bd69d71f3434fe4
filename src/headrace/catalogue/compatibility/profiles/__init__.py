"""What production's registry will answer to a registration, without asking it.

Each profile follows one registry's rules as its release has them, faults included. A registry compares the new schema with one
version after another, newest first, and answers by the first that it refuses.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from headrace.catalogue.compatibility import modes
from headrace.catalogue.compatibility.profiles import (
    apache_avro,
    apicurio,
    confluent,
    everit_loader,
    everit_modern,
    karapace,
    karapace_reading,
)
from headrace.catalogue.compatibility.profiles.apicurio_kinds import REFUSED as APICURIO_REFUSED
from headrace.catalogue.compatibility.profiles.confluent_kinds import LENIENT, STRICT
from headrace.catalogue.compatibility.profiles.differences import Differences, reason
from headrace.catalogue.compatibility.profiles.everit import Schema
from headrace.catalogue.compatibility.profiles.everit_loader import Unreadable
from headrace.catalogue.compatibility.verdict import Direction, RegistryAnswer
from headrace.model import avro_schema
from headrace.model.avro_schema import AvroSchema
from headrace.model.json_references import draft_of
from headrace.model.json_schema import compile_schema
from headrace.model.schema import Compatibility, SchemaFormat, SchemaText

__all__ = ["PROFILES", "answer"]

PROFILES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "confluent": "Confluent Schema Registry 8.3, compatibility policy STRICT",
        "confluent-lenient": "Confluent Schema Registry 8.3, compatibility policy LENIENT",
        "karapace": "Karapace 6.2.2",
        "apicurio": "Apicurio Registry 3.3.3",
    }
)
"""Of each profile the release that it follows."""


def answer(profile: str, old: Sequence[SchemaText], new: SchemaText, mode: Compatibility) -> RegistryAnswer:
    """The registry's answer when ``new`` follows ``old`` (as the registry holds them, oldest first) under ``mode``. Reasons:
    the registry's own kinds, each with its place (``TYPE_CHANGED at #/properties/x``). A schema that the registry cannot read
    or compare is refused, the reason starting with ``UNREADABLE``. Raises ValueError (unknown profile)."""
    if profile not in PROFILES:
        raise ValueError(f"unknown profile {profile!r}; there are {', '.join(PROFILES)}")
    for version in modes.compared(old, mode):
        reasons: list[str] = []
        for direction in modes.DIRECTIONS[mode]:
            writer, reader = (version, new) if direction is Direction.BACKWARD else (new, version)
            reasons += _refusals(profile, writer, reader)
        if reasons:
            return RegistryAnswer(profile, PROFILES[profile], False, tuple(dict.fromkeys(reasons)))
    return RegistryAnswer(profile, PROFILES[profile], True)


def _refusals(profile: str, writer: SchemaText, reader: SchemaText) -> list[str]:
    """Why the registry says that ``reader`` does not take what ``writer`` writes."""
    if writer.format is not reader.format:
        return [f"SCHEMA_TYPE_CHANGED from {writer.format.value} to {reader.format.value}"]
    compare = _avro if writer.format is SchemaFormat.AVRO else _BY_PROFILE[profile]
    try:
        return [reason(difference) for difference in compare(writer.text, reader.text)]
    except RecursionError:
        return ["UNREADABLE: it nests too deeply"]
    except (Unreadable, apicurio.CheckFailed) as error:
        return [f"UNREADABLE: {error}"]
    except (TypeError, AttributeError) as error:
        # A keyword with a value of another kind than it has to have; anything else is a fault of ours.
        for side in (writer, reader):
            try:
                compile_schema(json.loads(side.text))
            except ValueError as fault:
                return [f"UNREADABLE: {fault}"]
        raise error


def _confluent(accepted: frozenset[str]) -> Callable[[str, str], Differences]:
    def refused(writer: str, reader: str) -> Differences:
        found = confluent.compare(_confluent_schema(writer), _confluent_schema(reader), accepted)
        return [each for each in found if each[0] not in accepted]

    return refused


def _apicurio(writer: str, reader: str) -> Differences:
    found = apicurio.compare(_apicurio_schema(writer), _apicurio_schema(reader))
    return sorted({each for each in found if each[0] in APICURIO_REFUSED})


def _karapace(writer: str, reader: str) -> Differences:
    return karapace.compare(_karapace_schema(writer), _karapace_schema(reader))


_BY_PROFILE: Final[Mapping[str, Callable[[str, str], Differences]]] = {
    "confluent": _confluent(STRICT),
    "confluent-lenient": _confluent(LENIENT),
    "karapace": _karapace,
    "apicurio": _apicurio,
}


def _avro(writer: str, reader: str) -> Differences:
    return apache_avro.compare(_avro_schema(writer), _avro_schema(reader))


@lru_cache(maxsize=256)
def _avro_schema(text: str) -> AvroSchema:
    try:
        return avro_schema.parse(_json(text))
    except ValueError as error:
        raise Unreadable(str(error)) from error


@lru_cache(maxsize=256)
def _confluent_schema(text: str) -> Schema:
    """Draft-07 where no draft that it knows is stated; the two later drafts by a reader of their own."""
    draft, raw = _drafted(_json(text))
    return everit_modern.load(raw) if draft is not None and draft > 7 else everit_loader.load(raw, draft or 7)


@lru_cache(maxsize=256)
def _apicurio_schema(text: str) -> Schema:
    """Draft-04 where none is stated; one that it does not know, or a later one than draft-07, is not read."""
    given = _json(text)
    if not isinstance(given, Mapping):
        raise Unreadable("a document that is no object is not read")
    draft, raw = _drafted(given)
    if (draft is None and "$schema" in given) or (draft is not None and draft > 7):
        raise Unreadable("the registry knows drafts 4, 6 and 7 only")
    return everit_loader.load(raw, draft or 4)


@lru_cache(maxsize=256)
def _karapace_schema(text: str) -> Any:
    return karapace_reading.read(_drafted(_json(text))[1])


def _drafted(raw: Any) -> tuple[int | None, Any]:
    """The draft that a document states, by the start of its URL, and the document with the URL as we write it; None: none
    that is known, and the document without it."""
    if not isinstance(raw, Mapping):
        return None, raw
    stated = raw.get("$schema")
    if isinstance(stated, str):
        name = stated.removeprefix("https://").removeprefix("http://")
        for url in _DRAFTS:
            if name.startswith(url.partition("://")[2]):
                return draft_of({"$schema": url}), {**raw, "$schema": url}
    return None, {keyword: value for keyword, value in raw.items() if keyword != "$schema"}


_DRAFTS: Final = (
    *(f"http://json-schema.org/draft-0{number}/schema" for number in (4, 6, 7)),
    *(f"https://json-schema.org/draft/{name}/schema" for name in ("2019-09", "2020-12")),
)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Unreadable(f"it is not JSON: {error}") from error
