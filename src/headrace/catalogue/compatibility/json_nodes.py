"""A JSON Schema parsed once for comparing: each subschema a `Node` with its keywords' values at hand.

Drafts 4 to 2020-12 read into one shape: ``items`` beside ``prefixItems``, ``dependencies`` as its two kinds, a boolean
``exclusiveMinimum`` as a number. Up to draft-07 the siblings of a ``$ref`` count for nothing, as the specification says
(draft-07, 8.3). Numbers are exact: ``multipleOf: 0.01`` is a hundredth, not the nearest binary fraction.

A node's `signature` is the same for two subschemas exactly when their assertions are written alike (annotations, order of
keywords and of names left out); None where it is part of a recursion.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from json.encoder import encode_basestring_ascii
from types import MappingProxyType
from typing import Any, Final

from headrace.model.json_references import Document, Pointer, fragment
from headrace.model.json_schema import FORMATS

NULL: Final = 1
BOOLEAN: Final = 2
INTEGER: Final = 4
FRACTION: Final = 8
"""A number that is no integer."""
STRING: Final = 16
ARRAY: Final = 32
OBJECT: Final = 64
NUMBER: Final = INTEGER | FRACTION
ANY: Final = 127

TYPES: Final[Mapping[str, int]] = {
    "null": NULL,
    "boolean": BOOLEAN,
    "integer": INTEGER,
    "number": NUMBER,
    "string": STRING,
    "array": ARRAY,
    "object": OBJECT,
}

MAX_DEPTH: Final = 200
"""How deep subschemas may nest: deeper than any that is written by hand, and shallow enough for the engines behind us."""


_NOTHING: Mapping[str, Any] = MappingProxyType({})


def _none() -> Mapping[str, Any]:
    return _NOTHING


def type_of(value: Any) -> int:
    """The type bit of a JSON value. ``1.0`` is an integer (draft-06 on)."""
    if value is None:
        return NULL
    if value is True or value is False:
        return BOOLEAN
    if isinstance(value, str):
        return STRING
    if isinstance(value, int):
        return INTEGER
    if isinstance(value, float):
        return INTEGER if value.is_integer() else FRACTION
    return ARRAY if isinstance(value, list | tuple) else OBJECT


def exact(number: Any) -> Fraction:
    """The number as it is written in decimal."""
    return Fraction(number) if isinstance(number, int) else Fraction(repr(number))


def canonical(value: Any) -> str:
    """JSON text that is the same exactly for values that JSON Schema holds for equal (1 and 1.0 are, 1 and true are not)."""
    if isinstance(value, str):
        return encode_basestring_ascii(value)
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value


@dataclass(slots=True, eq=False)
class Node:
    """One subschema. ``always``: True for one that accepts everything, False for nothing, None otherwise. Keywords that
    are absent have None, or an empty container. ``number``: its place among all nodes of this process, for keys."""

    schema: JsonSchema
    pointer: Pointer
    raw: Any
    number: int
    always: bool | None = None
    ref: Node | None = None
    types: int = ANY
    enum: tuple[Any, ...] | None = None
    enum_texts: frozenset[str] | None = None
    """`canonical` of each value of ``enum``, once it has been asked for."""
    least: Fraction | None = None
    least_out: bool = False
    """``least`` itself is excluded."""
    greatest: Fraction | None = None
    greatest_out: bool = False
    multiple_of: Fraction | None = None
    min_length: int = 0
    max_length: int | None = None
    pattern: str | None = None
    format: str | None = None
    """Only where it is asserted (`headrace.model.json_schema.FORMATS`)."""
    unique: bool = False
    min_items: int = 0
    max_items: int | None = None
    prefix: tuple[Node, ...] = ()
    items: Node | None = None
    """Of the items beyond ``prefix``."""
    contains: Node | None = None
    min_contains: int = 1
    max_contains: int | None = None
    unevaluated_items: Node | None = None
    properties: Mapping[str, Node] = field(default_factory=_none)
    patterns: Mapping[str, Node] = field(default_factory=_none)
    additional: Node | None = None
    required: frozenset[str] = frozenset()
    min_properties: int = 0
    max_properties: int | None = None
    property_names: Node | None = None
    dependent_required: Mapping[str, frozenset[str]] = field(default_factory=_none)
    dependent_schemas: Mapping[str, Node] = field(default_factory=_none)
    unevaluated_properties: Node | None = None
    all_of: tuple[Node, ...] = ()
    any_of: tuple[Node, ...] = ()
    one_of: tuple[Node, ...] = ()
    not_: Node | None = None
    if_: Node | None = None
    then: Node | None = None
    else_: Node | None = None
    has_numbers: bool = False
    """Something is asserted of numbers; likewise the others."""
    has_strings: bool = False
    has_arrays: bool = False
    has_objects: bool = False
    signed: bool = False
    _signature: bytes | None = None

    @property
    def place(self) -> str:
        """Its JSON pointer as a URI fragment (RFC 6901, 6)."""
        return fragment(self.pointer)

    @property
    def signature(self) -> bytes | None:
        if not self.signed:
            sign(self)
        return self._signature

    def resolved(self) -> Node:
        """Itself, or what its reference finally means where it is nothing but a reference."""
        node = self
        while node.ref is not None and not node.has_siblings:
            node = node.ref
        return node

    @property
    def has_siblings(self) -> bool:
        """Whether it asserts anything itself, beside a reference."""
        return (
            self.types != ANY
            or self.enum is not None
            or self.has_numbers
            or self.has_strings
            or self.has_arrays
            or self.has_objects
            or bool(self.all_of or self.any_of or self.one_of)
            or self.not_ is not None
            or self.if_ is not None
        )

    def __repr__(self) -> str:
        return f"Node({self.place})"


_numbers = itertools.count(1)


def made(**keywords: Any) -> Node:
    """A node that stands in no document, for what a prover adds by itself."""
    has_objects = bool(keywords.keys() & {"properties", "required"})
    return Node(_NOWHERE, (), None, next(_numbers), has_objects=has_objects, signed=True, **keywords)


class JsonSchema:
    """A parsed document. ``root`` is its top node, ``nodes`` all of them by pointer. Raises ValueError, with a text for
    people, where it does not parse: see `headrace.model.json_references.Document`; or nests too deeply, or refers to
    itself without going into the data."""

    def __init__(self, schema: Any) -> None:
        if not isinstance(schema, Mapping | bool):
            raise ValueError(f"a schema is an object, not {json.dumps(schema, default=repr)[:60]}")
        self.document = Document(schema)
        self.draft = self.document.draft
        self.nodes: dict[Pointer, Node] = {}
        for pointer, raw in self.document.schemas.items():
            if len(pointer) > MAX_DEPTH * 2:
                raise ValueError(f"{fragment(pointer[:6])}...: subschemas nest more than {MAX_DEPTH} deep")
            self.nodes[pointer] = Node(self, pointer, raw, next(_numbers))
        for node in self.nodes.values():
            self._read(node)
        self.root = self.nodes[()]
        self._refuse_loops()

    # --- reading

    def _child(self, node: Node, *tokens: str) -> Node | None:
        return self.nodes.get(node.pointer + tokens)

    def _named(self, node: Node, keyword: str) -> dict[str, Node]:
        named = node.raw.get(keyword)
        if not isinstance(named, Mapping):
            return {}
        return {n: child for n in named if (child := self._child(node, keyword, n)) is not None}

    def _listed(self, node: Node, keyword: str) -> tuple[Node, ...]:
        listed = node.raw.get(keyword)
        if not isinstance(listed, list):
            return ()
        found = (self._child(node, keyword, str(i)) for i in range(len(listed)))
        return tuple(child for child in found if child is not None)

    def _read(self, node: Node) -> None:
        raw = node.raw
        if isinstance(raw, bool):
            node.always = raw
            return
        target = self.document.targets.get(node.pointer)
        node.ref = self.nodes[target] if target is not None else None
        if target is not None and self.draft < 2019:
            return
        get = raw.get
        stated = get("type")
        if stated is not None:
            node.types = 0
            for each in [stated] if isinstance(stated, str) else stated:
                node.types |= TYPES.get(each, 0)
        node.enum = (get("const"),) if "const" in raw else tuple(get("enum", ())) if "enum" in raw else None
        if "const" in raw and isinstance(get("enum"), list):
            same = canonical(get("const"))
            node.enum = tuple(v for v in get("enum", ()) if canonical(v) == same)
        self._read_numbers(node, raw)
        node.min_length, node.max_length = get("minLength") or 0, get("maxLength")
        node.pattern = get("pattern")
        node.format = stated if (stated := get("format")) in FORMATS else None
        node.has_strings = bool(node.min_length or node.max_length is not None or node.pattern or node.format)
        node.unique = bool(get("uniqueItems"))
        node.min_items, node.max_items = get("minItems") or 0, get("maxItems")
        prefix = "prefixItems" if "prefixItems" in raw else "items"
        node.prefix = self._listed(node, prefix)
        rest = "additionalItems" if prefix == "items" and isinstance(get("items"), list) else "items"
        node.items = self._child(node, rest)
        node.contains = self._child(node, "contains") if "contains" in raw else None
        node.min_contains = get("minContains", 1) if node.contains is not None and self.draft >= 2019 else 1
        node.max_contains = get("maxContains") if node.contains is not None and self.draft >= 2019 else None
        node.unevaluated_items = self._child(node, "unevaluatedItems") if self.draft >= 2019 else None
        node.has_arrays = bool(
            node.unique
            or node.min_items
            or node.max_items is not None
            or node.prefix
            or node.items is not None
            or node.contains is not None
            or node.unevaluated_items is not None
        )
        node.properties = self._named(node, "properties")
        node.patterns = self._named(node, "patternProperties") if "patternProperties" in raw else {}
        node.additional = self._child(node, "additionalProperties") if "additionalProperties" in raw else None
        required = get("required")
        node.required = frozenset(required) if isinstance(required, list) else frozenset()
        node.min_properties, node.max_properties = get("minProperties") or 0, get("maxProperties")
        node.property_names = self._child(node, "propertyNames") if "propertyNames" in raw else None
        dependent = {k: frozenset(v) for k, v in (get("dependentRequired") or {}).items()}
        node.dependent_schemas = self._named(node, "dependentSchemas") if "dependentSchemas" in raw else {}
        if isinstance(get("dependencies"), Mapping):
            for name, value in get("dependencies", {}).items():
                if isinstance(value, list):
                    dependent[name] = dependent.get(name, frozenset()) | frozenset(value)
                elif (child := self._child(node, "dependencies", name)) is not None:
                    node.dependent_schemas = {**node.dependent_schemas, name: child}
        node.dependent_required = dependent
        node.unevaluated_properties = (
            self._child(node, "unevaluatedProperties")
            if "unevaluatedProperties" in raw and self.draft >= 2019
            else None
        )
        node.has_objects = bool(
            node.properties
            or node.patterns
            or node.additional is not None
            or node.required
            or node.min_properties
            or node.max_properties is not None
            or node.property_names is not None
            or node.dependent_required
            or node.dependent_schemas
            or node.unevaluated_properties is not None
        )
        node.all_of, node.any_of = self._listed(node, "allOf"), self._listed(node, "anyOf")
        node.one_of = self._listed(node, "oneOf")
        node.not_ = self._child(node, "not") if "not" in raw else None
        node.if_ = self._child(node, "if") if "if" in raw else None
        node.then = self._child(node, "then") if node.if_ is not None and "then" in raw else None
        node.else_ = self._child(node, "else") if node.if_ is not None and "else" in raw else None
        if node.always is None and node.ref is None and not node.has_siblings:
            node.always = True

    @staticmethod
    def _read_numbers(node: Node, raw: Mapping[str, Any]) -> None:
        least, greatest = raw.get("minimum"), raw.get("maximum")
        out_least, out_greatest = raw.get("exclusiveMinimum"), raw.get("exclusiveMaximum")
        node.least = None if least is None else exact(least)
        node.greatest = None if greatest is None else exact(greatest)
        node.least_out = out_least is True
        node.greatest_out = out_greatest is True
        if out_least is not None and not isinstance(out_least, bool):
            bound = exact(out_least)
            if node.least is None or bound >= node.least:
                node.least, node.least_out = bound, True
        if out_greatest is not None and not isinstance(out_greatest, bool):
            bound = exact(out_greatest)
            if node.greatest is None or bound <= node.greatest:
                node.greatest, node.greatest_out = bound, True
        multiple = raw.get("multipleOf")
        node.multiple_of = None if multiple is None else exact(multiple)
        node.has_numbers = node.least is not None or node.greatest is not None or multiple is not None

    # --- loops and depth

    def _refuse_loops(self) -> None:
        """A schema that applies itself to the same place of the data has no meaning (2020-12, 9.4.1)."""
        state: dict[int, int] = {}
        for start in self.nodes.values():
            stack: list[tuple[Node, Iterator[Node]]] = []
            if state.get(start.number):
                continue
            state[start.number] = 1
            stack.append((start, _in_place(start)))
            while stack:
                node, following = stack[-1]
                step = next(following, None)
                if step is None:
                    state[node.number] = 2
                    stack.pop()
                elif state.get(step.number) == 1:
                    raise ValueError(f"{step.place}: refers to itself at the same place of the data")
                elif step.number not in state:
                    state[step.number] = 1
                    stack.append((step, _in_place(step)))


def sign(top: Node) -> None:
    """Set the signature of ``top`` and of everything below it, without recursion: a schema's depth is not ours to trust."""
    stack: list[tuple[Node, bool]] = [(top, False)]
    open_: set[int] = set()
    recursive: set[int] = set()
    while stack:
        node, ready = stack.pop()
        if ready:
            open_.discard(node.number)
            node._signature = None if node.number in recursive else _signed(node)
            node.signed = True
        elif not node.signed and node.number not in open_:
            open_.add(node.number)
            stack.append((node, True))
            for child in _below(node):
                if child.number in open_:
                    recursive.add(node.number)
                elif not child.signed:
                    stack.append((child, False))


def _signed(node: Node) -> bytes | None:
    children: list[bytes] = []
    for child in _below(node):
        if child._signature is None:
            return None
        children.append(child._signature)
    if node.ref is not None and not node.has_siblings:
        return children[0]
    digest = hashlib.blake2b(digest_size=16)
    digest.update(canonical(_own(node)).encode())
    for part in children:
        digest.update(part)
    return digest.digest()


def _own(node: Node) -> list[Any]:
    """What a node asserts itself, with the names under which its children stand (in `_below`'s order)."""
    return [
        node.always,
        node.types,
        None if node.enum is None else sorted(canonical(v) for v in node.enum),
        *(str(n) for n in (node.least, node.least_out, node.greatest, node.greatest_out, node.multiple_of)),
        *(node.min_length, node.max_length, node.pattern, node.format),
        *(node.unique, node.min_items, node.max_items, node.min_contains, node.max_contains),
        *(len(node.prefix), node.items is not None, node.contains is not None),
        *(sorted(node.properties), sorted(node.patterns), node.additional is not None),
        *(sorted(node.required), node.min_properties, node.max_properties, node.property_names is not None),
        sorted((k, sorted(v)) for k, v in node.dependent_required.items()),
        *(sorted(node.dependent_schemas), len(node.all_of), len(node.any_of), len(node.one_of)),
        [n is not None for n in (node.not_, node.if_, node.then, node.else_, node.ref)],
        [n is not None for n in (node.unevaluated_items, node.unevaluated_properties)],
    ]


def _in_place(node: Node) -> Iterator[Node]:
    """The nodes that a node applies to the same place of the data."""
    yield from node.all_of
    yield from node.any_of
    yield from node.one_of
    yield from node.dependent_schemas.values()
    for child in (node.ref, node.not_, node.if_, node.then, node.else_):
        if child is not None:
            yield child


def _below(node: Node) -> Iterator[Node]:
    """Every node that a node uses, in a fixed order (names sorted, as `_own` lists them)."""
    if node.ref is not None:
        yield node.ref
    yield from node.prefix
    for child in (node.items, node.contains):
        if child is not None:
            yield child
    for named in (node.properties, node.patterns):
        for name in sorted(named):
            yield named[name]
    for child in (node.additional, node.property_names):
        if child is not None:
            yield child
    for name in sorted(node.dependent_schemas):
        yield node.dependent_schemas[name]
    yield from node.all_of
    yield from node.any_of
    yield from node.one_of
    for child in (
        node.not_,
        node.if_,
        node.then,
        node.else_,
        node.unevaluated_items,
        node.unevaluated_properties,
    ):
        if child is not None:
            yield child


_NOWHERE: Final = JsonSchema(True)
