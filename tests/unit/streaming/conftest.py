from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headrace.clock import Clock, ManualClock
from headrace.interfaces.broker import TopicSpec
from headrace.model import names
from headrace.model.compiled import CompiledCatalogue
from headrace.provisioning.compile import compile_catalogue
from headrace.streaming.app import App
from headrace.streaming.catalogue_feed import FixedCatalogue
from headrace.streaming.connection import Connection
from headrace.streaming.limits import Limits
from headrace.testing.memory_broker import MemoryBroker
from headrace.testing.small_catalogue import small_catalogue


class World:
    """A region in memory with the small catalogue applied: apps of any application connect to it."""

    def __init__(self, compiled: CompiledCatalogue, clock: Clock) -> None:
        self.clock = clock
        self.catalogue = compiled
        self.broker = MemoryBroker(clock=clock)
        self.feed = FixedCatalogue(compiled)
        for product in compiled.products.values():
            for tenant in compiled.tenants.values():
                if tenant.takes(product.id):
                    self.broker.create(TopicSpec(product.topic_name(tenant.id)))
        for application in compiled.applications:
            self.broker.create(TopicSpec(names.dead_letter(application)))

    def app(self, application: str, *, registry: Any = None, **limits: Any) -> App:
        return App(
            lambda: Connection(
                application=application,
                region=self.catalogue.region,
                broker=self.broker,
                feed=self.feed,
                registry=registry,
                limits=Limits(**({"drain_timeout": 5.0, "commit_interval": 0.05, "workers": 4} | limits)),
                clock=self.clock,
            )
        )

    def records(self, topic: str) -> list[Any]:
        return list(self.broker.logs[topic].records)

    def total(self) -> int:
        return sum(len(log.records) for log in self.broker.logs.values())


@pytest.fixture(scope="session")
def compiled() -> CompiledCatalogue:
    return compile_catalogue(small_catalogue(), "eu")


@pytest.fixture
def make_world(compiled: CompiledCatalogue) -> Callable[..., World]:
    def make(catalogue: CompiledCatalogue | None = None, clock: Clock | None = None) -> World:
        return World(catalogue or compiled, clock or ManualClock())

    return make
