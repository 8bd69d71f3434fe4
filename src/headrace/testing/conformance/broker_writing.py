"""Writing: order, receipts, and what a refused record costs."""

from __future__ import annotations

import random

import pytest

from headrace.errors import Closed, PayloadTooLarge, TopicMissing
from headrace.interfaces.broker import Broker
from headrace.interfaces.receipt import Receipt
from headrace.model.record import Record
from headrace.testing.conformance.support import DEADLINE_S, Connect, make_topic, read_all, unique, values, write


class WritingConformance:
    def test_order_within_a_topic_is_the_order_of_publishing(self, broker: Broker) -> None:
        """Each topic's records stand in the order of the calls, and its receipts are settled in that order."""
        topics = [make_topic(broker) for _ in range(3)]
        settled: dict[str, list[int]] = {topic: [] for topic in topics}
        writer = broker.writer()
        receipts: dict[str, list[Receipt]] = {topic: [] for topic in topics}
        for i in range(900):
            topic = topics[i % 3]
            receipt = writer.publish(topic, Record(None, b"%d" % i))
            receipt.add_done_callback(lambda r: settled[r.topic].append(r.offset))
            receipts[topic].append(receipt)
        writer.flush(DEADLINE_S)
        assert all(receipt.done for of_topic in receipts.values() for receipt in of_topic)
        for n, topic in enumerate(topics):
            assert [r.offset for r in receipts[topic]] == list(range(300))
            assert settled[topic] == list(range(300))
            assert values(read_all(broker, topic)) == [b"%d" % i for i in range(n, 900, 3)]

    def test_a_receipt_tells_where_the_record_is(self, broker: Broker, connect: Connect) -> None:
        """Offset and timestamp of the receipt are those that a reader finds, the event's id is kept."""
        name = make_topic(broker)
        writer = broker.writer()
        receipt = writer.publish(name, Record(b"k", b"v"), "event-1").result(DEADLINE_S)
        assert (receipt.topic, receipt.event_id, receipt.error) == (name, "event-1", None)
        (record,) = read_all(connect(), name)
        assert (record.offset, record.timestamp) == (receipt.offset, receipt.timestamp)
        assert record.timestamp > 1_500_000_000_000  # ms since 1970, not seconds

    def test_a_record_comes_back_as_it_was(self, broker: Broker) -> None:
        """Key, value and headers are kept to the byte: None is not empty, names repeat, order stays."""
        name = make_topic(broker)
        records = [
            Record(None, b"no key"),
            Record(b"key", None),
            Record(b"\x00\xff", bytes(range(256)), (("event-id", b"1"), ("event-id", b"2"), ("a", b""), ("b", None))),
            Record(b"k", b"", (("größe", b"\xff"),)),
        ]
        writer = broker.writer()
        for record in records:
            writer.publish(name, record)
        writer.flush(DEADLINE_S)
        read = read_all(broker, name)
        assert [Record(r.key, r.value, r.headers) for r in read] == records
        assert read[2].header("event-id") == b"2"

    def test_a_missing_topic_costs_only_its_own_records(self, broker: Broker) -> None:
        """Records for a topic that is not there fail with `TopicMissing`; all others are written."""
        name, missing = make_topic(broker), unique("missing")
        writer = broker.writer()
        good, bad = [], []
        for i in range(20):
            good.append(writer.publish(name, Record(None, b"%d" % i)))
            bad.append(writer.publish(missing, Record(None, b"%d" % i)))
        for receipt in bad:
            with pytest.raises(TopicMissing):
                receipt.result(DEADLINE_S)
        for receipt in good:
            receipt.result(DEADLINE_S)
        assert values(read_all(broker, name)) == [b"%d" % i for i in range(20)]

    def test_a_record_too_large_for_its_topic_fails_alone(self, broker: Broker) -> None:
        """What a topic's limit refuses fails with `PayloadTooLarge`, and costs other topics nothing."""
        small, other = make_topic(broker, max_message_bytes="2000"), make_topic(broker)
        noise = random.Random(3).randbytes(10_000)
        writer = broker.writer()
        refused = writer.publish(small, Record(None, noise))
        accepted = writer.publish(other, Record(None, noise))
        with pytest.raises(PayloadTooLarge):
            refused.result(DEADLINE_S)
        accepted.result(DEADLINE_S)
        writer.publish(small, Record(None, b"fits")).result(DEADLINE_S)
        assert values(read_all(broker, small)) == [b"fits"]

    def test_trying_takes_a_record_where_there_is_room(self, broker: Broker) -> None:
        """`try_publish` writes as `publish` does."""
        name = make_topic(broker)
        broker.writer().try_publish(name, Record(None, b"v")).result(DEADLINE_S)
        assert values(read_all(broker, name)) == [b"v"]

    def test_closing_writes_what_was_taken(self, broker: Broker) -> None:
        """`close` settles every record, closing again does nothing, and a closed writer says so."""
        name = make_topic(broker)
        writer = broker.writer()
        receipts = [writer.publish(name, Record(None, b"%d" % i)) for i in range(50)]
        writer.close(DEADLINE_S)
        assert [receipt.offset for receipt in receipts] == list(range(50))
        writer.close()
        with pytest.raises(Closed):
            writer.publish(name, Record(None, b"late"))
        with pytest.raises(Closed):
            writer.try_publish(name, Record(None, b"late"))
        assert len(read_all(broker, name)) == 50

    def test_two_writers_share_a_topic(self, broker: Broker, connect: Connect) -> None:
        """Writers of several processes append to one log: no record is lost, and each one's order stays."""
        name = make_topic(broker)
        writers = [broker.writer(), connect().writer()]
        for i in range(200):
            for n, writer in enumerate(writers):
                writer.publish(name, Record(b"%d" % n, b"%d" % i))
        for writer in writers:
            writer.flush(DEADLINE_S)
        read = read_all(broker, name)
        for n in range(2):
            assert [r.value for r in read if r.key == b"%d" % n] == [b"%d" % i for i in range(200)]
        assert len(read) == 400

    def test_a_closed_broker_gives_nothing(self, connect: Connect) -> None:
        """Closing a broker closes its writers, and it hands out no more."""
        other = connect()
        name = make_topic(other)
        write(other, name, b"v")
        writer = other.writer()
        other.close()
        with pytest.raises(Closed):
            writer.publish(name, Record(None, b"late"))
        with pytest.raises(Closed):
            other.writer()
        with pytest.raises(Closed):
            other.reader()
