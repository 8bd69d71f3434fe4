"""Watching a group: what is told when no topics come, and when the classic protocol cannot carry the group."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import ConsumerGroupState, KafkaError, KafkaException

from headrace.adapters.kafka_group import CLASSIC_LOOK_S, CLASSIC_MOST_BYTES, SETTLE_S, GroupWatch
from headrace.clock import ManualClock
from headrace.errors import BrokerUnavailable, GroupTooLarge, GroupUnsettled

STABLE = ConsumerGroupState.STABLE
REBALANCING = ConsumerGroupState.PREPARING_REBALANCING


class _Admin:
    """Answers with the group that the test sets, when it sets it."""

    def __init__(self) -> None:
        self.there: set[str] = set()
        self.asked: list[Future[Any]] = []
        self.at_once: Any = _group(ConsumerGroupState.DEAD)

    def names(self, prefix: str) -> set[str]:
        return {name for name in self.there if name.startswith(prefix)}

    def ask_group(self, group: str) -> Future[Any]:
        future: Future[Any] = Future()
        self.asked.append(future)
        if self.at_once is not None:
            future.set_result(self.at_once)
        return future


def _group(state: ConsumerGroupState, **members: list[str]) -> Any:
    return SimpleNamespace(
        state=state,
        members=[
            SimpleNamespace(
                member_id=name,
                assignment=SimpleNamespace(topic_partitions=[SimpleNamespace(topic=topic) for topic in topics]),
            )
            for name, topics in members.items()
        ],
    )


def _me() -> str:
    return "me"


@pytest.fixture
def clock() -> ManualClock:
    """Time that the test moves."""
    return ManualClock()


@pytest.fixture
def admin() -> _Admin:
    """What the broker answers."""
    return _Admin()


def _watch(admin: _Admin, clock: ManualClock, *, classic: bool = False) -> GroupWatch:
    return GroupWatch(admin, "plan.main", clock, classic=classic)  # type: ignore[arg-type]  # two of its methods


def _later(watch: GroupWatch, clock: ManualClock, seconds: float) -> None:
    clock.advance(seconds)
    watch.check(_me)
    watch.check(_me)


def test_a_member_without_topics_in_a_group_that_moves_is_told_each_minute(admin: _Admin, clock: ManualClock) -> None:
    """After a minute without topics, while the group is not stable, check raises, and again a minute later, not before."""
    watch = _watch(admin, clock)
    watch.joining(["sales-events.v1."])
    watch.check(_me)
    admin.at_once = _group(REBALANCING, me=[], other=["sales-events.v1.acme"])
    _later(watch, clock, SETTLE_S - 1)
    with pytest.raises(GroupUnsettled, match="with 2 members") as caught:
        _later(watch, clock, 2)
    assert caught.value.retryable and caught.value.hint
    _later(watch, clock, SETTLE_S - 1)
    with pytest.raises(GroupUnsettled):
        _later(watch, clock, 2)


def test_a_member_that_the_group_does_not_know_is_told(admin: _Admin, clock: ManualClock) -> None:
    """A stable group without this member has not let it in."""
    watch = _watch(admin, clock)
    watch.joining(["a."])
    watch.check(_me)
    admin.at_once = _group(STABLE, other=["a.x"])
    with pytest.raises(GroupUnsettled):
        _later(watch, clock, SETTLE_S)


def test_a_member_for_whom_there_is_nothing_has_settled(admin: _Admin, clock: ManualClock) -> None:
    """In a stable group that counts it, a member without topics is as it should be, until topics move again."""
    watch = _watch(admin, clock)
    watch.joining(["a."])
    watch.check(_me)
    admin.at_once = _group(STABLE, me=[], other=["a.x"])
    _later(watch, clock, SETTLE_S)
    admin.at_once = _group(REBALANCING, me=[])
    _later(watch, clock, SETTLE_S * 5)
    watch.moved()
    watch.check(_me)
    with pytest.raises(GroupUnsettled):
        _later(watch, clock, SETTLE_S)


def test_the_minute_begins_with_the_first_poll_and_ends_with_topics(admin: _Admin, clock: ManualClock) -> None:
    """Time before the first check does not count; once topics have come nobody is asked."""
    watch = _watch(admin, clock)
    watch.joining(["a."])
    admin.at_once = _group(REBALANCING)
    _later(watch, clock, SETTLE_S * 2)
    watch.settled()
    _later(watch, clock, SETTLE_S * 2)
    assert admin.asked == []


def test_a_broker_that_does_not_answer_is_the_reason(admin: _Admin, clock: ManualClock) -> None:
    """Where the group cannot be described, the error says why, and its cause is that."""
    watch = _watch(admin, clock)
    watch.joining(["a."])
    watch.check(_me)
    admin.at_once = None
    _later(watch, clock, SETTLE_S)
    _later(watch, clock, SETTLE_S)
    (asked,) = admin.asked
    asked.set_exception(KafkaException(KafkaError(KafkaError._TRANSPORT)))
    with pytest.raises(GroupUnsettled) as caught:
        watch.check(_me)
    assert isinstance(caught.value.__cause__, BrokerUnavailable)


def test_a_classic_group_that_would_be_too_large_is_not_joined(admin: _Admin, clock: ManualClock) -> None:
    """Members, with the one that joins, times the bytes of the names: at the limit it is joined, beyond it is not."""
    admin.there = {f"a.{i:098}" for i in range(1_000)}
    admin.at_once = _group(STABLE, **{f"m{i}": [] for i in range(CLASSIC_MOST_BYTES // 100_000 - 1)})
    _watch(admin, clock, classic=True).joining(["a."])
    admin.there.add("a.more")
    with pytest.raises(GroupTooLarge, match=r"group\.protocol=consumer") as caught:
        _watch(admin, clock, classic=True).joining(["a."])
    assert caught.value.data["size"] > caught.value.data["limit"]
    _watch(admin, clock).joining(["a."])


def test_a_classic_group_that_grows_too_large_is_told(admin: _Admin, clock: ManualClock) -> None:
    """A running member looks from time to time, without waiting for the answer."""
    watch = _watch(admin, clock, classic=True)
    watch.joining(["a."])
    watch.settled()
    topics = [f"a.{i:098}" for i in range(1_000)]
    admin.at_once = _group(STABLE, **{f"m{i}": topics[i::6] for i in range(6)})
    _later(watch, clock, CLASSIC_LOOK_S - 1)
    with pytest.raises(GroupTooLarge):
        _later(watch, clock, 1)


def test_a_classic_group_that_comes_close_is_warned(
    admin: _Admin, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """From four fifths of the limit on the log says what will come."""
    admin.there = {f"a.{i:098}" for i in range(1_000)}
    admin.at_once = _group(STABLE, **{f"m{i}": [] for i in range(4)})
    _watch(admin, clock, classic=True).joining(["a."])
    assert "beyond 500000" in caplog.text
