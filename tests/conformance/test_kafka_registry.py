"""The registry on a topic keeps what every registry keeps, also when several servers write to one topic."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TypeVar

import pytest

from headrace.adapters.kafka_broker import KafkaBroker
from headrace.adapters.kafka_registry import KafkaRegistry, open_kafka_registry
from headrace.errors import RegistryError
from headrace.interfaces.broker import TopicSpec
from headrace.local.kafka_server import KafkaServer
from headrace.model.record import Record
from headrace.model.schema import Compatibility, RegisteredSchema
from headrace.testing.conformance.registry import BulkRegistryConformance, Connect, RegistryConformance, avro, own_name
from headrace.testing.conformance.registry_api import fields_checker

T = TypeVar("T")

pytestmark = pytest.mark.kafka


@pytest.fixture
def connect(kafka_server: KafkaServer, unique: str) -> Iterator[Connect]:
    """Opens the registry of one topic, each time as another server would."""
    with ExitStack() as opened:

        def open_another() -> KafkaRegistry:
            registry = open_kafka_registry(kafka_server.bootstrap, topic=unique, checker=fields_checker)
            opened.callback(registry.close)
            return registry

        yield open_another


@pytest.fixture
def registry(connect: Connect) -> KafkaRegistry:
    registry = connect()
    assert isinstance(registry, KafkaRegistry)
    return registry


class TestKafkaRegistry(RegistryConformance, BulkRegistryConformance):
    """The fixtures above."""


def test_servers_of_one_topic_never_give_one_id_to_two_schemas(registry: KafkaRegistry, connect: Connect) -> None:
    """Three servers register at once, shared schemas and their own, taking the right to write from each other: one id for
    each schema, one schema for each id, and all of them agree on it, as does one that starts afterwards."""
    servers = [registry, connect(), connect()]
    shared = [avro(own_name()) for _ in range(4)]

    def work(number: int) -> list[RegisteredSchema]:
        server = servers[number]
        own = [server.register(f"own-{number}", avro(f"Own{number}", *"abc"[:i])) for i in range(3)]
        return own + [server.register(f"shared-{i % 4}", shared[i % 4]) for i in range(number, number + 4)]

    with ThreadPoolExecutor(3) as pool:
        answers = [answer for answers in pool.map(work, range(3)) for answer in answers]
    by_id: dict[int, set[str]] = {}
    for answer in answers:
        by_id.setdefault(answer.id, set()).add(answer.schema.text)
    assert sorted(by_id) == list(range(1, 14))  # no number was given in vain
    assert all(len(texts) == 1 for texts in by_id.values())
    for server in (*servers, connect()):
        assert {answer: server.version(answer.subject, answer.version) for answer in answers} == {a: a for a in answers}
        assert all(server.versions(f"shared-{i}") == [1] for i in range(4))


def test_a_server_that_ended_in_the_middle_of_a_write_leaves_nothing_of_it(
    kafka_server: KafkaServer, registry: KafkaRegistry, connect: Connect, unique: str
) -> None:
    """What a server had begun to write when it was killed is not read, and does not hold up the next one."""
    before = registry.register("s", avro("A"))
    broker = KafkaBroker(kafka_server.bootstrap)
    writer = broker.transactional_writer(f"headrace-registry.{unique}")
    writer.begin()
    torn = b'{"keytype":"VERSION","subject":"torn","version":1}'
    writer.publish(unique, Record(torn, b'{"id":1,"deleted":false}')).add_done_callback(lambda _: None)
    # It never commits: whoever writes next takes the fence over and so aborts it.
    after = registry.register("s", avro("A", "b"))
    assert (after.version, after.id) == (2, before.id + 1)
    assert connect().subjects() == ["s"]
    broker.close()


def test_a_compacted_topic_is_replayed(kafka_server: KafkaServer, registry: KafkaRegistry, connect: Connect) -> None:
    """Levels set again and again, a subject deleted and another kept: a server that starts later has the last of each."""
    schema = avro(own_name())
    for level in (Compatibility.FULL, Compatibility.NONE, Compatibility.FORWARD):
        registry.set_compatibility("kept", level)
    kept = registry.register("kept", schema)
    registry.register("gone", schema)
    assert registry.delete_subject("gone") == [1]
    later = connect()
    assert later.subjects() == ["kept"]
    assert later.compatibility("kept") is Compatibility.FORWARD
    assert later.by_id(kept.id) == schema


def test_a_topic_that_is_not_a_registry_s_is_refused(kafka_server: KafkaServer, unique: str) -> None:
    """One that is not compacted would lose schemas in time; one with other records cannot be understood. Both are said."""
    broker = KafkaBroker(kafka_server.bootstrap)
    other = f"{unique}.other"
    broker.admin.create_topics([TopicSpec(unique), TopicSpec(other, {"cleanup.policy": "compact"})])
    with pytest.raises(RegistryError, match="compacted"):
        open_kafka_registry(kafka_server.bootstrap, topic=unique)
    writer = broker.writer()
    writer.publish(other, Record(b"key", b"value")).result(10)
    with pytest.raises(RegistryError, match="cannot read"):
        open_kafka_registry(kafka_server.bootstrap, topic=other)
    broker.close()


def _once_it_is_back(call: Callable[[], T]) -> T:
    """What it answers, once it does: a cluster that has just started is still choosing leaders."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return call()
        except RegistryError as error:
            if not error.retryable or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def test_ids_are_answered_while_the_cluster_is_away(unique: str) -> None:
    """What an id means never changes, so it is told from memory; what may change is an error, and the server is there again
    when the cluster is."""
    with KafkaServer() as server:
        properties = {"socket.timeout.ms": "2000"}
        registry = open_kafka_registry(server.bootstrap, topic=unique, properties=properties)
        registered = registry.register("s", avro("A"))
        server.halt()
        assert registry.by_id(registered.id) == avro("A")
        with pytest.raises(RegistryError) as raised:
            registry.versions("s")
        assert raised.value.retryable
        server.start()
        assert _once_it_is_back(lambda: registry.versions("s")) == [1]
        assert registry.register("s", avro("A", "b")).version == 2
        registry.close()
