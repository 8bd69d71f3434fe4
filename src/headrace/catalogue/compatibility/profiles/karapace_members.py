"""Objects and arrays as Karapace compares them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from headrace.catalogue.compatibility.profiles.differences import Difference, Differences, at
from headrace.catalogue.compatibility.profiles.karapace_reading import limits


class Comparing(Protocol):
    """The comparison that a member's schemas are handed back to."""

    def compare(self, reader: Any, writer: Any) -> Differences: ...


def object_differences(comparing: Comparing, reader: Mapping[str, Any], writer: Mapping[str, Any]) -> Differences:
    """From what ``writer`` writes to what ``reader`` takes."""
    wanted, given = reader.get("properties") or {}, writer.get("properties") or {}
    found: Differences = []
    for name in wanted:
        if name in given:
            found += at(("properties", name), _property(comparing, wanted[name], given[name]))
    unknown_to_reader = [name for name in given if name not in wanted]
    if unknown_to_reader and not _open(reader):
        found += at(("properties",), _removed(comparing, reader, given, unknown_to_reader))
    elif unknown_to_writer := [name for name in wanted if name not in given]:
        found += at(("properties",), _added(comparing, reader, writer, unknown_to_writer))
    found += _dependencies(comparing, reader, writer)
    found += limits(
        *(reader, writer),
        *(("maxProperties", "max_properties", True), ("minProperties", "min_properties", False)),
    )
    more, before = reader.get("additionalProperties"), writer.get("additionalProperties")
    if before is None and more is not None:
        found.append(("additional_properties_narrowed", ("additionalProperties",)))
    if more and before:
        found += at(("additionalProperties",), comparing.compare(more, before))
    return found


def _property(comparing: Comparing, wanted: Any, given: Any) -> Differences:
    if isinstance(wanted, bool) or isinstance(given, bool):
        # The registry looks for a keyword in the boolean and fails, which refuses the schema.
        return [("check_failed", ())]
    found = comparing.compare(wanted, given)
    # It looks for a property's own `required`, which an object has where draft-03 had a boolean.
    needed = wanted.get("required") and not given.get("required")
    return [("required_attribute_added", ()), *found] if needed else found


def _open(schema: Mapping[str, Any]) -> bool:
    return not schema.get("patternProperties") and schema.get("additionalProperties", True) is True


def _covering(schema: Mapping[str, Any], name: str) -> Any:
    for pattern, inside in (schema.get("patternProperties") or {}).items():
        try:
            if re.match(pattern, name):
                return inside
        except re.error:
            continue
    return schema.get("additionalProperties")


def _removed(
    comparing: Comparing, reader: Mapping[str, Any], given: Mapping[str, Any], names: list[str]
) -> Iterator[Difference]:
    for name in names:
        covering = _covering(reader, name)
        if covering is None:
            yield "property_removed_from_closed_content_model", (name,)
        elif comparing.compare(covering, given[name]):
            yield "property_removed_not_covered_by_partially_open_content_model", (name,)


def _added(
    comparing: Comparing, reader: Mapping[str, Any], writer: Mapping[str, Any], names: list[str]
) -> Iterator[Difference]:
    if _open(writer):
        for name in names:
            yield "property_added_to_open_content_model", (name,)
        return
    for name in names:
        covering = _covering(writer, name)
        covered = covering is None or covering is False
        if not covered and comparing.compare(reader["properties"][name], covering):
            yield "property_added_not_covered_by_partially_open_content_model", (name,)
        if name in (reader.get("required") or ()):
            yield "required_property_added_to_unopen_content_model", (name,)


def _dependencies(comparing: Comparing, reader: Mapping[str, Any], writer: Mapping[str, Any]) -> Iterator[Difference]:
    """Only those of the writer are looked at: one that the reader adds passes, one that it drops ends in an error."""
    wanted = reader.get("dependencies") or {}
    for name, given in (writer.get("dependencies") or {}).items():
        if not wanted.get(name):
            yield "dependency_array_added", ("dependencies", name)
        elif isinstance(given, bool) or isinstance(wanted[name], bool):
            yield "check_failed", ("dependencies", name)
        elif set(given) - set(wanted[name]):
            yield "dependency_array_extended", ("dependencies", name)
    schemas = reader.get("dependentSchemas") or {}
    for name, given in (writer.get("dependentSchemas") or {}).items():
        yield from at(("dependentSchemas", name), comparing.compare(schemas.get(name), given))


def array_differences(comparing: Comparing, reader: Mapping[str, Any], writer: Mapping[str, Any]) -> Differences:
    """From what ``writer`` writes to what ``reader`` takes."""
    wanted, given = reader.get("items"), writer.get("items")
    if isinstance(wanted, list) is not isinstance(given, list):
        return [("type_changed", ())]
    found: Differences = []
    if isinstance(wanted, list) and isinstance(given, list):
        found += _tuple(comparing, reader, writer, wanted, given)
    else:
        found += at(("items",), comparing.compare(wanted, given))
    return [*found, *limits(reader, writer, ("maxItems", "max_items", True), ("minItems", "min_items", False))]


def _tuple(
    comparing: Comparing, reader: Mapping[str, Any], writer: Mapping[str, Any], wanted: list[Any], given: list[Any]
) -> Iterator[Difference]:
    for index, (new, old) in enumerate(zip(wanted, given, strict=False)):
        yield from at(("items", str(index)), comparing.compare(new, old))
    if reader.get("additionalItems", True) is not True:
        for index in range(len(wanted), len(given)):
            # They are held against `true`, whatever the additional items may be.
            if comparing.compare(True, given[index]):
                yield "item_removed_not_covered_by_partially_open_content_model", ("items", str(index))
        if reader.get("additionalItems") is False and writer.get("additionalItems", True) is not False:
            yield "additional_items_removed", ("additionalItems",)
    if len(wanted) > len(given):
        yield "item_added_to_open_content_model", ()
