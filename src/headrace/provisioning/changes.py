"""The steps of a plan: values that say what one step does to one thing in one region. Frozen, JSON through msgspec."""

from __future__ import annotations

import msgspec

from headrace.interfaces.access import AccessRule
from headrace.model.schema import Compatibility


class _Step(msgspec.Struct, frozen=True, tag_field="action"):
    """``product``: its key (``order-proposals.v1``), or ``(platform)``, ``(dead letters)``, ``(applications)``, ``(tenants)``.
    ``name``: the topic's or the subject's, or an access rule's text. ``tenant`` is empty for what belongs to no tenant."""

    region: str
    product: str
    tenant: str
    name: str

    @property
    def key(self) -> str:
        """Names the step within its region's plan, once."""
        return f"{self.__struct_config__.tag} {self.name}"


class DenyAccess(_Step, frozen=True, tag="deny-access"):
    """Enter a rule that denies: before the topic is made that it is about, and before what it narrows is granted."""

    rule: AccessRule


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


class RegisterSchema(_Step, frozen=True, tag="register-schema", omit_defaults=True):
    """``version``: the product's schema version; ``first``: no version of the product stands in this region yet.
    ``exception``: why the subject's rule is lifted for it, and who approved that; None: it is not."""

    version: int
    fingerprint: str
    first: bool
    exception: str | None = None

    @property
    def key(self) -> str:
        return f"register-schema {self.name} {self.version}"


class AdoptSubject(_Step, frozen=True, tag="adopt-subject"):
    """As `AdoptTopic`."""


class AdoptAccess(_Step, frozen=True, tag="adopt-access"):
    """As `AdoptTopic`, for an access rule of either kind."""

    rule: AccessRule


class GrantAccess(_Step, frozen=True, tag="grant-access"):
    rule: AccessRule


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


class RevokeAccess(_Step, frozen=True, tag="revoke-access"):
    """Take a rule of ours out, of either kind."""

    rule: AccessRule


Change = (
    DenyAccess
    | CreateTopic
    | AdoptTopic
    | SetConfigs
    | SetCompatibility
    | RegisterSchema
    | AdoptSubject
    | AdoptAccess
    | GrantAccess
    | PublishCatalogue
    | Forget
    | DeleteSubject
    | DeleteTopic
    | RevokeAccess
)

ORDER: tuple[type, ...] = (
    DenyAccess,
    CreateTopic,
    AdoptTopic,
    SetConfigs,
    SetCompatibility,
    RegisterSchema,
    AdoptSubject,
    AdoptAccess,
    GrantAccess,
    PublishCatalogue,
    Forget,
    DeleteSubject,
    DeleteTopic,
    RevokeAccess,
)
"""The safe order within a region: a program that reads the new catalogue finds what it names and may use it, and nothing is
deleted or revoked while the catalogue in force still names it. What denies comes first, so that nothing stands open even for a
moment, and what guarded a topic goes after it. (Headrace's own topics are made before all of it.)"""

DELETIONS = (DeleteSubject, DeleteTopic)


class Refusal(msgspec.Struct, frozen=True):
    """Why the plan may not be applied. ``rule`` is stable: ``partitions``, ``collision``, ``schema-unknown``,
    ``schema-changed``, ``schema-order``, ``schema-incompatible``, ``schema-refused``, ``exception-expired``, ``deletions``."""

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


class ForeignRule(msgspec.Struct, frozen=True):
    """An access rule about what is ours that is not ours, and not an operator's: left as it is. ``hole``: it lets in
    everybody, or its principal everywhere."""

    region: str
    rule: AccessRule
    hole: bool


class PlanWarning(msgspec.Struct, frozen=True):
    """Something to know that no change makes better. ``rule`` is stable: ``no-authorizer``."""

    region: str
    rule: str
    message: str


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
    schema versions of this catalogue, access rules of the whole cluster (None: it keeps none). ``seconds``: about how long the
    changes take."""

    region: str
    kind: str
    cluster_id: str
    topics: int
    topics_after: int
    schemas: int
    schemas_after: int
    seconds: float
    rules: int | None = None
    rules_after: int | None = None


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
    foreign: tuple[ForeignRule, ...]
    warnings: tuple[PlanWarning, ...]
    interruptions: tuple[Interruption, ...]
    capacity: tuple[Capacity, ...]

    @property
    def clean(self) -> bool:
        """Nothing to do, nothing refused."""
        return not self.changes and not self.refusals

    def of_region(self, region: str) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.region == region)
