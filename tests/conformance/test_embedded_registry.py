"""The embedded registry keeps what every registry keeps, and several processes share it."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from headrace.adapters.embedded_broker import EmbeddedBroker
from headrace.adapters.embedded_registry import EmbeddedRegistry
from headrace.errors import CheckUnsupported, RegistryError
from headrace.model.schema import Compatibility, RegisteredSchema, SchemaFormat, SchemaReference, SchemaText
from headrace.testing.conformance.registry import BulkRegistryConformance, Connect, RegistryConformance, avro


def fields_have_defaults(new: SchemaText, history: Sequence[SchemaText], mode: Compatibility) -> Sequence[str]:
    """Enough of a checker for Avro records: a field that the last version lacks needs a default (BACKWARD)."""
    old = {field["name"] for field in json.loads(history[-1].text)["fields"]}
    added = [field for field in json.loads(new.text)["fields"] if field["name"] not in old]
    return [f"{mode}: {field['name']} has no default" for field in added if "default" not in field]


class TestEmbeddedRegistry(RegistryConformance, BulkRegistryConformance):
    @pytest.fixture
    def connect(self, tmp_path: Path) -> Iterator[Connect]:
        with ExitStack() as opened:

            def open_another() -> EmbeddedRegistry:
                registry = EmbeddedRegistry(tmp_path, checker=fields_have_defaults)
                opened.callback(registry.close)
                return registry

            yield open_another

    @pytest.fixture
    def registry(self, tmp_path: Path) -> Iterator[EmbeddedRegistry]:
        registry = EmbeddedRegistry(tmp_path, checker=fields_have_defaults)
        yield registry
        registry.close()


def test_without_a_checker_it_says_that_it_cannot_tell(tmp_path: Path) -> None:
    """`check` raises `CheckUnsupported`, while what parses is registered."""
    registry = EmbeddedRegistry(tmp_path)
    registry.register("s", avro("A"))
    with pytest.raises(CheckUnsupported):
        registry.check("s", avro("A", required=("b",)))
    assert registry.register("s", avro("A", required=("b",))).version == 2
    registry.close()


def test_a_json_schema_may_refer_to_a_document_by_name(tmp_path: Path) -> None:
    """A ``$ref`` to a reference's name resolves, through a chain of references, and one to anything else does not."""
    registry = EmbeddedRegistry(tmp_path)
    leaf = SchemaText(SchemaFormat.JSON_SCHEMA, '{"definitions":{"id":{"type":"string"}},"type":"object"}')
    registry.register("leaf", leaf)
    to_leaf = (SchemaReference("leaf.json", "leaf", 1),)
    middle = SchemaText(SchemaFormat.JSON_SCHEMA, '{"properties":{"id":{"$ref":"leaf.json#/definitions/id"}}}', to_leaf)
    registry.register("middle", middle)
    top = SchemaText(
        SchemaFormat.JSON_SCHEMA, '{"items":{"$ref":"middle.json"}}', (SchemaReference("middle.json", "middle", 1),)
    )
    assert registry.register("top", top).version == 1
    with pytest.raises(RegistryError):
        registry.register("bad", SchemaText(SchemaFormat.JSON_SCHEMA, '{"$ref":"other.json"}', to_leaf))
    with pytest.raises(RegistryError):
        registry.delete_subject("leaf")  # others mean it
    registry.close()


def test_it_shares_the_broker_s_store(tmp_path: Path) -> None:
    """Broker and registry of one folder are one file, and everything is there when both are opened again."""
    broker, registry = EmbeddedBroker(tmp_path), EmbeddedRegistry(tmp_path)
    registered = registry.register("s", avro("A"))
    cluster = broker.admin.cluster_id()
    broker.close()
    registry.close()
    again, broker_again = EmbeddedRegistry(tmp_path), EmbeddedBroker(tmp_path)
    assert again.version("s", "latest") == registered
    assert broker_again.admin.cluster_id() == cluster
    broker_again.close()
    again.close()


def _register_all(folder: Path, number: int) -> dict[str, RegisteredSchema]:
    registry = EmbeddedRegistry(folder)
    registered = {f"own-{number}": registry.register(f"own-{number}", avro(f"Own{number}"))}
    for i in range(30):
        # Everybody brings the same schemas, each process in its own order.
        subject = f"shared-{(i + 7 * number) % 30}"
        registered[subject] = registry.register(subject, avro(subject.replace("-", "_")))
    registry.close()
    return registered


def test_several_processes_register_at_once(tmp_path: Path) -> None:
    """Four processes open a new store and register the same schemas: one version and one id for each."""
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        answers = pool.starmap(_register_all, [(tmp_path, n) for n in range(4)])
    registry = EmbeddedRegistry(tmp_path)
    shared = [{s: r for s, r in answer.items() if s.startswith("shared-")} for answer in answers]
    assert all(answer == shared[0] for answer in shared)
    assert len({r.id for answer in answers for r in answer.values()}) == 34
    assert all(r.version == 1 for answer in answers for r in answer.values())
    assert len(registry.subjects()) == 34
    registry.close()
