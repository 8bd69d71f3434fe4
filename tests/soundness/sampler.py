"""Documents by chance: a judge of verdicts that knows nothing of how the checker proves or makes witnesses.

From both schemas of a pair it takes what they speak of (names, constants, bounds and their neighbours, texts of patterns and
formats). It makes documents by walking the writer's schema, then mutates the valid ones in one to three places: a value
exchanged, a field gone or added, an item more or less. A document is counted when the writer's validator takes it; it is a
counter-example when the reader's does not.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from typing import Any

parser = re._parser  # type: ignore[attr-defined]  # Python's own reader of regular expressions

TEXTS = ["", "a", "T", "x", "SALE", "TEST", "DEMO", "abcdef", "A" * 7, "a" * 25, "0", "1 kg", "é", "NEW", "A-1"]
OF_FORMAT = {
    "date": ["2026-01-31", "2000-02-29"],
    "date-time": ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00.5+02:00"],
    "time": ["12:00:00Z"],
    "uuid": ["6ba7b810-9dad-41d1-80b4-00c04fd430c8"],
    "email": ["a@example.com"],
    "uri": ["https://example.com/a", "urn:a:b"],
    "ipv4": ["192.0.2.1"],
    "hostname": ["a.example.com"],
    "duration": ["P1D", "PT2H"],
}
VALUES: list[Any] = [None, True, False, 0, 1, -1, 2, 0.5, 0.01, 1.5, 100, [], {}, "a", ["a"], [1], {"a": 1}, {"a": "b"}]
MAX_DEPTH = 9


def matching(r: random.Random, pattern: str) -> str:
    """A text that matches, by walking Python's parse of the pattern."""
    out = ""
    for kind, value in parser.parse(pattern):
        out += _part(r, str(kind), value)
    return out


def _part(r: random.Random, kind: str, value: Any) -> str:
    if kind == "LITERAL":
        return chr(value)
    if kind == "NOT_LITERAL":
        return "~" if value != ord("~") else "!"
    if kind == "ANY":
        return r.choice("aZ0 ")
    if kind == "IN":
        return _member(r, value)
    if kind in ("MAX_REPEAT", "MIN_REPEAT"):
        least, most, inner = value
        times = r.randint(least, min(most, least + r.choice([0, 1, 1, 4])))
        return "".join(_part(r, str(k), v) for _ in range(times) for k, v in inner)
    if kind == "SUBPATTERN":
        return "".join(_part(r, str(k), v) for k, v in value[-1])
    if kind == "BRANCH":
        return "".join(_part(r, str(k), v) for k, v in r.choice(value[1]))
    return ""


def _member(r: random.Random, listed: Any) -> str:
    kind, value = r.choice([(str(k), v) for k, v in listed if str(k) != "NEGATE"])
    if str(listed[0][0]) == "NEGATE":
        return r.choice("~!_aZ0")
    if kind == "LITERAL":
        return chr(value)
    if kind == "RANGE":
        return chr(r.randint(*value))
    return r.choice("0a ")


def _inside(node: Any) -> Iterator[dict[str, Any]]:
    """Every object of a parsed document that may be a subschema."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _inside(value)
    elif isinstance(node, list):
        for value in node:
            yield from _inside(value)


class Sampler:
    """For one pair of schemas, from a seed."""

    def __init__(self, writer: Any, reader: Any, seed: str) -> None:
        self.r = random.Random(seed)
        self._roots = (writer, reader)
        self._ids = {n["$id"]: n for root in self._roots for n in _inside(root) if isinstance(n.get("$id"), str)}
        self._pool: list[Any] = [*VALUES, *TEXTS]
        self._names: list[str] = ["x_", "ab", "q_code", "other", "Zz9", "a_long_name_of_a_field"]
        for node in (n for root in self._roots for n in _inside(root)):
            self._learn(node)
        self._names = list(dict.fromkeys(self._names))

    def _learn(self, node: dict[str, Any]) -> None:
        if "const" in node:
            self._pool += [node["const"]] * 3
        if isinstance(node.get("enum"), list):
            self._pool += node["enum"]
        for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"):
            if isinstance(bound := node.get(key), int | float):
                self._pool += [bound, bound + 1, bound - 1, bound + 0.5, bound * 2, bound * 3, bound + 0.01]
        for key in ("minLength", "maxLength"):
            if isinstance(size := node.get(key), int):
                self._pool += ["b" * (size + step) for step in (-1, 0, 1) if size + step >= 0]
        if isinstance(node.get("properties"), dict):
            self._names += list(node["properties"])
        if isinstance(node.get("required"), list):
            self._names += node["required"]
        for key in ("dependentRequired", "dependencies", "dependentSchemas"):
            if isinstance(node.get(key), dict):
                self._names += list(node[key])
        if isinstance(node.get("patternProperties"), dict):
            self._names += [matching(self.r, p) for p in node["patternProperties"] for _ in range(2)]
        if isinstance(node.get("pattern"), str):
            self._pool += [matching(self.r, node["pattern"]) for _ in range(6)]
        if isinstance(node.get("format"), str):
            self._pool += OF_FORMAT.get(node["format"], [])

    # --- walking a schema

    def _resolved(self, root: Any, reference: str) -> Any:
        if reference in self._ids:
            return self._ids[reference]
        if not reference.startswith("#/") and reference != "#":
            return next((n for n in _inside(root) if n.get("$anchor") == reference[1:]), True)
        node = root
        for part in reference.split("/")[1:]:
            node = node[part.replace("~1", "/").replace("~0", "~")]
        return node

    def made(self, root: Any, node: Any, depth: int = 0) -> Any:
        """A document that often is valid under ``node``."""
        r = self.r
        if not isinstance(node, dict) or depth > MAX_DEPTH or r.random() < 0.02:
            return r.choice(self._pool)
        if "$ref" in node:
            return self.made(root, self._resolved(root, node["$ref"]), depth + 1)
        for key in ("allOf", "anyOf", "oneOf"):
            if node.get(key):
                own = {k: v for k, v in node.items() if k != key}
                branches = node[key] if key == "allOf" else [r.choice(node[key])]
                return self.made(root, _together(own, branches), depth)
        if "then" in node or "else" in node:
            own = {k: v for k, v in node.items() if k not in ("if", "then", "else")}
            branch = [node["if"], node.get("then", True)] if r.random() < 0.5 else [node.get("else", True)]
            return self.made(root, _together(own, branch), depth)
        if "const" in node:
            return node["const"]
        if "enum" in node:
            return r.choice(node["enum"])
        stated = node.get("type")
        kind = r.choice(stated) if isinstance(stated, list) else stated
        if kind == "object" or (kind is None and ("properties" in node or "required" in node)):
            return self._object(root, node, depth)
        if kind == "array" or (kind is None and ("items" in node or "prefixItems" in node)):
            return self._array(root, node, depth)
        if kind == "string":
            return self._text(node)
        if kind in ("integer", "number"):
            return self._number(node, kind)
        return {"boolean": r.random() < 0.5, "null": None}.get(kind, r.choice(self._pool))

    def _object(self, root: Any, node: dict[str, Any], depth: int) -> dict[str, Any]:
        r, out = self.r, {}
        wanted = set(node.get("required", ()))
        often = r.choice([0.0, 0.5, 1.0])
        for name, sub in node.get("properties", {}).items():
            if sub is not False and (name in wanted or r.random() < often):
                out[name] = self.made(root, sub, depth + 1)
        for name in node.get("required", ()):
            if name not in out:
                out[name] = self._other(root, node, depth)
        if node.get("additionalProperties") is not False and r.random() < 0.3:
            out[r.choice(self._names)] = self._other(root, node, depth)
        for pattern, sub in node.get("patternProperties", {}).items():
            if r.random() < 0.4:
                out[matching(r, pattern)] = self.made(root, sub, depth + 1)
        return out

    def _other(self, root: Any, node: dict[str, Any], depth: int) -> Any:
        rest = node.get("additionalProperties", node.get("unevaluatedProperties", True))
        return self.made(root, rest, depth + 1)

    def _array(self, root: Any, node: dict[str, Any], depth: int) -> list[Any]:
        r, listed = self.r, node.get("items", node.get("unevaluatedItems", True))
        prefix = node.get("prefixItems", listed if isinstance(listed, list) else [])
        rest = node.get("additionalItems", True) if isinstance(listed, list) else listed
        least = node.get("minItems", 0)
        number = r.randint(least, min(node.get("maxItems", least + 4), least + 4))
        items = [
            self.made(root, prefix[i] if i < len(prefix) else rest, depth + 1)
            for i in range(number)
            if i < len(prefix) or rest is not False
        ]
        for index in range(min(len(items), node.get("minContains", 1)) if "contains" in node else 0):
            items[index] = self.made(root, node["contains"], depth + 1)
        return items

    def _text(self, node: dict[str, Any]) -> str:
        r = self.r
        if isinstance(node.get("pattern"), str):
            return matching(r, node["pattern"])
        if node.get("format") in OF_FORMAT and r.random() < 0.9:
            return r.choice(OF_FORMAT[node["format"]])
        least, most = node.get("minLength", 0), node.get("maxLength", 30)
        texts = [v for v in self._pool if isinstance(v, str) and least <= len(v) <= most]
        return r.choice([r.choice("abZ9") * r.choice([least, most]), *r.sample(texts, min(2, len(texts)))])

    def _number(self, node: dict[str, Any], kind: str) -> Any:
        r = self.r
        least = node.get("minimum", node.get("exclusiveMinimum", -5))
        most = node.get("maximum", node.get("exclusiveMaximum", least + 20))
        step = node.get("multipleOf")
        if step is not None and r.random() < 0.9:
            return round(r.randint(0, 40) * step, 6)
        if kind == "integer":
            return r.choice([r.randint(int(least), max(int(least), int(most))), int(least), int(most), int(least) + 1])
        return r.choice([round(r.uniform(least, most), 2), least, most, r.randint(int(least), int(most) + 1)])

    # --- mutating a document

    def mutated(self, document: Any) -> Any:
        for _ in range(self.r.choice([1, 1, 2, 3])):
            document = self._changed(document)
        return document

    def _changed(self, value: Any) -> Any:
        """A copy with one place changed; what is not changed is shared."""
        r = self.r
        if isinstance(value, dict) and value and r.random() < 0.75:
            name = r.choice(list(value))
            if r.random() < 0.2:
                return {k: v for k, v in value.items() if k != name}
            return {**value, name: self._changed(value[name])}
        if isinstance(value, list) and value and r.random() < 0.75:
            index = r.randrange(len(value))
            way = r.random()
            if way < 0.2:
                return [*value[:index], *value[index + 1 :]]
            item = value[index] if way < 0.4 else r.choice(self._pool) if way < 0.5 else self._changed(value[index])
            return [*value, item] if way < 0.5 else [*value[:index], item, *value[index + 1 :]]
        if isinstance(value, dict) and r.random() < 0.8:
            return {**value, r.choice(self._names): r.choice(self._pool)}
        if isinstance(value, list) and r.random() < 0.8:
            return [*value, r.choice(self._pool)]
        if isinstance(value, int | float) and not isinstance(value, bool) and r.random() < 0.5:
            return r.choice([value + 1, value - 1, value + 0.5, value * 2, -value])
        if isinstance(value, str) and value and r.random() < 0.3:
            return r.choice([value[:-1], value + value[-1], value[1:], value.swapcase()])
        return r.choice(self._pool)


def _together(own: dict[str, Any], branches: list[Any]) -> dict[str, Any]:
    """Schemas that hold together, roughly: names and objects of the same keyword joined."""
    out = dict(own)
    for branch in branches:
        for key, value in branch.items() if isinstance(branch, dict) else ():
            if key == "required":
                out[key] = [*out.get(key, ()), *value]
            elif key == "properties":
                out[key] = {**out.get(key, {}), **value}
            else:
                out[key] = value
    return out


Valid = Callable[[Any], bool]


def sample(
    writer: Any, reader: Any, writes: Valid, reads: Valid, *, seed: str, number: int
) -> tuple[int, Any | None, bool]:
    """Up to ``number`` documents that ``writes`` takes: how many there were, a counter-example, whether there is one."""
    sampler = Sampler(writer, reader, seed)
    known: list[Any] = []
    valid = 0
    for turn in range(number * 4):
        if turn < 400 or not known or turn % 40 == 0:
            root = writer if turn % 3 else reader
            document = sampler.made(root, root)
        else:
            document = sampler.mutated(sampler.r.choice(known))
        if not writes(document):
            continue
        valid += 1
        if not reads(document):
            return valid, document, True
        if len(known) < 200:
            known.append(document)
        elif turn % 5 == 0:
            known[sampler.r.randrange(200)] = document
        if valid >= number:
            break
    return valid, None, False
