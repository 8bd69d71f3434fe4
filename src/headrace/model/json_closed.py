"""The closed form of a schema: the same, but a field that it does not declare is refused, at any depth.

Registered schemas are open, because `additionalProperties: false` would freeze a product's major: no field could ever be
added. A producer's copy is closed, so that a misspelt optional field is refused instead of published and ignored.

What is declared is decided statically: every name under `properties` of a subschema that may apply at that place of the data
(through references, `allOf`, every branch of `anyOf`, `oneOf`, `if`/`then`/`else`, `dependencies`), a name that matches
`patternProperties`, and everything where `additionalProperties` is a schema (a map). An object with none of these is
free-form and stays so; ``additionalProperties: true`` beside `properties` is the default spelt out, and is closed. Where names
match several patterns, or a pattern and `properties`, the objects below may hold what any of them declares.

Two ways to write it. Where one subschema alone speaks of a place (nearly always), ``additionalProperties: false`` goes into it.
Where several do, none of them may say so by itself, as it would refuse the others' fields; so the original is kept and an
overlay stands beside it in an `allOf`, which names all fields of the place and nothing else. `unevaluatedProperties` would not
do: it does not see fields that cousins declare in nested objects, and it is slower.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from headrace.model.json_locations import Location, Locations
from headrace.model.json_references import DRAFT7, Document, Pointer, embed, fragment, subschemas

_BESIDE: Final = frozenset(
    ("allOf", "anyOf", "oneOf", "if", "then", "else", "dependencies", "dependentSchemas", "$ref", "contains")
)
_DRAFT4: Final = "http://json-schema.org/draft-04/schema#"
_URIS: Final = {
    4: _DRAFT4,
    6: "http://json-schema.org/draft-06/schema#",
    7: DRAFT7,
    2019: "https://json-schema.org/draft/2019-09/schema",
    2020: "https://json-schema.org/draft/2020-12/schema",
}


def closed(schema: Any) -> Mapping[str, Any]:
    """The closed form of ``schema``; it accepts a subset of what ``schema`` accepts. Raises ValueError where references
    do not resolve."""
    return _Closing(Document(schema)).result()


class _Closing:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._locations = Locations(document)
        self._definitions: dict[str, Any] = {}
        self._names: dict[tuple[str, Location], str] = {}
        self._needs_original = False

    def result(self) -> Mapping[str, Any]:
        top = self._closed(self._locations.root())
        definitions = dict(self._definitions)
        if self._needs_original:
            definitions["original"] = embed(self._document, ("definitions", "original"))
        # The root is a bare reference: in it `top` may refer to itself.
        return {"$schema": _URIS[self._document.draft], "allOf": [top], "definitions": definitions}

    def _reference(self, kind: str, location: Location) -> dict[str, Any]:
        """A reference to the closed form (or overlay) of a location, made once however often it is met."""
        key = (kind, location)
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = f"{kind}{len(self._names)}"
            self._definitions[name] = True  # a recursive schema meets itself while it is made
            self._definitions[name] = self._inside(location) if kind == "closed" else self._overlay(location)
        return {"$ref": fragment(("definitions", name))}

    def _closed(self, location: Location) -> Any:
        """The closed form of one location."""
        if not self._closes(location):
            return self._as_it_is(location)
        return self._reference("closed", location)

    def _as_it_is(self, location: Location) -> Any:
        """Nothing below declares a field: the original will do, copied where it is small and on its own."""
        tops = self._tops(location)
        if len(tops) == 1:
            schema = self._document.schemas[tops[0]]
            if isinstance(schema, bool) or (not any(True for _ in subschemas(schema)) and "$ref" not in schema):
                return (
                    {k: v for k, v in schema.items() if k not in ("$id", "id", "$anchor", "$schema")}
                    if isinstance(schema, Mapping)
                    else schema
                )
        return self._originals(tops)

    def _originals(self, pointers: Iterable[Pointer]) -> Any:
        self._needs_original = True
        refs = [{"$ref": fragment(("definitions", "original", *p))} for p in pointers]
        return refs[0] if len(refs) == 1 else {"allOf": refs}

    def _tops(self, location: Location) -> list[Pointer]:
        """The fewest members of a location whose expansion is the location."""
        tops: list[Pointer] = []
        for pointer in sorted(location, key=lambda p: (-len(self._locations.expand([p])), p)):
            if pointer not in self._locations.expand(tops):
                tops.append(pointer)
        return sorted(tops)

    def _inside(self, location: Location) -> Any:
        """One subschema closed in place, or the original with an overlay beside it."""
        (first, *others) = self._locations.effective(location) or [((), {})]
        pointer, schema = first
        if others or _BESIDE & schema.keys() or self._overlapping(schema):
            return {"allOf": [self._originals(self._tops(location)), self._overlay(location)]}
        out = {k: v for k, v in schema.items() if k not in ("$schema", "$id", "id", "$anchor", "definitions", "$defs")}
        for (keyword, *rest), _ in subschemas(schema):
            if keyword in ("not", "propertyNames") and self._document.targets:
                out[keyword] = self._originals([(*pointer, keyword)])  # may hold references
            elif keyword in ("definitions", "$defs", "not", "propertyNames", "contentSchema"):
                continue
            else:
                child = self._closed(self._locations.expand([(*pointer, keyword, *rest)]))
                if not rest:
                    out[keyword] = child
                elif isinstance(schema[keyword], list):
                    out[keyword] = [*out[keyword]]
                    out[keyword][int(rest[0])] = child
                else:
                    out[keyword] = out[keyword] | {rest[0]: child}
        if (schema.get("properties") or schema.get("patternProperties")) and not isinstance(
            schema.get("additionalProperties"), Mapping
        ):
            out["additionalProperties"] = False
        return out

    def _overlapping(self, schema: Mapping[str, Any]) -> bool:
        """Fields that `properties` and `patternProperties` both speak of have both subschemas: no case for closing one by
        one."""
        return bool(schema.get("patternProperties")) and bool(
            schema.get("properties") or len(schema["patternProperties"]) > 1
        )

    def _overlay(self, location: Location) -> dict[str, Any]:
        """What names the declared fields of a location and of those below, and says nothing else."""
        out: dict[str, Any] = {}
        names, patterns = self._locations.declared(location), self._locations.patterns(location)
        rest = self._locations.additional(location)
        if names:
            out["properties"] = {
                name: self._over(child) if (child := self._locations.property(location, name)) else True
                for name in names
            }
        if patterns:
            out["patternProperties"] = {p: self._over(self._locations.pattern(location, p)) for p in patterns}
        if rest:
            out["additionalProperties"] = self._over(rest)
        elif names or patterns:
            out["additionalProperties"] = False
        numbered, every = self._locations.items(location)
        if numbered:
            first, after = ("prefixItems", "items") if self._document.draft == 2020 else ("items", "additionalItems")
            out |= {first: [self._over(item) for item in numbered], after: self._over(every)}
        elif every:
            out["items"] = self._over(every)
        return out

    def _over(self, location: Location) -> Any:
        return self._reference("overlay", location) if self._closes(location) else {}

    def _closes(self, location: Location) -> bool:
        """Whether a field is declared here or anywhere below."""
        seen: set[Location] = set()
        stack = [location]
        while stack:
            place = stack.pop()
            if place in seen:
                continue
            seen.add(place)
            names, patterns = self._locations.declared(place), self._locations.patterns(place)
            if names or patterns:
                return True
            numbered, every = self._locations.items(place)
            stack.extend(p for p in (self._locations.additional(place), *numbered, every) if p)
        return False
