"""What a member that lost a topic can no longer do, and what it still can while it gives one up."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from headrace.errors import GroupFenced
from headrace.interfaces.broker import Broker, OffsetCommit
from headrace.testing.conformance.support import Connect, Member, join, make_topics, poll_until, unique, write


class FencingConformance:
    def test_a_commit_for_a_lost_topic_is_fenced(self, broker: Broker, connect: Connect) -> None:
        """It raises `GroupFenced` naming the topic, and nothing of that commit is stored."""
        prefix, group = f"{unique()}.", unique("g")
        topics = {f"{prefix}a", f"{prefix}b"}
        make_topics(broker, *topics)
        first = join(broker, group, prefix)
        poll_until(lambda: first.held == topics, "the first holds both", first)
        second = join(connect(), group, prefix)
        poll_until(lambda: len(first.held) == len(second.held) == 1, "each holds one", first, second)
        (lost,) = second.held
        with pytest.raises(GroupFenced) as raised:
            first.reader.commit({topic: OffsetCommit(0) for topic in topics})
        assert raised.value.data["topics"] == (lost,)
        assert broker.admin.group_offsets(group) == {}
        with pytest.raises(GroupFenced):
            first.reader.generation(lost)
        first.reader.commit(dict.fromkeys(first.held, OffsetCommit(0)))
        assert broker.admin.group_offsets(group).keys() == first.held
        second.reader.close()
        first.reader.close()

    def test_a_member_may_commit_while_it_gives_topics_up(self, broker: Broker, connect: Connect) -> None:
        """A commit from inside `on_revoked` counts: the next holder is told of it."""
        prefix, group = f"{unique()}.", unique("g")
        topics = {f"{prefix}a", f"{prefix}b"}
        make_topics(broker, *topics)
        for topic in topics:
            write(broker, topic, b"0")

        def last_commit(member: Member, going: Sequence[str]) -> None:
            member.commit_read(*going, metadata="parting")

        first = join(broker, group, prefix, revoking=last_commit)
        poll_until(lambda: all(first.values(t) == [b"0"] for t in topics), "the first reads both", first)
        second = join(connect(), group, prefix)
        poll_until(lambda: len(second.held) == 1, "the second holds one", first, second)
        (moved,) = second.held
        assert second.assigned[moved] == OffsetCommit(1, "parting")
        first.reader.close()
        assert set(first.revoked) == topics
        assert broker.admin.group_offsets(group) == dict.fromkeys(topics, OffsetCommit(1, "parting"))
        second.reader.close()

    def test_a_group_with_members_cannot_be_changed_from_outside(self, broker: Broker) -> None:
        """Setting its offsets and deleting it raise `GroupFenced`, and change nothing."""
        prefix, group = f"{unique()}.", unique("g")
        topic = f"{prefix}a"
        make_topics(broker, topic)
        write(broker, topic, b"0")
        member = join(broker, group, prefix)
        poll_until(lambda: member.values(topic) == [b"0"], "it is read", member)
        member.commit_read(topic)
        with pytest.raises(GroupFenced):
            broker.admin.set_group_offsets(group, {topic: OffsetCommit(0)})
        with pytest.raises(GroupFenced):
            broker.admin.delete_group(group)
        assert broker.admin.group_offsets(group) == {topic: OffsetCommit(1)}
        member.reader.close()

    def test_the_offsets_of_a_group_at_rest_can_be_set(self, broker: Broker) -> None:
        """Also of one that was never there; its next member begins there. One that is not there is deleted by doing nothing."""
        prefix, group = f"{unique()}.", unique("g")
        topic = f"{prefix}a"
        make_topics(broker, topic)
        write(broker, topic, b"0", b"1", b"2")
        broker.admin.delete_group(group)
        assert broker.admin.group_offsets(group) == {}
        broker.admin.set_group_offsets(group, {topic: OffsetCommit(1, "by hand")})
        assert broker.admin.group_offsets(group) == {topic: OffsetCommit(1, "by hand")}
        member = join(broker, group, prefix)
        poll_until(lambda: len(member.values(topic)) == 2, "it begins there", member)
        assert member.values(topic) == [b"1", b"2"]
        assert member.assigned == {topic: OffsetCommit(1, "by hand")}
        member.reader.close()
