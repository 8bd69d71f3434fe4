"""The embedded schema registry: subjects, versions and ids in the store of the embedded broker.

What an id means is kept for ever: schemas are never deleted, only versions and subjects. Where no checker is given, every
schema that parses is compatible, and `check` says that it cannot tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import apsw

from headrace.adapters.embedded_registry_tables import SqliteTables, is_made, make
from headrace.adapters.embedded_store import Store
from headrace.adapters.registry_core import StoredRegistry
from headrace.adapters.registry_tables import Tables
from headrace.errors import BrokerError, BrokerUnavailable, RegistryError, RegistryUnavailable
from headrace.interfaces.compatibility import CompatibilityChecker

T = TypeVar("T")


class EmbeddedRegistry(StoredRegistry):
    """``path``: the store's folder, made if it is not there; the embedded broker's may be the same. ``checker``: decides
    compatibility at `register`, `check` and `compare`."""

    def __init__(self, path: Path, *, checker: CompatibilityChecker | None = None) -> None:
        super().__init__(_SqliteStorage(Path(path)), checker)


class _SqliteStorage:
    def __init__(self, path: Path) -> None:
        with _translated():
            self._store = Store(path)
            try:
                # Looked for first, so that opening a store that is made already takes no turn at the writers' gate.
                if not self._store.read(is_made):
                    self._store.write(make)
            except BaseException:
                self._store.close()
                raise

    def read(self, look: Callable[[Tables], T]) -> T:
        def with_tables(db: apsw.Connection) -> T:
            return look(SqliteTables(db))

        with _translated():
            found: T = self._store.read(with_tables)
            return found

    def peek(self, look: Callable[[Tables], T]) -> T:
        return self.read(look)

    def write(self, change: Callable[[Tables], T]) -> T:
        def with_tables(db: apsw.Connection) -> T:
            return change(SqliteTables(db))

        with _translated():
            result: T = self._store.write(with_tables)
            return result

    def close(self) -> None:
        self._store.close()


@contextmanager
def _translated() -> Iterator[None]:
    """The store's errors are a broker's; here they are a registry's."""
    try:
        yield
    except BrokerError as error:
        kind = RegistryUnavailable if isinstance(error, BrokerUnavailable) else RegistryError
        raise kind(error.message, hint=error.hint, **error.data) from error
