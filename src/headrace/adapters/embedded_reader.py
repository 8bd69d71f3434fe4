"""Reading: a place in each topic, one poll over all of them, and the member's part in its group."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import apsw

from headrace.adapters import embedded_groups as groups
from headrace.adapters.embedded_batches import decode
from headrace.adapters.embedded_membership import Membership, Watch
from headrace.adapters.embedded_store import Store, offset_of, row_id, translated
from headrace.clock import Clock
from headrace.errors import (
    BrokerError,
    Closed,
    GroupFenced,
    OffsetOutOfRange,
    StoreCorrupt,
    TopicMissing,
    TopicReplaced,
)
from headrace.interfaces.broker import Fetched, OffsetAt, OffsetCommit, RebalanceListener
from headrace.model.record import StoredRecord

_LOAD_ROWS: Final = 256
_LOAD_BYTES: Final = 1_000_000
"""Batches decoded at a time: at most so many, and none more once they make so many bytes. It is what a place holds in memory.
More at a time is no faster: what was decoded has left the processor's cache before it is used."""

_FIRST_WAIT_S: Final = 0.001
_LONGEST_WAIT_S: Final = 0.02
"""Another process's commit shows only when it is looked for (`PRAGMA data_version`, 2 us): quickly at first, then less."""

_LIVENESS_S: Final = 1.0


class _Place:
    """Where reading a topic goes on. ``buffered``: decoded, from index ``at`` on not yet returned; ``beyond``: the offset
    after them."""

    __slots__ = ("at", "beyond", "buffered", "failed", "generation", "head", "name", "paused", "position", "topic")

    def __init__(self, topic: int, name: str, position: int, head: int, generation: int = 0) -> None:
        self.topic = topic
        self.name = name
        self.position = position
        self.head = head
        self.generation = generation
        self.paused = False
        self.failed = False
        self.empty()

    def empty(self) -> None:
        self.buffered: list[StoredRecord] = []
        self.at = 0
        self.beyond = self.position

    def seek(self, offset: int) -> None:
        self.position = offset
        self.failed = False
        self.empty()


class EmbeddedReader:
    def __init__(self, store: Store, clock: Clock, group: str | None, session_s: float) -> None:
        self._store = store
        self._clock = clock
        self._group = group
        self._session_s = session_s
        self._lock = threading.RLock()
        self._places: dict[str, _Place] = {}
        self._order: deque[str] = deque()
        self._listener: RebalanceListener | None = None
        self._prefixes: Sequence[str] = ()
        self._membership: Membership | None = None
        self._watch = Watch(store.folder, clock, session_s)
        self._group_state: tuple[int, int, str] | None = None
        self._seen = -1
        self._sequence = 0
        self._topics = ""
        """The version of the store's set of topics, as it was when those held were last seen to be there."""
        self._ids: dict[str, int] = {}
        """Every topic that was ever held, by name: one that comes back with another id is another topic."""
        self._next_liveness = 0.0
        self._errors: list[BrokerError] = []
        self._closed = False

    # --- what is read

    def subscribe(self, prefixes: Sequence[str], listener: RebalanceListener) -> None:
        if self._group is None:
            raise BrokerError("a reader without a group cannot subscribe", hint="broker.reader(group=...)")
        self._check_open()
        self._prefixes, self._listener = tuple(prefixes), listener
        self._join()

    def assign(self, positions: Mapping[str, int | OffsetAt]) -> None:
        self._check_open()

        def look(db: apsw.Connection) -> dict[str, _Place]:
            places = {}
            for name, at in positions.items():
                row = db.execute("SELECT id, first, next FROM topics WHERE name=?", (name,)).fetchone()
                if row is None:
                    raise TopicMissing(f"there is no topic {name}", topic=name)
                topic, first, next_ = row
                position = first if at is OffsetAt.EARLIEST else next_ if at is OffsetAt.LATEST else at
                places[name] = _Place(topic, name, position, next_)
            return places

        places = self._store.read(look)
        with self._lock:
            self._places = places
            self._order = deque(places)
            self._seen = -1

    def assignment(self) -> frozenset[str]:
        with self._lock:
            return frozenset(self._places)

    def generation(self, topic: str) -> int:
        return self._held(topic).generation

    def pause(self, topics: Iterable[str]) -> None:
        self._set_paused(topics, True)

    def resume(self, topics: Iterable[str]) -> None:
        self._set_paused(topics, False)

    def _set_paused(self, topics: Iterable[str], paused: bool) -> None:
        with self._lock:
            for name in topics:
                place = self._held(name)
                place.paused = paused
                if paused:  # decoded again when it goes on, rather than kept for as long as it does not
                    place.empty()
        self._store.bell.ring()

    def seek(self, topic: str, offset: int) -> None:
        with self._lock:
            self._held(topic).seek(offset)
            self._seen = -1

    def _held(self, topic: str) -> _Place:
        with self._lock:
            place = self._places.get(topic)
        if place is None:
            raise GroupFenced(f"{topic} is not held by this reader", topic=topic, topics=(topic,))
        return place

    # --- reading

    def poll(self, timeout: float, max_records: int = 500) -> Sequence[Fetched]:
        # Real time: it bounds how long the caller waits for input, not what happens.
        deadline = time.monotonic() + timeout
        wait = _FIRST_WAIT_S
        while True:
            self._check_open()
            rung = self._store.bell.rung
            self._look()
            self._raise_error()
            fetched = self._fetch(max_records)
            if fetched:
                return fetched  # an error of another topic waits: what was taken here would not be returned again
            self._raise_error()
            left = deadline - time.monotonic()
            if left <= 0:
                return fetched
            self._store.bell.wait(rung, min(left, wait))
            wait = min(wait * 2, _LONGEST_WAIT_S)

    def _raise_error(self) -> None:
        if self._errors:
            raise self._errors.pop(0)

    def _look(self) -> None:
        """Learn what changed: the group's topics, and how far each topic goes."""
        version = self._store.data_version()
        changed = version != self._seen
        if self._group is not None and self._listener is not None:
            self._attend(changed)
        if changed:
            self._learn_heads()
            self._seen = version  # only now: a look that failed has to be made again

    def _learn_heads(self) -> None:
        def look(db: apsw.Connection) -> tuple[list[tuple[Any, ...]], set[int]]:
            rows = db.execute("SELECT name, id, next, seq FROM topics WHERE seq>?", (self._sequence,)).fetchall()
            (topics,) = db.execute("SELECT value FROM store WHERE name='topics'").fetchone()
            if topics == self._topics:
                return rows, set()
            self._topics = topics
            ids = {place.topic for place in self._places.values()}
            there = {id_ for id_ in ids if db.execute("SELECT 1 FROM topics WHERE id=?", (id_,)).fetchone()}
            return rows, ids - there

        with self._lock:
            rows, gone = self._store.read(look)
            for name, topic, next_, sequence in rows:
                self._sequence = max(self._sequence, sequence)
                place = self._places.get(name)
                if place is not None and place.topic == topic:
                    place.head = next_
            lost = [place for place in self._places.values() if place.topic in gone and not place.failed]
        if self._listener is None:
            for place in lost:
                self._fail(place, self._gone(place.name))

    def _gone(self, name: str) -> BrokerError:
        again = self._store.read(lambda db: db.execute("SELECT uuid FROM topics WHERE name=?", (name,)).fetchone())
        if again:
            return TopicReplaced(f"{name} was deleted and made again", topic=name, id=again[0])
        return TopicMissing(f"{name} was deleted", topic=name)

    def _fetch(self, max_records: int) -> list[Fetched]:
        fetched: list[Fetched] = []
        left = max_records
        with self._lock:
            # What is decoded goes first: so one topic or two have decoded records waiting, however many are behind.
            for name in [name for name, place in self._places.items() if place.buffered and not place.paused]:
                if left > 0:
                    fetched.append(self._take(self._places[name], left))
                    left -= len(fetched[-1].records)
            served = {part.topic for part in fetched}
            for _ in range(len(self._order)):
                if left <= 0:
                    break
                # Each poll begins with another topic, so that a busy one does not starve the rest.
                self._order.rotate(-1)
                place = self._places[self._order[-1]]
                if place.paused or place.failed or place.name in served:
                    continue
                if place.position != place.head:
                    before = place.position
                    self._load(place)
                    if place.buffered:
                        fetched.append(self._take(place, left))
                        left -= len(fetched[-1].records)
                    elif place.position != before:  # past what compaction took
                        fetched.append(Fetched(place.name, (), place.position))
        return fetched

    def _take(self, place: _Place, limit: int) -> Fetched:
        records = place.buffered[place.at : place.at + limit]
        place.at += len(records)
        if place.at == len(place.buffered):
            place.position = place.beyond
            place.empty()
        else:
            place.position = records[-1].offset + 1
        return Fetched(place.name, records, place.position)

    def _load(self, place: _Place) -> None:
        """Decode the batches at the place's position, passing over what compaction removed."""
        low, high = row_id(place.topic, 0), row_id(place.topic + 1, 0)
        found: list[StoredRecord] = []
        beyond: int | None = None
        damage: StoreCorrupt | None = None

        def look(db: apsw.Connection) -> tuple[int, int] | None:
            nonlocal beyond, damage
            ends: tuple[int, int] | None = db.execute(
                "SELECT first, next FROM topics WHERE id=?", (place.topic,)
            ).fetchone()
            before = db.execute(
                "SELECT id FROM batches WHERE id>=? AND id<=? ORDER BY id DESC LIMIT 1",
                (low, row_id(place.topic, max(place.position, 0))),
            ).fetchone()
            size = 0
            for id_, last, timestamp, blob in db.execute(
                "SELECT id, last, ts, blob FROM batches WHERE id>=? AND id<? AND last>=? ORDER BY id LIMIT ?",
                (before[0] if before else low, high, place.position, _LOAD_ROWS),
            ):
                try:
                    found.extend(decode(place.name, offset_of(id_), timestamp, blob))
                except StoreCorrupt as error:
                    damage = error
                    break
                beyond = last + 1
                size += len(blob)
                if size >= _LOAD_BYTES:
                    break
            return ends

        ends = self._store.read(look)
        if ends is None:
            return  # deleted: the next look tells
        first, next_ = ends
        place.head = next_
        if not first <= place.position <= next_:
            lost = (place.position, first - 1) if place.position < first else (next_, place.position - 1)
            self._fail(
                place,
                OffsetOutOfRange(
                    f"{place.name} holds {first} to {next_ - 1}; reading was at {place.position}",
                    hint="the records between were deleted; seek to where reading is to go on",
                    topic=place.name,
                    offset=place.position,
                    earliest=first,
                    latest=next_,
                    lost=lost,
                ),
            )
            return
        if damage is not None and beyond is None:
            self._fail(place, damage)  # else what stands before it is returned first, and the next load meets it
            return
        if found and found[0].offset < place.position:
            found = [record for record in found if record.offset >= place.position]
        place.buffered = found
        place.beyond = next_ if beyond is None else beyond
        if not found:
            place.position = place.beyond

    def _fail(self, place: _Place, error: BrokerError) -> None:
        place.failed = True
        place.empty()
        if self._listener is not None:
            self._listener.on_error(place.name, error)
        else:
            self._errors.append(error)

    # --- the group

    def _join(self) -> None:
        assert self._group is not None
        group = self._group
        with translated(self._store.folder):
            member = self._membership = Membership(self._store.folder, self._clock, self._session_s)
        self._store.write(lambda db: groups.join(db, group, member.member, self._prefixes))
        self._group_state = None

    def _attend(self, changed: bool) -> None:
        assert self._group is not None
        group, member = self._group, self._membership
        assert member is not None
        now = time.monotonic()
        if now >= self._next_liveness:
            self._next_liveness = now + min(_LIVENESS_S, self._session_s / 8)
            dead = self._store.read(lambda db: groups.dead_members(db, group, member.member, self._watch.alive))
            if dead:
                self._store.write(lambda db: groups.leave_all(db, group, dead))
                for gone in dead:
                    self._watch.forget(gone)
                self._group_state = None
        if not changed and self._group_state is not None:
            return
        state = self._store.read(lambda db: groups.state(db, group))
        if state is not None and state == self._group_state:
            return
        with self._lock:
            held = {place.topic: place.generation for place in self._places.values()}
        turn: groups.Turn = self._store.write(lambda db: groups.take_turn(db, group, member.member, held))
        if turn.lost:
            self._rejoin()
            return
        self._release(turn.to_release)
        self._take_over(turn.taken)
        # The state of that turn: what others did while the listener was told is another one, and is looked at next.
        self._group_state = turn.state

    def _rejoin(self) -> None:
        """Others took this member for dead: what it held is theirs, and it begins again as a new one."""
        member = self._membership
        assert member is not None
        assert self._listener is not None
        with self._lock:
            names = list(self._places)
            self._places.clear()
            self._order.clear()
        member.end()
        if names:
            self._listener.on_lost(names)
        self._join()

    def _release(self, topics: Sequence[int]) -> None:
        if not topics:
            return
        assert self._group is not None
        assert self._listener is not None
        assert self._membership is not None
        group, member = self._group, self._membership.member
        with self._lock:
            going = {place.topic: place.name for place in self._places.values() if place.topic in topics}
        there = self._store.read(
            lambda db: {id_ for id_ in going if db.execute("SELECT 1 FROM topics WHERE id=?", (id_,)).fetchone()}
        )
        kept = [name for id_, name in going.items() if id_ in there]
        gone = [name for id_, name in going.items() if id_ not in there]
        if kept:
            self._listener.on_revoked(kept)
        if gone:
            self._listener.on_lost(gone)
        self._drop(going.values())
        self._store.write(lambda db: groups.release(db, group, member, going))

    def _take_over(self, taken: Sequence[groups.Taken]) -> None:
        if not taken:
            return
        assert self._listener is not None
        ends = self._store.read(
            lambda db: {
                t.topic: db.execute("SELECT first, next FROM topics WHERE id=?", (t.topic,)).fetchone() for t in taken
            }
        )
        with self._lock:
            for t in taken:
                if ends[t.topic] is None:
                    continue
                first, next_ = ends[t.topic]
                position = first if t.commit is None else t.commit.offset
                self._places[t.name] = _Place(t.topic, t.name, position, next_, t.generation)
                self._order.append(t.name)
        there = [t for t in taken if ends[t.topic] is not None]
        self._listener.on_assigned({t.name: t.commit for t in there})
        for t in there:
            if self._ids.setdefault(t.name, t.topic) != t.topic:
                self._ids[t.name] = t.topic
                self._fail(self._places[t.name], self._gone(t.name))

    def _drop(self, names: Iterable[str]) -> None:
        with self._lock:
            for name in names:
                del self._places[name]
                self._order.remove(name)

    def commit(self, offsets: Mapping[str, OffsetCommit]) -> None:
        self.in_transaction(self._store.write, offsets)

    def in_transaction(
        self, write: Callable[[Callable[[apsw.Connection], None]], Any], offsets: Mapping[str, OffsetCommit]
    ) -> None:
        """Commit offsets by ``write``: by the reader's own store, or as a part of a transactional writer's."""
        self._check_open()
        if self._group is None:
            raise GroupFenced("a reader without a group has nowhere to commit", topics=tuple(offsets))
        with self._lock:
            missing = tuple(sorted(name for name in offsets if name not in self._places))
            if missing:
                raise GroupFenced(f"{', '.join(missing)}: not held by this reader", group=self._group, topics=missing)
            ids = {self._places[name].topic: commit for name, commit in offsets.items()}
            names = {self._places[name].topic: name for name in offsets}
        group, member = self._group, self._membership

        def put(db: apsw.Connection) -> None:
            if member is not None:
                groups.commit(db, group, member.member, ids, names)
            else:  # assigned by hand: nobody fences, as on Kafka
                db.execute("INSERT OR IGNORE INTO groups VALUES(?, 0, 0, '')", (group,))
                groups.put_offsets(db, group, ids)

        write(put)

    # --- the end

    def _check_open(self) -> None:
        if self._closed:
            raise Closed("the reader is closed")

    def close(self) -> None:
        if self._closed:
            return
        member, group, listener = self._membership, self._group, self._listener
        try:
            if member is not None and group is not None and listener is not None:
                with self._lock:
                    held = list(self._places)
                try:
                    if held:
                        listener.on_revoked(held)
                finally:
                    self._drop(held)
                    self._store.write(lambda db: groups.leave(db, group, member.member))
        finally:
            self._closed = True
            if member is not None:
                member.end()
            self._store.close()
