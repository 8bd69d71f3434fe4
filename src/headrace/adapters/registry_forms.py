"""When two schemas are the same, and the canonical form that `normalize` registers.

Without `normalize` a schema is told from another by its content, not by how it is laid out: white space never counts, and in
Avro neither does the order of attributes (lists have an order of their own there). In JSON Schema the order of keys does
count, as it does for Confluent's registry.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from headrace.model.schema import SchemaFormat, SchemaText

_FIRST = ("type", "name", "namespace", "doc", "fields", "symbols", "items", "values", "size", "default")
"""The order in which Avro attributes are printed; others follow by name."""

_NAMED = ("record", "error", "enum", "fixed")
_KEYWORDS = frozenset(
    {"null", "boolean", "int", "long", "float", "double", "bytes", "string", "array", "map", "union", *_NAMED}
)
"""Types that no namespace belongs to."""


@lru_cache(maxsize=8_192)
def guid_of(schema: SchemaText) -> str:
    """A UUID (RFC 9562, version 8: ours) that follows from a schema's format, content and references."""
    document = _document(schema)
    text = schema.text if document is None else _dumps(document, sort=schema.format is SchemaFormat.AVRO)
    references = [[reference.name, reference.subject, reference.version] for reference in schema.references]
    digest = hashlib.sha256(_dumps([schema.format, text, references], sort=False).encode("utf-8", "surrogatepass"))
    value = int.from_bytes(digest.digest()[:16], "big")
    value = value & ~(0xF << 76) | (8 << 76)  # the version
    value = value & ~(0b11 << 62) | (0b10 << 62)  # the variant
    return str(uuid.UUID(int=value))


@lru_cache(maxsize=8_192)
def normalized(schema: SchemaText) -> SchemaText:
    """The canonical form: no white space, keys in a fixed order, references by name; in Avro full names, and no object
    around a primitive type that says nothing more. What does not parse stays as it is."""
    document = _document(schema)
    if document is None:
        return schema
    references = tuple(sorted(schema.references, key=lambda reference: reference.name))
    if schema.format is SchemaFormat.AVRO:
        return SchemaText(schema.format, _dumps(_avro(document, ""), sort=False), references)
    return SchemaText(schema.format, _dumps(document, sort=True), references)


def _document(schema: SchemaText) -> Any:
    """None where it does not parse (``null`` is no schema)."""
    try:
        return json.loads(schema.text)
    except (ValueError, RecursionError):
        return None


def _dumps(document: Any, *, sort: bool) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=sort)


def _avro(node: Any, namespace: str) -> Any:
    if isinstance(node, str):
        return node if node in _KEYWORDS or "." in node or not namespace else f"{namespace}.{node}"
    if isinstance(node, list):
        return [_avro(branch, namespace) for branch in node]
    if not isinstance(node, Mapping):
        return node
    kind = node.get("type")
    if kind not in _NAMED:
        attributes = dict(node)
        for key in ("type", "items", "values"):
            if key in attributes:
                attributes[key] = _avro(attributes[key], namespace)
        return attributes["type"] if list(attributes) == ["type"] else _ordered(attributes)
    name = node.get("name")
    attributes = {key: value for key, value in node.items() if key != "namespace"}
    if isinstance(name, str):
        own = node.get("namespace", namespace)
        full = name if "." in name or not isinstance(own, str) or not own else f"{own}.{name}"
        attributes["name"], namespace = full, full.rpartition(".")[0]
    fields = node.get("fields")
    if isinstance(fields, list):
        attributes["fields"] = [_field(field, namespace) for field in fields]
    return _ordered(attributes)


def _field(field: Any, namespace: str) -> Any:
    if not isinstance(field, Mapping):
        return field
    attributes = dict(field)
    if "type" in attributes:
        attributes["type"] = _avro(attributes["type"], namespace)
    return _ordered(attributes)


def _ordered(attributes: Mapping[str, Any]) -> dict[str, Any]:
    rest = sorted(attributes.keys() - set(_FIRST))
    return {key: attributes[key] for key in (*_FIRST, *rest) if key in attributes}
