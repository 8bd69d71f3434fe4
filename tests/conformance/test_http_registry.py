"""The registry over HTTP keeps what every registry keeps: on an independent registry, and on Headrace's own server.

Where the independent one (Apicurio Registry, by its Confluent API) is different from Confluent's, there is a test here that
says how, in the place of the suite's or beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from headrace.adapters.http_registry import HttpRegistry
from headrace.errors import InvalidSchema, SchemaMissing, SubjectMissing
from headrace.interfaces.registry import SchemaRegistry
from headrace.local.registry_server import RegistryServer
from headrace.model.schema import Compatibility, SchemaFormat, SchemaText
from headrace.testing.conformance.registry import (
    Connect,
    ManySubjectsConformance,
    RegistryConformance,
    avro,
    json_schema,
    own_name,
)
from headrace.testing.conformance.support import unique
from headrace.testing.registry_server import ServedRegistry
from tests.conformance.test_embedded_registry import fields_have_defaults


class Counting(httpx.HTTPTransport):
    """Counts the requests that it carries."""

    count = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.count += 1
        return super().handle_request(request)


class OverHttp(RegistryConformance, ManySubjectsConformance):
    """``url`` is a fixture of the class below."""

    @pytest.fixture
    def connect(self, url: str) -> Iterator[Callable[[], HttpRegistry]]:
        with ExitStack() as opened:

            def open_another() -> HttpRegistry:
                registry = HttpRegistry(url)
                opened.callback(registry.close)
                return registry

            yield open_another

    @pytest.fixture
    def registry(self, connect: Callable[[], HttpRegistry]) -> HttpRegistry:
        return connect()

    def test_few_calls_read_many_subjects(self, url: str) -> None:
        """Two small calls a subject, and two for each schema that they share: not one for the text of every version."""
        counting = Counting()
        registry = HttpRegistry(url, transport=counting)
        prefix, name = unique("few"), own_name()
        subjects = [f"{prefix}.{n}" for n in range(40)]
        for schema in (avro(name), avro(name, "a")):
            registry.register_many([(subject, schema) for subject in subjects])
        counting.count = 0
        assert {len(state.versions) for state in registry.states_of(subjects).values()} == {2}
        # One for the list; the first look at the versions is made at 16 places at once, which find the same two schemas.
        assert counting.count <= 1 + 2 * len(subjects) + 2 * 16
        registry.close()


class TestServedRegistry(OverHttp):
    """`headrace registry serve`, on the embedded store."""

    @pytest.fixture(scope="class")
    def url(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
        folder: Path = tmp_path_factory.mktemp("served")
        with ServedRegistry(folder, checker=fields_have_defaults) as served:
            yield served.url


class TestIndependentRegistry(OverHttp):
    """Apicurio Registry. Its differences that a caller sees:"""

    @pytest.fixture
    def url(self, independent_registry: RegistryServer) -> str:
        return independent_registry.url

    def test_a_deleted_subject_is_gone_and_its_ids_stay(self, registry: SchemaRegistry, connect: Connect) -> None:
        """Difference: an id that only the deleted subject had is gone for good (so it is with Confluent's, where a deletion
        for good takes what no other subject has); who has read it before keeps it. One that another subject has stays."""
        subject, other = unique("s"), unique("s")
        schemas = own, read, shared = [json_schema(own_name()) for _ in range(3)]
        registry.set_compatibility(subject, Compatibility.NONE)
        ids = [registry.register(subject, schema).id for schema in schemas]
        assert registry.register(other, shared).id == ids[2]
        assert registry.by_id(ids[1]) == read
        assert registry.delete_subject(subject) == [1, 2, 3]
        assert registry.subjects(subject) == []
        with pytest.raises(SubjectMissing):
            registry.versions(subject)
        assert registry.by_id(ids[1]) == read
        elsewhere = connect()
        assert elsewhere.by_id(ids[2]) == shared
        with pytest.raises(SchemaMissing):
            elsewhere.by_id(ids[0])
        assert registry.register(subject, own).version == 1

    def test_a_subject_without_a_level_answers_the_registry_s(self, registry: SchemaRegistry) -> None:
        """Difference: Confluent's says that there is none (40408). Harmless: a plan sets the level that is declared wherever
        another one is found."""
        subject = unique("s")
        assert registry.compatibility(subject) is None
        registry.register(subject, avro(own_name()))
        assert registry.compatibility(subject) == registry.compatibility() == Compatibility.NONE

    def test_a_check_gives_no_reasons(self, registry: SchemaRegistry) -> None:
        """Difference: `verbose` brings no messages, so that `check` can only say that the registry does not say why;
        `register` tells the place."""
        subject, name = unique("s"), own_name()
        registry.set_compatibility(subject, Compatibility.BACKWARD)
        registry.register(subject, avro(name))
        assert registry.check(subject, avro(name, required=("c",))) == [
            "the registry finds it incompatible, and does not say why"
        ]

    def test_a_json_schema_must_state_its_draft(self, registry: SchemaRegistry) -> None:
        """Difference: without `$schema` it is refused as no JSON Schema. Headrace's composed schemas always state one."""
        with pytest.raises(InvalidSchema):
            registry.register(unique("s"), SchemaText(SchemaFormat.JSON_SCHEMA, '{"type":"object"}'))

    def test_another_spelling_is_the_same_schema_in_one_subject_only(self, registry: SchemaRegistry) -> None:
        """Difference: white space and the order of keys make no new version, but another id in another subject. Headrace
        registers one text in all tenants' subjects."""
        subject, name = unique("s"), own_name()
        schema = json_schema(name)
        spaced = SchemaText(schema.format, schema.text.replace(",", ", "))
        registered = registry.register(subject, schema)
        again = registry.register(subject, spaced)
        assert (again.id, again.version) == (registered.id, 1)
        assert registry.register(unique("s"), spaced).id != registered.id
