"""Making values that are valid where a `State` holds: small ones first, and always the same ones.

Every value is checked against the whole state before it is handed out, so what the maker does not understand costs tries,
never truth.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from math import ceil, floor
from typing import Any, Final

from headrace.catalogue.compatibility.json_evaluate import holds
from headrace.catalogue.compatibility.json_facts import Facts, gather, search
from headrace.catalogue.compatibility.json_nodes import (
    ARRAY,
    BOOLEAN,
    FRACTION,
    INTEGER,
    NULL,
    NUMBER,
    OBJECT,
    STRING,
    Node,
    canonical,
    made,
)
from headrace.catalogue.compatibility.json_regex import Unknown, find
from headrace.catalogue.compatibility.json_state import Nodes, State, cases

MAX_DEPTH: Final = 12
EACH: Final = 6
"""Values of one kind that are tried."""
MAX_TEXT: Final = 20_000

EXAMPLES: Final = {
    "date": ("2026-01-31", "2000-02-29"),
    "date-time": ("2026-01-31T12:00:00Z", "2000-02-29T23:59:59.5+02:00"),
    "duration": ("P1D", "PT2H30M"),
    "email": ("a@example.com",),
    "hostname": ("a.example.com",),
    "ipv4": ("192.0.2.1",),
    "ipv6": ("2001:db8::1",),
    "json-pointer": ("/a", ""),
    "regex": ("^a$",),
    "time": ("12:00:00Z",),
    "uri": ("https://example.com/a", "urn:example:a"),
    "uri-reference": ("a", "https://example.com/a"),
    "uuid": ("6ba7b810-9dad-41d1-80b4-00c04fd430c8",),
}
"""Texts of each asserted format."""

_ORDER: Final = (OBJECT, STRING, INTEGER, FRACTION, ARRAY, BOOLEAN, NULL)


class Maker:
    """For one pair of schemas; ``budget``: values that may be tried in all."""

    def __init__(self, budget: int = 4_000) -> None:
        self.budget = budget
        self._again = budget
        """Values that may come a second time: many cases of a schema may make the same ones."""
        self._first: dict[tuple[Any, ...], list[Any]] = {}

    def valid(self, state: State, value: Any) -> bool:
        self.budget -= 1
        return all(holds(n, value) for n in state.nodes) and not any(holds(d, value) for d in state.denied)

    def values(self, state: State, depth: int = 0) -> Iterator[Any]:
        """Valid values, smallest first; none where none is found."""
        seen: set[str] = set()
        for value in self._candidates(state, depth):
            if self.budget <= 0:
                return
            text = canonical(value)
            if text in seen:
                self._again -= 1
                if self._again <= 0:
                    return
                continue
            seen.add(text)
            if self.valid(state, value):
                yield value

    def some(self, nodes: Nodes, depth: int) -> list[Any]:
        """A few valid values of what stands below."""
        key = (tuple(sorted({n.number for n in nodes})), depth > MAX_DEPTH // 2)
        found = self._first.get(key)
        if found is None:
            self._first[key] = []  # a recursion that must go on for ever has no value
            found = list(islice(self.values(State(nodes), depth + 1), EACH))
            if found:
                self._first[key] = found
            else:
                del self._first[key]
        return found

    def _candidates(self, state: State, depth: int) -> Iterator[Any]:
        self.budget -= 1
        facts = gather(state.nodes)
        if facts.never or depth > MAX_DEPTH or self.budget <= 0:
            return
        if facts.finite is not None:
            yield from facts.finite
            return
        choice = next((c for c in facts.choices if c.key not in state.decided), None)
        if choice is not None:
            yield from _turns([self._candidates(case, depth) for case in cases(state, choice)])
            return
        for denied in state.denied:
            yield from _beyond(facts, denied.resolved())
        for kind in _ORDER:
            if facts.types & kind:
                yield from self.of_kind(kind, facts, depth)

    def of_kind(self, kind: int, facts: Facts, depth: int = 0) -> Iterator[Any]:
        """Candidates of one type."""
        if kind == STRING:
            yield from texts(facts)
        elif kind & NUMBER:
            yield from numbers(facts, kind)
        elif kind == OBJECT:
            yield from self._objects(facts, depth)
        elif kind == ARRAY:
            yield from self._arrays(facts, depth)
        elif kind == BOOLEAN:
            yield from (False, True)
        else:
            yield None

    # --- objects

    def _objects(self, facts: Facts, depth: int) -> Iterator[dict[str, Any]]:
        names = [n for n in facts.names() if n in facts.required] + sorted(facts.required - set(facts.names()))
        yield from self.objects(facts, names, depth)
        optional = [n for n in facts.names() if n not in facts.required]
        for name in optional[:EACH]:
            yield from islice(self.objects(facts, [*names, name], depth), 1)
        if len(optional) > 1:
            yield from islice(self.objects(facts, [*names, *optional], depth), 1)

    def objects(self, facts: Facts, names: Sequence[str], depth: int) -> Iterator[dict[str, Any]]:
        """Objects with these fields, first with the first value of each, then with others of one at a time."""
        names = list(dict.fromkeys((*names, *self._implied(facts, names))))
        choices: dict[str, list[Any]] = {}
        for name in names:
            inside = facts.of_field(name)
            found = None if inside is None else self.some(inside, depth)
            if not found:
                return
            choices[name] = found
        base = {name: found[0] for name, found in choices.items()}
        for number in range(max(0, facts.min_properties - len(base))):
            inside = facts.of_others()
            rest = None if inside is None else self.some(inside, depth)
            spare = next((n for n in facts.names() if n not in base and facts.of_field(n) is not None), None)
            if spare is not None and (own := self.some(facts.of_field(spare) or (), depth)):
                base[spare] = own[0]
            elif rest:
                base[unnamed(facts, number)] = rest[0]
        yield base
        for name, found in choices.items():
            for other in found[1:]:
                yield base | {name: other}

    @staticmethod
    def _implied(facts: Facts, names: Iterable[str]) -> list[str]:
        wanted = set(names)
        while True:
            more = {
                n
                for node in facts.object_nodes
                for name in wanted & node.dependent_required.keys()
                for n in node.dependent_required[name]
            }
            if more <= wanted:
                return sorted(wanted)
            wanted |= more

    # --- arrays

    def _arrays(self, facts: Facts, depth: int) -> Iterator[list[Any]]:
        least = facts.min_items
        for length in dict.fromkeys((least, least + 1, 1, 2)):
            if length >= least and (facts.max_items is None or length <= facts.max_items):
                yield from self.arrays(facts, length, depth)

    def arrays(self, facts: Facts, length: int, depth: int, *, distinct: bool = True) -> Iterator[list[Any]]:
        """Arrays of ``length`` items, different ones where that is asked for or possible."""
        items: list[Any] = []
        wanted = [n.contains for n in facts.array_nodes if n.contains is not None]
        for index in range(length):
            inside = facts.of_item(index)
            if inside is None:
                return
            here = tuple(wanted) if index < max((n.min_contains for n in facts.array_nodes), default=0) else ()
            found = self.some((*inside, *here), depth) or self.some(inside, depth)
            if not found:
                return
            if distinct:
                taken = {canonical(i) for i in items}
                fresh = [v for v in (*found, *_more(found, index)) if canonical(v) not in taken]
                fresh = [v for v in fresh if all(holds(n, v) for n in inside)] or ([] if facts.unique else found)
                if not fresh:
                    return
                items.append(fresh[0])
            else:
                items.append(found[0])
        yield items
        for index in range(min(length, EACH)):
            inside = facts.of_item(index)
            for other in self.some(inside or (), depth)[1:]:
                yield [*items[:index], other, *items[index + 1 :]]


def _beyond(facts: Facts, denied: Node) -> Iterator[Any]:
    """Texts and numbers just outside of what is denied."""
    if facts.types & STRING:
        if denied.max_length is not None:
            yield from islice(texts(facts, least=denied.max_length + 1), 2)
        if denied.min_length:
            yield from islice(texts(facts, most=denied.min_length - 1), 2)
        if denied.pattern is not None:
            yield from texts(facts, outside=(denied.pattern,))
    near = [bound + step for bound in (denied.least, denied.greatest) if bound is not None for step in (-1, 0, 1)]
    for kind in (INTEGER, FRACTION) if near else ():
        if facts.types & kind:
            yield from islice(numbers(facts, kind, near), len(near))


def _more(found: Sequence[Any], index: int) -> Iterator[Any]:
    """Values like the first one, for arrays whose items must differ."""
    first = found[0]
    if isinstance(first, str):
        yield f"{first}{index}"
    elif isinstance(first, int) and not isinstance(first, bool):
        yield first + index
        yield first - index
    elif isinstance(first, dict):
        for name, value in first.items():
            for other in _more([value], index):
                yield first | {name: other}


def unnamed(facts: Facts, number: int = 0) -> str:
    """A name for a field that nothing here names, and that `propertyNames` takes as far as its patterns tell."""
    names = set(facts.names())
    patterns = [p for node in facts.object_nodes for p in node.patterns]
    rules = [r.resolved() for node in facts.object_nodes if (r := node.property_names) is not None]
    listed = [v for r in rules for v in r.enum or () if isinstance(v, str)]
    wanted = [r.pattern for r in rules if r.pattern is not None]
    found: list[str] = [*listed, *(f"other{i or ''}" for i in range(number, number + 8))]
    least = max((r.min_length for r in rules), default=0)
    most = min((r.max_length for r in rules if r.max_length is not None), default=None)
    try:
        text = find(wanted, patterns, least=max(least, 1), most=most)
        found += [] if text is None else [text]
    except Unknown:
        pass
    fits = [n for n in found if n not in names and all(holds(r, n) for r in rules) and _open_to(facts, n)]
    return fits[number % len(fits)] if fits else f"other{number}"


def _open_to(facts: Facts, name: str) -> bool:
    """Whether ``name`` is matched by no pattern here."""
    return not any(search(p, name) for node in facts.object_nodes for p in node.patterns)


def numbers(facts: Facts, kind: int, near: Iterable[Fraction] = ()) -> Iterator[Any]:
    """Numbers within the bounds: near ``near``, at the bounds, small ones."""
    tried: list[Fraction] = list(near)
    steps = list(facts.multiples) or [Fraction(1)]
    step = steps[0]
    for bound in (facts.least, facts.greatest):
        if bound is not None:
            tried += [bound, bound + step, bound - step, _up(bound, step), _down(bound, step)]
    if facts.least is not None and facts.greatest is not None:
        tried.append((facts.least + facts.greatest) / 2)
    tried += [Fraction(0), Fraction(1), step, -step, 2 * step, Fraction(7)]
    if kind == FRACTION:
        tried += [t + Fraction(1, 2) for t in tried[:8]] + [Fraction(1, 4), _small(facts)]
    for value in dict.fromkeys(tried):
        if (value.denominator == 1) == (kind == INTEGER):
            yield plain(value)


def _small(facts: Facts) -> Fraction:
    least = facts.least if facts.least is not None else Fraction(0)
    return least + Fraction(1, 1000)


def _up(bound: Fraction, step: Fraction) -> Fraction:
    return ceil(bound / step) * step


def _down(bound: Fraction, step: Fraction) -> Fraction:
    return floor(bound / step) * step


def plain(value: Fraction) -> int | float:
    """As JSON writes it."""
    return int(value) if value.denominator == 1 else float(value)


def texts(facts: Facts, *, least: int = 0, most: int | None = None, outside: Sequence[str] = ()) -> Iterator[str]:
    """Texts within the facts' lengths and these, of their patterns and formats, and matching none of ``outside``."""
    least = max(least, facts.min_length)
    most = facts.max_length if most is None else most if facts.max_length is None else min(most, facts.max_length)
    if (most is not None and least > most) or least > MAX_TEXT:
        return
    for name in facts.formats:
        yield from EXAMPLES.get(name, ())
    if facts.patterns or outside:
        try:
            text = find(facts.patterns, outside, least=least, most=most)
        except Unknown:
            text = None
        if text is not None:
            yield text
        if least == 0 and text == "":
            try:
                longer = find(facts.patterns, outside, least=1, most=most)
            except Unknown:
                longer = None
            if longer is not None:
                yield longer
        if outside:
            return
    length = max(least, 1 if most is None or most >= 1 else 0)
    yield "a" * length
    if least == 0:
        yield ""
    for other in ("b", "A", "1", "0", "2026-01-31", "x y", "é"):
        text = other if len(other) >= length else other + "a" * (length - len(other))
        if most is None or len(text) <= most:
            yield text


def _turns(sources: Sequence[Iterator[Any]]) -> Iterator[Any]:
    """One value of each in turn."""
    left = list(sources)
    while left:
        for source in list(left):
            try:
                yield next(source)
            except StopIteration:
                left.remove(source)


def of_type(state: State, bits: int) -> State:
    """The state, for values of these types only."""
    return replace(state, nodes=(*state.nodes, made(types=bits)))
