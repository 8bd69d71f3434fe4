"""Objects and arrays as Apicurio compares them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from headrace.catalogue.compatibility.profiles import everit
from headrace.catalogue.compatibility.profiles.differences import Difference, Differences, at
from headrace.catalogue.compatibility.profiles.everit import Array, Object, Schema

Seen = frozenset[tuple[str, ...]]


class Comparing(Protocol):
    """The comparison that a member's schemas are handed back to."""

    def compare(self, original: Schema, updated: Schema, seen: Seen) -> Differences: ...

    def accepts(self, original: Schema, updated: Schema, seen: Seen) -> bool: ...


def transition(kind: str, place: tuple[str, ...], original: bool, updated: bool) -> Iterator[Difference]:
    """A truth value that changed."""
    if original is not updated:
        yield f"{kind}_{'FALSE_TO_TRUE' if updated else 'TRUE_TO_FALSE'}", place


def _members(kind: str, place: tuple[str, ...], original: Any, updated: Any) -> Iterator[Difference]:
    """Names that came or went."""
    for _ in set(original) - set(updated):
        yield f"{kind}_MEMBER_REMOVED", place
    for _ in set(updated) - set(original):
        yield f"{kind}_MEMBER_ADDED", place


def _limit(kind: str, keyword: str, original: int | None, updated: int | None) -> Iterator[Difference]:
    if original == updated:
        return
    if original is None:
        yield f"{kind}_ADDED", (keyword,)
    elif updated is None:
        yield f"{kind}_REMOVED", (keyword,)
    else:
        yield f"{kind}_{'INCREASED' if original < updated else 'DECREASED'}", (keyword,)


def object_differences(comparing: Comparing, original: Object, updated: Object, seen: Seen) -> Differences:
    """From one object schema to another."""
    found = [*_members("OBJECT_TYPE_REQUIRED_PROPERTIES", ("required",), original.required, updated.required)]
    if updated.names is not None:
        found += (
            [("OBJECT_TYPE_PROPERTY_SCHEMA_ADDED", ("properties",))]
            if original.names is None
            else at(("properties",), comparing.compare(original.names, updated.names, seen))
        )
    found += _limit("OBJECT_TYPE_MIN_PROPERTIES", "minProperties", original.min_properties, updated.min_properties)
    found += _limit("OBJECT_TYPE_MAX_PROPERTIES", "maxProperties", original.max_properties, updated.max_properties)
    found += _name_dependencies(original, updated)
    found += _additional(comparing, "OBJECT_TYPE_ADDITIONAL_PROPERTIES", original, updated, seen)
    found += _members("OBJECT_TYPE_PATTERN_PROPERTY_KEYS", ("patternProperties",), original.patterns, updated.patterns)
    found += _common(comparing, "patternProperties", original.patterns, updated.patterns, seen)
    dependencies = original.schema_dependencies, updated.schema_dependencies
    found += _members("OBJECT_TYPE_SCHEMA_DEPENDENCIES", ("dependencies",), *dependencies)
    found += _common(comparing, "dependencies", *dependencies, seen)
    return [*found, *_properties(comparing, original, updated, seen)]


def _name_dependencies(original: Object, updated: Object) -> Iterator[Difference]:
    before, after = original.name_dependencies, updated.name_dependencies
    yield from _members("OBJECT_TYPE_PROPERTY_DEPENDENCIES_KEYS", ("dependencies",), before, after)
    for name, needed in after.items():
        if name in before:
            place = ("dependencies", name)
            yield from _members("OBJECT_TYPE_PROPERTY_DEPENDENCIES_VALUE", place, before[name], needed)


def _common(
    comparing: Comparing, keyword: str, original: Mapping[str, Schema], updated: Mapping[str, Schema], seen: Seen
) -> Differences:
    return [
        difference
        for name, new in updated.items()
        if name in original
        for difference in at((keyword, name), comparing.compare(original[name], new, seen))
    ]


def _additional(
    comparing: Comparing, kind: str, original: Object | Array, updated: Object | Array, seen: Seen
) -> Iterator[Difference]:
    keyword = "additionalProperties" if isinstance(updated, Object) else "additionalItems"
    if original.open is not updated.open:
        yield from transition(kind, (keyword,), original.open, updated.open)
        return
    old, new = original.additional, updated.additional
    place = ("schemaOfAdditionalItems",)
    if not updated.open or (old is None and new is None):
        return
    if new is None or old is None:
        yield f"{kind}_{'EXTENDED' if new is None else 'NARROWED'}", place
        return
    schema = f"{kind}_SCHEMA" if isinstance(updated, Object) else "ARRAY_TYPE_SCHEMA_OF_ADDITIONAL_ITEMS"
    match comparing.accepts(old, new, seen), comparing.accepts(new, old, seen):
        case True, True:
            yield f"{schema}_UNCHANGED", place
        case True, False:
            yield f"{kind}_EXTENDED", place
        case False, True:
            yield f"{kind}_NARROWED", place
        case _:
            yield f"{schema}_CHANGED", place


def _properties(comparing: Comparing, original: Object, updated: Object, seen: Seen) -> Differences:
    found: Differences = []
    for name, new in updated.properties.items():
        old = original.properties.get(name)
        if old is None:
            continue
        if isinstance(old, everit.String) and isinstance(new, everit.Combined):
            old = everit.Combined(raw=old.raw, criterion=everit.ANY, subschemas=(old,))
        found += at(("properties", name), comparing.compare(old, new, seen))
    added = [s for n, s in updated.properties.items() if n not in original.properties]
    removed = [s for n, s in original.properties.items() if n not in updated.properties]
    kind = "OBJECT_TYPE_PROPERTY_SCHEMAS"
    found += at(("propertySchemasAdded",), _added(comparing, kind, added, original, updated, seen))
    return [*found, *at(("propertySchemasRemoved",), _removed(comparing, kind, removed, updated, seen))]


def _added(
    comparing: Comparing,
    kind: str,
    added: Sequence[Schema],
    original: Object | Array,
    updated: Object | Array,
    seen: Seen,
) -> Iterator[Difference]:
    if not added:
        return
    if not original.open:
        yield f"{kind}_EXTENDED", ()
    elif original.additional is None:
        yield f"{kind}_NARROWED", ()
    else:
        additional = original.additional
        if updated.open:
            fits = all(comparing.accepts(each, additional, seen) for each in added)
            yield f"{kind}_{'EXTENDED' if fits else 'CHANGED'}", ()
        else:
            fits = all(comparing.accepts(additional, each, seen) for each in added)
            yield f"{kind}_{'NARROWED' if fits else 'CHANGED'}", ()


def _removed(
    comparing: Comparing, kind: str, removed: Sequence[Schema], updated: Object | Array, seen: Seen
) -> Iterator[Difference]:
    if not removed:
        return
    if not updated.open:
        yield f"{kind}_NARROWED", ()
    elif updated.additional is None:
        yield f"{kind}_EXTENDED", ()
    elif all(comparing.accepts(each, updated.additional, seen) for each in removed):
        yield f"{kind}_NARROWED_COMPATIBLE_WITH_ADDITIONAL_PROPERTIES", ()
    else:
        yield f"{kind}_CHANGED", ()


def array_differences(comparing: Comparing, original: Array, updated: Array, seen: Seen) -> Differences:
    """From one array schema to another."""
    found = [
        *_limit("ARRAY_TYPE_MIN_ITEMS", "minItems", original.min_items, updated.min_items),
        *_limit("ARRAY_TYPE_MAX_ITEMS", "maxItems", original.max_items, updated.max_items),
        *transition("ARRAY_TYPE_UNIQUE_ITEMS", ("uniqueItems",), original.unique, updated.unique),
        *_single(comparing, "ALL_ITEM", "allItemSchema", original.every, updated.every, seen),
        *_additional(comparing, "ARRAY_TYPE_ADDITIONAL_ITEMS", original, updated, seen),
    ]
    if updated.items is not None:
        found += _items(comparing, original, updated, seen)
    return [
        *found,
        *_single(comparing, "CONTAINED_ITEM", "containedItemSchema", original.contains, updated.contains, seen),
    ]


def _single(
    comparing: Comparing, kind: str, place: str, original: Schema | None, updated: Schema | None, seen: Seen
) -> Differences:
    if updated is None:
        return []
    if original is None:
        return [(f"ARRAY_TYPE_{kind}_SCHEMA_ADDED", (place,))]
    return at((place,), comparing.compare(original, updated, seen))


def _items(comparing: Comparing, original: Array, updated: Array, seen: Seen) -> Differences:
    before, after = original.items or (), updated.items or ()
    found: Differences = []
    for index, (old, new) in enumerate(zip(before, after, strict=False)):
        found += at(("items", str(index)), comparing.compare(old, new, seen))
    kind = "ARRAY_TYPE_ITEM_SCHEMAS"
    found += at(("addItemSchema",), _added(comparing, kind, after[len(before) :], original, updated, seen))
    return [*found, *at(("removeItemSchema",), _removed(comparing, kind, before[len(after) :], updated, seen))]
