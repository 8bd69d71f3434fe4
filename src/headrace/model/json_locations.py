"""Which parts of a schema speak about one place of the data.

At a place of the data (its root, ``lines[3]``, ``lines[3].quantity``) several subschemas may apply together: the one that
`properties` names, what it refers to, the branches of its `allOf`, `anyOf`, `oneOf`, `if`. A *location* is the set of them,
found statically (every branch counts, whether it will hold or not), so questions such as "is this field declared" have one
answer that does not depend on the data. The number of different locations is finite, so recursive schemas end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from headrace.model.json_references import Document, Pointer

Location = frozenset[Pointer]

_BRANCHES: Final = ("allOf", "anyOf", "oneOf")
_CONDITIONS: Final = ("if", "then", "else")
_DEPENDENT: Final = ("dependencies", "dependentSchemas")


class Locations:
    """The locations of a document's data. Patterns of `patternProperties` are searched with Python's `re`."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._schemas = document.schemas

    def root(self) -> Location:
        return self.expand([()])

    def schema(self, pointer: Pointer) -> Mapping[str, Any]:
        """The subschema; {} for a boolean one."""
        found = self._schemas[pointer]
        return found if isinstance(found, Mapping) else {}

    def expand(self, pointers: Iterable[Pointer]) -> Location:
        """These subschemas and all that apply in the same place."""
        seen: set[Pointer] = set()
        stack = list(pointers)
        while stack:
            pointer = stack.pop()
            if pointer not in seen:
                seen.add(pointer)
                stack.extend(self._beside(pointer))
        return frozenset(seen)

    def _beside(self, pointer: Pointer) -> Iterator[Pointer]:
        schema = self.schema(pointer)
        if pointer in self._document.targets:
            yield self._document.targets[pointer]
            if self._document.draft < 2019:
                return  # siblings of a reference are ignored up to draft-07
        for keyword in _BRANCHES:
            for index in range(len(schema.get(keyword, ()))):
                yield (*pointer, keyword, str(index))
        for keyword in _CONDITIONS:
            if (*pointer, keyword) in self._schemas:
                yield (*pointer, keyword)
        for keyword in _DEPENDENT:
            for name in schema.get(keyword, ()):
                if (*pointer, keyword, name) in self._schemas:
                    yield (*pointer, keyword, name)

    def effective(self, location: Location) -> list[tuple[Pointer, Mapping[str, Any]]]:
        """The subschemas whose own keywords count (up to draft-07 not those that are references), in a fixed order."""
        refs = self._document.targets if self._document.draft < 2019 else {}
        return [(p, self.schema(p)) for p in sorted(location) if p not in refs]

    def declared(self, location: Location) -> list[str]:
        """The names under `properties`, in order of appearance."""
        return list(dict.fromkeys(n for _, s in self.effective(location) for n in s.get("properties", ())))

    def patterns(self, location: Location) -> list[str]:
        return list(dict.fromkeys(n for _, s in self.effective(location) for n in s.get("patternProperties", ())))

    def property(self, location: Location, name: str) -> Location | None:
        """Where the data's field ``name`` is; None where nothing in the schema speaks of it."""
        found: list[Pointer] = []
        for pointer, schema in self.effective(location):
            own = [(*pointer, "properties", name)] if name in schema.get("properties", ()) else []
            for pattern in schema.get("patternProperties", ()):
                if _search(pattern, name):
                    own.append((*pointer, "patternProperties", pattern))
            found.extend(own or self._rest(pointer, schema))
        return self.expand(found) if found else None

    def pattern(self, location: Location, pattern: str) -> Location:
        """Where the values of fields whose names match ``pattern`` are. Such a name may also match another pattern or be
        one of `properties`, which cannot be told apart by patterns: then it is all of these places together."""
        found: list[Pointer] = []
        for pointer, schema in self.effective(location):
            patterns = schema.get("patternProperties", ())
            found.extend((*pointer, "patternProperties", other) for other in patterns)
            found.extend((*pointer, "properties", n) for n in schema.get("properties", ()) if _search(pattern, n))
            if pattern not in patterns:
                found.extend(self._rest(pointer, schema))
        return self.expand(found)

    def additional(self, location: Location) -> Location | None:
        """Where the values of a map are (`additionalProperties` with a schema); None where it is no map."""
        found = [rest for p, s in self.effective(location) for rest in self._rest(p, s)]
        return self.expand(found) if found else None

    def _rest(self, pointer: Pointer, schema: Mapping[str, Any]) -> list[Pointer]:
        return [
            (*pointer, keyword)
            for keyword in ("additionalProperties", "unevaluatedProperties")
            if isinstance(schema.get(keyword), Mapping)
        ]

    def items(self, location: Location) -> tuple[list[Location], Location]:
        """The locations of the first items that have one of their own (tuples), and that of all others; empty: nothing
        speaks of them."""
        heads: list[tuple[Pointer, ...]] = []
        rests: list[tuple[Pointer, ...]] = []
        for pointer, schema in self.effective(location):
            keyword = "prefixItems" if isinstance(schema.get("prefixItems"), list) else "items"
            places = schema.get(keyword)
            first = tuple((*pointer, keyword, str(i)) for i in range(len(places))) if isinstance(places, list) else ()
            after = ("additionalItems" if keyword == "items" and first else "items", "unevaluatedItems")
            rest = tuple((*pointer, k) for k in after if isinstance(schema.get(k), Mapping))
            if (first or rest) and isinstance(schema.get("contains"), Mapping):
                rest += ((*pointer, "contains"),)  # alone it says nothing of the items that it does not match
            if first or rest:
                heads.append(first)
                rests.append(rest)
        length = max(map(len, heads), default=0)
        every = self.expand(p for rest in rests for p in rest)
        numbered = [
            self.expand(
                p for first, rest in zip(heads, rests, strict=True) for p in ((first[i],) if i < len(first) else rest)
            )
            for i in range(length)
        ]
        return numbered, every


def free_form(schema: Any) -> bool:
    """Whether some place of valid data may hold a value of which the schema, closed, asserts no type. Errs towards True."""
    document = Document(schema)
    locations = Locations(document)
    seen: set[Location] = set()
    stack: list[tuple[Location, list[Pointer]]] = [(locations.root(), [()])]
    while stack:
        place, tops = stack.pop()
        if place in seen:
            continue
        seen.add(place)
        types = _asserted_types(document, tops)
        if types is None:
            return True
        names, patterns = locations.declared(place), locations.patterns(place)
        inner = [locations.property(place, name) for name in names]
        inner += [locations.pattern(place, pattern) for pattern in patterns]
        rest = locations.additional(place)
        if "object" in types and not (names or patterns or rest):
            return True
        numbered, every = locations.items(place)
        if "array" in types and not every:
            return True
        for child in (*inner, rest, *numbered, every):
            if child:
                stack.append((child, [p for p in child if p[: len(p) - 1] not in child]))
    return False


def _asserted_types(document: Document, pointers: Iterable[Pointer]) -> set[str] | None:
    """The types that the subschemas at ``pointers`` (with what they refer to, and their `allOf`) let through for certain; None
    where none of them says. `enum` and `const` say enough: they let nothing unknown through."""
    stack, seen = list(pointers), set()
    while stack:
        pointer = stack.pop()
        if pointer in seen:
            continue
        seen.add(pointer)
        schema = document.schemas[pointer]
        if pointer in document.targets:
            stack.append(document.targets[pointer])
        elif isinstance(schema, Mapping):
            if "enum" in schema or "const" in schema:
                return set()
            if "type" in schema:
                stated = schema["type"]
                return {stated} if isinstance(stated, str) else set(stated)
            stack.extend((*pointer, "allOf", str(i)) for i in range(len(schema.get("allOf", ()))))
        elif schema is False:
            return set()
    return None


def _search(pattern: str, name: str) -> bool:
    try:
        return re.search(pattern, name) is not None
    except re.error:  # outside the subset (see json_patterns): nothing can be said, so it counts as a match
        return True


def has_path(schema: Any, path: str) -> bool:
    """Whether ``path`` (``storeId``, ``lines[].quantity``, ``a.b``) exists in ``schema``: through local references, every
    branch of `allOf`, `anyOf`, `oneOf` and `if`, items of arrays and values of maps. A free-form object has no paths.
    ``schema`` is parsed JSON, or its `Locations` where many paths are asked for. Raises ValueError where the schema's
    references do not resolve."""
    locations = schema if isinstance(schema, Locations) else Locations(Document(schema))
    places: set[Location] = {locations.root()}
    for part in path.split("."):
        name = part.rstrip("[]")
        brackets = part[len(name) :]
        if not name or brackets != "[]" * (len(brackets) // 2):
            return False
        places = {found for place in places if (found := locations.property(place, name)) is not None}
        for _ in range(len(brackets) // 2):
            items = [locations.items(place) for place in places]
            places = {found for numbered, rest in items for found in (*numbered, rest) if found}
    return bool(places)
