"""Any sequence of operations has the same answers in SQLite and on a log, and a restart changes nothing."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from headrace.adapters.embedded_registry import EmbeddedRegistry
from headrace.adapters.kafka_registry import KafkaRegistry
from headrace.adapters.registry_core import StoredRegistry
from headrace.errors import RegistryError
from headrace.interfaces.registry_store import Deleted, Mode, RegistryConfig
from headrace.model.schema import Compatibility, SchemaFormat, SchemaReference, SchemaText
from headrace.testing.conformance.registry_api import fields_checker
from headrace.testing.conformance.registry_api_support import laid_out, reordered
from headrace.testing.memory_broker import MemoryBroker

SUBJECTS = st.sampled_from(["a", "a-b", "b"])
VERSIONS = st.sampled_from([1, 2, 3, 7, "latest"])
_FIELDS = ([], ["x"], ["x", "y"], ["z"])


def _text(document: Any) -> str:
    return json.dumps(document, separators=(",", ":"))


def _avro(fields: list[str], mandatory: bool) -> SchemaText:
    default = {} if mandatory else {"default": ""}
    listed = [{"name": name, "type": "string", **default} for name in fields]
    return SchemaText(SchemaFormat.AVRO, _text({"type": "record", "name": "R", "fields": listed}))


_PLAIN = [_avro(fields, mandatory) for fields in _FIELDS for mandatory in (False, True)] + [
    SchemaText(SchemaFormat.JSON_SCHEMA, '{"type":"object","properties":{"x":{"type":"string"}}}'),
    SchemaText(SchemaFormat.AVRO, '{"type":"no such type"}'),
    SchemaText(SchemaFormat.AVRO, "{"),
]
_REFERRING = [
    SchemaText(
        SchemaFormat.AVRO,
        _text({"type": "record", "name": "Outer", "fields": [{"name": "r", "type": "R"}]}),
        (SchemaReference("R", subject, version),),
    )
    for subject in ("a", "b")
    for version in (1, 2)
]
_VARIED = [change(schema) for schema in _PLAIN[:4] for change in (laid_out, reordered)]
SCHEMAS = st.sampled_from(_PLAIN + _REFERRING + _VARIED)
FLAG = st.booleans()


def _answer(registry: StoredRegistry, call: str, *arguments: Any, **named: Any) -> Any:
    try:
        return getattr(registry, call)(*arguments, **named)
    except RegistryError as error:
        return type(error), error.message, dict(error.data)


class TwoStorages(RuleBasedStateMachine):
    @initialize()
    def open_both(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.broker = MemoryBroker()
        self.open()

    def open(self) -> None:
        self.sqlite = EmbeddedRegistry(self.folder, checker=fields_checker)
        self.log = KafkaRegistry(self.broker, checker=fields_checker)

    def both(self, call: str, *arguments: Any, **named: Any) -> None:
        assert _answer(self.sqlite, call, *arguments, **named) == _answer(self.log, call, *arguments, **named)

    @rule(subject=SUBJECTS, schema=SCHEMAS, normalize=FLAG)
    def register(self, subject: str, schema: SchemaText, normalize: bool) -> None:
        self.both("add", subject, schema, normalize=normalize)

    @rule(
        subject=SUBJECTS,
        schema=SCHEMAS,
        schema_id=st.sampled_from([None, 1, 2, 50, 0, 2**31]),
        version=st.sampled_from([None, 1, 3, 7, 2**31]),
    )
    def register_as(self, subject: str, schema: SchemaText, schema_id: int | None, version: int | None) -> None:
        self.both("add", subject, schema, schema_id=schema_id, version=version)

    @rule(schemas=st.lists(st.tuples(SUBJECTS, SCHEMAS), max_size=5))
    def register_many(self, schemas: list[tuple[str, SchemaText]]) -> None:
        def told(answer: Any) -> Any:
            return (type(answer), str(answer)) if isinstance(answer, RegistryError) else answer

        answers = [[told(a) for a in registry.register_many(schemas)] for registry in (self.sqlite, self.log)]
        assert answers[0] == answers[1]

    @rule(subject=SUBJECTS, permanent=FLAG)
    def delete_versions(self, subject: str, permanent: bool) -> None:
        self.both("delete_versions", subject, permanent=permanent)

    @rule(subject=SUBJECTS, version=VERSIONS, permanent=FLAG)
    def delete_version(self, subject: str, version: Any, permanent: bool) -> None:
        self.both("delete_version", subject, version, permanent=permanent)

    @rule(subject=SUBJECTS)
    def delete_subject(self, subject: str) -> None:
        self.both("delete_subject", subject)

    @rule(
        subject=st.none() | SUBJECTS,
        level=st.none() | st.sampled_from([Compatibility.NONE, Compatibility.FULL_TRANSITIVE]),
        normalize=st.none() | FLAG,
    )
    def set_config(self, subject: str | None, level: Compatibility | None, normalize: bool | None) -> None:
        self.both("set_config", subject, RegistryConfig(level, normalize))

    @rule(subject=st.none() | SUBJECTS, mode=st.sampled_from([*Mode, Mode.READWRITE, Mode.READWRITE]), force=FLAG)
    def set_mode(self, subject: str | None, mode: Mode, force: bool) -> None:
        self.both("set_mode", subject, mode, force=force)

    @rule(subject=st.none() | SUBJECTS)
    def delete_settings(self, subject: str | None) -> None:
        self.both("delete_config", subject)
        self.both("delete_mode", subject)

    @rule(subject=SUBJECTS, schema=SCHEMAS, version=st.none() | VERSIONS, normalize=FLAG, deleted=FLAG)
    def look_up(self, subject: str, schema: SchemaText, version: Any, normalize: bool, deleted: bool) -> None:
        self.both("find_schema", subject, schema, normalize=normalize, deleted=deleted)
        self.both("compare", subject, schema, version=version, normalize=normalize)
        self.both("check", subject, schema)

    @rule()
    def restart(self) -> None:
        before = _everything(self.log)
        self.sqlite.close()
        self.open()
        assert _everything(self.log) == before

    @invariant()
    def they_hold_the_same(self) -> None:
        if hasattr(self, "log"):
            assert _everything(self.sqlite) == _everything(self.log)

    def teardown(self) -> None:
        if hasattr(self, "sqlite"):
            self.sqlite.close()
            shutil.rmtree(self.folder)


def _everything(registry: StoredRegistry) -> list[Any]:
    found: list[Any] = [registry.list_schemas(deleted=Deleted.SHOWN), registry.list_schemas(latest_only=True)]
    found += [registry.list_subjects(deleted=deleted) for deleted in Deleted]
    found += [registry.max_id(), registry.config(), registry.mode(), dict(registry.states())]
    for subject in ("a", "a-b", "b"):
        found += [_answer(registry, "config", subject), _answer(registry, "mode", subject, in_scope=True)]
        found += [_answer(registry, "list_versions", subject, deleted=deleted) for deleted in Deleted]
        found += [_answer(registry, "referenced_by", subject, version) for version in (1, 2, "latest")]
    for schema_id in range(1, registry.max_id() + 1) if registry.max_id() < 60 else (1, 2, 50):
        found += [_answer(registry, "find_id", schema_id), _answer(registry, "uses_of", schema_id, deleted=True)]
    return found


TwoStorages.TestCase.settings = settings(max_examples=15, stateful_step_count=20)


class TestTwoStorages(TwoStorages.TestCase):
    """The same answers, the same contents, and the same after a restart."""
