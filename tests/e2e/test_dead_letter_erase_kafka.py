"""A dead letter that is erased leaves nothing of its value in the log's bytes, once the topic is compacted."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import headrace
from headrace.adapters.kafka_broker import KafkaBroker
from headrace.local.kafka_server import KafkaServer
from headrace.provisioning.compile import compile_catalogue
from headrace.streaming.app import App
from headrace.streaming.dead_letter import erase_dead_letters, parse_dead_letter
from headrace.testing.small_catalogue import small_catalogue
from tests.e2e.test_sdk_kafka import app, apply
from tests.e2e.transaction_kills import read_committed

pytestmark = pytest.mark.kafka

QUICK_COMPACTION = {
    "cleanup.policy": "compact",
    "segment.ms": "100",  # segments that are written to are not compacted
    "max.compaction.lag.ms": "100",
    "min.cleanable.dirty.ratio": "0.001",
    # Its bytes are to be found while they are there.
    "compression.type": "uncompressed",
}


@pytest.fixture
def server(emptied_kafka: KafkaServer) -> KafkaServer:
    apply(emptied_kafka.bootstrap, compile_catalogue(small_catalogue(), "eu"))
    return emptied_kafka


def in_files(folder: Path, text: bytes) -> list[str]:
    """The files of a partition that hold ``text``, those included that are about to be deleted."""
    found = []
    for path in folder.iterdir():
        try:
            if text in path.read_bytes():
                found.append(path.name)
        except FileNotFoundError:  # deleted between listing and reading
            continue
    return found


def rejecting(server: KafkaServer) -> App:
    plan = app(server.bootstrap, "plan")

    @plan.consumer("sales-events", purpose="strict", reject_limit=headrace.RejectLimit(consecutive=1000, ratio=1.0))
    def on_sale(event: headrace.Event) -> None:
        raise headrace.Reject("not for us")

    return plan


def test_nothing_of_an_erased_dead_letter_is_left_in_the_segment_files(server: KafkaServer) -> None:
    """Keyed by group, topic id, partition and offset; erased by its key, its value disappears from every file of the log, and
    another one's stays."""
    secret, kept = "card-4111-1111-1111-1111", "nothing-of-interest"
    broker = KafkaBroker(server.bootstrap)
    broker.admin.set_configs({"dlq.plan": QUICK_COMPACTION})
    with app(server.bootstrap, "data-api") as data_api, rejecting(server) as plan:
        sales = data_api.producer("sales-events")

        def publish(note: str) -> None:
            data = {"storeId": "s", "productId": "p", "quantity": 1, "note": note}
            sales.publish("SaleRecorded", data, tenant="acme").result(30)

        publish(secret)
        publish(kept)
        plan.start()
        assert plan.wait_until_caught_up(30)

        folder = server.data_folder() / "dlq.plan-0"
        letters = read_committed(broker, "dlq.plan")
        topic_id = broker.admin.topics("sales-events.v1.acme")["sales-events.v1.acme"].id
        assert [letter.key for letter in letters] == [f"plan.strict/{topic_id}/0/{n}".encode() for n in (0, 1)]
        assert in_files(folder, secret.encode()), "the test would prove nothing"

        writer = broker.writer()
        key = next(letter.key for letter in letters if secret.encode() in (letter.value or b""))
        assert key is not None
        assert erase_dead_letters(writer, "plan", [key], timeout=30) == 1
        writer.close()

        deadline = time.monotonic() + 90
        while left := in_files(folder, secret.encode()):
            assert time.monotonic() < deadline, left
            # More rejects close the segment that holds the value; in a quiet log the next one does.
            publish("filler")
            time.sleep(0.3)
        assert in_files(folder, kept.encode())
    remaining = [letter for letter in read_committed(broker, "dlq.plan") if letter.value is not None]
    assert key not in [letter.key for letter in remaining]
    assert parse_dead_letter(remaining[0]).record.offset == 1
    broker.close()
