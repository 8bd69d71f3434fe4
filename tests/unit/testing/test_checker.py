"""The judge of fault tests: lets every history pass that Headrace promises, and none in which something was planted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from headrace.testing.checker import KINDS, Verdict, judge, outputs
from headrace.testing.ledger import Acknowledged, Entry, Handled, Published

pytestmark = pytest.mark.slow


TOPICS = ("sales.v1.acme", "sales.v1.bolt")
IN_FLIGHT = 4
FEWER = settings(max_examples=40)


@dataclass
class Topic:
    """A topic's true history: its log, what its producers were told, and who handled what, in order."""

    name: str
    published: list[Published]
    log: list[str]
    acknowledged: list[Acknowledged]
    handled: list[Handled]

    @property
    def entries(self) -> list[Entry]:
        return [*self.published, *self.acknowledged, *self.handled]


def produced(name: str, chance: Random) -> Topic:
    """Writers in turns. One that is killed has written some of its chunk and been told of less, and repeats the rest."""
    made = Topic(name, [], [], [], [])
    next_number = {"a": 1, "b": 1}
    for _ in range(chance.randint(3, 8)):
        writer = chance.choice("ab")
        chunk = chance.randint(1, 6)
        written = chance.choice((chunk, chance.randint(0, chunk)))
        told = written if written == chunk else chance.randint(0, written)
        events = [f"{writer}{next_number[writer] + i}" for i in range(chunk)]
        made.published += [Published(name, event, writer, 0.0) for event in events]
        for place, event in enumerate(events[:written]):
            if place < told:
                offset = -1 if chance.random() < 0.1 else len(made.log)
                made.acknowledged.append(Acknowledged(name, event, writer, 0.0, offset))
            made.log.append(event)
        next_number[writer] += told
    return made


def consumed(topic: Topic, chance: Random) -> None:
    """Holders that commit at times and are killed, or stopped and continued when another one has the topic (``old``)."""
    committed, fence = 0, 0
    old: tuple[str, int, int, int] | None = None
    while committed < len(topic.log):
        fence += chance.randint(1, 3)
        holder, place = f"{fence}-{chance.random()}", committed
        while place < len(topic.log):
            topic.handled.append(Handled(topic.name, topic.log[place], holder, 0.0, place, fence))
            place += 1
            if old is not None and chance.random() < 0.5:
                name, under, at, end = old
                if at < end:
                    topic.handled.append(Handled(topic.name, topic.log[at], name, 0.0, at, under))
                    old = (name, under, at + 1, end)
            if place - committed == IN_FLIGHT or chance.random() < 0.4:
                committed = place
            if chance.random() < 0.1:
                break
        else:
            committed = place
        old = (holder, fence, place, min(committed + IN_FLIGHT, len(topic.log))) if chance.random() < 0.5 else None


def histories(chance: Random) -> list[Topic]:
    topics = [produced(name, chance) for name in TOPICS]
    for topic in topics:
        consumed(topic, chance)
    return topics


def verdict(topics: list[Topic], in_flight: int = IN_FLIGHT) -> Verdict:
    return judge([entry for topic in topics for entry in topic.entries], in_flight=in_flight)


def busy(topics: list[Topic], chance: Random) -> Topic:
    """A topic with something in it that was acknowledged and handled."""
    chosen = [t for t in topics if any(a.offset >= 0 for a in t.acknowledged) and t.handled]
    assume(chosen)
    return chance.choice(chosen)


def found(topics: list[Topic]) -> set[str]:
    return {finding.kind for finding in verdict(topics).findings}


@FEWER
@given(st.randoms(use_true_random=False))
def test_what_is_promised_passes(chance: Random) -> None:
    """Kills, repeats and zombies within the bounds are no fault, and every count is that of the true history."""
    topics = histories(chance)
    if not any(topic.acknowledged for topic in topics):
        assert found(topics) == {"nothing"}
        return
    judged = verdict(topics).check()
    for topic in topics:
        counts = judged.topics.get(topic.name)
        if counts is None:
            assert not topic.entries
            continue
        assert counts.in_log == len(topic.log)
        assert counts.repeated_in_log == len(topic.log) - len(set(topic.log))
        assert counts.handled == len(topic.handled)
        assert counts.duplicates == len(topic.handled) - len(topic.log)
        assert counts.acknowledged == len(topic.acknowledged)


@FEWER
@given(st.randoms(use_true_random=False))
def test_a_lost_event_is_found(chance: Random) -> None:
    """Whichever acknowledged event is taken out of what was handled is named."""
    topics = histories(chance)
    topic = busy(topics, chance)
    victim = chance.choice([a for a in topic.acknowledged if a.offset >= 0])
    topic.handled = [h for h in topic.handled if h.offset != victim.offset]
    lost = [f for f in verdict(topics).findings if f.kind == "lost"]
    assert any(f.topic == topic.name and victim.event in f.text for f in lost)


@FEWER
@given(st.randoms(use_true_random=False))
def test_an_event_acknowledged_without_offset_is_missed_too(chance: Random) -> None:
    """An acknowledgement that names no offset still wants its event handled, somewhere."""
    topics = histories(chance)
    topic = busy(topics, chance)
    topic.published.append(Published(topic.name, "c1", "c", 0.0))
    topic.acknowledged.append(Acknowledged(topic.name, "c1", "c", 0.0, -1001))
    assert found(topics) == {"lost"}


@FEWER
@given(st.randoms(use_true_random=False))
def test_an_event_that_nobody_published_is_found(chance: Random) -> None:
    """An event that was handled and that no ledger has as published was invented."""
    topics = histories(chance)
    topic = busy(topics, chance)
    end = len(topic.log)
    topic.handled.append(Handled(topic.name, "nobody", "x", 0.0, end, 10_000))
    assert found(topics) == {"invented"}


@FEWER
@given(st.randoms(use_true_random=False))
def test_an_offset_with_two_events_is_found(chance: Random) -> None:
    """Handled as another event than the one that was acknowledged there: both the change and the loss."""
    topics = histories(chance)
    topic = busy(topics, chance)
    victim = chance.choice([a for a in topic.acknowledged if a.offset >= 0])
    topic.handled = [changed(h, event="other") if h.offset == victim.offset else h for h in topic.handled]
    assert {"changed", "lost"} <= found(topics)


@FEWER
@given(st.randoms(use_true_random=False))
def test_two_events_that_changed_places_in_the_log_are_found(chance: Random) -> None:
    """The log in another order than that of publishing, though everything was acknowledged and handled where it stands."""
    topics = histories(chance)
    topic = busy(topics, chance)
    firsts = {event: offset for offset, event in reversed(list(enumerate(topic.log)))}
    pairs = [(i, j) for e, i in firsts.items() for f, j in firsts.items() if i < j and e[0] == f[0]]
    once = [(i, j) for i, j in pairs if topic.log.count(topic.log[i]) == topic.log.count(topic.log[j]) == 1]
    assume(once)
    i, j = chance.choice(once)
    swapped = {i: topic.log[j], j: topic.log[i]}
    topic.handled = [changed(h, event=swapped.get(h.offset, h.event)) for h in topic.handled]
    topic.acknowledged = [changed(a, event=swapped.get(a.offset, a.event)) for a in topic.acknowledged]
    assert "log order" in found(topics)


@FEWER
@given(st.randoms(use_true_random=False))
def test_a_record_that_was_written_twice_for_one_publish_is_found(chance: Random) -> None:
    """An event in the log more often than it was published, handled and acknowledged as it may be."""
    topics = histories(chance)
    topic = busy(topics, chance)
    event = topic.log[-1]
    spare = topic.published.count(Published(topic.name, event, event[0], 0.0)) - topic.log.count(event)
    holder = topic.handled[-1] if topic.handled[-1].fence == max(h.fence or 0 for h in topic.handled) else None
    assume(holder is not None)
    for extra in range(spare + 1):
        topic.handled.append(changed(holder, event=event, offset=len(topic.log) + extra))
    assert found(topics) == {"log repeated"}


@FEWER
@given(st.randoms(use_true_random=False))
def test_events_handled_in_another_order_are_found(chance: Random) -> None:
    """Any two first handlings of a topic that change places."""
    topics = histories(chance)
    topic = busy(topics, chance)
    firsts: dict[int, int] = {}
    for index, handled in enumerate(topic.handled):
        firsts.setdefault(handled.offset, index)
    assume(len(firsts) > 1)
    i, j = sorted(chance.sample(sorted(firsts.values()), 2))
    handled = topic.handled
    handled[i], handled[j] = handled[j], handled[i]
    assert "handling order" in found(topics)


@FEWER
@given(st.randoms(use_true_random=False), st.integers(0, 3))
def test_duplicates_beyond_what_was_in_flight_are_found(chance: Random, spare: int) -> None:
    """A next holder that begins further back than the last one may leave uncommitted, by one event or more."""
    topics = histories(chance)
    topic = busy(topics, chance)
    assume(len(topic.log) > IN_FLIGHT + spare)
    end = len(topic.log)
    name, event_at = topic.name, topic.log
    topic.handled = [Handled(name, event_at[i], "first", 0.0, i, 1) for i in range(end)]
    start = end - IN_FLIGHT
    again = [Handled(name, event_at[i], "second", 0.0, i, 2) for i in range(start - 1 - spare, end)]
    assert found([replace(topic, handled=topic.handled + again)]) == {"duplicates"}
    within = [h for h in again if h.offset >= start]
    assert verdict([replace(topic, handled=topic.handled + within)]).check().total("duplicates") == IN_FLIGHT


@FEWER
@given(st.randoms(use_true_random=False))
def test_a_holder_that_begins_before_the_last_one_is_found(chance: Random) -> None:
    """Short holders cannot hide that a commit was lost: beginnings never go back, even where all counts stay small."""
    topic = produced(TOPICS[0], chance)
    assume(len(topic.log) > 2 and topic.acknowledged)
    topic.handled = [Handled(topic.name, e, f"h{i}", 0.0, i, i + 1) for i, e in enumerate(topic.log)]
    start = chance.randrange(len(topic.log) - 1)
    topic.handled.append(Handled(topic.name, topic.log[start], "last", 0.0, start, 1_000))
    assert found([topic]) == {"went back"}


def history(*handled: Handled) -> list[Entry]:
    name = TOPICS[0]
    entries: list[Entry] = [Published(name, f"a{i}", "a", 0.0) for i in range(4)]
    entries += [Acknowledged(name, f"a{i}", "a", 0.0, i) for i in range(4)]
    return [*entries, *handled]


def handled(offset: int, holder: str, fence: int | None) -> Handled:
    return Handled(TOPICS[0], f"a{offset}", holder, 0.0, offset, fence)


@pytest.mark.parametrize(
    "second", [("y", 5), ("x", 4)], ids=["two holders under one fence", "a holder whose fence falls"]
)
def test_fences_that_fence_nothing_are_found(second: tuple[str, int]) -> None:
    """A fence belongs to one holder, and grows."""
    entries = history(*(handled(i, "x", 5) for i in range(2)), *(handled(i, *second) for i in range(2, 4)))
    assert "fence" in {finding.kind for finding in judge(entries, in_flight=4).findings}


def test_what_a_holder_handles_after_it_was_fenced_is_counted() -> None:
    """A holder that goes on under an old fence is stale: a database that knows the fence refuses it."""
    entries = history(
        handled(0, "x", 1),
        handled(1, "x", 1),
        handled(1, "y", 2),
        handled(2, "x", 1),
        handled(2, "y", 2),
        handled(3, "y", 2),
    )
    counts = judge(entries, in_flight=2).check().topics[TOPICS[0]]
    assert (counts.stale, counts.duplicates, counts.handovers) == (1, 2, 1)


def test_what_waited_for_its_receipt_may_be_written_again_when_a_leader_changed() -> None:
    """Only where the caller says so, and only so many as ever waited at once: here two of three."""
    name = TOPICS[0]
    times = {"a0": (1.0, 2.0), "a1": (3.0, 9.0), "a2": (4.0, 9.0)}
    entries: list[Entry] = [Published(name, event, "a", at) for event, (at, _) in times.items()]
    entries += [Acknowledged(name, event, "a", at, i) for i, (event, (_, at)) in enumerate(times.items())]

    def kinds(log: list[str], *, resent: bool) -> set[str]:
        found = [Handled(name, event, "x", 0.0, offset, 1) for offset, event in enumerate(log)]
        return {finding.kind for finding in judge([*entries, *found], in_flight=1, resent=resent).findings}

    assert kinds(["a0", "a1", "a2", "a1", "a2"], resent=True) == set()
    assert kinds(["a0", "a1", "a2", "a1", "a2"], resent=False) == {"log repeated"}
    assert kinds(["a0", "a1", "a2", "a0", "a1", "a2"], resent=True) == {"log repeated"}


def test_nothing_is_no_success() -> None:
    """No entries, nothing acknowledged, nothing handled: each fails."""
    name = TOPICS[0]
    published = Published(name, "a1", "a", 0.0)
    for entries in ([], [published], [published, Handled(name, "a1", "x", 0.0, 0, 1)]):
        assert {finding.kind for finding in judge(entries, in_flight=1).findings} == {"nothing"}
    entries = [published, Acknowledged(name, "a1", "a", 0.0, 0)]
    assert {finding.kind for finding in judge(entries, in_flight=1).findings} == {"nothing", "lost"}


def test_outputs_of_transactions_come_once() -> None:
    """In a transaction's output an event that is there twice is a fault, and so is one that is missing."""
    name = TOPICS[0]
    derived = [(name, i, f"a{i}") for i in range(4)]
    assert judge(outputs(history(), derived), in_flight=0).check().total("duplicates") == 0
    twice = judge(outputs(history(), [*derived, derived[3]]), in_flight=0)
    assert {finding.kind for finding in twice.findings} == {"duplicates"}
    missing = judge(outputs(history(), derived[1:]), in_flight=0)
    assert {finding.kind for finding in missing.findings} == {"lost"}


def test_every_kind_says_what_it_means() -> None:
    """What `check` raises names the kind, the topic and the event, and not a thousand of them."""
    entries = [*history(), handled(0, "x", 1)]
    many: list[Entry] = [Published(TOPICS[1], f"e{i}", "a", 0.0) for i in range(1_000)]
    many += [Acknowledged(TOPICS[1], f"e{i}", "a", 0.0, i) for i in range(1_000)]
    with pytest.raises(AssertionError) as caught:
        judge([*entries, *many], in_flight=1).check()
    text = str(caught.value)
    assert f"lost ({KINDS['lost']}): {TOPICS[0]}: a3 at offset 3" in text
    assert "and 990 more" in text
    assert text.count("\n") < 20
