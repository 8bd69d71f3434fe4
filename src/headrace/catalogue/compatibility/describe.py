"""A subschema in words: "an integer from 0", "one of A, B", "a text of at most 20 characters"."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

from headrace.catalogue.compatibility.json_facts import Facts, gather
from headrace.catalogue.compatibility.json_nodes import (
    ANY,
    ARRAY,
    BOOLEAN,
    FRACTION,
    NULL,
    NUMBER,
    OBJECT,
    STRING,
    Node,
)

_NOUNS: Final = ((OBJECT, "an object"), (ARRAY, "a list"), (BOOLEAN, "true or false"), (NULL, "null"))
_PLAIN: Final = ((BOOLEAN, "true or false"), (NULL, "null"))

LISTED: Final = 6
"""Values of an enumeration that a sentence names."""


def describe(nodes: Iterable[Node]) -> str:
    """What these subschemas together allow, as a noun phrase."""
    return describe_facts(gather(nodes))


def describe_facts(facts: Facts, *, only: int = ANY) -> str:
    """``only``: of these types."""
    if only != ANY:
        facts = replace(facts, types=facts.types & only)
    if facts.never:
        return "nothing"
    if facts.finite is not None and facts.types & ~BOOLEAN and any(node.enum is not None for node in facts.nodes):
        return listed(facts.finite)
    if facts.types == ANY and not facts.choices:
        return "anything"
    parts = []
    if facts.types & STRING:
        parts.append(_text(facts))
    if facts.types & NUMBER:
        parts.append(_number(facts))
    if facts.types & OBJECT:
        parts.append(_counted("an object", facts.min_properties - len(facts.required), facts.max_properties, "field"))
    if facts.types & ARRAY:
        words = _counted("a list", facts.min_items, facts.max_items, "item")
        parts.append(f"{words}, all different" if facts.unique else words)
    parts += [noun for bits, noun in _PLAIN if facts.types & bits]
    if facts.choices and len(parts) > 3:
        return f"one of {len(facts.choices[0].node.any_of or facts.choices[0].node.one_of) or 2} alternatives"
    return _or(parts)


def types(bits: int) -> str:
    """Type bits as a noun phrase."""
    parts = []
    if bits & STRING:
        parts.append("a text")
    if bits & NUMBER == FRACTION:
        parts.append("a number that is no integer")
    elif bits & NUMBER:
        parts.append("a number" if bits & FRACTION else "an integer")
    parts += [noun for each, noun in _NOUNS if bits & each]
    if bits == ANY:
        return "anything"
    if len(parts) > 3:
        missing = types(ANY & ~bits) if ANY & ~bits else ""
        return f"anything but {missing}" if missing else "anything"
    return _or(parts)


def listed(values: Iterable[Any]) -> str:
    """Values of an enumeration."""
    values = tuple(values)
    if len(values) == 2 and values[0] is not values[1] and all(isinstance(value, bool) for value in values):
        return "true or false"
    texts = [short(v) for v in values]
    if len(texts) < 2:
        return texts[0] if texts else "nothing"
    if len(texts) == 2:
        return f"{texts[0]} or {texts[1]}"
    more = f" and {len(texts) - LISTED} more" if len(texts) > LISTED else ""
    return f"one of {', '.join(texts[:LISTED])}{more}"


def short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= 40 else f"{text[:39]}…"


def short_text(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"


def number(value: Fraction) -> str:
    """As people write it."""
    return str(int(value)) if value.denominator == 1 else repr(float(value))


def _text(facts: Facts) -> str:
    words = "a text"
    if facts.formats:
        words = f"a text of the format {facts.formats[0]}"
    if facts.patterns:
        words += f" that matches {' and '.join(short_text(p) for p in facts.patterns[:3])}"
    low, high = facts.min_length, facts.max_length
    if not facts.formats and (low or high is not None):
        words += f" of {_range(low or None, high)} character{'' if (high or low) == 1 else 's'}"
    return words


def _number(facts: Facts) -> str:
    words = "an integer" if facts.only_integers else "a number"
    low, high = facts.least, facts.greatest
    parts = []
    if low is not None:
        parts.append(f"{'above' if facts.least_out else 'from'} {number(low)}")
    if high is not None:
        parts.append(f"{'below' if facts.greatest_out else 'to' if parts else 'up to'} {number(high)}")
    words = " ".join((words, *parts))
    steps = [m for m in facts.multiples if m != 1]
    return words + (f", a multiple of {number(steps[0])}" if steps else "")


def _counted(words: str, low: int, high: int | None, noun: str) -> str:
    """``a list of 1 to 3 items``."""
    if low <= 0 and high is None:
        return words
    return f"{words} of {_range(low if low > 0 else None, high)} {noun}{'' if (high or low) == 1 else 's'}"


def _range(low: int | None, high: int | None) -> str:
    if low is None:
        return f"at most {high}"
    if high is None:
        return f"at least {low}"
    return str(low) if low == high else f"{low} to {high}"


def _or(parts: list[str]) -> str:
    if len(parts) < 2:
        return parts[0] if parts else "nothing"
    return f"{', '.join(parts[:-1])} or {parts[-1]}"
