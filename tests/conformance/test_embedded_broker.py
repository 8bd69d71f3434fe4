"""The embedded broker keeps what every broker keeps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from headrace.adapters.embedded_broker import EmbeddedBroker
from headrace.testing.conformance.broker import BrokerConformance
from headrace.testing.conformance.broker_members import Cluster
from headrace.testing.conformance.support import Compact, Connect

SESSION_S = 2.0


class TestEmbeddedBroker(BrokerConformance):
    @pytest.fixture
    def connect(self, tmp_path: Path) -> Iterator[Connect]:
        with ExitStack() as opened:

            def open_another() -> EmbeddedBroker:
                broker = EmbeddedBroker(tmp_path, session_s=SESSION_S)
                opened.callback(broker.close)
                return broker

            yield open_another

    @pytest.fixture
    def broker(self, tmp_path: Path) -> Iterator[EmbeddedBroker]:
        broker = EmbeddedBroker(tmp_path, session_s=SESSION_S)
        yield broker
        broker.close()

    @pytest.fixture
    def compact(self, broker: EmbeddedBroker) -> Compact:
        return lambda topic: broker.maintain()

    @pytest.fixture
    def narrow(self, tmp_path: Path) -> Iterator[EmbeddedBroker]:
        broker = EmbeddedBroker(tmp_path, max_records=10)
        yield broker
        broker.close()

    @pytest.fixture
    def cluster(self, tmp_path: Path) -> Cluster:
        return Cluster(
            "headrace.adapters.embedded_broker:EmbeddedBroker", str(tmp_path), {"session_s": SESSION_S}, SESSION_S
        )
