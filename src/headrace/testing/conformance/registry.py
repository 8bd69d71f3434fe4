"""What every `headrace.interfaces.registry.SchemaRegistry` keeps, as tests.

An adapter's test module inherits `RegistryConformance` (and `BulkRegistryConformance` or `ManySubjectsConformance` where the
adapter has those calls) and gives two fixtures:

    registry    the `SchemaRegistry` under test, with a compatibility checker
    connect     a callable that opens another one on the same registry, as another process would; the fixture closes it
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from headrace.errors import IncompatibleSchema, InvalidSchema, RegistryError, SchemaMissing, SubjectMissing
from headrace.interfaces.registry import BulkRegistry, ManySubjects, SchemaRegistry
from headrace.model.schema import Compatibility, RegisteredSchema, SchemaFormat, SchemaReference, SchemaText
from headrace.testing.conformance.support import unique

Connect = Callable[[], SchemaRegistry]


def _text(document: Any) -> str:
    return json.dumps(document, separators=(",", ":"))


def avro(name: str, *fields: str, required: tuple[str, ...] = ()) -> SchemaText:
    """A record; ``fields`` have a default, those in ``required`` have none."""
    optional = [{"name": field, "type": ["null", "string"], "default": None} for field in fields]
    mandatory = [{"name": field, "type": "string"} for field in required]
    return SchemaText(SchemaFormat.AVRO, _text({"type": "record", "name": name, "fields": [*optional, *mandatory]}))


def json_schema(*properties: str) -> SchemaText:
    return SchemaText(
        SchemaFormat.JSON_SCHEMA,
        _text(
            {
                "$schema": "http://json-schema.org/draft-07/schema#",
                "type": "object",
                "properties": {name: {"type": "string"} for name in properties},
            }
        ),
    )


def own_name() -> str:
    """A name for a record or property that makes a schema nobody else has registered."""
    return unique("N").replace("-", "_")


class RegistryConformance:
    @pytest.mark.parametrize("make", [avro, json_schema], ids=["avro", "json"])
    def test_a_registered_schema_is_found_in_every_way(
        self, registry: SchemaRegistry, connect: Connect, make: Callable[[str], SchemaText]
    ) -> None:
        """By its version, as the latest, by its id and by its text; from another process too."""
        subject, schema = unique("s"), make(own_name())
        registered = registry.register(subject, schema)
        assert registered == RegisteredSchema(subject, 1, registered.id, schema)
        for where in (registry, connect()):
            assert where.versions(subject) == [1]
            assert where.version(subject, 1) == registered
            assert where.version(subject, "latest") == registered
            assert where.lookup(subject, schema) == registered
            assert where.by_id(registered.id) == schema

    def test_the_same_schema_is_registered_once(self, registry: SchemaRegistry) -> None:
        """Again under its subject: the version that is there. Under another subject: the same id."""
        first, second, schema = unique("s"), unique("s"), json_schema(own_name())
        registered = registry.register(first, schema)
        assert registry.register(first, schema) == registered
        assert registry.versions(first) == [1]
        elsewhere = registry.register(second, schema)
        assert (elsewhere.subject, elsewhere.version, elsewhere.id) == (second, 1, registered.id)

    def test_versions_count_within_a_subject(self, registry: SchemaRegistry) -> None:
        """Another schema is the next version with an id of its own; the older one stays where it was."""
        subject, name = unique("s"), own_name()
        registry.set_compatibility(subject, Compatibility.NONE)
        schemas = [avro(name), avro(name, "a"), avro(name, "a", "b")]
        registered = [registry.register(subject, schema) for schema in schemas]
        assert [r.version for r in registered] == [1, 2, 3]
        assert len({r.id for r in registered}) == 3
        assert registry.versions(subject) == [1, 2, 3]
        assert registry.version(subject, "latest") == registered[2]
        assert registry.register(subject, schemas[0]) == registered[0]

    def test_what_is_not_there_is_named(self, registry: SchemaRegistry) -> None:
        """An unknown subject is `SubjectMissing`; an unknown version, id or text is `SchemaMissing`."""
        subject, missing, schema = unique("s"), unique("missing"), json_schema(own_name())
        registry.register(subject, schema)
        for call in (
            lambda: registry.versions(missing),
            lambda: registry.version(missing, 1),
            lambda: registry.version(missing, "latest"),
            lambda: registry.lookup(missing, schema),
            lambda: registry.delete_subject(missing),
        ):
            with pytest.raises(SubjectMissing):
                call()
        for lookup in (
            lambda: registry.version(subject, 99),
            lambda: registry.by_id(2_000_000_000),
            lambda: registry.lookup(subject, json_schema(own_name())),
        ):
            with pytest.raises(SchemaMissing):
                lookup()

    def test_subjects_are_listed_by_prefix_in_order(self, registry: SchemaRegistry) -> None:
        """Those that have a version; a level alone makes no subject."""
        prefix = unique("list")
        for end in ("b", "a-b", "a"):
            registry.register(f"{prefix}.{end}", json_schema(prefix))
        registry.register(f"other-{prefix}", json_schema(prefix))
        registry.set_compatibility(f"{prefix}.level", Compatibility.FULL)
        assert registry.subjects(f"{prefix}.") == [f"{prefix}.a", f"{prefix}.a-b", f"{prefix}.b"]
        assert set(registry.subjects()) >= {f"{prefix}.a", f"other-{prefix}"}

    @pytest.mark.parametrize(
        "schema",
        [
            SchemaText(SchemaFormat.AVRO, "{"),
            SchemaText(SchemaFormat.AVRO, '{"type":"no such type"}'),
            SchemaText(SchemaFormat.JSON_SCHEMA, "{"),
            SchemaText(SchemaFormat.JSON_SCHEMA, '{"type":"no such type"}'),
        ],
        ids=["avro text", "avro type", "json text", "json type"],
    )
    def test_what_does_not_parse_is_refused(self, registry: SchemaRegistry, schema: SchemaText) -> None:
        """`InvalidSchema`, and the subject is not there afterwards."""
        subject = unique("s")
        with pytest.raises(InvalidSchema):
            registry.register(subject, schema)
        assert registry.subjects(subject) == []

    def test_a_schema_may_refer_to_another(self, registry: SchemaRegistry) -> None:
        """A reference brings the named type; without it, or where it names nothing, the schema is invalid."""
        inner, outer, subject, user = own_name(), own_name(), unique("inner"), unique("outer")
        registry.register(subject, avro(inner, "a"))
        text = _text({"type": "record", "name": outer, "fields": [{"name": "inner", "type": inner}]})
        reference = SchemaReference(inner, subject, 1)
        registered = registry.register(user, SchemaText(SchemaFormat.AVRO, text, (reference,)))
        assert registry.by_id(registered.id).references == (reference,)
        for wrong in ((), (SchemaReference(inner, subject, 7),), (SchemaReference(inner, unique("missing"), 1),)):
            with pytest.raises(InvalidSchema):
                registry.register(unique("s"), SchemaText(SchemaFormat.AVRO, text, wrong))

    def test_levels_are_set_subject_by_subject(self, registry: SchemaRegistry, connect: Connect) -> None:
        """None where nothing is set on the subject itself; the registry has its own level in any case."""
        subject, other = unique("s"), unique("s")
        assert registry.compatibility(subject) is None
        own = registry.compatibility()
        assert own is not None
        registry.set_compatibility(subject, Compatibility.FORWARD_TRANSITIVE)
        assert connect().compatibility(subject) is Compatibility.FORWARD_TRANSITIVE
        assert registry.compatibility(other) is None
        try:
            registry.set_compatibility(None, Compatibility.FULL)
            assert registry.compatibility() is Compatibility.FULL
            assert registry.compatibility(other) is None
        finally:
            registry.set_compatibility(None, own)

    def test_an_incompatible_schema_is_refused(self, registry: SchemaRegistry) -> None:
        """`check` tells why beforehand and changes nothing; `register` raises with ``reasons``; without a level all goes."""
        subject, name = unique("s"), own_name()
        registry.set_compatibility(subject, Compatibility.BACKWARD)
        first, good, bad = avro(name, "a"), avro(name, "a", "b"), avro(name, "a", required=("c",))
        assert registry.check(subject, first) == []
        registry.register(subject, first)
        assert registry.check(subject, good) == []
        assert registry.check(subject, bad)
        with pytest.raises(IncompatibleSchema) as raised:
            registry.register(subject, bad)
        assert raised.value.data["reasons"]
        assert registry.versions(subject) == [1]
        assert registry.register(subject, good).version == 2
        registry.set_compatibility(subject, Compatibility.NONE)
        assert registry.check(subject, bad) == []
        assert registry.register(subject, bad).version == 3

    def test_a_deleted_subject_is_gone_and_its_ids_stay(self, registry: SchemaRegistry) -> None:
        """What was framed with an id stays readable; the same schema registered again has that id again."""
        subject, schema = unique("s"), json_schema(own_name())
        registered = registry.register(subject, schema)
        assert registry.delete_subject(subject) == [1]
        assert registry.subjects(subject) == []
        with pytest.raises(SubjectMissing):
            registry.versions(subject)
        assert registry.by_id(registered.id) == schema
        assert registry.register(subject, schema).id == registered.id

    def test_many_register_at_once(self, registry: SchemaRegistry, connect: Connect) -> None:
        """Threads on two connections agree: one version and one id for one schema, other ids for others."""
        subject, schema = unique("s"), json_schema(own_name())
        registries = [registry, connect()]
        others = [json_schema(own_name()) for _ in range(8)]

        def work(n: int) -> tuple[RegisteredSchema, RegisteredSchema]:
            where = registries[n % 2]
            return where.register(subject, schema), where.register(f"{subject}-{n}", others[n])

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(work, range(8)))
        assert len({shared for shared, _ in answers}) == 1
        assert len({shared.id for shared, _ in answers} | {own.id for _, own in answers}) == 9
        assert registry.versions(subject) == [1]


class BulkRegistryConformance:
    def test_bulk_calls_do_what_the_single_ones_do(self, registry: SchemaRegistry) -> None:
        """Each schema has its answer in order, a refused one costs the others nothing, and the states tell what is there."""
        assert isinstance(registry, BulkRegistry)
        prefix, name = unique("bulk"), own_name()
        registry.set_compatibility_many({f"{prefix}.a": Compatibility.BACKWARD, f"{prefix}.b": Compatibility.NONE})
        bad = avro(name, required=("c",))
        answers = registry.register_many(
            [
                (f"{prefix}.a", avro(name)),
                (f"{prefix}.b", SchemaText(SchemaFormat.AVRO, "{")),
                (f"{prefix}.a", bad),
                (f"{prefix}.b", avro(name)),
                (f"{prefix}.b", bad),
                (f"{prefix}.c", avro(name)),
                (f"{prefix}.a", avro(name)),
            ]
        )
        kinds = [type(answer) for answer in answers]
        assert kinds == [RegisteredSchema, InvalidSchema, IncompatibleSchema, *[RegisteredSchema] * 4]
        assert all(isinstance(answer, (RegisteredSchema, RegistryError)) for answer in answers)
        versions = [(a.subject[-1], a.version) for a in answers if isinstance(a, RegisteredSchema)]
        assert versions == [("a", 1), ("b", 1), ("b", 2), ("c", 1), ("a", 1)]
        states = registry.states(f"{prefix}.")
        assert list(states) == [f"{prefix}.a", f"{prefix}.b", f"{prefix}.c"]
        for subject, state in states.items():
            assert state.versions == tuple((v, registry.version(subject, v).id) for v in registry.versions(subject))
            assert state.compatibility == registry.compatibility(subject)
        assert states[f"{prefix}.c"].compatibility is None
        assert registry.states(unique("none")) == {}


class ManySubjectsConformance:
    def test_many_subjects_at_once_are_as_one_by_one(self, registry: SchemaRegistry) -> None:
        """Each schema has its answer in order, one subject's in their order; the states are what the single calls tell."""
        assert isinstance(registry, ManySubjects)
        prefix, name = unique("many"), own_name()
        shared, later, bad = avro(name), avro(name, "a"), avro(name, required=("c",))
        subjects = [f"{prefix}.{n:02d}" for n in range(24)]
        for subject in subjects[:3]:
            registry.set_compatibility(subject, Compatibility.BACKWARD)
        answers = registry.register_many(
            [
                *((subject, shared) for subject in subjects),
                (subjects[0], bad),
                (subjects[1], SchemaText(SchemaFormat.AVRO, "{")),
                (subjects[2], later),
                (subjects[3], avro(name, "b")),
                (subjects[2], shared),
            ]
        )
        first, rest = answers[: len(subjects)], answers[len(subjects) :]
        assert [(a.subject, a.version) for a in first if isinstance(a, RegisteredSchema)] == [(s, 1) for s in subjects]
        assert len({a.id for a in first if isinstance(a, RegisteredSchema)}) == 1
        assert [type(answer) for answer in rest[:2]] == [IncompatibleSchema, InvalidSchema]
        assert [(a.subject, a.version) for a in rest[2:] if isinstance(a, RegisteredSchema)] == [
            (subjects[2], 2),
            (subjects[3], 2),
            (subjects[2], 1),
        ]
        registry.register(f"{prefix}.not-asked-for", shared)
        missing = unique("missing")
        states = registry.states_of([*reversed(subjects), missing])
        assert set(states) == set(subjects)
        for subject, state in states.items():
            assert state.versions == tuple((v, registry.version(subject, v).id) for v in registry.versions(subject))
            assert state.compatibility == registry.compatibility(subject)
        assert [len(states[subject].versions) for subject in subjects[:5]] == [1, 1, 2, 2, 1]
        assert states[subjects[0]].compatibility is Compatibility.BACKWARD
        assert registry.states_of([missing]) == {}
