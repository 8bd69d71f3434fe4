"""The steps of a plan: values that say what one step does to one thing in one region. Frozen, JSON through msgspec."""

from __future__ import annotations

import msgspec

from headrace.model.schema import Compatibility


class _Step(msgspec.Struct, frozen=True, tag_field="action"):
    """``product``: its key (``order-proposals.v1``), or ``(platform)``, ``(dead letters)``. ``name``: the topic's or the
    subject's. ``tenant`` is empty for what belongs to no tenant."""

    region: str
    product: str
    tenant: str
    name: str

    @property
    def key(self) -> str:
        """Names the step within its region's plan, once."""
        return f"{self.__struct_config__.tag} {self.name}"


class CreateTopic(_Step, frozen=True, tag="create-topic"):
    configs: dict[str, str]


class AdoptTopic(_Step, frozen=True, tag="adopt-topic"):
    """The topic is declared and there, but not in the inventory: it becomes ours. Nothing of the topic changes."""

    id: str


class SetConfigs(_Step, frozen=True, tag="set-configs"):
    """``old`` and ``new`` by setting; None: not set."""

    old: dict[str, str | None]
    new: dict[str, str | None]


class SetCompatibility(_Step, frozen=True, tag="set-compatibility"):
    old: Compatibility | None
    new: Compatibility


class RegisterSchema(_Step, frozen=True, tag="register-schema"):
    """``version``: the product's schema version; ``first``: no version of the product stands in this region yet."""

    version: int
    fingerprint: str
    first: bool

    @property
    def key(self) -> str:
        return f"register-schema {self.name} {self.version}"


class AdoptSubject(_Step, frozen=True, tag="adopt-subject"):
    """As `AdoptTopic`."""


class PublishCatalogue(_Step, frozen=True, tag="publish-catalogue"):
    """``content``: the content hash, with the registry's ids as far as they are known."""

    products: int
    tenants: int
    content: str


class Forget(_Step, frozen=True, tag="forget"):
    """Take a resource out of the inventory: it is gone, or its name belongs to another one now."""

    resource: str


class DeleteSubject(_Step, frozen=True, tag="delete-subject"):
    """With all its versions."""


class DeleteTopic(_Step, frozen=True, tag="delete-topic"):
    """With all its records. ``id``: of the topic that is meant."""

    id: str


Change = (
    CreateTopic
    | AdoptTopic
    | SetConfigs
    | SetCompatibility
    | RegisterSchema
    | AdoptSubject
    | PublishCatalogue
    | Forget
    | DeleteSubject
    | DeleteTopic
)

ORDER: tuple[type, ...] = (
    CreateTopic,
    AdoptTopic,
    SetConfigs,
    SetCompatibility,
    RegisterSchema,
    AdoptSubject,
    PublishCatalogue,
    Forget,
    DeleteSubject,
    DeleteTopic,
)
"""The safe order within a region: a program that reads the new catalogue finds what it names, and nothing is deleted while
the catalogue in force still names it."""

DELETIONS = (DeleteSubject, DeleteTopic)


class Refusal(msgspec.Struct, frozen=True):
    """Why the plan may not be applied. ``rule`` is stable: ``partitions``, ``collision``, ``schema-unknown``,
    ``schema-changed``, ``schema-order``, ``deletions``."""

    region: str
    product: str
    rule: str
    name: str
    message: str
    hint: str


class Orphan(msgspec.Struct, frozen=True):
    """Ours, there, and not declared any more; kept, because nobody allowed its deletion."""

    region: str
    product: str
    tenant: str
    name: str
    resource: str


class Drift(msgspec.Struct, frozen=True):
    """Settings of a topic of ours that Headrace does not manage and somebody has set; left as they are."""

    region: str
    product: str
    tenant: str
    name: str
    configs: dict[str, str]


class Interruption(msgspec.Struct, frozen=True):
    """The last apply of the region did not end: ``done`` of ``total`` changes."""

    region: str
    apply: str
    plan: str
    done: int
    total: int
    time: int


class Capacity(msgspec.Struct, frozen=True):
    """A region's cluster, and what it holds now and after: topics and partitions (the same number) of the whole cluster,
    schema versions of this catalogue. ``seconds``: about how long the changes take."""

    region: str
    kind: str
    cluster_id: str
    topics: int
    topics_after: int
    schemas: int
    schemas_after: int
    seconds: float


class Plan(msgspec.Struct, frozen=True):
    """``hash`` is over what apply would do: the clusters' ids, the changes and the refusals, and nothing else (not the
    commit, not notes). ``allow_delete``: as given when it was made."""

    hash: str
    commit: str | None
    allow_delete: int | None
    changes: tuple[Change, ...]
    refusals: tuple[Refusal, ...]
    orphans: tuple[Orphan, ...]
    drift: tuple[Drift, ...]
    interruptions: tuple[Interruption, ...]
    capacity: tuple[Capacity, ...]

    @property
    def clean(self) -> bool:
        """Nothing to do, nothing refused."""
        return not self.changes and not self.refusals

    def of_region(self, region: str) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.region == region)
