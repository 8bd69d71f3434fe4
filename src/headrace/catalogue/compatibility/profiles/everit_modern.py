"""Drafts 2019-09 and 2020-12 as Confluent's registry reads them: translated into the same library's objects.

Each keyword becomes an object of its own and those of one kind are merged. A list of types takes in the keywords of its types;
what is of another kind makes it an `allOf`. A `$ref` is one part beside its siblings. Both drafts are read by the rules of
2020-12: ``items`` follows ``prefixItems``, and `dependencies` is an unknown keyword.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from headrace.catalogue.compatibility.profiles import everit
from headrace.catalogue.compatibility.profiles.everit import Schema
from headrace.catalogue.compatibility.profiles.everit_loader import NUMBER, Loader, Unreadable, number, whole

STRING: Final = ("minLength", "maxLength", "pattern")
OBJECT: Final = (
    *("properties", "required", "minProperties", "maxProperties", "dependentRequired", "dependentSchemas"),
    *("patternProperties", "additionalProperties", "propertyNames", "unevaluatedProperties"),
)
ARRAY: Final = ("items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains", "unevaluatedItems")


def load(raw: Any) -> Schema:
    """The document as the library's objects. Raises `Unreadable`."""
    return ModernLoader(raw, 2020).load()


class ModernLoader(Loader):
    """One document."""

    def schema(self, pointer: tuple[str, ...], raw: Any) -> Schema:
        if not isinstance(raw, Mapping):
            return super().schema(pointer, raw)
        parts = self._parts(pointer, raw)
        if "$ref" in raw:
            target = self._target(pointer)
            parts.insert(
                0,
                lambda alone: everit.Reference(
                    raw=raw, alone=alone, place=pointer, pointer=target, targets=self._targets, keeps_default=True
                ),
            )
        if not parts:
            return everit.Empty(raw=raw)
        if len(parts) == 1:
            return parts[0](True)
        subschemas = tuple(part(False) for part in parts)
        return everit.Combined(raw=raw, criterion=everit.ALL, subschemas=subschemas, made_up=True)

    def _conditions(self) -> tuple[str, ...]:
        return ("if",)

    def _branches(self, subschemas: tuple[Schema, ...]) -> tuple[Schema, ...]:
        """A branch of several parts loses its `allOf`: the parts become branches by themselves. A slip of the translation."""
        found: list[Schema] = []
        for each in subschemas:
            found += each.subschemas if isinstance(each, everit.Combined) and each.made_up else (each,)
        return tuple(found)

    def _known(self, keywords: tuple[str, ...]) -> tuple[str, ...]:
        return ARRAY if "items" in keywords else OBJECT

    def _string(self, pointer: tuple[str, ...], raw: Mapping[str, Any], *, alone: bool) -> Schema:
        return everit.String(
            raw=raw,
            alone=alone,
            min_length=whole(raw, "minLength"),
            max_length=whole(raw, "maxLength"),
            pattern=raw.get("pattern"),
        )

    def _number(
        self, pointer: tuple[str, ...], raw: Mapping[str, Any], *, alone: bool, integer: bool = False
    ) -> Schema:
        found = {keyword: number(raw, keyword) for keyword in NUMBER}
        return everit.Number(
            raw=raw,
            alone=alone,
            integer=integer,
            minimum=found["minimum"],
            maximum=found["maximum"],
            above=found["exclusiveMinimum"],
            below=found["exclusiveMaximum"],
            multiple_of=found["multipleOf"],
        )

    def _object(self, pointer: tuple[str, ...], raw: Mapping[str, Any], *, alone: bool) -> Schema:
        stated = raw.get("additionalProperties")
        return everit.Object(
            raw=raw,
            alone=alone,
            properties=self._named(pointer, raw, "properties"),
            patterns=self._named(pointer, raw, "patternProperties"),
            open=stated is not False,
            additional=self._schema_of(pointer, raw, "additionalProperties"),
            required=frozenset(raw.get("required", ())),
            min_properties=whole(raw, "minProperties"),
            max_properties=whole(raw, "maxProperties"),
            name_dependencies={k: frozenset(v) for k, v in raw.get("dependentRequired", {}).items() if v},
            schema_dependencies=self._named(pointer, raw, "dependentSchemas"),
            names=self._child(pointer, raw, "propertyNames") if "propertyNames" in raw else None,
            unevaluated=self._child(pointer, raw, "unevaluatedProperties") if "unevaluatedProperties" in raw else None,
        )

    def _array(self, pointer: tuple[str, ...], raw: Mapping[str, Any], *, alone: bool) -> Schema:
        if isinstance(raw.get("items"), list):
            raise Unreadable("items is one schema in 2020-12, whose rules this draft is read by; use prefixItems")
        prefix = raw.get("prefixItems") or ()
        rest = self._schema_of(pointer, raw, "items")
        contains = self._child(pointer, raw, "contains") if "contains" in raw else None
        return everit.Array(
            raw=raw,
            alone=alone,
            every=None if prefix else rest,
            items=tuple(self.schema((*pointer, "prefixItems", str(i)), item) for i, item in enumerate(prefix)) or None,
            open=raw.get("items") is not False,
            additional=rest if prefix else None,
            contains=contains,
            min_items=whole(raw, "minItems"),
            max_items=whole(raw, "maxItems"),
            unique=raw.get("uniqueItems") is True,
            min_contains=raw.get("minContains", 1) if contains is not None else None,
            max_contains=raw.get("maxContains") if contains is not None else None,
            unevaluated=self._child(pointer, raw, "unevaluatedItems") if "unevaluatedItems" in raw else None,
        )

    def _schema_of(self, pointer: tuple[str, ...], raw: Mapping[str, Any], keyword: str) -> Schema | None:
        value = raw.get(keyword)
        return None if value is None or isinstance(value, bool) else self._child(pointer, raw, keyword)

    def _typed(self, pointer: tuple[str, ...], raw: Mapping[str, Any], left: set[str]) -> Callable[[bool], Schema]:
        found = super()._typed(pointer, raw, left)
        left.difference_update(("format",))
        return found
