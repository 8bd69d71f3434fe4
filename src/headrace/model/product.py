"""A data product, streaming or batch, as its declaration says it, checked and frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from headrace.model import names
from headrace.model.schema import Compatibility, SchemaFormat


class Pattern(StrEnum):
    """Who gives to whom, and so who owns (design, 1)."""

    ONE_TO_MANY = "one-to-many"
    MANY_TO_MANY = "many-to-many"
    MANY_TO_ONE = "many-to-one"


class Status(StrEnum):
    """A product's place in its life. Only ``active`` and ``deprecated`` ones are provisioned."""

    PROPOSED = "proposed"
    DRAFT = "draft"
    ACTIVE = "active"
    DEPRECATED = "deprecated"
    RETIRED = "retired"

    @property
    def provisioned(self) -> bool:
        return self in (Status.ACTIVE, Status.DEPRECATED)


class TopicKind(StrEnum):
    """``log``: facts, kept by time. ``state``: compacted by key; a deletion is a tombstone."""

    LOG = "log"
    STATE = "state"


class Criticality(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Version:
    """Semantic version; a breaking change is a new major, and a major has topics of its own."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


@dataclass(frozen=True, slots=True)
class DataProductOwner:
    name: str
    since: date


@dataclass(frozen=True, slots=True)
class Ownership:
    pattern: Pattern
    team: str
    data_product_owner: DataProductOwner | None = None


@dataclass(frozen=True, slots=True)
class Deprecation:
    """``sunset``: the last day it works. ``successor``: the event, or product (``id`` or ``id.v2``), to move to."""

    since: date
    sunset: date
    successor: str


@dataclass(frozen=True, slots=True)
class Producing:
    """An application's right and duty to produce. ``events`` are names, in the declared order."""

    application: str
    events: tuple[str, ...]
    schema_version: int
    external: bool = False


@dataclass(frozen=True, slots=True)
class Consuming:
    """An application's right to consume.

    ``events``: names, or ("*",). ``reads``: paths from the envelope's root (``data.storeId``); empty: not declared.
    ``start``: ``earliest``, ``latest`` or an RFC 3339 time; applied once, when the group is born.
    """

    application: str
    events: tuple[str, ...]
    schema_version: int
    reads: tuple[str, ...] = ()
    criticality: Criticality = Criticality.MEDIUM
    start: str = "earliest"
    external: bool = False

    def takes(self, event: str) -> bool:
        return "*" in self.events or event in self.events


@dataclass(frozen=True, slots=True)
class SchemaVersion:
    """A version of an event's data schema. ``number`` is the product's schema version that brought it (see
    `EventDeclaration.schema_at`); ``document`` the parsed JSON of the file at ``path``."""

    number: int
    path: str
    document: Any


@dataclass(frozen=True, slots=True)
class EventDeclaration:
    """A kind of event. ``versions`` are oldest first. ``exposure``: by audience, the paths that may leave."""

    name: str
    type: str
    format: SchemaFormat
    versions: tuple[SchemaVersion, ...]
    key: tuple[str, ...] = ()
    description: str = ""
    exposure: Mapping[str, tuple[str, ...]] | None = None
    deprecation: Deprecation | None = None

    def schema_at(self, version: int) -> SchemaVersion | None:
        """The data schema in force at the product's schema version ``version``: the newest whose number is not above
        it; None where the event came later."""
        found = None
        for candidate in self.versions:
            if candidate.number <= version:
                found = candidate
        return found


@dataclass(frozen=True, slots=True)
class TopicPolicy:
    """``retention_ms``: None keeps for ever (state topics). ``max_bytes``: the largest framed value."""

    kind: TopicKind
    retention_ms: int | None
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Service:
    """Promises: ``latency_ms`` from publishing to the log's reader, ``freshness_ms`` from occurrence; None: none."""

    latency_ms: int | None = None
    freshness_ms: int | None = None


@dataclass(frozen=True, slots=True)
class SchemaException:
    """A schema version that the registry refuses and that is registered all the same: proved harmless, and approved.
    ``until``: the last day on which it may be registered for the first time; None: no such day."""

    schema_version: int
    reason: str
    approved_by: str
    until: date | None = None


@dataclass(frozen=True, slots=True)
class StreamingProduct:
    """One major version of a streaming data product. ``path``: its declaration, relative to the repository."""

    id: str
    name: str
    domain: str
    status: Status
    version: Version
    purpose: str
    limitations: str
    ownership: Ownership
    producers: tuple[Producing, ...]
    consumers: tuple[Consuming, ...]
    events: tuple[EventDeclaration, ...]
    compatibility: Compatibility
    topic: TopicPolicy
    service: Service
    deprecation: Deprecation | None
    path: str
    exceptions: tuple[SchemaException, ...] = ()

    @property
    def key(self) -> str:
        """``order-proposals.v1``: unique in the catalogue, because two majors run side by side."""
        return f"{self.id}.v{self.version.major}"

    @property
    def major(self) -> int:
        return self.version.major

    @property
    def format(self) -> SchemaFormat:
        """All events of a product share one format (an Avro product has exactly one event type)."""
        return self.events[0].format

    @property
    def schema_versions(self) -> tuple[int, ...]:
        """The product's schema versions, 1 to the newest: each is the set of its events' schemas then in force."""
        return tuple(range(1, max(v.number for e in self.events for v in e.versions) + 1))

    def exception(self, version: int) -> SchemaException | None:
        """The approved exception for a schema version."""
        return next((e for e in self.exceptions if e.schema_version == version), None)

    def event(self, name: str) -> EventDeclaration | None:
        return next((e for e in self.events if e.name == name), None)

    def topic_name(self, tenant: str) -> str:
        return names.topic(self.id, self.major, tenant)


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str
    required: bool = True
    description: str = ""


@dataclass(frozen=True, slots=True)
class BatchProduct:
    """A batch data product: CSV files, hours to days. ``schedule``: a cron expression in UTC; ``files``: a name pattern."""

    id: str
    name: str
    domain: str
    status: Status
    version: Version
    purpose: str
    limitations: str
    ownership: Ownership
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    columns: tuple[Column, ...]
    schedule: str
    files: str
    retention_ms: int | None
    deprecation: Deprecation | None
    path: str

    @property
    def key(self) -> str:
        return f"{self.id}.v{self.version.major}"
