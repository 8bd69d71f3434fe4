"""The obligations of one subschema's own keywords: what each asks of the left, and whether the left's facts meet it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from headrace.catalogue.compatibility.json_facts import Facts, gather, never_names, search
from headrace.catalogue.compatibility.json_nodes import ARRAY, FRACTION, NUMBER, OBJECT, STRING, Node
from headrace.catalogue.compatibility.json_regex import included, length_within
from headrace.catalogue.compatibility.json_state import OTHER, Asking, Gap, State


def local(prover: Asking, state: State, facts: Facts, right: Node) -> Iterator[Gap]:
    """The gaps of ``right``'s own keywords and of what they apply to fields and items."""
    missing = facts.types & ~right.types
    if missing:
        yield Gap("type", right, (), (state,), missing)
        if not facts.nodes:
            return  # nothing is known of the left: what else the right asks adds nothing
    if right.enum is not None:
        yield Gap("enum", right, (), (state,))
        return
    common = facts.types & right.types
    if right.has_numbers and common & NUMBER:
        yield from _numbers(state, facts, right, common)
    if right.has_strings and common & STRING:
        yield from _strings(state, facts, right)
    if right.has_arrays and common & ARRAY:
        yield from _arrays(prover, state, facts, right)
    if right.has_objects and common & OBJECT:
        yield from _objects(prover, state, facts, right)


def _numbers(state: State, facts: Facts, right: Node, common: int) -> Iterator[Gap]:
    if right.least is not None and (
        facts.least is None
        or facts.least < right.least
        or (facts.least == right.least and right.least_out and not facts.least_out)
    ):
        yield Gap("exclusiveMinimum" if right.least_out else "minimum", right, (), (state,), right.least)
    if right.greatest is not None and (
        facts.greatest is None
        or facts.greatest > right.greatest
        or (facts.greatest == right.greatest and right.greatest_out and not facts.greatest_out)
    ):
        yield Gap("exclusiveMaximum" if right.greatest_out else "maximum", right, (), (state,), right.greatest)
    if right.multiple_of is not None:
        whole = not common & FRACTION
        if not any((m / right.multiple_of).denominator == 1 for m in facts.multiples) and not (
            whole and (1 / right.multiple_of).denominator == 1
        ):
            yield Gap("multipleOf", right, (), (state,), right.multiple_of)


def _strings(state: State, facts: Facts, right: Node) -> Iterator[Gap]:
    greatest = facts.max_length
    if facts.min_length < right.min_length and not _implies_length(facts, right.min_length, None):
        yield Gap("minLength", right, (), (state,), right.min_length)
    if (
        right.max_length is not None
        and (greatest is None or greatest > right.max_length)
        and not _implies_length(facts, 0, right.max_length)
    ):
        yield Gap("maxLength", right, (), (state,), right.max_length)
    if right.pattern is not None and right.pattern not in facts.patterns:
        known = [included(pattern, right.pattern) for pattern in facts.patterns]
        if True not in known:
            yield Gap("pattern", right, (), (state,), right.pattern)
    if right.format is not None and right.format not in facts.formats:
        yield Gap("format", right, (), (state,), right.format)


def _implies_length(facts: Facts, least: int, greatest: int | None) -> bool:
    return any(length_within(pattern, least, greatest) is True for pattern in facts.patterns)


# --- arrays


def _arrays(prover: Asking, state: State, facts: Facts, right: Node) -> Iterator[Gap]:
    if facts.min_items < right.min_items:
        yield Gap("minItems", right, (), (state,), right.min_items)
    if right.max_items is not None and (facts.max_items is None or facts.max_items > right.max_items):
        yield Gap("maxItems", right, (), (state,), right.max_items)
    if right.unique and not facts.unique and (facts.max_items is None or facts.max_items > 1):
        yield Gap("uniqueItems", right, (), (state,))
    yield from _items(prover, state, facts, right)
    if right.contains is not None:
        yield from _contains(prover, state, facts, right)
    if right.unevaluated_items is not None and right.items is None:
        yield from _unevaluated_items(prover, state, facts, right)


def _items(prover: Asking, state: State, facts: Facts, right: Node) -> Iterator[Gap]:
    if not right.prefix and (right.items is None or right.items.always is True):
        return
    last = max(len(right.prefix), facts.prefix_length())
    for index in range(last + 1):  # the last one stands for all that follow
        wanted = right.prefix[index] if index < len(right.prefix) else right.items
        if wanted is None or wanted.always is True:
            continue
        inside = facts.of_item(index)
        if inside is None:
            continue
        if wanted.resolved().always is False and not prover.empty(State(inside)):
            yield Gap("items", wanted, (index,), (state, State(inside)), index)
            continue
        for gap in prover.below(inside, wanted):
            yield gap.below(index, state)


def _contains(prover: Asking, state: State, facts: Facts, right: Node) -> Iterator[Gap]:
    assert right.contains is not None
    signature = right.contains.signature
    alike = [
        n
        for n in facts.array_nodes
        if n.contains is not None
        and (n.contains is right.contains or (signature is not None and n.contains.signature == signature))
    ]
    implied = [
        n for n in facts.array_nodes if n.contains is not None and not prover.below((n.contains,), right.contains)
    ]
    every = facts.of_item(0) is not None and all(
        inside is None or not prover.below(inside, right.contains)
        for inside in map(facts.of_item, range(facts.prefix_length() + 1))
    )
    if right.min_contains and not (
        any(n.min_contains >= right.min_contains for n in (*alike, *implied))
        or (every and facts.min_items >= right.min_contains)
    ):
        yield Gap("contains", right, (), (state,), right.min_contains)
    if right.max_contains is not None and not (
        any(n.max_contains is not None and n.max_contains <= right.max_contains for n in alike)
        or (facts.max_items is not None and facts.max_items <= right.max_contains)
    ):
        yield Gap("maxContains", right, (), (state,), right.max_contains)


def _unevaluated_items(prover: Asking, state: State, facts: Facts, right: Node) -> Iterator[Gap]:
    assert right.unevaluated_items is not None
    if right.unevaluated_items.always is True:
        return
    spoken = gather((right,))
    beyond = spoken.prefix_length()
    if any(n.items is not None for n in spoken.array_nodes if n is not right):
        return
    for index in range(beyond, max(beyond, facts.prefix_length()) + 1):
        inside = facts.of_item(index)
        if inside is not None and (gaps := prover.below(inside, right.unevaluated_items)):
            yield Gap("unevaluatedItems", right, (), (state,), index, inner=gaps)
            return


# --- objects


def _objects(prover: Asking, state: State, facts: Facts, right: Node) -> Iterator[Gap]:
    for name in sorted(right.required - facts.required):
        yield Gap("required", right, (), (state,), name)
    if facts.min_properties < right.min_properties:
        yield Gap("minProperties", right, (), (state,), right.min_properties)
    if right.max_properties is not None and not prover.tolerant:
        most = _most_fields(prover, facts)
        if most is None or most > right.max_properties:
            yield Gap("maxProperties", right, (), (state,), right.max_properties)
    yield from _fields(prover, state, facts, right)
    if right.property_names is not None and right.property_names.always is not True:
        yield from _names(prover, state, facts, right)
    for name, names in sorted(right.dependent_required.items()):
        yield from _dependent(prover, state, facts, right, name, names)
    for name, sub in sorted(right.dependent_schemas.items()):
        if field_of(prover, facts, name) is not None:
            present = prover.make(("required", name), required=frozenset((name,)))
            yield from prover.ask(state.and_(present), sub)
    if right.unevaluated_properties is not None:
        yield from _unevaluated(prover, state, facts, right)


def field_of(prover: Asking, facts: Facts, name: str) -> tuple[Node, ...] | None:
    """What holds of the field on the left; None: it is never there. In the tolerant reading what the writer's schema does
    not declare is never sent, unless it declares nothing at all."""
    inside = facts.of_field(name)
    if inside is None or not prover.tolerant or inside:
        return inside
    return inside if prover.declared(facts, name) or prover.free_form(facts) else None


def others_of(prover: Asking, facts: Facts) -> tuple[Node, ...] | None:
    """As `field_of`, for a field that nothing names."""
    inside = facts.of_others()
    if inside is None or not prover.tolerant or inside:
        return inside
    return inside if prover.free_form(facts) else None


def _most_fields(prover: Asking, facts: Facts) -> int | None:
    most = facts.max_properties
    if others_of(prover, facts) is None and not any(n.patterns for n in facts.object_nodes):
        few = sum(1 for name in facts.names() if field_of(prover, facts, name) is not None)
        most = few if most is None else min(most, few)
    return most


def _fields(prover: Asking, state: State, facts: Facts, right: Node) -> Iterator[Gap]:
    names = dict.fromkeys((*facts.names(), *right.properties, *sorted(facts.required)))
    rest = right.additional
    if rest is not None and (rest.always is True or (prover.tolerant and rest.resolved().always is False)):
        rest = None
    for name in names:
        wanted: list[Node] = [right.properties[name]] if name in right.properties else []
        wanted += [sub for pattern, sub in right.patterns.items() if search(pattern, name)]
        from_rest = not wanted and rest is not None
        if not wanted and rest is not None:
            wanted = [rest]
        wanted = [sub for sub in wanted if sub.always is not True]
        if not wanted:
            continue
        inside = field_of(prover, facts, name)
        if inside is None:
            continue
        below = State(inside)
        for sub in wanted:
            if sub.resolved().always is False:
                if not prover.empty(below):
                    rule = "additionalProperties" if from_rest else "properties"
                    yield Gap(rule, right, (), (state,), name)
                continue
            for gap in prover.below(inside, sub):
                yield gap.below(name, state)
    if rest is not None:
        yield from _rest(prover, state, facts, right, rest)
    for pattern, sub in right.patterns.items():
        if sub.always is not True:
            yield from _pattern(prover, state, facts, right, pattern, sub)


def _rest(prover: Asking, state: State, facts: Facts, right: Node, rest: Node) -> Iterator[Gap]:
    """Fields that neither side names: those beside, and those under the left's patterns."""
    for node in facts.object_nodes:
        for pattern, sub in node.patterns.items():
            if pattern in right.patterns or sub.resolved().always is False:
                continue
            if gaps := prover.below((sub,), rest):
                yield Gap("additionalProperties", right, (), (state,), ("pattern", pattern), inner=gaps)
    inside = others_of(prover, facts)
    if inside is None:
        return
    if rest.resolved().always is False:
        yield Gap("additionalProperties", right, (), (state,), OTHER)
        return
    for gap in prover.below(inside, rest):
        yield gap.below(OTHER, state)


def _pattern(prover: Asking, state: State, facts: Facts, right: Node, pattern: str, sub: Node) -> Iterator[Gap]:
    """Fields whose names match a pattern of the right and that the left does not name."""
    for node in facts.object_nodes:
        if pattern in node.patterns:
            gaps = prover.below((node.patterns[pattern],), sub)
            if gaps:
                yield Gap("patternProperties", right, (), (state,), pattern, inner=gaps)
            return  # whatever such a field is, the left's own subschema for the same pattern holds of it
    inside = others_of(prover, facts)
    if inside is not None and (gaps := prover.below(inside, sub)):
        yield Gap("patternProperties", right, (), (state,), pattern, inner=gaps)
        return
    for node in facts.object_nodes:
        for below in node.patterns.values():
            if gaps := prover.below((below,), sub):
                yield Gap("patternProperties", right, (), (state,), pattern, inner=gaps)
                return


def _names(prover: Asking, state: State, facts: Facts, right: Node) -> Iterator[Gap]:
    assert right.property_names is not None
    rule = right.property_names
    own = [n.property_names for n in facts.object_nodes if n.property_names is not None]
    names = (*own, prover.make(("types", STRING), types=STRING))
    if own and not prover.below(names, rule):
        return
    for name in dict.fromkeys((*facts.names(), *sorted(facts.required))):
        if never_names(rule, name) and field_of(prover, facts, name) is not None:
            yield Gap("propertyNames", right, (), (state,), name)
    open_ = others_of(prover, facts) is not None or any(n.patterns for n in facts.object_nodes)
    if open_ and (gaps := prover.below(names, rule)):
        yield Gap("propertyNames", right, (), (state,), OTHER, inner=gaps)


def _dependent(
    prover: Asking, state: State, facts: Facts, right: Node, name: str, names: frozenset[str]
) -> Iterator[Gap]:
    if field_of(prover, facts, name) is None:
        return
    present = state.and_(prover.make(("required", name), required=frozenset((name,))))
    given = prover.facts(present)
    missing = sorted(names - given.required)
    if missing and not prover.empty(present):
        yield Gap("dependentRequired", right, (), (present,), (name, missing[0]))


def _unevaluated(prover: Asking, state: State, facts: Facts, right: Node) -> Iterator[Gap]:
    """`unevaluatedProperties`: exact where what stands beside it applies in any case (`$ref`, `allOf`); a field that only a
    condition evaluates counts as unevaluated, which may leave a gap where there is none, never the other way."""
    rest = right.unevaluated_properties
    assert rest is not None
    if rest.always is True or right.additional is not None or (prover.tolerant and rest.resolved().always is False):
        return
    spoken = gather((replace(right, number=-right.number, unevaluated_properties=None),))
    if any(n.additional is not None for n in spoken.object_nodes):
        return
    declared = {name for n in spoken.object_nodes for name in n.properties}
    patterns = {p for n in spoken.object_nodes for p in n.patterns}
    for name in facts.names():
        if name in declared or any(search(p, name) for p in patterns):
            continue
        inside = field_of(prover, facts, name)
        if inside is not None and (gaps := prover.below(inside, rest)):
            yield Gap("unevaluatedProperties", right, (), (state,), name, inner=gaps)
    inside = others_of(prover, facts)
    if inside is not None and (gaps := prover.below(inside, rest)):
        yield Gap("unevaluatedProperties", right, (), (state,), OTHER, inner=gaps)
