"""Writing to Kafka: an idempotent producer, acknowledged by all in-sync replicas, with a receipt per record.

Somebody has to call the producer for its reports to come in. A thread of the writer does, unless records are published in
quick succession: then the publishing thread does it every `SERVE_EVERY` records, because two threads that take turns at
each single report spend more time on changing places (Python runs one at a time) than on the reports.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from headrace.adapters.kafka_errors import opening, translate, translated
from headrace.adapters.kafka_log import CLIENT_LOG, LOG, on_client_error
from headrace.adapters.kafka_missing import MissingTopics
from headrace.adapters.kafka_pending import Pending, Report, refusal
from headrace.clock import SYSTEM_CLOCK, Clock
from headrace.errors import AccessDenied, BrokerError, BufferFull, Closed, HeadraceError, PublishTimeout
from headrace.interfaces.receipt import Receipt, settle
from headrace.model.record import Record

SERVE_EVERY = 128
"""Records between two calls of the publishing thread for reports."""

BUSY_LOOK_S = 0.005
"""How long the writer's thread leaves the reports to a publishing thread before it looks again."""

POLL_S = 0.1
"""How long the writer's thread waits for a report before it looks whether the writer was closed."""

METADATA_TIMEOUT_S = 10.0
"""For the answer whether a topic is there; only its own records wait for it."""

REMEMBERED = (KafkaError._UNKNOWN_TOPIC, KafkaError.TOPIC_AUTHORIZATION_FAILED)
"""Refusals that the producer may take from what it knows, without asking."""

ASK_AGAIN_S = 1.0
"""How long a refusal of the whole producer stands before a record asks the cluster again."""

UNKNOWN = KafkaError(KafkaError._UNKNOWN_TOPIC)
PURGED = KafkaError(KafkaError._PURGE_QUEUE)
PURGES = (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT)


class KafkaWriter:
    """`RecordWriter` on one producer. Safe for many threads."""

    def __init__(self, settings: Mapping[str, Any], clock: Clock = SYSTEM_CLOCK) -> None:
        """``settings``: the producer's (`kafka_settings.producer_settings`)."""
        self._clock = clock
        self._settings = settings
        self._lock = threading.Lock()
        """Makes "give a receipt, hand the record over" one step, so that both are in the same order."""
        self._reports: deque[Report] = deque()
        self._settling = threading.Lock()
        self._settler = 0
        """The thread that settles now, 0: none."""
        self._pending = Pending()
        self._missing = MissingTopics(self._look_up)
        self._taken = 0
        self._made = 0
        """Producers so far; the last one is in use."""
        self._refused: KafkaError | None = None
        """Why the cluster refused the producer as a whole; until `_ask_again` all that is published fails with it."""
        self._ask_again = 0.0
        self._closed = False
        self._on_report = self._report  # bound once
        self._producer: Producer | None = self._new_producer()
        """None once closed. Not `Producer.close`: another thread may be inside it, and keeps it alive by its reference."""
        self._thread = threading.Thread(target=self._serve, name="headrace-kafka-writer", daemon=True)
        self._thread.start()

    def _new_producer(self) -> Producer:
        self._made += 1
        with opening("a producer"):
            return Producer({**self._settings, "error_cb": partial(self._on_error, self._made)}, logger=CLIENT_LOG)

    # --- publishing

    def publish(self, topic: str, record: Record, event_id: str | None = None) -> Receipt:
        receipt = None
        with self._lock:
            producer = self._producer
            if producer is not None and not self._closed and self._refused is None and not self._missing.holds(topic):
                # What `try_publish` does where all is well, in one go. Where the producer does not take the record, nothing
                # has happened, and it is asked again below, by the book.
                receipt = self._pending.give(topic, event_id)
                try:
                    producer.produce(
                        topic,
                        record.value,
                        record.key,
                        0,
                        partial(self._on_report, receipt),
                        headers=list(record.headers),
                    )
                except BaseException as error:
                    self._pending.take_back(receipt)
                    if not isinstance(error, (BufferError, KafkaException)):
                        raise
                    receipt = None
        if receipt is not None:
            self._taken += 1
            if not self._taken % SERVE_EVERY:
                self._wait_for_reports(0)
            return receipt
        while True:
            try:
                return self.try_publish(topic, record, event_id)
            except BufferFull:
                self._wait_for_reports(0.05)

    def try_publish(self, topic: str, record: Record, event_id: str | None = None) -> Receipt:
        with self._lock:
            if self._closed:
                raise Closed("the writer is closed")
            if self._refused is not None:
                self._renew()
            receipt = self._pending.give(topic, event_id)
            try:
                refused = UNKNOWN if self._missing.holds(topic) else self._hand_over(receipt, record)
            except BufferError as error:
                self._pending.take_back(receipt)
                raise BufferFull("the writer's bounds are met", topic=topic) from error
            except BaseException:
                self._pending.take_back(receipt)
                raise
            # What the producer remembers: the topic was not there, or closed to us. It may have been made, or opened, since.
            in_question = refused is not None and refused.code() in REMEMBERED and self._missing.put(receipt, record)
        if in_question:
            return receipt
        if refused is not None and refused.code() == KafkaError._FATAL:
            self._wait_for_reports(0)  # why it cannot go on is about to be told, and fails this one with the others
            return receipt
        if refused is not None:
            return self._refuse(receipt, refused)
        self._taken += 1
        if not self._taken % SERVE_EVERY:
            self._wait_for_reports(0)
        return receipt

    def _hand_over(self, receipt: Receipt, record: Record) -> KafkaError | None:
        """Why the producer refused the record; None: it took it. Raises `BufferError` where it is full. The lock is held."""
        producer = self._producer
        if producer is None:
            return PURGED
        if self._refused is not None:
            return self._refused
        try:
            producer.produce(
                receipt.topic,
                record.value,
                record.key,
                0,
                partial(self._on_report, receipt),
                headers=list(record.headers),
            )
        except KafkaException as error:
            refused: KafkaError = error.args[0]
            return refused
        return None

    def _refuse(self, receipt: Receipt, error: KafkaError) -> Receipt:
        """Fail a record's receipt, at once, or after the ones before it in its topic."""
        with self._lock:
            at_once = not receipt.done and self._pending.is_next(receipt)
            if at_once:
                self._pending.take_back(receipt)
            else:
                self._reports.append((receipt, error, -1, -1))
        if at_once:
            settle(self._pending.condition, [receipt], error=refusal(error, receipt))
        else:
            self._settle()
        return receipt

    def _look_up(self, topic: str) -> None:
        """Ask whether a topic is there by now, and hand over, or refuse, what waits for the answer. On the thread of
        `MissingTopics`: nobody who publishes waits for it."""
        error: KafkaError | None = None
        try:
            if (producer := self._producer) is not None:
                producer.list_topics(topic, timeout=METADATA_TIMEOUT_S)
        except KafkaException as failed:
            error = failed.args[0]
        while not self._hand_over_waiting(topic, error):
            self._wait_for_reports(0.05)
        self._settle()

    def _hand_over_waiting(self, topic: str, error: KafkaError | None) -> bool:
        """Whether all of it was taken, or refused; else the producer is full."""
        with self._lock:
            waiting = self._missing.waiting(topic)
            try:
                while waiting:
                    receipt, record = waiting[0]
                    done = receipt.done  # failed with a producer that was given up
                    refused = None if done else error or self._hand_over(receipt, record)
                    if refused is not None:
                        self._reports.append((receipt, refused, -1, -1))
                    waiting.popleft()
            except BufferError:
                return False
            self._missing.taken(topic)
            return True

    # --- reports

    def _report(self, receipt: Receipt, error: KafkaError | None, message: Message) -> None:
        """Called for each record by the client, from within `poll` and `flush`."""
        if error is None:
            self._reports.append((receipt, None, message.offset() or 0, message.timestamp()[1]))
        elif error.code() not in PURGES:
            self._reports.append((receipt, error, -1, -1))
        # What a producer drops comes before the fatal error that it drops it for: who gives it up fails what is left.

    def _serve(self) -> None:
        seen = 0
        while not self._closed:
            busy, seen = self._taken - seen >= SERVE_EVERY, self._taken
            if busy:
                self._clock.sleep(BUSY_LOOK_S)
            else:
                self._wait_for_reports(POLL_S)

    def _wait_for_reports(self, seconds: float) -> None:
        if self._settler == threading.get_ident():
            return  # a callback of a receipt that publishes: its thread is settling already
        number, producer = self._made, self._producer
        if producer is not None:
            self._call(number, partial(producer.poll, seconds))
            self._settle()

    def _call(self, number: int, call: Callable[[], int]) -> int:
        """Call a producer. One that the cluster refuses as a whole does not tell its callback: it raises from what is called
        next, whatever that is."""
        try:
            return call()
        except KafkaException as error:
            self._on_error(number, error.args[0])
            return 0

    def _settle(self) -> None:
        """Settle what is reported. One thread does it at a time; one that comes meanwhile leaves its reports to it."""
        while self._reports and self._settling.acquire(blocking=False):
            self._settler = threading.get_ident()
            try:
                self._pending.settle_reports(self._collected())
            finally:
                self._settler = 0
                self._settling.release()

    def _collected(self) -> list[Report]:
        return [self._reports.popleft() for _ in range(len(self._reports))]

    def _on_error(self, number: int, error: KafkaError) -> None:
        on_client_error(error)
        if error.fatal() and number == self._made:  # it may say so more than once
            cause = translate(error, "the producer cannot go on")
            self._rebuild(cause, error if isinstance(cause, AccessDenied) else None)

    def _renew(self) -> None:
        """A producer that was refused is made anew by the next record, not by itself: it would be refused again, all day long.
        The lock is held."""
        if self._refused is not None and self._clock.monotonic() >= self._ask_again:
            self._producer, self._refused = self._new_producer(), None

    def _rebuild(self, cause: HeadraceError, refused: KafkaError | None) -> None:
        """An idempotent producer that has lost its place in a log's sequence cannot go on. What it had taken fails, for
        all topics and in order; what comes now goes to a new one. ``refused``: the cluster lets this principal have none."""

        def failed(topic: str) -> HeadraceError:
            kind = BrokerError if refused is None else AccessDenied
            error = kind(f"writing to {topic}: {cause.message}", hint=cause.hint, topic=topic)
            error.__cause__ = cause
            return error

        # Called from within `poll`, which is never called with one of these held.
        with self._settling:
            with self._lock:
                if self._closed:
                    return  # `close` fails what is left
                broken = self._producer
                if refused is None:
                    self._producer = self._new_producer()
                else:
                    self._refused, self._ask_again = refused, self._clock.monotonic() + ASK_AGAIN_S
                pending, self._pending = self._pending, Pending(self._pending.condition)
            # Outside the lock: whoever is called back may publish again.
            self._settler = threading.get_ident()
            try:
                pending.settle_reports(self._collected())
                pending.fail_all(failed)
            finally:
                self._settler = 0
        assert broken is not None  # it calls us
        broken.purge()

    # --- ending

    def flush(self, timeout: float | None = None) -> None:
        deadline = None if timeout is None else self._clock.monotonic() + timeout
        with self._lock:
            last = self._pending.last()
        for receipt in last:
            while not receipt.done:
                left = POLL_S if deadline is None else min(deadline - self._clock.monotonic(), POLL_S)
                if left <= 0:
                    raise PublishTimeout(
                        f"{len(self._pending)} records are not acknowledged after {timeout} s", timeout=timeout
                    )
                number, producer = self._made, self._producer
                if producer is None:
                    break
                with translated("flushing"):
                    left_inside = self._call(number, partial(producer.flush, left))  # sends what lingers
                self._settle()
                if not left_inside and not receipt.done:
                    self._clock.sleep(0.002)  # it waits for the answer whether its topic is there

    def close(self, timeout: float | None = None) -> None:
        with self._lock:
            if self._closed:
                return
        try:
            self.flush(timeout)
        except PublishTimeout as error:
            LOG.warning("closing: %s", error)
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._thread.join()
        self._missing.close()
        producer, self._producer = self._producer, None
        assert producer is not None
        producer.purge()
        self._call(self._made, partial(producer.flush, 1))
        self._settle()
        with self._settling:
            self._pending.fail_all(
                lambda topic: Closed(f"the writer was closed before {topic} acknowledged", topic=topic)
            )
