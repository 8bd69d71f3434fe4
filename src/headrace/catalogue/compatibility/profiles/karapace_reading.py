"""A JSON Schema as Karapace compares it: references in place, the words of later drafts turned into draft-07's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from headrace.catalogue.compatibility.profiles.differences import Difference
from headrace.catalogue.compatibility.profiles.everit_loader import Unreadable
from headrace.model.json_references import Document, Pointer

BOOLEAN: Final = "true or false"
"""The kind of a schema that is a boolean."""

_UNSUPPORTED: Final = frozenset(
    (
        *("$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$vocabulary"),
        *("unevaluatedProperties", "unevaluatedItems"),
    )
)


def read(raw: Any) -> Any:
    """The document to compare. Raises `Unreadable`: a recursion, or a keyword that Karapace refuses to compare."""
    if not isinstance(raw, Mapping | bool):
        raise Unreadable("a schema is an object or a boolean")
    try:
        document = Document(raw)
    except ValueError as error:
        raise Unreadable(str(error)) from error
    for schema in document.schemas.values():
        if isinstance(schema, Mapping) and (found := sorted(_UNSUPPORTED & schema.keys())):
            raise Unreadable(f"{', '.join(found)} cannot be compared")
    return _Reader(document).read((), raw)


class _Reader:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._done: dict[Pointer, Any] = {}
        self._open: set[Pointer] = set()

    def read(self, pointer: Pointer, value: Any) -> Any:
        if isinstance(value, list):
            return [self.read((*pointer, str(i)), item) for i, item in enumerate(value)]
        if not isinstance(value, Mapping):
            return value
        if pointer not in self._document.schemas:
            return {name: self.read((*pointer, name), item) for name, item in value.items()}
        target = self._document.targets.get(pointer)
        if target is not None:
            if target in self._open:
                raise Unreadable("a schema that refers to itself cannot be compared")
            if target not in self._done:
                self._open.add(target)
                self._done[target] = self.read(target, self._document.schemas[target])
                self._open.remove(target)
            return self._done[target]
        return _renamed({name: self.read((*pointer, name), item) for name, item in value.items()})


def _renamed(schema: dict[str, Any]) -> dict[str, Any]:
    if "prefixItems" in schema:
        prefix, rest = schema.pop("prefixItems"), schema.pop("items", None)
        schema["items"] = prefix
        if rest is not None:
            schema.setdefault("additionalItems", rest)
    if isinstance(needed := schema.pop("dependentRequired", None), Mapping):
        schema["dependencies"] = {**needed, **schema.get("dependencies", {})}
    return schema


def branches(schema: Any) -> list[Any] | None:
    """The branches of what makes a subschema a union, a product or a negation."""
    if not isinstance(schema, Mapping):
        return None
    if isinstance(stated := schema.get("type"), list):
        return [{**schema, "type": each} for each in stated]
    for keyword in ("allOf", "anyOf", "oneOf"):
        if isinstance(found := schema.get(keyword), list):
            return found
    return [schema["not"]] if schema.get("not") is not None else None


def kind_of(schema: Any) -> str:
    """What a subschema is to Karapace."""
    if not isinstance(schema, Mapping):
        return BOOLEAN
    stated = schema.get("type")
    if isinstance(stated, list):
        return "anyOf"
    for keyword in ("allOf", "anyOf", "oneOf", "not"):
        if schema.get(keyword) is not None:
            return keyword
    return str(stated) if stated else "enum" if "enum" in schema else "object"


def limits(
    reader: Mapping[str, Any], writer: Mapping[str, Any], *keywords: tuple[str, str, bool]
) -> Iterator[Difference]:
    """Bounds that the reader added or made tighter. Each: keyword, its name in kinds, whether it is an upper one."""
    for keyword, kind, upper in keywords:
        wanted, given = reader.get(keyword), writer.get(keyword)
        if wanted is None:
            continue
        if given is None:
            yield f"{kind}_added", ()
        elif wanted < given if upper else wanted > given:
            yield f"{kind}_{'decreased' if upper else 'increased'}", ()
