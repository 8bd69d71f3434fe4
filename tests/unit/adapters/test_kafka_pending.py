"""Receipts of the Kafka writer, settled in order whatever the order of the producer's reports."""

from __future__ import annotations

from confluent_kafka import KafkaError
from hypothesis import given
from hypothesis import strategies as st

from headrace.adapters.kafka_pending import Pending
from headrace.errors import BrokerUnavailable, Closed
from headrace.interfaces.receipt import Receipt

_FAILED = KafkaError(KafkaError._TRANSPORT)


@st.composite
def _histories(draw: st.DrawFn) -> tuple[list[tuple[str, bool]], list[int], list[int]]:
    records = draw(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=40))
    order = draw(st.permutations(range(len(records))))
    cuts = draw(st.lists(st.integers(0, len(records)), max_size=6))
    return records, list(order), sorted(cuts)


@given(_histories())
def test_receipts_settle_in_order_with_their_own_result(
    history: tuple[list[tuple[str, bool]], list[int], list[int]],
) -> None:
    """For any order of reports, in any batches: each receipt gets its own result, after the ones before it in its topic."""
    records, order, cuts = history
    pending = Pending()
    receipts: list[Receipt] = []
    settled: list[Receipt] = []
    for topic, _ in records:
        receipt = pending.give(topic, None)
        receipt.add_done_callback(settled.append)
        receipts.append(receipt)
    reports = [(receipts[i], None if records[i][1] else _FAILED, 1000 + i if records[i][1] else -1, i) for i in order]
    for start, end in zip([0, *cuts], [*cuts, len(reports)], strict=True):
        pending.settle_reports(reports[start:end])
        for topic in "abc":
            mine = [r for r in receipts if r.topic == topic]
            assert [r for r in settled if r.topic == topic] == mine[: sum(r.done for r in mine)]
    assert len(settled) == len(receipts)
    assert len(pending) == 0
    for i, receipt in enumerate(receipts):
        assert (receipt.offset, receipt.timestamp) == ((1000 + i, i) if records[i][1] else (-1, -1))
        assert isinstance(receipt.error, BrokerUnavailable) is not records[i][1]


def test_a_run_of_one_batch_is_settled_at_once() -> None:
    """Consecutive offsets with one time are one run: whoever waits is woken once, with all of them settled."""
    pending = Pending()
    receipts = [pending.give("t", None) for _ in range(100)]
    seen: list[int] = []
    receipts[0].add_done_callback(lambda _: seen.append(sum(r.done for r in receipts)))
    pending.settle_reports([(receipt, None, i, 5) for i, receipt in enumerate(receipts)])
    assert seen == [100]


def test_what_is_left_fails_in_order() -> None:
    """Giving up fails every receipt that is left, in order within a topic; a report that comes later changes nothing."""
    pending = Pending()
    receipts = [pending.give(topic, None) for topic in "abab"]
    failed: list[Receipt] = []
    for receipt in receipts:
        receipt.add_done_callback(failed.append)
    pending.settle_reports([(receipts[2], None, 7, 7)])  # early: it waits for the first
    pending.fail_all(lambda topic: Closed(f"closed: {topic}"))
    pending.settle_reports([(receipts[0], None, 6, 6)])
    assert [r for r in failed if r.topic == "a"] == [receipts[0], receipts[2]]
    assert all(isinstance(r.error, Closed) for r in receipts)
    assert len(pending) == 0
