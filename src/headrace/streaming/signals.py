"""Ending on SIGTERM and SIGINT: the first asks, the second does not."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def ending_on_signals(end: Callable[[], None]) -> Iterator[None]:
    """Call ``end`` on the first SIGTERM or SIGINT; a second SIGINT is a KeyboardInterrupt, a second SIGTERM ends the process.
    Outside the main thread, where Python takes no signals, nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def handle(number: int, _: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # On a thread: the main thread may hold, inside its wait, the very lock that `end` has to take.
        threading.Thread(target=end, daemon=True).start()

    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
