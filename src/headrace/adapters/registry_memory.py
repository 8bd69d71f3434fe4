"""A registry's tables in memory: what a log of entries is replayed into."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

from headrace.adapters.registry_forms import guid_of
from headrace.adapters.registry_tables import ConfigEntry, Entry, ModeEntry, Row, Tables, TextEntry, VersionEntry
from headrace.interfaces.registry_store import Mode, RegistryConfig
from headrace.model.schema import SchemaText

T = TypeVar("T")


class MemoryTables:
    """`Tables`, with an index for each question. For one thread at a time."""

    def __init__(self) -> None:
        self._texts: dict[int, SchemaText] = {}
        self._ids: dict[str, list[int]] = {}
        self._rows: dict[str, dict[int, Row]] = {}
        self._uses: dict[int, set[tuple[str, int]]] = {}
        self._referrers: dict[tuple[str, int], list[int]] = {}
        self._configs: dict[str, RegistryConfig] = {}
        self._modes: dict[str, Mode] = {}
        self._max_id = 0
        self._tried: list[Entry] | None = None
        self._undo: list[Callable[[], object]] = []

    # --- looking

    def rows(self, subject: str) -> Sequence[Row]:
        return [row for _, row in sorted(self._rows.get(subject, {}).items())]

    def subjects(self, prefix: str) -> Iterable[tuple[str, Sequence[Row]]]:
        return [(subject, self.rows(subject)) for subject in sorted(self._rows) if subject.startswith(prefix)]

    def text(self, schema_id: int) -> SchemaText | None:
        return self._texts.get(schema_id)

    def ids_of(self, guid: str) -> Sequence[int]:
        return tuple(self._ids.get(guid, ()))

    def uses(self, schema_id: int) -> Sequence[tuple[str, Row]]:
        return [(subject, self._rows[subject][version]) for subject, version in sorted(self._uses.get(schema_id, ()))]

    def referrers(self, subject: str, version: int) -> Sequence[int]:
        return tuple(self._referrers.get((subject, version), ()))

    def max_id(self) -> int:
        return self._max_id

    def config(self, subject: str) -> RegistryConfig | None:
        return self._configs.get(subject)

    def mode(self, subject: str) -> Mode | None:
        return self._modes.get(subject)

    # --- changing

    def tried(self, change: Callable[[Tables], T]) -> tuple[T, list[Entry]]:
        """What ``change`` answers, and what it put; afterwards all is as it was before."""
        entries: list[Entry] = []
        self._tried = entries
        try:
            return change(self), entries
        finally:
            self._tried = None
            while self._undo:
                self._undo.pop()()

    def put(self, entry: Entry) -> None:
        back = self._put(entry)
        if self._tried is not None:
            self._tried.append(entry)
            self._undo.append(back)

    def _put(self, entry: Entry) -> Callable[[], object]:
        """Put it; how to take it back."""
        match entry:
            case TextEntry(id=schema_id, schema=schema):
                return self._put_text(schema_id, schema)
            case VersionEntry(subject=subject, version=version, row=row):
                return partial(self._put_row, subject, version, self._put_row(subject, version, row))
            case ConfigEntry(subject=subject, config=config):
                return partial(_set, self._configs, subject, _set(self._configs, subject, config))
            case ModeEntry(subject=subject, mode=mode):
                return partial(_set, self._modes, subject, _set(self._modes, subject, mode))

    def _put_text(self, schema_id: int, schema: SchemaText) -> Callable[[], None]:
        if schema_id in self._texts:
            return _nothing  # what an id means never changes
        max_before, self._max_id = self._max_id, max(self._max_id, schema_id)
        self._texts[schema_id] = schema
        lists = [self._ids.setdefault(guid_of(schema), [])]
        for place in {(reference.subject, reference.version) for reference in schema.references}:
            lists.append(self._referrers.setdefault(place, []))
        for ids in lists:
            insort(ids, schema_id)

        def take_back() -> None:
            del self._texts[schema_id]
            self._max_id = max_before
            for ids in lists:
                ids.remove(schema_id)

        return take_back

    def _put_row(self, subject: str, version: int, row: Row | None) -> Row | None:
        rows = self._rows.setdefault(subject, {})
        before = rows.pop(version, None)
        if before is not None:
            self._uses[before.id].discard((subject, version))
        if row is not None:
            rows[version] = row
            self._uses.setdefault(row.id, set()).add((subject, version))
        if not rows:
            del self._rows[subject]
        return before


def _set(values: dict[str, T], key: str, value: T | None) -> T | None:
    before = values.pop(key, None)
    if value is not None:
        values[key] = value
    return before


def _nothing() -> None: ...
