"""The broker, as Headrace sees it: topics of one partition, ordered, with offsets, groups and transactions.

The shape is Kafka's. What every implementation keeps is stated here and proved by `headrace.testing.conformance.broker`.
All methods raise only `headrace.errors.BrokerError`s; all are safe to call from many threads unless they say otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Protocol, runtime_checkable

import msgspec

from headrace.errors import BrokerError
from headrace.interfaces.access import AccessAdmin
from headrace.interfaces.receipt import Receipt
from headrace.model.record import Record, StoredRecord


class TopicSpec(msgspec.Struct, frozen=True):
    """A topic to make. ``configs`` are Kafka's topic settings by name (``retention.ms``, ``cleanup.policy``...), values
    as text. Always one partition. ``replication`` -1: the broker's default."""

    name: str
    configs: Mapping[str, str] = {}
    replication: int = -1


class TopicDescription(msgspec.Struct, frozen=True):
    """A topic that is there. ``id``: never used again after a deletion (KIP-516). ``configs``: only what is set on the
    topic itself, not what it has by default."""

    name: str
    id: str
    configs: Mapping[str, str]
    partitions: int = 1
    replication: int = 1


class OffsetAt(Enum):
    """A place in a log. A time is an int: the first offset whose timestamp is not below it, in ms."""

    EARLIEST = "earliest"
    LATEST = "latest"


class OffsetCommit(msgspec.Struct, frozen=True):
    """``offset``: the next one to read (Kafka's meaning). ``metadata``: small text beside it, at most 4 kB."""

    offset: int
    metadata: str = ""


class GroupDescription(msgspec.Struct, frozen=True):
    """``state``: ``empty``, ``stable`` or ``rebalancing``. ``members``: by member id, the topics that it holds."""

    group: str
    state: str
    generation: int
    members: Mapping[str, tuple[str, ...]]


class TopicAdmin(Protocol):
    """Topics, their settings, offsets and groups. Calls that take many names answer for each: None, or its error."""

    def cluster_id(self) -> str: ...

    def topics(self, prefix: str = "") -> Mapping[str, TopicDescription]:
        """The topics whose names begin with ``prefix``, ordered by name. Internal topics of the broker are left out."""

    def topic_ids(self, names: Iterable[str]) -> Mapping[str, str]:
        """The ids of those topics that are there: cheaper than `topics` where there are thousands."""

    def create_topics(self, specs: Sequence[TopicSpec]) -> Mapping[str, BrokerError | None]:
        """`TopicExists`, `TopicNameCollision` or `InvalidTopic` (name, unknown or malformed config) for those refused."""

    def set_configs(self, configs: Mapping[str, Mapping[str, str | None]]) -> Mapping[str, BrokerError | None]:
        """Set (or with None: unset) the named settings of topics; others stay."""

    def delete_topics(self, names: Sequence[str]) -> Mapping[str, BrokerError | None]: ...

    def delete_records(self, before: Mapping[str, int]) -> Mapping[str, BrokerError | None]:
        """Delete each topic's records below the offset; the earliest offset moves up to it."""

    def offsets(self, topics: Iterable[str], at: OffsetAt | int) -> Mapping[str, int]:
        """The offset of each topic at a place. LATEST: the one that the next record gets (only what is committed
        counts). A time later than every record: LATEST. Topics that are not there are left out."""

    def groups(self, prefix: str = "") -> Mapping[str, GroupDescription]: ...

    def group_offsets(self, group: str) -> Mapping[str, OffsetCommit]:
        """What the group has committed, by topic; empty for a group that was never there."""

    def set_group_offsets(self, group: str, offsets: Mapping[str, OffsetCommit]) -> None:
        """Commit for a group without members. Raises `GroupFenced` while it has some."""

    def delete_group(self, group: str) -> None:
        """Forget a group without members. Raises `GroupFenced` while it has some."""

    def close(self) -> None: ...


@runtime_checkable
class KnowsNodes(Protocol):
    """What a `TopicAdmin` may offer besides, where the broker is made of nodes."""

    def nodes(self) -> Sequence[str]:
        """Where each node of the cluster listens, as ``host:port``, by node id."""


class RecordWriter(Protocol):
    """Writes records, batched. A topic's records are stored in the order of the `publish` calls, none twice by a retry of
    the writer's own (idempotent), each stamped with the log's time. Receipts are settled in order within a topic."""

    def publish(self, topic: str, record: Record, event_id: str | None = None) -> Receipt:
        """Take a record; block while the writer's bounds (records, bytes) are met. Errors of the record itself
        (`TopicMissing`, too large for the topic) come by the receipt, and cost no other topic anything."""

    def try_publish(self, topic: str, record: Record, event_id: str | None = None) -> Receipt:
        """As `publish`, but raises `BufferFull` instead of blocking."""

    def flush(self, timeout: float | None = None) -> None:
        """Return when every record taken so far is settled. Raises `PublishTimeout`."""

    def close(self, timeout: float | None = None) -> None:
        """Flush, then end. Records still unsettled at the timeout fail with `Closed`. Again: nothing."""


class TransactionalWriter(Protocol):
    """One transaction after the other, each all or nothing, read only once committed. A second writer with the same
    transactional id fences the first (`WriterFenced`). Not for many threads."""

    def begin(self) -> None: ...

    def publish(self, topic: str, record: Record, event_id: str | None = None) -> Receipt:
        """The receipt is settled by `commit` or `abort` (with `TransactionAborted`)."""

    def send_offsets(self, reader: RecordReader, offsets: Mapping[str, OffsetCommit]) -> None:
        """Commit a reader's offsets with the transaction, fenced by the reader's generation."""

    def commit(self) -> None:
        """Raises `TransactionAborted` (nothing was written; begin again), `WriterFenced` or `GroupFenced`."""

    def abort(self) -> None: ...

    def close(self) -> None:
        """Abort what is open."""


class Fetched(msgspec.Struct, frozen=True):
    """Consecutive records of one topic. ``next_offset``: where reading goes on (beyond gaps that compaction,
    transactions or control records left)."""

    topic: str
    records: Sequence[StoredRecord]
    next_offset: int


class RebalanceListener(Protocol):
    """Told of a group's changes, from inside `RecordReader.poll` (and `close`) on the polling thread."""

    def on_assigned(self, topics: Mapping[str, OffsetCommit | None]) -> None:
        """Topics gained, each with what the group has committed (None: nothing yet; it is read from the earliest
        unless `seek` says otherwise)."""

    def on_revoked(self, topics: Sequence[str]) -> None:
        """Topics about to go to somebody else. They are ours until this returns: `commit` still works for them."""

    def on_lost(self, topics: Sequence[str]) -> None:
        """Topics already taken away (this member was too slow, or cut off): a commit for them is fenced."""

    def on_error(self, topic: str, error: BrokerError) -> None:
        """One topic cannot be read on (`OffsetOutOfRange`, `TopicReplaced`, `TopicMissing`, `AccessDenied`): it is
        paused and told once; the others go on."""


class RecordReader(Protocol):
    """Reads topics, either as a member of a group (`subscribe`) or on its own (`assign`).

    Reading is at the committed level: records of open or aborted transactions are not seen. One thread polls; `pause`,
    `resume` and `commit` may come from others.
    """

    def subscribe(self, prefixes: Sequence[str], listener: RebalanceListener) -> None:
        """Join the group and share the topics whose names begin with one of ``prefixes``. `poll` raises `GroupUnsettled`,
        once a minute, while no topics come. New topics are picked up
        within 30 s and read from their first record. A member that dies loses its topics to the others when its
        session times out; a slow handler alone loses nothing."""

    def assign(self, positions: Mapping[str, int | OffsetAt]) -> None:
        """Read these topics from these places, outside any group. Replaces an earlier assignment."""

    def poll(self, timeout: float, max_records: int = 500) -> Sequence[Fetched]:
        """Records of any number of topics, in order within each; empty when ``timeout`` (seconds) passes first. Drives
        the rebalance listener. A topic's records that were returned are not returned again unless sought."""

    def assignment(self) -> frozenset[str]: ...

    def generation(self, topic: str) -> int:
        """A number that grows with every change of the topic's holder in the group: a fence for stores that compare.
        0 for an `assign`ed topic. Raises `GroupFenced` if the topic is not held."""

    def pause(self, topics: Iterable[str]) -> None:
        """Return no records of these topics until `resume`; their place is kept."""

    def resume(self, topics: Iterable[str]) -> None: ...

    def seek(self, topic: str, offset: int) -> None:
        """Read on from here."""

    def commit(self, offsets: Mapping[str, OffsetCommit]) -> None:
        """Commit for topics that are held, durably. Raises `GroupFenced` where one no longer is (naming them; then
        none is committed), `AccessDenied` where some are denied (``topics`` names them; the others are committed)."""

    def close(self) -> None:
        """Revoke what is held (`on_revoked`), leave the group at once, end."""


class Broker(Protocol):
    """One region's broker: where writers and readers come from."""

    @property
    def admin(self) -> TopicAdmin: ...

    @property
    def access(self) -> AccessAdmin | None:
        """Its access rules; None where the kind of broker has none at all, as the embedded one: whoever can open its folder
        may do everything, so the folder's permissions are what guards it."""

    def writer(self, *, topics: int = 1) -> RecordWriter:
        """``topics``: about how many it will write to. A hint: what is right for one topic is slow for thousands."""

    def transactional_writer(self, transactional_id: str) -> TransactionalWriter: ...

    def reader(self, group: str | None = None) -> RecordReader:
        """``group`` None: for `assign` only."""

    def close(self) -> None:
        """Close everything that came from it."""
