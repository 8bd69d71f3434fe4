"""The one place that picks adapters: from a region's declared addresses to its broker and its registry, and from settings to
a connected application."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.clock import SYSTEM_CLOCK, Clock
from headrace.errors import InvalidSchema, SchemaMissing, SettingsError, SubjectMissing, WrongCluster
from headrace.model import names
from headrace.model.credentials import credential_properties, is_secured, without_credentials
from headrace.model.region import ClusterAddress, Region, RegistryAddress
from headrace.settings import Settings, load_settings
from headrace.streaming import app as streaming
from headrace.streaming.catalogue_feed import CatalogueFeed, FixedCatalogue, FollowedCatalogue
from headrace.streaming.connection import Connection, check_application
from headrace.streaming.limits import Limits
from headrace.streaming.observation import observe

if TYPE_CHECKING:
    from headrace.interfaces.broker import Broker
    from headrace.interfaces.compatibility import CompatibilityChecker
    from headrace.interfaces.registry import SchemaRegistry
    from headrace.interfaces.registry_store import RegistryStore
    from headrace.model.application import Credentials
    from headrace.model.schema import Compatibility, SchemaText


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
        registry = _open_registry(region, base, clock)
    except BaseException:
        broker.close()
        raise
    return RegionParts(region, broker, registry)


def _open_registry(region: Region, base: Path, clock: Clock) -> SchemaRegistry:
    if region.registry.kind == "embedded":
        from headrace.adapters.embedded_registry import EmbeddedRegistry

        return EmbeddedRegistry(_folder(region, base), checker=compatibility_checker(region.registry.profile))
    if region.registry.kind == "http":
        from headrace.adapters.http_registry import HttpRegistry

        if not region.registry.url:
            raise SettingsError(f"region {region.id}: a registry over HTTP needs `url`", region=region.id)
        return HttpRegistry(region.registry.url, properties=resolve_references(region.registry.properties), clock=clock)
    raise SettingsError(
        f"region {region.id}: registry kind {region.registry.kind!r} is not known",
        hint="use `embedded` or `http`",
        region=region.id,
    )


def compatibility_checker(profile: str = "confluent") -> CompatibilityChecker:
    """What decides for a registry of ours: as the registry of ``profile`` does, told in that one's own kinds of difference and
    in the findings' sentences. A schema that cannot be compared is refused, with the reason: one with references, too, because
    what they name is not looked up."""

    def check(new: SchemaText, history: Sequence[SchemaText], mode: Compatibility) -> Sequence[str]:
        return decided(new, tuple(history), mode)

    @lru_cache(maxsize=64)  # every tenant's subject asks the same
    def decided(new: SchemaText, history: tuple[SchemaText, ...], mode: Compatibility) -> Sequence[str]:
        from headrace.catalogue.compatibility.checker import check_history
        from headrace.catalogue.compatibility.profiles import answer

        if any(schema.references for schema in (new, *history)):
            return ("REFERENCES: schemas that refer to others are not compared here; set the subject's level to NONE",)
        refused = answer(profile, history, new, mode)
        if refused.accepted:
            return ()
        reasons = refused.reasons or (f"{profile} refuses the schema",)
        try:
            found = check_history(new, history, mode, witness=False, registry=refused).findings
        except InvalidSchema as error:
            return (*reasons, error.message)
        return (*reasons, *(each.message for each in found))

    return check


def _folder(region: Region, base: Path) -> Path:
    return base / (region.cluster.path or f".headrace/{region.id}")


def resolve_references(properties: Mapping[str, str]) -> dict[str, str]:
    """Client properties with each ``env:NAME`` read from the environment and ``file:PATH`` from its file: secrets are
    named in a declaration, never written there. Raises `SettingsError` naming the property, not the value."""
    return {key: _referenced(value, key) for key, value in properties.items()}


def _referenced(value: str, what: str) -> str:
    scheme, _, place = value.partition(":")
    if scheme == "env":
        if place not in os.environ:
            raise SettingsError(
                f"{what} refers to the environment variable {place}, which is not set",
                hint=f"export {place}=... before the program starts",
                option=what,
            )
        return os.environ[place]
    if scheme == "file":
        try:
            return Path(place).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"{what} refers to the file {place}, which cannot be read",
                hint="check the path, which counts from the working directory, and the file's rights",
                option=what,
            ) from error
    return value


def credentials_of(application: str, region: str, credentials: Credentials | None) -> dict[str, str]:
    """The client's properties that say who an application is in a region, read from where its declaration says. Raises
    `SettingsError` where there are none, or they cannot be read; it never repeats what was read."""
    instead = "or pass cluster_properties (HEADRACE_CLUSTER_PROPERTIES) with the application's own"
    if credentials is None:
        raise SettingsError(
            f"{application} has no credentials for the secured cluster of region {region}",
            hint=f"declare regions.{region} with principal and credentials in applications/{application}.yaml, {instead}",
            application=application,
            region=region,
        )
    what = f"the credentials of {application} in {region}"
    if credentials.reference.startswith("vault:"):
        raise SettingsError(
            f"{what} are in a vault, which a program cannot read by itself",
            hint=f"let the vault's agent write a file or a variable and name it by file:PATH or env:NAME, {instead}",
            application=application,
            region=region,
        )
    value = _referenced(credentials.reference, what)
    try:
        return credential_properties(credentials.principal, value)
    except ValueError as error:
        raise SettingsError(
            f"{what} are neither a password nor client properties: {error}",
            hint="write the password alone, or name=value pairs of librdkafka's properties, each on a line",
            application=application,
            region=region,
        ) from None


def region_from_addresses(
    region: str,
    cluster: str,
    registry: str,
    *,
    cluster_id: str | None = None,
    cluster_properties: Mapping[str, str] | None = None,
    registry_properties: Mapping[str, str] | None = None,
) -> Region:
    """A region from the settings of these names, for programs that have no declaration repository."""
    kind, _, rest = cluster.partition(":")
    if kind == "embedded" and rest:
        cluster_address = ClusterAddress(kind="embedded", path=rest, cluster_id=cluster_id)
    elif kind == "kafka" and rest:
        cluster_address = ClusterAddress(
            kind="kafka", bootstrap=rest, cluster_id=cluster_id, properties=cluster_properties or {}
        )
    else:
        raise SettingsError(
            f"cluster {cluster!r} is not an address",
            hint="write embedded:FOLDER or kafka:HOST:PORT,HOST:PORT",
            option="cluster",
        )
    if registry == "embedded":
        if kind == "kafka":
            raise SettingsError(
                "the embedded registry lives in an embedded cluster's folder; a region on Kafka has a registry of its own",
                hint="pass registry=https://..., or set HEADRACE_REGISTRY",
                option="registry",
            )
        registry_address = RegistryAddress(kind="embedded")
    else:
        registry_address = RegistryAddress(kind="http", url=registry, properties=registry_properties or {})
    return Region(id=region, name=region, cluster=cluster_address, registry=registry_address)


def region_as_told(declared: Region, settings: Settings, application: str | None, own: Credentials | None) -> Region:
    """A declared region as one program reaches it: with the settings over the declaration, and on a secured cluster with the
    credentials of ``application`` (``own``) in the place of the platform's. None: the platform itself."""
    told: Mapping[str, str] = settings.cluster_properties or {}
    properties = {**declared.cluster.properties, **told}
    if application is not None and declared.cluster.kind == "kafka" and is_secured(properties):
        properties = without_credentials(declared.cluster.properties)
        if without_credentials(told) == told:  # the settings do not say who asks
            properties |= credentials_of(application, declared.id, own)
        properties |= told
    return replace(
        declared,
        cluster=replace(
            declared.cluster, properties=properties, cluster_id=settings.cluster_id or declared.cluster.cluster_id
        ),
        registry=replace(
            declared.registry,
            properties={**declared.registry.properties, **(settings.registry_properties or {})},
        ),
    )


def check_cluster(region: Region, broker: Broker) -> None:
    """Raise `WrongCluster` where the cluster's id is not the one that is expected of the region, and what the adapter raises
    where the cluster does not answer or lets nobody in: before anything else is tried."""
    expected = region.cluster.cluster_id
    found = broker.admin.cluster_id()
    if expected not in (None, found):
        raise WrongCluster(
            f"region {region.id}: the cluster answers with id {found}; expected is {expected}",
            hint="check the cluster's address, or the expected id (`cluster_id`, clusterId in headrace.yaml)",
            region=region.id,
            declared=expected,
            found=found,
        )


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
        cluster_id: str | None = None,
        cluster_properties: Mapping[str, str] | str | None = None,
        registry_properties: Mapping[str, str] | str | None = None,
        drain_timeout: float | None = None,
        workers: int | None = None,
        buffer_bytes: int | str | None = None,
        lane_buffer_bytes: int | str | None = None,
        metrics: str | bool | None = None,
        metrics_by_tenant: bool | None = None,
        tracing: float | bool | None = None,
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
            "cluster_id": cluster_id,
            "cluster_properties": cluster_properties,
            "registry_properties": registry_properties,
            "drain_timeout": drain_timeout,
            "workers": workers,
            "buffer_bytes": buffer_bytes,
            "lane_buffer_bytes": lane_buffer_bytes,
            "metrics": metrics,
            "metrics_by_tenant": metrics_by_tenant,
            "tracing": tracing,
        }

    def settings(self) -> Settings:
        """The settings as they are now. Raises `SettingsError`."""
        return load_settings(**self._arguments)

    def setting(self, name: str) -> Any:
        return self.settings()[name]

    def _connect(self) -> Connection:
        settings = self.settings()
        application, region = settings.require("application"), settings.require("region")
        parts, feed = open_feed(settings, region, self._clock, application=application)
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
                observation=observe(
                    application,
                    metrics=settings.metrics,
                    by_tenant=settings.metrics_by_tenant,
                    tracing=settings.tracing,
                ),
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
    cluster_id: str | None = None,
    cluster_properties: Mapping[str, str] | str | None = None,
    registry_properties: Mapping[str, str] | str | None = None,
    drain_timeout: float | None = None,
    workers: int | None = None,
    buffer_bytes: int | str | None = None,
    lane_buffer_bytes: int | str | None = None,
    metrics: str | bool | None = None,
    metrics_by_tenant: bool | None = None,
    tracing: float | bool | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> App:
    """A connected `App`, for ``with headrace.connect(application="plan", region="eu") as app:``; leaving it drains and
    flushes. What is not given comes from ``HEADRACE_*``, then from ``headrace.toml``.

    ``catalogue``: a declaration repository to start from, for development; without it, ``cluster`` (and ``registry``) say
    where the region is, and its applied catalogue is followed. ``cluster_properties`` and ``registry_properties`` are the
    clients' own (security); their values may be ``env:NAME`` or ``file:PATH``. Raises `SettingsError`, `CatalogueError`,
    `UnknownApplication`, `WrongCluster`, and what the adapters raise.
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
    cluster_id: str | None = None,
    cluster_properties: Mapping[str, str] | str | None = None,
    registry_properties: Mapping[str, str] | str | None = None,
    drain_timeout: float | None = None,
    workers: int | None = None,
    buffer_bytes: int | str | None = None,
    lane_buffer_bytes: int | str | None = None,
    metrics: str | bool | None = None,
    metrics_by_tenant: bool | None = None,
    tracing: float | bool | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> App:
    """As `connect`, for ``async with headrace.aconnect(...) as app:``; it connects on entering."""
    return _app(locals())


def _app(arguments: dict[str, Any]) -> App:
    return App(**arguments)


def open_feed(
    settings: Settings, region: str, clock: Clock, *, application: str | None = None
) -> tuple[RegionParts, CatalogueFeed]:
    """The region's parts, and its catalogue: followed where it was applied, or read from a folder. ``application``: whose
    credentials to use on a secured cluster that a folder declares (None: the region's own, as `headrace plan` does)."""
    folder: Path | None = settings.catalogue
    if folder is None:
        address = region_from_addresses(
            region,
            settings.require("cluster"),
            settings.registry,
            cluster_id=settings.cluster_id,
            cluster_properties=settings.cluster_properties,
            registry_properties=settings.registry_properties,
        )
        parts = open_region(address, base=Path(), clock=clock)
        try:
            check_cluster(address, parts.broker)
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
    own = None
    if application is not None:
        check_application(application, catalogue.applications)
        own = catalogue.applications[application].credentials.get(region)
    address = region_as_told(catalogue.regions[region], settings, application, own)
    parts = open_region(address, base=folder, clock=clock)
    try:
        check_cluster(address, parts.broker)
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


def open_registry_store(
    cluster: str,
    *,
    topic: str | None = None,
    properties: Mapping[str, str] | None = None,
    profile: str = "confluent",
    clock: Clock = SYSTEM_CLOCK,
) -> RegistryStore:
    """What a registry server serves: the embedded registry of ``embedded:FOLDER``, or one on a compacted topic (None: the
    usual one) of ``kafka:HOST:PORT,...``. ``profile``: the registry as which it decides what is compatible. Raises
    `SettingsError` and `RegistryError`s."""
    checker = compatibility_checker(profile)
    kind, _, rest = cluster.partition(":")
    if kind == "embedded" and rest:
        from headrace.adapters.embedded_registry import EmbeddedRegistry

        return EmbeddedRegistry(Path(rest), checker=checker)
    if kind == "kafka" and rest:
        from headrace.adapters.kafka_registry import TOPIC, open_kafka_registry

        return open_kafka_registry(
            rest,
            topic=topic or TOPIC,
            properties=resolve_references(properties or {}),
            checker=checker,
            clock=clock,
        )
    raise SettingsError(
        f"cluster {cluster!r} is not an address", hint="write embedded:FOLDER or kafka:HOST:PORT,...", option="cluster"
    )
