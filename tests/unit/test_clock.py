"""Time that is passed in."""

from __future__ import annotations

import threading

import pytest

from headrace.clock import ManualClock, SystemClock


def test_the_manual_clock_stands_still_until_advanced() -> None:
    """Both readings of a ManualClock move by exactly what `advance` says."""
    clock = ManualClock(start_ms=1_000)
    assert (clock.now_ms(), clock.monotonic()) == (1_000, 0.0)
    clock.advance(2.5)
    assert (clock.now_ms(), clock.monotonic()) == (3_500, 2.5)


def test_the_manual_clock_does_not_run_backwards() -> None:
    """A negative step is refused."""
    with pytest.raises(ValueError, match="backwards"):
        ManualClock().advance(-1)


def test_a_sleeper_wakes_when_its_time_has_come() -> None:
    """`sleep` on a ManualClock returns once the clock has been moved far enough, and not before."""
    clock = ManualClock()
    woke = threading.Event()
    sleeper = threading.Thread(target=lambda: (clock.sleep(10), woke.set()), daemon=True)
    sleeper.start()
    clock.advance(9)
    assert not woke.wait(0.05)
    clock.advance(1)
    assert woke.wait(5)


def test_a_waiter_times_out_by_the_clock() -> None:
    """`wait` on a ManualClock returns False once the clock passed the timeout, whatever real time did."""
    clock = ManualClock()
    condition = threading.Condition()
    results: list[bool] = []

    def wait() -> None:
        with condition:
            results.append(clock.wait(condition, 5))

    waiter = threading.Thread(target=wait, daemon=True)
    waiter.start()
    while waiter.is_alive():
        clock.advance(1)
    assert results == [False]


def test_a_waiter_wakes_when_notified() -> None:
    """`wait` on either clock returns True when another thread notifies."""
    for clock in (SystemClock(), ManualClock()):
        condition = threading.Condition()
        results: list[bool] = []

        def wait(clock=clock, condition=condition, results=results) -> None:
            with condition:
                results.append(clock.wait(condition, 60))

        waiter = threading.Thread(target=wait, daemon=True)
        waiter.start()
        while waiter.is_alive():
            with condition:
                condition.notify_all()
        assert results == [True]
