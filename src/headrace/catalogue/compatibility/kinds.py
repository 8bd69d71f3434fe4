"""The kinds of change that findings tell of: each with its stable code, its harm, and what to do instead.

A kind belongs to a family. *Presence* is about whether a field is there; *value* about what it may hold: several edits of what
one field may hold are one change, told by the gravest kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from headrace.catalogue.compatibility.verdict import Direction


@dataclass(frozen=True, slots=True)
class Kind:
    """``code`` is stable. ``meaning``: for the page of codes. ``harm``: 0 to 100, where the tolerant reading breaks;
    ``foreign``: where only producers or consumers that are not on the SDK can be concerned. ``forward``/``backward``: what
    to do instead, in each direction."""

    code: str
    meaning: str
    harm: int
    foreign: int
    forward: str
    backward: str
    value: bool = False

    def advice(self, direction: Direction) -> str:
        return self.forward if direction is Direction.FORWARD else self.backward


_WIDE: Final = "keep what the old schema allows, or begin a new major"
_ADD: Final = "add a new field beside it that takes the new values, deprecate this one, or begin a new major"
_SDK: Final = "nothing, as long as all producers are on the SDK: it sends declared fields only"
_BY_HAND: Final = "simplify the schema there, or look at it by hand and have the change approved"
_EVENT: Final = "keep the event's schema, and mark the event deprecated: a type is removed with the next major"


def _value(code: str, meaning: str, harm: int, forward: str = _ADD, backward: str = _WIDE) -> Kind:
    return Kind(code, meaning, harm, harm // 3, forward, backward, value=True)


KINDS: Final = {
    "removed": Kind(
        "HC101",
        "a required field is removed, or a required field is added",
        95,
        31,
        "keep the field, mark it deprecated: true, and remove it with the next major",
        "make the new field optional; require it with the next major",
    ),
    "optional": Kind(
        "HC102",
        "a required field becomes optional, or an optional one required",
        90,
        30,
        "keep it required until the next major",
        "keep it optional until the next major",
    ),
    "dropped": Kind(
        "HC103",
        "an optional field is removed",
        50,
        50,
        "not now: keep it, mark it deprecated: true, and remove it with the next major",
        "keep it, mark it deprecated: true, and remove it with the next major",
    ),
    "undeclared": Kind(
        "HC104",
        "a field meets a schema that refuses fields which it does not declare",
        85,
        28,
        "additionalProperties: false in the old schema refuses every field that is added later: begin a new major, open",
        "keep the field declared, or leave out additionalProperties: false",
    ),
    "event": Kind("HC105", "an event type is removed, or added", 92, 60, _EVENT, "add the event with the next major"),
    "closed": Kind(
        "HC106",
        "a schema begins to refuse fields that it does not declare",
        40,
        40,
        "leave it out: the SDK refuses undeclared fields anyway, and the registered schema stays open",
        "leave it out: the SDK refuses undeclared fields anyway, and the registered schema stays open",
    ),
    "type": _value(
        "HC201",
        "the type of a value changes",
        80,
        "add a new field of the new type beside the old one, and deprecate the old one",
    ),
    "null": _value("HC202", "null is allowed", 80, "leave the field out instead of sending null"),
    "values": _value(
        "HC203",
        "a list of values is extended, or shortened",
        75,
        "begin a new major; declare a list that grows as type: string with examples (or x-extensible-enum)",
        "keep the values that were allowed until the next major",
    ),
    "range": _value("HC204", "a range of numbers is widened, or narrowed", 60),
    "length": _value("HC205", "the length of a text changes", 60),
    "pattern": _value("HC206", "the pattern of a text changes", 60),
    "format": _value("HC207", "the format of a text changes", 60),
    "items": _value("HC208", "the number of items of a list changes, or a rule about them", 60),
    "fields": _value("HC209", "the number of fields of an object changes", 50),
    "names": _value("HC210", "the rule for names of fields changes", 50),
    "depends": Kind(
        "HC211",
        "a field that goes with another one does not have to any more, or has to from now on",
        60,
        20,
        "keep the dependency until the next major",
        "leave the dependency out until the next major",
    ),
    "alternatives": _value(
        "HC212",
        "an alternative is added, or removed",
        75,
        "begin a new major, or make the new alternative an event of its own",
    ),
    "excluded": _value("HC213", "what is excluded (not) changes", 60, "keep what is excluded until the next major"),
    "name": Kind(
        "HC214",
        "an Avro type is renamed without an alias",
        95,
        95,
        "keep the name",
        "name the old one among the aliases of the new type",
    ),
    "open": Kind("HC301", "a field could hold anything where its schema did not declare it", 10, 3, _SDK, _SDK),
    "undecided": Kind("HC901", "this could not be decided", 30, 10, _BY_HAND, _BY_HAND),
}
"""By the name that the code uses for it."""

OF_RULES: Final = {
    "additionalProperties": "undeclared",
    "unevaluatedProperties": "undeclared",
    "properties": "undeclared",
    "patternProperties": "undeclared",
    "false": "undeclared",
    "type": "type",
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
"""The kind that a keyword's gap tells of, by itself. ``required`` depends on what the writer declares."""
