"""Consumer groups across processes, after KIP-848: the store holds each topic's target and its owner.

A topic changes hands in two steps: its target changes when the group's members or topics do (whoever notices first
recomputes), and the new target takes it once the owner has let go of it, or is dead. Every taking raises the group's
generation, which so is a fence: no two holders of a topic ever had the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import apsw

from headrace.adapters.embedded_assignment import assign
from headrace.adapters.embedded_membership import Watch
from headrace.errors import GroupFenced
from headrace.interfaces.broker import GroupDescription, OffsetCommit


class Taken(NamedTuple):
    """A topic that a member has just taken."""

    topic: int
    name: str
    generation: int
    commit: OffsetCommit | None


class Turn(NamedTuple):
    """What one look at the group brought for a member. ``lost``: its membership is over. ``state``: the group's (`state`)
    after it."""

    taken: tuple[Taken, ...]
    to_release: tuple[int, ...]
    lost: bool
    state: tuple[int, int, str] | None


def join(db: apsw.Connection, group: str, member: str, prefixes: Iterable[str]) -> None:
    _ensure(db, group)
    db.execute("INSERT INTO members VALUES(?, ?, ?)", (group, member, json.dumps(sorted(prefixes))))
    _changed(db, group)


def leave(db: apsw.Connection, group: str, member: str) -> None:
    """Let go of everything. Also done to a member that is dead."""
    db.execute("UPDATE assignments SET owner=NULL WHERE grp=? AND owner=?", (group, member))
    db.execute("DELETE FROM members WHERE grp=? AND member=?", (group, member))
    _changed(db, group)


def leave_all(db: apsw.Connection, group: str, members: Iterable[str]) -> None:
    for member in members:
        leave(db, group, member)


def release(db: apsw.Connection, group: str, member: str, topics: Iterable[int]) -> None:
    """Let go of topics whose target is somebody else."""
    db.executemany(
        "UPDATE assignments SET owner=NULL WHERE grp=? AND owner=? AND topic=?",
        [(group, member, topic) for topic in topics],
    )
    # Not a change of the members, but the one who waits for the topic has to look again.
    db.execute("UPDATE groups SET generation=generation+1 WHERE name=?", (group,))


def state(db: apsw.Connection, group: str) -> tuple[int, int, str] | None:
    """(generation, changed, the store's topics' version): equal to an earlier one when nothing happened since."""
    row: tuple[int, int, str] | None = db.execute(
        "SELECT generation, changed, (SELECT value FROM store WHERE name='topics') FROM groups WHERE name=?", (group,)
    ).fetchone()
    return row


def dead_members(db: apsw.Connection, group: str, me: str, living: Callable[[str], bool]) -> list[str]:
    rows = db.execute("SELECT member FROM members WHERE grp=? AND member<>?", (group, me)).fetchall()
    return [member for (member,) in rows if not living(member)]


def take_turn(db: apsw.Connection, group: str, member: str, held: Mapping[int, int]) -> Turn:
    """Bring the targets up to date, and take what is free. ``held``: generations by topic, as the member knows them."""
    if db.execute("SELECT 1 FROM members WHERE grp=? AND member=?", (group, member)).fetchone() is None:
        return Turn((), (), lost=True, state=None)
    _rebalance(db, group)
    taken = []
    free = db.execute(
        "SELECT a.topic, t.name, c.next, c.metadata FROM assignments a JOIN topics t ON t.id=a.topic"
        " LEFT JOIN commits c ON c.grp=a.grp AND c.topic=a.topic"
        " WHERE a.grp=? AND a.target=? AND a.owner IS NULL ORDER BY t.name",
        (group, member),
    ).fetchall()
    if free:
        db.execute("UPDATE groups SET generation=generation+1 WHERE name=?", (group,))
        generation = db.execute("SELECT generation FROM groups WHERE name=?", (group,)).fetchone()[0]
        for topic, name, next_, metadata in free:
            db.execute(
                "UPDATE assignments SET owner=?, generation=? WHERE grp=? AND topic=?",
                (member, generation, group, topic),
            )
            commit = None if next_ is None else OffsetCommit(next_, metadata)
            taken.append(Taken(topic, name, generation, commit))
    keep = {
        topic
        for (topic,) in db.execute("SELECT topic FROM assignments WHERE grp=? AND target=?", (group, member)).fetchall()
    }
    to_release = tuple(sorted(topic for topic in held if topic not in keep))
    return Turn(tuple(taken), to_release, lost=False, state=state(db, group))


def commit(
    db: apsw.Connection, group: str, member: str, offsets: Mapping[int, OffsetCommit], names: Mapping[int, str]
) -> None:
    """Raises `GroupFenced`, naming the topics that ``member`` does not hold; then nothing is committed. For topics that were
    deleted there is nothing to commit: they are passed over, and cost the others nothing."""
    there = [topic for topic in offsets if db.execute("SELECT 1 FROM topics WHERE id=?", (topic,)).fetchone()]
    owned = {
        topic
        for (topic,) in db.execute("SELECT topic FROM assignments WHERE grp=? AND owner=?", (group, member)).fetchall()
    }
    fenced = sorted(names[topic] for topic in there if topic not in owned)
    if fenced:
        raise GroupFenced(
            f"{', '.join(fenced)}: held by another member of {group} now", group=group, topics=tuple(fenced)
        )
    put_offsets(db, group, {topic: offsets[topic] for topic in there})


def put_offsets(db: apsw.Connection, group: str, offsets: Mapping[int, OffsetCommit]) -> None:
    db.executemany(
        "INSERT INTO commits VALUES(?, ?, ?, ?) ON CONFLICT DO UPDATE SET next=excluded.next, metadata=excluded.metadata",
        [(group, topic, commit.offset, commit.metadata) for topic, commit in offsets.items()],
    )


def prune(db: apsw.Connection, group: str, watch: Watch) -> int:
    """Remove the group's dead members; how many live."""
    living = 0
    for (member,) in db.execute("SELECT member FROM members WHERE grp=?", (group,)).fetchall():
        if watch.alive(member):
            living += 1
        else:
            leave(db, group, member)
            watch.forget(member)
    return living


def describe(db: apsw.Connection, group: str) -> GroupDescription:
    generation = db.execute("SELECT generation FROM groups WHERE name=?", (group,)).fetchone()
    members: dict[str, tuple[str, ...]] = {
        m: () for (m,) in db.execute("SELECT member FROM members WHERE grp=? ORDER BY member", (group,)).fetchall()
    }
    settled = True
    for name, owner, target in db.execute(
        "SELECT t.name, a.owner, a.target FROM assignments a JOIN topics t ON t.id=a.topic WHERE a.grp=? ORDER BY t.name",
        (group,),
    ).fetchall():
        settled = settled and owner == target
        if owner in members:
            members[owner] += (name,)
    phase = "empty" if not members else "stable" if settled and _is_balanced(db, group) else "rebalancing"
    return GroupDescription(group, phase, generation[0] if generation else 0, members)


def _ensure(db: apsw.Connection, group: str) -> None:
    db.execute("INSERT OR IGNORE INTO groups VALUES(?, 0, 0, '')", (group,))


def _changed(db: apsw.Connection, group: str) -> None:
    db.execute("UPDATE groups SET changed=changed+1 WHERE name=?", (group,))


def _basis(db: apsw.Connection, group: str) -> str:
    """What the targets follow from: the members' version and the topics'."""
    changed, topics = db.execute(
        "SELECT changed, (SELECT value FROM store WHERE name='topics') FROM groups WHERE name=?", (group,)
    ).fetchone()
    return f"{changed}/{topics}"


def _is_balanced(db: apsw.Connection, group: str) -> bool:
    row = db.execute("SELECT balanced FROM groups WHERE name=?", (group,)).fetchone()
    return bool(row) and row[0] == _basis(db, group)


def _rebalance(db: apsw.Connection, group: str) -> None:
    if _is_balanced(db, group):
        return
    members = {
        m: json.loads(prefixes)
        for m, prefixes in db.execute("SELECT member, prefixes FROM members WHERE grp=?", (group,)).fetchall()
    }
    topics = dict(db.execute("SELECT id, name FROM topics").fetchall())
    current = {
        topic: (owner or target, target, owner, generation)
        for topic, owner, target, generation in db.execute(
            "SELECT topic, owner, target, generation FROM assignments WHERE grp=?", (group,)
        ).fetchall()
    }
    targets = assign(topics, members, {topic: row[0] for topic, row in current.items()})
    for topic in topics.keys() | current.keys():
        target = targets.get(topic)
        if topic not in current:
            if target is not None:
                db.execute("INSERT INTO assignments VALUES(?, ?, ?, NULL, 0)", (group, topic, target))
        elif current[topic][1] != target:
            db.execute("UPDATE assignments SET target=? WHERE grp=? AND topic=?", (target, group, topic))
    db.execute(
        "UPDATE groups SET balanced=?, generation=generation+1 WHERE name=?",
        (_basis(db, group), group),
    )
