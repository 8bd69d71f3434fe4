"""The lint of data schemas: what works today and will be regretted. Warnings, not faults.

Only the newest version of each event is looked at: an older one can't change any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NamedTuple

from headrace.catalogue.lint_avro import lint_avro
from headrace.catalogue.lint_codes import LintCode
from headrace.catalogue.located_json import JsonText
from headrace.catalogue.names_style import lower_camel
from headrace.catalogue.schemas import token_path
from headrace.errors import Fault
from headrace.model.catalogue import Catalogue
from headrace.model.json_references import Document, Pointer
from headrace.model.json_schema import FORMATS
from headrace.model.product import StreamingProduct
from headrace.model.schema import SchemaFormat

_KEYWORDS: Final = frozenset(
    (
        *("$anchor", "$comment", "$defs", "$id", "$recursiveAnchor", "$recursiveRef", "$ref", "$schema", "$vocabulary"),
        *("additionalItems", "additionalProperties", "allOf", "anyOf", "const", "contains", "contentEncoding"),
        *("contentMediaType", "contentSchema", "default", "definitions", "dependencies", "dependentRequired"),
        *("dependentSchemas", "deprecated", "description", "else", "enum", "examples", "exclusiveMaximum"),
        *("exclusiveMinimum", "format", "if", "items", "maxContains", "maxItems", "maxLength", "maxProperties"),
        *("maximum", "minContains", "minItems", "minLength", "minProperties", "minimum", "multipleOf", "not", "oneOf"),
        *("pattern", "patternProperties", "prefixItems", "properties", "propertyNames", "readOnly", "required", "then"),
        *("title", "type", "unevaluatedItems", "unevaluatedProperties", "uniqueItems", "writeOnly"),
    )
)
_SAFE: Final = 2**53 - 1
_SAYS_A_TYPE: Final = frozenset(("$ref", "const", "enum", "type", "allOf", "anyOf", "oneOf", "if", "not"))


class Warned(NamedTuple):
    """``pointer``: where in the schema's file."""

    code: LintCode
    pointer: Pointer
    message: str


def lint(directory: Path, catalogue: Catalogue) -> tuple[Fault, ...]:
    """Everything that the lint finds in the repository at ``directory``, with file, line and column, in order."""
    found: list[Fault] = []
    for product in catalogue.products.values():
        for event in product.events:
            newest = event.versions[-1]
            path = _path(product, newest.path)
            text = JsonText((directory / path).read_text(encoding="utf-8-sig"))
            for code, pointer, message in lint_schema(newest.document, event.format):
                place = text.place(token_path(newest.document, pointer))
                found.append(Fault(path, place.line, place.column, code.code, message, code.why))
    return tuple(sorted(set(found)))


def lint_schema(schema: Any, form: SchemaFormat) -> Iterator[Warned]:
    """What the lint finds in one data schema, which must parse."""
    if form is SchemaFormat.AVRO:
        yield from (Warned(*each) for each in lint_avro(schema))
        return
    document = Document(schema)
    if isinstance(schema, Mapping) and not (schema.get("description") or schema.get("title")):
        yield Warned(LintCode.NO_DESCRIPTION, (), "the event is not described")
    for pointer, sub in document.schemas.items():
        if isinstance(sub, Mapping):
            yield from _object(pointer, sub)
            yield from _value(pointer, sub)
            yield from _fields(pointer, sub)


def _object(pointer: Pointer, sub: Mapping[str, Any]) -> Iterator[Warned]:
    for keyword in ("additionalProperties", "unevaluatedProperties"):
        if sub.get(keyword) is False:
            yield Warned(LintCode.CLOSED, (*pointer, keyword), f'is closed by "{keyword}": false')
    if sub.get("patternProperties"):
        yield Warned(LintCode.PATTERN_PROPERTIES, (*pointer, "patternProperties"), "has fields by patterns of names")
    declared = sub.get("properties", {})
    combined = {"allOf", "anyOf", "oneOf", "if", "$ref", "patternProperties"} & sub.keys()
    if "properties" in sub and not combined:
        for name in sub.get("required", ()):
            if name not in declared:
                yield Warned(
                    LintCode.UNDECLARED_REQUIRED, (*pointer, "required"), f"'{name}' is required, not declared"
                )
    for keyword in sub:
        if keyword not in _KEYWORDS and not keyword.startswith("x-"):
            yield Warned(LintCode.UNKNOWN_KEYWORD, (*pointer, keyword), f"'{keyword}' is no keyword of JSON Schema")
    if "array" in _types(sub) and not {"items", "prefixItems"} & sub.keys():
        yield Warned(LintCode.NO_ITEMS, pointer, "is a list of anything")


def _value(pointer: Pointer, sub: Mapping[str, Any]) -> Iterator[Warned]:
    types = _types(sub)
    if "format" in sub and sub["format"] not in FORMATS:
        yield Warned(LintCode.FORMAT, (*pointer, "format"), f"the format '{sub['format']}' is not asserted")
    low = [sub[k] for k in ("minimum", "exclusiveMinimum") if _is_number(sub.get(k))]
    high = [sub[k] for k in ("maximum", "exclusiveMaximum") if _is_number(sub.get(k))]
    if {"integer", "number"} & set(types) and not {"enum", "const"} & sub.keys():
        if not low:
            yield Warned(LintCode.NO_RANGE, pointer, "is a number without a minimum")
        if "integer" in types and any(abs(bound) > _SAFE for bound in (*low, *high)):
            yield Warned(LintCode.BIG_INTEGER, pointer, "has a range beyond 2^53")
    if low and high and _empty(sub):
        yield Warned(LintCode.EMPTY_RANGE, pointer, f"has a range from {max(low)} to {min(high)}")
    values = sub.get("enum")
    if values and len(values) > 1 and all(isinstance(v, str) for v in values) and not sub.get("x-closed"):
        yield Warned(LintCode.PLAIN_ENUM, (*pointer, "enum"), f"is one of {len(values)} texts, for ever")
    pattern = sub.get("pattern")
    if isinstance(pattern, str) and not (pattern.startswith("^") and pattern.endswith("$")):
        yield Warned(LintCode.UNANCHORED, (*pointer, "pattern"), f"the pattern '{pattern}' is not anchored")


def _fields(pointer: Pointer, sub: Mapping[str, Any]) -> Iterator[Warned]:
    declared = sub.get("properties")
    if not isinstance(declared, Mapping) or "if" in pointer:
        return  # a condition names fields that are declared elsewhere
    required = sub.get("required", ())
    seen: dict[str, str] = {}
    for name, field in declared.items():
        at = (*pointer, "properties", name)
        other = seen.setdefault(name.lower(), name)
        if other != name:
            yield Warned(LintCode.NAMES_ALIKE, at, f"'{name}' differs from '{other}' in case only")
        if not lower_camel(name):
            yield Warned(LintCode.FIELD_NAME, at, f"'{name}' is not lowerCamelCase")
        if not isinstance(field, Mapping):
            yield Warned(LintCode.NO_TYPE, at, f"'{name}' may hold anything")
            continue
        if not field.get("description") and "$ref" not in field:
            yield Warned(LintCode.NO_FIELD_DESCRIPTION, at, f"'{name}' is not described")
        if not _SAYS_A_TYPE & field.keys():
            yield Warned(LintCode.NO_TYPE, at, f"'{name}' may hold anything")
        if "null" in _types(field) and name not in required:
            yield Warned(LintCode.NULL_AND_OPTIONAL, at, f"'{name}' may be missing, and may be null")


def _types(sub: Mapping[str, Any]) -> tuple[str, ...]:
    types = sub.get("type", ())
    return (types,) if isinstance(types, str) else tuple(types)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _empty(sub: Mapping[str, Any]) -> bool:
    def bound(inclusive: str, exclusive: str, pick: Any) -> tuple[Fraction, bool]:
        found = [(Fraction(sub[k]), k == exclusive) for k in (inclusive, exclusive) if _is_number(sub.get(k))]
        return pick(found, key=lambda pair: pair[0])  # type: ignore[no-any-return]

    low, low_out = bound("minimum", "exclusiveMinimum", max)
    high, high_out = bound("maximum", "exclusiveMaximum", min)
    return low > high or (low == high and (low_out or high_out))


def _path(product: StreamingProduct, path: str) -> str:
    return path if path.startswith("products/") else f"{product.path.rpartition('/')[0]}/{path}"
