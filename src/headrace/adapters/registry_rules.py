"""Changes to a registry's tables: what each may do, refuses, and puts. The rules are Confluent's, except where
docs/registry.md says otherwise."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

import msgspec

from headrace.adapters import registry_reads as reads
from headrace.adapters.embedded_schemas import schema_problem
from headrace.adapters.registry_forms import guid_of, normalized
from headrace.adapters.registry_tables import GLOBAL, ConfigEntry, ModeEntry, Row, Tables, TextEntry, VersionEntry
from headrace.errors import (
    CheckUnsupported,
    IncompatibleSchema,
    InvalidSchema,
    InvalidSubject,
    NotSoftDeleted,
    OperationNotPermitted,
    RegistryReadOnly,
    SchemaMissing,
    SchemaReferenced,
    SoftDeleted,
    SubjectMissing,
)
from headrace.interfaces.compatibility import CompatibilityChecker
from headrace.interfaces.registry_store import (
    SCHEMA_ID_MAX,
    Deleted,
    Mode,
    RegistryConfig,
    StoredVersion,
    Version,
)
from headrace.model.schema import Compatibility, SchemaText

_READ_ONLY = (Mode.READONLY, Mode.READONLY_OVERRIDE)


class Verdicts:
    """A checker's answers, kept while many schemas are registered: every tenant's subject asks the same."""

    def __init__(self, checker: CompatibilityChecker | None) -> None:
        self.checker = checker
        self._kept: dict[tuple[SchemaText, tuple[SchemaText, ...], Compatibility], Sequence[str]] = {}

    def reasons(self, new: SchemaText, older: tuple[SchemaText, ...], level: Compatibility) -> Sequence[str]:
        """Why ``new`` may not follow; empty without a checker: then all may."""
        if self.checker is None or not older or level is Compatibility.NONE:
            return ()
        key = (new, older, level)
        if key not in self._kept:
            self._kept[key] = tuple(self.checker(new, older, level))
        return self._kept[key]


def problem_of(tables: Tables, schema: SchemaText) -> str | None:
    """What is wrong with a schema, its references followed to what they name."""
    referred, problem = reads.referred(tables, schema.references)
    return problem or schema_problem(schema, referred)


def find_schema(tables: Tables, subject: str, schema: SchemaText, *, normalize: bool, deleted: bool) -> StoredVersion:
    """See `RegistryStore.find_schema`. What is not there is looked at only then: it may not even parse."""
    normalize = normalize or bool(reads.config_of(tables, subject, in_scope=True).normalize)
    rows = reads.chosen(tables.rows(subject), Deleted.SHOWN if deleted else Deleted.HIDDEN)
    row = reads.matching(tables, rows, schema, normalize=normalize)
    if row is not None:
        return reads.stored(tables, subject, row)
    problem = problem_of(tables, schema)
    if problem is not None:
        raise InvalidSchema(f"the schema for {subject} is invalid: {problem}", subject=subject, reason=problem)
    if not rows:
        raise SubjectMissing(f"there is no subject {subject}", subject=subject)
    raise SchemaMissing(f"{subject} has no such schema", subject=subject)


# --- registering


def register(
    tables: Tables,
    subject: str,
    schema: SchemaText,
    *,
    verdicts: Verdicts,
    problems: Mapping[SchemaText, str | None],
    normalize: bool = False,
    schema_id: int | None = None,
    version: int | None = None,
) -> StoredVersion:
    """``problems``: what is known to be wrong with schemas that refer to nothing (None: nothing is)."""
    _check_subject(subject)
    rows = tables.rows(subject)
    live = reads.chosen(rows, Deleted.HIDDEN)
    normalize = normalize or bool(reads.config_of(tables, subject, in_scope=True).normalize)
    given, schema = schema, normalized(schema) if normalize else schema
    same = reads.matching(tables, live, schema, normalize=normalize)
    if same is not None and schema_id in (None, same.id) and version in (None, same.version):
        return reads.stored(tables, subject, same)
    mode = _check_mode(tables, subject, schema_id)
    problem = problems[given] if given in problems else problem_of(tables, given)
    if problem is not None:
        raise InvalidSchema(f"the schema for {subject} is invalid: {problem}", subject=subject, reason=problem)
    if mode is not Mode.IMPORT:
        _check_compatible(tables, subject, schema, live, verdicts)
    version = _new_version(subject, rows, version, mode)
    ids = tables.ids_of(guid_of(schema))
    if schema_id is None:
        schema_id = ids[0] if ids else tables.max_id() + 1
    elif tables.text(schema_id) is not None and schema_id not in ids:
        raise OperationNotPermitted(f"the id {schema_id} already means another schema", subject=subject, id=schema_id)
    _check_number(subject, "id", schema_id)
    if schema_id not in ids:
        tables.put(TextEntry(schema_id, schema))
    for row in rows:
        if row.deleted and row.id == schema_id and row.version < version:
            tables.put(VersionEntry(subject, row.version, None))  # it stands further on again
    row = Row(version, schema_id, False)
    tables.put(VersionEntry(subject, version, row))
    return reads.stored(tables, subject, row)


def _check_subject(subject: str) -> None:
    if not subject or any(unicodedata.category(character) == "Cc" for character in subject):
        raise InvalidSubject("a subject needs a name without control characters", subject=subject)


def _check_mode(tables: Tables, subject: str, schema_id: int | None) -> Mode:
    mode = reads.mode_of(tables, subject, in_scope=True)
    _check_writable(mode, subject)
    if schema_id is not None and mode is not Mode.IMPORT:
        raise OperationNotPermitted(f"Subject {subject} is not in import mode", subject=subject, mode=mode)
    if schema_id is None and mode is not Mode.READWRITE:
        raise OperationNotPermitted(f"Subject {subject} is not in read-write mode", subject=subject, mode=mode)
    return mode


def _check_writable(mode: Mode, subject: str | None) -> None:
    if mode in _READ_ONLY:
        what = f"Subject {subject}" if subject else "The registry"
        raise RegistryReadOnly(f"{what} is in read-only mode", subject=subject, mode=mode)


def _check_compatible(
    tables: Tables, subject: str, schema: SchemaText, live: Sequence[Row], verdicts: Verdicts
) -> None:
    level = reads.level_of(tables, subject)
    if verdicts.checker is None or not live or level is Compatibility.NONE:
        return
    reasons = verdicts.reasons(schema, tuple(reads.text_of(tables, row.id) for row in live), level)
    if reasons:
        raise IncompatibleSchema(
            f"the schema is not {level} compatible with what {subject} has: {reasons[0]}",
            subject=subject,
            reasons=tuple(reasons),
        )


def _new_version(subject: str, rows: Sequence[Row], version: int | None, mode: Mode) -> int:
    following = rows[-1].version + 1 if rows else 1
    if version is None or version == following:
        return following
    _check_number(subject, "version", version)
    if mode is not Mode.IMPORT:
        reason = f"version {version} is not one more than the one before ({following - 1})"
        raise InvalidSchema(f"the schema for {subject}: {reason}", subject=subject, reason=reason)
    if any(row.version == version for row in rows):
        raise OperationNotPermitted(f"{subject} has a version {version} already", subject=subject, version=version)
    return version


def _check_number(subject: str, what: str, number: int) -> None:
    if not 1 <= number <= SCHEMA_ID_MAX:
        reason = f"the {what} {number} is not between 1 and 2^31-1"
        raise InvalidSchema(f"the schema for {subject}: {reason}", subject=subject, reason=reason)


def compare(
    tables: Tables, subject: str, schema: SchemaText, version: Version | None, verdicts: Verdicts, *, normalize: bool
) -> list[str]:
    """See `RegistryStore.compare`."""
    problem = problem_of(tables, schema)
    if problem is not None:
        raise InvalidSchema(f"the schema for {subject} is invalid: {problem}", subject=subject, reason=problem)
    live = reads.chosen(tables.rows(subject), Deleted.HIDDEN)
    if version == "latest":
        live = live[-1:]
    elif version is not None:
        live = [row for row in live if row.version == version]
        if not live:
            raise SchemaMissing(f"{subject} has no version {version}", subject=subject, version=version)
    level = reads.level_of(tables, subject)
    if not live or level is Compatibility.NONE:
        return []
    if verdicts.checker is None:
        raise CheckUnsupported("this registry has no compatibility checker", subject=subject)
    new = normalized(schema) if normalize else schema
    return list(verdicts.reasons(new, tuple(reads.text_of(tables, row.id) for row in live), level))


# --- deleting


def delete_versions(tables: Tables, subject: str, *, permanent: bool) -> list[int]:
    rows = reads.history(tables, subject, Deleted.SHOWN)
    live = reads.chosen(rows, Deleted.HIDDEN)
    if not permanent and not live:
        raise SoftDeleted(f"{subject} was softly deleted already", subject=subject)
    _check_writable(reads.mode_of(tables, subject, in_scope=True), subject)
    affected = rows if permanent else live
    _check_unreferenced(tables, subject, affected, outside=True)
    if permanent and live:
        raise NotSoftDeleted(f"{subject} has to be softly deleted first", subject=subject)
    for row in affected:
        tables.put(VersionEntry(subject, row.version, None if permanent else row._replace(deleted=True)))
    if not permanent:
        forget_settings(tables, subject)
    return [row.version for row in affected]


def delete_version(tables: Tables, subject: str, version: Version, *, permanent: bool) -> int:
    row = reads.row_of(tables, subject, version, deleted=version != "latest" or permanent)
    if row.deleted and not permanent:
        raise SoftDeleted(
            f"{subject} version {row.version} was softly deleted already", subject=subject, version=row.version
        )
    _check_writable(reads.mode_of(tables, subject, in_scope=True), subject)
    _check_unreferenced(tables, subject, [row], outside=False)
    if permanent and not row.deleted:
        raise NotSoftDeleted(
            f"{subject} version {row.version} has to be softly deleted first", subject=subject, version=row.version
        )
    tables.put(VersionEntry(subject, row.version, None if permanent else row._replace(deleted=True)))
    if not permanent and not reads.chosen(tables.rows(subject), Deleted.HIDDEN):
        forget_settings(tables, subject)
    return row.version


def purge(tables: Tables, subject: str) -> list[int]:
    """Both deletions in one, as Headrace's own code deletes; the versions that were not deleted yet."""
    live = reads.history(tables, subject)
    _check_writable(reads.mode_of(tables, subject, in_scope=True), subject)
    _check_unreferenced(tables, subject, live, outside=True)
    for row in tables.rows(subject):
        tables.put(VersionEntry(subject, row.version, None))
    forget_settings(tables, subject)
    return [row.version for row in live]


def _check_unreferenced(tables: Tables, subject: str, rows: Sequence[Row], *, outside: bool) -> None:
    """``outside``: what refers to it from the same subject goes with it."""
    for row in rows:
        if reads.live_referrers(tables, subject, row.version, outside=outside):
            raise SchemaReferenced(
                f"{subject} version {row.version} is referred to by another schema",
                subject=subject,
                version=row.version,
            )


def forget_settings(tables: Tables, subject: str) -> None:
    if tables.config(subject) is not None:
        tables.put(ConfigEntry(subject, None))
    if tables.mode(subject) is not None:
        tables.put(ModeEntry(subject, None))


# --- settings


def set_config(tables: Tables, subject: str | None, config: RegistryConfig) -> None:
    if subject is not None:
        _check_subject(subject)
    _check_writable(reads.mode_of(tables, subject, in_scope=True), subject)
    given = {key: value for key, value in msgspec.structs.asdict(config).items() if value is not None}
    before = tables.config(subject or GLOBAL) or RegistryConfig()
    after = msgspec.structs.replace(before, **given)
    if after != before:
        tables.put(ConfigEntry(subject or GLOBAL, after))


def delete_config(tables: Tables, subject: str | None) -> RegistryConfig:
    own = tables.config(subject or GLOBAL)
    if subject and own is None:
        raise SubjectMissing(f"{subject} has no settings", subject=subject)
    _check_writable(reads.mode_of(tables, subject, in_scope=True), subject)
    before = reads.config_of(tables, subject, in_scope=False)
    if own is not None:
        tables.put(ConfigEntry(subject or GLOBAL, None))
    return before


def set_mode(tables: Tables, subject: str | None, mode: Mode, *, force: bool) -> None:
    if subject is not None:
        _check_subject(subject)
    if mode is Mode.IMPORT and not force and reads.mode_of(tables, subject, in_scope=True) is not Mode.IMPORT:
        here = [(subject, tables.rows(subject))] if subject else list(tables.subjects(""))
        if any(reads.chosen(rows, Deleted.HIDDEN) for _, rows in here):
            raise OperationNotPermitted("Cannot import since found existing subjects", subject=subject, mode=mode)
        # What is softly deleted would stand in the way of the versions that are imported.
        for name, rows in here:
            for row in rows:
                tables.put(VersionEntry(name, row.version, None))
    if tables.mode(subject or GLOBAL) is not mode:
        tables.put(ModeEntry(subject or GLOBAL, mode))


def delete_mode(tables: Tables, subject: str | None) -> Mode:
    own = tables.mode(subject or GLOBAL)
    if subject and own is None:
        raise SubjectMissing(f"{subject} has no mode", subject=subject)
    before = reads.mode_of(tables, subject, in_scope=False)
    if own is not None:
        tables.put(ModeEntry(subject or GLOBAL, None))
    return before
