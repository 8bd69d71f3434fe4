"""Kafka's transactions: a producer with a transactional id, whose records and offsets become visible together or not at
all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from headrace.adapters.kafka_calls import chunks, partition_at, within
from headrace.adapters.kafka_errors import translate, translated
from headrace.adapters.kafka_log import CLIENT_LOG, LOG
from headrace.adapters.kafka_reader import KafkaReader
from headrace.adapters.kafka_settings import producer_settings
from headrace.errors import (
    BrokerError,
    BrokerUnavailable,
    Closed,
    GroupFenced,
    HeadraceError,
    TransactionAborted,
    WriterFenced,
)
from headrace.interfaces.broker import OffsetCommit, RecordReader
from headrace.interfaces.receipt import Receipt, settle
from headrace.model.record import Record

TIMEOUT_S = 60.0


class KafkaTransactionalWriter:
    """`TransactionalWriter`. The producer is made, and older ones with the same id are fenced, at the first `begin`."""

    def __init__(self, bootstrap: str, properties: Mapping[str, str], transactional_id: str) -> None:
        self._id = transactional_id
        self._settings = producer_settings(bootstrap, properties, transactional_id)
        self._patience = int(self._settings["transaction.timeout.ms"]) / 1000
        """How long the broker leaves a transaction open, in seconds."""
        self._condition = threading.Condition()
        self._producer: Producer | None = None
        self._open = False
        self._closed = False
        self._receipts: list[Receipt] = []
        self._failed: KafkaError | None = None

    def begin(self) -> None:
        if self._closed:
            raise Closed("the transactional writer is closed")
        if self._open:
            raise BrokerError("a transaction is open already", transactional_id=self._id)
        with self._translated("beginning a transaction"):
            if self._producer is None:
                producer = Producer(self._settings, logger=CLIENT_LOG)
                producer.init_transactions(TIMEOUT_S)
                self._producer = producer
            self._producer.begin_transaction()
        self._open, self._failed = True, None

    def publish(self, topic: str, record: Record, event_id: str | None = None) -> Receipt:
        producer = self._in_transaction()
        receipt = Receipt(self._condition, topic, event_id)
        while True:
            try:
                producer.produce(
                    topic,
                    record.value,
                    record.key,
                    0,
                    partial(self._on_delivery, receipt),
                    headers=list(record.headers),
                )
                break
            except BufferError:
                producer.poll(0.1)
            except KafkaException as error:
                # The transaction cannot be whole any more: commit says so, for all its receipts.
                self._failed = self._failed or error.args[0]
                break
        self._receipts.append(receipt)
        producer.poll(0)
        return receipt

    def _on_delivery(self, receipt: Receipt, error: KafkaError | None, message: Message) -> None:
        if error is None:
            receipt.offset, receipt.timestamp = message.offset() or 0, message.timestamp()[1]
        else:
            self._failed = self._failed or error

    def send_offsets(self, reader: RecordReader, offsets: Mapping[str, OffsetCommit]) -> None:
        producer = self._in_transaction()
        if not isinstance(reader, KafkaReader):
            raise BrokerError("the reader is not one of this broker")
        reader.require_held(offsets)
        metadata = reader.group_metadata()
        with self._translated("committing offsets with a transaction"):
            for chunk in chunks(offsets.items()):
                partitions = [partition_at(topic, commit) for topic, commit in chunk]
                send = partial(producer.send_offsets_to_transaction, partitions, metadata, self._patience)
                try:
                    within(self._patience, send)
                except TimeoutError as error:
                    # Where the group's coordinator is gone the client may never come back (librdkafka issues 5456, 5511). By
                    # now the broker has given the transaction up; the next `begin` makes a new producer, which makes sure.
                    gone = BrokerUnavailable(
                        "committing offsets with a transaction: no answer", transactional_id=self._id
                    )
                    self._forget(gone)
                    raise gone from error

    def commit(self) -> None:
        producer = self._in_transaction()
        try:
            if self._failed is None:
                with self._translated("committing a transaction"):
                    producer.flush(TIMEOUT_S)
            if self._failed is not None:
                if self._failed.code() in (KafkaError._PURGE_INFLIGHT, KafkaError._PURGE_QUEUE):
                    # The client gave the records up because the transaction had failed; why, it says only when it is asked.
                    with self._translated("committing a transaction"):
                        producer.commit_transaction(TIMEOUT_S)
                raise translate(self._failed, "writing in a transaction", transactional_id=self._id)
            with self._translated("committing a transaction"):
                _retried(producer.commit_transaction)
        except HeadraceError as error:
            raise self._give_up(error) from error
        receipts, self._receipts, self._open = self._receipts, [], False
        for receipt in receipts:
            settle(self._condition, [receipt], receipt.offset, receipt.timestamp)

    def _give_up(self, error: HeadraceError) -> HeadraceError:
        """After a failed commit: abort, and say it in the terms of `TransactionalWriter.commit`."""
        fenced = isinstance(error, (WriterFenced, GroupFenced))
        told = (
            error
            if fenced or isinstance(error, TransactionAborted)
            else TransactionAborted(f"the transaction was aborted: {error.message}", hint=error.hint, **error.data)
        )
        if isinstance(error, WriterFenced):
            self._forget(told)
        else:
            self._abort(told)
        return told

    def abort(self) -> None:
        self._in_transaction()
        self._abort(TransactionAborted("the transaction was aborted", transactional_id=self._id))

    def _abort(self, error: HeadraceError) -> None:
        assert self._producer is not None
        producer = self._producer
        try:
            with self._translated("aborting a transaction"):
                _retried(producer.abort_transaction)
        except BrokerError as failed:
            # The next `begin` makes a new producer, which aborts what this one left open.
            LOG.warning("%s", failed)
            self._forget(error)
            return
        self._settle_all(error)

    def _forget(self, error: HeadraceError) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            # Not closed: that would try to abort, and warn that it cannot. It ends with its last reference.
            with suppress(KafkaException, SystemError):  # fenced, or it cannot go on: what it says now changes nothing
                producer.purge()
                producer.poll(0)
        self._settle_all(error)

    def _settle_all(self, error: HeadraceError) -> None:
        receipts, self._receipts, self._open = self._receipts, [], False
        for receipt in receipts:
            receipt.offset = receipt.timestamp = -1
        settle(self._condition, receipts, error=error)

    def close(self) -> None:
        if self._closed:
            return
        if self._open:
            self.abort()
        self._closed = True
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close()

    def _in_transaction(self) -> Producer:
        if self._closed:
            raise Closed("the transactional writer is closed")
        if not self._open or self._producer is None:
            raise BrokerError("no transaction is open", hint="call begin first", transactional_id=self._id)
        return self._producer

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        with translated(what, transactional_id=self._id):
            try:
                yield
            except SystemError as error:
                # The client raises a fatal error (it is fenced) from inside a callback; that the next callback was called all
                # the same is what the interpreter complains about.
                if isinstance(error.__cause__, KafkaException):
                    raise error.__cause__ from None
                raise


def _retried(call: Callable[[float], None], times: int = 3) -> None:
    """Kafka says of some failures of these two calls that the same call is to be made again."""
    for left in reversed(range(times)):
        try:
            call(TIMEOUT_S)
            return
        except KafkaException as error:
            if not left or not error.args[0].retriable():
                raise
