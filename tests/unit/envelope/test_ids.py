"""Event ids and times."""

from __future__ import annotations

import os
import threading
import uuid
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from headrace.clock import SYSTEM_CLOCK, ManualClock
from headrace.envelope.ids import Stamps, time_text


@given(st.integers(0, 253_402_300_799_999))
def test_time_text_is_rfc_3339_in_utc(ms: int) -> None:
    """Any millisecond of the years 1970 to 9999 is written with `Z` and milliseconds, and read back exactly."""
    text = time_text(ms)
    assert len(text) == 24
    assert (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000 - ms < 0.01
    assert text.endswith(f"{ms % 1000:03d}Z")


def test_an_id_is_a_uuid_of_version_7() -> None:
    """Version, variant and the milliseconds are where RFC 9562 puts them, in its text form."""
    clock = ManualClock()
    stamps = Stamps(clock)
    text = stamps.event_id(stamps.at(clock.now_ms()))
    parsed = uuid.UUID(text)
    assert (parsed.version, parsed.variant, str(parsed)) == (7, uuid.RFC_4122, text)
    assert parsed.int >> 80 == clock.now_ms()


def test_ids_of_a_thread_ascend_whatever_the_clock_does() -> None:
    """More ids in a millisecond than the counter holds, and a clock that stands still or steps back: ids still ascend and
    do not repeat, and times are the clock's."""
    clock = ManualClock(1_000_000)
    stamps = Stamps(clock)
    made = []
    for now in (1_000_000, 1_000_000, 999_000, 1_000_001, 1_000_500, 10):
        for _ in range(5000):
            stamp = stamps.at(now)
            assert stamp.text.decode() == time_text(now)
            made.append(stamps.event_id(stamp))
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_many_threads_never_draw_the_same_id() -> None:
    """Ids made by eight threads at once, across milliseconds and counter overflows, are all different."""
    stamps = Stamps(SYSTEM_CLOCK)
    made: list[list[str]] = [[] for _ in range(8)]
    start = threading.Barrier(8)

    def work(mine: list[str]) -> None:
        start.wait()
        for _ in range(10_000):
            mine.append(stamps.event_id(stamps.at(SYSTEM_CLOCK.now_ms())))

    threads = [threading.Thread(target=work, args=(mine,)) for mine in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = [i for mine in made for i in mine]
    assert len(set(everything)) == 80_000


def test_random_bits_differ_between_instances_and_milliseconds() -> None:
    """Two makers in the same millisecond do not meet, and each millisecond has bits of its own."""
    clock = ManualClock()
    one, two = Stamps(clock), Stamps(clock)
    ids = [s.event_id(s.at(clock.now_ms() + later)) for s in (one, two) for later in (0, 1)]
    assert len({i[19:] for i in ids}) == 4


def test_a_forked_child_does_not_repeat_its_parent() -> None:
    """After a fork, child and parent draw different ids in the same millisecond."""
    clock = ManualClock()
    stamps = Stamps(clock)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - in the child
        os.write(write, stamps.event_id(stamps.at(clock.now_ms())).encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(read, 36).decode()
    os.close(read)
    os.close(write)
    ours = stamps.event_id(stamps.at(clock.now_ms()))
    assert uuid.UUID(theirs).version == 7
    assert theirs[19:] != ours[19:]
