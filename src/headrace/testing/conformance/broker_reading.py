"""Reading outside any group: places, pauses, and logs that no longer hold what is asked for."""

from __future__ import annotations

import pytest

from headrace.errors import Closed, GroupFenced, OffsetOutOfRange, TopicMissing, TopicReplaced
from headrace.interfaces.broker import Broker, OffsetAt
from headrace.testing.conformance.support import Connect, Member, make_topic, make_topics, poll_until, unique, write


class ReadingConformance:
    def test_reading_begins_where_it_is_told(self, broker: Broker) -> None:
        """From the earliest, from an offset, and from the latest, where only what is written from then on is seen."""
        topics = [make_topic(broker) for _ in range(3)]
        for topic in topics:
            write(broker, topic, b"0", b"1", b"2")
        reader = Member(broker.reader())
        reader.reader.assign({topics[0]: OffsetAt.EARLIEST, topics[1]: 2, topics[2]: OffsetAt.LATEST})
        assert reader.held == set(topics)
        for topic in topics:
            write(broker, topic, b"3")
        poll_until(lambda: all(reader.values(t)[-1:] == [b"3"] for t in topics), "all is read", reader)
        assert [reader.values(t) for t in topics] == [[b"0", b"1", b"2", b"3"], [b"2", b"3"], [b"3"]]
        assert {reader.next_offsets[t] for t in topics} == {4}

    def test_a_new_assignment_replaces_the_old(self, broker: Broker) -> None:
        """`assign` again reads the new topics from their places, and the old ones no more."""
        old, new = make_topic(broker), make_topic(broker)
        write(broker, old, b"old")
        reader = Member(broker.reader())
        reader.reader.assign({old: OffsetAt.EARLIEST})
        poll_until(lambda: reader.values(old) == [b"old"], "the first is read", reader)
        reader.reader.assign({new: OffsetAt.EARLIEST})
        write(broker, old, b"unseen")
        write(broker, new, b"new")
        poll_until(lambda: reader.values(new) == [b"new"], "the second is read", reader)
        assert reader.held == {new}
        assert reader.values(old) == [b"old"]

    def test_what_another_process_writes_is_read(self, broker: Broker, connect: Connect) -> None:
        """A reader that waits sees what others append, each record once and in order."""
        name = make_topic(broker)
        reader = Member(broker.reader())
        reader.reader.assign({name: OffsetAt.EARLIEST})
        other = connect()
        for i in range(3):
            write(other, name, b"%d" % i)
            poll_until(lambda i=i: len(reader.values(name)) > i, f"record {i} is read", reader)  # type: ignore[misc]
        assert reader.values(name) == [b"0", b"1", b"2"]

    def test_no_poll_returns_more_than_it_was_asked_for(self, broker: Broker) -> None:
        """`max_records` bounds a poll; the rest comes with the next ones, in order, and ``next_offset`` follows."""
        name = make_topic(broker)
        write(broker, name, *(b"%d" % i for i in range(25)))
        reader = broker.reader()
        reader.assign({name: OffsetAt.EARLIEST})
        read: list[bytes | None] = []
        for _ in range(400):
            for fetched in reader.poll(0.1, max_records=10):
                assert len(fetched.records) <= 10
                if fetched.records:
                    assert fetched.next_offset >= fetched.records[-1].offset + 1
                read += [record.value for record in fetched.records]
            if len(read) >= 25:
                break
        assert read == [b"%d" % i for i in range(25)]

    def test_seeking_reads_on_from_there(self, broker: Broker) -> None:
        """Back reads again, forward leaves out."""
        name = make_topic(broker)
        write(broker, name, *(b"%d" % i for i in range(10)))
        reader = Member(broker.reader())
        reader.reader.assign({name: OffsetAt.EARLIEST})
        poll_until(lambda: len(reader.values(name)) == 10, "all is read", reader)
        reader.records.clear()
        reader.reader.seek(name, 8)
        poll_until(lambda: len(reader.values(name)) == 2, "the end is read again", reader)
        reader.reader.seek(name, 0)
        reader.records.clear()
        poll_until(lambda: len(reader.values(name)) == 10, "all is read again", reader)
        assert reader.values(name) == [b"%d" % i for i in range(10)]

    def test_a_paused_topic_keeps_its_place(self, broker: Broker) -> None:
        """While one is paused the other goes on; resumed, it continues with the next record."""
        paused, other = make_topic(broker), make_topic(broker)
        write(broker, paused, b"0")
        reader = Member(broker.reader())
        reader.reader.assign({paused: OffsetAt.EARLIEST, other: OffsetAt.EARLIEST})
        poll_until(lambda: reader.values(paused) == [b"0"], "the first record is read", reader)
        reader.reader.pause([paused])
        write(broker, paused, b"1", b"2")
        write(broker, other, b"x")
        poll_until(lambda: reader.values(other) == [b"x"], "the other goes on", reader)
        reader.poll(0.3)
        assert reader.values(paused) == [b"0"]
        reader.reader.resume([paused])
        poll_until(lambda: len(reader.values(paused)) == 3, "it goes on", reader)
        assert reader.values(paused) == [b"0", b"1", b"2"]

    def test_an_assigned_topic_has_generation_0(self, broker: Broker) -> None:
        """Outside a group there is no fence; a topic that is not read has none at all."""
        name = make_topic(broker)
        reader = broker.reader()
        reader.assign({name: OffsetAt.EARLIEST})
        assert reader.generation(name) == 0
        with pytest.raises(GroupFenced):
            reader.generation(unique())

    def test_a_topic_that_is_not_there_cannot_be_assigned(self, broker: Broker) -> None:
        """The error names it."""
        missing = unique("missing")
        with pytest.raises(TopicMissing) as raised:
            broker.reader().assign({missing: OffsetAt.EARLIEST})
        assert missing in str(raised.value)

    def test_a_place_that_is_gone_is_told(self, broker: Broker) -> None:
        """A place below the earliest offset raises `OffsetOutOfRange`, never a silent reset; a seek mends it."""
        name = make_topic(broker)
        write(broker, name, b"0", b"1", b"2")
        broker.admin.delete_records({name: 2})
        reader = Member(broker.reader())
        reader.reader.assign({name: 0})

        def told() -> bool:
            try:
                reader.poll()
            except OffsetOutOfRange as error:
                assert error.data["topic"] == name
                assert error.data["lost"] == (0, 1)
                return True
            return False

        poll_until(told, "the lost offsets are told")
        assert reader.values(name) == []
        reader.reader.seek(name, 2)
        poll_until(lambda: reader.values(name) == [b"2"], "it goes on after the seek", reader)

    @pytest.mark.parametrize("again", [False, True], ids=["deleted", "made again"])
    def test_a_topic_that_goes_away_is_told(self, broker: Broker, again: bool) -> None:
        """A deleted topic raises `TopicMissing`, one that was made again `TopicReplaced`, also where the new log holds the
        place that reading was at; the other topics go on."""
        name, other = make_topic(broker), make_topic(broker)
        write(broker, name, b"old")
        reader = Member(broker.reader())
        reader.reader.assign(dict.fromkeys((name, other), OffsetAt.EARLIEST))
        poll_until(lambda: reader.values(name) == [b"old"], "the old one is read", reader)
        broker.admin.delete_topics([name])
        if again:
            make_topics(broker, name)
            write(broker, name, b"new")

        def told() -> bool:
            try:
                reader.poll()
            except (TopicReplaced, TopicMissing) as error:
                assert isinstance(error, TopicReplaced if again else TopicMissing)
                assert name in str(error)
                return True
            return False

        poll_until(told, "it is told")
        write(broker, other, b"x")
        poll_until(lambda: reader.values(other) == [b"x"], "the other goes on", reader)
        assert reader.values(name) == [b"old"]

    def test_a_closed_reader_says_so(self, broker: Broker) -> None:
        """Closing twice is nothing; polling after it raises `Closed`."""
        name = make_topic(broker)
        reader = broker.reader()
        reader.assign({name: OffsetAt.EARLIEST})
        reader.close()
        reader.close()
        with pytest.raises(Closed):
            reader.poll(0)
