"""What the catalogue wants to exist: topics, their settings, subjects and their schemas, access rules, by region. Pure.

Everything that does not depend on a tenant (settings, schemas) is made once per product and shared by all its topics.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final, NamedTuple

from headrace.interfaces.access import AccessRule
from headrace.model import names
from headrace.model.catalogue import Catalogue, Policies
from headrace.model.compiled import CompiledCatalogue
from headrace.model.product import StreamingProduct, TopicKind, TopicPolicy
from headrace.model.region import Region
from headrace.model.schema import Compatibility, SchemaText
from headrace.provisioning.compile import Composed, compile_catalogue, compose_catalogue
from headrace.provisioning.rights import Right, desired_rules

PLATFORM: Final = "(platform)"
"""Stands where a product's key would, for the topics of Headrace itself."""

DEAD_LETTERS: Final = "(dead letters)"
"""Stands where a product's key would, for dead-letter topics; the tenant is then empty and the name has the application."""

BATCH_BYTES: Final = 1_000_000
"""librdkafka's ``batch.size``. Kafka holds ``max.message.bytes`` against a whole batch: a topic of smaller events would have
batches of perfectly small records refused under load. The limit on one event is the SDK's to keep."""

RECORD_EXTRA_BYTES: Final = 64 * 1024
"""Room for key, headers and the batch's own beside the largest value."""

DEAD_LETTER_EXTRA_BYTES: Final = 64 * 1024
"""Room for the reason and the origin beside the largest record that an application can reject."""

DAY_MS: Final = 86_400_000
_DEAD_LETTER_RETENTION_MS: Final = 30 * DAY_MS
_JOURNAL_RETENTION_MS: Final = 90 * DAY_MS
_CATALOGUE_MAX_BYTES: Final = 4 * 1024 * 1024
_DEFAULT_MAX_BYTES: Final = 1024 * 1024

Configs = Mapping[str, str]


class Schema(NamedTuple):
    """A composed schema and its `fingerprint`."""

    text: SchemaText
    fingerprint: str


class DesiredTopic(NamedTuple):
    """``product``: its key, or `PLATFORM` or `DEAD_LETTERS`. ``configs`` are shared by all topics of a product."""

    name: str
    product: str
    tenant: str
    configs: Configs


class DesiredSubject(NamedTuple):
    """``schemas``: those of the product's schema versions 1, 2, ...; ``exceptions``: by schema version, why it is registered
    though the registry refuses it, and who approved that. Both are shared by all subjects of a product."""

    name: str
    product: str
    tenant: str
    compatibility: Compatibility
    schemas: tuple[Schema, ...]
    exceptions: Mapping[int, str] = MappingProxyType({})


@dataclass(frozen=True)
class DesiredRegion:
    """``topics`` and ``subjects`` by name, ``rules`` by themselves, in the order in which they are made. ``compiled``: without
    registry ids."""

    region: Region
    topics: Mapping[str, DesiredTopic]
    subjects: Mapping[str, DesiredSubject]
    rules: Mapping[AccessRule, Right]
    compiled: CompiledCatalogue


@dataclass(frozen=True)
class Desired:
    """Every region's wishes, by region id."""

    regions: Mapping[str, DesiredRegion]
    catalogue: Catalogue

    @property
    def policies(self) -> Policies:
        return self.catalogue.policies

    @property
    def commit(self) -> str | None:
        return self.catalogue.commit


def desired(catalogue: Catalogue, *, regions: Iterable[str] | None = None, today: date | None = None) -> Desired:
    """What ``catalogue`` wants in ``regions`` (None: in all of them). ``today``: see `compile_catalogue`."""
    composed = compose_catalogue(catalogue)
    chosen = sorted(catalogue.regions) if regions is None else sorted(set(regions))
    return Desired(
        regions={id_: _region(catalogue, id_, composed, today) for id_ in chosen},
        catalogue=catalogue,
    )


def fingerprint(schema: SchemaText) -> str:
    """SHA-256 of format, references and text: two schemas are the same when it is the same."""
    digest = hashlib.sha256(schema.format.value.encode())
    for reference in schema.references:
        digest.update(f"\0{reference.name}\0{reference.subject}\0{reference.version}".encode())
    digest.update(b"\0\0" + schema.text.encode())
    return digest.hexdigest()


def max_message_bytes(max_bytes: int) -> int:
    """Kafka's limit for a topic whose events' framed values may have ``max_bytes``."""
    return max(max_bytes, BATCH_BYTES) + RECORD_EXTRA_BYTES


def topic_configs(policy: TopicPolicy) -> Configs:
    """Kafka's settings for a product's topics: the log's own time everywhere, and what the kind asks for."""
    configs = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": str(max_message_bytes(policy.max_bytes))}
    retention = "-1" if policy.retention_ms is None else str(policy.retention_ms)
    if policy.kind is TopicKind.LOG:
        configs |= {"cleanup.policy": "delete", "retention.ms": retention}
    else:
        expires = policy.retention_ms is not None
        configs |= {
            "cleanup.policy": "compact,delete" if expires else "compact",
            "retention.ms": retention,
            # A consumer that was away for up to a week still sees that a key was deleted.
            "delete.retention.ms": str(7 * DAY_MS),
            # Kafka compacts closed segments only; the topic of one tenant is too quiet to close one by its size.
            "segment.ms": str(DAY_MS),
        }
    return MappingProxyType(dict(sorted(configs.items())))


def platform_topics() -> tuple[DesiredTopic, ...]:
    """Headrace's own topics of a region. The journal comes first: it records the making of the others."""
    compacted = {
        "cleanup.policy": "compact",
        "delete.retention.ms": str(7 * DAY_MS),
        "message.timestamp.type": "LogAppendTime",
        "retention.ms": "-1",
        "segment.ms": str(DAY_MS),
    }
    journal = {
        "cleanup.policy": "delete",
        "max.message.bytes": str(_DEFAULT_MAX_BYTES),
        "message.timestamp.type": "LogAppendTime",
        "retention.ms": str(_JOURNAL_RETENTION_MS),
    }
    return (
        _platform(names.journal_topic(), journal),
        _platform(names.inventory_topic(), compacted | {"max.message.bytes": str(_DEFAULT_MAX_BYTES)}),
        _platform(names.catalogue_topic(), compacted | {"max.message.bytes": str(_CATALOGUE_MAX_BYTES)}),
    )


def _platform(name: str, configs: dict[str, str]) -> DesiredTopic:
    return DesiredTopic(name, PLATFORM, names.PLATFORM_TENANT, MappingProxyType(dict(sorted(configs.items()))))


def _region(catalogue: Catalogue, region: str, composed: Composed, today: date | None) -> DesiredRegion:
    topics = {topic.name: topic for topic in platform_topics()}
    topics |= {topic.name: topic for topic in _dead_letters(catalogue)}
    subjects: dict[str, DesiredSubject] = {}
    for key in sorted(catalogue.products):
        product = catalogue.products[key]
        if not product.status.provisioned:
            continue
        configs = topic_configs(product.topic)
        schemas = tuple(_schema(composed[key, version]) for version in product.schema_versions)
        exceptions = {e.schema_version: f"{e.reason} (approved by {e.approved_by})" for e in product.exceptions}
        prefix = names.topic_prefix(product.id, product.major)
        for tenant in sorted(t.id for t in catalogue.tenants_of(product, region)):
            name = prefix + tenant
            topics[name] = DesiredTopic(name, key, tenant, configs)
            subject = names.subject(name)
            subjects[subject] = DesiredSubject(subject, key, tenant, product.compatibility, schemas, exceptions)
    return DesiredRegion(
        region=catalogue.regions[region],
        topics=topics,
        subjects=subjects,
        rules=desired_rules(catalogue, region),
        compiled=compile_catalogue(catalogue, region, {}, composed=composed, today=today),
    )


def _schema(text: SchemaText) -> Schema:
    return Schema(text, fingerprint(text))


def _dead_letters(catalogue: Catalogue) -> Iterable[DesiredTopic]:
    """One for each application that consumes with Headrace's SDK, in every region, whether or not a tenant there has
    something for it yet: a tenant that moves in never meets a consumer without its dead-letter topic."""
    largest: dict[str, int] = {}
    for product in catalogue.products.values():
        if product.status.provisioned:
            for application in _consumers(catalogue, product):
                largest[application] = max(largest.get(application, 0), product.topic.max_bytes)
    for application in sorted(largest):
        configs = {
            "cleanup.policy": "compact,delete",
            # What is erased is compacted away however little else there is to compact.
            "max.compaction.lag.ms": str(DAY_MS),
            "max.message.bytes": str(max_message_bytes(largest[application]) + DEAD_LETTER_EXTRA_BYTES),
            "message.timestamp.type": "LogAppendTime",
            "retention.ms": str(_DEAD_LETTER_RETENTION_MS),
        }
        yield DesiredTopic(names.dead_letter(application), DEAD_LETTERS, "", MappingProxyType(configs))


def _consumers(catalogue: Catalogue, product: StreamingProduct) -> Iterable[str]:
    for consuming in product.consumers:
        declared = catalogue.applications.get(consuming.application)
        if not consuming.external and not (declared is not None and declared.external):
            yield consuming.application
