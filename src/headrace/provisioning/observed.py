"""What is there: a region's topics, subjects, access rules, inventory, published catalogue and last apply, read in bulk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from headrace.clock import SYSTEM_CLOCK, Clock
from headrace.errors import RegistryError, WrongCluster
from headrace.interfaces.access import AccessRule
from headrace.interfaces.broker import Broker, TopicDescription
from headrace.interfaces.registry import SchemaRegistry, SubjectState
from headrace.model import names
from headrace.model.compiled_records import HEAD, content_hash, latest, read_head
from headrace.model.region import Region
from headrace.model.schema import Compatibility
from headrace.provisioning import bulk
from headrace.provisioning.desired import Desired, DesiredRegion, DesiredSubject, Schema, fingerprint
from headrace.provisioning.inventory import Inventory, read_inventory
from headrace.provisioning.journal import JournalEntry, last_entry
from headrace.provisioning.together import in_each_region
from headrace.provisioning.topic_reader import read_topic


@dataclass(frozen=True)
class RegionConnection:
    """What provisioning needs of one region. The caller opens and closes it."""

    broker: Broker
    registry: SchemaRegistry


class ObservedVersion(NamedTuple):
    """``fingerprint``: see `desired.fingerprint`; a desired schema's own where the registry says that they are the same."""

    version: int
    id: int
    fingerprint: str


class ObservedSubject(NamedTuple):
    """``versions`` ascend. ``compatibility``: the level set on the subject itself, or None."""

    versions: tuple[ObservedVersion, ...]
    compatibility: Compatibility | None


@dataclass(frozen=True)
class ObservedRegion:
    """``topics``: all of the cluster's. ``subjects``: those that are wanted or in the inventory, and there.
    ``published``: the content hash of the published catalogue, where a whole one is. ``rules``: all of the cluster's; None
    where it keeps none, and then ``unguarded`` says whether it could."""

    cluster_id: str
    topics: Mapping[str, TopicDescription]
    subjects: Mapping[str, ObservedSubject]
    rules: frozenset[AccessRule] | None
    unguarded: bool
    inventory: Inventory
    published: str | None
    last_apply: JournalEntry | None


Observed = Mapping[str, ObservedRegion]
"""By region id."""


def observe(wanted: Desired, connections: Mapping[str, RegionConnection], clock: Clock = SYSTEM_CLOCK) -> Observed:
    """Read every region of ``wanted``; nothing is written.

    Raises `WrongCluster` where a cluster is not the declared one or serves another region, and what the broker and the
    registry raise when they cannot be reached.
    """
    return in_each_region(wanted.regions, lambda id_: _region(wanted.regions[id_], connections[id_], clock))


def _region(wanted: DesiredRegion, connection: RegionConnection, clock: Clock) -> ObservedRegion:
    broker = connection.broker
    cluster_id = broker.admin.cluster_id()
    _check_cluster(wanted.region, cluster_id)
    topics = broker.admin.topics()
    there = topics.keys()
    inventory = read_inventory(broker, clock) if names.inventory_topic() in there else Inventory()
    published = _published(wanted.region, cluster_id, broker, clock) if names.catalogue_topic() in there else None
    last_apply = last_entry(broker, clock) if names.journal_topic() in there else None
    rules = None if broker.access is None else broker.access.rules()
    of_interest = {*wanted.subjects, *inventory.subjects}
    return ObservedRegion(
        cluster_id=cluster_id,
        topics=topics,
        subjects=_subjects(connection.registry, of_interest, wanted.subjects),
        rules=rules,
        unguarded=broker.access is not None and rules is None,
        inventory=inventory,
        published=published,
        last_apply=last_apply,
    )


def _check_cluster(region: Region, cluster_id: str) -> None:
    declared = region.cluster.cluster_id
    if declared is not None and declared != cluster_id:
        raise WrongCluster(
            f"region {region.id}: the cluster answers with id {cluster_id}; the declaration names {declared}",
            hint="check the cluster's address in headrace.yaml, or its clusterId if the cluster was replaced",
            region=region.id,
            declared=declared,
            found=cluster_id,
        )


def _published(region: Region, cluster_id: str, broker: Broker, clock: Clock) -> str | None:
    values = latest(read_topic(broker, names.catalogue_topic(), clock))
    head_value = values.pop(HEAD, None)
    head = None if head_value is None else read_head(head_value)
    if head is None:
        return None
    if head.region != region.id:
        raise WrongCluster(
            f"region {region.id}: the cluster holds the catalogue of region {head.region}",
            hint="check the cluster's address in headrace.yaml: each region has a cluster of its own",
            region=region.id,
            found=head.region,
        )
    if head.cluster_id not in (None, cluster_id):
        return None  # a copy of another cluster's: programs refuse it until it is published here
    return head.hash if head.hash == content_hash(head.region, values) else None


def _subjects(
    registry: SchemaRegistry, of_interest: set[str], wanted: Mapping[str, DesiredSubject]
) -> dict[str, ObservedSubject]:
    if not of_interest:
        return {}
    found = bulk.states(registry, of_interest)
    reader = _SchemaReader(registry)
    return {name: reader.subject(name, state, wanted.get(name)) for name, state in found.items()}


class _SchemaReader:
    """Fingerprints of registered schemas. What an id means never changes, so each is read once."""

    def __init__(self, registry: SchemaRegistry) -> None:
        self._registry = registry
        self._fingerprints: dict[int, str] = {}
        self._same: dict[tuple[int, str], bool] = {}
        self._versions: dict[tuple[object, ...], tuple[ObservedVersion, ...]] = {}

    def subject(self, name: str, state: SubjectState, wanted: DesiredSubject | None) -> ObservedSubject:
        # All tenants of a product have the same versions with the same ids, so the work is done once per product.
        place = (state.versions, None if wanted is None else wanted.product)
        versions = self._versions.get(place)
        if versions is None:
            schemas = () if wanted is None else wanted.schemas
            versions = self._versions[place] = tuple(
                self._version(name, version, id_, schemas[position] if position < len(schemas) else None)
                for position, (version, id_) in enumerate(state.versions)
            )
        return ObservedSubject(versions, state.compatibility)

    def _version(self, subject: str, version: int, schema_id: int, wanted: Schema | None) -> ObservedVersion:
        found = self._fingerprints.get(schema_id)
        if found is None:
            found = self._fingerprints[schema_id] = fingerprint(self._registry.by_id(schema_id))
        if wanted is not None and found != wanted.fingerprint and self._is_same(subject, schema_id, wanted):
            found = wanted.fingerprint
        return ObservedVersion(version, schema_id, found)

    def _is_same(self, subject: str, schema_id: int, wanted: Schema) -> bool:
        """Whether the registry takes the two for one. Registries rewrite what they store (Confluent's prints Avro anew),
        so a different text may be the same schema; only the registry knows."""
        place = (schema_id, wanted.fingerprint)
        if place not in self._same:
            try:
                self._same[place] = self._registry.lookup(subject, wanted.text).id == schema_id
            except RegistryError as error:
                if error.retryable:
                    raise
                self._same[place] = False
        return self._same[place]
