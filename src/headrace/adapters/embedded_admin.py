"""Topics, their settings, offsets and groups."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence

import apsw

from headrace.adapters import embedded_groups as groups
from headrace.adapters.embedded_append import next_sequence
from headrace.adapters.embedded_configs import config_problem, is_compacted, max_message_bytes
from headrace.adapters.embedded_membership import Watch
from headrace.adapters.embedded_store import Store, offset_of, row_id
from headrace.clock import Clock
from headrace.errors import BrokerError, GroupFenced, InvalidTopic, OffsetOutOfRange, TopicExists, TopicMissing
from headrace.errors import TopicNameCollision as Collision
from headrace.interfaces.broker import GroupDescription, OffsetAt, OffsetCommit, TopicDescription, TopicSpec
from headrace.model import names

_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}\Z")
"""Kafka's rule (`org.apache.kafka.common.internals.Topic.validate`)."""


class EmbeddedAdmin:
    """Each call is one transaction, whatever number of names it takes: 10,000 topics are made in under a second."""

    def __init__(self, store: Store, clock: Clock, session_s: float) -> None:
        self._store = store
        self._watch = Watch(store.folder, clock, session_s)

    def cluster_id(self) -> str:
        return str(
            self._store.read(lambda db: db.execute("SELECT value FROM store WHERE name='cluster_id'").fetchone()[0])
        )

    # --- topics

    def topics(self, prefix: str = "") -> Mapping[str, TopicDescription]:
        rows = self._store.read(
            lambda db: db.execute(
                "SELECT name, uuid, configs FROM topics WHERE substr(name, 1, ?)=? ORDER BY name", (len(prefix), prefix)
            ).fetchall()
        )
        return {name: TopicDescription(name, id_, json.loads(configs)) for name, id_, configs in rows}

    def topic_ids(self, names: Iterable[str]) -> Mapping[str, str]:
        wanted = set(names)
        rows = self._store.read(lambda db: db.execute("SELECT name, uuid FROM topics").fetchall())
        return {name: id_ for name, id_ in rows if name in wanted}

    def create_topics(self, specs: Sequence[TopicSpec]) -> Mapping[str, BrokerError | None]:
        def create(db: apsw.Connection) -> dict[str, BrokerError | None]:
            answers = {spec.name: self._create(db, spec) for spec in specs}
            if None in answers.values():
                _topics_changed(db)
            return answers

        answers: dict[str, BrokerError | None] = self._store.write(create)
        return answers

    def _create(self, db: apsw.Connection, spec: TopicSpec) -> BrokerError | None:
        name = spec.name
        if not _NAME.match(name) or name in (".", ".."):
            return InvalidTopic(
                f"{name!r} is no topic name: at most {names.TOPIC_MAX} of A-Z a-z 0-9 . _ -", topic=name
            )
        problem = config_problem(spec.configs)
        if problem:
            return InvalidTopic(f"{name}: {problem}", topic=name)
        key = names.collision_key(name)
        there = db.execute("SELECT name FROM topics WHERE collision=?", (key,)).fetchone()
        if there is not None:
            if there[0] == name:
                return TopicExists(f"the topic {name} exists", topic=name)
            return Collision(
                f"{name} collides with {there[0]}: they differ only in '.' and '_'", topic=name, existing=there[0]
            )
        db.execute(
            "INSERT INTO topics(name, collision, uuid, configs, max_bytes, compacted) VALUES(?, ?, ?, ?, ?, ?)",
            (name, key, str(uuid.uuid4()), *_stored(spec.configs)),
        )
        return None

    def set_configs(self, configs: Mapping[str, Mapping[str, str | None]]) -> Mapping[str, BrokerError | None]:
        def change(db: apsw.Connection) -> dict[str, BrokerError | None]:
            return {name: self._set_configs(db, name, changes) for name, changes in configs.items()}

        answers: dict[str, BrokerError | None] = self._store.write(change)
        return answers

    def _set_configs(self, db: apsw.Connection, name: str, changes: Mapping[str, str | None]) -> BrokerError | None:
        row = db.execute("SELECT configs FROM topics WHERE name=?", (name,)).fetchone()
        if row is None:
            return _missing(name)
        problem = config_problem({key: value for key, value in changes.items() if value is not None})
        if problem:
            return InvalidTopic(f"{name}: {problem}", topic=name)
        merged = {key: value for key, value in (json.loads(row[0]) | dict(changes)).items() if value is not None}
        db.execute("UPDATE topics SET configs=?, max_bytes=?, compacted=? WHERE name=?", (*_stored(merged), name))
        return None

    def delete_topics(self, names: Sequence[str]) -> Mapping[str, BrokerError | None]:
        def delete(db: apsw.Connection) -> dict[str, BrokerError | None]:
            answers: dict[str, BrokerError | None] = {}
            db.execute("INSERT OR REPLACE INTO store VALUES('sequence', ?)", (str(next_sequence(db)),))
            for name in names:
                row = db.execute("DELETE FROM topics WHERE name=? RETURNING id", (name,)).fetchone()
                if row is None:
                    answers[name] = _missing(name)
                    continue
                topic = row[0]
                db.execute("DELETE FROM batches WHERE id>=? AND id<?", (row_id(topic, 0), row_id(topic + 1, 0)))
                db.execute("DELETE FROM assignments WHERE topic=?", (topic,))
                db.execute("DELETE FROM commits WHERE topic=?", (topic,))
                answers[name] = None
            if None in answers.values():
                _topics_changed(db)
            return answers

        answers: dict[str, BrokerError | None] = self._store.write(delete)
        return answers

    def delete_records(self, before: Mapping[str, int]) -> Mapping[str, BrokerError | None]:
        def delete(db: apsw.Connection) -> dict[str, BrokerError | None]:
            return {name: _delete_records(db, name, offset) for name, offset in before.items()}

        answers: dict[str, BrokerError | None] = self._store.write(delete)
        return answers

    # --- offsets

    def offsets(self, topics: Iterable[str], at: OffsetAt | int) -> Mapping[str, int]:
        def look(db: apsw.Connection) -> dict[str, int]:
            found = {}
            for name in topics:
                row = db.execute("SELECT id, first, next FROM topics WHERE name=?", (name,)).fetchone()
                if row is not None:
                    topic, first, next_ = row
                    found[name] = _place(db, topic, first, next_, at)
            return found

        found: dict[str, int] = self._store.read(look)
        return found

    # --- groups

    def groups(self, prefix: str = "") -> Mapping[str, GroupDescription]:
        def look(db: apsw.Connection) -> dict[str, GroupDescription]:
            named = db.execute(
                "SELECT name FROM groups WHERE substr(name, 1, ?)=? ORDER BY name", (len(prefix), prefix)
            ).fetchall()
            return {name: groups.describe(db, name) for (name,) in named}

        self._store.write(self._prune_all)
        found: dict[str, GroupDescription] = self._store.read(look)
        return found

    def _prune_all(self, db: apsw.Connection) -> None:
        for (name,) in db.execute("SELECT DISTINCT grp FROM members").fetchall():
            groups.prune(db, name, self._watch)

    def group_offsets(self, group: str) -> Mapping[str, OffsetCommit]:
        rows = self._store.read(
            lambda db: db.execute(
                "SELECT t.name, c.next, c.metadata FROM commits c JOIN topics t ON t.id=c.topic WHERE c.grp=? ORDER BY t.name",
                (group,),
            ).fetchall()
        )
        return {name: OffsetCommit(next_, metadata) for name, next_, metadata in rows}

    def set_group_offsets(self, group: str, offsets: Mapping[str, OffsetCommit]) -> None:
        def put(db: apsw.Connection) -> None:
            self._refuse_members(db, group)
            ids = dict(db.execute("SELECT name, id FROM topics").fetchall())
            for name in offsets:
                if name not in ids:
                    raise _missing(name)
            db.execute("INSERT OR IGNORE INTO groups VALUES(?, 0, 0, '')", (group,))
            groups.put_offsets(db, group, {ids[name]: commit for name, commit in offsets.items()})

        self._store.write(put)

    def delete_group(self, group: str) -> None:
        def delete(db: apsw.Connection) -> None:
            self._refuse_members(db, group)
            for table in ("assignments", "commits", "members"):
                db.execute(f"DELETE FROM {table} WHERE grp=?", (group,))  # noqa: S608 (names of ours)
            db.execute("DELETE FROM groups WHERE name=?", (group,))

        self._store.write(delete)

    def _refuse_members(self, db: apsw.Connection, group: str) -> None:
        living = groups.prune(db, group, self._watch)
        if living:
            raise GroupFenced(
                f"the group {group} has {living} members", hint="stop them first", group=group, members=living
            )

    def close(self) -> None:
        self._store.close()


def _missing(name: str) -> TopicMissing:
    return TopicMissing(f"there is no topic {name}", topic=name)


def _stored(configs: Mapping[str, str]) -> tuple[str, int, int]:
    text = json.dumps(dict(sorted(configs.items())), separators=(",", ":"))
    return text, max_message_bytes(configs), int(is_compacted(configs))


def _topics_changed(db: apsw.Connection) -> None:
    """Groups look whether the topics under their prefixes are still the same."""
    db.execute("UPDATE store SET value=CAST(value AS INTEGER)+1 WHERE name='topics'")


def _delete_records(db: apsw.Connection, name: str, before: int) -> BrokerError | None:
    row = db.execute("SELECT id, first, next FROM topics WHERE name=?", (name,)).fetchone()
    if row is None:
        return _missing(name)
    topic, first, next_ = row
    if before > next_ or before < 0:
        return OffsetOutOfRange(f"{name} ends at {next_}; there is no offset {before}", topic=name, offset=before)
    if before > first:
        # A batch that reaches beyond stays whole; `first` hides its beginning from readers.
        db.execute(
            "DELETE FROM batches WHERE id>=? AND id<? AND last<?", (row_id(topic, 0), row_id(topic, before), before)
        )
        db.execute("UPDATE topics SET first=? WHERE id=?", (before, topic))
    return None


def _place(db: apsw.Connection, topic: int, first: int, next_: int, at: OffsetAt | int) -> int:
    if at is OffsetAt.EARLIEST:
        return first
    if at is OffsetAt.LATEST:
        return next_
    row = db.execute(
        "SELECT id FROM batches WHERE id>=? AND id<? AND ts>=? AND last>=? ORDER BY id LIMIT 1",
        (row_id(topic, 0), row_id(topic + 1, 0), at, first),
    ).fetchone()
    return next_ if row is None else max(first, offset_of(row[0]))
