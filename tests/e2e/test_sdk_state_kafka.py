"""State products through the SDK on a real Apache Kafka: tombstones, the snapshot of a compacted topic, caught up."""

from __future__ import annotations

import time

import pytest

import headrace
from headrace.adapters.kafka_broker import KafkaBroker
from headrace.interfaces.broker import OffsetAt
from headrace.local.kafka_server import KafkaServer
from headrace.provisioning.compile import compile_catalogue
from headrace.testing.small_catalogue import small_catalogue
from tests.e2e.test_sdk_kafka import app, apply
from tests.e2e.transaction_kills import read_committed

pytestmark = pytest.mark.kafka

TOPIC = "promotions.v1.acme"
QUICK_COMPACTION = {
    "cleanup.policy": "compact",
    "segment.ms": "100",
    "min.cleanable.dirty.ratio": "0.001",
    "delete.retention.ms": "60000",
}


@pytest.fixture
def server(emptied_kafka: KafkaServer) -> KafkaServer:
    apply(emptied_kafka.bootstrap, compile_catalogue(small_catalogue(), "eu"))
    return emptied_kafka


def test_a_new_consumer_gets_the_compacted_snapshot_and_is_told_when_it_has_it(server: KafkaServer) -> None:
    """Each key's last state once, a deletion as an event that is deleted, then caught_up, then what comes afterwards; a second
    run of the group is told at once and gets nothing again."""
    broker = KafkaBroker(server.bootstrap)
    broker.admin.set_configs({TOPIC: QUICK_COMPACTION})
    with app(server.bootstrap, "promo-pricing") as pricing:
        promotions = pricing.producer("promotions")

        def put(promotion: str, discount: float) -> None:
            promotions.publish("PromotionSet", {"promotionId": promotion, "discount": discount}, tenant="acme").result(
                30
            )

        for discount in (0.1, 0.2, 0.3):
            for promotion in ("spring", "summer", "winter"):
                put(promotion, discount)
        promotions.delete("PromotionSet", {"promotionId": "winter"}, tenant="acme").result(30)
        # Until only the last of each key is left (and what closes the segments).
        deadline = time.monotonic() + 90
        filler = 0
        while True:
            records = read_committed(broker, TOPIC)
            keys = [record.key for record in records if b"filler" not in (record.key or b"")]
            if len(keys) == len(set(keys)) == 3:
                break
            assert time.monotonic() < deadline, keys
            filler += 1
            put(f"filler-{filler % 2}", 0.0)
            time.sleep(0.3)
        assert {record.value is None for record in records if b"winter" in (record.key or b"")} == {True}

        def follow(until: int) -> tuple[list[tuple[str, object]], list[int]]:
            seen: list[tuple[str, object]] = []
            told: list[int] = []
            plan = app(server.bootstrap, "plan")

            @plan.consumer("promotions", purpose="mirror", caught_up=lambda tenant: told.append(len(seen)))
            def on_promotion(event: headrace.Event) -> None:
                key = str(event.key)
                if "filler" not in key:
                    name = next(name for name in ("spring", "summer", "winter", "autumn") if name in key)
                    seen.append((name, None if event.deleted else event.data["discount"]))

            with plan:
                plan.start()
                waited = time.monotonic() + 60
                while not told:
                    assert time.monotonic() < waited, "it was never told"
                    time.sleep(0.02)
                if until > len(seen):
                    put("autumn", 0.5)
                while len(seen) < until:
                    assert time.monotonic() < waited, seen
                    time.sleep(0.02)
                assert plan.wait_until_caught_up(30)
            return seen, told

        seen, told = follow(4)
        assert dict(seen[:3]) == {"spring": 0.3, "summer": 0.3, "winter": None}
        assert told == [3]
        assert seen[3:] == [("autumn", 0.5)]
        assert follow(0) == ([], [0])
    assert broker.admin.offsets(["dlq.plan"], OffsetAt.LATEST) == {"dlq.plan": 0}
    broker.close()
