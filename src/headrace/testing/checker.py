"""Judges a fault test: what was acknowledged against what was handled, per topic, so per tenant.

    verdict = judge([*read(folder / "producers"), *read(folder / "consumers")], in_flight=101)
    verdict.check()

It trusts no counter of Headrace, only ledgers (`headrace.testing.ledger`) that the programs under test kept themselves:

- nothing is lost: each acknowledged event was handled, at the offset of its receipt;
- nothing is invented, and an offset never changes its event;
- the log has each producer's events in the order in which it first published them, and no event more often than published
  (but see ``resent``);
- a topic's events are handled for the first time in the log's order;
- duplicates are what was in flight: who loses a topic has handled at most ``in_flight`` events that were not committed, and
  who takes it over never begins before the place where the last one began;
- no two holders of a topic share a fence, and a holder's fence never falls.

The entries of consumers must be of one consumer group whose handler is told of every event (without ``deduplicate``), all
in one ledger, or what one of them has handled cannot be told to be before what another has.
With transactions ``in_flight`` is 0, and what is judged is the output: `outputs`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from headrace.testing.ledger import Acknowledged, Entry, Handled, Published

SHOWN = 10
"""Findings of a kind and topic that are told one by one."""


class Finding(NamedTuple):
    """``kind``: one of `KINDS`."""

    kind: str
    topic: str
    text: str


KINDS: Mapping[str, str] = {
    "nothing": "nothing was acknowledged, or nothing handled: there is nothing to judge",
    "lost": "acknowledged, and not handled",
    "invented": "in the log, and published by nobody",
    "changed": "an offset that had two events",
    "log order": "a producer's events stand in the log in another order than they were published",
    "log repeated": "more often in the log than published",
    "handling order": "handled for the first time after what follows it in the log",
    "duplicates": "handled again beyond what was in flight",
    "went back": "a holder began before the place where the one before it began",
    "fence": "two holders under one fence, or a fence that fell",
}


@dataclass(slots=True)
class Counts:
    """Of one topic. ``in_log``: offsets that were acknowledged or handled; ``repeated_in_log``: those beyond the first of
    their event; ``duplicates``: times that an offset was handled beyond the first; ``handovers``: how often handling was begun
    anew, by another holder or under another fence; ``stale``: handled by a holder when the topic had a newer one, which is
    what a database that knows the fence refuses."""

    published: int = 0
    acknowledged: int = 0
    in_log: int = 0
    repeated_in_log: int = 0
    handled: int = 0
    duplicates: int = 0
    handovers: int = 0
    stale: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """``findings``: what is wrong, a few of each kind and topic. ``topics``: what there was."""

    findings: tuple[Finding, ...]
    topics: Mapping[str, Counts]

    @property
    def ok(self) -> bool:
        return not self.findings

    def total(self, name: str) -> int:
        """The sum of one count over all topics."""
        return sum(getattr(counts, name) for counts in self.topics.values())

    def check(self) -> Verdict:
        """Raises AssertionError with every finding; returns self."""
        if self.findings:
            raise AssertionError("\n".join(f"{f.kind} ({KINDS[f.kind]}): {f.topic}: {f.text}" for f in self.findings))
        return self

    def __str__(self) -> str:
        names = Counts.__dataclass_fields__
        return f"{len(self.topics)} topics; " + ", ".join(f"{self.total(n):,} {n.replace('_', ' ')}" for n in names)


def judge(entries: Iterable[Entry], *, in_flight: int, resent: bool = False) -> Verdict:
    """Compare. ``in_flight``: events of one topic that its holder may have handled and not committed: the consumer's
    ``uncommitted_records`` and the call that is running. ``resent``: a leader changed, at which the client may write again
    what waits for its receipt, as librdkafka's idempotent producer does (its issue 4953): so many events of a topic as
    were ever waiting at once. Raises nothing: see `Verdict.check`."""
    topics: dict[str, _Topic] = defaultdict(_Topic)
    for entry in entries:
        topics[entry.topic].take(entry)
    findings: list[Finding] = []
    for name in sorted(topics):
        shown: Counter[str] = Counter()
        for kind, text in topics[name].faults(in_flight, resent):
            shown[kind] += 1
            if shown[kind] <= SHOWN:
                findings.append(Finding(kind, name, text))
        findings += [Finding(kind, name, f"and {n - SHOWN} more") for kind, n in shown.items() if n > SHOWN]
    counts = {name: topics[name].counts() for name in sorted(topics)}
    if not any(c.acknowledged for c in counts.values()) or not any(c.handled for c in counts.values()):
        findings.append(Finding("nothing", "all topics", f"{len(counts)} topics"))
    return Verdict(tuple(findings), counts)


def outputs(published: Iterable[Entry], derived: Iterable[tuple[str, int, str]]) -> Iterator[Entry]:
    """Entries for judging what transactions wrote: ``derived`` are the outputs as a read-committed reader finds them, in the
    log's order, each as the topic, offset and id of the event that it was made from."""
    yield from published
    for topic, offset, event in derived:
        yield Handled(topic, event, "output", 0.0, offset, None)


@dataclass(slots=True)
class _Run:
    """What one holder handled under one fence, going forward."""

    holder: str
    fence: int | None
    offsets: list[int]


@dataclass(slots=True)
class _Topic:
    """One topic's entries, and what is wrong with them."""

    published: Counter[str] = field(default_factory=Counter)
    order: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    """By writer: its events and the place of each in the order in which it first published them."""
    acknowledged: dict[int, str] = field(default_factory=dict)
    somewhere: set[str] = field(default_factory=set)
    """Events that were acknowledged without their offset."""
    log: dict[int, str] = field(default_factory=dict)
    """What is known of the topic: offsets and their events."""
    handled: list[Handled] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    acknowledgements: int = 0
    steps: list[tuple[float, int]] = field(default_factory=list)
    """When an event began to wait for its receipt (1), and ended (-1)."""

    def take(self, entry: Entry) -> None:
        if isinstance(entry, Published):
            self.published[entry.event] += 1
            self.steps.append((entry.at, 1))
            order = self.order[entry.writer]
            order.setdefault(entry.event, len(order))
            return
        if isinstance(entry, Acknowledged):
            self.acknowledgements += 1
            self.steps.append((entry.at, -1))
            if entry.offset < 0:
                self.somewhere.add(entry.event)
                return
            self.acknowledged[entry.offset] = entry.event
        else:
            self.handled.append(entry)
        known = self.log.setdefault(entry.offset, entry.event)
        if known != entry.event:
            self.changed.append(f"offset {entry.offset} was {known}, then {entry.event}")

    def runs(self) -> list[_Run]:
        """In the order of their fences; where nobody told them, of their beginnings."""
        runs: list[_Run] = []
        current: dict[tuple[str, int | None], _Run] = {}
        for entry in self.handled:
            run = current.get((entry.holder, entry.fence))
            if run is None or entry.offset <= run.offsets[-1]:
                run = current[entry.holder, entry.fence] = _Run(entry.holder, entry.fence, [])
                runs.append(run)
            run.offsets.append(entry.offset)
        return sorted(runs, key=lambda run: -1 if run.fence is None else run.fence)

    def counts(self) -> Counts:
        newest = -1
        stale = 0
        for entry in self.handled:
            if entry.fence is not None:
                stale += entry.fence < newest
                newest = max(newest, entry.fence)
        distinct = len({entry.offset for entry in self.handled})
        return Counts(
            published=self.published.total(),
            acknowledged=self.acknowledgements,
            in_log=len(self.log),
            repeated_in_log=len(self.log) - len(set(self.log.values())),
            handled=len(self.handled),
            duplicates=len(self.handled) - distinct,
            handovers=max(0, len(self.runs()) - 1),
            stale=stale,
        )

    # --- what is wrong

    def faults(self, in_flight: int, resent: bool) -> Iterator[tuple[str, str]]:
        """Kind and text."""
        yield from (("changed", text) for text in self.changed)
        yield from self._lost()
        yield from self._log(self._most_waiting() if resent else 0)
        yield from self._handling_order()
        yield from self._duplicates(in_flight)
        yield from self._fences()

    def _lost(self) -> Iterator[tuple[str, str]]:
        handled = {(entry.offset, entry.event) for entry in self.handled}
        for offset, event in sorted(self.acknowledged.items()):
            if (offset, event) not in handled:
                yield "lost", f"{event} at offset {offset}"
        events = {entry.event for entry in self.handled}
        for event in sorted(self.somewhere - events):
            yield "lost", f"{event}, acknowledged without its offset"

    def _most_waiting(self) -> int:
        """The most events that were published and not acknowledged at one time."""
        most = waiting = 0
        for _, change in sorted(self.steps):
            waiting += change
            most = max(most, waiting)
        return most

    def _log(self, again: int) -> Iterator[tuple[str, str]]:
        """``again``: records that may be in the log beyond the times that their events were published."""
        offsets: dict[str, list[int]] = defaultdict(list)
        for offset, event in sorted(self.log.items()):
            offsets[event].append(offset)
        for event, found in offsets.items():
            if event not in self.published:
                yield "invented", f"{event} at offset {found[0]}"
                continue
            beyond = max(0, len(found) - self.published[event])
            again -= beyond
            if beyond and again < 0:
                yield "log repeated", f"{event} at offsets {found}, published {self.published[event]} times"
        for writer, order in self.order.items():
            last, before = -1, ""
            for event in offsets:  # by the first offset of each
                place = order.get(event)
                if place is None:
                    continue
                if place < last:
                    yield "log order", f"{event} of {writer} at {offsets[event][0]} stands after {before}"
                else:
                    last, before = place, event

    def _handling_order(self) -> Iterator[tuple[str, str]]:
        high = -1
        seen: set[int] = set()
        for entry in self.handled:
            if entry.offset in seen:
                continue
            seen.add(entry.offset)
            if entry.offset < high:
                yield "handling order", f"offset {entry.offset} ({entry.event}) after {high}, by {entry.holder}"
            high = max(high, entry.offset)

    def _duplicates(self, in_flight: int) -> Iterator[tuple[str, str]]:
        runs = self.runs()
        for lost, taken in pairwise(runs):
            start = taken.offsets[0]
            where = f"{taken.holder} (fence {taken.fence}) began at {start}"
            again = sum(offset >= start for offset in lost.offsets)
            if again > in_flight:
                yield "duplicates", f"{where}; {lost.holder} (fence {lost.fence}) had handled {again} from there on"
            if start < lost.offsets[0]:
                yield "went back", f"{where}; {lost.holder} (fence {lost.fence}) had begun at {lost.offsets[0]}"

    def _fences(self) -> Iterator[tuple[str, str]]:
        holder_of: dict[int, str] = {}
        fence_of: dict[str, int] = {}
        told: set[tuple[str, int]] = set()
        for entry in self.handled:
            if entry.fence is None or (entry.holder, entry.fence) in told:
                continue
            known = holder_of.setdefault(entry.fence, entry.holder)
            if known != entry.holder:
                yield "fence", f"{known} and {entry.holder} both handled under {entry.fence}"
            if entry.fence < fence_of.get(entry.holder, -1):
                yield "fence", f"{entry.holder} had {fence_of[entry.holder]}, then {entry.fence}"
            fence_of[entry.holder] = entry.fence
            told.add((entry.holder, entry.fence))
