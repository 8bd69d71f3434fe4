"""What a schema says of one path: whether it exists, whether an event always has it, and its type. For both formats."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from headrace.catalogue.checking import LoadedSchema
from headrace.model import avro_schema
from headrace.model.json_locations import has_path
from headrace.model.json_references import Document, Pointer
from headrace.model.schema import SchemaFormat

_ENVELOPE = frozenset(
    ("specversion", "type", "source", "id", "time", "datacontenttype", "dataschema", "subject", "meta", "data")
)


def envelope_attribute(path: str) -> str | None:
    """The envelope's attribute that a path begins with; None where it begins with none."""
    first = re.split(r"[.\[]", path, maxsplit=1)[0]
    return first if first in _ENVELOPE else None


def attributes() -> frozenset[str]:
    return _ENVELOPE


def exists(schema: LoadedSchema, path: str) -> bool:
    """Whether ``path`` (from the data's root; empty: the data itself) exists in a usable schema."""
    if not path:
        return True
    if schema.format is SchemaFormat.AVRO:
        return avro_schema.has_path(schema.avro, path)
    return has_path(schema.locations, path)


def fields(schema: LoadedSchema) -> list[str]:
    """The names at the data's root, for hints."""
    document = schema.document
    if schema.format is SchemaFormat.AVRO:
        return [f["name"] for f in document.get("fields", ()) if isinstance(f, Mapping) and "name" in f]
    return list(document.get("properties", ()))


def key_problem(schema: LoadedSchema, path: str) -> str | None:
    """Why a path that exists cannot be part of a key: an event may lack it, or its value is no plain one; None if nothing."""
    if "[]" in path:
        return "stands in a list"
    return (
        _avro_problem(schema.avro, path)
        if schema.format is SchemaFormat.AVRO
        else _json_problem(schema.structure, path)
    )


def _json_problem(document: Document, path: str) -> str | None:
    places = set(_certain(document, [()]))
    for name in path.split("."):
        if not any(name in _mapping(document, p).get("required", ()) for p in places):
            return "is not required"
        below = [(*p, "properties", name) for p in places if name in _mapping(document, p).get("properties", {})]
        if not below:
            return "is declared under a condition only"
        places = set(_certain(document, below))
    stated: set[str] = set()
    for place in places:
        sub = _mapping(document, place)
        types = sub.get("type", ())
        stated |= {types} if isinstance(types, str) else set(types)
        if "const" in sub or "enum" in sub:
            values = [sub["const"]] if "const" in sub else sub["enum"]
            stated |= {"string" if isinstance(v, str | bool | int) else "object" for v in values}
    if not stated:
        return "has no type"
    wrong = sorted(stated - {"string", "integer", "boolean"})
    return f"may be of type {wrong[0]}" if wrong else None


def _certain(document: Document, pointers: list[Pointer]) -> Iterator[Pointer]:
    """These subschemas and those that hold whenever they do: what they refer to, and the parts of their `allOf`."""
    seen: set[Pointer] = set()
    while pointers:
        pointer = pointers.pop()
        if pointer in seen:
            continue
        seen.add(pointer)
        if pointer in document.targets:
            pointers.append(document.targets[pointer])
            if document.draft < 2019:
                continue  # siblings of a reference are ignored up to draft-07
        yield pointer
        pointers.extend((*pointer, "allOf", str(i)) for i in range(len(_mapping(document, pointer).get("allOf", ()))))


def _mapping(document: Document, pointer: Pointer) -> Mapping[str, Any]:
    found = document.schemas.get(pointer)
    return found if isinstance(found, Mapping) else {}


def _avro_problem(parsed: avro_schema.AvroSchema, path: str) -> str | None:
    node = parsed.resolved
    for name in path.split("."):
        if not isinstance(node, Mapping) or node.get("type") != "record":
            return "is below something that is no record"
        node = next(parsed.definition(f["type"]) for f in node["fields"] if f["name"] == name)
        if isinstance(node, list):
            return "may be null" if "null" in node else "may have several types"
    kind = node["type"] if isinstance(node, Mapping) else node
    return None if kind in ("string", "int", "long", "boolean", "enum") else f"is of type {kind}"
