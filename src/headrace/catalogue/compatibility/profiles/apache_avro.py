"""Whether a registry lets an Avro schema follow another: Apache Avro's own comparison, which all three registries use.

It says whether a *reader* takes all that a *writer* writes: names (without their namespaces), promotions of numbers, bytes for
strings and back, unions branch by branch, fields by name or by the reader's alias, defaults for what the writer lacks, an
enum's default for symbols that the reader lacks. Logical types, documentation and the order of fields are not compared.

Source: ``org.apache.avro.SchemaCompatibility`` of Avro 1.12.2; Karapace uses Python's ``avro.compatibility``, a port of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from headrace.catalogue.compatibility.profiles.differences import Difference, Differences, at
from headrace.model.avro_schema import AvroSchema

_PRIMITIVES: Final = frozenset(("null", "boolean", "int", "long", "float", "double", "bytes", "string"))
_PROMOTED: Final[Mapping[str, tuple[str, ...]]] = {
    "long": ("int",),
    "float": ("int", "long"),
    "double": ("int", "long", "float"),
    "bytes": ("string",),
    "string": ("bytes",),
}
"""Of each type that a reader has, what else it takes."""


def compare(writer: AvroSchema, reader: AvroSchema) -> Differences:
    """What makes ``reader`` refuse something that ``writer`` writes; empty: nothing does."""
    return _Comparison(writer, reader).compare(writer.resolved, reader.resolved)


class _Comparison:
    def __init__(self, writer: AvroSchema, reader: AvroSchema) -> None:
        self._writer, self._reader = writer, reader
        self._known: dict[tuple[Any, Any], Differences] = {}

    def compare(self, writer: Any, reader: Any) -> Differences:
        """Places are relative. A pair that is met inside itself counts as compatible."""
        writer, reader = self._writer.definition(writer), self._reader.definition(reader)
        key = _key(writer), _key(reader)
        if key not in self._known:
            self._known[key] = []
            self._known[key] = self._compare(writer, reader)
        return self._known[key]

    def _compare(self, writer: Any, reader: Any) -> Differences:
        wrote, reads = _kind(writer), _kind(reader)
        if wrote == reads:
            return self._same_kind(reads, writer, reader)
        if wrote == "union":
            return [found for i, each in enumerate(writer) for found in at((str(i),), self.compare(each, reader))]
        if reads == "union":
            return [] if any(not self.compare(writer, branch) for branch in reader) else [("MISSING_UNION_BRANCH", ())]
        return [] if wrote in _PROMOTED.get(reads, ()) else [("TYPE_MISMATCH", ())]

    def _same_kind(self, kind: str, writer: Any, reader: Any) -> Differences:
        match kind:
            case "union":
                return [
                    ("MISSING_UNION_BRANCH", (str(i),))
                    for i, branch in enumerate(writer)
                    if self.compare(branch, reader)
                ]
            case "array":
                return at(("items",), self.compare(writer["items"], reader["items"]))
            case "map":
                return at(("values",), self.compare(writer["values"], reader["values"]))
            case "record" | "error":
                return [*_names(writer, reader), *self._fields(writer, reader)]
            case "enum":
                return [*_names(writer, reader), *_symbols(writer, reader)]
            case "fixed":
                size = writer["size"] == reader["size"]
                return [*_names(writer, reader), *([] if size else [("FIXED_SIZE_MISMATCH", ("size",))])]
        return []

    def _fields(self, writer: Mapping[str, Any], reader: Mapping[str, Any]) -> Iterator[Difference]:
        written = {each["name"]: each for each in writer["fields"]}
        for index, wanted in enumerate(reader["fields"]):
            names = [n for n in (wanted["name"], *wanted.get("aliases", ())) if n in written]
            place = ("fields", str(index))
            if len(names) > 1:
                yield "FIELD_MATCHES_MULTIPLE", place
            elif names:
                yield from at((*place, "type"), self.compare(written[names[0]]["type"], wanted["type"]))
            elif "default" not in wanted:
                kind = self._reader.definition(wanted["type"])
                if _kind(kind) == "enum" and kind.get("default") is not None:
                    # A slip of the library: the enum is held against the whole record.
                    yield "TYPE_MISMATCH", (*place, "type")
                else:
                    yield "READER_FIELD_MISSING_DEFAULT_VALUE", place


def _kind(node: Any) -> str:
    if isinstance(node, list):
        return "union"
    return str(node["type"]) if isinstance(node, Mapping) else str(node)


def _key(node: Any) -> Any:
    return _kind(node) if isinstance(node, str) or _kind(node) in _PRIMITIVES else id(node)


def _names(writer: Mapping[str, Any], reader: Mapping[str, Any]) -> Differences:
    wrote, reads = str(writer["name"]), str(reader["name"])
    if _bare(wrote) == _bare(reads):
        return []
    namespace = reads.rpartition(".")[0]
    aliases = [a if "." in a or not namespace else f"{namespace}.{a}" for a in reader.get("aliases", ())]
    return [] if wrote in aliases else [("NAME_MISMATCH", ("name",))]


def _bare(name: str) -> str:
    return name.rpartition(".")[2]


def _symbols(writer: Mapping[str, Any], reader: Mapping[str, Any]) -> Differences:
    if set(writer["symbols"]) <= set(reader["symbols"]) or reader.get("default") is not None:
        return []
    return [("MISSING_ENUM_SYMBOLS", ("symbols",))]
