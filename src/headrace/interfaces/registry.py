"""The schema registry, as Headrace sees it: the part of the Confluent REST API (v7) that TopicNameStrategy needs.

Proved by `headrace.testing.conformance.registry`. All methods raise only `headrace.errors.RegistryError`s and are safe to
call from many threads.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, Protocol, runtime_checkable

import msgspec

from headrace.errors import RegistryError
from headrace.model.schema import Compatibility, RegisteredSchema, SchemaText


class SchemaRegistry(Protocol):
    def subjects(self, prefix: str = "") -> Sequence[str]:
        """Subjects with at least one version, by name."""

    def versions(self, subject: str) -> Sequence[int]:
        """Ascending. Raises `SubjectMissing`."""

    def version(self, subject: str, version: int | Literal["latest"]) -> RegisteredSchema:
        """Raises `SubjectMissing` or `SchemaMissing`."""

    def by_id(self, schema_id: int) -> SchemaText:
        """Raises `SchemaMissing`. What an id means never changes."""

    def lookup(self, subject: str, schema: SchemaText) -> RegisteredSchema:
        """Where ``schema`` stands under ``subject``. Raises `SubjectMissing` or `SchemaMissing`."""

    def register(self, subject: str, schema: SchemaText) -> RegisteredSchema:
        """Add a version. Again with the same schema: the version that is there. The same schema under another subject
        has the same id. Raises `InvalidSchema` (does not parse, or a reference that is not there) or
        `IncompatibleSchema` (with ``reasons``)."""

    def compatibility(self, subject: str | None = None) -> Compatibility | None:
        """The level set on the subject itself (None: not set), or with no subject the registry's own."""

    def set_compatibility(self, subject: str | None, level: Compatibility) -> None: ...

    def check(self, subject: str, schema: SchemaText) -> Sequence[str]:
        """Why ``schema`` could not be registered now; empty: it could. Raises `CheckUnsupported`."""

    def delete_subject(self, subject: str) -> Sequence[int]:
        """Delete a subject for good; its versions. What was framed with its ids stays readable by `by_id`."""

    def close(self) -> None: ...


class SubjectState(msgspec.Struct, frozen=True):
    """``versions``: (version, schema id), ascending. ``compatibility``: the level set on the subject itself, or None."""

    versions: tuple[tuple[int, int], ...]
    compatibility: Compatibility | None = None


@runtime_checkable
class BulkRegistry(Protocol):
    """What a `SchemaRegistry` may offer besides, so that provisioning of 10,000 subjects is a few calls. Where it is not
    there, the single calls are made from several threads."""

    def states(self, prefix: str = "") -> Mapping[str, SubjectState]:
        """Every subject with at least one version whose name begins with ``prefix``."""

    def register_many(self, schemas: Sequence[tuple[str, SchemaText]]) -> Sequence[RegisteredSchema | RegistryError]:
        """As `register`, one after the other, each with its answer or its own error; none is held back by another's."""

    def set_compatibility_many(self, levels: Mapping[str, Compatibility]) -> None:
        """As `set_compatibility` for each subject; all or none."""


@runtime_checkable
class ManySubjects(Protocol):
    """What a registry behind a network may offer instead: fewer calls than the single ones for the same."""

    def states_of(self, subjects: Collection[str]) -> Mapping[str, SubjectState]:
        """Those of ``subjects`` that are there, by name."""

    def register_many(self, schemas: Sequence[tuple[str, SchemaText]]) -> Sequence[RegisteredSchema | RegistryError]:
        """As `BulkRegistry.register_many`; the schemas of one subject go in the given order, the subjects in any."""
