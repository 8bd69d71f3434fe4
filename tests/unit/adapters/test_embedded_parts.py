"""Parts of the embedded broker that need no thread: batches, assignment, settings, the store's file."""

from __future__ import annotations

import stat
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.adapters import embedded_store
from headrace.adapters.embedded_assignment import assign
from headrace.adapters.embedded_batches import decode, encode_dense, encode_sparse
from headrace.adapters.embedded_broker import EmbeddedBroker
from headrace.adapters.embedded_configs import config_problem
from headrace.adapters.embedded_store import FILE, Gate, open_store, translated
from headrace.errors import AccessDenied, BrokerUnavailable, Closed, StoreCorrupt
from headrace.model.record import Record

blobs = st.one_of(st.none(), st.binary(max_size=20))
records = st.builds(
    Record, key=blobs, value=blobs, headers=st.lists(st.tuples(st.text(max_size=5), blobs), max_size=3).map(tuple)
)


@given(st.lists(records, max_size=8), st.integers(0, 2**40 - 10))
def test_a_dense_batch_reads_as_it_was_written(batch: list[Record], base: int) -> None:
    """Every key, value and header comes back, at consecutive offsets from the first."""
    found = decode("t", base, 7, encode_dense(batch))
    assert [Record(r.key, r.value, r.headers) for r in found] == batch
    assert [r.offset for r in found] == list(range(base, base + len(batch)))


@given(st.dictionaries(st.integers(0, 1000), records, max_size=8))
def test_a_sparse_batch_keeps_its_offsets(kept: dict[int, Record]) -> None:
    """What compaction left stays at the offsets that it had."""
    rows = sorted(kept.items())
    found = decode("t", 100, 7, encode_sparse(rows))
    assert [(r.offset - 100, Record(r.key, r.value, r.headers)) for r in found] == rows


@given(st.lists(records, min_size=1, max_size=4), st.data())
def test_a_damaged_batch_is_told_never_read(batch: list[Record], data: st.DataObject) -> None:
    """Any changed byte, and any cut, gives StoreCorrupt with topic and offset."""
    blob = bytearray(encode_dense(batch))
    if data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(blob) - 1))
        blob[place] ^= data.draw(st.integers(1, 255))
        if place == 0 and blob[0] in (1, 2):
            return  # the form byte is outside the checksum; a valid other form fails by its shape or not at all
    else:
        del blob[data.draw(st.integers(0, len(blob) - 1)) :]
    with pytest.raises(StoreCorrupt) as caught:
        decode("t", 5, 7, bytes(blob))
    assert caught.value.topic == "t"
    assert caught.value.offset == 5


members = st.dictionaries(st.sampled_from("abcdef"), st.just(["p."]), min_size=1)
topics = st.dictionaries(st.integers(1, 60), st.just(""), max_size=40).map(lambda t: {i: f"p.v1.{i}" for i in t})


@given(topics, members, st.randoms(use_true_random=False))
def test_members_alike_get_shares_within_one_topic(topics, members, random) -> None:
    """Every topic has a member, shares differ by at most one, and the order of the mappings does not matter."""
    current = {t: random.choice([None, "a", "b", "gone"]) for t in topics}
    target = assign(topics, members, current)
    assert target.keys() == topics.keys()
    loads = [sum(1 for m in target.values() if m == member) for member in members]
    assert max(loads) - min(loads) <= 1
    shuffled = list(topics.items())
    random.shuffle(shuffled)
    assert assign(dict(shuffled), dict(reversed(list(members.items()))), current) == target


@given(topics, members)
def test_a_settled_assignment_stays(topics, members) -> None:
    """With the same members and topics nothing moves; when a member goes only its topics do, give or take one each."""
    target = assign(topics, members, {})
    assert assign(topics, members, target) == target
    if len(members) > 1:
        gone = sorted(members)[0]
        left = {m: p for m, p in members.items() if m != gone}
        after = assign(topics, left, target)
        moved = [t for t in topics if target[t] != gone and after[t] != target[t]]
        assert moved == []


def test_a_member_gets_only_topics_that_it_subscribes_to() -> None:
    """Prefixes decide who may hold a topic, and a topic that nobody subscribes to stays free."""
    target = assign({1: "a.v1.x", 2: "b.v1.x", 3: "c.v1.x"}, {"m": ["a.v1."], "n": ["b.v1."]}, {})
    assert target == {1: "m", 2: "n"}


@pytest.mark.parametrize(
    ("configs", "valid"),
    [
        ({"cleanup.policy": "compact,delete", "retention.ms": "-1"}, True),
        ({"cleanup.policy": "compress"}, False),
        ({"retention.ms": "soon"}, False),
        ({"message.timestamp.type": "CreateTime"}, False),
        ({"retention.hours": "1"}, False),
    ],
)
def test_topic_settings_are_checked_by_kafka_s_rules(configs: dict[str, str], valid: bool) -> None:
    """Names and values that Kafka would refuse are refused, and so is a timestamp that is not the log's."""
    assert (config_problem(configs) is None) is valid


def test_the_store_is_its_owner_s_alone(tmp_path: Path) -> None:
    """The folder is 0700 and every file in it 0600: a store holds tenants' data."""
    EmbeddedBroker(tmp_path / "s").close()
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o700
    assert {stat.S_IMODE(f.stat().st_mode) for f in (tmp_path / "s").iterdir() if f.is_file()} == {0o600}


def test_a_store_of_another_format_is_refused(tmp_path: Path) -> None:
    """A store that a later release wrote is named as such, and not touched."""
    db = open_store(tmp_path)
    db.execute("PRAGMA user_version=999")
    db.close()
    with pytest.raises(StoreCorrupt, match="format 999"):
        EmbeddedBroker(tmp_path)


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    """Some other file under the store's name gives StoreCorrupt."""
    (tmp_path / FILE).write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreCorrupt):
        EmbeddedBroker(tmp_path)


def test_a_folder_that_cannot_be_made_is_access_denied(tmp_path: Path) -> None:
    """A path below a file is told as AccessDenied with the path."""
    (tmp_path / "file").write_text("")
    with pytest.raises(AccessDenied):
        EmbeddedBroker(tmp_path / "file" / "store")


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (apsw.FullError("full"), BrokerUnavailable),
        (apsw.IOError("io"), BrokerUnavailable),
        (apsw.BusyError("busy"), BrokerUnavailable),
        (apsw.ReadOnlyError("ro"), AccessDenied),
        (apsw.CorruptError("bad"), StoreCorrupt),
        (apsw.ConnectionClosedError("closed"), Closed),
    ],
)
def test_no_exception_of_sqlite_leaves_the_adapter(raised: apsw.Error, told: type[Exception]) -> None:
    """Each of SQLite's errors becomes an error of Headrace's tree, and stays as its cause."""
    with pytest.raises(told) as caught, translated("store"):
        raise raised
    assert caught.value.__cause__ is raised


def test_the_gate_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    """A second gate on the same store cannot be entered while the first is held."""
    import fcntl

    first, second = Gate(tmp_path), Gate(tmp_path)
    with first, pytest.raises(BlockingIOError):
        fcntl.flock(second._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with second:
        pass
    first.close()
    second.close()


def test_an_sqlite_that_may_corrupt_a_shared_wal_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library older than 3.51.3 is refused before the store is opened."""
    monkeypatch.setattr(embedded_store.apsw, "sqlite_lib_version", lambda: "3.51.2")
    with pytest.raises(Exception, match=r"3\.51\.3"):
        open_store(tmp_path)
