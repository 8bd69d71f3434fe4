"""The embedded schema registry: subjects, versions and ids in the store of the embedded broker.

What an id means is kept for ever: schemas are never deleted, only subjects. Where no checker is given, every schema that
parses is compatible, and `check` says that it cannot tell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

import apsw
import msgspec

from headrace.adapters.embedded_schemas import schema_problem
from headrace.adapters.embedded_store import Store
from headrace.errors import (
    BrokerError,
    BrokerUnavailable,
    CheckUnsupported,
    IncompatibleSchema,
    InvalidSchema,
    RegistryError,
    RegistryUnavailable,
    SchemaMissing,
    SubjectMissing,
)
from headrace.interfaces.compatibility import CompatibilityChecker
from headrace.interfaces.registry import SubjectState
from headrace.model.schema import Compatibility, RegisteredSchema, SchemaReference, SchemaText

T = TypeVar("T")

DEFAULT_LEVEL = Compatibility.BACKWARD
"""A registry's own level until it is set (Confluent's default)."""

_GLOBAL = ""

_DDL = """
CREATE TABLE IF NOT EXISTS registry_schemas(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  digest BLOB NOT NULL UNIQUE,
  schema BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS registry_versions(
  subject TEXT NOT NULL,
  version INTEGER NOT NULL,
  schema INTEGER NOT NULL,
  PRIMARY KEY(subject, version)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS registry_subjects_of ON registry_versions(schema);
CREATE TABLE IF NOT EXISTS registry_levels(subject TEXT PRIMARY KEY, level TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(SchemaText).decode


class EmbeddedRegistry:
    """``path``: the store's folder, made if it is not there; the embedded broker's may be the same. ``checker``: decides
    compatibility at `register` and `check`. Also a `BulkRegistry`."""

    def __init__(self, path: Path, *, checker: CompatibilityChecker | None = None) -> None:
        self._checker = checker
        with _translated():
            self._store = Store(Path(path))
            try:
                # Looked for first, so that opening a store that is made already takes no turn at the writers' gate.
                if not self._store.read(_is_made):
                    self._store.write(lambda db: db.execute(_DDL).fetchall())
            except BaseException:
                self._store.close()
                raise

    # --- what is there

    def subjects(self, prefix: str = "") -> Sequence[str]:
        rows = self._read(
            lambda db: db.execute(
                "SELECT DISTINCT subject FROM registry_versions WHERE substr(subject, 1, ?)=? ORDER BY subject",
                (len(prefix), prefix),
            ).fetchall()
        )
        return [str(subject) for (subject,) in rows]

    def versions(self, subject: str) -> Sequence[int]:
        return self._read(lambda db: [version for version, _, _ in _history(db, subject)])

    def version(self, subject: str, version: int | Literal["latest"]) -> RegisteredSchema:
        history = self._read(lambda db: _history(db, subject))
        found = history[-1] if version == "latest" else next((row for row in history if row[0] == version), None)
        if found is None:
            raise SchemaMissing(f"{subject} has no version {version}", subject=subject, version=version)
        return RegisteredSchema(subject, *found)

    def by_id(self, schema_id: int) -> SchemaText:
        row = self._read(
            lambda db: db.execute("SELECT schema FROM registry_schemas WHERE id=?", (schema_id,)).fetchone()
        )
        if row is None:
            raise SchemaMissing(f"there is no schema with the id {schema_id}", schema_id=schema_id)
        return _decode(row[0])

    def lookup(self, subject: str, schema: SchemaText) -> RegisteredSchema:
        for row in self._read(lambda db: _history(db, subject)):
            if row[2] == schema:
                return RegisteredSchema(subject, *row)
        raise SchemaMissing(f"{subject} has no such schema", subject=subject)

    # --- registering

    def register(self, subject: str, schema: SchemaText) -> RegisteredSchema:
        answer = self.register_many([(subject, schema)])[0]
        if isinstance(answer, RegistryError):
            raise answer
        return answer

    def register_many(self, schemas: Sequence[tuple[str, SchemaText]]) -> Sequence[RegisteredSchema | RegistryError]:
        # The same schema goes to every tenant's subject: it is parsed once, and not while others wait at the gate.
        distinct = dict.fromkeys(schema for _, schema in schemas if not schema.references)
        problems = {schema: schema_problem(schema) for schema in distinct}
        verdicts: dict[tuple[SchemaText, tuple[SchemaText, ...], Compatibility], Sequence[str]] = {}

        def register(db: apsw.Connection) -> list[RegisteredSchema | RegistryError]:
            answers: list[RegisteredSchema | RegistryError] = []
            for subject, schema in schemas:
                try:
                    answers.append(self._register(db, subject, schema, problems, verdicts))
                except RegistryError as error:
                    answers.append(error)
            return answers

        return self._write(register)

    def _register(
        self,
        db: apsw.Connection,
        subject: str,
        schema: SchemaText,
        problems: Mapping[SchemaText, str | None],
        verdicts: dict[tuple[SchemaText, tuple[SchemaText, ...], Compatibility], Sequence[str]],
    ) -> RegisteredSchema:
        if not subject:
            raise RegistryError("a subject needs a name", subject=subject)
        history = _rows(db, subject)
        for row in history:
            if row[2] == schema:
                return RegisteredSchema(subject, *row)
        problem = problems[schema] if schema in problems else _problem(db, schema)
        if problem is not None:
            raise InvalidSchema(f"the schema for {subject} is invalid: {problem}", subject=subject, reason=problem)
        level = _level(db, subject)
        if self._checker is not None and history and level is not Compatibility.NONE:
            older = tuple(text for _, _, text in history)
            reasons = verdicts.get((schema, older, level))
            if reasons is None:
                reasons = verdicts[schema, older, level] = tuple(self._checker(schema, older, level))
            if reasons:
                raise IncompatibleSchema(
                    f"the schema is not {level} compatible with what {subject} has: {reasons[0]}",
                    subject=subject,
                    reasons=tuple(reasons),
                )
        version = history[-1][0] + 1 if history else 1
        schema_id = _id_of(db, schema)
        db.execute("INSERT INTO registry_versions VALUES(?, ?, ?)", (subject, version, schema_id))
        return RegisteredSchema(subject, version, schema_id, schema)

    def check(self, subject: str, schema: SchemaText) -> Sequence[str]:
        checker = self._checker
        if checker is None:
            raise CheckUnsupported("this registry has no compatibility checker", subject=subject)

        def look(db: apsw.Connection) -> tuple[str | None, list[SchemaText], Compatibility]:
            return _problem(db, schema), [text for _, _, text in _rows(db, subject)], _level(db, subject)

        problem, history, level = self._read(look)
        if problem is not None:
            return [problem]
        if not history or level is Compatibility.NONE or schema in history:
            return []
        return list(checker(schema, history, level))

    def delete_subject(self, subject: str) -> Sequence[int]:
        def delete(db: apsw.Connection) -> list[int]:
            versions = [version for version, _, _ in _history(db, subject)]
            blobs: list[tuple[Any, ...]] = db.execute(
                "SELECT DISTINCT s.schema FROM registry_versions v JOIN registry_schemas s ON s.id=v.schema"
                " WHERE v.subject<>?",
                (subject,),
            ).fetchall()
            for (blob,) in blobs:
                if any(reference.subject == subject for reference in _decode(blob).references):
                    raise RegistryError(f"{subject} is referred to by another subject's schema", subject=subject)
            db.execute("DELETE FROM registry_versions WHERE subject=?", (subject,))
            db.execute("DELETE FROM registry_levels WHERE subject=?", (subject,))
            return versions

        return self._write(delete)

    # --- levels

    def compatibility(self, subject: str | None = None) -> Compatibility | None:
        own = self._read(lambda db: _own_level(db, subject or _GLOBAL))
        return own if own is not None or subject is not None else DEFAULT_LEVEL

    def set_compatibility(self, subject: str | None, level: Compatibility) -> None:
        self.set_compatibility_many({subject or _GLOBAL: level})

    def set_compatibility_many(self, levels: Mapping[str, Compatibility]) -> None:
        rows = [(subject, str(level)) for subject, level in levels.items()]
        self._write(lambda db: db.executemany("INSERT OR REPLACE INTO registry_levels VALUES(?, ?)", rows).fetchall())

    def states(self, prefix: str = "") -> Mapping[str, SubjectState]:
        def look(db: apsw.Connection) -> dict[str, SubjectState]:
            levels: dict[str, str] = dict(db.execute("SELECT subject, level FROM registry_levels").fetchall())
            versions: dict[str, list[tuple[int, int]]] = {}
            for subject, version, schema_id in db.execute(
                "SELECT subject, version, schema FROM registry_versions WHERE substr(subject, 1, ?)=?"
                " ORDER BY subject, version",
                (len(prefix), prefix),
            ):
                versions.setdefault(subject, []).append((version, schema_id))
            return {
                subject: SubjectState(tuple(rows), Compatibility(levels[subject]) if subject in levels else None)
                for subject, rows in versions.items()
            }

        return self._read(look)

    # --- the store

    def _read(self, look: Callable[[apsw.Connection], T]) -> T:
        with _translated():
            found: T = self._store.read(look)
            return found

    def _write(self, change: Callable[[apsw.Connection], T]) -> T:
        with _translated():
            result: T = self._store.write(change)
            return result

    def close(self) -> None:
        self._store.close()


_Row = tuple[int, int, SchemaText]
"""Version, id, schema."""


def _is_made(db: apsw.Connection) -> bool:
    # The last table of the DDL: a transaction made all of them.
    return db.execute("SELECT 1 FROM sqlite_schema WHERE name='registry_levels'").fetchone() is not None


def _rows(db: apsw.Connection, subject: str) -> list[_Row]:
    return [
        (version, schema_id, _decode(blob))
        for version, schema_id, blob in db.execute(
            "SELECT v.version, v.schema, s.schema FROM registry_versions v JOIN registry_schemas s ON s.id=v.schema"
            " WHERE v.subject=? ORDER BY v.version",
            (subject,),
        )
    ]


def _history(db: apsw.Connection, subject: str) -> list[_Row]:
    rows = _rows(db, subject)
    if not rows:
        raise SubjectMissing(f"there is no subject {subject}", subject=subject)
    return rows


def _own_level(db: apsw.Connection, subject: str) -> Compatibility | None:
    row = db.execute("SELECT level FROM registry_levels WHERE subject=?", (subject,)).fetchone()
    return None if row is None else Compatibility(row[0])


def _level(db: apsw.Connection, subject: str) -> Compatibility:
    return _own_level(db, subject) or _own_level(db, _GLOBAL) or DEFAULT_LEVEL


def _id_of(db: apsw.Connection, schema: SchemaText) -> int:
    blob = _encode(schema)
    digest = hashlib.sha256(blob).digest()
    row: Any = db.execute("SELECT id FROM registry_schemas WHERE digest=?", (digest,)).fetchone()
    if row is None:
        row = db.execute(
            "INSERT INTO registry_schemas(digest, schema) VALUES(?, ?) RETURNING id", (digest, blob)
        ).fetchone()
    return int(row[0])


def _problem(db: apsw.Connection, schema: SchemaText) -> str | None:
    """What is wrong with a schema, its references followed to what they name."""
    referred: dict[str, SchemaText] = {}

    def follow(references: Sequence[SchemaReference]) -> str | None:
        for reference in references:
            if reference.name in referred:
                continue
            row = db.execute(
                "SELECT s.schema FROM registry_versions v JOIN registry_schemas s ON s.id=v.schema"
                " WHERE v.subject=? AND v.version=?",
                (reference.subject, reference.version),
            ).fetchone()
            if row is None:
                return f"it refers to {reference.subject} version {reference.version}, which is not there"
            text = _decode(row[0])
            # What it refers to itself comes first: a schema is defined before it is used.
            problem = follow(text.references)
            if problem is not None:
                return problem
            referred[reference.name] = text
        return None

    return follow(schema.references) or schema_problem(schema, referred)


@contextmanager
def _translated() -> Iterator[None]:
    """The store's errors are a broker's; here they are a registry's."""
    try:
        yield
    except BrokerError as error:
        kind = RegistryUnavailable if isinstance(error, BrokerUnavailable) else RegistryError
        raise kind(error.message, hint=error.hint, **error.data) from error
