"""A region: where tenants' data lives. Each has its own cluster and its own registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from headrace.model.schema import Framing


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """``kind``: ``embedded`` (``path``: a folder) or ``kafka`` (``bootstrap``: host:port,...).

    ``cluster_id``: the id that the cluster must answer with, where declared. ``properties``: further settings of the
    client, by librdkafka's names; a value of ``env:NAME`` is read from the environment, so no secret stands in Git.
    ``operators``: principals that are no application's and have access rules of their own there (who applies, who watches).
    """

    kind: str
    path: str | None = None
    bootstrap: str | None = None
    cluster_id: str | None = None
    properties: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    operators: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RegistryAddress:
    """``kind``: ``embedded`` (lives in the cluster's folder) or ``http`` (``url``).

    ``drafts``: the drafts of JSON Schema that it is declared to support (``draft-07``, ``2019-09``, ``2020-12``).
    ``framing``: how records of the region say which of its schemas they were written with.
    ``profile``: the product that it is, for foretelling its answers (see `headrace.catalogue.compatibility.profiles`).
    """

    kind: str
    url: str | None = None
    properties: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    drafts: tuple[str, ...] = ("draft-07",)
    framing: Framing = Framing.PREFIX
    profile: str = "confluent"


@dataclass(frozen=True, slots=True)
class Region:
    id: str
    name: str
    cluster: ClusterAddress
    registry: RegistryAddress
