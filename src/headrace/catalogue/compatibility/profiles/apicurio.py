"""What Apicurio answers to a change of a JSON Schema: it walks the *updated* schema beside the *original*.

The walk follows what the updated schema has: a keyword that it lost is often not looked at, which accepts the change. The
branches of two unions are paired by a procedure that can run out of partners where branches are alike; then even a schema
beside itself is refused.

A reference that was followed on the way is not followed again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from headrace.catalogue.compatibility.json_nodes import exact
from headrace.catalogue.compatibility.profiles import everit
from headrace.catalogue.compatibility.profiles.apicurio_kinds import REFUSED
from headrace.catalogue.compatibility.profiles.apicurio_members import array_differences, object_differences, transition
from headrace.catalogue.compatibility.profiles.differences import Difference, Differences, at
from headrace.catalogue.compatibility.profiles.everit import Schema

Seen = frozenset[tuple[str, ...]]
"""The references that were followed, by where they stand."""


class CheckFailed(ValueError):
    """The registry's own check ends in an error, which refuses the schema."""


def compare(original: Schema, updated: Schema) -> Differences:
    """All differences, with the places that the registry gives them in the updated schema."""
    return Comparison().compare(original, updated, frozenset())


class Comparison:
    """Of two documents. A pair is compared once for the same references followed, of those that it can meet again."""

    def __init__(self) -> None:
        self._reach = Reach()
        self._known: dict[tuple[int, int, Seen], Differences] = {}
        self._kept: list[Schema] = []

    def compare(self, original: Schema, updated: Schema, seen: Seen) -> Differences:
        """Places are relative to the pair."""
        if seen:
            seen &= self._reach.places(original) | self._reach.places(updated)
        key = id(original), id(updated), seen
        found = self._known.get(key)
        if found is None:
            self._kept += [original, updated]  # some are made here; an id must not be given twice
            found = self._known[key] = self._compare(_followed(original), updated, seen)
        return found

    def accepts(self, original: Schema, updated: Schema, seen: Seen) -> bool:
        return not any(kind in REFUSED for kind, _ in self.compare(original, updated, seen))

    def both_ways(self, name: str, original: Schema, updated: Schema, seen: Seen) -> str:
        """The kind that says which of the two takes the other's documents."""
        match self.accepts(original, updated, seen), self.accepts(updated, original, seen):
            case True, True:
                return f"{name}_COMPATIBLE_BOTH"
            case True, False:
                return f"{name}_COMPATIBLE_BACKWARD_NOT_FORWARD"
            case False, True:
                return f"{name}_COMPATIBLE_FORWARD_NOT_BACKWARD"
        return f"{name}_COMPATIBLE_NONE"

    def _compare(self, original: Schema, updated: Schema, seen: Seen) -> Differences:
        if isinstance(updated, everit.Reference):
            if updated.place in seen or isinstance(original, everit.FalseSchema):
                return []
            inside = self.compare(original, updated.target, seen | {updated.place})
            return at((f"[ref #{'/'.join(('', *updated.place))}]",), inside)
        if isinstance(updated, everit.Empty):
            return [] if isinstance(original, everit.Empty) else [("SUBSCHEMA_TYPE_CHANGED_TO_EMPTY_OR_TRUE", ())]
        if isinstance(original, everit.FalseSchema):
            return []
        if isinstance(updated, everit.FalseSchema) and _taken_for_false(original):
            return []
        if isinstance(updated, everit.String | everit.Boolean | everit.Number):
            original = _only_part(original, updated)
            if isinstance(original, everit.FalseSchema):
                return []
        found = self._same_class(_alike(original, updated), updated, seen)
        return [("SUBSCHEMA_TYPE_CHANGED", ())] if found is None else found

    def _same_class(self, original: Schema, updated: Schema, seen: Seen) -> Differences | None:
        """None: they are of two classes."""
        match original, updated:
            case everit.String() as old, everit.String() as new:
                return list(_strings(old, new))
            case everit.Number() as old, everit.Number() as new:
                return list(_numbers(old, new))
            case (everit.Boolean(), everit.Boolean()) | (everit.Null(), everit.Null()):
                return []
            case everit.Const() as old, everit.Const() as new:
                return [] if old.value == new.value else [("CONST_TYPE_VALUE_CHANGED", ("const",))]
            case everit.Enum() as old, everit.Enum() as new:
                return [
                    *(("ENUM_TYPE_VALUES_MEMBER_REMOVED", ("enum",)) for _ in old.values - new.values),
                    *(("ENUM_TYPE_VALUES_MEMBER_ADDED", ("enum",)) for _ in new.values - old.values),
                ]
            case everit.Combined() as old, everit.Combined() as new:
                return self._combined(old, new, seen)
            case everit.Conditional() as old, everit.Conditional() as new:
                return self._conditional(old, new, seen)
            case everit.Not() as old, everit.Not() as new:
                return [(self.both_ways("NOT_TYPE_SCHEMA", old.inner, new.inner, seen), ("not",))]
            case everit.Object() as old, everit.Object() as new:
                return object_differences(self, old, new, seen)
            case everit.Array() as old, everit.Array() as new:
                return array_differences(self, old, new, seen)
        return None

    def _conditional(self, original: everit.Conditional, updated: everit.Conditional, seen: Seen) -> Differences:
        found: Differences = []
        for keyword, old, new in (
            ("if", original.if_, updated.if_),
            ("then", original.then, updated.then),
            ("else", original.else_, updated.else_),
        ):
            name = f"CONDITIONAL_TYPE_{keyword.upper()}_SCHEMA"
            if new is not None:
                kind = f"{name}_ADDED" if old is None else self.both_ways(name, old, new, seen)
                found.append((kind, (keyword,)))
        return found

    def _combined(self, original: everit.Combined, updated: everit.Combined, seen: Seen) -> Differences:
        if original.criterion != updated.criterion:
            change = (
                "EXTENDED"
                if updated.criterion == everit.ANY
                else "NARROWED"
                if original.criterion == everit.ANY
                else "CHANGED"
            )
            return [(f"COMBINED_TYPE_CRITERION_{change}", ("[criterion]",))]
        name = {everit.ALL: "ALL_OF", everit.ANY: "ANY_OF", everit.ONE: "ONE_OF"}[updated.criterion]
        found: Differences = []
        before, after = original.subschemas, updated.subschemas
        if len(before) != len(after):
            change = "INCREASED" if len(before) < len(after) else "DECREASED"
            found.append((f"COMBINED_TYPE_{name}_SIZE_{change}", ("[size]",)))
        if len(before) <= len(after):
            found += [("COMBINED_TYPE_SUBSCHEMA_NOT_COMPATIBLE", ())] * self._unpaired(before, after, seen)
        return found

    def _unpaired(self, before: Sequence[Schema], after: Sequence[Schema], seen: Seen) -> int:
        """How many branches are left without a partner. The one with the fewest candidates takes one after the other until it
        has none left, and what it takes is taken from all: so of two branches that accept each other one starves."""
        candidates: dict[str, set[str]] = {}
        for old in before:
            fitting = [new for new in after if self.accepts(old, new, seen)]
            if any(isinstance(each, everit.TrueSchema | everit.FalseSchema) for each in (old, *fitting)):
                raise CheckFailed("a branch of an allOf, anyOf or oneOf is a boolean; write {} for true")
            candidates.setdefault(old.text, set()).update(new.text for new in fitting)
        unpaired = 0
        while candidates:
            first = min(candidates, key=lambda text: len(candidates[text]))
            if not candidates[first]:
                unpaired += 1
            else:
                taken = min(candidates[first])
                for each in candidates.values():
                    each.discard(taken)
            if not candidates[first]:
                del candidates[first]
        return unpaired


class Reach:
    """Which references can be met below a schema, their targets included."""

    def __init__(self) -> None:
        self._below: dict[int, tuple[Schema, frozenset[everit.Reference]]] = {}
        self._places: dict[frozenset[everit.Reference], Seen] = {}

    def places(self, schema: Schema) -> Seen:
        """Where they stand."""
        first = self._references(schema)
        if first not in self._places:
            found, pending = set(first), list(first)
            while pending:
                more = self._references(pending.pop().target) - found
                found |= more
                pending += more
            self._places[first] = frozenset(each.place for each in found)
        return self._places[first]

    def _references(self, schema: Schema) -> frozenset[everit.Reference]:
        if isinstance(schema, everit.Reference):
            return frozenset((schema,))
        if id(schema) not in self._below:
            found = frozenset[everit.Reference]().union(*(self._references(each) for each in everit.children(schema)))
            self._below[id(schema)] = schema, found
        return self._below[id(schema)][1]


def _followed(schema: Schema) -> Schema:
    return schema.target if isinstance(schema, everit.Reference) else schema


def _only_part(original: Schema, updated: Schema) -> Schema:
    """Of an `allOf` the one part of the updated schema's class, as in an `enum` beside a `type`."""
    if isinstance(original, everit.Combined) and original.criterion == everit.ALL:
        fit = [each for each in original.subschemas if type(each) is type(updated)]
        if len({each.text for each in fit}) == 1:
            return fit[0]
    return original


def _taken_for_false(schema: Schema) -> bool:
    """The library holds a condition or a constant without annotations for equal to the schema that accepts nothing."""
    return isinstance(schema, everit.Conditional | everit.Const) and not any(
        schema.annotation(each) for each in ("$id", "title", "description")
    )


def _alike(original: Schema, updated: Schema) -> Schema:
    """A `const` and an `enum` of one value are the same."""
    if isinstance(original, everit.Enum) and isinstance(updated, everit.Const) and len(original.values) == 1:
        return everit.Const(raw=original.raw, value=next(iter(original.values)))
    if isinstance(original, everit.Const) and isinstance(updated, everit.Enum):
        return everit.Enum(raw=original.raw, values=frozenset((original.value,)))
    return original


def _strings(original: everit.String, updated: everit.String) -> Iterator[Difference]:
    for keyword, kind in (("contentEncoding", "CONTENT_ENCODING"), ("contentMediaType", "CONTENT_MEDIA_TYPE")):
        yield from _text(kind, keyword, original.annotation(keyword), updated.annotation(keyword))
    for keyword, kind, old, new in (
        ("minLength", "MIN_LENGTH", original.min_length, updated.min_length),
        ("maxLength", "MAX_LENGTH", original.max_length, updated.max_length),
    ):
        if new is not None:
            yield from limit(f"STRING_TYPE_{kind}", keyword, old, new)
    if updated.pattern is not None:
        yield from _text("PATTERN", "pattern", original.pattern, updated.pattern)
    yield from _text("FORMAT", "format", original.format, updated.format)


def _text(kind: str, keyword: str, original: Any, updated: Any) -> Iterator[Difference]:
    if original != updated:
        change = "ADDED" if original is None else "REMOVED" if updated is None else "CHANGED"
        yield f"STRING_TYPE_{kind}_{change}", (keyword,)


def limit(kind: str, keyword: str, original: Any, updated: Any) -> Iterator[Difference]:
    """A bound that came, went or moved."""
    if original is None and updated is not None:
        yield f"{kind}_ADDED", (keyword,)
    elif original is not None and updated is None:
        yield f"{kind}_REMOVED", (keyword,)
    elif original is not None and exact(original) != exact(updated):
        yield f"{kind}_{'INCREASED' if exact(original) < exact(updated) else 'DECREASED'}", (keyword,)


def _numbers(original: everit.Number, updated: everit.Number) -> Iterator[Difference]:
    whole = original.integer or (original.multiple_of is not None and exact(original.multiple_of) == 1)
    yield from transition("NUMBER_TYPE_INTEGER_REQUIRED", ("type",), whole, updated.integer)
    for side, keyword, old_out, new_out, old, new in (
        (
            *("MINIMUM", "minimum", original.out_minimum, updated.out_minimum),
            *((original.above, original.minimum), (updated.above, updated.minimum)),
        ),
        (
            *("MAXIMUM", "maximum", original.out_maximum, updated.out_maximum),
            *((original.below, original.maximum), (updated.below, updated.maximum)),
        ),
    ):
        # A number of exclusiveMinimum stands for the minimum, whatever minimum says.
        before, after = (each[1] if each[0] is None else each[0] for each in (old, new))
        moved = list(limit(f"NUMBER_TYPE_{side}", keyword, before, after))
        yield from moved
        if not moved and before is not None:
            outs = old_out or old[0] is not None, new_out or new[0] is not None
            yield from transition(f"NUMBER_TYPE_IS_{side}_EXCLUSIVE", (f"exclusive{keyword.capitalize()}",), *outs)
    multiple, now = original.multiple_of, updated.multiple_of
    if multiple is None or now is None:
        yield from limit("NUMBER_TYPE_MULTIPLE_OF", "multipleOf", multiple, now)
    else:
        divisible = "IS_DIVISIBLE" if exact(multiple) % exact(now) == 0 else "IS_NOT_DIVISIBLE"
        yield f"NUMBER_TYPE_MULTIPLE_OF_UPDATED_{divisible}", ("multipleOf",)
