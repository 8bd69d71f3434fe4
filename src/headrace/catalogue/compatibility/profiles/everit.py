"""A JSON Schema as the registries' library holds it: everit-org/json-schema, whose classes Confluent and Apicurio compare.

Two registries do not compare documents but the objects that this library makes of them, so what they answer follows from its
reading: a `type` beside an `enum` is an `allOf` of two, a list of types an `anyOf`, a keyword of another type an object of its
own. These are its classes, as values. Identity counts (two of them are equal only when they are one), as it does there.

Source: everit-json-schema 1.14.6.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from headrace.model.json_references import Pointer

ALL: Final = "allOf"
ANY: Final = "anyOf"
ONE: Final = "oneOf"


def value_key(value: Any) -> str:
    """The same text exactly for values that are equal to a registry: 1 and 1.0 are two, and so are 1 and true."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Schema:
    """What all of them have. ``raw``: the JSON that it was read from. ``alone``: it is all that came of it, so that titles,
    defaults and unknown keywords are its own; of several parts only the `allOf` has them."""

    raw: Any
    alone: bool = True

    @property
    def text(self) -> str:
        """The same for two that the library writes alike, which an `allOf` takes for one."""
        return f"{type(self).__name__} {value_key(self.raw)}"

    def _without(self, *keywords: str) -> str:
        """What stands beside these keywords; nothing for a part, of which its own keywords are all."""
        if not self.alone or not isinstance(self.raw, Mapping):
            return ""
        return value_key({name: value for name, value in self.raw.items() if name not in keywords})

    @property
    def has_default(self) -> bool:
        """A default of null is one."""
        return self.alone and isinstance(self.raw, Mapping) and "default" in self.raw

    def annotation(self, name: str) -> Any:
        """The value of a keyword that says nothing about documents, or that the library does not know."""
        return self.raw.get(name) if self.alone and isinstance(self.raw, Mapping) else None


class Empty(Schema):
    """``{}``, or nothing but annotations."""

    __slots__ = ()


class TrueSchema(Empty):
    __slots__ = ()


class FalseSchema(Schema):
    __slots__ = ()


class Null(Schema):
    __slots__ = ()


class Boolean(Schema):
    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class String(Schema):
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    format: str | None = None
    """Only one that the library checks in this draft; any other is dropped."""

    @property
    def text(self) -> str:
        own = (self.min_length, self.max_length, self.pattern, self.format)
        return f"String {value_key(own)} {self._without('format')}"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Number(Schema):
    """``out_minimum``: draft-04's ``exclusiveMinimum: true``. ``above``: the number of ``exclusiveMinimum`` after it."""

    integer: bool = False
    minimum: Any = None
    maximum: Any = None
    above: Any = None
    below: Any = None
    out_minimum: bool = False
    out_maximum: bool = False
    multiple_of: Any = None

    @property
    def text(self) -> str:
        bounds = (self.minimum, self.maximum, self.above, self.below, self.out_minimum, self.out_maximum)
        return f"Number {value_key((self.integer, bounds, self.multiple_of))} {self._without()}"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Enum(Schema):
    values: frozenset[str] = frozenset()
    """Each as `value_key`; their order is lost."""

    @property
    def text(self) -> str:
        return f"Enum {sorted(self.values)} {self._without('enum')}"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Const(Schema):
    value: str = ""
    """As `value_key`."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Not(Schema):
    inner: Schema


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Conditional(Schema):
    if_: Schema | None = None
    then: Schema | None = None
    else_: Schema | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Combined(Schema):
    """``made_up``: no document wrote this `allOf`; it holds the parts of one schema."""

    criterion: str
    """`ALL`, `ANY` or `ONE`."""
    subschemas: tuple[Schema, ...] = ()
    made_up: bool = False

    @property
    def text(self) -> str:
        return f"{self.criterion} [{', '.join(each.text for each in self.subschemas)}]"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Reference(Schema):
    """``place``: where it stands; ``pointer``: what it refers to. ``keeps_default``: a `default` beside the reference counts;
    before draft 2019-09 it is lost."""

    place: Pointer
    pointer: Pointer
    targets: dict[Pointer, Schema] = field(repr=False)
    """Of the whole document, filled while it is read: so a reference may lead back to where it stands."""
    keeps_default: bool = False

    @property
    def has_default(self) -> bool:
        return self.keeps_default and Schema.has_default.__get__(self)

    @property
    def target(self) -> Schema:
        return self.targets[self.pointer]


def _nothing() -> dict[str, Any]:
    return {}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Object(Schema):
    """``open``: whether `additionalProperties` is not false; ``additional``: its schema, where it is one."""

    properties: Mapping[str, Schema] = field(default_factory=_nothing)
    patterns: Mapping[str, Schema] = field(default_factory=_nothing)
    open: bool = True
    additional: Schema | None = None
    required: frozenset[str] = frozenset()
    min_properties: int | None = None
    max_properties: int | None = None
    name_dependencies: Mapping[str, frozenset[str]] = field(default_factory=_nothing)
    schema_dependencies: Mapping[str, Schema] = field(default_factory=_nothing)
    names: Schema | None = None
    unevaluated: Schema | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Array(Schema):
    """``every``: the schema of all items; ``items``: those by position, None where there are none; ``open`` and
    ``additional``: of `additionalItems`."""

    every: Schema | None = None
    items: tuple[Schema, ...] | None = None
    open: bool = True
    additional: Schema | None = None
    contains: Schema | None = None
    min_items: int | None = None
    max_items: int | None = None
    unique: bool = False
    min_contains: int | None = None
    max_contains: int | None = None
    unevaluated: Schema | None = None


def children(schema: Schema) -> tuple[Schema, ...]:
    """The schemas directly inside; a reference's target is not inside it."""
    match schema:
        case Not():
            return (schema.inner,)
        case Combined():
            return schema.subschemas
        case Conditional():
            found: tuple[Schema | None, ...] = (schema.if_, schema.then, schema.else_)
        case Object():
            found = (schema.additional, schema.names, schema.unevaluated)
            named = (schema.properties, schema.patterns, schema.schema_dependencies)
            found = (*found, *(each for mapping in named for each in mapping.values()))
        case Array():
            found = (schema.every, schema.additional, schema.contains, schema.unevaluated, *(schema.items or ()))
        case _:
            return ()
    return tuple(each for each in found if each is not None)
