"""One turn of a lane: decode, hand out, act on the outcome, settle.

`Turns.turn` is a generator, so that the same rules drive synchronous handlers on a pool and asynchronous ones on a loop: it
yields an `Invocation` (run the handler, send back what it raised or None) or receipts (wait until they are settled, send
back the error or None). Drivers are in `drivers`.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath
from typing import Any, Protocol

from headrace.clock import Clock
from headrace.errors import EventError, HeadraceError, LaneStopped, TooManyRejects
from headrace.interfaces.receipt import Receipt
from headrace.model.record import Record, StoredRecord
from headrace.streaming.dead_letter import dead_letter_record
from headrace.streaming.decoder import Decoded, Decoder, PassedOver
from headrace.streaming.event import Event, Handing
from headrace.streaming.handler import Registration
from headrace.streaming.lanes import Lane
from headrace.streaming.observation import UNWATCHED, Observation
from headrace.streaming.outcome import Reject, Retry
from headrace.streaming.published import Noted, Outbox, Published

log = logging.getLogger("headrace.consumer")


@dataclass(slots=True)
class Invocation:
    """One handler call. ``argument``: an event, or a list of them. ``published`` takes what the handler publishes."""

    lane: Lane
    argument: Any
    published: Published
    around: AbstractContextManager[None] | None = None
    """Entered around the handler: its span."""


Effect = Invocation | list[Receipt]


class Observer(Protocol):
    """Told of what happens to events: `headrace.testing` listens here. ``wrap`` may put its own data into the event."""

    def wrap(self, event: Event[Any]) -> None: ...

    def settled(self, record: StoredRecord, event: Event[Any] | None, outcome: str, reason: str) -> None:
        """``outcome``: ``accepted``, ``rejected``, ``passed_over`` or ``duplicate``."""

    def retried(self, events: Sequence[Event[Any]], reason: str, wait: float) -> None: ...


@dataclass(slots=True)
class _Item:
    """One record of a call. ``event`` None: it was not handed out. ``reason``: why it is rejected, with ``code``."""

    record: StoredRecord
    event: Event[Any] | None = None
    skipped: str | None = None
    reason: str | None = None
    code: str = "rejected"


class Turns:
    """How one consumer processes its lanes. ``dead_letter`` writes a record to the application's dead-letter topic, by
    ``write``; ``freed`` is called, with the lock held, whenever bytes were freed or a lane has stopped."""

    SLICE_S = 0.05
    """A turn gives way after so long, so that few workers serve many lanes."""

    TOGETHER_S = 0.005
    """Events that are handed out one at a time, and accepted, are settled together within so long."""

    def __init__(
        self,
        registration: Registration,
        group: str,
        decoder: Decoder,
        dead_letter_topic: str,
        write: Callable[[str, Record], Receipt],
        *,
        lock: threading.Condition,
        clock: Clock,
        freed: Callable[[Lane, int], None],
        observer: Observer | None = None,
        linger: bool = True,
        observation: Observation = UNWATCHED,
    ) -> None:
        self._linger = linger
        self._registration = registration
        self._group = group
        self._decoder = decoder
        self._dead_letter_topic = dead_letter_topic
        self._write = write
        self._held_receipts = threading.Condition()
        """Of the receipts of a transactional consumer. Not `lock`: their callbacks are the application's code."""
        self._lock = lock
        self._clock = clock
        self._freed = freed
        self._observer = observer
        self._tracing = observation.tracing
        self._timed = observation.metrics is not None
        self._plain = not registration.deduplicate and observer is None
        """Nobody looks at single events between decoding and the handler."""

    def turn(self, lane: Lane) -> Generator[Effect, Any, None]:
        """Hand out what is due, until nothing is, the lane is drained or stopped, or the slice is over."""
        end = self._clock.monotonic() + self.SLICE_S
        while True:
            with self._lock:
                now = self._clock.monotonic()
                due = lane.due(now, linger=self._linger)
                if due is None or due > now:
                    return
                records = lane.take(ahead=self._plain)
            if len(records) > 1 and self._registration.batch is None:
                yield from self._calls(lane, records, end)
            else:
                yield from self._call(lane, records)
            if self._clock.monotonic() >= end:
                return

    def _decode(self, lane: Lane, records: Sequence[StoredRecord]) -> tuple[list[Decoded], bool]:
        """What becomes of records, and whether each is an event to hand out. None: the lane has to wait, or has stopped."""
        decoded: list[Decoded] = []
        clean = False
        try:
            clean = self._decoder.decode_into(
                decoded, records, Handing(lane.tenant, self._decoder.region, lane.fence, lane.attempt)
            )
        except HeadraceError as error:
            # Only what says nothing of the record itself ends here: the registry cannot be reached, say.
            if not error.retryable:
                self._stop(lane, error)
                return [], False
            if not decoded:
                self._again(lane, (), str(error), None, error=False)
        return decoded, clean

    def _calls(self, lane: Lane, records: Sequence[StoredRecord], end: float) -> Generator[Effect, Any, None]:
        """Many calls of a handler that takes one event at a time: decoded together, and settled together as long as they are
        accepted and quick."""
        decoded, _ = self._decode(lane, records)
        begun, now_ms = self._clock.monotonic(), self._clock.now_ms
        for record, found in zip(records, decoded, strict=False):
            if not isinstance(found, Event):
                self._settle_ahead(lane)
                yield from self._finish(lane, self._items(lane, [record], [found]), self._published())
                if not lane.open or lane.not_before or lane.draining:
                    return
                continue
            lane.row.latency.add(now_ms() - record.timestamp)
            published = self._published()
            outcome = yield from self._hand_out(lane, [found], published)
            if not lane.open:
                break
            if outcome is not None or found._rejected is not None:
                self._settle_ahead(lane)
                items, afterwards = self._decide(lane, [_Item(record, found)], [found], outcome)
                yield from self._finish(lane, items, published, afterwards)
                return
            lane.ahead.append((record.offset, published))
            now = self._clock.monotonic()
            if now - begun >= self.TOGETHER_S or lane.draining:
                self._settle_ahead(lane)
                begun = now
                if now >= end or lane.draining or not lane.open:
                    return
        self._settle_ahead(lane)

    def _settle_ahead(self, lane: Lane) -> None:
        with self._lock:
            self.settle_ahead(lane)
        if not lane.open:
            self._drop(lane.ahead)

    def settle_ahead(self, lane: Lane) -> None:
        """Settle what a turn that is under way has had accepted (lock held). Its consumer does it before a commit, so that a
        handler that hangs holds up only its own event."""
        if lane.ahead and lane.open:
            # More may be appended meanwhile, which then stays.
            accepted = lane.ahead[:]
            del lane.ahead[: len(accepted)]
            self._accept_locked(lane, len(accepted), accepted)

    def _call(self, lane: Lane, records: Sequence[StoredRecord]) -> Generator[Effect, Any, None]:
        """One handler call and what comes of it. Where every record is an event to hand out, and all are accepted, nothing
        is done for each of them but decoding: the rest has its own, slower way by `_Item`s."""
        decoded, clean = self._decode(lane, records)
        if not decoded:
            return
        plain = clean and self._plain
        items = [] if plain else self._items(lane, records, decoded)
        events: list[Any] = decoded if plain else [item.event for item in items if item.event is not None]
        published = self._published()
        afterwards: Callable[[], None] | None = None
        if events:
            if lane.attempt == 1:
                now = self._clock.now_ms()
                lane.row.latency.add_many([now - event.record.timestamp for event in events])
            outcome = yield from self._hand_out(lane, events, published)
            if not lane.open:
                return  # taken away while the handler ran: whoever has the topic now hands the event out again
            if plain:
                if outcome is None and not [event for event in events if event._rejected is not None]:
                    self._accept(lane, len(events), [(events[-1].record.offset, published)])
                    return
                items = [_Item(event.record, event) for event in events]
            items, afterwards = self._decide(lane, items, events, outcome)
        yield from self._finish(lane, items, published, afterwards)

    def _published(self) -> Published:
        return Outbox(self._held_receipts) if self._registration.transactional else Noted()

    def _finish(
        self, lane: Lane, items: list[_Item], published: Published, afterwards: Callable[[], None] | None = None
    ) -> Generator[Effect, Any, None]:
        """Dead-letter and settle what is decided, then see to the rest."""
        if any(item.reason is not None for item in items):
            if not (yield from self._dead_letters(lane, items, published)):
                return
        elif items:
            lane.meter.accepted(sum(item.skipped is None for item in items))
            self._settle(lane, items, published)
        if afterwards is not None:
            afterwards()

    def _hand_out(
        self, lane: Lane, events: list[Any], published: Published
    ) -> Generator[Effect, Any, BaseException | None]:
        argument = events[0] if self._registration.batch is None else events
        around = None
        if self._tracing is not None:
            around = self._tracing.handling(self._group, self._registration.product, events)
        begun = self._clock.monotonic() if self._timed else 0.0
        kept = False
        try:
            outcome: BaseException | None = yield Invocation(lane, argument, published, around)
            kept = outcome is None and lane.open
        finally:  # also where the handler was cancelled
            if isinstance(published, Outbox):
                published.close(keep=kept)
        if self._timed:
            lane.row.handler.add(int((self._clock.monotonic() - begun) * 1e6))
        return outcome

    def _items(self, lane: Lane, records: Sequence[StoredRecord], decoded: Sequence[Decoded]) -> list[_Item]:
        items: list[_Item] = []
        fresh: set[tuple[str, str]] = set()
        for record, found in zip(
            records, decoded, strict=False
        ):  # what could not be decoded yet comes with a later call
            if isinstance(found, EventError):
                items.append(_Item(record, reason=str(found), code=found.code))
                continue
            if isinstance(found, PassedOver):
                items.append(_Item(record, skipped="passed_over"))
                continue
            if self._registration.deduplicate:
                pair = (found.source, found.id)
                if pair in fresh or lane.is_duplicate(*pair):
                    items.append(_Item(record, skipped="duplicate"))
                    continue
                fresh.add(pair)
            if self._observer is not None:
                self._observer.wrap(found)
            items.append(_Item(record, found))
        return items

    def _decide(
        self, lane: Lane, items: list[_Item], events: list[Event[Any]], outcome: BaseException | None
    ) -> tuple[list[_Item], Callable[[], None] | None]:
        """What the handler's outcome says: the items that can be settled now, from the first on, and what to do then."""
        handed = [item for item in items if item.event is not None]
        if outcome is None:
            for item in handed:
                item.reason = item.event._rejected if item.event is not None else None
            return items, None
        if isinstance(outcome, Reject):
            for item in handed:
                item.reason = outcome.reason
            return items, None
        place = items.index(handed[0])
        if isinstance(outcome, Retry):
            at = outcome.at
            # What a transactional handler published cannot be told apart by event: its calls are repeated as a whole.
            if at is not None and not self._registration.transactional:
                place = next((i for i, item in enumerate(items) if item.event is at), place)
            for item in items[:place]:
                if item.event is not None:
                    item.reason = item.event._rejected
            return items[:place], partial(self._again, lane, events, outcome.reason, outcome.after, error=False)
        if isinstance(outcome, HeadraceError) and outcome.retryable:
            return items[:place], partial(self._again, lane, events, str(outcome), None, error=False)
        summary = summarise(outcome)
        attempts = self._registration.retry.attempts
        if lane.errors + 1 < attempts:
            log.warning("%s %s: attempt %d failed: %s", self._group, lane.topic, lane.attempt, summary)
            # What stands before the first event that was handed out is settled only with it: settling begins the count
            # of errors anew.
            return [], partial(self._again, lane, events, summary, None, error=True)
        if len(handed) > 1:
            log.warning("%s %s: a batch of %d failed; now one by one", self._group, lane.topic, len(handed))
            return [], partial(self._one_by_one, lane, events, len(items), summary)
        for item in handed:
            item.reason = summary
            item.code = "handler.failed"
        return items, None

    def _again(
        self, lane: Lane, events: Sequence[Event[Any]], reason: str, after: float | None, *, error: bool
    ) -> None:
        """Hand the head out again, later."""
        wait = self._registration.retry.wait(lane.attempt) if after is None else after
        lane.row.retried += 1
        with self._lock:
            lane.again(self._clock.monotonic() + wait, error=error)
        if self._observer is not None:
            self._observer.retried(events, reason, wait)

    def _one_by_one(self, lane: Lane, events: Sequence[Event[Any]], count: int, reason: str) -> None:
        lane.row.retried += 1
        with self._lock:
            lane.one_by_one(count, self._registration.retry.attempts - 1)
        if self._observer is not None:
            self._observer.retried(events, reason, 0.0)

    def _dead_letters(self, lane: Lane, items: Sequence[_Item], published: Published) -> Generator[Effect, Any, bool]:
        """Dead-letter what is rejected, then settle, up to where a limit is met; whether all of it could be."""
        settle: list[_Item] = []
        letters: list[Receipt] = []
        refused: tuple[str, _Item] | None = None
        error: HeadraceError | None = None
        meter = lane.meter.copy()
        outbox = published if isinstance(published, Outbox) else None
        whole = outbox is not None and bool(outbox.records)
        try:
            for item in items:
                if item.reason is not None:
                    limit = meter.refuses()
                    if limit is not None:
                        refused = (limit, item)
                        break
                    if outbox is not None:
                        outbox.add(self._dead_letter_topic, self._letter(lane, item))
                    else:
                        letters.append(self._write(self._dead_letter_topic, self._letter(lane, item)))
                    meter.rejected()
                elif item.skipped is None:
                    meter.accepted()
                settle.append(item)
        except HeadraceError as failed:
            error = failed
        if letters and error is None:
            error = yield letters
        if error is not None:
            # Not durable: nothing of this call is settled. What was written is written again later, under the same key.
            if error.retryable:
                self._again(lane, (), f"the dead letter: {error}", None, error=False)
            else:
                self._stop(lane, error)
            return False
        if outbox is not None and refused is not None and whole:
            # What the handler published for these events stands or falls with all of them.
            outbox.close(keep=False)
            settle = []
        else:
            lane.meter = meter
        self._settle(lane, settle, published)
        if refused is not None:
            limit, item = refused
            self._stop(
                lane,
                TooManyRejects(
                    f"{limit}; the next to be rejected is offset {item.record.offset}: {item.reason}",
                    hint="mend the handler, or what produces such events, and start again: nothing is lost",
                    offset=item.record.offset,
                    reason=item.reason,
                ),
            )
            return False
        return True

    def _letter(self, lane: Lane, item: _Item) -> Record:
        return dead_letter_record(
            item.record,
            reason=item.reason or "",
            code=item.code,
            group=self._group,
            topic_id=lane.topic_id,
            attempts=lane.attempt,
            at=self._clock.now_ms(),
        )

    def _settle(self, lane: Lane, items: Sequence[_Item], published: Published) -> None:
        row = lane.row
        with self._lock:
            ours = lane.open
            if ours:
                for item in items:
                    if item.reason is not None:
                        row.rejected += 1
                        log.warning("%s %s@%d rejected: %s", self._group, lane.topic, item.record.offset, item.reason)
                    elif item.skipped == "passed_over":
                        row.passed_over += 1
                    elif item.skipped is not None:
                        row.duplicates += 1
                    else:
                        row.accepted += 1
                lane.remember((i.event.source, i.event.id) for i in items if i.event is not None)
                if items:
                    self._take_over(lane, items[-1].record.offset, published)
                self._freed(lane, lane.settle(len(items), self._clock.monotonic()))
        if not ours:
            self._drop([(-1, published)])
        elif self._observer is not None:
            for item in items:
                outcome = "rejected" if item.reason is not None else item.skipped or "accepted"
                self._observer.settled(item.record, item.event, outcome, item.reason or "")

    def _accept(self, lane: Lane, count: int, outputs: Sequence[tuple[int, Published]]) -> None:
        """As `_settle`, for ``count`` events that are all accepted. ``outputs``: what handlers published, each with the offset
        that may be committed only with it."""
        with self._lock:
            ours = lane.open
            if ours:
                self._accept_locked(lane, count, outputs)
        if not ours:
            self._drop(outputs)

    def _accept_locked(self, lane: Lane, count: int, outputs: Sequence[tuple[int, Published]]) -> None:
        lane.meter.accepted(count)
        lane.row.accepted += count
        for offset, published in outputs:
            self._take_over(lane, offset, published)
        self._freed(lane, lane.settle(count, self._clock.monotonic()))

    @staticmethod
    def _drop(outputs: Sequence[tuple[int, Published]]) -> None:
        for _, published in outputs:
            if isinstance(published, Outbox):
                published.close(keep=False)

    @staticmethod
    def _take_over(lane: Lane, offset: int, published: Published) -> None:
        """The lane keeps what was published with the record at ``offset`` (lock held)."""
        if isinstance(published, Outbox):
            lane.hold(published.records)
            return
        for receipt in published.receipts:
            if not receipt.done or receipt.error is not None:
                lane.publishing.append((offset, receipt))

    def _stop(self, lane: Lane, error: HeadraceError) -> None:
        stop_lane(lane, error, self._group, self._lock, self._freed)


def stop_lane(
    lane: Lane,
    error: HeadraceError,
    group: str,
    lock: threading.Condition,
    freed: Callable[[Lane, int], None],
) -> None:
    """Stop a lane loudly: a log entry, and a `LaneStopped` that says which, where and why. The others go on."""
    stopped = LaneStopped(
        f"{group}: the lane of {lane.topic} stands still at offset {lane.done}: {error.message}",
        hint=error.hint,
        topic=lane.topic,
        tenant=lane.tenant,
        group=group,
        offset=lane.done,
        cause=error.code,
        **{key: value for key, value in error.data.items() if key in ("lost", "earliest", "latest", "reason")},
    )
    stopped.__cause__ = error
    with lock:
        if not lane.open:
            return
        freed(lane, lane.stop(stopped))
        lock.notify_all()
    log.error("%s", stopped)


def summarise(error: BaseException) -> str:
    """An exception as a reason: its class and text, and the place of the user's code that raised it."""
    text = f"{type(error).__name__}: {error}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "headrace" not in PurePath(f.filename).parts]
    if frames:
        last = frames[-1]
        text += f" ({PurePath(last.filename).name}:{last.lineno} in {last.name})"
    return text
