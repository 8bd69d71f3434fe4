"""Whether a schema's text parses, with the schemas that it refers to: what the embedded registry asks before it registers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from headrace.model import avro_schema
from headrace.model.json_schema import compile_schema
from headrace.model.schema import SchemaFormat, SchemaText


def schema_problem(schema: SchemaText, referred: Mapping[str, SchemaText] | None = None) -> str | None:
    """What is wrong with ``schema``, for people; None if nothing. ``referred``: what it refers to, by name, each after
    what it needs itself. An Avro reference defines a named type; a JSON reference is a document that ``$ref`` names."""
    try:
        document = json.loads(schema.text)
        others = {name: json.loads(text.text) for name, text in (referred or {}).items()}
        if schema.format is SchemaFormat.AVRO:
            avro_schema.parse([*others.values(), *_branches(document)] if others else document)
        else:
            compile_schema(_bundled(document, others) if others else document)
    except RecursionError:
        return "it nests too deeply"
    except ValueError as error:
        return str(error)
    return None


def _branches(document: Any) -> list[Any]:
    # A union may not stand directly inside another.
    return document if isinstance(document, list) else [document]


def _bundled(document: Any, others: Mapping[str, Any]) -> Any:
    """One document, in which each referred one stands under the name by which it is referred to (its ``$id``)."""
    if not isinstance(document, Mapping):
        return document
    bundled = {
        name: {**{k: v for k, v in other.items() if k != "$schema"}, "$id": name}
        for name, other in others.items()
        if isinstance(other, Mapping)
    }
    definitions = document.get("definitions", {})
    return {**document, "definitions": {**definitions, **bundled}} if isinstance(definitions, Mapping) else document
