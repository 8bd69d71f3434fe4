"""check, plan and apply, as the commands of these names do them, on clusters that are the demo's alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from headrace.catalogue.load import load
from headrace.cli.regions import open_regions
from headrace.errors import ClusterInUse
from headrace.interfaces.broker import KnowsNodes, TopicSpec
from headrace.model import names
from headrace.model.catalogue import Catalogue
from headrace.model.region import Region
from headrace.provisioning.apply import apply_plan, new_apply_id, refuse
from headrace.provisioning.changes import Plan
from headrace.provisioning.desired import DesiredRegion, desired
from headrace.provisioning.observed import RegionConnection, observe
from headrace.provisioning.plan import make_plan

MARK = names.topic(f"{names.RESERVED_PREFIX}demo", 1, names.PLATFORM_TENANT)
"""A cluster with this topic holds what a demo left behind, which the next one clears away."""


@dataclass(frozen=True, slots=True)
class ClusterShown:
    """What a region runs on. ``nodes``: where its brokers listen; empty where it has none (embedded)."""

    region: str
    kind: str
    cluster_id: str
    address: str
    nodes: tuple[str, ...]
    registry: str


@dataclass(frozen=True, slots=True)
class Provisioned:
    """``again``: the plan after the apply, which must have nothing left to do."""

    catalogue: Catalogue
    clusters: tuple[ClusterShown, ...]
    plan: Plan
    again: Plan


def provision(folder: Path, *, shared: bool = False) -> Provisioned:
    """Make what the repository declares. ``shared``: on clusters that hold topics of others too. Raises `CatalogueError`,
    `ClusterInUse`, `PolicyRefused`, `PartialApply`, and what the adapters raise."""
    catalogue = load(folder)
    wanted = desired(catalogue)
    with open_regions(catalogue, folder, sorted(catalogue.regions)) as connections:
        observe(wanted, connections)  # the right clusters, before anything is touched
        for id_, connection in connections.items():
            refuse_others(wanted.regions[id_], connection, shared=shared)
        for id_, connection in connections.items():
            clear(wanted.regions[id_], connection)
        found = observe(wanted, connections)
        plan = make_plan(wanted, found)
        refuse(plan)
        apply_plan(plan, wanted, found, connections, apply_id=new_apply_id())
        again = make_plan(wanted, observe(wanted, connections))
        shown = tuple(
            _shown(catalogue.regions[id_], connection, folder) for id_, connection in sorted(connections.items())
        )
        return Provisioned(catalogue, shown, plan, again)


def refuse_others(wanted: DesiredRegion, connection: RegionConnection, *, shared: bool) -> None:
    """Raise `ClusterInUse` where a cluster holds what is not the demo's: topics of other names, unless ``shared``; topics of
    the same names that no demo has made, in any case."""
    there = connection.broker.admin.topics().keys()
    ours = wanted.topics.keys() & there
    # The registry's own topic, say, is nobody's data.
    others = sorted(name for name in there - wanted.topics.keys() if not name.startswith(names.RESERVED_PREFIX))
    region = wanted.region.id
    if ours and MARK not in there:
        raise ClusterInUse(
            f"the cluster of region {region} holds {_some(sorted(ours))} of the demo's own names, made by somebody else",
            hint="the demo would mix its events with theirs: give it a cluster without them",
            region=region,
            topics=sorted(ours),
        )
    if others and not shared:
        raise ClusterInUse(
            f"the cluster of region {region} holds {_some(others)} that no demo made",
            hint="use a cluster of its own, or say with --shared that it may make its topics beside them",
            region=region,
            topics=others,
        )


def _some(topics: list[str]) -> str:
    more = f" and {len(topics) - 1} more" if len(topics) > 1 else ""
    return f"the topic {topics[0]}{more}"


def clear(wanted: DesiredRegion, connection: RegionConnection) -> None:
    """Take away what an earlier demo left on the cluster, and mark it as the demo's."""
    admin, registry = connection.broker.admin, connection.registry
    there = admin.topics()
    if MARK not in there:
        _raise_first(admin.create_topics([TopicSpec(MARK)]))
        return
    ours = [name for name in there if name in wanted.topics]
    for group in admin.groups():
        # A group is the demo's if all that it has ever read is.
        committed = admin.group_offsets(group)
        if committed and committed.keys() <= wanted.topics.keys():
            admin.delete_group(group)
    _raise_first(admin.delete_topics(ours))
    for subject in registry.subjects():
        if subject in wanted.subjects:
            registry.delete_subject(subject)


def _raise_first(answers: Mapping[str, Exception | None]) -> None:
    for error in answers.values():
        if error is not None:
            raise error


def _shown(region: Region, connection: RegionConnection, folder: Path) -> ClusterShown:
    admin = connection.broker.admin
    embedded = region.cluster.kind == "embedded"
    return ClusterShown(
        region=region.id,
        kind=region.cluster.kind,
        cluster_id=admin.cluster_id(),
        address=str(_folder(region, folder)) if embedded else region.cluster.bootstrap or "",
        nodes=tuple(admin.nodes()) if isinstance(admin, KnowsNodes) else (),
        registry=region.registry.url or "embedded",
    )


def _folder(region: Region, folder: Path) -> Path:
    return folder / (region.cluster.path or f".headrace/{region.id}")


def worker_settings(region: Region, folder: Path) -> str:
    """The settings file (TOML) of the region's applications: where it is, and how to reach it. The demo's applications share
    the region's own credentials, which stand there as references."""
    lines = {"region": region.id}
    if region.cluster.kind == "embedded":
        lines["cluster"] = f"embedded:{_folder(region, folder)}"
    else:
        lines["cluster"] = f"kafka:{region.cluster.bootstrap}"
    lines["registry"] = region.registry.url or "embedded"
    if region.cluster.cluster_id is not None:
        lines["cluster_id"] = region.cluster.cluster_id
    tables = {"cluster_properties": region.cluster.properties, "registry_properties": region.registry.properties}
    text = _table(lines)
    for name, table in tables.items():
        if table:
            text += f"\n[{name}]\n{_table(table)}"
    return text


def _table(values: Mapping[str, str]) -> str:
    # A JSON text is a basic string of TOML, too.
    return "".join(f"{_quoted(name)} = {_quoted(value)}\n" for name, value in values.items())


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
