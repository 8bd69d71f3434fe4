"""Where a tenant's resources are, as the live clusters and registries of all regions say. Pure.

A tenant lives in one region. Every resource that bears its name (a topic, a subject, offsets committed for its topic, a
dead letter of its records, its entry in the compiled catalogue) is to be there, and in no other region. That a region's
catalogue names a tenant of another one, with the id of its region, is no data of it and does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from headrace.model import names
from headrace.model.catalogue import Catalogue


class Kind(StrEnum):
    TOPIC = "topic"
    SUBJECT = "subject"
    OFFSET = "committed offset"
    DEAD_LETTER = "dead letter"
    ENTRY = "catalogue entry"


@dataclass(frozen=True)
class Found:
    """What one region's cluster and registry hold. ``topics`` and ``subjects``: all names. ``offsets``: by group, the topics
    that it has committed for. ``dead_letters``: by dead-letter topic, how many there are of each topic of origin.
    ``tenants``: those of the published catalogue, None where there is none."""

    cluster_id: str
    topics: Set[str]
    subjects: Set[str]
    offsets: Mapping[str, Set[str]] = field(default_factory=dict)
    dead_letters: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    tenants: Set[str] | None = None


class Place(NamedTuple):
    """How many resources of a kind a tenant has in a region. ``home``: whether they may be there. ``names``: theirs, sorted;
    of offsets and dead letters as ``group: topic``."""

    tenant: str
    region: str
    kind: Kind
    number: int
    home: bool
    names: tuple[str, ...]


class Problem(NamedTuple):
    """``tenant`` None: it is about clusters, not about one tenant."""

    tenant: str | None
    region: str
    message: str
    hint: str


@dataclass(frozen=True)
class Residency:
    """``places`` by tenant, region and kind. ``regions``: the tenants' own, by declared tenant."""

    regions: Mapping[str, str]
    places: tuple[Place, ...]
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        return not self.problems


def residency(catalogue: Catalogue, found: Mapping[str, Found], tenant: str | None = None) -> Residency:
    """Where the resources of all tenants are, or those of one. ``found``: by region id, of every declared region."""
    places = tuple(p for p in _places(catalogue, found) if tenant in (None, p.tenant))
    problems = [*_shared_clusters(found), *(problem for place in places for problem in _of_place(catalogue, place))]
    homes = {id_: t.region for id_, t in sorted(catalogue.tenants.items()) if tenant in (None, id_)}
    return Residency(homes, places, tuple(problems))


def _shared_clusters(found: Mapping[str, Found]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for region, there in sorted(found.items()):
        other = first.setdefault(there.cluster_id, region)
        if other != region:
            yield Problem(
                None,
                region,
                f"the regions {other} and {region} are on one cluster, {there.cluster_id}",
                "give each region a cluster of its own in headrace.yaml, with its clusterId",
            )


def _places(catalogue: Catalogue, found: Mapping[str, Found]) -> Iterator[Place]:
    declared = {product.id for product in catalogue.products.values()}
    rows: dict[tuple[str, str, Kind], list[tuple[str, int]]] = {}
    for region, there in found.items():
        for tenant, kind, name, count in _resources(there, declared, catalogue.tenants.keys()):
            rows.setdefault((tenant, region, kind), []).append((name, count))
    order = list(Kind)
    for (tenant, region, kind), resources in sorted(rows.items(), key=lambda r: (*r[0][:2], order.index(r[0][2]))):
        home = catalogue.tenants[tenant].region if tenant in catalogue.tenants else None
        yield Place(
            tenant,
            region,
            kind,
            sum(count for _, count in resources),
            home == region,
            tuple(sorted(name for name, _ in resources)),
        )


def _resources(there: Found, products: Set[str], tenants: Set[str]) -> Iterator[tuple[str, Kind, str, int]]:
    """Each resource with the tenant whose it is. A name counts by its product or by its tenant: what bears neither of them is
    somebody else's."""

    def of(topic: str) -> str | None:
        parsed = names.parse_topic(topic)
        if parsed is None or parsed.tenant == names.PLATFORM_TENANT:
            return None
        return parsed.tenant if parsed.product in products or parsed.tenant in tenants else None

    def each(
        kind: Kind, listed: Set[str], topic_of: Callable[[str], str | None]
    ) -> Iterator[tuple[str, Kind, str, int]]:
        for name in listed:
            topic = topic_of(name)
            tenant = None if topic is None else of(topic)
            if tenant is not None:
                yield tenant, kind, name, 1

    yield from each(Kind.TOPIC, there.topics, str)
    yield from each(Kind.SUBJECT, there.subjects, names.topic_of_subject)
    for group, topics in there.offsets.items():
        for topic in topics:
            if (tenant := of(topic)) is not None:
                yield tenant, Kind.OFFSET, f"{group}: {topic}", 1
    for letters, origins in there.dead_letters.items():
        for topic, count in origins.items():
            if (tenant := of(topic)) is not None:
                yield tenant, Kind.DEAD_LETTER, f"{letters}: {topic}", count
    for tenant in there.tenants or ():
        yield tenant, Kind.ENTRY, tenant, 1


_REMEDY = {
    Kind.TOPIC: "see what is in it, then delete it there (`headrace apply --allow-delete N` does, if Headrace made it)",
    Kind.SUBJECT: "delete the subject there (`headrace apply --allow-delete N` does, if Headrace made it)",
    Kind.OFFSET: "delete the group's offsets there, when its topic is gone",
    Kind.DEAD_LETTER: "find out how it came there, then erase the dead letters",
    Kind.ENTRY: "run `headrace apply` for this region: its programs still take the tenant for theirs",
}


def _of_place(catalogue: Catalogue, place: Place) -> Iterator[Problem]:
    if place.home:
        return
    shown = ", ".join(place.names[:3]) + (f" and {len(place.names) - 3} more" if len(place.names) > 3 else "")
    declared = catalogue.tenants.get(place.tenant)
    plural = "catalogue entries" if place.kind is Kind.ENTRY else f"{place.kind}s"
    counted = f"{place.number:,} {place.kind if place.number == 1 else plural}"
    if declared is None:
        said = f"{counted} in {place.region} of {place.tenant}, a tenant that is not declared: {shown}"
        hint = f"declare it in tenants/{place.tenant}.yaml, or {_REMEDY[place.kind]}"
    else:
        said = f"{counted} of {place.tenant} in {place.region}; it lives in {declared.region}: {shown}"
        hint = _REMEDY[place.kind]
    yield Problem(place.tenant, place.region, said, hint)
