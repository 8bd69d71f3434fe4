"""What Karapace answers to a change of a JSON Schema: its own comparison of the document, all references put in place.

A subschema is of one kind: what its `allOf`, `anyOf`, `oneOf` or `not` says (a list of types is an `anyOf`), else its type,
else an enum, else an object. Only keywords of that kind are compared: an `enum` beside a `type` is not, nor a `const`, a
`contains`, `uniqueItems`, `multipleOf`, or a name that becomes required where both know the property.

Source: Karapace 6.2.2, its rules for drafts 2019-09 and 2020-12 included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from headrace.catalogue.compatibility.profiles.differences import Difference, Differences, at, matching
from headrace.catalogue.compatibility.profiles.karapace_members import array_differences, object_differences
from headrace.catalogue.compatibility.profiles.karapace_reading import branches, kind_of, limits

_UNIONS: Final = ("allOf", "anyOf", "oneOf")


def compare(writer: Any, reader: Any) -> Differences:
    """What makes ``reader`` refuse the change from ``writer``; empty: it is accepted. Both as `karapace_reading.read` gives
    them."""
    return Comparison().compare(reader, writer)


class Comparison:
    """Of two documents; a pair is compared once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], Differences] = {}
        self._kept: list[Any] = []

    def compare(self, reader: Any, writer: Any) -> Differences:
        """Places are relative to the pair."""
        if reader is None or writer is None:
            if reader is writer:
                return []
            return [("schema_added" if writer is None else "schema_removed", ())]
        key = id(reader), id(writer)
        if key not in self._known:
            self._kept += [reader, writer]  # some are made on the way; an id must not be given twice
            self._known[key] = self._compare(reader, writer)
        return self._known[key]

    def _compare(self, reader: Any, writer: Any) -> Differences:
        reads, wrote = kind_of(reader), kind_of(writer)
        numbers = ("integer", "number")
        if reads in numbers and wrote in numbers:
            return [*_numbers(reader, writer), *([("type_narrowed", ())] if (reads, wrote) == numbers else [])]
        if reads in _UNIONS or wrote in _UNIONS:
            return at((reads,), self._unions(reader, writer, reads, wrote))
        if (reads == "object" or reader is True) and (wrote == "object" or writer is True):
            plain = {"type": "object"}
            return object_differences(self, plain if reader is True else reader, plain if writer is True else writer)
        if reads != wrote:
            return [("type_changed", ())]
        match reads:
            case "not":
                return at(("not",), self.compare(reader["not"], writer["not"]))
            case "string":
                return list(_strings(reader, writer))
            case "array":
                return array_differences(self, reader, writer)
            case "enum":
                return _enum(reader["enum"], writer["enum"])
        return []

    def _unions(self, reader: Any, writer: Any, reads: str, wrote: str) -> Differences:
        wanted, given = branches(reader), branches(writer)
        reader_union, writer_union = reads in _UNIONS, wrote in _UNIONS
        for single, other in ((wanted, writer_union), (given, reader_union)):
            if single is not None and len(single) == 1 and not other:
                pair = (single[0], writer) if single is wanted else (reader, single[0])
                return [("type_changed", ())] if self.compare(*pair) else []
        if reads in ("anyOf", "oneOf") and not writer_union:
            assert wanted is not None
            return [] if any(not self.compare(each, writer) for each in wanted) else [("type_changed", ())]
        if wanted is None or given is None:
            return [("type_changed", ())]
        if reads not in ("anyOf", wrote):
            return [("combined_type_changed", ())]
        if reads == "allOf" and len(given) < len(wanted):
            return [("product_type_extended", ())]
        if reads in ("anyOf", "oneOf") and len(given) > len(wanted):
            return [("sum_type_narrowed", ())]
        edges = {i: [j for j, new in enumerate(given) if not self.compare(old, new)] for i, old in enumerate(wanted)}
        needed = len(wanted) if reads == "allOf" else len(given)
        return [("combined_type_subschemas_changed", ())] if len(matching(edges)) < needed else []


def _numbers(reader: Mapping[str, Any], writer: Mapping[str, Any]) -> Iterator[Difference]:
    yield from limits(reader, writer, ("maximum", "maximum", True), ("minimum", "minimum", False))
    yield from limits(
        *(reader, writer),
        *(("exclusiveMaximum", "maximum_exclusive", True), ("exclusiveMinimum", "minimum_exclusive", False)),
    )


def _strings(reader: Mapping[str, Any], writer: Mapping[str, Any]) -> Iterator[Difference]:
    yield from limits(reader, writer, ("maxLength", "max_length", True), ("minLength", "min_length", False))
    wanted, given = reader.get("pattern"), writer.get("pattern")
    if wanted is not None and wanted != given:
        yield "pattern_added" if given is None else "pattern_changed", ()


def _enum(reader: list[Any], writer: list[Any]) -> Differences:
    return [("enum_array_narrowed", ("enum",))] if any(each not in reader for each in writer) else []
