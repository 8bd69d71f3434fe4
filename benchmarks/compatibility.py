"""What a check of a schema change costs, against one compile of the same schema by jsonschema-rs in the same run.

The schema has 60 fields in nested objects. *Parsed*: both sides are read already, as when a history is
checked. Goals: JSON at most 12x, Avro at most 4x, JSON with witnesses at most 1,000x; a history of 50 versions within a second.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from typing import Any

import jsonschema_rs

from benchmarks.figures import Figure, median_ratio, report
from headrace.catalogue.compatibility import avro_verdict, json_verdict
from headrace.catalogue.compatibility.checker import check_history
from headrace.catalogue.compatibility.json_verdict import Side
from headrace.catalogue.compatibility.verdict import Direction, Verdict
from headrace.model import avro_schema
from headrace.model.schema import Compatibility, SchemaFormat, SchemaText

GROUPS = ("order", "delivery", "supplier", "payment", "article", "store")
FIELDS: dict[str, dict[str, Any]] = {
    "id": {"type": "string", "minLength": 1, "maxLength": 40, "description": "As the customer writes it."},
    "number": {"type": "integer", "minimum": 0, "description": "Counted from nought."},
    "amount": {"type": "number", "multipleOf": 0.01, "description": "In the currency."},
    "at": {"type": "string", "format": "date-time", "description": "When it was."},
    "state": {"type": "string", "enum": ["OPEN", "SENT", "CLOSED"]},
    "code": {"type": ["string", "null"], "pattern": "^[A-Z0-9-]{1,12}$"},
    "urgent": {"type": "boolean"},
    "notes": {"type": "array", "items": {"type": "string"}, "maxItems": 20},
    "uuid": {"type": "string", "format": "uuid"},
    "day": {"type": "string", "format": "date"},
}


def sixty_fields() -> dict[str, Any]:
    group = {"type": "object", "properties": FIELDS, "required": ["id", "number", "state"]}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {name: copy.deepcopy(group) for name in GROUPS},
        "required": ["order", "delivery"],
    }


def sixty_avro_fields() -> dict[str, Any]:
    kinds: list[Any] = ["string", "long", "double", ["null", "string"], "boolean"]
    kinds += [{"type": "array", "items": "string"}, {"type": "map", "values": "int"}, "int", "float", "bytes"]
    groups = [
        {
            "name": name,
            "type": {
                "type": "record",
                "name": name.title(),
                "fields": [{"name": f"field{n}", "type": kind} for n, kind in enumerate(kinds)],
            },
        }
        for name in GROUPS
    ]
    return {"type": "record", "name": "Ordered", "fields": groups}


def _seconds(once: Callable[[], object], times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        once()
    return (time.perf_counter() - start) / times


def _ratio(name: str, goal: float, check: Callable[[], object], compile_: Callable[[], object]) -> Figure:
    ratio, pairs = median_ratio(lambda: _seconds(check, 20), lambda: _seconds(compile_, 20), rounds=9)
    best = [round(min(side) * 1000, 3) for side in zip(*pairs, strict=True)]
    return Figure(name, ratio, goal, detail={"check ms (best)": best[0], "compile ms (best)": best[1]})


def measure() -> list[Figure]:
    old = sixty_fields()
    wider, broken = copy.deepcopy(old), copy.deepcopy(old)
    wider["properties"]["payment"]["properties"]["added"] = {"type": "string"}
    broken["properties"]["order"]["properties"]["number"]["type"] = ["integer", "null"]
    sides = {name: Side(each) for name, each in (("old", old), ("wider", wider), ("broken", broken))}
    plain = old

    def compile_() -> object:
        return jsonschema_rs.validator_for(plain)

    def check(new: str, *, witness: bool) -> Callable[[], object]:
        return lambda: json_verdict.direction_verdict(sides[new], sides["old"], Direction.FORWARD, witness=witness)

    before = sixty_avro_fields()
    after = copy.deepcopy(before)
    after["fields"][0]["type"]["fields"].append({"name": "added", "type": "string"})
    writer, reader = avro_schema.parse(after), avro_schema.parse(before)

    def avro() -> object:
        return avro_verdict.direction_verdict(writer, reader, Direction.FORWARD, witness=False)

    def version(number: int) -> SchemaText:
        each = copy.deepcopy(old)
        each["properties"]["article"]["properties"] |= {f"added{n}": {"type": "string"} for n in range(number)}
        return SchemaText(SchemaFormat.JSON_SCHEMA, json.dumps(each))

    history = [version(number) for number in range(50)]
    start = time.perf_counter()
    checked = check_history(version(50), history, Compatibility.FORWARD_TRANSITIVE, witness=False)
    seconds = time.perf_counter() - start
    assert checked.tolerant is Verdict.SAFE
    size = {"schema kB": round(len(json.dumps(old)) / 1000, 1)}
    return [
        _ratio("parsed check, JSON, a field added / compile", 12, check("wider", witness=False), compile_),
        _ratio("parsed check, JSON, null allowed / compile", 12, check("broken", witness=False), compile_),
        _ratio("parsed check, JSON, with its witness / compile", 1_000, check("broken", witness=True), compile_),
        _ratio("parsed check, Avro, a field added / compile", 4, avro, compile_),
        Figure("a history of 50 versions, texts to verdict", seconds, 1.0, unit="s", detail=size),
    ]


if __name__ == "__main__":
    raise SystemExit(report(measure()))
