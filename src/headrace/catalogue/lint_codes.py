"""The rules of the lint: stable codes, each with what it asks for and why. docs/lint.md has an example of each.

HL1xx content model, HL2xx descriptions, HL3xx values, HL4xx names, HL5xx Avro. What a lint rule finds is no fault: the
schema works, and will be regretted.
"""

from __future__ import annotations

from enum import Enum


class LintCode(Enum):
    """One rule. The member's value is (code, what it asks for, why)."""

    CLOSED = (
        "HL101",
        "a data schema is open at every level",
        "a closed one refuses every field that is added later; publish refuses undeclared fields anyway",
    )
    PATTERN_PROPERTIES = (
        "HL102",
        "fields are declared by name, not by patternProperties",
        "registries do not look into them: a change there is not noticed",
    )
    UNDECLARED_REQUIRED = (
        "HL103",
        "a field that is required is declared",
        "publish refuses undeclared fields, so such an event cannot be sent",
    )
    UNKNOWN_KEYWORD = (
        "HL104",
        "a keyword is one of JSON Schema, or begins with x-",
        "a misspelt keyword is ignored without a word",
    )
    NO_ITEMS = ("HL105", "a list says what its items are", "what is not said cannot be relied on, nor compared")
    NO_DESCRIPTION = ("HL201", "an event's schema has a description", "the catalogue shows it to consumers")
    NO_FIELD_DESCRIPTION = ("HL202", "a field has a description", "its name alone does not say unit and meaning")
    FORMAT = (
        "HL301",
        "a format is one that is asserted",
        "any other is a comment: no validator refuses what does not have it",
    )
    NO_TYPE = ("HL302", "a field has a type", "without one it may hold anything, and a later type is a break")
    NO_RANGE = (
        "HL303",
        "a number says from where on it counts",
        "under FORWARD a range may only shrink: whether it can be negative is best said at once",
    )
    BIG_INTEGER = (
        "HL304",
        "an integer's range lies within 2^53",
        "beyond it readers in JavaScript, and others with doubles, round",
    )
    EMPTY_RANGE = ("HL305", "a range holds at least one value", "no event could be valid")
    PLAIN_ENUM = (
        "HL306",
        "an enum of texts says that it is closed (x-closed: true)",
        "a list that grows is type: string with examples; an enum can't be extended before the next major",
    )
    UNANCHORED = (
        "HL307",
        "a pattern says where it begins and ends (^...$)",
        "without anchors it accepts any text that contains a match",
    )
    NULL_AND_OPTIONAL = (
        "HL308",
        "a field is optional or may be null, not both",
        "two ways to say nothing are handled in two ways",
    )
    FIELD_NAME = ("HL401", "a field's name is lowerCamelCase", "one style for all products")
    NAMES_ALIKE = ("HL402", "names in one object differ in more than case", "many languages' bindings make them one")
    NO_DOC = ("HL501", "a record and each of its fields have a doc", "the catalogue shows it to consumers")
    NO_ENUM_DEFAULT = (
        "HL502",
        "an Avro enum has a default",
        "without one a symbol that is added breaks every older reader",
    )
    NO_FIELD_DEFAULT = (
        "HL503",
        "an optional Avro field has the default null",
        "without a default it can never be removed",
    )

    def __init__(self, code: str, title: str, why: str) -> None:
        self.code = code
        self.title = title
        self.why = why
