"""A store of the first release is carried over."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from headrace.adapters.embedded_registry import EmbeddedRegistry
from headrace.adapters.embedded_store import Store
from headrace.model.schema import Compatibility, SchemaFormat, SchemaReference, SchemaText
from headrace.testing.conformance.registry import avro
from headrace.testing.conformance.registry_api_support import laid_out

FIRST = """
CREATE TABLE registry_schemas(
  id INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL UNIQUE, schema BLOB NOT NULL) STRICT;
CREATE TABLE registry_versions(
  subject TEXT NOT NULL, version INTEGER NOT NULL, schema INTEGER NOT NULL,
  PRIMARY KEY(subject, version)) STRICT, WITHOUT ROWID;
CREATE INDEX registry_subjects_of ON registry_versions(schema);
CREATE TABLE registry_levels(subject TEXT PRIMARY KEY, level TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""


def test_schemas_versions_and_levels_of_the_first_release_are_there(tmp_path: Path) -> None:
    """Under their ids and numbers, with what refers to them; two texts that are one schema now keep an id each."""
    inner = avro("A")
    outer = SchemaText(
        SchemaFormat.AVRO,
        '{"type":"record","name":"B","fields":[{"name":"a","type":"A"}]}',
        (SchemaReference("A", "inner", 1),),
    )
    texts = [inner, laid_out(inner), outer]
    store = Store(tmp_path)

    def write(db) -> None:
        db.execute(FIRST).fetchall()
        for schema_id, text in enumerate(texts, 1):
            blob = msgspec.msgpack.encode(text)
            db.execute("INSERT INTO registry_schemas VALUES(?, ?, ?)", (schema_id, hashlib.sha256(blob).digest(), blob))
        for subject, version, schema_id in (("inner", 1, 1), ("inner", 2, 2), ("outer", 1, 3)):
            db.execute("INSERT INTO registry_versions VALUES(?, ?, ?)", (subject, version, schema_id))
        db.execute("INSERT INTO registry_levels VALUES('', 'FULL'), ('inner', 'NONE')")

    store.write(write)
    store.close()
    for _ in range(2):
        registry = EmbeddedRegistry(tmp_path)
        assert [(v.subject, v.version, v.id, v.schema) for v in registry.list_schemas()] == [
            ("inner", 1, 1, inner),
            ("inner", 2, 2, laid_out(inner)),
            ("outer", 1, 3, outer),
        ]
        assert registry.compatibility() is Compatibility.FULL
        assert registry.compatibility("inner") is Compatibility.NONE
        assert registry.referenced_by("inner", 1) == [3]
        assert registry.register("inner", inner).version == 1
        assert registry.max_id() == 3
        registry.close()
