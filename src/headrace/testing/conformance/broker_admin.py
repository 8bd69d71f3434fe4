"""Topics, their settings and their offsets: what a broker answers, name by name."""

from __future__ import annotations

from headrace.errors import InvalidTopic, OffsetOutOfRange, TopicExists, TopicMissing, TopicNameCollision
from headrace.interfaces.broker import Broker, OffsetAt, TopicSpec
from headrace.testing.conformance.support import (
    Connect,
    eventually,
    make_topic,
    make_topics,
    read_all,
    unique,
    values,
    write,
)


class AdminConformance:
    def test_the_cluster_has_one_id(self, broker: Broker, connect: Connect) -> None:
        """Everybody who opens a cluster is told the same id."""
        assert broker.admin.cluster_id()
        assert broker.admin.cluster_id() == connect().admin.cluster_id()

    def test_a_topic_is_described_as_it_was_made(self, broker: Broker, connect: Connect) -> None:
        """A topic shows, to others too, with one partition, an id, and the settings that were set on it and no more."""
        name = make_topic(broker, retention_ms="123456", cleanup_policy="compact,delete")
        described = connect().admin.topics(name)[name]
        assert described.configs == {"retention.ms": "123456", "cleanup.policy": "compact,delete"}
        assert described.partitions == 1
        assert described.id
        assert described.name == name

    def test_topics_are_listed_by_prefix_in_order(self, broker: Broker) -> None:
        """A prefix finds the topics that begin with it, ordered by name, whatever else is there."""
        prefix = unique("list")
        names = [f"{prefix}.{end}" for end in ("b", "a-b", "a", "c.v1")]
        make_topics(broker, *names, f"other-{prefix}")
        assert list(broker.admin.topics(f"{prefix}.")) == sorted(names)
        assert broker.admin.topics(f"{prefix}.none") == {}

    def test_a_topic_made_again_has_another_id(self, broker: Broker) -> None:
        """After a deletion the same name is another topic: a new id, no records, offsets from the start."""
        name = make_topic(broker)
        before = broker.admin.topics(name)[name].id
        write(broker, name, b"old")
        assert broker.admin.delete_topics([name]) == {name: None}
        assert name not in broker.admin.topics(name)
        make_topics(broker, name)
        assert broker.admin.topics(name)[name].id != before
        assert broker.admin.offsets([name], OffsetAt.LATEST) == {name: 0}

    def test_creation_answers_for_each_name(self, broker: Broker) -> None:
        """Topics that cannot be made are refused one by one, each with its own error; the others are made."""
        good, there = unique(), make_topic(broker)
        dotted = f"{there}.x"
        make_topics(broker, dotted)
        collides = f"{there}_x"
        bad_config, unknown_config, bad_name = unique(), unique(), f"{there}/bad name"
        answers = broker.admin.create_topics(
            [
                TopicSpec(good),
                TopicSpec(there),
                TopicSpec(collides),
                TopicSpec(bad_name),
                TopicSpec(bad_config, {"retention.ms": "soon"}),
                TopicSpec(unknown_config, {"no.such.setting": "1"}),
            ]
        )
        assert answers[good] is None
        assert isinstance(answers[there], TopicExists)
        assert isinstance(answers[collides], TopicNameCollision)
        for refused in (bad_name, bad_config, unknown_config):
            assert isinstance(answers[refused], InvalidTopic), answers[refused]
        assert good in broker.admin.topics(good)
        assert not {bad_config, unknown_config} & broker.admin.topics().keys()

    def test_settings_are_set_and_unset_one_by_one(self, broker: Broker) -> None:
        """Setting some names leaves the others, None unsets, and each topic has its own answer."""
        name, missing = make_topic(broker, retention_ms="1000", cleanup_policy="delete"), unique()
        answers = broker.admin.set_configs(
            {name: {"retention.ms": "2000", "max.message.bytes": "5000"}, missing: {"retention.ms": "1"}}
        )
        assert answers[name] is None
        assert isinstance(answers[missing], TopicMissing)
        wanted = {"retention.ms": "2000", "cleanup.policy": "delete", "max.message.bytes": "5000"}
        eventually(lambda: broker.admin.topics(name)[name].configs == wanted, "the settings show")
        assert broker.admin.set_configs({name: {"retention.ms": None}}) == {name: None}
        del wanted["retention.ms"]
        eventually(lambda: broker.admin.topics(name)[name].configs == wanted, "the unset one is gone")
        assert isinstance(broker.admin.set_configs({name: {"retention.ms": "soon"}})[name], InvalidTopic)
        assert broker.admin.topics(name)[name].configs == wanted

    def test_ids_of_named_topics(self, broker: Broker) -> None:
        """The ids of those that are there, the same as their descriptions have; others are left out."""
        first, second, missing = make_topic(broker), make_topic(broker), unique()
        ids = broker.admin.topic_ids([first, missing])
        assert ids == {first: broker.admin.topics(first)[first].id}
        assert broker.admin.topic_ids([second, first]).keys() == {first, second}
        assert broker.admin.topic_ids([]) == {}

    def test_deleting_answers_for_each_name(self, broker: Broker) -> None:
        """A topic that is not there costs the others nothing."""
        name, missing = make_topic(broker), unique()
        answers = broker.admin.delete_topics([missing, name])
        assert answers[name] is None
        assert isinstance(answers[missing], TopicMissing)
        assert name not in broker.admin.topics(name)

    def test_offsets_at_both_ends_and_by_time(self, broker: Broker) -> None:
        """Earliest, latest, and the first record not before a time; a later time is the end; unknown topics are left out."""
        name, missing = make_topic(broker), unique()
        assert broker.admin.offsets([name], OffsetAt.EARLIEST) == {name: 0}
        assert broker.admin.offsets([name, missing], OffsetAt.LATEST) == {name: 0}
        assert broker.admin.offsets([missing], OffsetAt.LATEST) == {}
        (first,) = write(broker, name, b"0")
        second = first
        while second.timestamp <= first.timestamp:  # the log's clock counts in milliseconds
            (second,) = write(broker, name, b"1")
        end = second.offset + 1
        assert broker.admin.offsets([name], OffsetAt.EARLIEST) == {name: first.offset}
        assert broker.admin.offsets([name], OffsetAt.LATEST) == {name: end}
        assert broker.admin.offsets([name], 0) == {name: first.offset}
        assert broker.admin.offsets([name], second.timestamp) == {name: second.offset}
        assert broker.admin.offsets([name], second.timestamp + 3_600_000) == {name: end}

    def test_deleted_records_are_gone(self, broker: Broker) -> None:
        """Records below an offset can be deleted: the earliest offset moves up, and what is after stays."""
        name, missing = make_topic(broker), unique()
        written = write(broker, name, b"0", b"1", b"2", b"3")
        answers = broker.admin.delete_records({name: written[2].offset, missing: 1})
        assert answers[name] is None
        assert isinstance(answers[missing], TopicMissing)
        assert broker.admin.offsets([name], OffsetAt.EARLIEST) == {name: written[2].offset}
        assert values(read_all(broker, name)) == [b"2", b"3"]
        end = written[3].offset + 1
        assert isinstance(broker.admin.delete_records({name: end + 5})[name], OffsetOutOfRange)
        assert broker.admin.delete_records({name: end}) == {name: None}
        assert broker.admin.offsets([name], OffsetAt.EARLIEST) == {name: end}
        (after,) = write(broker, name, b"4")
        assert after.offset == end
