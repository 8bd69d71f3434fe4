"""How lengths and moments of time read in tables."""

from __future__ import annotations

import pytest

from headrace.cli.topics import duration, when


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (7 * 86_400_000, "7d"),
        (36 * 3_600_000, "36h"),
        (15 * 60_000, "15m"),
        (90_000, "90s"),
        (250, "250ms"),
        (0, "0ms"),
        (123_456, "123s"),
    ],
)
def test_a_length_of_time_is_told_in_its_largest_unit(ms: int, words: str) -> None:
    """Without a rest where there is a unit that fits, else rounded to seconds."""
    assert duration(ms) == words


def test_a_moment_is_told_in_utc() -> None:
    """To the second, with a Z; a dash where there is none."""
    assert when(1_767_225_600_999) == "2026-01-01 00:00:00Z"
    assert when(None) == "-"
