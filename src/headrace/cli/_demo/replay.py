"""The replay of one region: weeks are released to its applications as fast as they are taken, in the order of event time.

A week is released when the one before is durable, and all that was published two weeks before is settled by every consumer:
so nobody's input lies far ahead of what others make of it, latency is that of a system which keeps up, and what `plan` knows
of promotions when a week closes is the same in every run. It also keeps what compaction removes from a state topic
far behind its consumers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headrace.cli._demo.processes import Running


class Replay:
    """``programs``: the region's applications, all of them ready."""

    def __init__(self, region: str, weeks: int, programs: Sequence[Running]) -> None:
        self.region = region
        self.weeks = weeks
        self.week = 0
        self.programs = programs
        self._sources = [program for program in programs if program.said["ready"]["publishes"]]
        self._published_by: list[dict[str, int]] = [{}]
        """By week, what its sources had published at its end, by product."""

    @property
    def published(self) -> int:
        return sum(sum(program.progress.get("published", {}).values()) for program in self.programs)

    @property
    def settled(self) -> int:
        return sum(sum(program.progress.get("settled", {}).values()) for program in self.programs)

    @property
    def rejected(self) -> int:
        return sum(program.progress.get("rejected", 0) for program in self.programs)

    @property
    def fed(self) -> bool:
        """The last week is published."""
        return self.week == self.weeks and self._week_done()

    def advance(self) -> bool:
        """Release the next week if its time has come; whether it was."""
        if self.week == self.weeks or not self._week_done():
            return False
        if len(self._published_by) == self.week:
            totals: dict[str, int] = {}
            for source in self._sources:
                for product, count in source.said["week"]["published"].items():
                    totals[product] = totals.get(product, 0) + count
            self._published_by.append(totals)
        if not self._settled(self._published_by[max(0, self.week - 1)]):
            return False
        self.week += 1
        for source in self._sources:
            source.tell(do="week", week=self.week)
        return True

    def _week_done(self) -> bool:
        return self.week == 0 or all(source.said.get("week", {}).get("week") == self.week for source in self._sources)

    def _settled(self, published: Mapping[str, int]) -> bool:
        for program in self.programs:
            settled = program.progress.get("settled", {})
            for product, count in published.items():
                if product in program.said["ready"]["consumes"] and settled.get(product, 0) < count:
                    return False
        return True

    def due(self, program: Running) -> int:
        """How many of the events published so far are a program's to consume."""
        return sum(
            count
            for source in self.programs
            for product, count in source.progress.get("published", {}).items()
            if product in program.said["ready"]["consumes"]
        )
