"""When a week is released."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headrace.cli._demo.processes import Running
from headrace.cli._demo.replay import Replay


class Program(Running):
    """An application without a process: what it is told is kept."""

    def __init__(self, application: str, publishes: bool, consumes: dict[str, str]) -> None:
        super().__init__(application, "eu", None, Path())  # type: ignore[arg-type]
        self.said["ready"] = {"publishes": publishes, "consumes": consumes}
        self.told: list[dict[str, Any]] = []

    def tell(self, **order: Any) -> None:
        self.told.append(order)

    def week(self, week: int, published: int) -> None:
        self.said["week"] = {"week": week, "published": {"sales-events": published}}
        self.said["progress"] = {"week": week, "published": {"sales-events": published}}

    def settled(self, count: int) -> None:
        self.said["progress"] = {"settled": {"sales-events": count}, "rejected": 1}


def made(weeks: int = 4) -> tuple[Replay, Program, Program]:
    source = Program("data-api", True, {})
    sink = Program("plan", False, {"sales-events": "demand"})
    return Replay("eu", weeks, [source, sink]), source, sink


def test_a_week_waits_for_the_one_before_to_be_durable() -> None:
    """The first week is released at once, the second only when the first is published; consumers are told nothing."""
    replay, source, sink = made()
    assert replay.advance()
    assert not replay.advance()
    source.week(1, 10)
    assert replay.advance()
    assert source.told == [{"do": "week", "week": 1}, {"do": "week", "week": 2}]
    assert sink.told == []


def test_a_week_waits_for_consumers_of_the_week_before_last() -> None:
    """Week 3 is released when every consumer has settled what was published up to week 1, and not before."""
    replay, source, sink = made()
    replay.advance()
    source.week(1, 10)
    replay.advance()
    source.week(2, 30)
    sink.settled(9)
    assert not replay.advance()
    sink.settled(10)
    assert replay.advance()
    assert replay.week == 3


def test_a_replay_ends_with_its_last_week() -> None:
    """After the last week nothing is released; it is fed once that week is durable."""
    replay, source, _sink = made(weeks=1)
    replay.advance()
    assert not replay.fed
    source.week(1, 10)
    assert replay.fed
    assert not replay.advance()


def test_its_sums_are_those_of_its_programs() -> None:
    """Published, settled and rejected events are summed over the region, and what is due to a consumer is known."""
    replay, source, sink = made()
    replay.advance()
    source.week(1, 10)
    sink.settled(7)
    assert (replay.published, replay.settled, replay.rejected) == (10, 7, 1)
    assert replay.due(sink) == 10
    assert replay.due(source) == 0
