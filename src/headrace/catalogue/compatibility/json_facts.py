"""What several subschemas that hold at one place of the data say together.

`Facts` is the left side of every question that the prover asks: references followed, `allOf` opened, bounds intersected,
required names closed over. What is a choice (`anyOf`, `oneOf`, `if`) stays aside, to be split when it matters. Facts may say
less than the schemas do (a keyword that is not understood is left out), never more: what is proved from them is true.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor
from typing import Any, Final, Literal

from headrace.catalogue.compatibility.json_nodes import (
    ANY,
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
    type_of,
)

SMALL_RANGE: Final = 32
"""Integers between two bounds are looked at one by one up to so many."""

LENGTHS: Final[Mapping[str, tuple[int, int | None]]] = {
    "date": (10, 10),
    "date-time": (20, None),
    "time": (8, None),
    "duration": (2, None),
    "uuid": (36, 36),
    "ipv4": (7, 15),
    "ipv6": (2, None),
    "email": (3, None),
    "hostname": (1, None),
    "uri": (2, None),
}
"""How many characters a text of an asserted format has (RFC 3339, 3986, 4122, 4291, 5321)."""

MAX_CLOSURE: Final = 2_000
"""Subschemas that may hold at one place; more is a schema made to be slow."""


_ANNOTATIONS: Final = frozenset(("$comment", "description", "title"))


@dataclass(frozen=True, slots=True)
class Choice:
    """What is written at ``node`` holds in one of several cases. ``name``: of ``dependentSchemas``, the field that it is
    about."""

    kind: Literal["anyOf", "oneOf", "if", "dependentSchemas"]
    node: Node
    name: str = ""

    @property
    def key(self) -> tuple[str, int, str]:
        return (self.kind, self.node.number, self.name)


@dataclass(slots=True)
class Facts:
    """``nodes``: all that hold. ``never``: nothing is valid here. ``types``: type bits. ``finite``: the values left, where
    they can be listed. ``denied``: subschemas that do not hold."""

    nodes: tuple[Node, ...] = ()
    never: bool = False
    types: int = ANY
    finite: tuple[Any, ...] | None = None
    least: Fraction | None = None
    least_out: bool = False
    greatest: Fraction | None = None
    greatest_out: bool = False
    multiples: tuple[Fraction, ...] = ()
    min_length: int = 0
    max_length: int | None = None
    patterns: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    unique: bool = False
    min_items: int = 0
    max_items: int | None = None
    required: frozenset[str] = frozenset()
    min_properties: int = 0
    max_properties: int | None = None
    choices: tuple[Choice, ...] = ()
    denied: tuple[Node, ...] = ()
    absent: frozenset[str] = frozenset()
    """Names of fields that are not there."""
    object_nodes: tuple[Node, ...] = ()
    array_nodes: tuple[Node, ...] = ()
    _properties: dict[str, tuple[Node, ...] | None] = field(default_factory=dict)

    # --- objects

    def of_field(self, name: str) -> tuple[Node, ...] | None:
        """What holds of the field ``name`` where it is there; None: it cannot be."""
        if name in self._properties:
            return self._properties[name]
        found: list[Node] = []
        possible = name not in self.absent and not (
            self.max_properties is not None and len(self.required) >= self.max_properties and name not in self.required
        )
        for node in self.object_nodes:
            own: list[Node] = []
            direct = node.properties.get(name)
            if direct is not None:
                own.append(direct)
            for pattern, sub in node.patterns.items():
                if search(pattern, name):
                    own.append(sub)
            if not own and node.additional is not None:
                own.append(node.additional)
            rest = node.unevaluated_properties
            if not own and rest is not None and not speaks(node, name):
                own.append(rest)
            if node.property_names is not None and never_names(node.property_names, name):
                possible = False
                break
            if any(sub.resolved().always is False for sub in own):
                possible = False
                break
            found.extend(sub for sub in own if sub.always is not True)
        result = self._properties[name] = tuple(found) if possible else None
        return result

    def of_others(self) -> tuple[Node, ...] | None:
        """What holds of a field whose name is in no `properties` and matches no pattern; None: there is none."""
        found: list[Node] = []
        for node in self.object_nodes:
            rest = node.additional
            if node.unevaluated_properties is not None and not speaks(node, "", other=True):
                rest = node.unevaluated_properties
            if rest is not None:
                if rest.resolved().always is False:
                    return None
                if rest.always is None:
                    found.append(rest)
            if node.property_names is not None and node.property_names.resolved().always is False:
                return None
        return tuple(found)

    def names(self) -> list[str]:
        """The names under `properties` here, in order of appearance."""
        return list(dict.fromkeys(name for node in self.object_nodes for name in node.properties))

    # --- arrays

    def of_item(self, index: int) -> tuple[Node, ...] | None:
        """What holds of the item at ``index`` where it is there; None: it cannot be."""
        if self.max_items is not None and index >= self.max_items:
            return None
        found: list[Node] = []
        for node in self.array_nodes:
            sub = node.prefix[index] if index < len(node.prefix) else node.items
            if sub is None and node.unevaluated_items is not None and not speaks_of_item(node, index):
                sub = node.unevaluated_items
            if sub is None or sub.always is True:
                continue
            if sub.resolved().always is False:
                return None
            found.append(sub)
        return tuple(found)

    def prefix_length(self) -> int:
        return max((len(node.prefix) for node in self.array_nodes), default=0)

    # --- numbers

    @property
    def only_integers(self) -> bool:
        return not self.types & FRACTION


def speaks(node: Node, name: str, *, other: bool = False) -> bool:
    """Whether ``node``, or anything that it may apply to the same place, evaluates the field ``name`` (``other``: one that
    nothing names)."""
    seen: set[int] = set()
    stack, top = [node], node
    while stack:
        node = stack.pop()
        if node.number in seen:
            continue
        seen.add(node.number)
        if node.additional is not None or (node.unevaluated_properties is not None and node is not top):
            return True
        if not other and (name in node.properties or any(search(p, name) for p in node.patterns)):
            return True
        stack += _beside(node)
    return False


def speaks_of_item(node: Node, index: int) -> bool:
    """As `speaks`, of the item at ``index``. `contains` evaluates what it finds (2020-12)."""
    seen: set[int] = set()
    stack, top = [node], node
    while stack:
        node = stack.pop()
        if node.number in seen:
            continue
        seen.add(node.number)
        if node.items is not None or node.contains is not None or index < len(node.prefix):
            return True
        if node.unevaluated_items is not None and node is not top:
            return True
        stack += _beside(node)
    return False


def declares(node: Node, name: str | None) -> bool:
    """As `speaks`, but ``additionalProperties: true`` is the default spelt out and declares nothing."""
    seen: set[int] = set()
    stack = [node]
    while stack:
        node = stack.pop()
        if node.number in seen:
            continue
        seen.add(node.number)
        if node.additional is not None and node.additional.always is None:
            return True
        if name is None and (node.properties or node.patterns):
            return True
        if name is not None and (name in node.properties or any(search(p, name) for p in node.patterns)):
            return True
        stack += _beside(node)
    return False


def _beside(node: Node) -> list[Node]:
    """What a node may apply to the same place."""
    some = [*node.all_of, *node.any_of, *node.one_of, *node.dependent_schemas.values()]
    return some + [n for n in (node.ref, node.if_, node.then, node.else_) if n is not None]


def gather(nodes: Iterable[Node]) -> Facts:
    """The facts of ``nodes`` together, without what only a choice would tell."""
    facts = _gather(list(nodes))
    depending = [node for node in facts.object_nodes if node.dependent_schemas]
    seen: set[tuple[int, str]] = set()
    while depending:
        # A required field brings the subschema that depends on it, which may require more.
        due = [(n, name) for n in depending for name in sorted(n.dependent_schemas) if name in facts.required]
        due = [(n, name) for n, name in due if (n.number, name) not in seen]
        if not due:
            break
        seen |= {(n.number, name) for n, name in due}
        facts = _gather([*facts.nodes, *(n.dependent_schemas[name] for n, name in due)])
        depending = [node for node in facts.object_nodes if node.dependent_schemas]
    for node in depending:
        facts.choices += tuple(
            Choice("dependentSchemas", node, name)
            for name in sorted(node.dependent_schemas)
            if (node.number, name) not in seen and facts.of_field(name) is not None
        )
    return facts


def _gather(nodes: list[Node]) -> Facts:
    facts = Facts()
    flat: list[Node] = []
    seen: set[int] = set()
    stack = nodes[::-1]
    while stack:
        node = stack.pop()
        if node.number in seen:
            continue
        seen.add(node.number)
        if len(seen) > MAX_CLOSURE:
            break
        if node.ref is not None:
            stack.append(node.ref)
            if not node.has_siblings:
                continue
        if node.always is True:
            continue
        flat.append(node)
        stack.extend(reversed(node.all_of))
        if node.not_ is not None and (twice := only_not(node.not_)) is not None:
            stack.append(twice)
    facts.nodes = tuple(flat)
    for node in flat:
        _take(facts, node)
    _finish(facts)
    return facts


def only_not(node: Node) -> Node | None:
    """What a node denies, where it says nothing else."""
    node = node.resolved()
    denied = node.not_
    if denied is None or node.ref is not None or node.all_of or node.any_of or node.one_of or node.if_ is not None:
        return None
    own = node.types != ANY or node.enum is not None or node.has_numbers or node.has_strings
    return None if own or node.has_arrays or node.has_objects else denied


def _take(facts: Facts, node: Node) -> None:
    if node.always is False:
        facts.never = True
        return
    facts.types &= node.types
    if node.enum is not None:
        if facts.finite is None:
            facts.finite = node.enum
        else:
            held = {canonical(v) for v in node.enum}
            facts.finite = tuple(v for v in facts.finite if canonical(v) in held)
    if node.has_numbers:
        _take_numbers(facts, node)
    if node.has_strings:
        facts.min_length = max(facts.min_length, node.min_length)
        facts.max_length = _smaller(facts.max_length, node.max_length)
        if node.pattern is not None:
            facts.patterns += (node.pattern,)
        if node.format is not None:
            facts.formats += (node.format,)
            low, high = LENGTHS.get(node.format, (0, None))
            facts.min_length, facts.max_length = max(facts.min_length, low), _smaller(facts.max_length, high)
    if node.has_arrays:
        facts.array_nodes += (node,)
        facts.unique = facts.unique or node.unique
        facts.min_items = max(facts.min_items, node.min_items)
        if node.contains is not None:
            facts.min_items = max(facts.min_items, node.min_contains)
        if node.contains is not None and node.min_contains and node.contains.resolved().always is False:
            facts.types &= ~ARRAY
        facts.max_items = _smaller(facts.max_items, node.max_items)
        if node.items is not None and node.items.resolved().always is False:
            facts.max_items = _smaller(facts.max_items, len(node.prefix))
    if node.has_objects:
        facts.object_nodes += (node,)
        facts.required |= node.required
        facts.min_properties = max(facts.min_properties, node.min_properties)
        facts.max_properties = _smaller(facts.max_properties, node.max_properties)
    if node.any_of:
        facts.choices += (Choice("anyOf", node),)
    if node.one_of:
        facts.choices += (Choice("oneOf", node),)
    if node.if_ is not None and (node.then is not None or node.else_ is not None):
        facts.choices += (Choice("if", node),)
    if node.not_ is not None:
        deny(facts, node.not_)


def deny(facts: Facts, node: Node) -> None:
    """Add that ``node`` does not hold. Where all it says is that one field is required, the field is absent; where it is a
    length or a type, the other lengths or types are left."""
    facts.denied += (node,)
    node = node.resolved()
    said = node.raw.keys() - _ANNOTATIONS if isinstance(node.raw, Mapping) and node.ref is None else set()
    if said == {"maxLength"} or said == {"minLength"}:
        facts.types &= STRING
        if node.max_length is not None:
            facts.min_length = max(facts.min_length, node.max_length + 1)
        else:
            facts.max_length = _smaller(facts.max_length, node.min_length - 1)
        if facts.max_length is not None and facts.min_length > facts.max_length:
            facts.types = 0
    elif said == {"type"}:
        facts.types &= ~node.types
    facts.never = facts.never or not facts.types
    if (len(node.required) == 1 and node.raw is None) or (
        isinstance(node.raw, Mapping) and node.raw.keys() - _ANNOTATIONS == {"required"} and len(node.required) == 1
    ):
        facts.absent |= node.required
        facts._properties.clear()
        if facts.absent & facts.required:
            facts.types &= ~OBJECT
            facts.never = facts.never or not facts.types


def _take_numbers(facts: Facts, node: Node) -> None:
    if node.least is not None and (
        facts.least is None or (node.least, node.least_out) > (facts.least, facts.least_out)
    ):
        facts.least, facts.least_out = node.least, node.least_out
    if node.greatest is not None and (
        facts.greatest is None or (node.greatest, not node.greatest_out) < (facts.greatest, not facts.greatest_out)
    ):
        facts.greatest, facts.greatest_out = node.greatest, node.greatest_out
    if node.multiple_of is not None and node.multiple_of not in facts.multiples:
        facts.multiples += (node.multiple_of,)


def _finish(facts: Facts) -> None:
    """Draw what follows: closed bounds of integers, required names, what can be listed, contradictions."""
    if facts.multiples and any(m.denominator == 1 for m in facts.multiples):
        facts.types &= ~FRACTION
    if facts.types & NUMBER and facts.only_integers:
        if facts.least is not None:
            least = floor(facts.least) + 1 if facts.least_out else ceil(facts.least)
            facts.least, facts.least_out = Fraction(least), False
        if facts.greatest is not None:
            greatest = ceil(facts.greatest) - 1 if facts.greatest_out else floor(facts.greatest)
            facts.greatest, facts.greatest_out = Fraction(greatest), False
    if facts.types & NUMBER and facts.least is not None and facts.greatest is not None:
        empty = facts.least > facts.greatest
        if empty or (facts.least == facts.greatest and (facts.least_out or facts.greatest_out)):
            facts.types &= ~NUMBER
    if facts.types & STRING and facts.max_length is not None and facts.min_length > facts.max_length:
        facts.types &= ~STRING
    if facts.types & ARRAY and facts.max_items is not None and facts.min_items > facts.max_items:
        facts.types &= ~ARRAY
    if facts.types & OBJECT:
        _close_required(facts)
    _list_values(facts)
    if not facts.types or facts.finite == ():
        facts.never = True


def _close_required(facts: Facts) -> None:
    dependencies = [node.dependent_required for node in facts.object_nodes if node.dependent_required]
    growing = True
    while growing and dependencies:
        more = {n for each in dependencies for name in facts.required & each.keys() for n in each[name]}
        growing = not more <= facts.required
        facts.required |= more
    facts.min_properties = max(facts.min_properties, len(facts.required))
    if facts.max_properties is not None and facts.min_properties > facts.max_properties:
        facts.types &= ~OBJECT
    for name in facts.required:
        if facts.of_field(name) is None:
            facts.types &= ~OBJECT
            break


def _list_values(facts: Facts) -> None:
    if facts.finite is not None:
        facts.finite = tuple(v for v in facts.finite if type_of(v) & facts.types)
        return
    if facts.types & ~(NULL | BOOLEAN) == 0:
        nulls: tuple[Any, ...] = (None,) if facts.types & NULL else ()
        facts.finite = nulls + ((False, True) if facts.types & BOOLEAN else ())
    elif facts.types == INTEGER and facts.least is not None and facts.greatest is not None:
        few = facts.greatest - facts.least < SMALL_RANGE
        if few:
            values = range(int(facts.least), int(facts.greatest) + 1)
            facts.finite = tuple(v for v in values if all((v / m).denominator == 1 for m in facts.multiples))


def _smaller(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else min(one, other)


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> re.Pattern[str] | None:
    """The pattern for Python; None where it is none of Python's."""
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return None


def search(pattern: str, text: str) -> bool:
    """Whether ``pattern`` matches somewhere in ``text``; a pattern that Python cannot read matches."""
    found = compiled(pattern)
    return found is None or found.search(text) is not None


def never_names(node: Node, name: str) -> bool:
    """Whether `propertyNames` refuses ``name`` by what is seen at once: a length, a pattern, an enumeration."""
    node = node.resolved()
    if node.always is not None:
        return not node.always
    if not node.types & STRING:
        return True
    if node.enum is not None and name not in node.enum:
        return True
    if len(name) < node.min_length or (node.max_length is not None and len(name) > node.max_length):
        return True
    return node.pattern is not None and compiled(node.pattern) is not None and not search(node.pattern, name)
