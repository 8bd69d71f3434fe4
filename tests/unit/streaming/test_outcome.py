from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.streaming.outcome import Backoff, Batch, RejectLimit, RejectMeter, Retry, seconds


@pytest.mark.parametrize(
    ("given_", "expected"),
    [("500ms", 0.5), ("2s", 2), ("1.5m", 90), ("1h", 3600), ("7d", 604800), (0.25, 0.25), (timedelta(minutes=2), 120)],
)
def test_durations_are_read_with_their_units(given_: object, expected: float) -> None:
    """Text with a unit, numbers and timedeltas all mean the same seconds."""
    assert seconds(given_) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", ["2", "2 weeks", "", "-1s", -1.0])
def test_a_duration_without_a_known_unit_is_refused(wrong: object) -> None:
    """A bare number in text, an unknown unit and a negative value raise instead of being guessed at."""
    with pytest.raises(ValueError, match="duration"):
        seconds(wrong)  # type: ignore[arg-type]


@given(st.integers(1, 2000), st.floats(0, 0.999))
def test_a_wait_grows_to_its_maximum_and_never_passes_it(attempt: int, chance: float) -> None:
    """Each wait lies between (1 - jitter) of the full wait and the full wait, which grows up to the maximum."""
    backoff = Backoff(first="100ms", maximum="10s", factor=2, jitter=0.5)
    full = min(10, 0.1 * 2 ** min(attempt - 1, 64))
    assert full * 0.5 <= backoff.wait(attempt, chance) <= full
    assert backoff.wait(attempt, chance) <= backoff.wait(attempt + 1, chance)


def test_settings_that_make_no_sense_are_refused_at_once() -> None:
    """A backoff that shrinks, a batch of nothing and a limit of zero raise where they are written."""
    for wrong in (
        lambda: Backoff(attempts=0),
        lambda: Backoff(jitter=2),
        lambda: Backoff(factor=0.5),
        lambda: Backoff(first="1m", maximum="1s"),
        lambda: Batch(0),
        lambda: Batch(10, "soon"),
        lambda: RejectLimit(consecutive=0),
        lambda: RejectLimit(ratio=0),
    ):
        with pytest.raises(ValueError):
            wrong()


def test_a_retry_takes_its_wait_in_any_form() -> None:
    """`Retry(after=...)` reads durations like every other option."""
    assert Retry(after="2s").after == 2
    assert Retry().after is None


@given(st.lists(st.booleans(), max_size=400), st.integers(1, 20), st.integers(1, 50), st.floats(0.1, 1))
def test_the_meter_counts_as_a_plain_list_would(
    outcomes: list[bool], consecutive: int, window: int, ratio: float
) -> None:
    """A reject is refused exactly when the last `consecutive` were rejects, or it would pass the ratio of a full window."""
    limit = RejectLimit(consecutive=consecutive, ratio=ratio, window=window)
    meter = RejectMeter(limit)
    seen: list[bool] = []
    for rejected in outcomes:
        in_a_row = len(seen) >= consecutive and all(seen[-consecutive:])
        too_many = len(seen) >= window and sum(seen[-window:]) + 1 > ratio * window
        assert (meter.refuses() is not None) == (in_a_row or too_many)
        assert (meter.copy().refuses() is None) == (meter.refuses() is None)
        meter.rejected() if rejected else meter.accepted()
        seen.append(rejected)
