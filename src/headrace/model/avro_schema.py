"""Avro schemas as Headrace means them: parsed once, with checks that name every fault by its path.

Stricter than the Avro specification (1.12) where it leaves room that hurts: a field that the schema does not declare is
refused, a number has to fit, a double has to be finite, a default has to be valid, and an array's items take at least a byte
each (else a few hostile bytes stand for billions of nulls). Recursive schemas are allowed, values nest at most `MAX_DEPTH`.

*Two forms of a value.* Native: what Python has for it (`datetime`, `Decimal`, `bytes`...). JSON: what examples and files of
events hold, as msgspec writes it: RFC 3339 text for dates and times, base64 for bytes and fixed, text for decimals and UUIDs.
Both are accepted everywhere; `native` turns the second into the first, which is what is encoded and decoded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import fastavro
import fastavro.schema

from headrace.errors import Violation
from headrace.model.avro_types import Checker, Checkers

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")

MAX_DEPTH: Final = 100
"""How deep records, arrays and maps may nest in a value of a recursive schema: the decoder below recurses in C without a
bound, the checks here in Python with one that the caller's own depth shares."""


class AvroSchema:
    """A parsed schema. ``document`` is as it was given; ``resolved`` fastavro's form of it, with full names, what its
    readers and writers take. Immutable; safe for many threads."""

    __slots__ = ("_checker", "_named", "default_faults", "document", "needs_native", "recursive", "resolved")

    def __init__(self, document: Any, resolved: Any, named: Mapping[str, Any]) -> None:
        self.document = document
        self.resolved = resolved
        self._named = named
        checkers = Checkers(named)
        self._checker: Checker = checkers.checker(resolved)
        self.default_faults = checkers.default_faults
        self.needs_native: bool = checkers.has_json_forms
        """Some type has a JSON form of its own."""
        self.recursive: bool = _recursive(resolved, named, frozenset())

    def is_valid(self, value: Any) -> bool:
        """Whether ``value`` (in either form, nothing undeclared in it) can be written."""
        if self.recursive and too_deep(value):
            return False
        return self._checker.ok(value)

    def faults(self, value: Any, prefix: str) -> tuple[Violation, ...]:
        if self.recursive and too_deep(value):
            return (Violation(prefix, "depth", f"nests deeper than {MAX_DEPTH} levels"),)
        found: list[Violation] = []
        self._checker.faults(value, prefix, found)
        return tuple(found)

    def native(self, value: Any) -> Any:
        """A valid value with its JSON forms made native."""
        return self._checker.native(value) if self.needs_native else value

    def definition(self, node: Any) -> Any:
        """A node with names replaced by what they stand for."""
        return self._named[node] if isinstance(node, str) and node in self._named else node


def parse(schema: Any) -> AvroSchema:
    """``schema`` parsed JSON (not text). Raises ValueError with a text for people."""
    if not isinstance(schema, str | list | Mapping):
        raise ValueError(f"not an Avro schema: {schema!r} is no name, object or list")
    named: dict[str, Any] = {}
    try:
        # A copy: fastavro marks what it has parsed, and would then believe that mark in a document of ours.
        document = json.loads(json.dumps(schema))
        resolved = fastavro.parse_schema(_unmarked(document), named_schemas=named, _write_hint=False)
    except (fastavro.schema.SchemaParseException, fastavro.schema.UnknownType) as error:
        text = f"the type {error.name!r} is not defined" if hasattr(error, "name") else str(error)
        raise ValueError(f"not an Avro schema: {text}") from error
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ValueError(f"not an Avro schema: {_reason(error)}") from error
    try:
        parsed = AvroSchema(schema, resolved, named)
        _check(parsed, resolved, "#", set())
    except (KeyError, TypeError, AttributeError, RecursionError) as error:  # fastavro lets through what it does not use
        raise ValueError(f"not an Avro schema: {_reason(error)}") from error
    return parsed


def violations(parsed: AvroSchema, data: Any, prefix: str = "data") -> tuple[Violation, ...]:
    """Everything that is wrong with ``data``, with paths such as ``data.shelves[3].width``; () if it is valid."""
    return parsed.faults(data, prefix)


def has_path(schema: Any, path: str) -> bool:
    """Whether ``path`` (``storeId``, ``shelves[].width``) exists: through unions, items of arrays and values of maps.
    ``schema`` is parsed JSON or an `AvroSchema`."""
    parsed = schema if isinstance(schema, AvroSchema) else parse(schema)
    places = _alternatives(parsed, parsed.resolved)
    for part in path.split("."):
        name = part.rstrip("[]")
        brackets = part[len(name) :]
        if not name or brackets != "[]" * (len(brackets) // 2):
            return False
        places = [f for place in places for f in _field(parsed, place, name)]
        for _ in range(len(brackets) // 2):
            places = [i for p in places if _kind(p) == "array" for i in _alternatives(parsed, p["items"])]
    return bool(places)


def too_deep(value: Any) -> bool:
    """Whether dicts and lists in ``value`` nest deeper than `MAX_DEPTH`; level by level, so nothing here recurses."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list | tuple)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list | tuple)
        ]
        if not level:
            return False
    return True


def _kind(node: Any) -> str:
    kind = node["type"] if isinstance(node, Mapping) else node
    return kind if isinstance(kind, str) else _kind(kind)


def _alternatives(parsed: AvroSchema, node: Any) -> list[Any]:
    node = parsed.definition(node)
    if isinstance(node, list):
        return [leaf for branch in node for leaf in _alternatives(parsed, branch)]
    return [node]


def _field(parsed: AvroSchema, node: Any, name: str) -> list[Any]:
    if _kind(node) == "map":
        return _alternatives(parsed, node["values"])
    if _kind(node) == "record":
        return [leaf for f in node["fields"] if f["name"] == name for leaf in _alternatives(parsed, f["type"])]
    return []


def _unmarked(node: Any) -> Any:
    if isinstance(node, dict):
        return {k: _unmarked(v) for k, v in node.items() if k not in ("__fastavro_parsed__", "__named_schemas")}
    return [_unmarked(v) for v in node] if isinstance(node, list) else node


def _reason(error: Exception) -> str:
    return f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error) or type(error).__name__


def _recursive(node: Any, named: Mapping[str, Any], inside: frozenset[str]) -> bool:
    if isinstance(node, str):
        return node in inside or (node in named and _recursive(named[node], named, inside))
    if isinstance(node, list):
        return any(_recursive(branch, named, inside) for branch in node)
    match _kind(node):
        case "record":
            inside |= {node["name"]}
            return any(_recursive(field["type"], named, inside) for field in node["fields"])
        case "array":
            return _recursive(node["items"], named, inside)
        case "map":
            return _recursive(node["values"], named, inside)
    return False


def _check(parsed: AvroSchema, node: Any, place: str, seen: set[str]) -> None:
    """The rules that fastavro leaves to us."""
    if isinstance(node, list):
        for branch in node:
            _check(parsed, branch, place, seen)
        return
    if isinstance(node, str):
        return  # a primitive, or a name that is checked where it is defined
    if "name" in node and not all(map(_NAME.match, node["name"].split("."))):
        raise ValueError(f"{place}: {node['name']!r} is not a name (letters, digits, '_', dots between)")
    match _kind(node):
        case "enum":
            if not node["symbols"] or not all(map(_NAME.match, node["symbols"])):
                raise ValueError(f"{place}: the symbols of {node['name']} must be names, and at least one")
        case "record":
            if node["name"] in seen:
                return
            seen.add(node["name"])
            for field in node["fields"]:
                inner = f"{place}/{field['name']}"
                _check(parsed, field["type"], inner, seen)
                if "default" in field and (found := parsed.default_faults(field, inner)):
                    raise ValueError(f"the default of {found[0].path}: {found[0].message}")
        case "array":
            if not _takes_a_byte(parsed, node["items"], frozenset()):
                raise ValueError(
                    f"{place}: the items of this array take no byte, so a few bytes could stand for billions of them"
                )
            _check(parsed, node["items"], f"{place}[]", seen)
        case "map":
            _check(parsed, node["values"], f"{place}{{}}", seen)


def _takes_a_byte(parsed: AvroSchema, node: Any, inside: frozenset[str]) -> bool:
    node = parsed.definition(node)
    if isinstance(node, list):
        return True  # the branch's index
    match _kind(node):
        case "null":
            return False
        case "fixed":
            return bool(node["size"])
        case "record":
            if node["name"] in inside:
                return False
            inside |= {node["name"]}
            return any(_takes_a_byte(parsed, field["type"], inside) for field in node["fields"])
    return True
