"""Whether a consumer group comes to an assignment, and whether its protocol can carry it.

Kafka's client tries to join for ever and does not say that it fails. And the classic protocol fails by size: a group's whole
assignment is one record of at most 1 MB, in which each member lists the topics that it wants; beyond that members get nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka import ConsumerGroupState

from headrace.adapters.kafka_admin import KafkaAdmin
from headrace.adapters.kafka_calls import answer
from headrace.adapters.kafka_log import LOG
from headrace.clock import Clock
from headrace.errors import BrokerError, GroupTooLarge, GroupUnsettled

SETTLE_S = 60.0
"""How long a member may wait for its topics."""

CLASSIC_LOOK_S = 30.0
"""How often a member of a classic group looks how large the group has become."""

CLASSIC_MOST_BYTES = 500_000
"""Members x the bytes of the topics' names: half of what the broker can keep, for what else is in the record."""


class GroupWatch:
    """One member's. Only the polling thread uses it; `check` asks the broker without waiting for the answer."""

    def __init__(self, admin: KafkaAdmin, group: str, clock: Clock, *, classic: bool) -> None:
        self._admin = admin
        self._group = group
        self._clock = clock
        self._classic = classic
        self._waiting = False
        """Topics are expected, and have not come."""
        self._due: float | None = None
        """When they count as late; None: it is counted from the next `check` on."""
        self._next_look = 0.0
        self._asked: Future[Any] | None = None

    def joining(self, prefixes: Sequence[str]) -> None:
        """The member is about to subscribe. Raises `GroupTooLarge` where the group would be with it."""
        self.moved()
        if self._classic:
            members = _members(answer(self._admin.ask_group(self._group), f"describing {self._group}"))
            topics = {name for prefix in prefixes for name in self._admin.names(prefix)}
            # One that subscribes again may be among them, and is counted once more: the limit is far from the end.
            self._check_size(len(members) + 1, topics)
        self._next_look = self._clock.monotonic() + CLASSIC_LOOK_S

    def moved(self) -> None:
        """Topics were taken away: the group changes, and more may be assigned."""
        self._waiting, self._due = True, None

    def settled(self) -> None:
        """Topics have come."""
        self._waiting = False

    def check(self, member_id: Callable[[], str]) -> None:
        """Raises `GroupUnsettled` once in `SETTLE_S` while topics are late, and `GroupTooLarge`."""
        now = self._clock.monotonic()
        if self._waiting and self._due is None:
            self._due = now + SETTLE_S
        if self._asked is None:
            if self._late(now) or (self._classic and now >= self._next_look):
                self._next_look = now + CLASSIC_LOOK_S
                self._asked = self._admin.ask_group(self._group)
        elif self._asked.done():
            asked, self._asked = self._asked, None
            self._judge(asked, member_id, now)

    def _late(self, now: float) -> bool:
        return self._waiting and self._due is not None and now >= self._due

    def _judge(self, asked: Future[Any], member_id: Callable[[], str], now: float) -> None:
        cause: BrokerError | None = None
        state, members = "", {}
        try:
            described = answer(asked, f"describing {self._group}", group=self._group)
            state, members = described.state.name, _members(described)
            if self._classic and described.state is ConsumerGroupState.STABLE:
                self._check_size(len(members), {topic for topics in members.values() for topic in topics})
        except GroupTooLarge:
            raise
        except BrokerError as error:
            cause = error
        if not self._late(now):
            return
        if cause is None and described.state is ConsumerGroupState.STABLE and member_id() in members:
            self._waiting = False  # there is nothing for this member
            return
        self._due = now + SETTLE_S
        why = cause.message if cause else f"it is {state.lower()}, with {len(members)} members"
        raise GroupUnsettled(
            f"{self._group} has not settled within {SETTLE_S:.0f} s: {why}",
            hint="look at the log of the group's coordinator, and for members that hang or that come and go"
            + (
                "; the classic protocol cannot carry a large group: use group.protocol=consumer"
                if self._classic
                else ""
            ),
            group=self._group,
            state=state.lower(),
            members=len(members),
        ) from cause

    def _check_size(self, members: int, topics: Collection[str]) -> None:
        size = members * _bytes_of(topics)
        told = f"{self._group} has {members} members for {len(topics)} topics: {size:,} bytes of names"
        if size > CLASSIC_MOST_BYTES:
            raise GroupTooLarge(
                f"{told}; the classic protocol is trusted with {CLASSIC_MOST_BYTES:,}",
                hint="use group.protocol=consumer (Apache Kafka 4.0 or newer), or fewer members",
                group=self._group,
                size=size,
                limit=CLASSIC_MOST_BYTES,
            )
        if size > CLASSIC_MOST_BYTES * 4 // 5:
            LOG.warning("%s; beyond %d its members are refused", told, CLASSIC_MOST_BYTES)


def _members(described: Any) -> dict[str, list[str]]:
    return {m.member_id: [p.topic for p in m.assignment.topic_partitions] for m in described.members}


def _bytes_of(topics: Iterable[str]) -> int:
    return sum(len(topic.encode()) for topic in topics)
