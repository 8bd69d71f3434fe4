"""Transactions through the whole SDK on the embedded broker, in several processes that are killed."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

import headrace
from headrace.adapters.embedded_broker import EmbeddedBroker
from headrace.testing.embedded_cluster import apply_small_catalogue
from tests.e2e.transaction_kills import kill_while_they_copy


@pytest.mark.slow
def test_killed_members_of_a_transactional_consumer_lose_and_repeat_nothing(tmp_path: Path) -> None:
    """Ten kills of two members: each event's output is there once, in order; so are the dead letters."""
    seed = int(os.environ.get("HEADRACE_KILL_SEED", random.randrange(1_000_000)))
    print("seed", seed)
    apply_small_catalogue(tmp_path / "eu")
    cluster = f"embedded:{tmp_path / 'eu'}"
    broker = EmbeddedBroker(tmp_path / "eu")
    source = headrace.App("data-api", region="eu", cluster=cluster)
    try:
        kill_while_they_copy(broker, source, cluster, tmp_path, kills=10, chance=random.Random(seed))
    finally:
        broker.close()
