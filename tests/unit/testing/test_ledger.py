"""The ledgers of fault tests: whole lines whatever ends the writer, and nothing unreadable passed over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.clock import ManualClock
from headrace.errors import PublishTimeout
from headrace.interfaces.receipt import Receipt, settle
from headrace.testing.ledger import Acknowledged, Entry, Handled, Ledger, LedgerDamaged, Published, Tail, read

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ENTRIES = st.one_of(
    st.builds(Published, TEXTS, TEXTS, TEXTS, st.floats(0, 1e9)),
    st.builds(Acknowledged, TEXTS, TEXTS, TEXTS, st.floats(0, 1e9), st.integers(-1001, 2**62)),
    st.builds(
        Handled, TEXTS, TEXTS, TEXTS, st.floats(0, 1e9), st.integers(0, 2**62), st.none() | st.integers(0, 2**31)
    ),
)


@given(st.lists(ENTRIES, max_size=20))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, entries: list[Entry]) -> None:
    """Any entry comes back as it was, line ends and quotes in names included, in order."""
    path = tmp_path_factory.mktemp("ledger") / "x"
    ledger = Ledger(path)
    for entry in entries:
        ledger.add(entry)
    ledger.close()
    assert list(read(path)) == entries


def test_a_receipt_is_written_when_it_has_succeeded(tmp_path: Path) -> None:
    """As a receipt's callback: success with topic, offset and id; failure writes nothing."""
    path = tmp_path / "x"
    clock = ManualClock()
    ledger = Ledger(path, "data-api", clock=clock)
    condition = threading.Condition()
    good, bad = Receipt(condition, "t", "e1"), Receipt(condition, "t", "e2")
    for receipt in (good, bad):
        receipt.add_done_callback(ledger.acknowledged)
    settle(condition, [good], 7, 1)
    settle(condition, [bad], error=PublishTimeout("late"))
    assert list(read(path)) == [Acknowledged("t", "e1", "data-api", clock.monotonic(), 7)]


@pytest.mark.parametrize("damage", [b"\n", b'["published","t"]\n', b"[]\n", b'["handled","t","e","h",0.0,"1",2]\n'])
def test_a_line_that_no_ledger_wrote_is_told(tmp_path: Path, damage: bytes) -> None:
    """Nothing is passed over: the file and line are named."""
    path = tmp_path / "x"
    Ledger(path).published("t", "e")
    with path.open("ab") as file:
        file.write(damage)
    with pytest.raises(LedgerDamaged, match="x:2"):
        list(read(path))


def test_half_a_line_is_told_at_the_end_and_waited_for_before(tmp_path: Path) -> None:
    """`Tail` waits for the rest of a line; `read`, which is for the end, says that it is missing."""
    path = tmp_path / "x"
    ledger = Ledger(path)
    tail = Tail(path)
    assert list(tail.more()) == []
    ledger.published("t", "e1")
    assert [entry.event for entry in tail.more()] == ["e1"]
    whole = path.read_bytes()
    with path.open("ab") as file:
        file.write(whole[:10])
    assert list(tail.more()) == []
    with pytest.raises(LedgerDamaged, match="middle of a line"):
        list(read(path))
    with path.open("ab") as file:
        file.write(whole[10:])
    assert [entry.event for entry in tail.more()] == ["e1"]


def test_a_file_that_is_not_there_has_no_entries(tmp_path: Path) -> None:
    """A program that was killed before it did anything has left no file."""
    assert list(read(tmp_path / "none")) == []


def test_killed_writers_leave_whole_lines(tmp_path: Path) -> None:
    """Three processes that write one file are killed in the middle of it: every line is whole."""
    path = tmp_path / "x"
    program = (
        "import sys; from pathlib import Path; from headrace.testing.ledger import Ledger\n"
        "ledger = Ledger(Path(sys.argv[1]))\n"
        "while True: ledger.published('t' * 200, 'e' * 200)"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, str(path)]) for _ in range(3)]
    try:
        while len({entry.writer for entry in Tail(path).more()}) < 3:
            assert all(writer.poll() is None for writer in writers)
    finally:
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
            writer.wait()
    assert len({entry.writer for entry in read(path)}) == 3
    assert os.stat(path).st_mode & 0o777 == 0o600
