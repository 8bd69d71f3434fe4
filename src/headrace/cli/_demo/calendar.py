"""The data's weeks: Monday to Sunday of 2017, counted from 1; the first one is the Sunday of 1 January alone.

A day begins at 05:00 UTC, New York's midnight in winter. Against the weeks that the data set itself states, 785 of its
1,469,307 lines fall into the neighbouring week, all within some hours of a Sunday's midnight.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

FIRST_WEEK, LAST_WEEK = 1, 53

_DAY_BEGINS_S = 5 * 3600
_WEEK_S = 7 * 86_400
_WEEK_1_MONDAY_S = int(datetime(2016, 12, 26, tzinfo=UTC).timestamp()) + _DAY_BEGINS_S


def week_of(moment: int) -> int:
    """The week of a moment, in seconds since 1970."""
    return (moment - _WEEK_1_MONDAY_S) // _WEEK_S + 1


def week_of_text(sold_at: str) -> int:
    """The week of an RFC 3339 time."""
    return week_of(int(datetime.fromisoformat(sold_at).timestamp()))


def week_of_date(day: str) -> int:
    """The week of a day, as an ISO 8601 date."""
    return week_of(int(datetime.fromisoformat(f"{day}T12:00:00+00:00").timestamp()))


def week_start(week: int) -> date:
    """A week's first day: a Monday, but for week 1."""
    return date(2017, 1, 1) if week == FIRST_WEEK else date(2017, 1, 2) + timedelta(weeks=week - 2)


def week_end(week: int) -> date:
    """A week's last day, a Sunday."""
    return date(2017, 1, 1) + timedelta(weeks=week - 1)


def opening(week: int) -> str:
    """The RFC 3339 time at which a week's first day begins."""
    return f"{week_start(week).isoformat()}T05:00:00Z"


def rfc3339(moment: int) -> str:
    """Seconds since 1970 as an RFC 3339 time in UTC."""
    return datetime.fromtimestamp(moment, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
