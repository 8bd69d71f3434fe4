"""A lane: one topic's way through a consumer, in order, one handler call at a time, with a bound on what it keeps.

This is the state alone, without threads or I/O, so that its rules can be tested by themselves: what is fed, what may be handed
out next and when, what is settled, and which offset may be committed. Its consumer calls it under the consumer's lock.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from enum import Enum
from itertools import islice
from typing import Final

from headrace.errors import HeadraceError
from headrace.interfaces.receipt import Receipt
from headrace.model.record import StoredRecord
from headrace.streaming.outcome import Batch, RejectLimit, RejectMeter, seconds
from headrace.streaming.published import HeldRecord, Published
from headrace.streaming.statistics import Row

RECORD_BYTES: Final = 256
"""What a record is taken to hold beside its key and value."""


_CUT_BYTES: Final = 1024**2

AHEAD: Final = 64
"""Events that are decoded together where they are handed out one at a time..."""

_AHEAD_BYTES: Final = 256 * 1024
"""...unless they are larger than this together."""


class LaneState(Enum):
    OPEN = "open"
    STOPPED = "stopped"
    """For good, by an error; what was settled before it can still be committed."""
    CLOSED = "closed"
    """The topic has gone to somebody else, or the consumer ends."""


class Lane:
    """``done``: the offset that may be committed, one past the contiguous settled prefix. ``fence``: the generation."""

    def __init__(
        self,
        topic: str,
        tenant: str,
        *,
        start: int,
        topic_id: str = "",
        fence: int = 0,
        batch: Batch | None = None,
        limit: RejectLimit | None = None,
        remember: int = 0,
        uncommitted_limit: int = 10_000,
        held_limit: int = 8 * 1024**2,
        row: Row | None = None,
        hidden: bool = False,
    ) -> None:
        self.topic = topic
        self.tenant = tenant
        self.topic_id = topic_id
        self.fence = fence
        self.state = LaneState.OPEN
        self.running = False
        """A turn of it is queued or under way."""
        self.quick = True
        """Its handler gets on while the consumer waits for it."""
        self.paused = False
        self.draining = False
        self.hidden = hidden
        """The tenant does not admit the application (any more): nothing is taken and nothing handed out."""
        self.end: int | None = None
        """Where its topic ended when it was assigned; None: nobody asked, or has been told that it is reached."""
        self.error: HeadraceError | None = None
        self.done = start
        self.committed = start
        self.attempt = 1
        """Of what is at the head: 1 for the first time that it is handed out."""
        self.errors = 0
        """Unexpected errors in a row of what is at the head: only these count against the backoff's attempts."""
        self.not_before = 0.0
        self.single = 0
        """How many of the next events are handed out one at a time, because their batch failed as a whole."""
        self._single_errors = 0
        self.bytes = 0
        self.meter = RejectMeter(limit or RejectLimit())
        self.row = row or Row("", tenant)
        self.publishing: deque[tuple[int, Receipt]] = deque()
        """Receipts of what handlers published, with the offset that they were handling: a commit waits for them."""
        self.ahead: list[tuple[int, Published]] = []
        """Offsets of events that the turn under way has had accepted and not settled yet, and what was published for each."""
        self.held: list[HeldRecord] = []
        """What accepting handlers published, and dead letters, of a transactional consumer: for its next transaction."""
        self.held_bytes = 0
        self._held_limit = held_limit
        self._batch = batch
        self._size = batch.size if batch else 1
        self._within = seconds(batch.within) if batch else 0.0
        self._buffer: deque[Sequence[StoredRecord]] = deque()
        """As it was fetched, part by part; of the first one, `_at` records are settled."""
        self._at = 0
        self.buffered = 0
        """Records that are not settled yet."""
        self._fetched = start
        self._filled_since: float | None = None
        self._uncommitted_limit = uncommitted_limit
        self._uncommitted = 0
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._remember = remember

    # --- feeding

    def feed(self, records: Sequence[StoredRecord], next_offset: int, now: float) -> int:
        """Take records that follow the ones before; the bytes that they add."""
        if not self.open or self.hidden:
            return 0
        added = _held(records)
        if records:
            self._buffer.append(records)
            self.buffered += len(records)
        self.bytes += added
        self._fetched = max(self._fetched, next_offset)
        if self._filled_since is None and self._buffer:
            self._filled_since = now
            self.quick = True
        if not self._buffer and not self.running:
            self.done = self._fetched  # only a gap (compaction, transaction markers) lay between
        return added

    @property
    def open(self) -> bool:
        return self.state is LaneState.OPEN

    # --- handing out

    def due(self, now: float, *, linger: bool = True) -> float | None:
        """When the next call may be handed out, by the monotonic clock: at most ``now`` for at once, None for not before
        more comes. ``linger`` False: do not wait for a batch to fill."""
        if not self._buffer or self.draining or self.hidden or not self.open or self.full:
            return None
        due = self.not_before
        if self._batch is not None and linger and not self.single and self.buffered < self._size:
            due = max(due, (self._filled_since or now) + self._within)
        return due

    def take(self, *, ahead: bool = False) -> list[StoredRecord]:
        """The records of the next call: a batch's, or one. They stay at the head until settled. ``ahead``: where calls take
        one, those of the next few, as long as nothing has failed and they are small."""
        count = self._size
        if self.single:
            count = 1
        elif ahead and self._batch is None and self.attempt == 1:
            count = self._few()
        count = min(count, self.buffered, max(self._uncommitted_limit - self._uncommitted, 1))
        taken = list(self._buffer[0][self._at : self._at + count])
        if len(taken) < count:
            for part in islice(self._buffer, 1, None):
                taken += part[: count - len(taken)]
                if len(taken) == count:
                    break
        return taken

    def _few(self) -> int:
        size = 0
        for count, record in enumerate(islice(self._buffer[0], self._at, self._at + AHEAD), 1):
            size += len(record.value or b"")
            if size > _AHEAD_BYTES:
                return count
        return AHEAD

    def settle(self, count: int, now: float) -> int:
        """The first ``count`` records are finished with; the bytes that this frees."""
        freed = 0
        left = count
        while left:
            part = self._buffer[0]
            settled = part[self._at : self._at + left]
            freed += _held(settled)
            left -= len(settled)
            self._at += len(settled)
            self.done = settled[-1].offset + 1
            if self._at == len(part):
                self._buffer.popleft()
                self._at = 0
            elif freed > _CUT_BYTES:  # what is settled is not to be kept by what is not
                self._buffer[0] = part[self._at :]
                self._at = 0
        if count:
            self.bytes -= freed
            self.buffered -= count
            self.single = max(0, self.single - count)
            self.attempt = 1
            self.errors = self._single_errors if self.single else 0
            self.not_before = 0.0
            self._uncommitted += count
            self._filled_since = now if self._buffer else None
            if not self._buffer:
                self.done = self._fetched
        return freed

    def again(self, at: float, *, error: bool) -> None:
        """Hand the head out again, not before ``at``. ``error``: it failed unexpectedly, which is counted."""
        self.attempt += 1
        self.errors += error
        self.not_before = at

    def one_by_one(self, count: int, errors: int) -> None:
        """The batch of ``count`` failed as often as it may: hand its events out singly, each once more, so that only the
        ones at fault are rejected."""
        self.single = count
        self._single_errors = errors
        self.errors = errors
        self.attempt += 1
        self.not_before = 0.0

    def forget(self) -> int:
        """Drop what is buffered, to be read again from `done`; the bytes that this frees. Not while a turn runs."""
        self._fetched = self.done
        return self._clear()

    def _clear(self) -> int:
        freed, self.bytes = self.bytes, 0
        self._buffer.clear()
        self._at = self.buffered = 0
        return freed

    # --- ending

    def stop(self, error: HeadraceError) -> int:
        """Stand still for good; the bytes that this frees. What is settled can still be committed."""
        self.error = error
        return self._end(LaneState.STOPPED)

    def close(self) -> int:
        return self._end(LaneState.CLOSED)

    def _end(self, state: LaneState) -> int:
        self.state = state
        return self._clear()

    # --- committing

    @property
    def full(self) -> bool:
        """As much as allowed is settled without a commit: nothing is handed out until the next one."""
        return self._uncommitted >= self._uncommitted_limit or self.held_bytes >= self._held_limit

    def hold(self, records: Sequence[HeldRecord]) -> None:
        """Keep what belongs to settled events for the next transaction."""
        self.held += records
        self.held_bytes += sum(record.size for record in records)

    def release(self) -> list[HeldRecord]:
        """What was held, to be written or dropped."""
        records, self.held, self.held_bytes = self.held, [], 0
        return records

    def commit_to(self, offset: int) -> None:
        """``offset`` is committed; more may have been settled since it was chosen."""
        self.committed = max(self.committed, offset)
        self._uncommitted = min(self._uncommitted, self.done - self.committed)

    def safe_offset(self) -> tuple[int, HeadraceError | None]:
        """How far a commit may go: to ``done``, but not past a record whose handler published what is not durable yet. The
        error: what the handler published there can never become durable."""
        while self.publishing:
            offset, receipt = self.publishing[0]
            if not receipt.done:
                return min(offset, self.done), None
            if receipt.error is not None:
                return min(offset, self.done), receipt.error
            self.publishing.popleft()
        return self.done, None

    # --- duplicates

    def is_duplicate(self, source: str, event_id: str) -> bool:
        """Whether this (source, id) was settled lately; False where the consumer does not ask for it."""
        return bool(self._remember) and (source, event_id) in self._seen

    def remember(self, pairs: Iterable[tuple[str, str]]) -> None:
        if not self._remember:
            return
        for pair in pairs:
            self._seen[pair] = None
        while len(self._seen) > self._remember:
            self._seen.popitem(last=False)


def _held(records: Sequence[StoredRecord]) -> int:
    """About what records hold in memory, in bytes: keys, values, and a guess for the rest (looking at their headers would cost
    as much as decoding does)."""
    values = [record.value for record in records]
    keys = [record.key for record in records]
    try:
        return sum(map(len, values)) + sum(map(len, keys)) + RECORD_BYTES * len(records)  # type: ignore[arg-type]
    except TypeError:
        held = sum(len(value) for value in (*values, *keys) if value is not None)
        return held + RECORD_BYTES * len(records)
