"""Topics that a producer remembers as missing: whether they have been made since is asked on a thread of its own.

Asking takes a round trip, or seconds where the broker is gone, and whoever publishes to thousands of tenants must not wait
for one that is not there. Records of a topic that is asked about wait here, in order, and only they do.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue

from headrace.interfaces.receipt import Receipt
from headrace.model.record import Record

WAITING_MOST = 1_000
"""Records that wait for one topic; what comes then is refused at once."""


class MissingTopics:
    """``answer(topic)`` is called on the thread for each topic that was put in question, and takes its records back with
    `taken`. `holds`, `put` and `taken` are for whoever holds the writer's lock."""

    def __init__(self, answer: Callable[[str], None]) -> None:
        self._answer = answer
        self._waiting: dict[str, deque[tuple[Receipt, Record]]] = {}
        self._asked: SimpleQueue[str | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def holds(self, topic: str) -> bool:
        """Whether the topic is in question: its records belong here, behind those that wait."""
        return topic in self._waiting

    def put(self, receipt: Receipt, record: Record) -> bool:
        """Keep a record until its topic's answer has come; False where too many wait already."""
        waiting = self._waiting.get(receipt.topic)
        if waiting is None:
            waiting = self._waiting[receipt.topic] = deque()
            self._asked.put(receipt.topic)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="headrace-kafka-missing", daemon=True)
                self._thread.start()
        if len(waiting) >= WAITING_MOST:
            return False
        waiting.append((receipt, record))
        return True

    def waiting(self, topic: str) -> deque[tuple[Receipt, Record]]:
        """What waits for the topic, first come first."""
        return self._waiting[topic]

    def taken(self, topic: str) -> None:
        """The topic is no longer in question."""
        del self._waiting[topic]

    def _run(self) -> None:
        while (topic := self._asked.get()) is not None:
            self._answer(topic)

    def close(self) -> None:
        """End the thread once it has answered what it was asked."""
        self._asked.put(None)
