"""A consumer group as a whole: whatever joins, leaves, is made or deleted, a topic has one holder and each record is read."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from headrace.adapters.embedded_broker import EmbeddedBroker
from headrace.errors import BrokerError, TopicReplaced
from headrace.interfaces.broker import OffsetAt, OffsetCommit, TopicSpec
from headrace.model.record import Record

NAMES = [f"p.{i}" for i in range(6)]


class Member:
    """Reads in order, commits only when it gives a topic up, and fails at any record that it did not expect."""

    def __init__(self, folder: Path) -> None:
        self.broker = EmbeddedBroker(folder)
        self.reader = self.broker.reader("g")
        self.next: dict[str, int] = {}
        self.reader.subscribe(["p."], self)

    def on_assigned(self, topics: Mapping[str, OffsetCommit | None]) -> None:
        self.next |= {topic: commit.offset if commit else 0 for topic, commit in topics.items()}

    def on_revoked(self, topics: Sequence[str]) -> None:
        self.reader.commit({topic: OffsetCommit(self.next.pop(topic)) for topic in topics})

    def on_lost(self, topics: Sequence[str]) -> None:
        for topic in topics:
            del self.next[topic]

    def on_error(self, topic: str, error: BrokerError) -> None:
        assert isinstance(error, TopicReplaced)
        self.next[topic] = 0
        self.reader.seek(topic, 0)

    def poll(self, max_records: int = 20) -> None:
        for part in self.reader.poll(0, max_records):
            start = self.next[part.topic]
            assert [r.offset for r in part.records] == list(range(start, start + len(part.records)))
            self.next[part.topic] = part.next_offset

    def leave(self) -> None:
        self.reader.close()
        self.broker.close()


class Group(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name)
        self.broker = EmbeddedBroker(self.path)
        self.writer = self.broker.writer()
        self.members: list[Member] = []
        self.topics: set[str] = set()

    @precondition(lambda self: len(self.members) < 4)
    @rule()
    def join(self) -> None:
        self.members.append(Member(self.path))

    @precondition(lambda self: self.members)
    @rule(n=st.integers(0, 3))
    def leave(self, n: int) -> None:
        self.members.pop(n % len(self.members)).leave()

    @rule(name=st.sampled_from(NAMES))
    def create(self, name: str) -> None:
        self.broker.admin.create_topics([TopicSpec(name)])
        self.topics.add(name)

    @rule(name=st.sampled_from(NAMES), again=st.booleans())
    def delete(self, name: str, again: bool) -> None:
        self.broker.admin.delete_topics([name])
        self.topics.discard(name)
        if again:
            self.create(name)

    @precondition(lambda self: self.topics)
    @rule(names=st.sets(st.sampled_from(NAMES), min_size=1), count=st.integers(1, 7))
    def write(self, names: set[str], count: int) -> None:
        for name in names & self.topics:
            for _ in range(count):
                self.writer.publish(name, Record(None, b"x"))
        self.writer.flush(10)

    @precondition(lambda self: self.members)
    @rule(chosen=st.lists(st.integers(0, 3), min_size=1, max_size=6), max_records=st.sampled_from([1, 5, 50]))
    def poll(self, chosen: list[int], max_records: int) -> None:
        for n in chosen:
            self.members[n % len(self.members)].poll(max_records)

    @invariant()
    def each_topic_has_one_holder(self) -> None:
        held = [(name, place.topic) for m in self.members for name, place in m.reader._places.items()]
        assert len(held) == len(set(held))

    def teardown(self) -> None:
        try:
            if not self.members:
                self.join()
            ends = self.broker.admin.offsets(self.topics, OffsetAt.LATEST)
            deadline = time.monotonic() + 10
            while True:  # at least once: a member that never polled has not yet looked at its group
                for member in self.members:
                    member.poll()
                if self.settled(ends):
                    break
                assert time.monotonic() < deadline, "the group does not settle"
            assert self.broker.admin.groups("g")["g"].state == "stable"
            while self.members:
                self.members.pop().leave()
            committed = self.broker.admin.group_offsets("g")
            assert {name: commit.offset for name, commit in committed.items()} == ends
        finally:
            for member in self.members:
                member.broker.close()
            self.broker.close()
            self.folder.cleanup()

    def settled(self, ends: Mapping[str, int]) -> bool:
        """Shares differ by at most one topic, all topics are held, and all records are read."""
        shares = [len(member.reader.assignment()) for member in self.members]
        places = {name: place for member in self.members for name, place in member.next.items()}
        return sum(shares) == len(self.topics) and max(shares) - min(shares) <= 1 and places == ends


TestGroup = Group.TestCase
TestGroup.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestGroup.__doc__ = (
    "Members and topics come and go: one holder a topic, nothing skipped, nothing twice, balanced in the end."
)
