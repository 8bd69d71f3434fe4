"""From what could not be proved to findings: one for each change as a person made it, in a sentence, ordered by harm.

A finding is about a place in the event and a kind of change. Gaps of the same kind at the same place are one finding: both
readings, several cases of a choice, a minimum and a type that one edit changed. Which side of a gap is old and which is new
follows from the direction: the reader's subschema (the gap's right) is the old one under FORWARD.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from headrace.catalogue.compatibility import describe
from headrace.catalogue.compatibility.json_facts import gather
from headrace.catalogue.compatibility.json_nodes import ANY, NULL, Node
from headrace.catalogue.compatibility.json_state import OTHER, Gap, Step
from headrace.catalogue.compatibility.verdict import Direction, Finding, Reading, Verdict


@dataclass(frozen=True, slots=True)
class Kind:
    """``code`` is stable; ``harm``: 0 to 100; ``forward``/``backward``: what to do instead."""

    code: str
    harm: int
    forward: str
    backward: str


_WIDE: Final = "keep what the old schema allows, or begin a new major"
_MAJOR: Final = "a wider one needs a new field or a new major"
_SDK: Final = "nothing, as long as all producers are on the SDK: it sends declared fields only"
_BY_HAND: Final = "look at it by hand: this could not be decided"

KINDS: Final = {
    "removed": Kind(
        "HC101",
        95,
        "keep the field, mark it deprecated: true, and remove it with the next major",
        "make the new field optional",
    ),
    "optional": Kind("HC102", 90, "keep it required until the next major", "keep it optional"),
    "undeclared": Kind(
        "HC104",
        85,
        "leave out additionalProperties: false: it refuses every field that is added later",
        "keep the field declared, or leave out additionalProperties: false",
    ),
    "type": Kind("HC201", 80, "add a new field of the new type beside the old one, and deprecate the old one", _WIDE),
    "null": Kind("HC202", 80, "leave the field out instead of sending null", _WIDE),
    "values": Kind(
        "HC203", 75, "declare a list that grows as type: string with examples; this one needs a new major", _WIDE
    ),
    "range": Kind("HC204", 60, f"keep the range; {_MAJOR}", _WIDE),
    "length": Kind("HC205", 60, f"keep the length; {_MAJOR}", _WIDE),
    "pattern": Kind("HC206", 60, f"keep the pattern; {_MAJOR}", _WIDE),
    "format": Kind("HC207", 60, f"keep the format; {_MAJOR}", _WIDE),
    "items": Kind("HC208", 60, f"keep the rule for items; {_MAJOR}", _WIDE),
    "fields": Kind("HC209", 50, f"keep the number of fields; {_MAJOR}", _WIDE),
    "names": Kind("HC210", 50, f"keep the rule for names; {_MAJOR}", _WIDE),
    "depends": Kind("HC211", 60, "keep the dependency until the next major", _WIDE),
    "alternatives": Kind("HC212", 75, "a new alternative needs a new major, or an event of its own", _WIDE),
    "excluded": Kind("HC213", 60, "keep what is excluded until the next major", _WIDE),
    "open": Kind("HC301", 10, _SDK, _SDK),
    "undecided": Kind("HC901", 30, _BY_HAND, _BY_HAND),
}

_RULES: Final = {
    "additionalProperties": "undeclared",
    "unevaluatedProperties": "undeclared",
    "properties": "undeclared",
    "patternProperties": "undeclared",
    "false": "undeclared",
    "enum": "values",
    "values": "values",
    "minimum": "range",
    "maximum": "range",
    "exclusiveMinimum": "range",
    "exclusiveMaximum": "range",
    "multipleOf": "range",
    "minLength": "length",
    "maxLength": "length",
    "pattern": "pattern",
    "format": "format",
    "minItems": "items",
    "maxItems": "items",
    "uniqueItems": "items",
    "contains": "items",
    "maxContains": "items",
    "items": "items",
    "unevaluatedItems": "items",
    "minProperties": "fields",
    "maxProperties": "fields",
    "propertyNames": "names",
    "dependentRequired": "depends",
    "anyOf": "alternatives",
    "oneOf": "alternatives",
    "not": "excluded",
}


@dataclass(slots=True)
class Draft:
    """A finding in the making: its gaps, and the readings in which each was met and shown."""

    kind: str
    path: str
    gap: Gap
    readings: dict[Reading, bool] = field(default_factory=dict)
    """Whether a document shows it."""


def data_path(path: Iterable[Step]) -> str:
    """``data.lines[].quantity``; a field that nothing names is ``*``."""
    out = ""
    for step in path:
        if isinstance(step, int):
            out += "[]"
        else:
            name = "*" if step == OTHER else step
            plain = name == "*" or name.replace("_", "").replace("-", "").isalnum()
            out += (f".{name}" if out else name) if plain else f'["{name}"]'
    return out


def kind_of(gap: Gap) -> str:
    """The kind of change that a gap tells of."""
    if gap.rule == "required":
        declared = gap.data in gather(gap.left.nodes).names()
        return "optional" if declared else "removed"
    if gap.rule == "type":
        if not gap.left.nodes and gap.path:
            return "open"
        return "null" if gap.data == NULL else "type"
    if not gap.left.nodes and gap.path:
        return "open"
    return _RULES.get(gap.rule, "undecided")


def place_of(gap: Gap) -> str:
    """The path that a finding names: the field that is missing or too much, not the object around it."""
    path: tuple[Step, ...] = gap.path
    if gap.rule == "required" or (isinstance(gap.data, str) and _RULES.get(gap.rule) == "undeclared"):
        path = (*path, gap.data)
    return data_path(path)


def draft(drafts: dict[tuple[str, str], Draft], gap: Gap, reading: Reading, shown: bool) -> None:
    """Take a gap into its finding."""
    kind, path = kind_of(gap), place_of(gap)
    found = drafts.get((kind, path))
    if found is None:
        found = drafts[kind, path] = Draft(kind, path, gap)
    found.readings[reading] = found.readings.get(reading, False) or shown


def finding(made: Draft, direction: Direction, version: int | None, other: Node | None) -> Finding:
    """The finding as it is told. ``other``: the writer's subschema at the place, where it has one."""
    kind = KINDS[made.kind]
    forward = direction is Direction.FORWARD
    reader, writer = made.gap.right.place, None if other is None else other.place
    shown = any(made.readings.values())
    tolerant = Reading.TOLERANT in made.readings
    return Finding(
        code=kind.code,
        direction=direction,
        path=made.path,
        old=reader if forward else writer,
        new=writer if forward else reader,
        rule=made.gap.rule,
        message=sentence(made, direction, version),
        advice=kind.forward if forward else kind.backward,
        verdict=Verdict.BROKEN if shown else Verdict.UNDECIDED,
        readings=tuple(r for r in Reading if r in made.readings),
        harm=kind.harm if tolerant else kind.harm // 3,
        version=version,
    )


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """By harm, then by place: the same order for the same findings."""
    return tuple(sorted(findings, key=lambda f: (-f.harm, f.path, f.code, f.direction, -(f.version or 0))))


# --- sentences


def sentence(made: Draft, direction: Direction, version: int | None) -> str:
    """The change for a person: what was, what is, and for whom it matters."""
    old = "the old schema" if version is None else f"v{version}"
    at = f"`{made.path}`" if made.path else "the event"
    if direction is Direction.FORWARD:
        return _forward(made, at, old)
    return _backward(made, at, old)


def _forward(made: Draft, at: str, old: str) -> str:
    """The writer is new, the reader old."""
    gap = made.gap
    reject = f"consumers built on {old} will reject it"
    if made.kind == "removed":
        return f"{at} was always there; the new schema does not have it any more: consumers built on {old} need it"
    if made.kind == "optional":
        return f"{at} was always there; the new schema lets it be missing: consumers built on {old} need it"
    if made.kind == "undeclared":
        return f"{at} is new, and {old} refuses fields that it does not declare: {reject}"
    if made.kind == "open":
        return f"{at} was {describe.describe((gap.right,))} in {old}; the new schema does not say what it is any more"
    if made.kind == "undecided":
        return f"{at}: whether consumers built on {old} take what the new schema allows could not be decided"
    was, more = _was(gap.right), _allowed(gap)
    return f"{at} was {was}; the new schema also allows {more}: {reject}"


def _backward(made: Draft, at: str, old: str) -> str:
    """The writer is old, the reader new."""
    gap = made.gap
    reject = f"consumers built on the new schema will reject events written with {old}"
    if made.kind == "removed":
        return f"{at} is required by the new schema, and {old} does not have it: {reject}"
    if made.kind == "optional":
        return f"{at} could be missing in {old}; the new schema requires it: {reject}"
    if made.kind == "undeclared":
        return f"{at} is in {old}, and the new schema refuses fields that it does not declare: {reject}"
    if made.kind == "open":
        return (
            f"{at} could be anything in {old}, which does not declare it; the new schema takes {_was(gap.right)} only"
        )
    if made.kind == "undecided":
        return f"{at}: whether the new schema takes all that {old} allows could not be decided"
    return f"{at} could be {_allowed(gap)} in {old}; the new schema takes {_was(gap.right)} only: {reject}"


def _was(node: Node) -> str:
    return describe.describe((node,))


def _allowed(gap: Gap) -> str:
    """What the writer may send and the reader does not take."""
    rule, data = gap.rule, gap.data
    facts = gather(gap.left.nodes)
    if rule == "type":
        return describe.types(data)
    if rule in ("values", "enum") and isinstance(data, tuple):
        return describe.listed(data)
    if rule in ("minItems", "maxItems"):
        low, high = facts.min_items, facts.max_items
        return (
            f"lists of {low} items"
            if rule == "minItems"
            else f"lists of {'any number of' if high is None else high} items"
        )
    if rule == "uniqueItems":
        return "lists with the same item twice"
    if rule == "contains":
        return "lists without the item that is asked for"
    if rule == "dependentRequired":
        return f"{data[0]} without {data[1]}"
    if facts.types == ANY and not facts.nodes:
        return "anything"
    return describe.describe_facts(facts)


def writer_node(gap: Gap) -> Node | None:
    """The writer's subschema at the gap's place, for its pointer."""
    return next((n for n in gap.left.nodes if n.raw is not None), None)
