"""A witness: a small document that is valid under one schema and not under another, made from what could not be proved.

A `Gap` says where in the data, and by which rule. From inside out: a value for the place itself that the left allows and the
rule refuses, then an object or array of the left around it, up to the top. Each document is tried against both whole schemas;
the first that is valid under the left and not under the right is the witness.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import islice
from typing import Any, Final

from headrace.catalogue.compatibility.json_evaluate import holds
from headrace.catalogue.compatibility.json_facts import Facts, gather
from headrace.catalogue.compatibility.json_maker import Maker, numbers, of_type, texts, unnamed
from headrace.catalogue.compatibility.json_nodes import (
    ARRAY,
    BOOLEAN,
    FRACTION,
    INTEGER,
    NULL,
    OBJECT,
    STRING,
    Node,
    canonical,
    made,
)
from headrace.catalogue.compatibility.json_regex import Unknown, find
from headrace.catalogue.compatibility.json_state import OTHER, Gap, State, Step

TRIES: Final = 60
"""Documents that are tried for one gap."""

Refuses = Callable[[Any], bool]


def documents(gap: Gap, maker: Maker) -> Iterator[Any]:
    """Documents, valid for the gap's outermost state, that may show the gap; the likeliest first."""
    yield from _around(gap.states, gap.path, lambda: values(gap, maker), maker)


def _around(
    states: tuple[State, ...], path: tuple[Step, ...], inner: Callable[[], Iterable[Any]], maker: Maker
) -> Iterator[Any]:
    """``inner``'s values, with what must be around them."""
    if not path:
        yield from inner()
        return
    step, outer = path[0], states[0]
    for value in islice(_around(states[1:], path[1:], inner, maker), TRIES):
        if maker.budget <= 0:
            return
        yield from islice(_with(outer, step, value, maker), 3)


def _with(state: State, step: Step, value: Any, maker: Maker) -> Iterator[Any]:
    """Values valid for ``state`` that hold ``value`` at ``step``."""
    if isinstance(step, int):
        yield from _array_with(state, step, value, maker)
        return
    name = step if step != OTHER else unnamed(gather(state.nodes))
    for whole in islice(_bases(state, OBJECT, maker), 12):
        document = whole | {name: value}
        if maker.valid(state, document):
            yield document
    # What is around may have to know of the field: a dependency, a condition on it.
    knowing = state.and_(made(required=frozenset((name,)))) if name else state
    for whole in islice(_bases(knowing, OBJECT, maker), 12):
        document = whole | {name: value}
        if maker.valid(state, document):
            yield document


def _array_with(state: State, index: int, value: Any, maker: Maker) -> Iterator[Any]:
    facts = gather(state.nodes)
    for length in dict.fromkeys((max(index + 1, facts.min_items), index + 2)):
        for whole in islice(maker.arrays(facts, length, 0), 4):
            document = [*whole[:index], value, *whole[index + 1 :]]
            if maker.valid(state, document):
                yield document


def _bases(state: State, kind: int, maker: Maker) -> Iterator[Any]:
    yield from maker.values(of_type(state, kind))


def values(gap: Gap, maker: Maker) -> Iterator[Any]:
    """Values for the gap's own place: valid for its state, refused by its rule if it can be had."""
    state, right = gap.left, gap.right
    seen: set[str] = set()
    for value in _aimed(gap, maker):
        if maker.budget <= 0:
            return
        text = canonical(value)
        if text in seen:
            continue
        seen.add(text)
        if maker.valid(state, value) and not holds(right, value):
            yield value
    for value in islice(maker.values(state), 40):
        if not holds(right, value) and canonical(value) not in seen:
            yield value


def _aimed(gap: Gap, maker: Maker) -> Iterator[Any]:
    state, facts, rule, data = gap.left, gather(gap.left.nodes), gap.rule, gap.data
    if rule in ("values", "enum") and isinstance(data, tuple):
        yield from data
    elif rule == "type":
        for bits in (NULL, BOOLEAN, STRING, INTEGER, FRACTION, ARRAY, OBJECT):
            if data & bits:
                yield from islice(maker.values(of_type(state, bits)), 4)
    elif rule in _ABOUT_NUMBERS:
        near = [data - 1, data + 1, data, data - Fraction(1, 2), data + Fraction(1, 2), data / 2, 3 * data / 2]
        for kind in (INTEGER, FRACTION):
            if facts.types & kind:
                yield from numbers(facts, kind, near)
    elif rule in _ABOUT_TEXTS:
        yield from _texts(facts, rule, data)
    elif rule in _ABOUT_ARRAYS:
        yield from _arrays(gap, facts, maker)
    elif rule in ("anyOf", "oneOf", "not"):
        yield from _branches(gap, maker)
    else:
        yield from _objects(gap, facts, maker)


_ABOUT_NUMBERS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_ABOUT_TEXTS: Final = ("minLength", "maxLength", "pattern", "format")
_ABOUT_ARRAYS: Final = ("minItems", "maxItems", "uniqueItems", "contains", "maxContains", "items", "unevaluatedItems")


def _texts(facts: Facts, rule: str, data: Any) -> Iterator[str]:
    if rule == "minLength":
        yield from texts(facts, most=data - 1)
    elif rule == "maxLength":
        yield from texts(facts, least=data + 1)
    elif rule == "pattern":
        yield from texts(facts, outside=(data,))
        yield from texts(facts)
    else:
        yield from texts(facts)
        yield from ("text", "", "1", "a b", "é")


def _arrays(gap: Gap, facts: Facts, maker: Maker) -> Iterator[Any]:
    rule, data, right = gap.rule, gap.data, gap.right
    if rule == "minItems":
        for length in range(facts.min_items, data):
            yield from islice(maker.arrays(facts, length, 0), 2)
    elif rule in ("maxItems", "maxContains"):
        yield from islice(maker.arrays(facts, max(data + 1, facts.min_items), 0), 2)
        yield from islice(maker.arrays(facts, data + 1, 0, distinct=False), 2)
    elif rule == "uniqueItems":
        for index in (0, facts.prefix_length()):
            inside = facts.of_item(index)
            for value in maker.some(inside or (), 0) if inside is not None else ():
                yield [*(value for _ in range(max(2, facts.min_items)))]
    elif rule == "contains":
        assert right.contains is not None
        yield from _found_only_by(facts, right.contains, maker)
        for length in dict.fromkeys((facts.min_items, 0, 1, 2)):
            items: list[Any] = []
            for index in range(length):
                inside = facts.of_item(index)
                if inside is not None:
                    items += list(islice(maker.values(State(inside, (right.contains,))), 1))
            if len(items) == length:
                yield items
            yield from islice(maker.arrays(facts, length, 0), 2)
    else:
        index = data if isinstance(data, int) else 0
        for whole in islice(maker.arrays(facts, index + 1, 0), 4):
            for inner in gap.inner[:4]:
                for value in islice(documents(inner, maker), 4):
                    yield [*whole[:index], value]
            yield whole


def _found_only_by(facts: Facts, wanted: Node, maker: Maker) -> Iterator[list[Any]]:
    """Arrays in which the left's `contains` finds what it needs and the right's finds nothing."""
    for node in facts.array_nodes:
        if node.contains is None or not node.min_contains:
            continue
        inside = facts.of_item(0)
        if inside is not None:
            for value in islice(maker.values(State((*inside, node.contains), (wanted,))), 3):
                yield [value] * max(facts.min_items, node.min_contains)


def _branches(gap: Gap, maker: Maker) -> Iterator[Any]:
    right, state = gap.right, gap.left
    if gap.rule == "not":
        assert right.not_ is not None
        yield from islice(maker.values(state.and_(right.not_)), 6)
        return
    if gap.rule == "oneOf":
        for pair in _pairs(right.one_of):
            yield from islice(maker.values(state.and_(*pair)), 2)
    for inner in gap.inner[:8]:
        if inner.rule == "oneOf" and not inner.path:
            continue
        yield from islice(documents(inner, maker), 6)


def _pairs(branches: tuple[Node, ...]) -> Iterator[tuple[Node, Node]]:
    for index, one in enumerate(branches[:6]):
        for other in branches[index + 1 : 6]:
            yield one, other


def _objects(gap: Gap, facts: Facts, maker: Maker) -> Iterator[Any]:
    rule, data, state = gap.rule, gap.data, gap.left
    if rule in ("required", "minProperties", "dependentRequired"):
        yield from islice(_bases(state, OBJECT, maker), 12)
        if rule == "dependentRequired":
            yield from islice(maker.objects(facts, sorted({*facts.required, data[0]}), 0), 6)
    elif rule == "maxProperties":
        names = [n for n in facts.names() if facts.of_field(n) is not None]
        whole = next(maker.objects(facts, sorted({*facts.required, *names}), 0), None)
        if whole is not None:
            inside = facts.of_others()
            spare = None if inside is None else maker.some(inside, 0)
            for number in range(max(0, min(data + 1 - len(whole), 200)) if spare else 0):
                whole = whole | {f"{unnamed(facts)}{number}": (spare or [None])[0]}
            yield whole
    elif rule in ("additionalProperties", "unevaluatedProperties", "properties", "propertyNames", "patternProperties"):
        for name in _names(gap, facts, maker):
            inside = facts.of_field(name)
            if inside is None:
                continue
            found: list[Any] = []
            for inner in gap.inner[:4] if rule != "propertyNames" else ():
                if not inner.path or inner.states[0].nodes:
                    found += list(islice(documents(inner, maker), 4))
            found += maker.some(inside, 0)
            for value in found[:8]:
                yield from islice(_with(state, name, value, maker), 2)
    else:
        yield from islice(maker.values(state), 20)


def _names(gap: Gap, facts: Facts, maker: Maker) -> Iterator[str]:
    """Names of fields that may show the gap."""
    data = gap.data
    if isinstance(data, tuple) and data and data[0] == "pattern":
        yield from _named(data[1], facts)
    elif gap.rule == "patternProperties":
        yield from _named(data, facts)
    elif data == OTHER:
        if gap.rule == "propertyNames":
            for inner in gap.inner[:4]:
                yield from (v for v in islice(documents(inner, maker), 6) if isinstance(v, str))
        yield unnamed(facts)
        spoken = gather((gap.right,))
        yield unnamed(spoken)
    elif isinstance(data, str):
        yield data


def _named(pattern: str, facts: Facts) -> Iterator[str]:
    """Names that match ``pattern``: one that nothing else speaks of, then any."""
    others = [p for node in facts.object_nodes for p in node.patterns if p != pattern]
    taken = [f"^{name}$" for name in facts.names() if name.replace("_", "").isalnum()]
    for outside in ((*others, *taken), taken, ()):
        try:
            name = find((pattern,), outside, least=1)
        except Unknown:
            continue
        if name is not None:
            yield name
