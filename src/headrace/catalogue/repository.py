"""The files of a declaration repository: which there are, what each declares, and which stand where they should not."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Final

from headrace.catalogue.codes import Code
from headrace.errors import Fault

MAX_BYTES: Final = 4 * 1024 * 1024
ROOT_FILE: Final = "headrace.yaml"
_FOLDERS: Final = ("applications", "tenants", "products")
_DECLARATION: Final = re.compile(r"^\s*[\"']?apiVersion[\"']?\s*:\s*[\"']?headrace/", re.MULTILINE)
_YAML: Final = (".yaml", ".yml")
_NOT_OURS: Final = frozenset(("node_modules", "venv", "site-packages"))


@dataclass(frozen=True, slots=True)
class ProductFolder:
    """``products/NAME``: its declaration, if there is one, and the files below schemas/ and examples/, sorted."""

    name: str
    declaration: str | None
    schemas: tuple[str, ...]
    examples: tuple[str, ...]


@dataclass(slots=True)
class Repository:
    """All paths are relative to ``root``, with forward slashes. ``faults``: files that stand in a wrong place."""

    root: FilePath
    headrace: str | None = None
    applications: dict[str, str] = field(default_factory=dict)
    tenants: dict[str, str] = field(default_factory=dict)
    products: dict[str, ProductFolder] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def text(self, path: str) -> str | None:
        """A file's text; None where it cannot be read, which is a fault then."""
        try:
            with (self.root / path).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
            if len(data) > MAX_BYTES:
                self._fault(
                    path, Code.UNREADABLE, f"is larger than {MAX_BYTES // 1024**2} MiB", "take a large value out"
                )
                return None
            # As Python reads texts: one way to end a line, so that places mean the same to every parser.
            return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            column = error.start - data.rfind(b"\n", 0, error.start)
            self._fault(
                path, Code.UNREADABLE, f"is not UTF-8 (byte 0x{data[error.start]:02x})", line=line, column=column
            )
        except OSError as error:
            self._fault(path, Code.UNREADABLE, f"cannot be read: {error.strerror}", "correct the file's rights")
        return None

    def _fault(
        self, path: str, code: Code, message: str, hint: str | None = None, *, line: int = 0, column: int = 0
    ) -> None:
        self.faults.append(Fault(path, line, column, code.code, message, code.way_out if hint is None else hint))


def scan(root: FilePath) -> Repository:
    """Look through ``root``: every declaration where it belongs, and every fault of place."""
    found = Repository(root)
    entries = _entries(found, root, "")
    # Without headrace.yaml this may be any directory at all, which is not ours to search.
    ours = any(entry.name == ROOT_FILE for entry in entries)
    for entry in entries:
        if entry.name in _FOLDERS and entry.is_dir(follow_symlinks=False):
            if entry.name == "products":
                _products(found, entry)
            else:
                _flat(found, entry, found.applications if entry.name == "applications" else found.tenants)
        elif entry.name in _FOLDERS:
            _link_or(found, entry, entry.name, Code.WRONG_PLACE, "is not a directory")
        elif entry.name == ROOT_FILE:
            if _regular(found, entry, entry.name):
                found.headrace = ROOT_FILE
        elif ours:
            _elsewhere(found, entry, entry.name)
    if found.headrace is None and not any(f.path == ROOT_FILE for f in found.faults):
        found._fault(ROOT_FILE, Code.NO_HEADRACE_YAML, "the file is missing")
    return found


def _entries(found: Repository, folder: os.PathLike[str], name: str) -> list[os.DirEntry[str]]:
    """What is in a directory, sorted, hidden things left out."""
    try:
        with os.scandir(folder) as entries:
            return sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.name)
    except OSError as error:
        found._fault(
            name or ".", Code.UNREADABLE, f"cannot be read: {error.strerror}", "correct the directory's rights"
        )
        return []


def _flat(found: Repository, folder: os.DirEntry[str], into: dict[str, str]) -> None:
    for entry in _entries(found, folder, folder.name):
        path = f"{folder.name}/{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            _elsewhere(found, entry, path)
        elif entry.name.endswith(".yaml"):
            if _regular(found, entry, path):
                into[entry.name.removesuffix(".yaml")] = path
        elif entry.name.endswith(".yml"):
            found._fault(path, Code.WRONG_PLACE, "ends in .yml", "rename it to .yaml")
        elif entry.is_symlink():
            _regular(found, entry, path)


def _products(found: Repository, folder: os.DirEntry[str]) -> None:
    for entry in _entries(found, folder, "products"):
        path = f"products/{entry.name}"
        if entry.is_symlink():
            _regular(found, entry, path)
        elif entry.is_dir():
            _product(found, entry, path)
        else:
            _elsewhere(found, entry, path)


def _product(found: Repository, folder: os.DirEntry[str], path: str) -> None:
    declaration = None
    schemas: list[str] = []
    examples: list[str] = []
    misnamed = False
    for entry in _entries(found, folder, path):
        inside = f"{path}/{entry.name}"
        if entry.name == "product.yaml":
            misnamed = True
            if _regular(found, entry, inside):
                declaration = inside
        elif entry.name.lower() in ("product.yml", "product.yaml"):
            found._fault(inside, Code.WRONG_PLACE, f"is named {entry.name}", "rename it to product.yaml")
            misnamed = True
        elif entry.name in ("schemas", "examples") and entry.is_dir(follow_symlinks=False):
            into = schemas if entry.name == "schemas" else examples
            into.extend(_tree(found, entry, inside))
        elif entry.is_symlink():
            _regular(found, entry, inside)
        else:
            _elsewhere(found, entry, inside)
    if declaration is None and not misnamed:
        found._fault(
            f"{path}/product.yaml", Code.FILE_MISSING, "the file is missing", "add it, or remove the directory"
        )
    found.products[folder.name] = ProductFolder(folder.name, declaration, tuple(schemas), tuple(examples))


def _tree(found: Repository, folder: os.DirEntry[str], path: str) -> Iterator[str]:
    """The files below a directory, README and other prose left out."""
    for entry in _entries(found, folder, path):
        inside = f"{path}/{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            yield from _tree(found, entry, inside)
        elif _regular(found, entry, inside) and not entry.name.lower().endswith((".md", ".txt")):
            yield inside


def _regular(found: Repository, entry: os.DirEntry[str], path: str) -> bool:
    if entry.is_symlink():
        found._fault(path, Code.SYMBOLIC_LINK, "is a symbolic link")
        return False
    if not entry.is_file(follow_symlinks=False):
        found._fault(path, Code.WRONG_PLACE, "is not a file")
        return False
    return True


def _link_or(found: Repository, entry: os.DirEntry[str], path: str, code: Code, message: str) -> None:
    if entry.is_symlink():
        found._fault(path, Code.SYMBOLIC_LINK, "is a symbolic link")
    else:
        found._fault(path, code, message)


def _elsewhere(found: Repository, entry: os.DirEntry[str], path: str) -> None:
    """Declarations that nothing would read: they look like ours and stand where nobody looks."""
    if entry.is_symlink():
        return
    if entry.is_dir():
        if entry.name not in _NOT_OURS:
            for inner in _entries(found, entry, path):
                _elsewhere(found, inner, f"{path}/{inner.name}")
    elif entry.name.lower().endswith(_YAML) and entry.is_file():
        try:
            with (found.root / path).open("rb") as file:
                head = file.read(65536).decode("utf-8", errors="replace")
        except OSError:
            return
        if match := _DECLARATION.search(head):
            line = head.count("\n", 0, match.end()) + 1
            found._fault(path, Code.WRONG_PLACE, "is a declaration in a place where none is read", line=line, column=1)
