"""Reading a document of draft 4, 6 or 7 as everit's loader does.

A schema object gives one part for each of: `enum`; `allOf`, `anyOf`, `oneOf`; `not`; `const`; the type that it states, with
that type's keywords; then, of the keywords that are left, an array, an object, a number, a string and a condition. No part: it
is empty. One: it is that. Several: an `allOf` of them. ``$ref`` stands alone, whatever is beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from headrace.catalogue.compatibility.profiles import everit
from headrace.catalogue.compatibility.profiles.everit import Schema
from headrace.model.json_references import Document, Pointer

NUMBER: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
STRING: Final = ("minLength", "maxLength", "pattern", "format")
OBJECT: Final = (
    *("properties", "required", "minProperties", "maxProperties", "dependencies", "patternProperties"),
    *("additionalProperties", "propertyNames"),
)
ARRAY: Final = ("items", "additionalItems", "minItems", "maxItems", "uniqueItems", "contains")

_FORMATS_4: Final = frozenset(("date-time", "uri", "email", "ipv4", "ipv6", "hostname"))
_FORMATS_6: Final = _FORMATS_4 | {"json-pointer", "uri-reference", "uri-template"}
FORMATS: Final[Mapping[int, frozenset[str]]] = {
    4: _FORMATS_4,
    6: _FORMATS_6,
    7: _FORMATS_6 | {"date", "time", "regex", "relative-json-pointer"},
}
"""Formats that the library checks, by draft. Any other is as if it were not there."""


class Unreadable(ValueError):
    """The registry cannot read the schema; the text says why."""


def load(raw: Any, draft: int) -> Schema:
    """The document as the library's objects. Raises `Unreadable`."""
    return Loader(raw, draft).load()


class Loader:
    """One document. ``draft``: the one that the registry reads it by, which need not be the one that it states."""

    def __init__(self, raw: Any, draft: int) -> None:
        self.draft = draft
        self.raw = raw
        try:
            self.document = Document(raw)
        except ValueError as error:
            raise Unreadable(str(error)) from error
        self._targets: dict[Pointer, Schema] = {}
        self._pending: list[Pointer] = []

    def load(self) -> Schema:
        root = self.schema((), self.raw)
        # What is referred to is read after it, and nothing else: a definition that nobody uses may be unreadable.
        while self._pending:
            pointer = self._pending.pop()
            if pointer not in self._targets:
                self._targets[pointer] = self.schema(pointer, self.document.schemas[pointer])
        return root

    # --- one subschema

    def schema(self, pointer: Pointer, raw: Any) -> Schema:
        if isinstance(raw, bool):
            return everit.TrueSchema(raw=raw) if raw else everit.FalseSchema(raw=raw)
        if not isinstance(raw, Mapping):
            raise Unreadable("a schema is an object or a boolean")
        if "$ref" in raw:
            return everit.Reference(raw=raw, place=pointer, pointer=self._target(pointer), targets=self._targets)
        parts = self._parts(pointer, raw)
        if not parts:
            return everit.Empty(raw=raw)
        if len(parts) == 1:
            return parts[0](True)
        return everit.Combined(raw=raw, criterion=everit.ALL, subschemas=tuple(part(False) for part in parts))

    def _target(self, pointer: Pointer) -> Pointer:
        found = self.document.targets.get(pointer)
        if found is None:
            raise Unreadable("a $ref is a string")
        self._pending.append(found)
        return found

    def _parts(self, pointer: Pointer, raw: Mapping[str, Any]) -> list[Callable[[bool], Schema]]:
        parts: list[Callable[[bool], Schema]] = []
        left = set(raw)
        if "enum" in raw:
            values = frozenset(everit.value_key(v) for v in _list(raw["enum"]))
            parts.append(lambda alone: everit.Enum(raw=raw, alone=alone, values=values))
        for criterion in (everit.ALL, everit.ANY, everit.ONE):
            if criterion in raw:
                subschemas = tuple(
                    self.schema((*pointer, criterion, str(i)), item) for i, item in enumerate(_list(raw[criterion]))
                )
                parts.append(self._combined(raw, criterion, self._branches(subschemas)))
        if "not" in raw:
            inner = self._child(pointer, raw, "not")
            parts.append(lambda alone: everit.Not(raw=raw, alone=alone, inner=inner))
        if "const" in raw and self.draft != 4:
            value = everit.value_key(raw["const"])
            parts.append(lambda alone: everit.Const(raw=raw, alone=alone, value=value))
        if "type" in raw:
            parts.append(self._typed(pointer, raw, left))
        for keywords, made in (
            (self._known(ARRAY), self._array),
            (self._known(OBJECT), self._object),
            (NUMBER, self._number),
            (STRING, self._string),
        ):
            if any(keyword in left for keyword in keywords):
                parts.append(self._made(made, pointer, raw))
        if any(keyword in raw for keyword in self._conditions()):
            branches = [self._child(pointer, raw, k) if k in raw else None for k in ("if", "then", "else")]
            parts.append(
                lambda alone: everit.Conditional(
                    raw=raw, alone=alone, if_=branches[0], then=branches[1], else_=branches[2]
                )
            )
        return parts

    def _known(self, keywords: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(k for k in keywords if k not in ("contains", "propertyNames")) if self.draft == 4 else keywords

    def _conditions(self) -> tuple[str, ...]:
        """The keywords that each make a condition."""
        return ("if", "then", "else") if self.draft >= 7 else ()

    def _branches(self, subschemas: tuple[Schema, ...]) -> tuple[Schema, ...]:
        return subschemas

    @staticmethod
    def _combined(raw: Any, criterion: str, subschemas: tuple[Schema, ...]) -> Callable[[bool], Schema]:
        return lambda alone: everit.Combined(raw=raw, alone=alone, criterion=criterion, subschemas=subschemas)

    @staticmethod
    def _made(made: Callable[..., Schema], *arguments: Any, **named: Any) -> Callable[[bool], Schema]:
        return lambda alone: made(*arguments, alone=alone, **named)

    def _typed(self, pointer: Pointer, raw: Mapping[str, Any], left: set[str]) -> Callable[[bool], Schema]:
        stated = raw["type"]
        if isinstance(stated, list):
            subschemas = tuple(self._of_type(pointer, raw, each, left)(False) for each in stated)
            return self._combined(raw, everit.ANY, subschemas)
        return self._of_type(pointer, raw, stated, left)

    def _of_type(self, pointer: Pointer, raw: Mapping[str, Any], name: Any, left: set[str]) -> Callable[[bool], Schema]:
        match name:
            case "string":
                left.difference_update(STRING)
                return self._made(self._string, pointer, raw)
            case "integer" | "number":
                left.difference_update(NUMBER)
                return self._made(self._number, pointer, raw, integer=name == "integer")
            case "boolean":
                return lambda alone: everit.Boolean(raw=raw, alone=alone)
            case "null":
                return lambda alone: everit.Null(raw=raw, alone=alone)
            case "array":
                left.difference_update(self._known(ARRAY))
                return self._made(self._array, pointer, raw)
            case "object":
                left.difference_update(self._known(OBJECT))
                return self._made(self._object, pointer, raw)
        raise Unreadable(f"unknown type {name!r}")

    # --- by class

    def _string(self, pointer: Pointer, raw: Mapping[str, Any], *, alone: bool) -> Schema:
        stated = raw.get("format")
        return everit.String(
            raw=raw,
            alone=alone,
            min_length=whole(raw, "minLength"),
            max_length=whole(raw, "maxLength"),
            pattern=raw.get("pattern"),
            format=stated if stated in FORMATS[self.draft] else None,
        )

    def _number(self, pointer: Pointer, raw: Mapping[str, Any], *, alone: bool, integer: bool = False) -> Schema:
        above, below = raw.get("exclusiveMinimum"), raw.get("exclusiveMaximum")
        for stated in (above, below):
            if stated is not None and isinstance(stated, bool) is not (self.draft == 4):
                raise Unreadable("exclusiveMinimum and exclusiveMaximum are booleans in draft-04, numbers after it")
        if raw.get("multipleOf") == 0:
            raise Unreadable("multipleOf is 0")
        return everit.Number(
            raw=raw,
            alone=alone,
            integer=integer,
            minimum=number(raw, "minimum"),
            maximum=number(raw, "maximum"),
            above=None if isinstance(above, bool) else above,
            below=None if isinstance(below, bool) else below,
            out_minimum=above is True,
            out_maximum=below is True,
            multiple_of=number(raw, "multipleOf"),
        )

    def _object(self, pointer: Pointer, raw: Mapping[str, Any], *, alone: bool) -> Schema:
        names: dict[str, frozenset[str]] = {}
        schemas: dict[str, Schema] = {}
        for name, value in _mapping(raw.get("dependencies", {})).items():
            if isinstance(value, list):
                names[name] = frozenset(value)
            elif isinstance(value, bool) and self.draft == 4:
                raise Unreadable("a dependency of draft-04 is a list or an object")
            else:
                schemas[name] = self.schema((*pointer, "dependencies", name), value)
        stated = raw.get("additionalProperties")
        return everit.Object(
            raw=raw,
            alone=alone,
            properties=self._named(pointer, raw, "properties"),
            patterns=self._named(pointer, raw, "patternProperties"),
            open=stated is not False,
            additional=None
            if stated is None or isinstance(stated, bool)
            else self._child(pointer, raw, "additionalProperties"),
            required=frozenset(_list(raw.get("required", []))),
            min_properties=whole(raw, "minProperties"),
            max_properties=whole(raw, "maxProperties"),
            name_dependencies=names,
            schema_dependencies=schemas,
            names=self._child(pointer, raw, "propertyNames") if "propertyNames" in raw and self.draft > 4 else None,
        )

    def _array(self, pointer: Pointer, raw: Mapping[str, Any], *, alone: bool) -> Schema:
        items, additional = raw.get("items"), raw.get("additionalItems")
        listed = isinstance(items, list)
        if isinstance(items, bool) and self.draft == 4:
            raise Unreadable("items of draft-04 is a list or an object")
        return everit.Array(
            raw=raw,
            alone=alone,
            every=None if listed or items is None else self._child(pointer, raw, "items"),
            items=tuple(self.schema((*pointer, "items", str(i)), item) for i, item in enumerate(items or ())) or None
            if listed
            else None,
            open=additional is not False or (items is not None and not listed),
            additional=None
            if additional is None or isinstance(additional, bool)
            else self._child(pointer, raw, "additionalItems"),
            contains=self._child(pointer, raw, "contains") if "contains" in raw and self.draft > 4 else None,
            min_items=whole(raw, "minItems"),
            max_items=whole(raw, "maxItems"),
            unique=raw.get("uniqueItems") is True,
        )

    def _child(self, pointer: Pointer, raw: Mapping[str, Any], keyword: str) -> Schema:
        return self.schema((*pointer, keyword), raw[keyword])

    def _named(self, pointer: Pointer, raw: Mapping[str, Any], keyword: str) -> dict[str, Schema]:
        return {n: self.schema((*pointer, keyword, n), s) for n, s in _mapping(raw.get(keyword, {})).items()}


def whole(raw: Mapping[str, Any], keyword: str) -> int | None:
    """The keyword's integer, or None. Raises `Unreadable`."""
    value = raw.get(keyword)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise Unreadable(f"{keyword} is not an integer")


def number(raw: Mapping[str, Any], keyword: str) -> Any:
    """The keyword's number, or None. Raises `Unreadable`."""
    value = raw.get(keyword)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    raise Unreadable(f"{keyword} is not a number")


def _list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    raise Unreadable("a list is expected")


def _mapping(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    raise Unreadable("an object is expected")
