"""Whether one value is valid under one subschema: for the few values that the prover and the witness maker look at.

The same policy as everywhere (`headrace.model.json_schema`): the listed formats are asserted, regular expressions are run by
the same engine, `multipleOf` counts in exact decimals. A witness is confirmed by two whole validators besides.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from headrace.catalogue.compatibility.json_facts import search
from headrace.catalogue.compatibility.json_nodes import Node, canonical, exact, type_of
from headrace.model.json_schema import Validator, compile_schema

Known = dict[int, bool]
"""What is known of one value already, by node: subschemas that are reached in many ways are looked at once."""


def holds(node: Node, value: Any, known: Known | None = None) -> bool:
    """Whether ``value`` (parsed JSON) is valid under ``node``."""
    if node.always is not None and node.ref is None:
        return node.always
    if not (node.all_of or node.any_of or node.one_of):
        return _holds(node, value, known)
    known = {} if known is None else known
    found = known.get(node.number)
    if found is None:
        found = known[node.number] = _holds(node, value, known)
    return found


def _holds(node: Node, value: Any, known: Known | None) -> bool:
    if node.ref is not None:
        if not holds(node.ref, value, known):
            return False
        if not node.has_siblings:
            return True
    if not type_of(value) & node.types:
        return False
    if node.enum is not None:
        if node.enum_texts is None:  # of thousands of values, asked for each document that is tried
            node.enum_texts = frozenset(canonical(each) for each in node.enum)
        if canonical(value) not in node.enum_texts:
            return False
    if isinstance(value, str):
        if node.has_strings and not _string(node, value):
            return False
    elif isinstance(value, Mapping):
        if node.has_objects and not _object(node, value):
            return False
    elif isinstance(value, list | tuple):
        if node.has_arrays and not _array(node, value):
            return False
    elif isinstance(value, int | float) and not isinstance(value, bool) and node.has_numbers:
        number = exact(value)
        if node.least is not None and (number < node.least or (node.least_out and number == node.least)):
            return False
        if node.greatest is not None and (number > node.greatest or (node.greatest_out and number == node.greatest)):
            return False
        if node.multiple_of is not None and (number / node.multiple_of).denominator != 1:
            return False
    return _applied(node, value, known)


def _applied(node: Node, value: Any, known: Known | None) -> bool:
    if not all(holds(sub, value, known) for sub in node.all_of):
        return False
    if node.any_of and not any(holds(sub, value, known) for sub in node.any_of):
        return False
    if node.one_of and sum(holds(sub, value, known) for sub in node.one_of) != 1:
        return False
    if node.not_ is not None and holds(node.not_, value, known):
        return False
    if node.if_ is not None:
        branch = node.then if holds(node.if_, value, known) else node.else_
        return branch is None or holds(branch, value, known)
    return True


def _string(node: Node, value: str) -> bool:
    if len(value) < node.min_length or (node.max_length is not None and len(value) > node.max_length):
        return False
    if node.pattern is not None and not matches(node.pattern, value):
        return False
    return node.format is None or formatted(node.format, value)


def _object(node: Node, value: Mapping[str, Any]) -> bool:
    if not node.required <= value.keys():
        return False
    if len(value) < node.min_properties or (node.max_properties is not None and len(value) > node.max_properties):
        return False
    for name, names in node.dependent_required.items():
        if name in value and not names <= value.keys():
            return False
    for name, sub in node.dependent_schemas.items():
        if name in value and not holds(sub, value):
            return False
    if node.property_names is not None and not all(holds(node.property_names, name) for name in value):
        return False
    for name, item in value.items():
        declared = [node.properties[name]] if name in node.properties else []
        declared += [sub for pattern, sub in node.patterns.items() if search(pattern, name)]
        if not declared and node.additional is not None:
            declared = [node.additional]
        if not all(holds(sub, item) for sub in declared):
            return False
    if node.unevaluated_properties is not None:
        seen = evaluated_names(node, value)
        return all(holds(node.unevaluated_properties, item) for name, item in value.items() if name not in seen)
    return True


def _array(node: Node, value: list[Any] | tuple[Any, ...]) -> bool:
    if len(value) < node.min_items or (node.max_items is not None and len(value) > node.max_items):
        return False
    if node.unique and len({canonical(item) for item in value}) != len(value):
        return False
    for index, item in enumerate(value):
        sub = node.prefix[index] if index < len(node.prefix) else node.items
        if sub is not None and not holds(sub, item):
            return False
    if node.contains is not None:
        count = sum(holds(node.contains, item) for item in value)
        if count < node.min_contains or (node.max_contains is not None and count > node.max_contains):
            return False
    if node.unevaluated_items is not None:
        seen = evaluated_items(node, value)
        return all(holds(node.unevaluated_items, item) for index, item in enumerate(value) if index not in seen)
    return True


def _in_force(node: Node, value: Any) -> list[Node]:
    """The subschemas that a node applies in the same place and that ``value`` is valid under: those that evaluate."""
    found = [sub for sub in (*node.all_of, *node.any_of, *node.one_of) if holds(sub, value)]
    if node.ref is not None:
        found.append(node.ref)
    if node.if_ is not None:
        branch = node.then
        if holds(node.if_, value):
            found.append(node.if_)
        else:
            branch = node.else_
        if branch is not None:
            found.append(branch)
    if isinstance(value, Mapping):
        found += [sub for name, sub in node.dependent_schemas.items() if name in value]
    return found


def evaluated_names(node: Node, value: Mapping[str, Any]) -> set[str]:
    """The names that `unevaluatedProperties` of ``node`` does not concern (2020-12, core 11.3)."""
    seen = {name for name in value if name in node.properties or any(search(p, name) for p in node.patterns)}
    if node.additional is not None:
        return set(value)
    for sub in _in_force(node, value):
        seen |= evaluated_names(sub, value)
        if sub.unevaluated_properties is not None:
            return set(value)
    return seen


def evaluated_items(node: Node, value: list[Any] | tuple[Any, ...]) -> set[int]:
    """The places that `unevaluatedItems` of ``node`` does not concern (2020-12, core 11.2)."""
    if node.items is not None:
        return set(range(len(value)))
    seen = set(range(len(node.prefix)))
    if node.contains is not None and node.schema.draft >= 2020:
        seen |= {index for index, item in enumerate(value) if holds(node.contains, item)}
    for sub in _in_force(node, value):
        seen |= evaluated_items(sub, value)
        if sub.unevaluated_items is not None:
            return set(range(len(value)))
    return seen


@lru_cache(maxsize=4096)
def _pattern_validator(pattern: str) -> Validator | None:
    try:
        return compile_schema({"pattern": pattern})
    except ValueError:
        return None


@lru_cache(maxsize=64)
def _format_validator(name: str) -> Validator:
    return compile_schema({"format": name})


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern matches in ``text``, by the engine that validates; True for a pattern that it does not take."""
    validator = _pattern_validator(pattern)
    return validator is None or bool(validator.is_valid(text))


def formatted(name: str, text: str) -> bool:
    """Whether ``text`` has the asserted format ``name``."""
    return bool(_format_validator(name).is_valid(text))
