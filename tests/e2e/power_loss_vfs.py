"""A disk that loses its power: a SQLite VFS that knows which writes were synced, and what may be left of the others.

What was written before a file's last sync is there afterwards. Of every write since, any part may be: all of it, none, or
some of its 512-byte sectors, whatever came of the writes before and after it. A truncation since then happened or did not; a
deleted file is gone at the latest with the next sync of any file (a file system's journal keeps that order).
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

SECTOR = 512


@dataclass
class Write:
    offset: int
    data: bytes


@dataclass
class Truncate:
    size: int


@dataclass
class File:
    """``synced``: what is safe; ``pending``: what happened since, in order."""

    synced: bytes = b""
    pending: list[Write | Truncate] = field(default_factory=list)
    deleted: bool = False

    def content(self, choice: random.Random | None) -> bytes:
        """What is read after the power came back; with no ``choice`` everything was written."""
        data = bytearray(self.synced)
        for change in self.pending:
            if isinstance(change, Truncate):
                if choice is None or choice.random() < 0.5:
                    _truncate(data, change.size)
                continue
            fate = "all" if choice is None else choice.choice(("all", "none", "torn", "torn"))
            for start in range(0, len(change.data), SECTOR):
                if fate == "all" or (fate == "torn" and choice is not None and choice.random() < 0.5):
                    _put(data, change.offset + start, change.data[start : start + SECTOR])
        return bytes(data)


def _put(data: bytearray, offset: int, part: bytes) -> None:
    if len(data) < offset:
        data.extend(bytes(offset - len(data)))
    data[offset : offset + len(part)] = part


def _truncate(data: bytearray, size: int) -> None:
    del data[size:]
    data.extend(bytes(size - len(data)))


@dataclass
class Cut:
    """The disk at the moment when the power went. ``known``: what the world had been told by then."""

    step: int
    files: dict[str, File]
    known: Any

    def pending(self, name: str) -> int:
        """How many changes of a file were not synced."""
        return len(self.files[name].pending) if name in self.files else 0

    def rebuild(self, folder: Path, seed: int) -> None:
        """Write to ``folder`` what the disk may hold, as ``seed`` decides."""
        choice = random.Random(seed)
        folder.mkdir()
        for name, file in sorted(self.files.items()):
            if not (file.deleted and choice.random() < 0.5):
                (folder / name).write_bytes(file.content(choice))


class Disk:
    """What the VFS has seen of one store. ``cuts``: the power goes before every step (reads are none); ``known`` gives what
    the world knows at such a moment. Contents are shared between cuts, so one costs little."""

    def __init__(self, known: Callable[[], Any]) -> None:
        self.lock = threading.RLock()
        self.files: dict[str, File] = {}
        self.syncs = 0
        self.cuts: list[Cut] = []
        self._known = known

    def _next(self) -> None:
        files = {name: File(f.synced, list(f.pending), f.deleted) for name, f in self.files.items()}
        self.cuts.append(Cut(len(self.cuts) + 1, files, self._known()))

    def _file(self, name: str) -> File:
        file = self.files.get(name)
        if file is None:
            file = self.files[name] = File()
        return file

    def opened(self, name: str) -> None:
        file = self._file(name)
        if file.deleted:
            self.files[name] = File()

    def write(self, name: str, offset: int, data: bytes) -> None:
        self._next()
        self._file(name).pending.append(Write(offset, data))

    def truncate(self, name: str, size: int) -> None:
        self._next()
        self._file(name).pending.append(Truncate(size))

    def sync(self, name: str) -> None:
        self._next()
        self.syncs += 1
        file = self._file(name)
        file.synced, file.pending = file.content(None), []
        for other in [n for n, f in self.files.items() if f.deleted]:
            del self.files[other]

    def delete(self, name: str) -> None:
        self._next()
        self._file(name).deleted = True


class PowerLossVFS(apsw.VFS):
    """Over the default VFS: the store works as ever, and ``disk`` is told of every change. Name it to `apsw.Connection`."""

    def __init__(self, name: str, disk: Disk) -> None:
        self._disk = disk
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if path is None:  # a temporary file of SQLite's own
            return apsw.VFSFile("", name, flags)
        return _PowerLossFile(self._disk, Path(path).name, name, flags)

    def xDelete(self, name: str, syncdir: bool) -> None:  # noqa: N802
        with self._disk.lock:
            super().xDelete(name, syncdir)
            self._disk.delete(Path(name).name)


class _PowerLossFile(apsw.VFSFile):
    def __init__(self, disk: Disk, short: str, name: Any, flags: list[int]) -> None:
        self._disk = disk
        self._short = short
        super().__init__("", name, flags)
        with disk.lock:
            disk.opened(short)

    # The step is taken first: a cut is before it, and what the cut knows was known before it.

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802
        with self._disk.lock:
            self._disk.write(self._short, offset, bytes(data))
            super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        with self._disk.lock:
            self._disk.truncate(self._short, newsize)
            super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        # Not passed on: what this disk holds is decided here, and the tests stay quick.
        with self._disk.lock:
            self._disk.sync(self._short)
