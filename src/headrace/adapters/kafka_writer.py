"""Writing to Kafka: an idempotent producer, acknowledged by all in-sync replicas, with a receipt per record.

The producer's delivery reports are collected by one thread and settled in runs: a condition is notified once per run, not
once per record. Each report carries its receipt (a report alone does not say which record it is about), and a topic's
receipts are settled in the order in which they were given out, whatever the order of the reports.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from headrace.adapters.kafka_errors import translate, translated
from headrace.adapters.kafka_log import CLIENT_LOG, LOG, on_client_error
from headrace.adapters.kafka_settings import producer_settings
from headrace.clock import SYSTEM_CLOCK, Clock
from headrace.errors import BrokerError, BufferFull, Closed, HeadraceError, PublishTimeout
from headrace.interfaces.receipt import Receipt, settle
from headrace.model.record import Record

POLL_S = 0.1
"""How long the reports' thread waits for one before it looks whether the writer was closed."""

METADATA_TIMEOUT_S = 2.0

Report = tuple[Receipt, KafkaError | None, int, int]


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
        queue = self._by_topic.get(receipt.topic)
        return bool(queue) and queue[0] is receipt

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
        run: list[Receipt] = []
        first = timestamp = -1
        for report in reports:
            for receipt, error, offset, at in self._in_turn(report):
                # A run is one topic's, with consecutive offsets of one batch.
                if run and (
                    error is not None or receipt.topic != run[0].topic or offset != first + len(run) or at != timestamp
                ):
                    settle(self.condition, run, first, timestamp)
                    run = []
                if error is not None:
                    settle(self.condition, [receipt], error=_refusal(error, receipt))
                    continue
                if not run:
                    first, timestamp = offset, at
                run.append(receipt)
        if run:
            settle(self.condition, run, first, timestamp)

    def _in_turn(self, report: Report) -> Iterable[Report]:
        if report[0].done:  # failed with a producer that has since been given up
            return ()
        queue = self._by_topic[report[0].topic]
        if queue[0] is not report[0]:
            self._early[id(report[0])] = report
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


def _refusal(error: KafkaError, receipt: Receipt) -> HeadraceError:
    if error.code() in (KafkaError._PURGE_INFLIGHT, KafkaError._PURGE_QUEUE):
        return Closed(f"the writer was closed before {receipt.topic} acknowledged", topic=receipt.topic)
    return translate(error, f"writing to {receipt.topic}", topic=receipt.topic)


class KafkaWriter:
    """`RecordWriter` on one producer. Safe for many threads."""

    def __init__(self, bootstrap: str, properties: Mapping[str, str], clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._settings = producer_settings(bootstrap, properties)
        self._lock = threading.Lock()
        self._reports: list[Report] = []
        self._refused: deque[Report] = deque()
        self._flushing = 0
        self._pending = Pending()
        self._closed = False
        self._producer = self._new_producer()
        self._thread = threading.Thread(target=self._serve, name="headrace-kafka-writer", daemon=True)
        self._thread.start()

    def _new_producer(self) -> Producer:
        with translated("opening a producer"):
            return Producer({**self._settings, "error_cb": self._on_error}, logger=CLIENT_LOG)

    # --- publishing

    def publish(self, topic: str, record: Record, event_id: str | None = None) -> Receipt:
        while True:
            try:
                return self.try_publish(topic, record, event_id)
            except BufferFull:
                # Room comes with the next reports. The wait is short in case they came before it began.
                with self._pending.condition:
                    self._clock.wait(self._pending.condition, 0.05)

    def try_publish(self, topic: str, record: Record, event_id: str | None = None) -> Receipt:
        receipt, refused = self._produce(topic, record, event_id)
        if refused is not None and refused.code() == KafkaError._UNKNOWN_TOPIC:
            # What the producer remembers: the topic was not there. It may have been made since.
            try:
                self._producer.list_topics(topic, timeout=METADATA_TIMEOUT_S)
            except KafkaException as error:
                refused = error.args[0]
            else:
                receipt, refused = self._produce(topic, record, event_id, receipt)
        if refused is not None:
            self._refuse(receipt, refused)
        return receipt

    def _produce(
        self, topic: str, record: Record, event_id: str | None, receipt: Receipt | None = None
    ) -> tuple[Receipt, KafkaError | None]:
        """A receipt that is pending, and why the producer refused its record (None: it took it). Raises `BufferFull`."""
        with self._lock:
            if self._closed:
                raise Closed("the writer is closed")
            if receipt is None:
                receipt = self._pending.give(topic, event_id)
            try:
                self._producer.produce(
                    topic,
                    record.value,
                    record.key,
                    0,
                    partial(self._on_delivery, receipt),
                    headers=list(record.headers),
                )
            except BufferError as error:
                self._pending.take_back(receipt)
                raise BufferFull("the writer's bounds are met", topic=topic) from error
            except KafkaException as error:
                return receipt, error.args[0]
            except BaseException:
                self._pending.take_back(receipt)
                raise
        return receipt, None

    def _refuse(self, receipt: Receipt, error: KafkaError) -> None:
        """Fail a receipt that the producer did not take, at once, or after the ones before it in its topic."""
        with self._lock:
            at_once = not receipt.done and self._pending.is_next(receipt)
            if at_once:
                self._pending.take_back(receipt)
            else:
                self._refused.append((receipt, error, -1, -1))
        if at_once:
            settle(self._pending.condition, [receipt], error=_refusal(error, receipt))

    # --- delivery reports

    def _on_delivery(self, receipt: Receipt, error: KafkaError | None, message: Message) -> None:
        """Called by `Producer.poll` and `flush` for each record."""
        if error is None:
            self._reports.append((receipt, None, message.offset() or 0, message.timestamp()[1]))
        else:
            self._reports.append((receipt, error, -1, -1))

    def _serve(self) -> None:
        # All reports are taken by this one thread: a list that two threads fill and swap would lose some.
        while not self._closed:
            producer = self._producer
            if self._flushing:
                producer.flush(POLL_S)  # sends what lingers
            else:
                producer.poll(POLL_S)
            self._settle_reported()

    def _settle_reported(self) -> None:
        reports, self._reports = self._reports, []
        while self._refused:
            reports.append(self._refused.popleft())
        if reports:
            self._pending.settle_reports(reports)

    def _on_error(self, error: KafkaError) -> None:
        on_client_error(error)
        if error.fatal():
            # From inside `poll`, on the reports' thread.
            self._rebuild(translate(error, "the producer cannot go on"))

    def _rebuild(self, cause: HeadraceError) -> None:
        """An idempotent producer that has lost its place in a log's sequence cannot go on. What it had taken fails, for
        all topics and in order, before the new one takes anything."""
        with self._lock:
            broken, self._producer = self._producer, self._new_producer()
            pending, self._pending = self._pending, Pending(self._pending.condition)
        # Outside the lock: whoever is called back may publish again.
        reports, self._reports = self._reports, []
        pending.settle_reports(reports)

        def failed(topic: str) -> HeadraceError:
            error = BrokerError(f"writing to {topic}: {cause.message}", topic=topic)
            error.__cause__ = cause
            return error

        pending.fail_all(failed)
        broken.purge()

    # --- ending

    def flush(self, timeout: float | None = None) -> None:
        deadline = None if timeout is None else self._clock.monotonic() + timeout
        with self._lock:
            last = self._pending.last()
            self._flushing += 1
        try:
            self._wait_for(last, deadline, timeout)
        finally:
            with self._lock:
                self._flushing -= 1

    def _wait_for(self, receipts: list[Receipt], deadline: float | None, timeout: float | None) -> None:
        condition = self._pending.condition
        with condition:
            for receipt in receipts:
                while not receipt.done:
                    left = None if deadline is None else deadline - self._clock.monotonic()
                    if left is not None and left <= 0:
                        raise PublishTimeout(
                            f"{len(self._pending)} records are not acknowledged after {timeout} s", timeout=timeout
                        )
                    self._clock.wait(condition, left)

    def close(self, timeout: float | None = None) -> None:
        with self._lock:
            if self._closed:
                return
        try:
            self.flush(timeout)
        except PublishTimeout as error:
            LOG.warning("closing: %s", error)
        with self._lock:
            self._closed = True
        self._thread.join()
        self._producer.purge()
        self._producer.flush(1)
        self._settle_reported()
        self._pending.fail_all(lambda topic: Closed(f"the writer was closed before {topic} acknowledged", topic=topic))
        self._producer.close()
