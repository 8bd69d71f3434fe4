"""Who is alive: decided by what an observer sees, never by comparing clocks."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.adapters.embedded_broker import EmbeddedBroker
from headrace.adapters.embedded_membership import Membership, Watch
from headrace.clock import ManualClock
from headrace.errors import AccessDenied
from headrace.interfaces.broker import TopicSpec
from tests.unit.adapters.embedded_support import Listener, until

SESSION_S = 10.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def member(tmp_path: Path, clock: ManualClock) -> Iterator[Membership]:
    """A member that shows no sign of life by itself: its thread's interval is hours."""
    member = Membership(tmp_path, clock, 100_000)
    yield member
    member.end()


def pass_time(clock: ManualClock, watch: Watch, member: Membership, seconds: float, *, beating: bool) -> bool:
    """Look every second; whether the member was alive at every look."""
    alive = True
    for _ in range(round(seconds)):
        clock.advance(1)
        if beating:
            member.touch()
        alive = alive and watch.alive(member.member)
    return alive


def test_a_silent_member_is_dead_after_its_session(tmp_path: Path, clock: ManualClock, member: Membership) -> None:
    """One that holds its lock and does not touch its file is alive for a session, and then no longer."""
    watch = Watch(tmp_path, clock, SESSION_S)
    assert pass_time(clock, watch, member, 60, beating=True)
    assert pass_time(clock, watch, member, 9, beating=False)
    assert not pass_time(clock, watch, member, 2, beating=False)


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_is_set_takes_nobody_s_topics(
    tmp_path: Path, clock: ManualClock, member: Membership, hours: int
) -> None:
    """The time of day may be set forward or back by hours: a member that shows signs of life stays alive."""
    watch = Watch(tmp_path, clock, SESSION_S)
    assert pass_time(clock, watch, member, 5, beating=True)
    clock._start_ms += hours * 3_600_000
    assert watch.alive(member.member)
    assert pass_time(clock, watch, member, 30, beating=True)
    assert not pass_time(clock, watch, member, 12, beating=False)


def test_what_an_observer_slept_through_does_not_count(tmp_path: Path, clock: ManualClock, member: Membership) -> None:
    """After a pause of both (a container that was frozen), the member has time to show itself."""
    watch = Watch(tmp_path, clock, SESSION_S)
    assert pass_time(clock, watch, member, 5, beating=True)
    clock.advance(3_600)
    assert watch.alive(member.member)
    assert pass_time(clock, watch, member, 30, beating=True)


def test_a_member_whose_process_ended_is_dead_at_once(tmp_path: Path, clock: ManualClock) -> None:
    """The kernel drops the lock of a process that is killed; no session has to pass."""
    member = Membership(tmp_path, clock, 100_000)
    watch = Watch(tmp_path, clock, SESSION_S)
    assert watch.alive(member.member)
    member._ended.set()
    member._thread.join()
    os.close(member._file)  # as the kernel does
    assert not watch.alive(member.member)
    assert not Watch(tmp_path, clock, SESSION_S).alive("never-there")


def test_an_observer_in_trouble_takes_nobody_for_dead(
    tmp_path: Path, clock: ManualClock, member: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With too many files open it cannot look, which says nothing about the others."""
    watch = Watch(tmp_path, clock, SESSION_S)

    def refuse(*_: object) -> int:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        assert watch.alive(member.member)
    assert watch.alive(member.member)


def test_members_keep_their_topics_when_the_clock_is_set(tmp_path: Path) -> None:
    """Two members of a group hold what they held after the machine's clock was set forward by an hour."""
    clock = ManualClock()
    broker = EmbeddedBroker(tmp_path, clock=clock)
    broker.admin.create_topics([TopicSpec("a"), TopicSpec("b")])
    first, second = broker.reader("g"), broker.reader("g")
    for reader in (first, second):
        reader.subscribe([""], Listener())
    until(lambda: len(first.assignment()) == len(second.assignment()) == 1, first, second)
    generations = [reader.generation(topic) for reader in (first, second) for topic in reader.assignment()]
    clock._start_ms += 3_600_000
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        first.poll(0.05)
        second.poll(0.05)
    assert generations == [reader.generation(topic) for reader in (first, second) for topic in reader.assignment()]
    broker.close()


def test_a_folder_that_refuses_members_is_told(tmp_path: Path) -> None:
    """Where a member's file cannot be made, joining raises an error of Headrace's."""
    broker = EmbeddedBroker(tmp_path)
    (tmp_path / "members").write_text("not a folder")
    with pytest.raises(Exception, match="cannot be used") as caught:
        broker.reader("g").subscribe([""], Listener())
    assert caught.value.code in ("broker.unavailable", AccessDenied.code)
    broker.close()
