"""A consumer: reads a product's topics as a member of its group, feeds the lanes, and commits what they have settled.

Only the consumer's own thread touches the reader: it polls, pauses, resumes and commits (a reader may hold a lock of its own
while it tells of a rebalance, so a second thread in it could wait for the first for ever). Turns run elsewhere, in a
`Driver`; what they share with this thread is under `_lock`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from headrace.clock import Clock
from headrace.errors import (
    BrokerError,
    HeadraceError,
    LaneStopped,
    TopicMissing,
    TopicReplaced,
)
from headrace.interfaces.broker import Broker, OffsetAt, OffsetCommit, RecordWriter
from headrace.model import names
from headrace.model.compiled import CompiledCatalogue, CompiledProduct
from headrace.streaming.catalogue_feed import CatalogueFeed
from headrace.streaming.committing import make_committer
from headrace.streaming.decoder import Decoder
from headrace.streaming.drivers import Driver, Steps
from headrace.streaming.flow import Drain, flow, poll_timeout
from headrace.streaming.handler import Registration
from headrace.streaming.hidden import tell_hidden
from headrace.streaming.lanes import Lane
from headrace.streaming.limits import Limits
from headrace.streaming.observation import UNWATCHED, Observation
from headrace.streaming.published import HeldRecord, drop
from headrace.streaming.start import generation_of, give_birth, replaced_topic
from headrace.streaming.statistics import Row
from headrace.streaming.turn import Observer, Turns, stop_lane

log = logging.getLogger("headrace.consumer")

DriverMaker = Callable[[Registration, Callable[[Lane], Steps], Callable[[Lane], None]], Driver]


class Consumer:
    """One registration at work. Made by the App; `step` is one round of its thread."""

    def __init__(
        self,
        registration: Registration,
        product: CompiledProduct,
        *,
        application: str,
        broker: Broker,
        writer: RecordWriter,
        feed: CatalogueFeed,
        decoder: Decoder,
        limits: Limits,
        clock: Clock,
        make_driver: DriverMaker,
        observer: Observer | None = None,
        linger: bool = True,
        observation: Observation = UNWATCHED,
    ) -> None:
        """``linger`` False: batches are handed out as they are, without waiting for more (`headrace.testing`)."""
        self._linger = linger
        self.registration = registration
        self.product = product
        self.group = names.group(application, registration.purpose)
        self.error: HeadraceError | None = None
        self._application = application
        self._rights_changed = True
        self._broker = broker
        self._writer = writer
        self._feed = feed
        self._decoder = decoder
        self._limits = limits
        self._clock = clock
        self._lock = threading.Condition()
        self._lanes: dict[str, Lane] = {}
        self._stopped: dict[str, LaneStopped] = {}
        self._leaving: dict[str, Lane] = {}
        """Lanes that went to somebody else while their handler ran: the topic's next lane waits for its end."""
        self._going_back: dict[str, tuple[Lane, int | None]] = {}
        """Lanes whose handlers published what could not be written: begun anew there when their turn has ended."""
        self._rows: dict[str, Row] = {}
        self._bytes = 0
        self._drain = Drain(self._lock, clock, limits.poll_records // 2)
        self._prefix = names.topic_prefix(product.id, product.major)
        self._next_commit = 0.0
        self._turns = Turns(
            registration,
            self.group,
            decoder,
            names.dead_letter(application),
            writer.publish,
            lock=self._lock,
            clock=clock,
            freed=self._freed,
            observer=observer,
            linger=linger,
            observation=observation,
        )
        self._driver = make_driver(registration, self._turns.turn, self._finished)
        self._reader = broker.reader(self.group)
        self._committer = make_committer(
            self.group,
            self._reader,
            self._lock,
            self,
            broker=broker if registration.transactional else None,
            transactional_id=partial(names.transactional_id, application, registration.purpose),
            most_bytes=limits.transaction_bytes,
        )
        self._commit_interval = limits.transaction_interval if registration.transactional else limits.commit_interval
        self._stopping = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None

    # --- life

    def open(self) -> None:
        """Decide the group's start where it is new, and join it."""
        start = self.product.consumers[self._application].start
        give_birth(self._broker.admin, self.group, self._prefix, start, self._clock)
        self._feed.follow(self._follow)
        self._reader.subscribe([self._prefix], self)
        self._next_commit = self._clock.monotonic() + self._commit_interval

    def start(self, ended: Callable[[Consumer], None]) -> None:
        """Run on a thread until `stop`; ``ended`` is called last."""
        self._thread = threading.Thread(target=self._run, args=(ended,), name=f"headrace {self.group}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to stop polling, drain, commit and leave the group."""
        self._stopping.set()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the thread's end; whether it came."""
        if self._thread is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self, ended: Callable[[Consumer], None]) -> None:
        wait = 0.1
        try:
            while not self._stopping.is_set():
                try:
                    self.step()
                    wait = 0.1
                except BrokerError as error:
                    if not error.retryable:
                        raise
                    log.warning("%s: %s; trying again", self.group, error)
                    self._stopping.wait(wait)
                    wait = min(wait * 2, 5.0)
        except HeadraceError as error:
            self.error = error
            log.error("%s: the consumer has ended: %s", self.group, error)
        finally:
            try:
                self.close()
            except HeadraceError as error:
                self.error = self.error or error
                log.error("%s: leaving the group failed: %s", self.group, error)
            ended(self)

    def close(self) -> None:
        """Leave the group (which drains and commits), and close what handlers were given."""
        self._closing = True
        self._feed.unfollow(self._follow)
        try:
            self._reader.close()
        finally:
            self._committer.close()
            self._driver.close()

    # --- one round

    def step(self, timeout: float | None = None) -> bool:
        """Poll, feed, pause and resume, wake, commit; whether records came."""
        fetched = self._reader.poll(self._poll_timeout() if timeout is None else timeout, self._limits.poll_records)
        now = self._clock.monotonic()
        with self._lock:
            for part in fetched:
                lane = self._lanes.get(part.topic)
                if lane is not None:
                    self._bytes += lane.feed(part.records, part.next_offset, now)
            for lane in self._lanes.values():
                self._schedule(lane, now)
        if fetched and timeout is None:
            self._drain.wait([self._lanes[part.topic] for part in fetched if part.topic in self._lanes])
        if self._going_back:
            self._go_back()
        if self._rights_changed:
            self._apply_rights()
        if self.registration.caught_up is not None:
            # Where there was nothing to hand out no turn ends.
            for lane in list(self._lanes.values()):
                if not lane.running and not lane.buffered:
                    self._tell_caught_up(lane)
        self._flow()
        if now >= self._next_commit or any(self._presses(lane) for lane in self._lanes.values()):
            self.commit()
        return bool(fetched)

    def _presses(self, lane: Lane) -> bool:
        """It waits for a commit. (Where nothing lingers, in `headrace.testing`, what is held is written at once.)"""
        return lane.full or (not self._linger and bool(lane.held))

    def _poll_timeout(self) -> float:
        longest = min(0.5, self._commit_interval)
        with self._lock:
            return poll_timeout(self._lanes.values(), self._clock.monotonic(), longest, self._next_commit)

    def _schedule(self, lane: Lane, now: float) -> bool:
        """Submit a lane's turn if one is due (lock held)."""
        if lane.running or lane.topic in self._leaving:
            return False
        due = lane.due(now, linger=self._linger)
        if due is None or due > now:
            return False
        lane.running = True
        self._driver.submit(lane)
        return True

    def _finished(self, lane: Lane) -> None:
        """A turn has ended (on the driver's thread)."""
        self._tell_caught_up(lane)
        with self._lock:
            lane.running = False
            if self._leaving.get(lane.topic) is lane:
                del self._leaving[lane.topic]
            if self._lanes.get(lane.topic) is lane and not lane.draining:
                self._schedule(lane, self._clock.monotonic())
            self._lock.notify_all()

    def _freed(self, lane: Lane, count: int) -> None:
        """A lane gave up bytes (lock held)."""
        self._bytes -= count
        self._drain.freed(lane)
        if lane.error is not None and isinstance(lane.error, LaneStopped):
            self._stopped[lane.topic] = lane.error

    def _flow(self) -> None:
        """Pause what is above its bounds, resume what is below."""
        with self._lock:
            pause, resume = flow(self._lanes.values(), self._bytes, self._limits)
        if pause:
            self._reader.pause(pause)
        if resume:
            self._reader.resume(resume)

    def _tell_caught_up(self, lane: Lane) -> None:
        """Tell once that a lane has settled all that its topic held when it was assigned: a state product's snapshot."""
        told = self.registration.caught_up
        if told is None or lane.end is None or lane.done < lane.end or not lane.open or lane.hidden:
            return
        lane.end = None
        try:
            told(lane.tenant)
        except Exception:
            log.exception("%s %s: caught_up failed", self.group, lane.topic)

    # --- committing

    def commit(self, lanes: Sequence[Lane] | None = None) -> None:
        """Commit what lanes (default: all held) have settled."""
        self._next_commit = self._clock.monotonic() + self._commit_interval
        with self._lock:
            chosen = list(self._lanes.values() if lanes is None else lanes)
            for lane in chosen:
                self._turns.settle_ahead(lane)
        self._committer.commit(lane for lane in chosen if lane.topic not in self._going_back)

    def stop_lane(self, lane: Lane, error: HeadraceError) -> None:
        stop_lane(lane, error, self.group, self._lock, self._freed)

    def send_back(self, lane: Lane, offset: int | None, error: HeadraceError) -> None:
        """Begin a lane anew at ``offset`` (None: where the committer says) once its turn has ended: a turn that is under way
        may settle more, what counts is where to go back to."""
        where = "what is committed" if offset is None else f"offset {offset}"
        log.warning("%s %s: back to %s: %s", self.group, lane.topic, where, error)
        with self._lock:
            lane.draining = True
        self._going_back[lane.topic] = (lane, offset)

    def _go_back(self) -> None:
        """Begin lanes anew that were sent back, once their turn has ended."""
        ready: dict[str, tuple[Lane, int | None]] = {}
        for topic, (lane, offset) in list(self._going_back.items()):
            if self._lanes.get(topic) is not lane:
                del self._going_back[topic]
            elif not lane.running:
                ready[topic] = (lane, offset)
        asked = {topic: lane for topic, (lane, offset) in ready.items() if offset is None}
        places = self._committer.places(asked) if asked else {}
        dropped: list[HeldRecord] = []
        for topic, (lane, offset) in ready.items():
            place = places[topic] if offset is None else offset
            del self._going_back[topic]
            self._reader.seek(topic, place)
            if lane.paused:
                self._reader.resume([topic])
            with self._lock:
                dropped += lane.release()
                self._bytes -= lane.close()
                again = self._lanes[topic] = self._lane(topic, lane.tenant, place, lane.topic_id)
                again.end = lane.end
                again.not_before = self._clock.monotonic() + self.registration.retry.wait(1)
                again.row.retried += 1
        drop(dropped)

    def _lane(self, topic: str, tenant: str, start: int, topic_id: str) -> Lane:
        hidden = not self._admitted(tenant)
        if hidden:
            tell_hidden(self.group, topic, tenant, self._feed.current)
        return Lane(
            topic,
            tenant,
            start=start,
            topic_id=topic_id,
            fence=generation_of(self._reader, topic),
            batch=self.registration.batch,
            limit=self.registration.reject_limit,
            remember=self.registration.deduplicate,
            uncommitted_limit=self._limits.uncommitted_records,
            held_limit=self._limits.lane_buffer_bytes,
            row=self._row(tenant),
            hidden=hidden,
        )

    # --- rebalance (on the consumer's thread, from within `poll` or `close`)

    def on_assigned(self, topics: Mapping[str, OffsetCommit | None]) -> None:
        ids = self._broker.admin.topic_ids(topics)
        ends: Mapping[str, int] = {}
        if self.registration.caught_up is not None:
            ends = self._broker.admin.offsets(topics, OffsetAt.LATEST)
        replaced: list[tuple[Lane, TopicReplaced]] = []
        with self._lock:
            for topic, commit in topics.items():
                parsed = names.parse_topic(topic)
                tenant = parsed.tenant if parsed else ""
                topic_id = ids.get(topic, "")
                lane = self._lanes[topic] = self._lane(topic, tenant, commit.offset if commit else 0, topic_id)
                lane.end = ends.get(topic)
                error = replaced_topic(topic, commit, topic_id)
                if error is not None:
                    replaced.append((lane, error))
        for lane, error in replaced:
            self.stop_lane(lane, error)
        log.info("%s: has %d topics more", self.group, len(topics))

    def on_revoked(self, topics: Sequence[str]) -> None:
        """Let running handlers finish, up to the drain timeout; commit; give the lanes up."""
        lanes = [self._lanes[topic] for topic in topics if topic in self._lanes]
        with self._lock:
            for lane in lanes:
                lane.draining = True
            deadline = self._clock.monotonic() + self._limits.drain_timeout
            while any(lane.running for lane in lanes):
                left = deadline - self._clock.monotonic()
                if left <= 0:
                    break
                self._clock.wait(self._lock, left)
        if any(lane.publishing for lane in lanes):
            try:
                self._writer.flush(self._limits.drain_timeout)
            except BrokerError as error:
                log.warning("%s: what handlers published is not durable yet: %s", self.group, error)
        try:
            self.commit(lanes)
        except BrokerError as error:
            log.warning("%s: the last commit failed; its events will come again: %s", self.group, error)
        self.drop_lanes(topics)

    def on_lost(self, topics: Sequence[str]) -> None:
        log.warning("%s: lost %s", self.group, ", ".join(topics))
        self.drop_lanes(topics)

    def on_error(self, topic: str, error: BrokerError) -> None:
        lane = self._lanes.get(topic)
        if isinstance(error, TopicMissing):
            log.info("%s: %s is gone", self.group, topic)
            self.drop_lanes([topic])
        elif lane is not None:
            self.stop_lane(lane, error)

    def drop_lanes(self, topics: Sequence[str]) -> None:
        """Give lanes up: they belong to another member."""
        abandoned = []
        dropped: list[HeldRecord] = []
        with self._lock:
            for topic in topics:
                lane = self._lanes.pop(topic, None)
                if not self._closing:
                    self._stopped.pop(topic, None)
                if lane is None:
                    continue
                dropped += lane.release()
                self._bytes -= lane.close()
                if lane.running:
                    self._leaving[topic] = lane
                    abandoned.append(lane)
                else:
                    # One last turn, which hands out nothing: it closes what the handler was given for this lane.
                    lane.running = True
                    self._leaving[topic] = lane
                    self._driver.submit(lane)
            self._lock.notify_all()
        drop(dropped)
        for lane in abandoned:
            log.warning("%s %s: a handler still runs; its outcome no longer counts", self.group, lane.topic)
            self._driver.abandon(lane)

    # --- what others ask

    @property
    def stopped(self) -> Sequence[LaneStopped]:
        """Lanes that stand still here; once closed, those that did at the end."""
        with self._lock:
            return list(self._stopped.values())

    @property
    def rows(self) -> Sequence[Row]:
        with self._lock:
            return list(self._rows.values())

    @property
    def lanes(self) -> Sequence[Lane]:
        with self._lock:
            return list(self._lanes.values())

    @property
    def idle(self) -> bool:
        """Nothing is buffered and no turn is under way."""
        with self._lock:
            return all(not lane.running and (not lane.buffered or not lane.open) for lane in self._lanes.values())

    def behind(self) -> int:
        """Offsets between what the lanes have settled and the ends of the product's topics that this member holds (before
        it holds any: of all). A lane that stands still does not count."""
        admin = self._broker.admin
        ends = admin.offsets(admin.topics(self._prefix), OffsetAt.LATEST)
        with self._lock:
            if not self._lanes:
                return sum(ends.values())
            counted = [lane for lane in self._lanes.values() if lane.open and not lane.hidden]
            return sum(max(0, ends.get(lane.topic, 0) - lane.done) for lane in counted)

    def _row(self, tenant: str) -> Row:
        if tenant not in self._rows:
            self._rows[tenant] = Row(self.product.id, tenant, self.registration.purpose)
        return self._rows[tenant]

    def _follow(self, catalogue: CompiledCatalogue) -> None:
        self._decoder.follow(catalogue)
        self._rights_changed = True

    def _admitted(self, tenant: str) -> bool:
        found = self._feed.current.tenants.get(tenant)
        return found is not None and found.takes(self.product.id) and found.admits(self._application)

    def _apply_rights(self) -> None:
        """Hide the lanes of tenants that do not admit this application (the subscription is by product, and only Kafka's own
        access rules would refuse a topic); show those that do by now, from where they stand."""
        self._rights_changed = False
        shown = []
        with self._lock:
            for lane in self._lanes.values():
                hidden = not self._admitted(lane.tenant)
                if hidden and not lane.hidden:
                    tell_hidden(self.group, lane.topic, lane.tenant, self._feed.current)
                elif lane.hidden and not hidden:
                    if lane.running:
                        self._rights_changed = True
                        continue
                    self._bytes -= lane.forget()
                    shown.append((lane.topic, lane.done))
                lane.hidden = hidden
        # 0 stands for the beginning, wherever retention has moved it to.
        earliest = self._broker.admin.offsets([topic for topic, offset in shown if not offset], OffsetAt.EARLIEST)
        for topic, offset in shown:
            self._reader.seek(topic, offset or earliest.get(topic, 0))
