"""Can data written with one Avro schema be read with another: schema resolution (Avro specification 1.12, "Schema Resolution").

Avro's own rules decide: fields by name or by the reader's alias, a reader's field that the writer lacks needs a default,
numbers promote upwards, strings and bytes to each other, an enum's unknown symbol needs the reader's default, each branch of
the writer's union must find one of the reader's. Names are compared without their namespace. A decimal's precision and scale
must be the same: an implementation that compares the underlying type only would read other numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from headrace.model.avro_schema import AvroSchema

PROMOTIONS: Final[Mapping[str, frozenset[str]]] = {
    "int": frozenset(("long", "float", "double")),
    "long": frozenset(("float", "double")),
    "float": frozenset(("double",)),
    "string": frozenset(("bytes",)),
    "bytes": frozenset(("string",)),
}
"""By the writer's type, what the reader may read it as."""

Trail = tuple[tuple[str, Any], ...]
"""From the root to a place in the data: ``("field", name)``, ``("item", None)``, ``("value", None)``, ``("branch", index)``."""


@dataclass(frozen=True, slots=True)
class AvroGap:
    """Why the reader does not take what the writer writes. ``kind``: ``type``, ``null``, ``values``, ``removed``, ``name``,
    ``size``, ``decimal``. ``data``: the rule's own (symbols, a field's name). The pointers are into the two documents."""

    kind: str
    trail: Trail
    writer: Any
    reader: Any
    writer_pointer: str
    reader_pointer: str
    data: Any = None

    def below(self, *steps: tuple[str, Any]) -> AvroGap:
        return replace(self, trail=(*steps, *self.trail))

    @property
    def path(self) -> str:
        """``shelves[].width``; the field that is missing included."""
        out = ""
        for kind, value in self.trail:
            if kind == "field":
                out += f".{value}" if out else str(value)
            elif kind == "item":
                out += "[]"
            elif kind == "value":
                out += ".*" if out else "*"
        if self.kind == "removed":
            out += f".{self.data}" if out else str(self.data)
        return out


class Resolution:
    """Of one writer and one reader."""

    def __init__(self, writer: AvroSchema, reader: AvroSchema) -> None:
        self._writer, self._reader = writer, reader
        self._known: dict[tuple[int, int], tuple[AvroGap, ...]] = {}

    def gaps(self) -> tuple[AvroGap, ...]:
        """Every reason; empty: all that the writer writes can be read."""
        return self._resolve(self._writer.resolved, self._reader.resolved, "#", "#")

    def _resolve(self, writer: Any, reader: Any, at: str, there: str) -> tuple[AvroGap, ...]:
        writer, reader = self._writer.definition(writer), self._reader.definition(reader)
        key = (id(writer), id(reader))
        if isinstance(writer, Mapping) and isinstance(reader, Mapping):
            known = self._known.get(key)
            if known is not None:
                return known
            self._known[key] = ()  # met again below itself: data is finite
            found = self._known[key] = tuple(self._compare(writer, reader, at, there))
            return found
        return tuple(self._compare(writer, reader, at, there))

    def _compare(self, writer: Any, reader: Any, at: str, there: str) -> Iterator[AvroGap]:
        if isinstance(writer, list):
            for index, branch in enumerate(writer):
                for gap in self._resolve(branch, reader, f"{at}/{index}", there):
                    yield gap.below(("branch", index))
            return
        if isinstance(reader, list):
            yield from self._into_union(writer, reader, at, there)
            return
        of_writer, of_reader = kind(writer), kind(reader)
        if of_writer != of_reader:
            if of_reader not in PROMOTIONS.get(of_writer, ()):
                yield AvroGap("null" if of_writer == "null" else "type", (), writer, reader, at, there)
            return
        if of_writer == "array":
            for gap in self._resolve(writer["items"], reader["items"], f"{at}/items", f"{there}/items"):
                yield gap.below(("item", None))
        elif of_writer == "map":
            for gap in self._resolve(writer["values"], reader["values"], f"{at}/values", f"{there}/values"):
                yield gap.below(("value", None))
        elif of_writer in ("record", "enum", "fixed"):
            yield from self._named(of_writer, writer, reader, at, there)
        if _decimal(writer) != _decimal(reader):
            yield AvroGap("decimal", (), writer, reader, at, there)

    def _into_union(self, writer: Any, reader: list[Any], at: str, there: str) -> Iterator[AvroGap]:
        """The first branch that takes it; the specification asks for an exact match before a promotion."""
        best: tuple[AvroGap, ...] | None = None
        for index, branch in enumerate(reader):
            found = self._resolve(writer, branch, at, f"{there}/{index}")
            if not found:
                return
            same = kind(self._reader.definition(branch)) == kind(writer)
            if same and (best is None or len(found) < len(best)):
                best = found
        if best is None:
            best = (AvroGap("null" if kind(writer) == "null" else "type", (), writer, reader, at, there),)
        yield from best

    def _named(self, what: str, writer: Any, reader: Any, at: str, there: str) -> Iterator[AvroGap]:
        if simple(writer["name"]) not in names(reader):
            yield AvroGap("name", (), writer, reader, at, there, (writer["name"], reader["name"]))
        elif what == "fixed":
            if writer["size"] != reader["size"]:
                yield AvroGap("size", (), writer, reader, at, there, (writer["size"], reader["size"]))
        elif what == "enum":
            unknown = [s for s in writer["symbols"] if s not in reader["symbols"]]
            if unknown and "default" not in reader:
                yield AvroGap("values", (), writer, reader, at, there, tuple(unknown))
        else:
            yield from self._fields(writer, reader, at, there)

    def _fields(self, writer: Any, reader: Any, at: str, there: str) -> Iterator[AvroGap]:
        places = {f["name"]: index for index, f in enumerate(writer["fields"])}
        for index, wanted in enumerate(reader["fields"]):
            name = next((n for n in (wanted["name"], *wanted.get("aliases", ())) if n in places), None)
            if name is None:
                if "default" not in wanted:
                    yield AvroGap("removed", (), writer, reader, at, f"{there}/fields/{index}", wanted["name"])
                continue
            place = places[name]
            sent = writer["fields"][place]["type"]
            for gap in self._resolve(sent, wanted["type"], f"{at}/fields/{place}/type", f"{there}/fields/{index}/type"):
                yield gap.below(("field", name))


def kind(node: Any) -> str:
    """``record``, ``int``, ...; ``union`` for a list."""
    if isinstance(node, list):
        return "union"
    found = node["type"] if isinstance(node, Mapping) else node
    return found if isinstance(found, str) else kind(found)


def simple(name: str) -> str:
    """A name without its namespace."""
    return name.rpartition(".")[2]


def names(node: Mapping[str, Any]) -> set[str]:
    """The simple names by which a reader's type may be written."""
    return {simple(n) for n in (node["name"], *node.get("aliases", ()))}


def _decimal(node: Any) -> tuple[int, int] | None:
    if isinstance(node, Mapping) and node.get("logicalType") == "decimal":
        return node.get("precision", 0), node.get("scale", 0)
    return None
