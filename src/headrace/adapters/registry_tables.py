"""What a registry keeps, as entries by key: the one shape of its data, in SQLite and in a log.

    text      id                -> the schema                       never deleted: what a record is framed with stays readable
    version   subject, version  -> the id, and whether it is softly deleted
    config    subject           -> compatibility level, normalize   the subject "" is the registry itself
    mode      subject           -> mode

`Tables` is what the registry's rules (`registry_rules`, `registry_reads`) work on. A change is made by `put`, and only by it,
so a store that records what is put has all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import msgspec

from headrace.interfaces.registry_store import Mode, RegistryConfig
from headrace.model.schema import SchemaText

GLOBAL = ""
"""The registry's own settings stand under this name, which no subject can have."""


class Row(NamedTuple):
    version: int
    id: int
    deleted: bool


class TextEntry(msgspec.Struct, frozen=True):
    id: int
    schema: SchemaText


class VersionEntry(msgspec.Struct, frozen=True):
    """``row`` None: deleted for good."""

    subject: str
    version: int
    row: Row | None


class ConfigEntry(msgspec.Struct, frozen=True):
    subject: str
    config: RegistryConfig | None


class ModeEntry(msgspec.Struct, frozen=True):
    subject: str
    mode: Mode | None


Entry = TextEntry | VersionEntry | ConfigEntry | ModeEntry


class Tables(Protocol):
    """One consistent state, for the length of one question or change."""

    def rows(self, subject: str) -> Sequence[Row]:
        """Ascending, the softly deleted among them."""

    def subjects(self, prefix: str) -> Iterable[tuple[str, Sequence[Row]]]:
        """Those that have a row, by name."""

    def text(self, schema_id: int) -> SchemaText | None: ...

    def ids_of(self, guid: str) -> Sequence[int]:
        """Ascending."""

    def uses(self, schema_id: int) -> Sequence[tuple[str, Row]]:
        """By subject and version."""

    def referrers(self, subject: str, version: int) -> Sequence[int]:
        """Ids of texts that refer to this version, ascending."""

    def max_id(self) -> int: ...

    def config(self, subject: str) -> RegistryConfig | None: ...

    def mode(self, subject: str) -> Mode | None: ...

    def put(self, entry: Entry) -> None: ...
