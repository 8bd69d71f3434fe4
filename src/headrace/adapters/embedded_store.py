"""The store of the embedded adapters: one SQLite file in WAL mode, and the gate that its writers queue at.

Several processes of one machine share it. What makes that safe, and quick:

- SQLite 3.51.3 or newer (apsw carries its own): older ones can corrupt a WAL that several processes reset at once.
- ``synchronous=FULL``: a commit returns when the WAL is synced, so an acknowledged record survives a loss of power.
- No ``mmap``: an I/O error in a mapped page is a SIGBUS, not an error code, and a truncating checkpoint races with it.
- A gate (`flock` on a side file) before every write transaction: writers queue in the kernel instead of in SQLite's busy
  handler, which sleeps and starves some of them. Checkpoints run inside it as well, so they never meet a writer.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import apsw

from headrace.errors import AccessDenied, BrokerError, BrokerUnavailable, Closed, HeadraceError, StoreCorrupt

LOG = logging.getLogger(__name__)

FILE = "headrace.db"
FORMAT = 1
"""Raised when a store of this release could not be read by the one before."""

OLDEST_SQLITE = (3, 51, 3)

CHECKPOINT_PAGES = 4_000
"""A WAL of so many pages is copied into the database (16 MB of 4 kB pages: a few commits' worth, and the readers' index
over it stays small)."""

TRUNCATE_PAGES = 16 * CHECKPOINT_PAGES
"""A WAL of so many pages had a reader in the way for long: readers are waited for, briefly, to cut it."""

_DDL = """
CREATE TABLE IF NOT EXISTS store(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS topics(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  collision TEXT NOT NULL UNIQUE,
  uuid TEXT NOT NULL,
  configs TEXT NOT NULL,
  max_bytes INTEGER NOT NULL,
  compacted INTEGER NOT NULL,
  first INTEGER NOT NULL DEFAULT 0,
  next INTEGER NOT NULL DEFAULT 0,
  last_ts INTEGER NOT NULL DEFAULT 0,
  cleaned INTEGER NOT NULL DEFAULT 0,
  seq INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE INDEX IF NOT EXISTS topics_seq ON topics(seq);
CREATE TABLE IF NOT EXISTS batches(
  id INTEGER PRIMARY KEY,
  last INTEGER NOT NULL,
  ts INTEGER NOT NULL,
  blob BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS groups(
  name TEXT PRIMARY KEY,
  generation INTEGER NOT NULL,
  changed INTEGER NOT NULL,
  balanced TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS members(
  grp TEXT NOT NULL, member TEXT NOT NULL, prefixes TEXT NOT NULL, PRIMARY KEY(grp, member)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS assignments(
  grp TEXT NOT NULL, topic INTEGER NOT NULL, target TEXT, owner TEXT, generation INTEGER NOT NULL,
  PRIMARY KEY(grp, topic)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS commits(
  grp TEXT NOT NULL, topic INTEGER NOT NULL, next INTEGER NOT NULL, metadata TEXT NOT NULL,
  PRIMARY KEY(grp, topic)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS transactional(id TEXT PRIMARY KEY, epoch INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO store VALUES('topics', '0');
"""

_FILE_LOOK_S = 1.0
"""How often a reader looks whether its file is still the store's."""

_SHIFT = 40


def row_id(topic: int, offset: int) -> int:
    """The key of a batch: topics in the high bits, so that one topic's batches lie together and in order. 2**40 offsets
    a topic, 2**23 topics."""
    return (topic << _SHIFT) | offset


def offset_of(row: int) -> int:
    return row & ((1 << _SHIFT) - 1)


class Gate:
    """The writers' gate of a store, entered with ``with``. Each instance has its own open file, so threads queue as
    processes do (`flock` belongs to the open file); one thread at a time per instance is the owner's business."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / f"{FILE}.gate", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.close = weakref.finalize(self, os.close, self._file)  # also when nobody closes it
        self.close.atexit = False
        _gates.add(self)

    def __enter__(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)


def open_store(folder: Path, *, vfs: str | None = None, synchronous: str = "FULL") -> apsw.Connection:
    """A connection of its own to the store in ``folder``, which is made if it is not there (0700; files 0600).

    ``vfs`` and ``synchronous`` are for the tests of power loss. Raises `BrokerUnavailable`, `AccessDenied`, or
    `StoreCorrupt` where the file is no store of a format that this release reads.
    """
    version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    if version < OLDEST_SQLITE:
        raise BrokerError(
            f"SQLite {apsw.sqlite_lib_version()} can corrupt a WAL that several processes use",
            hint="install apsw 3.51.3 or newer",
        )
    with translated(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise AccessDenied(
                f"the store's folder {folder} cannot be made: {error.strerror}", path=str(folder)
            ) from error
        gate = Gate(folder)
        try:
            with gate:
                # Inside the gate: closing a second file handle of a database drops SQLite's locks on it in this process, so
                # nobody may have it open while it is made.
                _make_file(folder)
                db = apsw.Connection(str(folder / FILE), **({"vfs": vfs} if vfs else {}))
                db.set_busy_timeout(10_000)
                _prepare(db, folder, synchronous)
        finally:
            gate.close()
        return db


def _make_file(folder: Path) -> None:
    path = folder / FILE
    if path.exists():
        return
    # SQLite gives -wal and -shm the mode of the database file, so it is made first, for its owner alone.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    # The names have to survive a loss of power as well.
    for directory in (folder, folder.parent):
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _prepare(db: apsw.Connection, folder: Path, synchronous: str) -> None:
    """The connection's settings, and the tables where they are not there. The gate is held."""
    db.execute("PRAGMA journal_mode=WAL")
    db.execute(f"PRAGMA synchronous={synchronous}")
    db.execute("PRAGMA wal_autocheckpoint=0")
    db.execute("PRAGMA mmap_size=0")
    db.execute("PRAGMA cache_size=-16384")
    found = db.execute("PRAGMA user_version").fetchone()[0]
    if found not in (0, FORMAT):
        raise StoreCorrupt(
            f"{folder / FILE} has format {found}, and this release reads format {FORMAT}",
            hint="use the release that wrote it, or another folder",
            path=str(folder / FILE),
        )
    if found == 0:
        with db:
            db.execute(_DDL)
            db.execute(f"PRAGMA user_version={FORMAT}")
            db.execute("INSERT OR IGNORE INTO store VALUES('cluster_id', ?)", (f"embedded-{uuid.uuid4().hex}",))


@contextmanager
def translated(where: Path | str) -> Iterator[None]:
    """SQLite's exceptions, each as the error that Headrace raises for it."""
    try:
        yield
    except apsw.ConnectionClosedError as error:
        raise Closed("the store is closed") from error
    except (apsw.BusyError, apsw.LockedError) as error:
        raise BrokerUnavailable(f"the store {where} is busy: {error}", path=str(where)) from error
    except apsw.FullError as error:
        raise BrokerUnavailable(
            f"the store {where} cannot grow: {error}", hint="free some space on its disk", path=str(where)
        ) from error
    except (apsw.ReadOnlyError, apsw.PermissionsError, apsw.AuthError) as error:
        raise AccessDenied(
            f"the store {where} cannot be written: {error}",
            hint="look at the owner and mode of its folder",
            path=str(where),
        ) from error
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise StoreCorrupt(f"the store {where} is damaged: {error}", path=str(where)) from error
    except (apsw.IOError, apsw.CantOpenError) as error:
        raise BrokerUnavailable(f"the store {where} cannot be read or written: {error}", path=str(where)) from error
    except apsw.Error as error:
        raise BrokerError(f"the store {where}: {error}", path=str(where)) from error
    except OSError as error:  # of the files beside the database
        denied = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
        raise (AccessDenied if denied else BrokerUnavailable)(
            f"the store {where} cannot be used: {error}",
            hint="look at the owner and mode of its folder" if denied else None,
            path=str(where),
        ) from error


class Store:
    """One connection with its gate, for one thread at a time (a lock makes it so).

    `write` runs a function in a durable transaction; `read` in a consistent one. After each commit the others in this
    process are told through the `Bell` of the folder; other processes see SQLite's ``data_version`` change.
    """

    def __init__(self, folder: Path, *, vfs: str | None = None, synchronous: str = "FULL") -> None:
        self.folder = folder
        self._lock = threading.RLock()
        self._wal_pages = 0
        self._closed: str | None = None
        self.db = open_store(folder, vfs=vfs, synchronous=synchronous)
        self.db.set_wal_hook(self._on_commit)
        with translated(folder):
            self._gate = Gate(folder)
        self._files = self._identities()
        self._next_look = 0.0
        self.bell = bell(folder)
        _stores.add(self)

    def _identities(self) -> tuple[tuple[int, int] | None, ...]:
        found: list[tuple[int, int] | None] = []
        for name in (FILE, f"{FILE}-wal"):
            try:
                status = (self.folder / name).stat()
            except OSError:
                found.append(None)
            else:
                found.append((status.st_dev, status.st_ino))
        return tuple(found)

    def _check_files(self) -> None:
        """A file that was deleted can still be written to: what it then acknowledges would be gone with the process. The WAL
        stays as long as a connection is open."""
        if self._identities() != self._files:
            raise StoreCorrupt(
                f"the files of the store {self.folder} were removed or replaced while it was open",
                hint="stop every process that uses it, then open it again",
                path=str(self.folder),
            )

    def _on_commit(self, _db: apsw.Connection, _name: str, pages: int) -> int:
        self._wal_pages = pages
        return 0

    def write(self, change: Callable[[apsw.Connection], Any]) -> Any:
        """Run ``change`` inside one transaction; its result once that is durable. All of it happens, or nothing."""
        with self._lock, translated(self.folder):
            self._check_open()
            with self._gate:
                self._check_files()
                self.db.execute("BEGIN IMMEDIATE")
                try:
                    result = change(self.db)
                    self.db.execute("COMMIT")
                except BaseException:
                    # A failed COMMIT may have rolled back by itself (disk full does).
                    if self.db.in_transaction:
                        self.db.execute("ROLLBACK")
                    raise
                if self._wal_pages >= CHECKPOINT_PAGES:
                    self._checkpoint()
        self.bell.ring()
        return result

    def _checkpoint(self) -> None:
        try:
            if self._wal_pages >= TRUNCATE_PAGES:
                self.db.set_busy_timeout(100)
                self.db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            else:
                self.db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except (apsw.BusyError, apsw.LockedError):
            pass  # a reader is in the way: the next commit tries again
        except apsw.Error as error:
            # The commit before it stands, and must not be reported as failed.
            LOG.warning("the WAL of the store %s was not copied into the database: %s", self.folder, error)
        finally:
            self.db.set_busy_timeout(10_000)

    def read(self, look: Callable[[apsw.Connection], Any]) -> Any:
        """Run ``look`` on one consistent state."""
        with self._lock, translated(self.folder):
            self._check_open()
            self.db.execute("BEGIN")
            try:
                return look(self.db)
            finally:
                if self.db.in_transaction:
                    self.db.execute("COMMIT")

    def data_version(self) -> int:
        """Changes whenever another connection has committed."""
        with self._lock, translated(self.folder):
            self._check_open()
            now = time.monotonic()
            if now >= self._next_look:
                self._next_look = now + _FILE_LOOK_S
                self._check_files()
            return int(self.db.pragma("data_version"))

    def _check_open(self) -> None:
        if self._closed is not None:
            raise Closed(self._closed)

    def leave_to_parent(self) -> None:
        """In a forked child: SQLite's connections do not survive a fork."""
        self._lock = threading.RLock()  # another thread of the parent may have held it
        self._closed = "the store was opened before a fork (open a broker in each process)"

    def close(self) -> None:
        with self._lock:
            if self._closed is None:
                self._closed = "the store is closed"
                try:
                    self.db.close()
                finally:
                    self._gate.close()


class Bell:
    """Tells the waiting readers of one process that something was committed in it."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._rung = 0

    @property
    def rung(self) -> int:
        return self._rung

    def ring(self) -> None:
        with self._condition:
            self._rung += 1
            self._condition.notify_all()

    def wait(self, seen: int, timeout: float) -> None:
        """Return when it was rung since ``seen``, or after ``timeout`` real seconds."""
        with self._condition:
            if self._rung == seen:
                self._condition.wait(timeout)


_gates: weakref.WeakSet[Gate] = weakref.WeakSet()
_stores: weakref.WeakSet[Store] = weakref.WeakSet()
_bells: dict[str, Bell] = {}
_bells_lock = threading.Lock()


def bell(folder: Path) -> Bell:
    """The bell of a folder's store in this process."""
    with _bells_lock:
        return _bells.setdefault(str(folder.resolve()), Bell())


def _after_fork() -> None:
    # A lock that another thread held at the fork would stay held for ever in the child.
    global _bells, _bells_lock
    _bells, _bells_lock = {}, threading.Lock()
    for gate in _gates:
        # A lock belongs to the open file: a child that kept it open would keep it locked after its parent was killed. Closing
        # this copy takes nothing from a parent that lives.
        gate.close()
    for store in _stores:
        store.leave_to_parent()


os.register_at_fork(after_in_child=_after_fork)


def as_broker_error(error: HeadraceError) -> BrokerError:
    """``error`` where only a `BrokerError` may be answered."""
    return error if isinstance(error, BrokerError) else BrokerError(error.message, hint=error.hint, **error.data)
