"""Committing what lanes have settled: plain offsets, or, in a transactional consumer, transactions.

A transaction takes the finished events of many lanes: what their handlers published, their dead letters, and their offsets. It
never takes a running handler, whose records are not with its lane yet. When it fails, each of its lanes begins anew where
the group stands: only the broker knows that, because the answer to a commit can be lost like any other.

What keeps two members from writing the same event's output is the group's generation, which goes with the offsets (KIP-447):
a member that was cut off cannot commit, whatever its transactional id. So the id's last part is drawn at random, once for
each consumer; its one use is that a new writer ends what a broken one of the same consumer left open.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

from headrace.errors import AccessDenied, BrokerError, GroupFenced, HeadraceError, TransactionAborted, WriterFenced
from headrace.interfaces.broker import Broker, OffsetAt, OffsetCommit, RecordReader, TransactionalWriter
from headrace.streaming.lanes import Lane
from headrace.streaming.published import HeldRecord, drop, written
from headrace.streaming.start import commit_metadata

log = logging.getLogger("headrace.consumer")


class LaneKeeper(Protocol):
    """What a committer asks of its consumer."""

    def drop_lanes(self, topics: Sequence[str]) -> None:
        """They belong to another member now."""

    def stop_lane(self, lane: Lane, error: HeadraceError) -> None: ...

    def send_back(self, lane: Lane, offset: int | None, error: HeadraceError) -> None:
        """Begin the lane anew at ``offset`` (None: where `Committer.places` says) once its running turn has ended."""


class Committer:
    """Commits offsets. Only on the thread of the consumer that it belongs to."""

    def __init__(self, group: str, reader: RecordReader, lock: threading.Condition, keeper: LaneKeeper) -> None:
        self._group = group
        self._reader = reader
        self._lock = lock
        self._keeper = keeper

    def commit(self, lanes: Iterable[Lane]) -> None:
        """Commit what ``lanes`` have settled, as far as what their handlers published is durable."""
        failed: list[tuple[Lane, HeadraceError]] = []
        offsets: dict[str, tuple[Lane, int]] = {}
        with self._lock:
            for lane in lanes:
                offset, error = lane.safe_offset()
                if error is not None:
                    lane.done = offset
                    failed.append((lane, error))
                if offset > lane.committed:
                    offsets[lane.topic] = (lane, offset)
        for lane, error in failed:
            if error.retryable:
                # It may succeed the next time: what the handler published is published again by handing its event out again.
                self._keeper.send_back(lane, lane.done, error)
            else:
                self._keeper.stop_lane(lane, error)
        self._commit_offsets(offsets)

    def _commit_offsets(self, offsets: dict[str, tuple[Lane, int]]) -> None:
        while offsets:
            try:
                self._reader.commit(_commits(offsets.values()))
            except GroupFenced as error:
                named = [topic for topic in error.data.get("topics", ()) if topic in offsets] or list(offsets)
                lost = sorted(set(named) - self._reader.assignment())
                if not lost:
                    # The member's generation has changed under the commit: what it still holds it commits under the next.
                    log.info("%s: %s", self._group, error)
                    return
                for topic in lost:
                    del offsets[topic]
                self._keeper.drop_lanes(lost)
                continue
            except AccessDenied as error:
                denied = [topic for topic in error.data.get("topics", ()) if topic in offsets]
                if not denied or error.data.get("kafka_error") == "GROUP_AUTHORIZATION_FAILED":
                    raise
                for topic in denied:
                    lane, _ = offsets.pop(topic)
                    with self._lock:
                        lane.done = lane.committed
                    self._keeper.stop_lane(lane, error)
                continue
            with self._lock:
                for lane, offset in offsets.values():
                    lane.commit_to(offset)
            return

    def places(self, lanes: Mapping[str, Lane]) -> Mapping[str, int]:
        """Where lanes begin anew that a failed transaction has sent back."""
        return {topic: lane.committed for topic, lane in lanes.items()}

    def close(self) -> None:
        """End what it has opened."""


class _Part(NamedTuple):
    """A lane's share of a transaction: its records, and one past its last settled offset."""

    lane: Lane
    offset: int
    records: list[HeldRecord]


class TransactionalCommitter(Committer):
    """Commits offsets together with what handlers published; offsets alone where they published nothing."""

    def __init__(
        self,
        group: str,
        reader: RecordReader,
        lock: threading.Condition,
        keeper: LaneKeeper,
        *,
        broker: Broker,
        transactional_id: Callable[[str], str],
        most_bytes: int,
    ) -> None:
        """``transactional_id`` makes the id from its last part. ``most_bytes``: about what one transaction writes."""
        super().__init__(group, reader, lock, keeper)
        self._broker = broker
        self._id = transactional_id(secrets.token_hex(8))
        self._most_bytes = most_bytes
        self._writer: TransactionalWriter | None = None
        self._open = False
        """A transaction of the writer's is open."""
        self._alone: set[str] = set()
        """Topics whose lanes were part of a transaction that can never be written: each has to show if it is at fault."""

    def commit(self, lanes: Iterable[Lane]) -> None:
        holding: list[Lane] = []
        others: list[Lane] = []
        for lane in lanes:
            (holding if lane.held else others).append(lane)
        if holding:
            self._begin()  # raises while no transaction is possible: until then all stays with its lane
        for together in self._portions(holding):
            self._transact(together)
        # What was settled meanwhile by lanes that hold something has to wait for the next transaction.
        with self._lock:
            offsets = {lane.topic: (lane, lane.done) for lane in others if lane.done > lane.committed and not lane.held}
        self._commit_offsets(offsets)

    def _portions(self, lanes: Sequence[Lane]) -> Iterator[list[Lane]]:
        """The lanes of each transaction: as many as its bytes allow, and each suspect by itself."""
        portion: list[Lane] = []
        size = 0
        for lane in lanes:
            if lane.topic in self._alone:
                yield [lane]
                continue
            portion.append(lane)
            size += lane.held_bytes
            if size >= self._most_bytes:
                yield portion
                portion, size = [], 0
        if portion:
            yield portion

    def _begin(self) -> TransactionalWriter:
        """The writer, with a transaction open."""
        writer = self._writer
        if writer is None:
            writer = self._writer = self._broker.transactional_writer(self._id)
        if not self._open:
            try:
                writer.begin()
            except WriterFenced:
                self._forget_writer()
                raise
            self._open = True
        return writer

    def _transact(self, lanes: Sequence[Lane]) -> None:
        with self._lock:
            parts = [_Part(lane, lane.done, lane.release()) for lane in lanes]
        pairs = []
        try:
            writer = self._begin()
            for part in parts:
                for held in part.records:
                    pairs.append((held, writer.publish(held.topic, held.record, held.receipt.event_id)))
            writer.send_offsets(self._reader, _commits((part.lane, part.offset) for part in parts))
            writer.commit()
        except HeadraceError as error:
            self._undo(parts, error)
            return
        except BaseException:
            # Nobody knows what became of it: no later commit may take these offsets without their records.
            self._undo(parts, BrokerError("an unexpected error ended the transaction"))
            raise
        self._open = False
        with self._lock:
            for part in parts:
                part.lane.commit_to(part.offset)
        self._alone.difference_update(part.lane.topic for part in parts)
        written(pairs)

    def _undo(self, parts: Sequence[_Part], error: HeadraceError) -> None:
        """Nothing of ``parts`` was written, as far as is known here."""
        log.warning("%s: a transaction of %d topics was not written: %s", self._group, len(parts), error)
        if isinstance(error, WriterFenced):
            self._forget_writer()
        else:
            self._abort()
        ours = self._reader.assignment().difference(error.data.get("topics", ()) if _fenced(error) else ())
        lost = [part.lane.topic for part in parts if part.lane.topic not in ours]
        left = [part.lane for part in parts if part.lane.topic in ours]
        cause = _permanent(error)
        at_fault = cause if len(parts) == 1 else None
        if cause is not None and at_fault is None:
            self._alone.update(lane.topic for lane in left)
        for lane in left:
            if at_fault is None:
                self._keeper.send_back(lane, None, error)
                continue
            with self._lock:
                lane.done = lane.committed
                parts = [*parts, _Part(lane, lane.done, lane.release())]
            self._keeper.stop_lane(lane, at_fault)
        if lost:
            self._keeper.drop_lanes(lost)
        for part in parts:
            drop(part.records, error)

    def _abort(self) -> None:
        writer, was_open, self._open = self._writer, self._open, False
        if writer is not None and was_open:
            with suppress(BrokerError):  # a commit that failed has ended it already
                writer.abort()

    def _forget_writer(self) -> None:
        writer, self._writer, self._open = self._writer, None, False
        if writer is not None:
            with suppress(BrokerError):
                writer.close()

    def places(self, lanes: Mapping[str, Lane]) -> Mapping[str, int]:
        # A new transaction ends what an earlier one left open; from then on the group's offsets are what counts.
        self._begin()
        self._abort()
        commits = self._broker.admin.group_offsets(self._group)
        earliest = self._broker.admin.offsets(lanes, OffsetAt.EARLIEST)
        return {
            topic: commits[topic].offset if topic in commits else max(lane.committed, earliest.get(topic, 0))
            for topic, lane in lanes.items()
        }

    def close(self) -> None:
        self._forget_writer()


def make_committer(
    group: str,
    reader: RecordReader,
    lock: threading.Condition,
    keeper: LaneKeeper,
    *,
    broker: Broker | None,
    transactional_id: Callable[[str], str],
    most_bytes: int,
) -> Committer:
    """``broker``: where transactions are written; None: the consumer is not transactional."""
    if broker is None:
        return Committer(group, reader, lock, keeper)
    return TransactionalCommitter(
        group, reader, lock, keeper, broker=broker, transactional_id=transactional_id, most_bytes=most_bytes
    )


def _commits(settled: Iterable[tuple[Lane, int]]) -> Mapping[str, OffsetCommit]:
    return {lane.topic: OffsetCommit(offset, commit_metadata(lane.topic_id)) for lane, offset in settled}


def _fenced(error: HeadraceError) -> bool:
    return isinstance(error, GroupFenced)


def _permanent(error: HeadraceError) -> HeadraceError | None:
    """Why a transaction with the same records can never be written; None where the next one may be."""
    if isinstance(error, (WriterFenced, GroupFenced)):
        return None
    cause = error.__cause__ if isinstance(error, TransactionAborted) else error
    return cause if isinstance(cause, HeadraceError) and not cause.retryable else None
