"""The catalogue at run time: where a program learns which products, tenants and schemas there are, and follows changes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from headrace.clock import Clock
from headrace.errors import BrokerError, BrokerUnavailable, CatalogueError, Closed, SettingsError, WrongCluster
from headrace.interfaces.broker import Broker, Fetched, OffsetAt
from headrace.model import names
from headrace.model.compiled import CompiledCatalogue
from headrace.model.compiled_records import from_records
from headrace.model.record import StoredRecord

log = logging.getLogger("headrace.catalogue")

Follower = Callable[[CompiledCatalogue], None]


class CatalogueFeed(Protocol):
    """`current` is replaced as a whole when a newer catalogue is complete; followers are told, one at a time."""

    @property
    def current(self) -> CompiledCatalogue: ...

    def follow(self, follower: Follower) -> None:
        """Call ``follower`` with every later catalogue. It is kept until `close`."""

    def unfollow(self, follower: Follower) -> None: ...

    def refresh(self) -> None:
        """Take over what has been applied so far, if anything."""

    def close(self) -> None: ...


class FixedCatalogue:
    """One catalogue that stays, or is replaced by hand (`replace`): a folder in development, and tests."""

    def __init__(self, catalogue: CompiledCatalogue) -> None:
        self._current = catalogue
        self._followers: list[Follower] = []

    @property
    def current(self) -> CompiledCatalogue:
        return self._current

    def follow(self, follower: Follower) -> None:
        self._followers.append(follower)

    def unfollow(self, follower: Follower) -> None:
        self._followers = [kept for kept in self._followers if kept != follower]

    def replace(self, catalogue: CompiledCatalogue) -> None:
        self._current = catalogue
        for follower in list(self._followers):
            follower(catalogue)

    def refresh(self) -> None:
        """Nothing: it does not change by itself."""

    def close(self) -> None:
        self._followers = []


class FollowedCatalogue:
    """The region's catalogue topic, read to its end at the start and followed from then on by a thread of its own.

    A set of records counts only when it is whole (`from_records`); until then, and if the topic is gone, the last one
    stands. Raises `SettingsError` where nothing has been applied yet, and `WrongCluster` where the catalogue is of another
    region, or was published to another cluster (a copy of its topic): nothing may be published then.
    """

    _POLL_S = 0.1
    _REFRESH_S = 5.0
    _START_S = 30.0

    def __init__(self, broker: Broker, region: str, clock: Clock) -> None:
        self._region = region
        self._clock = clock
        self._topic = names.catalogue_topic()
        self._broker = broker
        self._records: dict[bytes, StoredRecord] = {}
        self._followers: list[Follower] = []
        self._moved = threading.Condition()
        """Guards the followers; notified when the position has moved."""
        self._ended = threading.Event()
        self._position = -1
        self._cluster_id = broker.admin.cluster_id()
        self._reader = broker.reader()
        found: CompiledCatalogue | None = None
        try:
            # Asked for by its name: one that this program may not see is refused, not missing.
            if self._topic in broker.admin.topic_ids([self._topic]):
                self._reader.assign({self._topic: OffsetAt.EARLIEST})
                self._read_to_end()
                found = from_records(self._records.values())
        except BaseException:
            self._reader.close()
            raise
        if found is None:
            self._reader.close()
            raise SettingsError(
                f"region {region} has no catalogue yet: nothing has been applied to its cluster",
                hint="run `headrace apply`, or start from a declaration repository with catalogue=FOLDER",
                region=region,
            )
        try:
            self._current = self._checked(found)
        except BaseException:
            self._reader.close()
            raise
        self._thread = threading.Thread(target=self._run, name="headrace-catalogue", daemon=True)
        self._thread.start()

    @property
    def current(self) -> CompiledCatalogue:
        return self._current

    def follow(self, follower: Follower) -> None:
        with self._moved:
            self._followers.append(follower)

    def unfollow(self, follower: Follower) -> None:
        with self._moved:
            self._followers = [kept for kept in self._followers if kept != follower]

    def refresh(self) -> None:
        """Wait until the thread has read up to what is there now; a topic that cannot be read changes nothing."""
        try:
            end = self._end()
        except BrokerError as error:
            log.warning("the catalogue topic cannot be read; the last catalogue stands: %s", error)
            return
        deadline = self._clock.monotonic() + self._REFRESH_S
        with self._moved:
            while self._position < end and not self._ended.is_set():
                left = deadline - self._clock.monotonic()
                if left <= 0 or not self._clock.wait(self._moved, left):
                    break

    def close(self) -> None:
        self._ended.set()
        if self._thread is not threading.current_thread():
            self._thread.join()
        self._reader.close()

    def _checked(self, catalogue: CompiledCatalogue) -> CompiledCatalogue:
        if catalogue.region != self._region:
            raise WrongCluster(
                f"the cluster holds the catalogue of region {catalogue.region}, not of {self._region}",
                hint="a process serves one region: check `region` and `cluster`",
                region=self._region,
                found=catalogue.region,
            )
        if catalogue.cluster_id not in (None, self._cluster_id):
            raise WrongCluster(
                f"the catalogue of region {self._region} was published to the cluster {catalogue.cluster_id}; "
                f"this one is {self._cluster_id}",
                hint="check `cluster`; if this cluster replaces the other, run `headrace apply` to it",
                region=self._region,
                declared=catalogue.cluster_id,
                found=self._cluster_id,
            )
        return catalogue

    def _end(self) -> int:
        return self._broker.admin.offsets([self._topic], OffsetAt.LATEST).get(self._topic, 0)

    def _read_to_end(self) -> None:
        """Read what is there at the start."""
        end = self._end()
        deadline = self._clock.monotonic() + self._START_S
        while self._position < end and end > 0:
            self._take(self._reader.poll(0.2))
            if self._clock.monotonic() > deadline:
                raise BrokerUnavailable(f"{self._topic} cannot be read up to {end}", topic=self._topic)

    def _take(self, fetched: Sequence[Fetched]) -> bool:
        changed = False
        for part in fetched:
            for record in part.records:
                key = record.key or b""
                # Order of arrival is kept (a key that is written again moves to the end): the head comes last.
                self._records.pop(key, None)
                if record.value is not None:
                    self._records[key] = record
                changed = True
            self._position = part.next_offset
        return changed

    def _swap(self) -> None:
        try:
            found = from_records(self._records.values())
            if found is None or found == self._current:
                return
            self._current = self._checked(found)
        except (CatalogueError, WrongCluster) as error:
            log.error("a newer catalogue cannot be used; the last one stands: %s", error)
            return
        log.info("catalogue %s is in force", found.commit or "without commit")
        with self._moved:
            followers = list(self._followers)
        for follower in followers:
            follower(found)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                if self._take(self._reader.poll(self._POLL_S)):
                    self._swap()
            except Closed:
                return
            except BrokerError as error:
                log.warning("the catalogue topic cannot be read; the last catalogue stands: %s", error)
                self._ended.wait(self._POLL_S)
            with self._moved:
                self._moved.notify_all()
