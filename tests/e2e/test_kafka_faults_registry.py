"""The registry is gone: known schemas go on, unknown ones wait or raise, and all is well when it is back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

import headrace
from headrace.adapters.http_registry import HttpRegistry
from headrace.adapters.kafka_broker import KafkaBroker
from headrace.errors import RegistryUnavailable
from headrace.interfaces.broker import TopicSpec
from headrace.local.kafka_server import KafkaServer
from headrace.model import names
from headrace.model.compiled import CompiledCatalogue
from headrace.provisioning.compile import compose_catalogue
from headrace.testing.fault_proxy import FaultProxy
from headrace.testing.registry_server import ServedRegistry
from headrace.testing.small_catalogue import small_catalogue
from tests.e2e.fault_parts import FEW, PATIENCE_S, app, many_tenants, topics_of, until

pytestmark = pytest.mark.kafka


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedRegistry]:
    """A registry over HTTP."""
    with ServedRegistry(tmp_path / "registry") as running:
        yield running


@pytest.fixture
def proxy(served: ServedRegistry) -> Iterator[FaultProxy]:
    """What stands before it."""
    with FaultProxy(int(served.url.rsplit(":", 1)[1])) as running:
        yield running


@pytest.fixture
def broker(kafka_server: KafkaServer) -> Iterator[KafkaBroker]:
    """The test's own connection."""
    opened = KafkaBroker(kafka_server.bootstrap)
    yield opened
    opened.close()


@pytest.fixture
def direct(served: ServedRegistry) -> Iterator[HttpRegistry]:
    """The registry as apply uses it."""
    opened = HttpRegistry(served.url)
    yield opened
    opened.close()


@pytest.fixture
def through(proxy: FaultProxy) -> Iterator[HttpRegistry]:
    """The registry as the consumer under test uses it, without patience of its own."""
    opened = HttpRegistry(f"http://127.0.0.1:{proxy.port}", properties={"timeout": "1", "max.retries": "0"})
    yield opened
    opened.close()


def writing(compiled: CompiledCatalogue, product: str, version: int) -> CompiledCatalogue:
    """The catalogue of a producer of that schema version."""
    made = compiled.products[product]
    producers = {name: replace(producing, schema_version=version) for name, producing in made.producers.items()}
    return replace(compiled, products={**compiled.products, product: replace(made, producers=producers)})


def older(compiled: CompiledCatalogue, product: str) -> CompiledCatalogue:
    """The catalogue as it was before the second schema version."""
    made = compiled.products[product]
    schemas = tuple(schema for schema in made.schemas if schema.version == 1)
    return replace(compiled, products={**compiled.products, product: replace(made, schemas=schemas)})


@pytest.mark.parametrize("how", ["refuse", "stall"])
def test_without_the_registry_known_schemas_go_on_and_unknown_ones_wait(
    kafka_server: KafkaServer,
    broker: KafkaBroker,
    direct: HttpRegistry,
    through: HttpRegistry,
    proxy: FaultProxy,
    unique: str,
    how: str,
) -> None:
    """Producer and consumers of known schemas do not notice. A lane whose next event is written in a schema that the
    consumer has never seen waits, in order, and goes on by itself; the other lanes do not wait for it."""
    product = f"sales-{unique}"
    composed = compose_catalogue(small_catalogue())
    subject = names.subject(names.topic(product, 1, FEW[0]))
    ids = {
        (f"{product}.v1", version): direct.register(subject, composed["sales-events.v1", version]).id
        for version in (1, 2)
    }
    compiled = many_tenants([product], FEW, ids)
    refused = broker.admin.create_topics([TopicSpec(topic) for topic in topics_of(compiled, f"{product}.v1")])
    assert not any(refused.values())

    seen: dict[str, list[int]] = {tenant: [] for tenant in FEW}
    plan = app(kafka_server.bootstrap, "plan", registry=through, catalogue=older(compiled, f"{product}.v1"))

    @plan.consumer(product, purpose=unique, retry=headrace.Backoff("100ms", "500ms"))
    def on_sale(event: headrace.Event) -> None:
        seen[event.tenant].append(event.data["quantity"])

    def publish(version: int, tenants: tuple[str, ...], quantities: range) -> None:
        catalogue = writing(compiled, f"{product}.v1", version)
        with app(kafka_server.bootstrap, "data-api", catalogue=catalogue) as connected:
            producer = connected.producer(product)
            for quantity in quantities:
                for tenant in tenants:
                    data = {"storeId": "s", "productId": "p", "quantity": quantity}
                    producer.publish("SaleRecorded", data, tenant=tenant)

    proxy.mode(how)  # type: ignore[arg-type]
    with plan:
        plan.start()
        publish(1, FEW, range(1, 6))
        until(lambda: all(found == [1, 2, 3, 4, 5] for found in seen.values()), PATIENCE_S, "known schemas go on")
        publish(2, FEW[:1], range(6, 9))
        publish(1, FEW, range(9, 11))
        rest = [1, 2, 3, 4, 5, 9, 10]
        until(lambda: all(seen[tenant] == rest for tenant in FEW[1:]), PATIENCE_S, "the other lanes go on")
        with pytest.raises(RegistryUnavailable):
            through.by_id(ids[f"{product}.v1", 2])
        assert seen[FEW[0]] == [1, 2, 3, 4, 5]
        proxy.mode("pass")
        back = time.monotonic()
        until(lambda: seen[FEW[0]] == list(range(1, 11)), PATIENCE_S, "the lane goes on, in order")
        print(f"{how}: the lane goes on {time.monotonic() - back:.1f} s after the registry is back")
        assert not plan.stopped
        assert plan.statistics().total("rejected") == 0
