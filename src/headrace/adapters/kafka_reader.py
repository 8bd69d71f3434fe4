"""Reading from Kafka: a member of a consumer group, or a reader that assigns its topics itself.

Groups use Kafka's consumer protocol (KIP-848) unless the properties say ``group.protocol: classic``; both move topics one by
one, so what a member keeps is read on without a pause. Where nothing is committed the adapter itself begins at the
earliest; the client is told never to choose a place (`auto.offset.reset` is `error`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from headrace.adapters.kafka_admin import KafkaAdmin
from headrace.adapters.kafka_calls import answer_unless_gone, chunks, partition_at, request_timeout, stable_offsets
from headrace.adapters.kafka_errors import broker_error, opening, translated
from headrace.adapters.kafka_group import GroupWatch
from headrace.adapters.kafka_headers import MessageHeaders
from headrace.adapters.kafka_held import Held, TopicIds, generation_of, out_of_range, patterns_of
from headrace.adapters.kafka_log import CLIENT_LOG, LOG
from headrace.adapters.kafka_settings import consumer_settings
from headrace.clock import SYSTEM_CLOCK, Clock
from headrace.errors import (
    AccessDenied,
    BrokerError,
    Closed,
    GroupFenced,
    InvalidTopic,
    OffsetOutOfRange,
    TopicMissing,
)
from headrace.interfaces.broker import Fetched, OffsetAt, OffsetCommit, RebalanceListener
from headrace.model.record import StoredRecord

LOOK_AGAIN_S = 1.0
"""The longest that a poll waits for a record before it looks whether all is well."""


class KafkaReader:
    """`RecordReader` on one consumer."""

    def __init__(
        self,
        bootstrap: str,
        properties: Mapping[str, str],
        group: str | None,
        admin: KafkaAdmin,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._group = group
        self._admin = admin
        self._timeout = request_timeout(properties)
        self._clock = clock
        settings = consumer_settings(bootstrap, properties, group)
        with opening("a consumer"):
            self._opened: Consumer | None = Consumer(settings, logger=CLIENT_LOG)
        self._polling = threading.RLock()
        """Held by `poll` and `close`: a client that is closed while another thread reads from it may crash."""
        self._listener: RebalanceListener | None = None
        self._held: dict[str, Held] = {}
        self._starting: frozenset[str] = frozenset()
        """Topics whose listener is being told of them: their place can still be chosen."""
        self._paused: set[str] = set()
        self._dropped: set[str] = set()
        self._ids = TopicIds(admin, clock)
        self._look = group is None or settings["group.protocol"] == "classic"
        classic = settings["group.protocol"] == "classic"
        self._watch = GroupWatch(admin, group, clock, classic=classic) if group is not None else None
        self._error: BrokerError | None = None
        """Raised by the next poll."""
        self._broken: BrokerError | None = None
        """Raised by every poll."""

    @property
    def _consumer(self) -> Consumer:
        if self._opened is None:
            raise Closed("the reader is closed")
        return self._opened

    # --- what is read

    def subscribe(self, prefixes: Sequence[str], listener: RebalanceListener) -> None:
        if self._watch is None:
            raise BrokerError("a reader without a group cannot subscribe", hint="open it with a group, or use assign")
        consumer = self._consumer
        self._watch.joining(prefixes)
        self._listener = listener
        patterns = [pattern for prefix in prefixes for pattern in patterns_of(prefix)]
        with translated(f"joining {self._group}", group=self._group):
            consumer.subscribe(patterns, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost)

    def assign(self, positions: Mapping[str, int | OffsetAt]) -> None:
        consumer = self._consumer
        ids = self._admin.topic_ids(positions)
        missing = [topic for topic in positions if topic not in ids]
        if missing:
            raise TopicMissing(f"there is no topic {', '.join(missing)}", topics=tuple(missing), topic=missing[0])
        starts = {topic: at for topic, at in positions.items() if not isinstance(at, OffsetAt)}
        for at in OffsetAt:  # resolved now: what is written from here on is after LATEST
            starts |= self._admin.offsets([topic for topic, place in positions.items() if place is at], at)
        self._held = {topic: Held(0, start) for topic, start in starts.items()}
        self._ids.forget()
        for topic, topic_id in ids.items():
            self._ids.compare(topic, topic_id)
        with translated("assigning topics"):
            self._unpause(consumer, self._paused)
            consumer.assign([TopicPartition(topic, 0, start) for topic, start in starts.items()])

    def assignment(self) -> frozenset[str]:
        return frozenset(self._held)

    def generation(self, topic: str) -> int:
        held = self._held.get(topic)
        if held is None:
            raise self._fenced([topic])
        return held.generation

    # --- rebalancing, on the polling thread

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        extra = sorted({p.topic for p in partitions if p.partition != 0})
        topics = sorted(p.topic for p in partitions if p.partition == 0)
        try:
            ids, denied = self._looked_up(topics)
            commits = self._committed(consumer, [topic for topic in topics if topic not in denied])
            # Asked for together: the client would ask for the beginning of each topic by itself, thousands of requests.
            earliest = self._admin.offsets([t for t, commit in commits.items() if commit is None], OffsetAt.EARLIEST)
            commits |= dict.fromkeys(denied)
            generation = generation_of(consumer.consumer_group_metadata())
        except BrokerError as error:
            # The group counts these topics as ours, and we cannot read them: no later poll may look as if all were well.
            self._broken = error
            raise
        if topics and self._watch is not None:
            self._watch.settled()
        for topic in topics:
            commit = commits[topic]
            start = earliest.get(topic, OFFSET_BEGINNING) if commit is None else commit.offset
            self._held[topic] = Held(generation, start, anywhere=commit is None)
        try:
            self._starting = frozenset(topics)
            if topics:
                self._tell.on_assigned(commits)
        finally:
            self._starting = frozenset()
            places = [TopicPartition(t, 0, self._held[t].start) for t in topics if t in self._held]
            with translated("taking topics over", group=self._group):
                consumer.incremental_assign(places)
                paused = [TopicPartition(topic, 0) for topic in topics if topic in self._paused]
                if paused:
                    consumer.pause(paused)
        for topic, refused in denied.items():
            self._fail(topic, refused)
        for topic in topics:
            if topic in ids and (replaced := self._ids.compare(topic, ids[topic])) is not None:
                self._fail(topic, replaced)
        for topic in extra:
            self._tell.on_error(
                topic, InvalidTopic(f"{topic} has more than one partition: the others are not read", topic=topic)
            )

    def _looked_up(self, topics: Sequence[str]) -> tuple[dict[str, str], dict[str, AccessDenied]]:
        """The ids of topics that are there; and of those that were closed to us since the group gave them to us, why."""
        ids: dict[str, str] = {}
        denied: dict[str, AccessDenied] = {}
        for topic, future in self._admin.ask_topics(topics).items():
            try:
                described = answer_unless_gone(future, f"describing {topic}")
            except AccessDenied as error:
                denied[topic] = error
                continue
            if described is not None:
                ids[topic] = str(described.topic_id)
        return ids, denied

    def _committed(self, consumer: Consumer, topics: Sequence[str]) -> dict[str, OffsetCommit | None]:
        commits: dict[str, OffsetCommit | None] = {}
        for chunk in chunks(topics):
            places = [TopicPartition(topic, 0) for topic in chunk]
            for answer in stable_offsets(
                lambda: consumer.committed(places, timeout=self._timeout),  # noqa: B023  # called here and now
                f"reading the offsets of {self._group}",
                self._group,
            ):
                known = answer.offset >= 0
                commits[answer.topic] = OffsetCommit(answer.offset, answer.metadata or "") if known else None
        return commits

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._give_up(consumer, partitions, lambda topics: self._tell.on_revoked(topics))

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._give_up(consumer, partitions, lambda topics: self._tell.on_lost(topics))

    def _give_up(
        self, consumer: Consumer, partitions: list[TopicPartition], tell: Callable[[Sequence[str]], None]
    ) -> None:
        topics = sorted({p.topic for p in partitions if p.topic in self._held})
        try:
            if topics:
                tell(topics)
        finally:
            for topic in topics:
                self._held.pop(topic, None)
            self._dropped.update(topics)
            if self._watch is not None:
                self._watch.moved()
            with translated("giving topics up", group=self._group):
                self._unpause(consumer, topics)
                consumer.incremental_unassign(partitions)

    def _unpause(self, consumer: Consumer, topics: Iterable[str]) -> None:
        """The client remembers that a topic is paused, even if it comes back much later."""
        paused = self._paused & set(topics)
        self._paused -= paused
        consumer.resume([TopicPartition(topic, 0) for topic in sorted(paused)])

    @property
    def _tell(self) -> RebalanceListener:
        assert self._listener is not None
        return self._listener

    # --- reading

    def poll(self, timeout: float, max_records: int = 500) -> Sequence[Fetched]:
        with self._polling:
            return self._poll(timeout, max_records)

    def _poll(self, timeout: float, max_records: int) -> Sequence[Fetched]:
        consumer = self._consumer
        deadline = self._clock.monotonic() + timeout
        wait = timeout
        while True:
            if self._look:
                for topic, gone in self._ids.look(self._held).items():
                    self._fail(topic, gone)
            if self._broken is not None:
                raise self._broken
            if self._error is not None:
                error, self._error = self._error, None
                raise error
            if self._watch is not None:
                self._watch.check(consumer.memberid)
            with translated("reading", group=self._group):
                # `consume` waits until it has as many as it was asked for: so for one, and then for what is there.
                messages = consumer.consume(1, min(max(wait, 0), LOOK_AGAIN_S))
                if messages and max_records > 1:
                    self._dropped.clear()
                    messages += consumer.consume(max_records - 1, 0)
                    if self._dropped:
                        messages = self._still_ours(messages)
            fetched = self._sorted(messages) if messages else ()
            if fetched:
                return fetched
            wait = deadline - self._clock.monotonic()
            if wait <= 0 and self._error is None:
                return ()

    def _still_ours(self, messages: list[Message]) -> list[Message]:
        """A rebalance came between records: those of topics that went are not handed out. A topic that has come back
        in the same moment is read from its start again."""
        for topic in self._dropped & self._held.keys():
            self._read_from(topic, self._held[topic].start)
        return [m for m in messages if m.topic() not in self._dropped]

    def _sorted(self, messages: Iterable[Message]) -> list[Fetched]:
        held = self._held
        records: dict[str, list[StoredRecord]] = {}
        ends: dict[str, int] = {}
        topic: Any
        headers: Any
        last: Any = None  # the topic of the record before: most often it is this one's too
        append = records.setdefault("", []).append
        for message in messages:
            topic = message.topic()
            error = message.error()
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:
                    ends[topic] = message.offset() or 0
                else:
                    self._notice(topic, error)
                    last = None
                continue
            if topic != last:
                if topic not in held:
                    continue
                last = topic
                append = records.setdefault(topic, []).append
            headers = MessageHeaders(message)
            append(
                StoredRecord(
                    last,
                    message.offset(),  # type: ignore[arg-type]  # a record that was read has one
                    message.timestamp()[1],
                    message.key(),
                    message.value(),
                    headers,
                )
            )
        fetched = []
        del records[""]
        for topic, of_topic in records.items():
            following = max(of_topic[-1].offset + 1, ends.pop(topic, 0))
            held[topic].position = following
            fetched.append(Fetched(topic, of_topic, following))
        for topic, end in ends.items():
            # The log's end, past what no reader sees: control records, aborted or compacted ones.
            if topic in held and end > held[topic].position:
                held[topic].position = end
                fetched.append(Fetched(topic, (), end))
        return fetched

    def _notice(self, topic: str | None, error: KafkaError) -> None:
        """An error in place of a record."""
        if topic is not None and topic in self._held:
            if error.retriable():
                LOG.warning("reading %s: %s", topic, error.str())
                return
            translated_error = broker_error(error, f"reading {topic}", topic=topic)
            held = self._held[topic]
            if isinstance(translated_error, OffsetOutOfRange) and held.anywhere and held.position == held.start:
                # Retention has moved the beginning since it was asked for; nothing was promised about what it took.
                held.start, held.anywhere = OFFSET_BEGINNING, False
                self._read_from(topic, OFFSET_BEGINNING)
                return
            if isinstance(translated_error, OffsetOutOfRange):
                translated_error = self._why_out_of_range(topic, error)
            self._fail(topic, translated_error)
        elif self._group is None and error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            return  # the client looks for the coordinator of its name all the same; nothing is asked of it
        elif error.fatal() or error.code() in (KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError._AUTHENTICATION):
            self._error = broker_error(error, f"reading as {self._group}", group=self._group)
        else:
            LOG.warning("%s: %s: %s", self._group or "reading", error.name(), error.str())

    def _why_out_of_range(self, topic: str, error: KafkaError) -> BrokerError:
        ids = self._admin.topic_ids([topic])
        replaced = self._ids.compare(topic, ids[topic]) if topic in ids else None
        return replaced or out_of_range(self._admin, topic, self._held[topic].position, error)

    def _fail(self, topic: str, error: BrokerError) -> None:
        held = self._held[topic]
        if held.failed:
            return
        held.failed = True
        self.pause([topic])
        if self._listener is not None:
            self._listener.on_error(topic, error)
        else:
            self._error = error

    # --- steering

    def pause(self, topics: Iterable[str]) -> None:
        chosen = self._held.keys() & set(topics)
        self._paused |= chosen
        with translated("pausing"):
            self._consumer.pause([TopicPartition(topic, 0) for topic in sorted(chosen - self._starting)])

    def resume(self, topics: Iterable[str]) -> None:
        chosen = self._held.keys() & set(topics)
        self._paused -= chosen
        with translated("resuming"):
            self._consumer.resume([TopicPartition(topic, 0) for topic in sorted(chosen - self._starting)])

    def seek(self, topic: str, offset: int) -> None:
        held = self._held.get(topic)
        if held is None:
            raise self._fenced([topic])
        held.start = held.position = offset
        held.anywhere = False
        if held.failed:  # the pause was ours
            held.failed = False
            self._paused.discard(topic)
        if topic in self._starting:
            return
        with translated(f"seeking in {topic}", topic=topic):
            self._read_from(topic, offset)

    def _read_from(self, topic: str, place: int) -> None:
        # Not `Consumer.seek`, which refuses a topic whose first fetch has not begun, or whose last one failed.
        self._consumer.incremental_unassign([TopicPartition(topic, 0)])
        self._consumer.incremental_assign([TopicPartition(topic, 0, place)])
        # The client remembers that it was paused.
        steer = self._consumer.pause if topic in self._paused else self._consumer.resume
        steer([TopicPartition(topic, 0)])

    # --- committing

    def commit(self, offsets: Mapping[str, OffsetCommit]) -> None:
        if self._group is None:
            raise BrokerError("a reader without a group has nothing to commit to")
        consumer = self._consumer
        self.require_held(offsets)
        denied: list[tuple[str, AccessDenied]] = []
        for chunk in chunks(offsets.items()):
            try:
                denied += self._commit_allowed(consumer, chunk)
            except TopicMissing as error:
                # One that was deleted while it was read: there is nothing to commit for it, and the others go on.
                there = self._admin.topic_ids(topic for topic, _ in chunk)
                left = [(topic, commit) for topic, commit in chunk if topic in there]
                if len(left) == len(chunk):
                    raise
                LOG.info("%s: %s", self._group, error)
                if left:
                    denied += self._commit_allowed(consumer, left)
        if denied:
            first = denied[0][1]
            told = {**first.data, "topics": tuple(topic for topic, _ in denied)}
            raise AccessDenied(first.message, hint=first.hint, **told) from first.__cause__

    def _commit_allowed(
        self, consumer: Consumer, offsets: Sequence[tuple[str, OffsetCommit]]
    ) -> list[tuple[str, AccessDenied]]:
        """Commit; the topics that are denied, each with its error. The client may tell the error of one of many topics as
        that of the whole call, so halves are tried until each denied topic stands alone."""
        try:
            self._commit(consumer, offsets)
        except AccessDenied as error:
            if error.data.get("kafka_error") != "TOPIC_AUTHORIZATION_FAILED":
                raise
            if len(offsets) == 1:
                return [(offsets[0][0], error)]
            middle = len(offsets) // 2
            return [
                part for half in (offsets[:middle], offsets[middle:]) for part in self._commit_allowed(consumer, half)
            ]
        return []

    def _commit(self, consumer: Consumer, offsets: Sequence[tuple[str, OffsetCommit]]) -> None:
        what = f"committing for {self._group}"
        with translated(what, group=self._group, topics=tuple(topic for topic, _ in offsets)):
            answers = consumer.commit(offsets=[partition_at(t, commit) for t, commit in offsets], asynchronous=False)
        failed = [(str(answer.topic), answer.error) for answer in answers if answer.error is not None]
        if failed:  # the others are committed
            first = failed[0][1]
            topics = tuple(topic for topic, error in failed if error.code() == first.code())
            raise broker_error(first, what, group=self._group, topics=topics)

    def require_held(self, topics: Iterable[str]) -> None:
        """Raises `GroupFenced` naming those that are not held."""
        gone = [topic for topic in topics if topic not in self._held]
        if gone:
            raise self._fenced(gone)

    def group_metadata(self) -> bytes:
        """Who this member is, for a transaction that commits for it."""
        with translated("reading the group's metadata", group=self._group):
            metadata: bytes = self._consumer.consumer_group_metadata()
        return metadata

    def _fenced(self, topics: Sequence[str]) -> GroupFenced:
        return GroupFenced(
            f"{self._group or 'this reader'} no longer holds {', '.join(topics)} here",
            group=self._group,
            topics=tuple(topics),
        )

    def close(self) -> None:
        with self._polling:
            consumer = self._opened
            if consumer is None:
                return
            try:
                with translated("leaving the group", group=self._group):
                    consumer.close()
            finally:
                self._opened = None
                self._held.clear()
