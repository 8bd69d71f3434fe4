"""What Confluent's registry answers to a change of a JSON Schema: a structural difference of two trees of everit's objects.

`compare` lists the differences from *original* to *update*, each a kind (`confluent_kinds`) and the place where the registry
reports it. The change is accepted when all kinds are. The keyword's own documents are not asked: what is not in these rules
passes unseen (`docs/compatibility-profiles.md` lists it).

A pair of subschemas is compared once. One that is met again inside itself is a recursion and counts as no difference, unless
an earlier pass found it refused: passes are repeated until that set stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from headrace.catalogue.compatibility.json_nodes import exact
from headrace.catalogue.compatibility.profiles import everit, everit_loader
from headrace.catalogue.compatibility.profiles.confluent_members import array_differences, object_differences
from headrace.catalogue.compatibility.profiles.differences import Difference, Differences, at, matching
from headrace.catalogue.compatibility.profiles.everit import Schema

Pair = tuple[int, int]


def compare(original: Schema, update: Schema, accepted: frozenset[str]) -> Differences:
    """All differences, with their places. ``accepted``: the policy's set, which decides inside unions, too."""
    refused: dict[Pair, Differences] = {}
    while True:
        comparison = Comparison(accepted, refused)
        found = comparison.compare(original, update)
        now = comparison.refused()
        if not comparison.guessed or now.keys() == refused.keys():
            return found
        refused = now


DEEP: Final = 6
MOST_PAIRS: Final = 5_000
"""Pairs of subschemas that are compared further down than `DEEP`: every branch of a union with every one of the other's, at
each depth, grows exponentially. A union of many branches near the top does not count."""

MOST_DIFFERENCES: Final = 500
"""Differences that are kept for one pair of subschemas."""


class Comparison:
    """One pass. ``guessed``: a recursion was taken for no difference."""

    def __init__(self, accepted: frozenset[str], refused: dict[Pair, Differences]) -> None:
        self.accepted = accepted
        self.guessed = False
        self._left = MOST_PAIRS
        self._refused = refused
        self._known: dict[Pair, Differences] = {}
        self._open: set[Pair] = set()

    def accepts(self, differences: Differences) -> bool:
        return all(kind in self.accepted for kind, _ in differences)

    def refused(self) -> dict[Pair, Differences]:
        return {pair: found for pair, found in self._known.items() if not self.accepts(found)}

    def compare(self, original: Schema | None, update: Schema | None) -> Differences:
        """Places are relative to the pair."""
        if original is None or update is None:
            if original is update:
                return []
            return [("SCHEMA_ADDED" if original is None else "SCHEMA_REMOVED", ())]
        original, update = _target(original), _target(update)
        pair = id(original), id(update)
        if pair in self._known:
            return self._known[pair]
        if pair in self._open:
            if pair in self._refused:
                return self._refused[pair]
            self.guessed = True
            return []
        self._left -= len(self._open) > DEEP
        if self._left < 0:
            raise everit_loader.Unreadable("it has too many alternatives within alternatives to compare")
        self._open.add(pair)
        try:
            found = self._compare(original, update)
        finally:
            self._open.remove(pair)
        if len(found) > MOST_DIFFERENCES:
            # Branches of branches: their number grows exponentially with the depth, the answer needs one that refuses.
            refused = [each for each in found if not self.accepts([each])]
            found = (refused or found)[:MOST_DIFFERENCES]
        self._known[pair] = found
        return found

    def _compare(self, original: Schema, update: Schema) -> Differences:
        if isinstance(update, everit.Combined) is not isinstance(original, everit.Combined):
            found = self._through_union(original, update)
            if found is not None:
                return found
        if type(original) is not type(update):
            if isinstance(original, everit.FalseSchema) or isinstance(update, everit.Empty):
                return []
            if original.annotation("connect.type") == update.annotation("connect.type") == "bytes":
                return []
            return [("TYPE_CHANGED", ())]
        return [*_annotations(original, update), *self._same_class(original, update)]

    def _through_union(self, original: Schema, update: Schema) -> Differences | None:
        """One side is a union or a product and the other is not: None where that does not settle it."""
        if isinstance(update, everit.Combined):
            inside, kind = update, "SUM_TYPE_EXTENDED"
            settles = update.criterion != everit.ALL
        else:
            assert isinstance(original, everit.Combined)
            inside, kind = original, "PRODUCT_TYPE_NARROWED"
            settles = original.criterion == everit.ALL
        single = len(inside.subschemas) == 1
        if not single and not settles:
            return None
        for each in inside.subschemas:
            found = self.compare(original, each) if inside is update else self.compare(each, update)
            if self.accepts(found):
                return found if single else [*found, (kind, ())]
        return None

    def _same_class(self, original: Schema, update: Schema) -> Differences:
        match original, update:
            case everit.String() as old, everit.String() as new:
                return list(_strings(old, new))
            case everit.Number() as old, everit.Number() as new:
                return list(_numbers(old, new))
            case everit.Const() as old, everit.Const() as new:
                return [] if old.value == new.value else [("ENUM_ARRAY_CHANGED", ("const",))]
            case everit.Enum() as old, everit.Enum() as new:
                return list(_enums(old, new))
            case everit.Combined() as old, everit.Combined() as new:
                return self._combined(old, new)
            case everit.Not() as old, everit.Not() as new:
                reverse = self.accepts(self.compare(new.inner, old.inner))
                return [("NOT_TYPE_NARROWED" if reverse else "NOT_TYPE_EXTENDED", ("not",))]
            case everit.Object() as old, everit.Object() as new:
                return object_differences(self, old, new)
            case everit.Array() as old, everit.Array() as new:
                return array_differences(self, old, new)
        return []

    def _combined(self, original: everit.Combined, update: everit.Combined) -> Differences:
        found: Differences = []
        if original.criterion != update.criterion:
            one_before, one_after = len(original.subschemas) == 1, len(update.subschemas) == 1
            if not (
                update.criterion == everit.ANY
                or (one_before and (one_after or update.criterion == everit.ONE))
                or (one_after and original.criterion == everit.ALL)
            ):
                return [("COMBINED_TYPE_CHANGED", ())]
            found.append(("COMBINED_TYPE_EXTENDED", ()))
        before, after = _once(original.subschemas), _once(update.subschemas)
        if len(before) < len(after):
            found.append(("PRODUCT_TYPE_EXTENDED" if update.criterion == everit.ALL else "SUM_TYPE_EXTENDED", ()))
        elif len(before) > len(after):
            found.append(("PRODUCT_TYPE_NARROWED" if original.criterion == everit.ALL else "SUM_TYPE_NARROWED", ()))
        edges: dict[int, dict[int, Differences]] = {}
        for i, old in enumerate(before):
            pairs = ((j, self.compare(old, new)) for j, new in enumerate(after))
            edges[i] = {j: each for j, each in pairs if self.accepts(each)}
        matched = matching({i: list(to) for i, to in edges.items()})
        for i, j in sorted(matched.items()):
            found += at((original.criterion, str(i)), edges[i][j])
        if len(matched) < min(len(before), len(after)):
            found.append(("COMBINED_TYPE_SUBSCHEMAS_CHANGED", ()))
        return found


def _target(schema: Schema) -> Schema:
    """What a reference means. The registry looks one step; a reference to a reference is followed by its loader."""
    seen: set[int] = set()
    while isinstance(schema, everit.Reference) and id(schema) not in seen:
        seen.add(id(schema))
        schema = schema.target
    return schema


def _once(schemas: Sequence[Schema]) -> list[Schema]:
    found: dict[str, Schema] = {}
    for each in schemas:
        found.setdefault(each.text, each)
    return list(found.values())


def _annotations(original: Schema, update: Schema) -> Iterator[Difference]:
    for keyword, kind in (("$id", "ID"), ("title", "TITLE"), ("description", "DESCRIPTION"), ("default", "DEFAULT")):
        if original.annotation(keyword) != update.annotation(keyword):
            yield f"{kind}_CHANGED", ()


def limit(kind: str, keyword: str, original: Any, update: Any) -> Iterator[Difference]:
    """A bound that came, went or moved."""
    if original is None and update is None:
        return
    if original is None:
        yield f"{kind}_ADDED", (keyword,)
    elif update is None:
        yield f"{kind}_REMOVED", (keyword,)
    elif original < update:
        yield f"{kind}_INCREASED", (keyword,)
    elif original > update:
        yield f"{kind}_DECREASED", (keyword,)


def _strings(original: everit.String, update: everit.String) -> Iterator[Difference]:
    yield from limit("MAX_LENGTH", "maxLength", original.max_length, update.max_length)
    yield from limit("MIN_LENGTH", "minLength", original.min_length, update.min_length)
    if original.pattern != update.pattern:
        change = "ADDED" if original.pattern is None else "REMOVED" if update.pattern is None else "CHANGED"
        yield f"PATTERN_{change}", ("pattern",)


def _numbers(original: everit.Number, update: everit.Number) -> Iterator[Difference]:
    yield from limit("MAXIMUM", "maximum", original.maximum, update.maximum)
    yield from limit("MINIMUM", "minimum", original.minimum, update.minimum)
    yield from limit("EXCLUSIVE_MAXIMUM", "exclusiveMaximum", original.below, update.below)
    yield from limit("EXCLUSIVE_MINIMUM", "exclusiveMinimum", original.above, update.above)
    old, new = original.multiple_of, update.multiple_of
    if old is None and new is not None:
        yield "MULTIPLE_OF_ADDED", ("multipleOf",)
    elif old is not None and new is None:
        yield "MULTIPLE_OF_REMOVED", ("multipleOf",)
    elif old is not None and exact(old) != exact(new):
        yield f"MULTIPLE_OF_{_multiple(int(old), int(new))}", ("multipleOf",)
    if original.integer is not update.integer:
        yield "TYPE_EXTENDED" if original.integer else "TYPE_NARROWED", ()


def _multiple(old: int, new: int) -> str:
    # The registry divides the numbers without their fractions; by a zero it fails, which refuses as well.
    if old == 0:
        return "CHANGED"
    if new % old == 0:
        return "EXPANDED"
    return "REDUCED" if new and old % new == 0 else "CHANGED"


def _enums(original: everit.Enum, update: everit.Enum) -> Iterator[Difference]:
    if original.values != update.values:
        change = (
            "EXTENDED"
            if update.values >= original.values
            else "NARROWED"
            if update.values <= original.values
            else "CHANGED"
        )
        yield f"ENUM_ARRAY_{change}", ("enum",)
