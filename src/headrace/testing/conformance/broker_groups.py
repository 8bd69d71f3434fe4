"""Consumer groups: sharing topics, committing, starting again, and topics that come and go."""

from __future__ import annotations

from headrace.errors import OffsetOutOfRange
from headrace.interfaces.broker import Broker, OffsetCommit
from headrace.testing.conformance.support import Connect, eventually, join, make_topics, poll_until, unique, write

NEW_TOPIC_S = 40.0
"""A new topic is picked up within 30 s; the rest is for reading it."""


class GroupConformance:
    def test_a_group_begins_at_the_earliest_and_goes_on_where_it_committed(
        self, broker: Broker, connect: Connect
    ) -> None:
        """Where nothing was committed all is read; after a commit the next member is told of it and reads on from it."""
        prefix, group = f"{unique()}.", unique("g")
        topic = f"{prefix}a"
        make_topics(broker, topic)
        write(broker, topic, b"0", b"1")
        first = join(broker, group, prefix)
        poll_until(lambda: len(first.values(topic)) == 2, "all is read", first)
        assert first.assigned == {topic: None}
        first.commit_read(topic, metadata="so far")
        first.reader.close()
        assert first.revoked == [topic]
        committed = OffsetCommit(first.next_offsets[topic], "so far")
        assert broker.admin.group_offsets(group) == {topic: committed}
        write(broker, topic, b"2")
        second = join(connect(), group, prefix)
        poll_until(lambda: len(second.values(topic)) == 1, "it reads on", second)
        assert second.values(topic) == [b"2"]
        assert second.assigned == {topic: committed}
        second.reader.close()

    def test_what_was_not_committed_is_read_again(self, broker: Broker) -> None:
        """A member that leaves without a commit costs nothing: the next one reads the same records."""
        prefix, group = f"{unique()}.", unique("g")
        topic = f"{prefix}a"
        make_topics(broker, topic)
        write(broker, topic, b"0")
        for _ in range(2):
            member = join(broker, group, prefix)
            poll_until(lambda m=member: m.values(topic) == [b"0"], "it is read", member)  # type: ignore[misc]
            member.reader.close()

    def test_a_second_member_takes_a_share(self, broker: Broker, connect: Connect) -> None:
        """Two members hold every topic once between them; when one leaves, its topics go to the other, from its commits."""
        prefix, group = f"{unique()}.", unique("g")
        topics = {f"{prefix}{n}" for n in range(4)}
        make_topics(broker, *topics)
        for topic in topics:
            write(broker, topic, b"0")
        first = join(broker, group, prefix)
        poll_until(lambda: all(first.values(t) == [b"0"] for t in topics), "the first reads all", first)
        first.commit_read(*topics)
        before = {topic: first.reader.generation(topic) for topic in topics}
        second = join(connect(), group, prefix)

        def shared() -> bool:
            return bool(second.held) and bool(first.held) and first.held | second.held == topics

        poll_until(shared, "the second has a share", first, second)
        assert not first.held & second.held
        assert set(first.revoked) == second.held
        for topic in second.held:
            assert second.reader.generation(topic) > before[topic]
            assert second.assigned[topic] == OffsetCommit(1)
        for topic in topics:
            write(broker, topic, b"1")
        moved = set(second.held)
        poll_until(
            lambda: all((first.values(t) + second.values(t))[-1:] == [b"1"] for t in topics), "all go on", first, second
        )
        assert all(second.values(t) == [b"1"] for t in moved)
        generations = {topic: second.reader.generation(topic) for topic in moved}
        second.commit_read(*moved)
        second.reader.close()
        poll_until(lambda: first.held == topics, "the first has them back", first)
        for topic in moved:
            assert first.reader.generation(topic) > generations[topic]
            assert first.assigned[topic] == OffsetCommit(2)
        assert all(first.values(t).count(b"1") <= 1 for t in topics)
        first.reader.close()

    def test_a_new_topic_is_picked_up(self, broker: Broker) -> None:
        """A topic made under the prefix later is read from its first record on; one beside the prefix is not."""
        prefix, group = f"{unique()}.", unique("g")
        old, new, beside = f"{prefix}old", f"{prefix}new", f"{prefix[:-1]}-beside"
        make_topics(broker, old)
        member = join(broker, group, prefix)
        poll_until(lambda: old in member.held, "the group has begun", member)
        make_topics(broker, new, beside)
        write(broker, new, b"first", b"second")
        poll_until(lambda: len(member.values(new)) == 2, "the new topic is read", member, deadline_s=NEW_TOPIC_S)
        assert member.values(new) == [b"first", b"second"]
        assert member.held == {old, new}
        member.reader.close()

    def test_a_place_can_be_chosen_when_a_topic_is_assigned(self, broker: Broker) -> None:
        """`seek` from inside `on_assigned` says where reading begins."""
        prefix, group = f"{unique()}.", unique("g")
        topic = f"{prefix}a"
        make_topics(broker, topic)
        write(broker, topic, b"0", b"1", b"2")
        member = join(broker, group, prefix, seeks={topic: 2})
        poll_until(lambda: bool(member.values(topic)), "it is read", member)
        assert member.values(topic) == [b"2"]
        member.reader.close()

    def test_a_lost_place_is_told_once_and_the_others_go_on(self, broker: Broker) -> None:
        """A committed offset that retention overtook stops that topic with `OffsetOutOfRange`, told once; a seek mends it."""
        prefix, group = f"{unique()}.", unique("g")
        lost, other = f"{prefix}lost", f"{prefix}other"
        make_topics(broker, lost, other)
        write(broker, lost, b"0", b"1", b"2")
        broker.admin.set_group_offsets(group, {lost: OffsetCommit(1)})
        broker.admin.delete_records({lost: 2})
        member = join(broker, group, prefix)
        poll_until(lambda: bool(member.errors), "the loss is told", member)
        write(broker, other, b"x")
        poll_until(lambda: member.values(other) == [b"x"], "the other goes on", member)
        write(broker, lost, b"3")
        member.poll(0.5)
        ((topic, error),) = member.errors
        assert topic == lost
        assert isinstance(error, OffsetOutOfRange)
        assert error.data["lost"] == (1, 1)
        assert member.values(lost) == []
        member.reader.seek(lost, 2)
        poll_until(lambda: len(member.values(lost)) == 2, "it goes on after the seek", member)
        assert member.values(lost) == [b"2", b"3"]
        member.reader.close()

    def test_a_group_is_described(self, broker: Broker) -> None:
        """While it runs: who holds what. Afterwards: empty, until it is deleted."""
        prefix, group = f"{unique()}.", unique("g")
        topic = f"{prefix}a"
        make_topics(broker, topic)
        member = join(broker, group, prefix)

        def stable() -> bool:
            described = broker.admin.groups(group).get(group)
            return described is not None and described.state == "stable" and bool(member.held)

        poll_until(stable, "the group is stable", member)
        described = broker.admin.groups(group)[group]
        assert list(described.members.values()) == [(topic,)]
        write(broker, topic, b"0")
        poll_until(lambda: member.values(topic) == [b"0"], "it is read", member)
        member.commit_read(topic)
        member.reader.close()
        eventually(lambda: broker.admin.groups(group)[group].state == "empty", "the group is empty")
        assert broker.admin.groups(group)[group].members == {}
        broker.admin.delete_group(group)
        assert group not in broker.admin.groups(group)
        assert broker.admin.group_offsets(group) == {}
