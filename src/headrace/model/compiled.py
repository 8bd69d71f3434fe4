"""The compiled catalogue: what one region's programs need at run time, and nothing of another region.

`apply` writes it to the region's catalogue topic, the SDK reads it from there. Every value is JSON through msgspec.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from headrace.model import names
from headrace.model.schema import Framing, SchemaFormat


class CompiledSchema(msgspec.Struct, frozen=True):
    """A product's schema version: the composed schema's ``text`` and the ``id`` that this region's registry gave it."""

    version: int
    id: int
    text: str


class CompiledEvent(msgspec.Struct, frozen=True):
    """``data_schemas``: by the product's schema version (as text of an int, JSON's keys), the data schema in force."""

    name: str
    type: str
    key: tuple[str, ...]
    data_schemas: Mapping[str, msgspec.Raw]
    retired: bool = False
    """Deprecated and past its sunset: publish refuses it."""


class CompiledProducing(msgspec.Struct, frozen=True):
    events: tuple[str, ...]
    schema_version: int


class CompiledConsuming(msgspec.Struct, frozen=True):
    events: tuple[str, ...]
    schema_version: int
    reads: tuple[str, ...]
    start: str

    def takes(self, event: str) -> bool:
        return "*" in self.events or event in self.events


class CompiledProduct(msgspec.Struct, frozen=True):
    """One major of a streaming product. ``kind``: ``log`` or ``state``. ``producers``/``consumers`` by application."""

    id: str
    major: int
    version: str
    status: str
    pattern: str
    team: str
    kind: str
    format: SchemaFormat
    max_bytes: int
    events: tuple[CompiledEvent, ...]
    schemas: tuple[CompiledSchema, ...]
    producers: Mapping[str, CompiledProducing]
    consumers: Mapping[str, CompiledConsuming]
    framing: Framing = Framing.PREFIX
    """How its records are written; both ways are read."""

    @property
    def key(self) -> str:
        return f"{self.id}.v{self.major}"

    def event(self, name: str) -> CompiledEvent | None:
        return next((e for e in self.events if e.name == name), None)

    def topic_name(self, tenant: str) -> str:
        return names.topic(self.id, self.major, tenant)


class CompiledTenant(msgspec.Struct, frozen=True):
    id: str
    products: tuple[str, ...]
    applications: tuple[str, ...] | None = None

    def takes(self, product: str) -> bool:
        return "*" in self.products or product in self.products

    def admits(self, application: str) -> bool:
        return self.applications is None or application in self.applications


class CompiledApplication(msgspec.Struct, frozen=True):
    id: str
    team: str


class CompiledCatalogue(msgspec.Struct, frozen=True):
    """``tenants`` are this region's only; ``elsewhere`` maps the ids of other regions' tenants to their region, so that
    an error can say where a tenant lives (an id and a region: no data of it). ``cluster_id``: of the cluster that it was
    published to, so that a copy of its topic on another one is told apart; None before that."""

    region: str
    commit: str | None
    products: Mapping[str, CompiledProduct]
    tenants: Mapping[str, CompiledTenant]
    applications: Mapping[str, CompiledApplication]
    elsewhere: Mapping[str, str]
    cluster_id: str | None = None
