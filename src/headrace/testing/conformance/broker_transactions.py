"""Transactions: all or nothing, seen once committed, fenced."""

from __future__ import annotations

from contextlib import suppress

import pytest

from headrace.errors import BrokerError, GroupFenced, TransactionAborted, WriterFenced
from headrace.interfaces.broker import Broker, OffsetAt, OffsetCommit, TransactionalWriter
from headrace.model.record import Record
from headrace.testing.conformance.support import (
    Connect,
    Member,
    eventually,
    join,
    make_topic,
    make_topics,
    poll_until,
    read_all,
    unique,
    values,
    write,
)


def commit_one(writer: TransactionalWriter, topic: str, value: bytes) -> None:
    writer.begin()
    writer.publish(topic, Record(None, value))
    writer.commit()


def _reads(broker: Broker, topic: str, expected: list[bytes]) -> None:
    """What a reader sees of the whole topic. A commit may come back a moment before everybody sees what it wrote."""
    eventually(lambda: values(read_all(broker, topic)) == expected, f"{topic} holds {expected}")


class TransactionConformance:
    def test_a_transaction_is_seen_once_it_is_committed(self, broker: Broker) -> None:
        """Records of several topics appear together at `commit`; before it, nobody sees any, and no receipt is settled."""
        topics = [make_topic(broker), make_topic(broker)]
        reader = Member(broker.reader())
        reader.reader.assign(dict.fromkeys(topics, OffsetAt.EARLIEST))
        writer = broker.transactional_writer(unique("tx"))
        writer.begin()
        receipts = [writer.publish(topic, Record(b"k", b"%d" % i), f"e{i}") for i in range(5) for topic in topics]
        reader.poll(0.5)
        assert not any(reader.records.values())
        assert not any(receipt.done for receipt in receipts)
        writer.commit()
        poll_until(lambda: all(len(reader.values(t)) == 5 for t in topics), "all is read", reader)
        for topic in topics:
            assert reader.values(topic) == [b"0", b"1", b"2", b"3", b"4"]
            told = [receipt.result(0).offset for receipt in receipts if receipt.topic == topic]
            assert told == [record.offset for record in reader.records[topic]]

    def test_an_aborted_transaction_never_was(self, broker: Broker) -> None:
        """Its receipts fail with `TransactionAborted`, its records are never read, and the writer can begin again."""
        topic = make_topic(broker)
        writer = broker.transactional_writer(unique("tx"))
        commit_one(writer, topic, b"before")
        writer.begin()
        receipt = writer.publish(topic, Record(None, b"aborted"))
        writer.abort()
        with pytest.raises(TransactionAborted):
            receipt.result(0)
        commit_one(writer, topic, b"after")
        _reads(broker, topic, [b"before", b"after"])

    def test_closing_aborts_what_is_open(self, broker: Broker) -> None:
        """What was not committed when its writer ended is not there."""
        topic = make_topic(broker)
        writer = broker.transactional_writer(unique("tx"))
        writer.begin()
        receipt = writer.publish(topic, Record(None, b"open"))
        writer.close()
        with pytest.raises(TransactionAborted):
            receipt.result(0)
        write(broker, topic, b"plain")
        _reads(broker, topic, [b"plain"])

    def test_one_refused_record_aborts_all(self, broker: Broker) -> None:
        """A record for a missing topic costs the whole transaction: `commit` raises, and nothing was written."""
        topic = make_topic(broker)
        writer = broker.transactional_writer(unique("tx"))
        writer.begin()
        receipts = [writer.publish(name, Record(None, b"v")) for name in (topic, unique("missing"))]
        with pytest.raises(TransactionAborted):
            writer.commit()
        for receipt in receipts:
            with pytest.raises(TransactionAborted):
                receipt.result(0)
        commit_one(writer, topic, b"next")
        _reads(broker, topic, [b"next"])

    def test_what_needs_a_transaction_says_so(self, broker: Broker) -> None:
        """Without `begin` there is nothing to publish into, commit or abort; one at a time."""
        topic = make_topic(broker)
        writer = broker.transactional_writer(unique("tx"))
        with pytest.raises(BrokerError):
            writer.publish(topic, Record(None, b"v"))
        with pytest.raises(BrokerError):
            writer.commit()
        writer.begin()
        with pytest.raises(BrokerError):
            writer.begin()
        writer.abort()

    def test_offsets_are_committed_with_the_records(self, broker: Broker) -> None:
        """A reader's offsets count exactly when the transaction does."""
        prefix, group = f"{unique()}.", unique("g")
        source, target = f"{prefix}source", unique("target")
        make_topics(broker, source, target)
        write(broker, source, b"0")
        member = join(broker, group, prefix)
        poll_until(lambda: member.values(source) == [b"0"], "it is read", member)
        writer = broker.transactional_writer(unique("tx"))
        writer.begin()
        writer.publish(target, Record(None, b"aborted"))
        writer.send_offsets(member.reader, {source: OffsetCommit(1, "aborted")})
        writer.abort()
        writer.begin()
        writer.publish(target, Record(None, b"committed"))
        writer.send_offsets(member.reader, {source: OffsetCommit(1, "with")})
        assert broker.admin.group_offsets(group) == {}
        writer.commit()
        # Decided, it may take a moment until the group's log has been told.
        eventually(
            lambda: broker.admin.group_offsets(group) == {source: OffsetCommit(1, "with")}, "the offset is committed"
        )
        _reads(broker, target, [b"committed"])
        member.reader.close()

    def test_offsets_of_a_lost_topic_abort_the_transaction(self, broker: Broker, connect: Connect) -> None:
        """Whoever lost a topic cannot commit its offsets with a transaction: `GroupFenced`, and no record is written."""
        prefix, group, target = f"{unique()}.", unique("g"), make_topic(broker)
        topics = {f"{prefix}a", f"{prefix}b"}
        make_topics(broker, *topics)
        first = join(broker, group, prefix)
        poll_until(lambda: first.held == topics, "the first holds both", first)
        second = join(connect(), group, prefix)
        poll_until(lambda: len(first.held) == len(second.held) == 1, "each holds one", first, second)
        (lost,) = second.held
        writer = broker.transactional_writer(unique("tx"))
        writer.begin()
        writer.publish(target, Record(None, b"zombie"))
        with pytest.raises(GroupFenced):
            writer.send_offsets(first.reader, {lost: OffsetCommit(0)})
            writer.commit()
        writer.close()
        assert broker.admin.group_offsets(group) == {}
        write(broker, target, b"plain")
        _reads(broker, target, [b"plain"])
        second.reader.close()
        first.reader.close()

    def test_a_second_writer_fences_the_first(self, broker: Broker, connect: Connect) -> None:
        """With the same transactional id, the newer one goes on; the older raises `WriterFenced`, and wrote nothing."""
        topic, name = make_topic(broker), unique("tx")
        zombie = broker.transactional_writer(name)
        commit_one(zombie, topic, b"before")
        zombie.begin()
        receipt = zombie.publish(topic, Record(None, b"zombie"))
        successor = connect().transactional_writer(name)
        commit_one(successor, topic, b"successor")
        with pytest.raises(WriterFenced):
            zombie.commit()
        assert receipt.error is not None
        with suppress(BrokerError):
            zombie.close()
        commit_one(successor, topic, b"after")
        _reads(broker, topic, [b"before", b"successor", b"after"])
