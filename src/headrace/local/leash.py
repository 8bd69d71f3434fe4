"""A leash for a server process: it ends with whoever started it, even if that one is killed with -9.

Run as a script (``python leash.py FOLDER GRACE COMMAND...``), with nothing but the standard library. It starts the command,
prints its process id, and waits. When its standard input closes or its parent changes, it stops the command (SIGTERM, then
SIGKILL after GRACE seconds) and removes FOLDER (``-``: nothing is removed). Where several servers share a folder, the last
of their leashes removes it: each holds a shared lock on it as long as its command runs. When the command ends by itself,
so does the leash, with its status, and the folder stays. Should the leash itself be killed, the kernel kills the command
(PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import shutil
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
LOOK_AGAIN_S = 0.25
KEEP = "-"


def _die_with_parent() -> None:
    """In the child, before exec: ask the kernel for SIGKILL when the parent goes. Only Linux has it."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _stop(child: subprocess.Popen[bytes], grace: float) -> None:
    child.terminate()
    try:
        child.wait(grace)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _hold(folder: str) -> int | None:
    """A shared lock on the folder; None where there is nothing to hold."""
    if folder == KEEP:
        return None
    try:
        held = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    fcntl.flock(held, fcntl.LOCK_SH)
    return held


def _remove(folder: str, held: int | None) -> None:
    if held is None:
        return
    try:
        # First without the lock, then with it alone: of two that end at once, one at least sees that nobody is left.
        fcntl.flock(held, fcntl.LOCK_UN)
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    finally:
        os.close(held)
    shutil.rmtree(folder, ignore_errors=True)


def main(folder: str, grace: float, command: list[str]) -> int:
    parent = os.getppid()
    held = _hold(folder)
    # Whoever stops the leash stops the command too.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(0))
    # preexec_fn is safe here: the leash has one thread.
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, preexec_fn=_die_with_parent)
    try:
        sys.stdout.write(f"{child.pid}\n")
        sys.stdout.flush()
        while child.poll() is None:
            readable, _, _ = select.select([sys.stdin], [], [], LOOK_AGAIN_S)
            # A process that the parent forked may keep the pipe open: the parent's own end is looked at too.
            if os.getppid() != parent or (readable and not os.read(sys.stdin.fileno(), 4096)):
                break
        else:
            return abs(int(child.returncode))
    finally:
        if child.poll() is None:
            _stop(child, grace)
            _remove(folder, held)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], float(sys.argv[2]), sys.argv[3:]))
