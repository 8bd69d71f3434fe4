"""The one place that picks adapters: from a region's declared addresses to its broker and its registry, and from settings to
a connected application."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.clock import SYSTEM_CLOCK, Clock
from headrace.errors import SchemaMissing, SettingsError, SubjectMissing
from headrace.model import names
from headrace.model.region import ClusterAddress, Region, RegistryAddress
from headrace.settings import Settings, load_settings
from headrace.streaming import app as streaming
from headrace.streaming.catalogue_feed import CatalogueFeed, FixedCatalogue, FollowedCatalogue
from headrace.streaming.connection import Connection
from headrace.streaming.limits import Limits

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
        f"region {region.id}: this release has no adapter for a registry of kind {region.registry.kind!r}",
        hint="only `embedded` can be opened so far; a region on Kafka has to wait for the registry over HTTP",
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


class App(streaming.App):
    """An application in one region, as its settings say: the argument, else ``HEADRACE_*``, else ``headrace.toml``.

    Making one opens nothing: producers can be made and handlers registered when a module is imported. It connects with
    ``with app:``, ``async with app:``, `run`, `arun` or `start`.
    """

    def __init__(
        self,
        application: str | None = None,
        *,
        region: str | None = None,
        catalogue: str | Path | None = None,
        cluster: str | None = None,
        registry: str | None = None,
        drain_timeout: float | None = None,
        workers: int | None = None,
        buffer_bytes: int | str | None = None,
        lane_buffer_bytes: int | str | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        super().__init__(self._connect)
        self._clock = clock
        self._arguments: dict[str, Any] = {
            "application": application,
            "region": region,
            "catalogue": catalogue,
            "cluster": cluster,
            "registry": registry,
            "drain_timeout": drain_timeout,
            "workers": workers,
            "buffer_bytes": buffer_bytes,
            "lane_buffer_bytes": lane_buffer_bytes,
        }

    def settings(self) -> Settings:
        """The settings as they are now. Raises `SettingsError`."""
        return load_settings(**self._arguments)

    def setting(self, name: str) -> Any:
        return self.settings()[name]

    def _connect(self) -> Connection:
        settings = self.settings()
        application, region = settings.require("application"), settings.require("region")
        parts, feed = open_feed(settings, region, self._clock)
        try:
            return Connection(
                application=application,
                region=region,
                broker=parts.broker,
                registry=parts.registry,
                feed=feed,
                limits=Limits(
                    workers=settings.workers,
                    buffer_bytes=settings.buffer_bytes,
                    lane_buffer_bytes=settings.lane_buffer_bytes,
                    drain_timeout=settings.drain_timeout,
                ),
                clock=self._clock,
                opened=[parts.close, feed.close],
            )
        except BaseException:
            feed.close()
            parts.close()
            raise


def connect(
    application: str | None = None,
    *,
    region: str | None = None,
    catalogue: str | Path | None = None,
    cluster: str | None = None,
    registry: str | None = None,
    drain_timeout: float | None = None,
    workers: int | None = None,
    buffer_bytes: int | str | None = None,
    lane_buffer_bytes: int | str | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> App:
    """A connected `App`, for ``with headrace.connect(application="plan", region="eu") as app:``; leaving it drains and
    flushes. What is not given comes from ``HEADRACE_*``, then from ``headrace.toml``.

    ``catalogue``: a declaration repository to start from, for development; without it, ``cluster`` (and ``registry``) say
    where the region is, and its applied catalogue is followed. Raises `SettingsError`, `CatalogueError`,
    `UnknownApplication`, and what the adapters raise.
    """
    app = _app(locals())
    app.open()
    return app


def aconnect(
    application: str | None = None,
    *,
    region: str | None = None,
    catalogue: str | Path | None = None,
    cluster: str | None = None,
    registry: str | None = None,
    drain_timeout: float | None = None,
    workers: int | None = None,
    buffer_bytes: int | str | None = None,
    lane_buffer_bytes: int | str | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> App:
    """As `connect`, for ``async with headrace.aconnect(...) as app:``; it connects on entering."""
    return _app(locals())


def _app(arguments: dict[str, Any]) -> App:
    return App(**arguments)


def open_feed(settings: Settings, region: str, clock: Clock) -> tuple[RegionParts, CatalogueFeed]:
    """The region's parts, and its catalogue: followed where it was applied, or read from a folder."""
    folder: Path | None = settings.catalogue
    if folder is None:
        parts = open_region(
            region_from_addresses(region, settings.require("cluster"), settings.registry), base=Path(), clock=clock
        )
        try:
            return parts, FollowedCatalogue(parts.broker, region, clock)
        except BaseException:
            parts.close()
            raise
    from headrace.catalogue.load import load
    from headrace.provisioning.compile import compile_catalogue, compose_catalogue

    catalogue = load(folder)
    if region not in catalogue.regions:
        raise SettingsError(
            f"the catalogue has no region {region!r}", hint=f"it has {', '.join(catalogue.regions)}", option="region"
        )
    parts = open_region(catalogue.regions[region], base=folder, clock=clock)
    try:
        composed = compose_catalogue(catalogue)
        ids: dict[tuple[str, int], int] = {}
        for key, version in composed:
            product = catalogue.products[key]
            tenant = next(iter(catalogue.tenants_of(product, region)), None)
            if tenant is None:
                continue
            try:
                subject = names.subject(product.topic_name(tenant.id))
                ids[key, version] = parts.registry.lookup(subject, composed[key, version]).id
            except (SubjectMissing, SchemaMissing):
                continue  # declared, not applied yet; whoever publishes it is told
        return parts, FixedCatalogue(compile_catalogue(catalogue, region, ids, composed=composed))
    except BaseException:
        parts.close()
        raise
