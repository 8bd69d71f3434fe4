"""A registry's tables in SQLite, and how a store of an earlier release gets them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import apsw
import msgspec

from headrace.adapters.registry_forms import guid_of
from headrace.adapters.registry_tables import ConfigEntry, Entry, ModeEntry, Row, TextEntry, VersionEntry
from headrace.interfaces.registry_store import Mode, RegistryConfig
from headrace.model.schema import Compatibility, SchemaText

_DDL = """
CREATE TABLE registry_texts(id INTEGER PRIMARY KEY, guid TEXT NOT NULL, schema BLOB NOT NULL) STRICT;
CREATE INDEX registry_guids ON registry_texts(guid);
CREATE TABLE registry_referrers(
  subject TEXT NOT NULL, version INTEGER NOT NULL, id INTEGER NOT NULL,
  PRIMARY KEY(subject, version, id)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS registry_versions(
  subject TEXT NOT NULL,
  version INTEGER NOT NULL,
  schema INTEGER NOT NULL,
  PRIMARY KEY(subject, version)) STRICT, WITHOUT ROWID;
ALTER TABLE registry_versions ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
CREATE INDEX IF NOT EXISTS registry_subjects_of ON registry_versions(schema);
CREATE TABLE registry_configs(subject TEXT PRIMARY KEY, level TEXT, normalize INTEGER) STRICT, WITHOUT ROWID;
CREATE TABLE registry_modes(subject TEXT PRIMARY KEY, mode TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""

_FROM_FIRST = """
INSERT INTO registry_configs SELECT subject, level, NULL FROM registry_levels;
DROP TABLE registry_levels;
DROP TABLE registry_schemas;
"""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(SchemaText).decode


def is_made(db: apsw.Connection) -> bool:
    # The last table of the DDL: a transaction made all of them.
    return db.execute("SELECT 1 FROM sqlite_schema WHERE name='registry_modes'").fetchone() is not None


def make(db: apsw.Connection) -> None:
    """Make the tables; what the first release of them held is carried over. Again: nothing (another process was first)."""
    if is_made(db):
        return
    db.execute(_DDL).fetchall()
    if db.execute("SELECT 1 FROM sqlite_schema WHERE name='registry_schemas'").fetchone() is None:
        return
    tables = SqliteTables(db)
    held: list[tuple[Any, ...]] = db.execute("SELECT id, schema FROM registry_schemas ORDER BY id").fetchall()
    for schema_id, blob in held:
        tables.put(TextEntry(schema_id, _decode(blob)))
    db.execute(_FROM_FIRST).fetchall()


class SqliteTables:
    """`Tables`, inside one transaction on ``db``."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db

    def rows(self, subject: str) -> Sequence[Row]:
        found = self._db.execute(
            "SELECT version, schema, deleted FROM registry_versions WHERE subject=? ORDER BY version", (subject,)
        )
        return [Row(version, schema_id, bool(deleted)) for version, schema_id, deleted in found]

    def subjects(self, prefix: str) -> Iterable[tuple[str, Sequence[Row]]]:
        grouped: dict[str, list[Row]] = {}
        for subject, version, schema_id, deleted in self._db.execute(
            "SELECT subject, version, schema, deleted FROM registry_versions WHERE substr(subject, 1, ?)=?"
            " ORDER BY subject, version",
            (len(prefix), prefix),
        ):
            grouped.setdefault(subject, []).append(Row(version, schema_id, bool(deleted)))
        return grouped.items()

    def text(self, schema_id: int) -> SchemaText | None:
        row = self._db.execute("SELECT schema FROM registry_texts WHERE id=?", (schema_id,)).fetchone()
        return None if row is None else _decode(row[0])

    def ids_of(self, guid: str) -> Sequence[int]:
        return [row[0] for row in self._db.execute("SELECT id FROM registry_texts WHERE guid=? ORDER BY id", (guid,))]

    def uses(self, schema_id: int) -> Sequence[tuple[str, Row]]:
        found = self._db.execute(
            "SELECT subject, version, deleted FROM registry_versions WHERE schema=? ORDER BY subject, version",
            (schema_id,),
        )
        return [(subject, Row(version, schema_id, bool(deleted))) for subject, version, deleted in found]

    def referrers(self, subject: str, version: int) -> Sequence[int]:
        found = self._db.execute(
            "SELECT id FROM registry_referrers WHERE subject=? AND version=? ORDER BY id", (subject, version)
        )
        return [schema_id for (schema_id,) in found]

    def max_id(self) -> int:
        row: Any = self._db.execute("SELECT coalesce(max(id), 0) FROM registry_texts").fetchone()
        return int(row[0])

    def config(self, subject: str) -> RegistryConfig | None:
        row = self._db.execute("SELECT level, normalize FROM registry_configs WHERE subject=?", (subject,)).fetchone()
        if row is None:
            return None
        level, normalize = row
        return RegistryConfig(Compatibility(level) if level else None, None if normalize is None else bool(normalize))

    def mode(self, subject: str) -> Mode | None:
        row = self._db.execute("SELECT mode FROM registry_modes WHERE subject=?", (subject,)).fetchone()
        return None if row is None else Mode(row[0])

    def put(self, entry: Entry) -> None:
        match entry:
            case TextEntry(id=schema_id, schema=schema):
                self._run("INSERT INTO registry_texts VALUES(?, ?, ?)", schema_id, guid_of(schema), _encode(schema))
                for reference in schema.references:
                    self._run(
                        "INSERT OR IGNORE INTO registry_referrers VALUES(?, ?, ?)",
                        *(reference.subject, reference.version, schema_id),
                    )
            case VersionEntry(subject=subject, version=version, row=None):
                self._run("DELETE FROM registry_versions WHERE subject=? AND version=?", subject, version)
            case VersionEntry(subject=subject, version=version, row=row):
                assert row is not None
                self._run(
                    "INSERT OR REPLACE INTO registry_versions(subject, version, schema, deleted) VALUES(?, ?, ?, ?)",
                    *(subject, version, row.id, int(row.deleted)),
                )
            case ConfigEntry(subject=subject, config=None):
                self._run("DELETE FROM registry_configs WHERE subject=?", subject)
            case ConfigEntry(subject=subject, config=config):
                assert config is not None
                normalize = None if config.normalize is None else int(config.normalize)
                level = None if config.compatibility is None else str(config.compatibility)
                self._run("INSERT OR REPLACE INTO registry_configs VALUES(?, ?, ?)", subject, level, normalize)
            case ModeEntry(subject=subject, mode=None):
                self._run("DELETE FROM registry_modes WHERE subject=?", subject)
            case ModeEntry(subject=subject, mode=mode):
                self._run("INSERT OR REPLACE INTO registry_modes VALUES(?, ?)", subject, str(mode))

    def _run(self, statement: str, *values: Any) -> None:
        self._db.execute(statement, values)
