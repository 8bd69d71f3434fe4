"""The demo's weeks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from headrace.cli._demo import calendar

NEW_YEAR_2017 = int(datetime(2017, 1, 1, 12, tzinfo=UTC).timestamp())


@given(st.integers(NEW_YEAR_2017, NEW_YEAR_2017 + 364 * 86_400))
def test_a_moment_lies_in_its_week(moment: int) -> None:
    """A moment's trading day is between the first and the last day of its week, and every form of it gives that week."""
    day = (datetime.fromtimestamp(moment, tz=UTC) - timedelta(hours=5)).date()
    week = calendar.week_of(moment)
    assert calendar.week_start(week) <= day <= calendar.week_end(week)
    assert calendar.week_of_text(calendar.rfc3339(moment)) == week
    assert calendar.week_of_date(day.isoformat()) == week


def test_weeks_follow_one_another() -> None:
    """Each week begins the day after the one before has ended; the first is one Sunday, the 53rd ends the year."""
    for week in range(calendar.FIRST_WEEK, calendar.LAST_WEEK):
        assert calendar.week_end(week) + timedelta(days=1) == calendar.week_start(week + 1)
    assert calendar.week_start(1) == calendar.week_end(1)
    assert calendar.week_end(calendar.LAST_WEEK).isoformat() == "2017-12-31"


def test_a_week_opens_at_its_first_moment() -> None:
    """The opening of a week lies in it, and the second before it does not."""
    for week in range(2, calendar.LAST_WEEK + 1):
        moment = int(datetime.fromisoformat(calendar.opening(week)).timestamp())
        assert calendar.week_of(moment) == week
        assert calendar.week_of(moment - 1) == week - 1
