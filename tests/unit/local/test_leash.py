"""The leash: a server process ends with whoever started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import headrace.local.leash as leash_module

LEASH = [sys.executable, "-I", leash_module.__file__]
SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); sys.stderr.write('up'); time.sleep(60)",
]


def _start(folder: Path, *command: str, grace: float = 5) -> tuple[subprocess.Popen[str], int]:
    leash = subprocess.Popen(
        [*LEASH, str(folder), str(grace), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert leash.stdout is not None
    return leash, int(leash.stdout.readline())


def _close(leash: subprocess.Popen[str]) -> None:
    for pipe in (leash.stdin, leash.stdout, leash.stderr):
        if pipe is not None:
            pipe.close()


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def _gone(pid: int, within: float = 5) -> bool:
    deadline = time.monotonic() + within
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not _alive(pid)


def test_it_stops_the_command_when_its_input_ends(tmp_path: Path) -> None:
    """Closing the leash's input ends the command and removes the folder."""
    folder = tmp_path / "data"
    folder.mkdir()
    leash, pid = _start(folder, *SLEEP)
    assert _alive(pid)
    _close(leash)
    assert leash.wait(10) == 0
    assert _gone(pid)
    assert not folder.exists()


def test_a_command_that_does_not_end_is_killed(tmp_path: Path) -> None:
    """A command that ignores SIGTERM is killed after the time of grace."""
    leash, pid = _start(tmp_path / "data", *STUBBORN, grace=0.2)
    assert leash.stderr is not None
    assert leash.stderr.read(2) == "up"  # it ignores the signal from here on
    _close(leash)
    leash.wait(10)
    assert _gone(pid)


def test_a_command_that_ends_by_itself_leaves_its_folder(tmp_path: Path) -> None:
    """The leash ends with the command, has its status, and keeps the folder for the next start."""
    leash, _ = _start(tmp_path, sys.executable, "-c", "raise SystemExit(3)")
    assert leash.wait(10) == 3
    _close(leash)
    assert tmp_path.exists()


def test_the_command_dies_with_a_leash_that_is_killed(tmp_path: Path) -> None:
    """kill -9 of the leash takes the command along."""
    leash, pid = _start(tmp_path, *SLEEP)
    leash.kill()
    leash.wait(10)
    _close(leash)
    assert _gone(pid)


def test_it_ends_with_a_parent_that_is_killed_although_a_sibling_holds_its_input(tmp_path: Path) -> None:
    """kill -9 of the starting process ends the command, even while a process that was forked keeps the pipe open."""
    folder = tmp_path / "data"
    folder.mkdir()
    program = (
        "import os, subprocess, sys, time\n"
        "leash = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)\n"
        "child = leash.stdout.readline().strip()\n"
        "sibling = os.fork()\n"
        "if sibling == 0:\n"
        "    os.close(1); time.sleep(30); os._exit(0)\n"
        "print(child, sibling, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, *LEASH, str(folder), "5", *SLEEP], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid, sibling = map(int, parent.stdout.readline().split())
    assert _alive(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    try:
        assert _gone(pid)
    finally:
        os.kill(sibling, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not folder.exists()


def test_a_folder_that_several_share_goes_with_the_last_of_them(tmp_path: Path) -> None:
    """While one of three commands still runs the folder stays, whoever was killed before; with the last one it goes."""
    folder = tmp_path / "data"
    folder.mkdir()
    leashes = [_start(folder, *SLEEP) for _ in range(3)]
    os.kill(leashes[0][1], signal.SIGKILL)
    leashes[0][0].wait(10)
    _close(leashes[1][0])
    leashes[1][0].wait(10)
    assert folder.exists()
    _close(leashes[2][0])
    leashes[2][0].wait(10)
    assert not folder.exists()
    _close(leashes[0][0])


def test_a_folder_that_is_kept_stays(tmp_path: Path) -> None:
    """With `-` for a folder nothing is removed, and nothing of that name is made."""
    leash, pid = _start(Path(leash_module.KEEP), *SLEEP)
    _close(leash)
    leash.wait(10)
    assert _gone(pid)
    assert not Path(leash_module.KEEP).exists()
