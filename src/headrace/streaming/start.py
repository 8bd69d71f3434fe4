"""Where a consumer group begins: decided once, when it is born.

A group without any committed offset is new. What its declaration names (earliest, latest, a time) is then committed for every
topic of the product that is there, and the offset of the catalogue topic beside them: a mark that the group has been born,
even where the product has no topic yet. Topics that come later start at the earliest. Nothing ever resets an offset again.

Each commit's metadata names the topic's id, so that a topic deleted and made anew under the same name is told apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from headrace.clock import Clock
from headrace.errors import GroupFenced, TopicReplaced
from headrace.interfaces.broker import OffsetAt, OffsetCommit, RecordReader, TopicAdmin, TopicDescription
from headrace.model import names

_ID = "topic="


def commit_metadata(topic_id: str) -> str:
    return f"{_ID}{topic_id}"


def committed_topic_id(commit: OffsetCommit) -> str | None:
    """The topic id that a commit was made for; None where it does not say."""
    for part in commit.metadata.split(";"):
        if part.startswith(_ID):
            return part.removeprefix(_ID)
    return None


def replaced_topic(topic: str, commit: OffsetCommit | None, topic_id: str) -> TopicReplaced | None:
    """The error of a topic whose group committed for another one of the same name; None where it is the same."""
    known = committed_topic_id(commit) if commit else None
    if commit is None or not known or not topic_id or known == topic_id:
        return None
    return TopicReplaced(
        f"the topic that offset {commit.offset} was committed for (id {known}) is gone; "
        f"the name now belongs to another (id {topic_id})",
        hint="if that is meant, reset the group's offset for it, then start again",
        topic=topic,
        committed=known,
        actual=topic_id,
    )


def parse_start(start: str) -> OffsetAt | int:
    """``earliest``, ``latest`` or an RFC 3339 time, as a place in a log. Raises ValueError."""
    if start in ("earliest", "latest"):
        return OffsetAt(start)
    moment = datetime.fromisoformat(start)
    if moment.tzinfo is None:
        raise ValueError(f"{start!r} has no offset from UTC: write a Z at its end")
    return int(moment.timestamp() * 1000)


def give_birth(admin: TopicAdmin, group: str, prefix: str, start: str, clock: Clock) -> bool:
    """Commit the start of a group that has none; whether this call did. Raises `BrokerError`.

    Several members may start at once: the first to commit decides, the broker fences the others once it has joined.
    """
    for attempt in range(50):
        if admin.group_offsets(group):
            return False
        topics: Mapping[str, TopicDescription] = admin.topics(prefix)
        marker = names.catalogue_topic()
        marker_id = admin.topic_ids([marker]).get(marker)
        commits = {
            topic: OffsetCommit(offset, commit_metadata(topics[topic].id))
            for topic, offset in admin.offsets(topics, parse_start(start)).items()
        }
        if marker_id is not None:
            for topic, offset in admin.offsets([marker], OffsetAt.LATEST).items():
                commits[topic] = OffsetCommit(offset, f"{commit_metadata(marker_id)};born={clock.now_ms()}")
        if not commits:
            return False
        try:
            admin.set_group_offsets(group, commits)
        except GroupFenced:
            # Another member has joined: it has committed the start before that, or is about to.
            if attempt == 49:
                raise
            clock.sleep(0.1)
            continue
        return True
    return False


def generation_of(reader: RecordReader, topic: str) -> int:
    """The fence that a topic's events carry; 0 where the topic has just gone to another member."""
    try:
        return reader.generation(topic)
    except GroupFenced:
        return 0
