"""Schemas: their formats, the modes of compatibility, and a schema as a registry holds it."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class SchemaFormat(StrEnum):
    """How an event's data is described and encoded. The value is what a declaration writes."""

    JSON_SCHEMA = "json-schema"
    AVRO = "avro"

    @property
    def registry_type(self) -> str:
        """The registry's own word (Confluent REST API, ``schemaType``)."""
        return {"json-schema": "JSON", "avro": "AVRO"}[self.value]


class Compatibility(StrEnum):
    """A subject's compatibility level (Confluent Schema Registry)."""

    NONE = "NONE"
    BACKWARD = "BACKWARD"
    BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"
    FORWARD = "FORWARD"
    FORWARD_TRANSITIVE = "FORWARD_TRANSITIVE"
    FULL = "FULL"
    FULL_TRANSITIVE = "FULL_TRANSITIVE"


class Framing(StrEnum):
    """Where a record says which schema its value was written with (Confluent's clients read both): in five bytes before the
    value, or in the header ``__value_schema_id``, which leaves the value as it is."""

    PREFIX = "prefix"
    HEADER = "header"


class SchemaReference(msgspec.Struct, frozen=True):
    """A schema that another one refers to: the ``name`` in its text, and the subject and version that it means."""

    name: str
    subject: str
    version: int


class SchemaText(msgspec.Struct, frozen=True):
    """A schema as it is registered. Two are the same when format, text and references are."""

    format: SchemaFormat
    text: str
    references: tuple[SchemaReference, ...] = ()


class RegisteredSchema(msgspec.Struct, frozen=True):
    """A schema in the registry. ``id`` is the one that records are framed with; ``version`` counts from 1 in a subject."""

    subject: str
    version: int
    id: int
    schema: SchemaText
