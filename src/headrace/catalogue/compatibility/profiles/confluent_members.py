"""Objects and arrays by Confluent's rules of content models.

A content model is *open* where any further member may be anything, *closed* where there may be none, *partially open* where a
schema says what it has to be (a pattern's, or that of additional members). A member that is added narrows an open model;
one that is removed from it leaves it as wide.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

from headrace.catalogue.compatibility.profiles import everit
from headrace.catalogue.compatibility.profiles.differences import Difference, Differences, at
from headrace.catalogue.compatibility.profiles.everit import Array, Object, Schema


class Comparing(Protocol):
    """The comparison that a member's schemas are handed back to."""

    def compare(self, original: Schema | None, update: Schema | None) -> Differences: ...

    def accepts(self, differences: Differences) -> bool: ...


def object_differences(comparing: Comparing, original: Object, update: Object) -> Differences:
    """From one object schema to another."""
    return [
        *_required(original, update),
        *at(("properties",), _properties(comparing, original, update)),
        *at(("dependencies",), _dependencies(comparing, original, update)),
        *at(
            ("additionalProperties",),
            _additional(comparing, "PROPERTIES", original.open, update.open, original.additional, update.additional),
        ),
        *at(
            ("unevaluatedProperties",),
            _unevaluated(comparing, "PROPERTIES", original.unevaluated, update.unevaluated),
        ),
        *_limit("MAX_PROPERTIES", "maxProperties", original.max_properties, update.max_properties),
        *_limit("MIN_PROPERTIES", "minProperties", original.min_properties, update.min_properties),
    ]


def _limit(kind: str, keyword: str, original: int | None, update: int | None) -> Iterator[Difference]:
    if original == update:
        return
    if original is None:
        yield f"{kind}_ADDED", (keyword,)
    elif update is None:
        yield f"{kind}_REMOVED", (keyword,)
    else:
        yield f"{kind}_{'INCREASED' if original < update else 'DECREASED'}", (keyword,)


def _required(original: Object, update: Object) -> Iterator[Difference]:
    """Only of names that both declare as properties."""
    for name in original.properties:
        if name not in update.properties:
            continue
        before, after = name in original.required, name in update.required
        if before and not after:
            yield "REQUIRED_ATTRIBUTE_REMOVED", ("required", name)
        elif after and not before:
            default = "WITH_DEFAULT_" if update.properties[name].has_default else ""
            yield f"REQUIRED_ATTRIBUTE_{default}ADDED", ("required", name)


def _properties(comparing: Comparing, original: Object, update: Object) -> Iterator[Difference]:
    for name in dict.fromkeys((*original.properties, *update.properties)):
        old, new = original.properties.get(name), update.properties.get(name)
        if new is None and old is not None:
            found = _removed(comparing, update, name, old)
        elif old is None and new is not None:
            found = _added(comparing, original, update, name, new)
        else:
            found = comparing.compare(old, new)
        yield from at((name,), found)


def _removed(comparing: Comparing, update: Object, name: str, old: Schema) -> Differences:
    """Decided by the update's content model."""
    if _open(update):
        return [("PROPERTY_REMOVED_FROM_OPEN_CONTENT_MODEL", ())]
    covering = _covering(update, name)
    if covering is not None:
        return _covered(comparing, "PROPERTY_REMOVED", old, covering)
    if isinstance(old, everit.FalseSchema):
        return [("PROPERTY_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL", ())]
    return [("PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL", ())]


def _added(comparing: Comparing, original: Object, update: Object, name: str, new: Schema) -> Differences:
    """Decided by the original's content model."""
    need = (
        "OPTIONAL_PROPERTY"
        if name not in update.required
        else "REQUIRED_PROPERTY_WITH_DEFAULT"
        if new.has_default
        else "REQUIRED_PROPERTY"
    )
    if _open(original):
        if isinstance(new, everit.Empty):
            return [("PROPERTY_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL", ())]
        return [(f"{need}_ADDED_TO_OPEN_CONTENT_MODEL", ())]
    covering = _covering(original, name)
    found = [] if covering is None else _covered(comparing, "PROPERTY_ADDED", covering, new)
    return [*found, (f"{need}_ADDED_TO_UNOPEN_CONTENT_MODEL", ())]


def _covered(comparing: Comparing, what: str, original: Schema, update: Schema) -> Differences:
    found = comparing.compare(original, update)
    covered = "IS" if comparing.accepts(found) else "NOT"
    return [*found, (f"{what}_{covered}_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", ())]


def _open(schema: Object) -> bool:
    if schema.patterns or schema.additional is not None or not schema.open:
        return False
    return _anything(schema.unevaluated)


def _anything(unevaluated: Schema | None) -> bool:
    return unevaluated is None or isinstance(unevaluated, everit.Empty)


def _covering(schema: Object, name: str) -> Schema | None:
    for pattern, inside in schema.patterns.items():
        if _finds(pattern, name):
            return inside
    if schema.additional is not None:
        return schema.additional
    return _rest(schema.open, schema.unevaluated)


def _rest(is_open: bool, unevaluated: Schema | None) -> Schema | None:
    if not is_open or isinstance(unevaluated, everit.FalseSchema):
        return None
    return unevaluated


def _finds(pattern: str, name: str) -> bool:
    try:
        return re.search(pattern, name) is not None
    except re.error:
        return False


def _dependencies(comparing: Comparing, original: Object, update: Object) -> Iterator[Difference]:
    for name in dict.fromkeys((*original.name_dependencies, *update.name_dependencies)):
        before, after = original.name_dependencies.get(name), update.name_dependencies.get(name)
        if after is None:
            yield "DEPENDENCY_ARRAY_REMOVED", (name,)
        elif before is None:
            yield "DEPENDENCY_ARRAY_ADDED", (name,)
        elif before != after:
            change = "EXTENDED" if after >= before else "NARROWED" if before >= after else "CHANGED"
            yield f"DEPENDENCY_ARRAY_{change}", (name,)
    for name in dict.fromkeys((*original.schema_dependencies, *update.schema_dependencies)):
        old, new = original.schema_dependencies.get(name), update.schema_dependencies.get(name)
        if new is None:
            yield "DEPENDENCY_SCHEMA_REMOVED", (name,)
        elif old is None:
            yield "DEPENDENCY_SCHEMA_ADDED", (name,)
        else:
            yield from at((name,), comparing.compare(old, new))


def _additional(
    comparing: Comparing, of: str, open_before: bool, open_after: bool, original: Schema | None, update: Schema | None
) -> Differences:
    if open_before is not open_after:
        return [(f"ADDITIONAL_{of}_{'ADDED' if open_after else 'REMOVED'}", ())]
    if original is None and update is not None:
        return [(f"ADDITIONAL_{of}_NARROWED", ())]
    if update is None and original is not None:
        return [(f"ADDITIONAL_{of}_EXTENDED", ())]
    return comparing.compare(original, update)


def _unevaluated(comparing: Comparing, of: str, original: Schema | None, update: Schema | None) -> Differences:
    if original is None and update is None:
        return []
    closed_before, closed_after = isinstance(original, everit.FalseSchema), isinstance(update, everit.FalseSchema)
    change = None
    if original is None:
        change = "REMOVED" if closed_after else "NARROWED"
    elif update is None:
        change = "ADDED" if closed_before else "EXTENDED"
    elif closed_before is not closed_after:
        change = "ADDED" if closed_before else "REMOVED"
    elif isinstance(original, everit.Empty) is not isinstance(update, everit.Empty):
        change = "NARROWED" if isinstance(original, everit.Empty) else "EXTENDED"
    return comparing.compare(original, update) if change is None else [(f"UNEVALUATED_{of}_{change}", ())]


def array_differences(comparing: Comparing, original: Array, update: Array) -> Differences:
    """From one array schema to another."""
    found = [
        *at(("items",), comparing.compare(original.every, update.every)),
        *_items(comparing, original, update),
        *at(
            ("additionalItems",),
            _additional(comparing, "ITEMS", original.open, update.open, original.additional, update.additional),
        ),
        *at(("unevaluatedItems",), _unevaluated(comparing, "ITEMS", original.unevaluated, update.unevaluated)),
        *_limit("MAX_ITEMS", "maxItems", original.max_items, update.max_items),
        *_limit("MIN_ITEMS", "minItems", original.min_items, update.min_items),
    ]
    if original.unique is not update.unique:
        found.append((f"UNIQUE_ITEMS_{'REMOVED' if original.unique else 'ADDED'}", ("uniqueItems",)))
    found += _limit("MAX_CONTAINS", "maxContains", original.max_contains, update.max_contains)
    found += _limit("MIN_CONTAINS", "minContains", original.min_contains, update.min_contains)
    return found


def _items(comparing: Comparing, original: Array, update: Array) -> Iterator[Difference]:
    before, after = original.items or (), update.items or ()
    for index in range(max(len(before), len(after))):
        if index >= len(after):
            found = _item_removed(comparing, update, before[index])
        elif index >= len(before):
            found = _item_added(comparing, original, after[index])
        else:
            found = comparing.compare(before[index], after[index])
        yield from at(("items", str(index)), found)


def _open_array(schema: Array) -> bool:
    return schema.open and schema.additional is None and _anything(schema.unevaluated)


def _item_removed(comparing: Comparing, update: Array, old: Schema) -> Differences:
    if _open_array(update):
        return [("ITEM_REMOVED_FROM_OPEN_CONTENT_MODEL", ())]
    covering = update.additional or _rest(update.open, update.unevaluated)
    if covering is not None:
        return _covered(comparing, "ITEM_REMOVED", old, covering)
    if isinstance(old, everit.FalseSchema):
        return [("ITEM_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL", ())]
    return [("ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL", ())]


def _item_added(comparing: Comparing, original: Array, new: Schema) -> Differences:
    if _open_array(original):
        if isinstance(new, everit.Empty):
            return [("ITEM_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL", ())]
        return [("ITEM_ADDED_TO_OPEN_CONTENT_MODEL", ())]
    covering = original.additional or _rest(original.open, original.unevaluated)
    if covering is not None:
        return _covered(comparing, "ITEM_ADDED", covering, new)
    return [("ITEM_ADDED_TO_CLOSED_CONTENT_MODEL", ())]
