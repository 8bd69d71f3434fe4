"""What a registry server stands on: a registry with soft deletion, modes, settings and look-ups of every kind.

More than `headrace.interfaces.registry.SchemaRegistry`, which is what Headrace itself needs from any registry. The shape is
that of Confluent's REST API (v7 and v8), whose words it uses; `headrace.web.registry_api` turns it into HTTP. All methods
raise only `headrace.errors.RegistryError`s and are safe to call from many threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, StrEnum
from typing import Literal, Protocol

import msgspec

from headrace.model.schema import Compatibility, SchemaText

Version = int | Literal["latest"]

SCHEMA_ID_MAX = 2**31 - 1
"""Ids and versions are signed 32-bit numbers from 1: a record is framed with four bytes."""


class Mode(StrEnum):
    """What may be done to a subject. A subject's own mode stands above the registry's, except that the registry's
    READONLY_OVERRIDE stands above all. IMPORT: schemas come with the ids that they have elsewhere, unchecked."""

    READWRITE = "READWRITE"
    READONLY = "READONLY"
    READONLY_OVERRIDE = "READONLY_OVERRIDE"
    IMPORT = "IMPORT"


class Deleted(Enum):
    """Which versions a question is about: those there are, those and the softly deleted, or only the latter."""

    HIDDEN = "hidden"
    SHOWN = "shown"
    ONLY = "only"


class StoredVersion(msgspec.Struct, frozen=True):
    """A version as it is stored. ``guid``: a UUID that follows from the schema's content, the same in every registry of
    this kind. ``deleted``: softly, so that it is hidden but can still be asked for."""

    subject: str
    version: int
    id: int
    guid: str
    schema: SchemaText
    deleted: bool = False


class StoredSchema(msgspec.Struct, frozen=True):
    id: int
    guid: str
    schema: SchemaText


class RegistryConfig(msgspec.Struct, frozen=True):
    """Settings of a subject or of the registry; None: not set. ``normalize``: register the canonical form always."""

    compatibility: Compatibility | None = None
    normalize: bool | None = None


class RegistryStore(Protocol):
    # --- looking up

    def list_subjects(self, prefix: str = "", *, deleted: Deleted = Deleted.HIDDEN) -> Sequence[str]:
        """By name."""

    def list_versions(self, subject: str, *, deleted: Deleted = Deleted.HIDDEN) -> Sequence[int]:
        """Ascending. Raises `SubjectMissing`."""

    def list_schemas(
        self, prefix: str = "", *, deleted: Deleted = Deleted.HIDDEN, latest_only: bool = False
    ) -> Sequence[StoredVersion]:
        """Every version of every subject whose name begins with ``prefix``, by name and version."""

    def find_version(self, subject: str, version: Version, *, deleted: bool = False) -> StoredVersion:
        """Raises `SubjectMissing` or `SchemaMissing` (with ``version``)."""

    def find_schema(
        self, subject: str, schema: SchemaText, *, normalize: bool = False, deleted: bool = False
    ) -> StoredVersion:
        """Where ``schema`` stands under ``subject``. Raises `SubjectMissing`, `SchemaMissing` or `InvalidSchema`."""

    def find_id(self, schema_id: int) -> StoredSchema:
        """Raises `SchemaMissing` (with ``schema_id``). An id is kept for ever, also when its versions are deleted."""

    def find_guid(self, guid: str) -> Sequence[StoredSchema]:
        """Under each id that the content has (more than one only after imports). Raises `SchemaMissing`."""

    def uses_of(self, schema_id: int, *, deleted: bool = False) -> Sequence[tuple[str, int]]:
        """The subjects and versions that an id stands under. Raises `SchemaMissing`."""

    def referenced_by(self, subject: str, version: Version) -> Sequence[int]:
        """Ids of the schemas, of versions that are not deleted, that refer to this one. Raises as `find_version`."""

    def max_id(self) -> int:
        """The highest id given so far; 0: none."""

    # --- changing

    def add(
        self,
        subject: str,
        schema: SchemaText,
        *,
        normalize: bool = False,
        schema_id: int | None = None,
        version: int | None = None,
    ) -> StoredVersion:
        """Register; again the same schema: the version that is there. ``schema_id`` (and ``version``): only in IMPORT mode.
        Raises `InvalidSubject`, `InvalidSchema`, `IncompatibleSchema` or `OperationNotPermitted`."""

    def compare(
        self, subject: str, schema: SchemaText, *, version: Version | None = None, normalize: bool = False
    ) -> Sequence[str]:
        """Why ``schema`` is not compatible with ``version`` (None: with those that the subject's level names); empty: it is.
        Raises `CheckUnsupported` where it would take a checker and there is none, `InvalidSchema`, `SchemaMissing`."""

    def delete_versions(self, subject: str, *, permanent: bool = False) -> Sequence[int]:
        """Delete a subject softly, or for good what was deleted softly before; the versions it was about. Raises
        `SubjectMissing`, `SoftDeleted`, `NotSoftDeleted`, `SchemaReferenced` or `OperationNotPermitted`."""

    def delete_version(self, subject: str, version: Version, *, permanent: bool = False) -> int:
        """As `delete_versions`, one version; its number. Also raises `SchemaMissing`."""

    # --- settings

    def config(self, subject: str | None = None, *, in_scope: bool = False) -> RegistryConfig:
        """Of the registry (None), or of a subject; ``in_scope``: the registry's where the subject has none. Raises
        `NotConfigured`."""

    def set_config(self, subject: str | None, config: RegistryConfig) -> None:
        """What is None stays as it is. Raises `OperationNotPermitted`."""

    def delete_config(self, subject: str | None) -> RegistryConfig:
        """What it was. Raises `SubjectMissing` where the subject has none."""

    def mode(self, subject: str | None = None, *, in_scope: bool = False) -> Mode:
        """As `config`."""

    def set_mode(self, subject: str | None, mode: Mode, *, force: bool = False) -> None:
        """IMPORT wants an empty subject (or registry), unless ``force``. Raises `OperationNotPermitted`."""

    def delete_mode(self, subject: str | None) -> Mode:
        """As `delete_config`."""

    def close(self) -> None: ...
