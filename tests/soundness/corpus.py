"""The corpus: pairs of schemas made by mutating real ones, the same bytes in every run.

Each keyword that Headrace handles has `EACH` edits, each at a place of a real schema that suits it, and each edit gives two
pairs: what was written before read after, and the other way round. Nothing here depends on hashes, time or the machine.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.soundness import edits_avro, edits_shapes, edits_values, retail
from tests.soundness.edit import D7, D20, EDITS, ROOT, Edit, Fragment

assert edits_values.__doc__ and edits_shapes.__doc__  # imported for their edits

EACH = 12
"""Edits of each keyword; as many pairs in each direction."""

Place = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """What is written with ``writer`` is read with ``reader`` (both parsed JSON). ``keyword``: what the edit was made to."""

    id: str
    format: str
    keyword: str
    writer: Any
    reader: Any


def _places(schema: Fragment, on: str) -> list[Place]:
    """Where in a schema an edit may be made: properties and items, at any depth."""
    found: list[Place] = []

    def walk(node: Any, at: Place) -> None:
        if not isinstance(node, dict):
            return
        if (at and _suits(node, on)) or (not at and on == "object"):
            found.append(at)
        for name in node.get("properties", {}):
            walk(node["properties"][name], (*at, "properties", name))
        if "items" in node:
            walk(node["items"], (*at, "items"))

    walk(schema, ())
    return found


def _suits(node: Fragment, on: str) -> bool:
    stated = node.get("type")
    one = stated[0] if isinstance(stated, list) else stated
    kinds = {"number": ("number", "integer"), "value": ("number", "integer", "string"), "any": (one,)}
    return one is not None and one in kinds.get(on, (on,))


def _get(schema: Any, at: Place) -> Any:
    for step in at:
        schema = schema[step]
    return schema


def _put(schema: Fragment, at: Place, value: Any, draft: str) -> Fragment:
    """The schema with ``value`` at a place, and what it brings to the root."""
    out = copy.deepcopy(schema)
    value = copy.deepcopy(value)
    to_root = value.pop(ROOT, {}) if isinstance(value, dict) else {}
    if at:
        _get(out, at[:-1])[at[-1]] = value
    else:
        out = value
    return {**out, "$schema": draft, **to_root}


def _json_pairs(each: Edit) -> Iterator[Pair]:
    r = random.Random(f"soundness {each.keyword}")
    schemas = retail.json_schemas()
    suited = [(name, places) for name, schema in schemas.items() if (places := _places(schema, each.on))]
    made: set[str] = set()
    number = 0
    while number < EACH:
        name, places = r.choice(suited)
        at = r.choice(places)
        draft = r.choice(each.drafts)
        before, after = each.make(r, copy.deepcopy(_get(schemas[name], at)))
        old, new = _put(schemas[name], at, before, draft), _put(schemas[name], at, after, draft)
        text = json.dumps([old, new], sort_keys=True)
        if text in made or old == new:
            continue
        made.add(text)
        stem = f"{each.keyword} {number:02} {name}"
        yield Pair(f"{stem} a", "json-schema", each.keyword, old, new)
        yield Pair(f"{stem} b", "json-schema", each.keyword, new, old)
        number += 1


@cache
def json_pairs() -> tuple[Pair, ...]:
    return tuple(pair for each in EDITS for pair in _json_pairs(each))


@cache
def avro_pairs() -> tuple[Pair, ...]:
    pairs: list[Pair] = []
    for keyword, old, new, name in edits_avro.edited(EACH):
        number = sum(p.keyword == keyword for p in pairs) // 2
        stem = f"{keyword} {number:02} {name}"
        pairs.append(Pair(f"{stem} a", "avro", keyword, old, new))
        pairs.append(Pair(f"{stem} b", "avro", keyword, new, old))
    return tuple(pairs)


def pairs() -> tuple[Pair, ...]:
    return (*json_pairs(), *avro_pairs())


def some(number: int) -> list[Pair]:
    """``number`` pairs of all, spread evenly over the keywords."""
    everything = pairs()
    step = len(everything) / number
    return [everything[int(index * step)] for index in range(number)]


def text() -> str:
    """The whole corpus as JSON lines: what must be the same in every run."""
    return "".join(
        json.dumps([p.id, p.format, p.keyword, p.writer, p.reader], separators=(",", ":")) + "\n" for p in pairs()
    )


__all__ = ["D7", "D20", "EACH", "Pair", "avro_pairs", "json_pairs", "pairs", "some", "text"]
