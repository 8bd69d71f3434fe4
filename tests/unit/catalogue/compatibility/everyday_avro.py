"""Everyday changes of an Avro schema, each as an old and a new one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Schema = dict[str, Any]


def field(name: str, kind: Any, **more: Any) -> Schema:
    return {"name": name, "type": kind, **more}


STORE: Final = field("storeId", "string")
WIDTH: Final = field("width", "int")
NOTE: Final = field("note", "string")
NOTED: Final = field("note", "string", default="")
KIND: Final[Schema] = {"type": "enum", "name": "Kind", "symbols": ["aisle", "end"]}
MORE: Final[Schema] = {**KIND, "symbols": ["aisle", "end", "island"]}
DEFAULT: Final[Schema] = {**KIND, "default": "aisle"}
MORE_DEFAULT: Final[Schema] = {**MORE, "default": "aisle"}


def plan(*fields: Schema, name: str = "Floorplan") -> Schema:
    return {"type": "record", "name": name, "fields": [STORE, *fields]}


def shelves(*fields: Schema) -> Schema:
    return plan(
        field("shelves", {"type": "array", "items": {"type": "record", "name": "Shelf", "fields": list(fields)}})
    )


CHANGES: Final[Mapping[str, tuple[Schema, Schema]]] = {
    "nothing but a `doc`": (plan(WIDTH), plan({**WIDTH, "doc": "In millimetres."})),
    "a field with a default added": (plan(WIDTH), plan(WIDTH, NOTED)),
    "a field without a default added": (plan(WIDTH), plan(WIDTH, NOTE)),
    "a field with a default removed": (plan(WIDTH, NOTED), plan(WIDTH)),
    "a field without a default removed": (plan(WIDTH, NOTE), plan(WIDTH)),
    "a field renamed": (plan(WIDTH), plan(field("depth", "int"))),
    "a field renamed, the old name an alias": (plan(WIDTH), plan(field("depth", "int", aliases=["width"]))),
    "null allowed (a union)": (plan(WIDTH), plan(field("width", ["null", "int"]))),
    "null allowed in the records of a list": (shelves(WIDTH), shelves(field("width", ["null", "int"]))),
    "int to long": (plan(WIDTH), plan(field("width", "long"))),
    "int to string": (plan(WIDTH), plan(field("width", "string"))),
    "a symbol added": (plan(field("kind", KIND)), plan(field("kind", MORE))),
    "a symbol added to an enum with a default": (plan(field("kind", DEFAULT)), plan(field("kind", MORE_DEFAULT))),
    "a record renamed": (plan(WIDTH), plan(WIDTH, name="Plan")),
}
"""By what a person did: the schemas before and after."""
