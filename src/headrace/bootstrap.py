"""The one place that picks adapters: from a region's declared addresses to its broker and its registry."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.clock import SYSTEM_CLOCK, Clock
from headrace.errors import SettingsError
from headrace.model.region import ClusterAddress, Region, RegistryAddress

if TYPE_CHECKING:
    from headrace.interfaces.broker import Broker
    from headrace.interfaces.registry import SchemaRegistry


@dataclass(frozen=True, slots=True)
class RegionParts:
    """What one region runs on. Close it when done: `close` closes both."""

    region: Region
    broker: Broker
    registry: SchemaRegistry

    def close(self) -> None:
        self.broker.close()
        self.registry.close()


def open_region(region: Region, *, base: Path, clock: Clock = SYSTEM_CLOCK) -> RegionParts:
    """Open a region's broker and registry. ``base``: what a relative folder of an embedded cluster counts from (the
    declaration repository). Raises `SettingsError` for an address that cannot be used, and what the adapters raise."""
    if region.cluster.kind == "embedded":
        # Imported here: a program that uses Kafka never loads SQLite, and the other way round.
        from headrace.adapters.embedded_broker import EmbeddedBroker

        broker: Broker = EmbeddedBroker(_folder(region, base), clock=clock)
    elif region.cluster.kind == "kafka":
        from headrace.adapters.kafka_broker import KafkaBroker

        if not region.cluster.bootstrap:
            raise SettingsError(f"region {region.id}: a kafka cluster needs `bootstrap`", region=region.id)
        broker = KafkaBroker(
            region.cluster.bootstrap, properties=resolve_references(region.cluster.properties), clock=clock
        )
    else:
        raise SettingsError(
            f"region {region.id}: cluster kind {region.cluster.kind!r} is not known",
            hint="use `embedded` or `kafka`",
            region=region.id,
        )
    try:
        registry = _open_registry(region, base)
    except BaseException:
        broker.close()
        raise
    return RegionParts(region, broker, registry)


def _open_registry(region: Region, base: Path) -> SchemaRegistry:
    if region.registry.kind == "embedded":
        from headrace.adapters.embedded_registry import EmbeddedRegistry

        return EmbeddedRegistry(_folder(region, base))
    raise SettingsError(
        f"region {region.id}: registry kind {region.registry.kind!r} is not known",
        hint="use `embedded`",
        region=region.id,
    )


def _folder(region: Region, base: Path) -> Path:
    return base / (region.cluster.path or f".headrace/{region.id}")


def resolve_references(properties: Mapping[str, str]) -> dict[str, str]:
    """Client properties with each ``env:NAME`` read from the environment and ``file:PATH`` from its file: secrets are
    named in a declaration, never written there. Raises `SettingsError` naming the property, not the value."""
    resolved: dict[str, str] = {}
    for key, value in properties.items():
        if value.startswith("env:"):
            name = value.removeprefix("env:")
            if name not in os.environ:
                raise SettingsError(f"{key} refers to the environment variable {name}, which is not set", option=key)
            resolved[key] = os.environ[name]
        elif value.startswith("file:"):
            path = Path(value.removeprefix("file:"))
            try:
                resolved[key] = path.read_text(encoding="utf-8").strip()
            except OSError as error:
                raise SettingsError(f"{key} refers to the file {path}, which cannot be read", option=key) from error
        else:
            resolved[key] = value
    return resolved


def region_from_addresses(region: str, cluster: str, registry: str) -> Region:
    """A region from the settings `cluster` and `registry`, for programs that have no declaration repository."""
    kind, _, rest = cluster.partition(":")
    if kind == "embedded" and rest:
        cluster_address = ClusterAddress(kind="embedded", path=rest)
    elif kind == "kafka" and rest:
        cluster_address = ClusterAddress(kind="kafka", bootstrap=rest)
    else:
        raise SettingsError(
            f"cluster {cluster!r} is not an address",
            hint="write embedded:FOLDER or kafka:HOST:PORT,HOST:PORT",
            option="cluster",
        )
    if registry == "embedded":
        registry_address = RegistryAddress(kind="embedded")
    else:
        registry_address = RegistryAddress(kind="http", url=registry)
    return Region(id=region, name=region, cluster=cluster_address, registry=registry_address)
