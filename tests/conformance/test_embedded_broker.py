"""The embedded broker keeps what every broker keeps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from headrace.adapters.embedded_broker import EmbeddedBroker
from headrace.testing.conformance.broker import BrokerConformance
from headrace.testing.conformance.support import Compact, Connect


class TestEmbeddedBroker(BrokerConformance):
    @pytest.fixture
    def connect(self, tmp_path: Path) -> Iterator[Connect]:
        with ExitStack() as opened:

            def open_another() -> EmbeddedBroker:
                broker = EmbeddedBroker(tmp_path)
                opened.callback(broker.close)
                return broker

            yield open_another

    @pytest.fixture
    def broker(self, tmp_path: Path) -> Iterator[EmbeddedBroker]:
        broker = EmbeddedBroker(tmp_path)
        yield broker
        broker.close()

    @pytest.fixture
    def compact(self, broker: EmbeddedBroker) -> Compact:
        return lambda topic: broker.maintain()
