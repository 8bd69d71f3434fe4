"""Fields that an Avro schema no longer has though nothing breaks by it: the reader's default takes their place.

Resolution is silent about them; who reads such a field wants to know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from headrace.catalogue.compatibility.avro_resolution import kind, names, simple
from headrace.model.avro_schema import AvroSchema


@dataclass(frozen=True, slots=True)
class Dropped:
    """``path``: in the data. ``pointer``: into the old schema. ``default``: what its readers get instead."""

    path: str
    pointer: str
    default: Any


def dropped(old: AvroSchema, new: AvroSchema) -> list[Dropped]:
    """The fields with a default that ``old`` has and ``new`` has not, in the order of the old schema."""
    return list(_walk(old, new, old.resolved, new.resolved, "", "#", set()))


def _walk(
    old: AvroSchema, new: AvroSchema, was: Any, now: Any, path: str, pointer: str, met: set[tuple[int, int]]
) -> Iterator[Dropped]:
    was, now = old.definition(was), new.definition(now)
    for branch, place in _branches(old, was, pointer):
        other = _like(new, branch, now)
        if other is None or (id(branch), id(other)) in met:
            continue
        met.add((id(branch), id(other)))
        what = kind(branch)
        if what == "array":
            yield from _walk(old, new, branch["items"], other["items"], f"{path}[]", f"{place}/items", met)
        elif what == "map":
            inside = f"{path}.*" if path else "*"
            yield from _walk(old, new, branch["values"], other["values"], inside, f"{place}/values", met)
        elif what == "record":
            yield from _fields(old, new, branch, other, path, place, met)


def _fields(
    old: AvroSchema,
    new: AvroSchema,
    was: Mapping[str, Any],
    now: Mapping[str, Any],
    path: str,
    pointer: str,
    met: set[tuple[int, int]],
) -> Iterator[Dropped]:
    there = {field["name"]: field for field in now["fields"]}
    for index, field in enumerate(was["fields"]):
        name = field["name"]
        inside, place = f"{path}.{name}" if path else name, f"{pointer}/fields/{index}"
        if name in there:
            yield from _walk(old, new, field["type"], there[name]["type"], inside, f"{place}/type", met)
        elif "default" in field and not any(alias in there for alias in field.get("aliases", ())):
            yield Dropped(inside, place, field["default"])


def _branches(schema: AvroSchema, node: Any, pointer: str) -> Iterator[tuple[Any, str]]:
    if isinstance(node, list):
        for index, branch in enumerate(node):
            yield schema.definition(branch), f"{pointer}/{index}"
    else:
        yield node, pointer


def _like(schema: AvroSchema, branch: Any, other: Any) -> Any:
    """What of the other side the branch is compared with: of the same kind, and of the same name where it has one."""
    candidates = [schema.definition(each) for each in other] if isinstance(other, list) else [other]
    for candidate in candidates:
        if kind(candidate) == kind(branch) and (
            not isinstance(branch, Mapping) or "name" not in branch or simple(branch["name"]) in names(candidate)
        ):
            return candidate
    return None
