"""The receipts that a Kafka writer has given out: a producer's reports settle them, in order within a topic.

Reports come from whichever thread serves the producer at the moment, so they may overtake each other; receipts do not. A
condition is notified once per run of records that were stored together, not once per record.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from confluent_kafka import KafkaError

from headrace.adapters.kafka_errors import translate
from headrace.errors import Closed, HeadraceError
from headrace.interfaces.receipt import Receipt, settle

Report = tuple[Receipt, KafkaError | None, int, int]
"""A receipt, why its record failed (None: it did not), its offset and the log's time."""


class Pending:
    """The receipts of a writer that are not settled yet, by topic and in order.

    `settle_reports` takes what the producer reported and settles what is next in its topic. A report that comes before
    its turn waits for the ones before it.
    """

    def __init__(self, condition: threading.Condition | None = None) -> None:
        self.condition = condition or threading.Condition()
        self._by_topic: dict[str, deque[Receipt]] = {}
        self._early: dict[int, Report] = {}

    def give(self, topic: str, event_id: str | None) -> Receipt:
        """A new receipt, last in its topic. Not for two threads at once."""
        receipt = Receipt(self.condition, topic, event_id)
        queue = self._by_topic.get(topic)
        if queue is None:
            queue = self._by_topic[topic] = deque()
        queue.append(receipt)
        return receipt

    def take_back(self, receipt: Receipt) -> None:
        """Forget the receipt that was given last in its topic: the producer did not take its record."""
        self._by_topic[receipt.topic].pop()

    def is_next(self, receipt: Receipt) -> bool:
        """Whether every earlier receipt of its topic is settled."""
        try:
            return self._by_topic[receipt.topic][0] is receipt
        except (KeyError, IndexError):  # it was given up just now
            return False

    def last(self) -> list[Receipt]:
        """The last unsettled receipt of each topic."""
        found = []
        for queue in list(self._by_topic.values()):
            try:
                found.append(queue[-1])
            except IndexError:  # none, or settled just now
                continue
        return found

    def __len__(self) -> int:
        return sum(len(queue) for queue in list(self._by_topic.values()))

    def settle_reports(self, reports: Iterable[Report]) -> None:
        """Settle what is next in its topic; keep what came early. Not for two threads at once."""
        run: list[Receipt] = []  # one topic's, with consecutive offsets of one batch
        topic, first, timestamp = "", -1, -1
        by_topic, early = self._by_topic, self._early
        for report in reports:
            receipt, error, offset, at = report
            if run and offset == first + len(run) and at == timestamp and receipt.topic == topic and not early:
                # The usual case: one more of the same batch, and the next in its topic.
                queue = by_topic[topic]
                if queue and queue[0] is receipt and error is None:
                    run.append(queue.popleft())
                    continue
            for receipt, error, offset, at in self._in_turn(report):
                if receipt.topic == topic and error is None and at == timestamp and offset == first + len(run):
                    run.append(receipt)
                    continue
                if run:
                    settle(self.condition, run, first, timestamp)
                    run = []
                if error is not None:
                    topic = ""
                    settle(self.condition, [receipt], error=refusal(error, receipt))
                else:
                    topic, first, timestamp = receipt.topic, offset, at
                    run.append(receipt)
        if run:
            settle(self.condition, run, first, timestamp)

    def _in_turn(self, report: Report) -> Sequence[Report]:
        """The reports whose turn has come with this one."""
        receipt = report[0]
        if receipt.done:  # failed with a producer that has since been given up
            return ()
        queue = self._by_topic[receipt.topic]
        if queue[0] is not receipt:
            self._early[id(receipt)] = report
            return ()
        queue.popleft()
        if not self._early:
            return (report,)
        ready = [report]
        while queue and (early := self._early.pop(id(queue[0]), None)) is not None:
            queue.popleft()
            ready.append(early)
        return ready

    def fail_all(self, error: Callable[[str], HeadraceError]) -> None:
        """Settle every receipt that is left, topic by topic and in order, with ``error(topic)``."""
        self._early.clear()
        for topic, queue in list(self._by_topic.items()):
            left = list(queue)
            queue.clear()
            if left:
                settle(self.condition, left, error=error(topic))


def refusal(error: KafkaError, receipt: Receipt) -> HeadraceError:
    if error.code() in (KafkaError._PURGE_INFLIGHT, KafkaError._PURGE_QUEUE):
        return Closed(f"the writer was closed before {receipt.topic} acknowledged", topic=receipt.topic)
    return translate(error, f"writing to {receipt.topic}", topic=receipt.topic)
