"""What the writer of models asks of a data schema, JSON Schema or Avro: fields, which of them are required, kinds of values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headrace.model.schema import SchemaFormat

SCALARS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
"""Python's types by JSON Schema's names."""

AVRO = {
    "string": "str",
    "bytes": "bytes",
    "int": "int",
    "long": "int",
    "float": "float",
    "double": "float",
    "boolean": "bool",
    "null": "None",
    "enum": "str",
    "fixed": "bytes",
}


def data_schema(document: Any, format_: SchemaFormat) -> DataSchema:
    """A version of an event's data schema, ready to be asked."""
    if format_ is SchemaFormat.AVRO:
        return _Avro(document, _avro_names(document))
    return _Json(document, document)


class DataSchema:
    """One place of a schema. ``kind``: a Python scalar, ``object``, ``array`` or ``any``; ``identity``: the same for the same
    definition; ``branches``: the alternatives of a union, itself where it is none."""

    identity: str
    description: str = ""
    kind: str = "any"
    literals: tuple[str, ...] = ()

    @property
    def fields(self) -> Mapping[str, DataSchema]:
        return {}

    @property
    def required(self) -> frozenset[str]:
        return frozenset()

    @property
    def branches(self) -> Sequence[DataSchema]:
        return [self]

    @property
    def items(self) -> DataSchema:
        raise AssertionError("only an array has items")

    @property
    def values(self) -> DataSchema | None:
        return None


class _Json(DataSchema):
    def __init__(self, root: Any, schema: Any, kind: str | None = None) -> None:
        self._root = root
        self._given = schema
        self._schema = _resolve(root, schema)
        self.identity = f"{id(root)}:{id(self._schema)}"
        self.description = self._schema.get("description", "") if isinstance(self._schema, dict) else ""
        self.kind = kind or "any"
        listed = self._schema.get("enum", ()) if isinstance(self._schema, dict) else ()
        constant = [self._schema["const"]] if isinstance(self._schema, dict) and "const" in self._schema else ()
        texts = [value for value in (*listed, *constant) if isinstance(value, str)]
        self.literals = tuple(texts) if kind == "str" else ()

    @property
    def branches(self) -> Sequence[DataSchema]:
        schema = self._schema
        if not isinstance(schema, dict):
            return [_Json(self._root, {})]
        for word in ("anyOf", "oneOf"):
            if word in schema and "type" not in schema:
                return [branch for part in schema[word] for branch in _Json(self._root, part).branches]
        kinds = schema.get("type")
        if kinds is None:
            if "properties" in schema or "allOf" in schema:
                kinds = "object"
            elif texts := [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else ())]:
                kinds = sorted({_json_type(value) for value in texts})
            else:
                return [_Json(self._root, schema)]
        return [
            _Json(self._root, self._given, SCALARS.get(kind, kind))
            for kind in ([kinds] if isinstance(kinds, str) else kinds)
        ]

    @property
    def _parts(self) -> list[Mapping[str, Any]]:
        """The schema and all that `allOf` adds to it."""
        parts: list[Mapping[str, Any]] = [self._schema] if isinstance(self._schema, dict) else []
        for part in parts:
            for more in part.get("allOf", ()):
                resolved = _resolve(self._root, more)
                if isinstance(resolved, dict) and resolved not in parts:
                    parts.append(resolved)
        return parts

    @property
    def fields(self) -> Mapping[str, DataSchema]:
        return {
            name: _Json(self._root, schema)
            for part in self._parts
            for name, schema in part.get("properties", {}).items()
        }

    @property
    def required(self) -> frozenset[str]:
        return frozenset(name for part in self._parts for name in part.get("required", ()))

    @property
    def items(self) -> DataSchema:
        items = self._schema.get("items", {})
        return _Json(self._root, items if isinstance(items, dict) else {})

    @property
    def values(self) -> DataSchema | None:
        more = self._schema.get("additionalProperties")
        return _Json(self._root, more) if isinstance(more, dict) else None


class _Avro(DataSchema):
    def __init__(self, schema: Any, named: Mapping[str, Any]) -> None:
        if isinstance(schema, str) and schema in named:
            schema = named[schema]
        elif isinstance(schema, str):
            schema = {"type": schema}
        elif isinstance(schema, dict) and isinstance(schema.get("type"), dict | list):
            schema = schema["type"]
        self._schema = schema
        self._named = named
        self.identity = str(id(schema))
        if isinstance(schema, dict):
            name = schema["type"]
            self.description = schema.get("doc", "")
            self.kind = {"record": "object", "error": "object", "map": "object", "array": "array"}.get(
                name, AVRO.get(name, "any")
            )
            self.literals = tuple(schema.get("symbols", ()))

    @property
    def branches(self) -> Sequence[DataSchema]:
        return [_Avro(part, self._named) for part in self._schema] if isinstance(self._schema, list) else [self]

    @property
    def fields(self) -> Mapping[str, DataSchema]:
        return {field["name"]: _Avro(field["type"], self._named) for field in self._schema.get("fields", ())}

    @property
    def required(self) -> frozenset[str]:
        return frozenset(field["name"] for field in self._schema.get("fields", ()) if "default" not in field)

    @property
    def items(self) -> DataSchema:
        return _Avro(self._schema["items"], self._named)

    @property
    def values(self) -> DataSchema | None:
        return _Avro(self._schema["values"], self._named) if self._schema.get("type") == "map" else None


def _avro_names(schema: Any, found: dict[str, Any] | None = None) -> dict[str, Any]:
    found = {} if found is None else found
    if isinstance(schema, list):
        for part in schema:
            _avro_names(part, found)
    elif isinstance(schema, dict):
        if "name" in schema and schema.get("type") in ("record", "enum", "fixed", "error"):
            found[schema["name"]] = schema
            if "namespace" in schema:
                found[f"{schema['namespace']}.{schema['name']}"] = schema
        for field in schema.get("fields", ()):
            _avro_names(field["type"], found)
        for word in ("items", "values", "type"):
            if isinstance(schema.get(word), dict | list):
                _avro_names(schema[word], found)
    return found


def _resolve(root: Any, schema: Any) -> Any:
    """Follow local references; a chain that leads nowhere is an open schema (the catalogue's rules refuse it)."""
    for _ in range(32):
        if not (isinstance(schema, dict) and isinstance(schema.get("$ref"), str) and schema["$ref"].startswith("#")):
            return schema
        place = root
        for part in schema["$ref"].removeprefix("#").split("/")[1:]:
            part = part.replace("~1", "/").replace("~0", "~")
            place = place.get(part, {}) if isinstance(place, dict) else {}
        schema = place
    return {}


def _json_type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    for kind, name in ((str, "string"), (int, "integer"), (float, "number"), (type(None), "null")):
        if isinstance(value, kind):
            return name
    return "object"
