from __future__ import annotations

import threading

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from headrace.errors import LaneStopped, TopicMissing
from headrace.interfaces.receipt import Receipt, settle
from headrace.model.record import StoredRecord
from headrace.streaming.lanes import RECORD_BYTES, Lane, LaneState
from headrace.streaming.outcome import Batch


def record(offset: int, size: int = 10) -> StoredRecord:
    return StoredRecord("p.v1.acme", offset, 0, None, b"x" * size)


def lane(**options: object) -> Lane:
    return Lane("p.v1.acme", "acme", start=0, **options)  # type: ignore[arg-type]


def test_the_head_stays_until_it_is_settled() -> None:
    """Taking does not remove: what was taken is handed out again until it is settled, in order."""
    one = lane()
    one.feed([record(0), record(1)], 2, 0.0)
    assert [r.offset for r in one.take()] == [0]
    assert [r.offset for r in one.take()] == [0]
    one.settle(1, 0.0)
    assert [r.offset for r in one.take()] == [1]
    assert one.done == 1


def test_a_gap_in_the_log_is_committed_once_nothing_is_left_before_it() -> None:
    """Offsets that compaction removed count as settled when the records before them are, not earlier."""
    one = lane()
    one.feed([record(0)], 7, 0.0)
    assert one.done == 0
    one.settle(1, 0.0)
    assert one.done == 7
    one.feed([], 9, 0.0)
    assert one.done == 9


def test_a_batch_waits_until_it_is_full_or_its_time_has_come() -> None:
    """A full batch is due at once, a part of one after its time, and without lingering at once."""
    one = lane(batch=Batch(3, "2s"))
    one.feed([record(0), record(1)], 2, 10.0)
    assert one.due(10.5) == 12.0
    assert one.due(10.5, linger=False) == 0.0
    one.feed([record(2), record(3)], 4, 11.0)
    assert one.due(11.0) == 0.0
    assert [r.offset for r in one.take()] == [0, 1, 2]


def test_a_retry_is_not_due_before_its_time_and_counts_only_errors() -> None:
    """After `again` the head waits; attempts grow, and only unexpected errors are counted as such."""
    one = lane()
    one.feed([record(0)], 1, 0.0)
    one.again(5.0, error=False)
    one.again(6.0, error=True)
    assert one.due(1.0) == 6.0
    assert (one.attempt, one.errors) == (3, 1)
    one.settle(1, 6.0)
    assert (one.attempt, one.errors) == (1, 0)


def test_a_failed_batch_is_handed_out_singly_with_one_more_error_each() -> None:
    """Each event of a batch that failed as a whole comes alone and has one last attempt of its own."""
    one = lane(batch=Batch(3, "1s"))
    one.feed([record(i) for i in range(4)], 4, 0.0)
    one.one_by_one(3, errors=4)
    for offset in range(3):
        assert [r.offset for r in one.take()] == [offset]
        assert one.errors == 4
        one.settle(1, 0.0)
    assert one.errors == 0
    assert one.single == 0


def test_a_lane_holds_when_as_much_as_allowed_is_settled_without_a_commit() -> None:
    """Nothing is handed out past the bound until a commit; so that many records at most come again after a crash."""
    one = lane(uncommitted_limit=2)
    one.feed([record(i) for i in range(3)], 3, 0.0)
    one.settle(1, 0.0)
    one.settle(1, 0.0)
    assert one.full
    assert one.due(100.0) is None
    one.commit_to(2)
    assert one.due(100.0) == 0.0


def test_a_commit_waits_for_what_the_handler_published() -> None:
    """An offset is safe only once the receipts of its handler's publishing are settled; a failed one is reported."""
    condition = threading.Condition()
    first, second = Receipt(condition, "t"), Receipt(condition, "t")
    one = lane()
    one.feed([record(i) for i in range(3)], 3, 0.0)
    one.settle(3, 0.0)
    one.publishing.extend([(0, first), (1, second)])
    assert one.safe_offset() == (0, None)
    settle(condition, [first], 0, 0)
    assert one.safe_offset() == (1, None)
    error = TopicMissing("gone")
    settle(condition, [second], error=error)
    assert one.safe_offset() == (1, error)


def test_a_stopped_lane_gives_its_memory_back_and_takes_nothing() -> None:
    """Stopping frees what is buffered, keeps what is settled, and feeding it changes nothing."""
    one = lane()
    one.feed([record(0), record(1, 100)], 2, 0.0)
    one.settle(1, 0.0)
    assert one.stop(LaneStopped("stop")) == 100 + RECORD_BYTES
    assert one.state is LaneState.STOPPED
    assert one.feed([record(2)], 3, 0.0) == 0
    assert (one.bytes, one.done, one.due(0.0)) == (0, 1, None)


def test_only_the_last_duplicates_are_remembered() -> None:
    """The window of (source, id) is bounded: what has left it is no duplicate any more."""
    one = lane(remember=2)
    one.remember([("s", "1"), ("s", "2"), ("s", "3")])
    assert [one.is_duplicate("s", n) for n in "123"] == [False, True, True]
    assert not lane().is_duplicate("s", "1")


class Lanes(RuleBasedStateMachine):
    """Any order of feeding, taking, settling, retrying and committing."""

    @initialize(size=st.integers(1, 4), limit=st.integers(1, 8))
    def begin(self, size: int, limit: int) -> None:
        self.lane = lane(batch=Batch(size, "1s") if size > 1 else None, uncommitted_limit=limit)
        self.limit = limit
        self.next = 0
        self.fed: list[int] = []
        self.settled: list[int] = []
        self.now = 0.0

    @rule(gaps=st.lists(st.integers(1, 3), max_size=5), after=st.integers(0, 2))
    def feed(self, gaps: list[int], after: int) -> None:
        records = []
        for gap in gaps:
            self.next += gap - 1
            records.append(record(self.next))
            self.fed.append(self.next)
            self.next += 1
        self.next += after
        self.lane.feed(records, self.next, self.now)

    @precondition(lambda self: self.lane.due(self.now, linger=False) is not None)
    @rule(share=st.floats(0, 1))
    def settle(self, share: float) -> None:
        taken = [r.offset for r in self.lane.take()]
        count = round(share * len(taken))
        self.lane.settle(count, self.now)
        self.settled += taken[:count]

    @precondition(lambda self: self.lane.buffered > 0)
    @rule(error=st.booleans())
    def again(self, error: bool) -> None:
        self.lane.again(self.now, error=error)

    @rule()
    def commit(self) -> None:
        self.lane.commit_to(self.lane.done)

    @invariant()
    def nothing_unsettled_is_passed(self) -> None:
        assert self.settled == self.fed[: len(self.settled)]
        waiting = self.fed[len(self.settled) :]
        assert self.lane.done <= (waiting[0] if waiting else self.next)
        assert self.lane.buffered == len(waiting)
        assert self.lane.bytes == (10 + RECORD_BYTES) * len(waiting)
        assert len([o for o in self.settled if o >= self.lane.committed]) <= self.limit


TestLanes = Lanes.TestCase
