"""What may happen to a store's files, and to the processes that have them open."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

import apsw
import pytest

from headrace.adapters import embedded_store
from headrace.adapters.embedded_broker import EmbeddedBroker
from headrace.adapters.embedded_store import FILE, Store
from headrace.errors import AccessDenied, BrokerUnavailable, Closed, HeadraceError, StoreCorrupt
from headrace.interfaces.broker import OffsetAt, TopicSpec
from headrace.model.record import Record


def opened(folder: Path) -> EmbeddedBroker:
    broker = EmbeddedBroker(folder)
    broker.admin.create_topics([TopicSpec("t")])
    return broker


@pytest.mark.parametrize("name", [FILE, f"{FILE}-wal"])
def test_nothing_is_acknowledged_into_a_deleted_file(tmp_path: Path, name: str) -> None:
    """A file that was removed under a running writer is told: what was written to it would vanish with the process."""
    broker = opened(tmp_path)
    writer = broker.writer()
    writer.publish("t", Record(None, b"1")).result(10)
    (tmp_path / name).rename(tmp_path / "elsewhere")
    with pytest.raises(StoreCorrupt, match="removed or replaced"):
        writer.publish("t", Record(None, b"2")).result(10)
    broker.close()


def test_a_reader_is_told_that_its_file_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader would else wait for ever for records that are written to another file."""
    monkeypatch.setattr(embedded_store, "_FILE_LOOK_S", 0.0)
    broker = opened(tmp_path)
    reader = broker.reader()
    reader.assign({"t": OffsetAt.EARLIEST})
    assert reader.poll(0) == []
    (tmp_path / FILE).rename(tmp_path / "elsewhere")
    with pytest.raises(StoreCorrupt, match="removed or replaced"):
        reader.poll(0)
    broker.close()


def test_a_checkpoint_that_fails_fails_no_receipt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The commit before it stands, so its records are acknowledged; the failure goes to the log."""

    class Full:
        def __init__(self, db: apsw.Connection) -> None:
            self._db = db

        def __getattr__(self, name: str) -> object:
            return getattr(self._db, name)

        def wal_checkpoint(self, **_: object) -> None:
            raise apsw.FullError("database or disk is full")

    monkeypatch.setattr(embedded_store, "CHECKPOINT_PAGES", 0)
    broker = opened(tmp_path)
    writer = broker.writer()
    writer._store.db = Full(writer._store.db)  # type: ignore[assignment]
    with caplog.at_level(logging.WARNING):
        assert writer.publish("t", Record(None, b"1")).result(10).offset == 0
    assert "not copied into the database" in caplog.text
    broker.close()


@pytest.mark.parametrize(
    ("number", "told"), [(errno.EACCES, AccessDenied), (errno.EROFS, AccessDenied), (errno.EMFILE, BrokerUnavailable)]
)
def test_what_the_system_refuses_is_an_error_of_headrace_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, told: type[HeadraceError]
) -> None:
    """A folder that is not ours, a read-only disk, too many open files: no OSError leaves the adapter."""
    real = os.open

    def refuse(path: object, *arguments: int, **named: int) -> int:
        if str(path).endswith(".gate"):
            raise OSError(number, os.strerror(number), str(path))
        return real(path, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(told) as caught:
        EmbeddedBroker(tmp_path)
    assert isinstance(caught.value.__cause__, OSError)


def test_a_child_keeps_no_lock_of_its_parent(tmp_path: Path) -> None:
    """A forked child has the gate closed (a killed parent's lock would stay held by it), and its stores say why."""
    store = Store(tmp_path)
    child = os.fork()
    if child == 0:  # in the child: only its exit code is heard
        links = [
            os.readlink(f"/proc/self/fd/{n}")
            for n in os.listdir("/proc/self/fd")
            if os.path.islink(f"/proc/self/fd/{n}")
        ]
        try:
            store.read(lambda db: None)
        except Closed as closed:
            os._exit(0 if "fork" in str(closed) and not any(link.endswith(".gate") for link in links) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    store.write(lambda db: None)
    store.close()
