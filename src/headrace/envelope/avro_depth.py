"""How deep an Avro value nests, read off its bytes without decoding it.

Needed for recursive schemas only: each level can cost a hostile record one byte, and the decoder in C recurses once per level
until the stack is gone. The walk keeps its own stack, so it bounds what it measures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from headrace.errors import UndecodableRecord
from headrace.model.avro_schema import MAX_DEPTH, AvroSchema

_VARINT: Final = frozenset(("int", "long", "enum"))
_WIDTH: Final = {"null": 0, "boolean": 1, "float": 4, "double": 8}


def check_depth(payload: memoryview, schema: AvroSchema) -> None:
    """Raises `UndecodableRecord` where ``payload`` nests deeper than `MAX_DEPTH`, is too short, or names a branch that is not
    there."""
    stack: list[Iterator[Any]] = [iter([schema.resolved])]
    reader = _Reader(payload)
    while stack:
        node = next(stack[-1], None)
        if node is None:
            stack.pop()
            continue
        node = schema.definition(node)
        while isinstance(node, list):
            branch = reader.varint()
            if not 0 <= branch < len(node):
                raise UndecodableRecord(f"a union has no branch {branch}", reason="encoding")
            node = schema.definition(node[branch])
        kind = _kind(node)
        if kind in ("record", "error", "array", "map"):
            if len(stack) > MAX_DEPTH:
                raise UndecodableRecord(f"nests deeper than {MAX_DEPTH} levels", reason="depth")
            stack.append(_inside(reader, kind, node))
        elif kind in _VARINT:
            reader.varint()
        elif kind in ("bytes", "string"):
            reader.skip(reader.varint())
        elif kind == "fixed":
            reader.skip(node["size"])
        else:
            reader.skip(_WIDTH[kind])


def _inside(reader: _Reader, kind: str, node: Mapping[str, Any]) -> Iterator[Any]:
    if kind in ("record", "error"):
        for field in node["fields"]:
            yield field["type"]
        return
    while count := reader.varint():
        if count < 0:  # a block with its size in bytes
            count = -count
            reader.varint()
        for _ in range(count):
            if kind == "map":
                reader.skip(reader.varint())
            yield node["items" if kind == "array" else "values"]


def _kind(node: Any) -> str:
    while isinstance(node, Mapping):
        node = node["type"]
    return str(node)


class _Reader:
    def __init__(self, payload: memoryview) -> None:
        self._payload = payload
        self._at = 0

    def varint(self) -> int:
        number = shift = 0
        while True:
            if self._at >= len(self._payload) or shift > 63:
                raise UndecodableRecord("a number is cut off or too long", reason="encoding")
            byte = self._payload[self._at]
            self._at += 1
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return (number >> 1) ^ -(number & 1)

    def skip(self, count: int) -> None:
        if not 0 <= count <= len(self._payload) - self._at:
            raise UndecodableRecord("a length leaves the record", reason="encoding")
        self._at += count
