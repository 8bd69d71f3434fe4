from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.model.record import StoredRecord
from headrace.streaming.dead_letter import dead_letter_record, parse_dead_letter

headers = st.lists(st.tuples(st.text(max_size=10), st.none() | st.binary(max_size=10)), max_size=4).map(tuple)
records = st.builds(
    StoredRecord,
    topic=st.just("sales.v1.acme"),
    offset=st.integers(0, 2**40),
    timestamp=st.integers(0, 2**42),
    key=st.none() | st.binary(max_size=20),
    value=st.none() | st.binary(max_size=50),
    headers=headers,
)


def _reject(record: StoredRecord, reason: str = "bad") -> StoredRecord:
    made = dead_letter_record(record, reason=reason, code="rejected", group="plan.x", topic_id="id-1", attempts=3, at=7)
    return StoredRecord("dlq.plan", 0, 0, made.key, made.value, tuple(made.headers))


@given(records, st.text(max_size=6000))
def test_the_rejected_record_comes_back_as_it_was(record: StoredRecord, reason: str) -> None:
    """Topic, offset, time, key, value (a tombstone too) and headers survive; the reason does, up to its bound."""
    stored = _reject(record, reason)
    assert stored.value is not None, "a null value would delete in the compacted topic"
    back = parse_dead_letter(stored)
    assert back.record == record
    assert (back.group, back.topic_id, back.code, back.attempts, back.at) == ("plan.x", "id-1", "rejected", 3, 7)
    assert reason.startswith(back.reason)
    assert len(back.reason.encode()) <= 4096


@given(records)
def test_a_record_rejected_twice_comes_back_as_it_was_the_second_time(record: StoredRecord) -> None:
    """A dead letter that was itself rejected keeps the first one's headers as part of its origin."""
    first = _reject(record)
    second = _reject(first)
    back = parse_dead_letter(second)
    assert back.record.topic == "dlq.plan"
    assert back.record == first
    assert parse_dead_letter(back.record).record == record


def test_the_key_says_where_it_came_from() -> None:
    """Group, topic id, partition and offset make the key, so the same record rejected again replaces itself."""
    assert _reject(StoredRecord("t", 42, 0, None, b"")).key == b"plan.x/id-1/0/42"


def test_other_records_are_told_apart() -> None:
    """A record that is no dead letter is refused, not half read."""
    with pytest.raises(ValueError, match="no dead letter"):
        parse_dead_letter(StoredRecord("dlq.plan", 1, 0, None, b"", (("dead-letter-reason", b"x"),)))
