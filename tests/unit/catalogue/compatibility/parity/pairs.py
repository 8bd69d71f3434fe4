"""A labelled pair of schemas: what each profile answers to the change, by the rule that it follows.

Labels are four letters, for the profiles confluent, confluent-lenient, karapace and apicurio in turn: ``=`` accepts the change
under BACKWARD and under FORWARD, ``b`` under BACKWARD only, ``f`` under FORWARD only, ``x`` under neither.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from headrace.model.schema import SchemaFormat, SchemaText

PROFILES = ("confluent", "confluent-lenient", "karapace", "apicurio")
DRAFT4 = "http://json-schema.org/draft-04/schema#"
DRAFT6 = "http://json-schema.org/draft-06/schema#"
DRAFT7 = "http://json-schema.org/draft-07/schema#"
DRAFT2019 = "https://json-schema.org/draft/2019-09/schema"
DRAFT2020 = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True)
class Pair:
    """``old`` and ``new`` as they are registered."""

    id: str
    old: SchemaText
    new: SchemaText
    labels: str
    why: str

    def accepted(self, profile: str, mode: str) -> bool:
        """The label for BACKWARD, FORWARD or FULL."""
        label = self.labels[PROFILES.index(profile)]
        return label == "=" or label == {"BACKWARD": "b", "FORWARD": "f", "FULL": "="}[mode]


def pair(id: str, old: Any, new: Any, labels: str, why: str) -> Pair:  # noqa: A002 - a pair's own word
    """A pair of JSON Schemas; draft-07 where none is stated."""
    assert len(labels) == len(PROFILES)
    return Pair(id, _json(old), _json(new), labels, why)


def avro(id: str, old: Any, new: Any, label: str, why: str) -> Pair:  # noqa: A002
    """A pair of Avro schemas, which all profiles compare alike."""
    texts = (SchemaText(SchemaFormat.AVRO, json.dumps(each)) for each in (old, new))
    return Pair(id, *texts, label * len(PROFILES), why)


def _json(schema: Any) -> SchemaText:
    stated = {"$schema": DRAFT7, **schema} if "$schema" not in schema else dict(schema)
    if stated["$schema"] is None:
        del stated["$schema"]
    return SchemaText(SchemaFormat.JSON_SCHEMA, json.dumps(stated))


def prop(schema: Any, **more: Any) -> dict[str, Any]:
    """An object with the one property ``x``."""
    return {"type": "object", "properties": {"x": schema}, **more}


def text(**keywords: Any) -> dict[str, Any]:
    """A string."""
    return {"type": "string", **keywords}


def obj(properties: dict[str, Any] | None = None, **keywords: Any) -> dict[str, Any]:
    """An object."""
    return {"type": "object", "properties": properties or {}, **keywords}


def arr(**keywords: Any) -> dict[str, Any]:
    """An array."""
    return {"type": "array", **keywords}
