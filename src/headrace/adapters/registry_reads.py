"""Questions to a registry's tables, answered as Confluent's registry answers them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from headrace.adapters.registry_forms import guid_of, normalized
from headrace.adapters.registry_tables import GLOBAL, Row, Tables
from headrace.errors import NotConfigured, SchemaMissing, SubjectMissing
from headrace.interfaces.registry import SubjectState
from headrace.interfaces.registry_store import Deleted, Mode, RegistryConfig, StoredSchema, StoredVersion, Version
from headrace.model.schema import Compatibility, SchemaReference, SchemaText

DEFAULT_LEVEL = Compatibility.BACKWARD
"""A registry's own level until it is set (Confluent's default)."""

# --- subjects and versions


def chosen(rows: Iterable[Row], deleted: Deleted) -> list[Row]:
    if deleted is Deleted.SHOWN:
        return list(rows)
    return [row for row in rows if row.deleted is (deleted is Deleted.ONLY)]


def subjects(tables: Tables, prefix: str, deleted: Deleted) -> list[str]:
    return [subject for subject, rows in tables.subjects(prefix) if chosen(rows, deleted)]


def history(tables: Tables, subject: str, deleted: Deleted = Deleted.HIDDEN) -> list[Row]:
    """Raises `SubjectMissing`. With ONLY, a subject of which nothing is deleted has an empty one."""
    rows = tables.rows(subject)
    if not (chosen(rows, Deleted.HIDDEN) if deleted is Deleted.HIDDEN else rows):
        raise SubjectMissing(f"there is no subject {subject}", subject=subject)
    return chosen(rows, deleted)


def row_of(tables: Tables, subject: str, version: Version, *, deleted: bool) -> Row:
    """Raises `SubjectMissing` or `SchemaMissing`."""
    rows = history(tables, subject, Deleted.SHOWN if deleted else Deleted.HIDDEN)
    found = rows[-1] if version == "latest" else next((row for row in rows if row.version == version), None)
    if found is None:
        raise SchemaMissing(f"{subject} has no version {version}", subject=subject, version=version)
    return found


def stored(tables: Tables, subject: str, row: Row) -> StoredVersion:
    text = text_of(tables, row.id)
    return StoredVersion(subject, row.version, row.id, guid_of(text), text, row.deleted)


def schemas(tables: Tables, prefix: str, deleted: Deleted, latest_only: bool) -> list[StoredVersion]:
    found = []
    for subject, rows in tables.subjects(prefix):
        rows = chosen(rows, deleted)
        found += [stored(tables, subject, row) for row in (rows[-1:] if latest_only else rows)]
    return found


def states(tables: Tables, prefix: str) -> Mapping[str, SubjectState]:
    found = {}
    for subject, rows in tables.subjects(prefix):
        live = chosen(rows, Deleted.HIDDEN)
        if live:
            config = tables.config(subject)
            versions = tuple((row.version, row.id) for row in live)
            found[subject] = SubjectState(versions, config.compatibility if config else None)
    return found


def matching(tables: Tables, rows: Iterable[Row], schema: SchemaText, *, normalize: bool) -> Row | None:
    """The first of ``rows`` that holds the same schema; with ``normalize``, one whose canonical form is the same."""
    if normalize:
        guid = guid_of(normalized(schema))
        same = (row for row in rows if guid_of(normalized(text_of(tables, row.id))) == guid)
    else:
        ids = set(tables.ids_of(guid_of(schema)))
        same = (row for row in rows if row.id in ids)
    return next(same, None)


# --- ids


def text_of(tables: Tables, schema_id: int) -> SchemaText:
    text = tables.text(schema_id)
    if text is None:
        raise SchemaMissing(f"there is no schema with the id {schema_id}", schema_id=schema_id)
    return text


def by_guid(tables: Tables, guid: str) -> list[StoredSchema]:
    ids = tables.ids_of(guid.lower())
    if not ids:
        raise SchemaMissing(f"there is no schema with the guid {guid}", guid=guid)
    return [StoredSchema(schema_id, guid.lower(), text_of(tables, schema_id)) for schema_id in ids]


def uses(tables: Tables, schema_id: int, deleted: bool) -> list[tuple[str, int]]:
    text_of(tables, schema_id)
    return [(subject, row.version) for subject, row in tables.uses(schema_id) if deleted or not row.deleted]


def live_referrers(tables: Tables, subject: str, version: int, *, outside: bool = False) -> list[int]:
    """Ids that refer to a version and stand somewhere undeleted; ``outside``: in another subject."""
    return [
        schema_id
        for schema_id in tables.referrers(subject, version)
        if any(not row.deleted and not (outside and user == subject) for user, row in tables.uses(schema_id))
    ]


def referred(tables: Tables, references: Sequence[SchemaReference]) -> tuple[dict[str, SchemaText], str | None]:
    """What references mean, by name, each after what it needs itself; and what is wrong with them. A softly deleted version
    can still be referred to."""
    found: dict[str, SchemaText] = {}

    def follow(references: Sequence[SchemaReference]) -> str | None:
        for reference in references:
            if reference.name in found:
                continue
            row = next((row for row in tables.rows(reference.subject) if row.version == reference.version), None)
            if row is None:
                return f"it refers to {reference.subject} version {reference.version}, which is not there"
            text = text_of(tables, row.id)
            problem = follow(text.references)
            if problem is not None:
                return problem
            found[reference.name] = text
        return None

    return found, follow(references)


# --- settings


def config_of(tables: Tables, subject: str | None, *, in_scope: bool) -> RegistryConfig:
    """Raises `NotConfigured`."""
    own = tables.config(subject) if subject else None
    whole = tables.config(GLOBAL) or RegistryConfig()
    defaults = RegistryConfig(whole.compatibility or DEFAULT_LEVEL, whole.normalize)
    if not subject:
        return defaults
    if in_scope:
        own = own or RegistryConfig()
        normalize = defaults.normalize if own.normalize is None else own.normalize
        return RegistryConfig(own.compatibility or defaults.compatibility, normalize)
    if own is None:
        raise NotConfigured(f"{subject} has no compatibility level", subject=subject, setting="compatibility")
    return own


def level_of(tables: Tables, subject: str) -> Compatibility:
    return config_of(tables, subject, in_scope=True).compatibility or DEFAULT_LEVEL


def mode_of(tables: Tables, subject: str | None, *, in_scope: bool) -> Mode:
    """Raises `NotConfigured`."""
    whole = tables.mode(GLOBAL) or Mode.READWRITE
    if not subject:
        return whole
    if in_scope and whole is Mode.READONLY_OVERRIDE:
        return whole
    own = tables.mode(subject)
    if own is not None:
        return own
    if in_scope:
        return whole
    raise NotConfigured(f"{subject} has no mode", subject=subject, setting="mode")
