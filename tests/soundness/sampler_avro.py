"""Values of an Avro schema by chance: every branch of a union, every symbol, empty and longer lists."""

from __future__ import annotations

import datetime
import decimal
import random
import uuid
from typing import Any

from headrace.model.avro_schema import AvroSchema

MAX_DEPTH = 12


class AvroSampler:
    def __init__(self, schema: AvroSchema, r: random.Random) -> None:
        self._schema, self._r = schema, r

    def value(self, node: Any, depth: int = 0) -> Any:
        """A native value (what fastavro writes) of ``node``."""
        r, node = self._r, self._schema.definition(node)
        if isinstance(node, list):
            branch = "null" if depth > MAX_DEPTH and "null" in node else r.choice(node)
            return self.value(branch, depth + 1)
        kind = node["type"] if isinstance(node, dict) else node
        if isinstance(node, dict) and "logicalType" in node:
            return self._logical(node)
        if kind == "record":
            return {f["name"]: self.value(f["type"], depth + 1) for f in node["fields"]}
        if kind == "array":
            return [self.value(node["items"], depth + 1) for _ in range(r.choice([0, 1, 2]))]
        if kind == "map":
            return {name: self.value(node["values"], depth + 1) for name in r.choice([(), ("a",), ("a", "b")])}
        if kind == "enum":
            return r.choice(node["symbols"])
        if kind == "fixed":
            return bytes(node["size"])
        if isinstance(kind, dict | list):
            return self.value(kind, depth)
        return {
            "null": None,
            "boolean": r.random() < 0.5,
            "int": r.choice([0, 1, -1, 2**31 - 1]),
            "long": r.choice([0, 5, -(2**40)]),
            "float": r.choice([0.0, 1.5]),
            "double": r.choice([0.0, 2.25, 1e100]),
            "string": r.choice(["", "a", "SALE"]),
            "bytes": r.choice([b"", b"ab"]),
        }[kind]

    def _logical(self, node: dict[str, Any]) -> Any:
        now = datetime.datetime(2026, 1, 31, 12, self._r.randrange(60), tzinfo=datetime.UTC)
        return {
            "date": now.date(),
            "uuid": str(uuid.UUID(int=self._r.getrandbits(128))),
            "decimal": decimal.Decimal(self._r.randint(-999, 999)).scaleb(-int(node.get("scale", 0))),
        }.get(node["logicalType"], now)
