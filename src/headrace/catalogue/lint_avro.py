"""The lint of Avro schemas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from headrace.catalogue.lint_codes import LintCode
from headrace.catalogue.names_style import lower_camel
from headrace.model.json_references import Pointer

Found = Iterator[tuple[LintCode, Pointer, str]]


def lint_avro(schema: Any, pointer: Pointer = ()) -> Found:
    """What the lint finds in an Avro schema, which must parse."""
    if isinstance(schema, list):
        for index, branch in enumerate(schema):
            yield from lint_avro(branch, (*pointer, str(index)))
        return
    if not isinstance(schema, Mapping):
        return
    kind = schema.get("type")
    if kind == "record":
        yield from _record(schema, pointer)
    elif kind == "enum":
        if "default" not in schema:
            yield LintCode.NO_ENUM_DEFAULT, pointer, f"the enum '{schema.get('name')}' has no default"
    elif kind == "array":
        yield from lint_avro(schema.get("items"), (*pointer, "items"))
    elif kind == "map":
        yield from lint_avro(schema.get("values"), (*pointer, "values"))
    elif isinstance(kind, Mapping | list):
        yield from lint_avro(kind, (*pointer, "type"))


def _record(schema: Mapping[str, Any], pointer: Pointer) -> Found:
    if not schema.get("doc"):
        yield LintCode.NO_DOC, pointer, f"the record '{schema.get('name')}' has no doc"
    seen: dict[str, str] = {}
    for index, field in enumerate(schema.get("fields", ())):
        name, at = str(field.get("name")), (*pointer, "fields", str(index))
        other = seen.setdefault(name.lower(), name)
        if other != name:
            yield LintCode.NAMES_ALIKE, at, f"'{name}' differs from '{other}' in case only"
        if not lower_camel(name):
            yield LintCode.FIELD_NAME, at, f"'{name}' is not lowerCamelCase"
        if not field.get("doc"):
            yield LintCode.NO_DOC, at, f"'{name}' has no doc"
        types = field.get("type")
        if isinstance(types, list) and "null" in types and "default" not in field:
            yield LintCode.NO_FIELD_DEFAULT, at, f"'{name}' may be null, and has no default"
        yield from lint_avro(types, (*at, "type"))
