"""The plan: what it finds, what it refuses, what it leaves alone."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import date

import pytest

from headrace.model.product import TopicKind
from headrace.model.schema import Compatibility
from headrace.provisioning.changes import (
    ORDER,
    AdoptSubject,
    AdoptTopic,
    CreateTopic,
    DeleteSubject,
    DeleteTopic,
    Forget,
    PublishCatalogue,
    RegisterSchema,
    SetCompatibility,
    SetConfigs,
)
from headrace.provisioning.plan import decode_plan, encode_plan
from tests.unit.provisioning.catalogues import DAY_MS, Repository, data_schema, event, product
from tests.unit.provisioning.helpers import apply_all, plan_of
from tests.unit.provisioning.memory import World


@pytest.fixture
def applied() -> World:
    """A world to which the plain repository has been applied."""
    world = World()
    apply_all(Repository(), world)
    return world


def kinds(plan: object) -> Counter[str]:
    return Counter(type(change).__name__ for change in plan.changes)  # type: ignore[attr-defined]


def test_an_empty_cluster_gets_everything() -> None:
    """Topics, levels, schemas and the catalogue of both regions are planned, and nothing is refused."""
    plan = plan_of(Repository(), World())
    assert kinds(plan) == {
        "CreateTopic": 5 + 2 + 6,
        "SetCompatibility": 5,
        "RegisterSchema": 5,
        "PublishCatalogue": 2,
    }
    assert not plan.refusals and not plan.orphans and not plan.drift


def test_after_an_apply_there_is_nothing_to_do(applied: World) -> None:
    """The plan after an apply is empty and clean."""
    plan = plan_of(Repository(), applied)
    assert plan.clean and not plan.interruptions and not plan.drift


def test_changes_come_in_the_safe_order() -> None:
    """Within a region topics come before schemas, the catalogue after both, deletions last."""
    world = World()
    apply_all(Repository(), world)
    changed = Repository(products=(product("orders", [event("Thing", (1, 2))], retention_ms=DAY_MS), product("stock")))
    plan = plan_of(changed, world, allow_delete=100)
    for region in ("eu", "us"):
        ranks = [ORDER.index(type(change)) for change in plan.of_region(region)]
        assert ranks == sorted(ranks)
    assert {"CreateTopic", "SetConfigs", "RegisterSchema", "PublishCatalogue", "DeleteTopic"} <= set(kinds(plan))


def test_a_setting_changed_by_hand_is_set_back(applied: World) -> None:
    """A managed setting that differs is a change from its old to its new value."""
    applied.brokers["eu"].admin.set_configs({"orders.v1.acme": {"retention.ms": "5", "segment.ms": "77"}})
    (change,) = plan_of(Repository(), applied).changes
    assert isinstance(change, SetConfigs)
    assert change.old == {"retention.ms": "5", "segment.ms": "77"}
    assert change.new == {"retention.ms": str(7 * DAY_MS), "segment.ms": None}


def test_a_setting_that_headrace_does_not_manage_is_drift_and_left(applied: World) -> None:
    """Such a setting is shown and no change is planned for it."""
    applied.brokers["eu"].admin.set_configs({"orders.v1.acme": {"min.insync.replicas": "2"}})
    plan = plan_of(Repository(), applied)
    assert plan.clean
    assert [(d.name, d.configs) for d in plan.drift] == [("orders.v1.acme", {"min.insync.replicas": "2"})]


def test_the_order_of_cleanup_policies_is_no_difference(applied: World) -> None:
    """A set of policies counts, not the order or the spaces in which the broker writes them."""
    applied.brokers["eu"].admin.set_configs({"dlq.plan": {"cleanup.policy": "delete, compact"}})
    assert plan_of(Repository(), applied).clean


def test_a_log_that_becomes_state_changes_its_settings(applied: World) -> None:
    """The kind's settings are set, each shown with what it was."""
    state = Repository().with_product(product("orders", kind=TopicKind.STATE, retention_ms=None))
    changes = [c for c in plan_of(state, applied).changes if isinstance(c, SetConfigs)]
    assert len(changes) == 3
    assert changes[0].old["cleanup.policy"] == "delete" and changes[0].new["cleanup.policy"] == "compact"


def test_a_topic_with_more_partitions_is_refused() -> None:
    """An existing topic of two partitions cannot become ours."""
    world = World()
    world.brokers["eu"].admin.put("orders.v1.acme", {}, partitions=2)
    plan = plan_of(Repository(), world)
    assert [(r.rule, r.name) for r in plan.refusals] == [("partitions", "orders.v1.acme")]


def test_a_name_that_collides_with_a_stranger_s_is_refused_before_anything_is_made() -> None:
    """Kafka takes '.' and '_' for the same in a topic's name."""
    world = World()
    world.brokers["us"].admin.put("orders_v1.core", {})
    assert [(r.rule, r.name) for r in plan_of(Repository(), world).refusals] == [("collision", "orders.v1.core")]


def test_what_is_not_ours_is_never_touched() -> None:
    """Foreign topics and subjects, of our form of name too, appear in no change."""
    world = World()
    admin, registry = world.brokers["eu"].admin, world.registries["eu"]
    apply_all(Repository(), world)
    for name in ("orders.v1.stranger", "payments"):
        admin.put(name, {"retention.ms": "1"})
        registry.register(f"{name}-value", registry.by_subject["orders.v1.acme-value"][0])
    plan = plan_of(Repository(), world, allow_delete=1_000)
    assert plan.clean and not plan.orphans and not plan.drift


def test_a_declared_topic_that_is_there_is_adopted_in_the_open() -> None:
    """What the declaration names and the inventory does not becomes ours by a change of its own, and stays as it is but
    for the declared settings."""
    world = World()
    world.brokers["eu"].admin.put("orders.v1.acme", {"retention.ms": "1"})
    changes = [c for c in plan_of(Repository(), world).changes if c.name == "orders.v1.acme"]
    assert [type(c) for c in changes] == [AdoptTopic, SetConfigs]
    apply_all(Repository(), world)
    assert plan_of(Repository(), world).clean


def test_a_new_version_is_registered_in_each_tenant_s_subject(applied: World) -> None:
    """Only the missing version is planned, and it is not the first."""
    grown = Repository().with_product(product("orders", [event("Thing", (1, 2))]))
    registered = [c for c in plan_of(grown, applied).changes if isinstance(c, RegisterSchema)]
    assert [(c.name, c.version, c.first) for c in registered] == [
        ("orders.v1.acme-value", 2, False),
        ("orders.v1.bolt-value", 2, False),
        ("orders.v1.core-value", 2, False),
    ]


def test_an_applied_version_that_was_edited_is_refused(applied: World) -> None:
    """The refusal names subject and version in each subject that has it."""
    edited = event("Thing")
    document = {**data_schema(1), "description": "edited"}
    edited = replace(edited, versions=(replace(edited.versions[0], document=document),))
    refusals = plan_of(Repository().with_product(product("sales", [edited])), applied).refusals
    assert [(r.rule, r.name) for r in refusals] == [
        ("schema-changed", "sales.v1.acme-value"),
        ("schema-changed", "sales.v1.core-value"),
    ]
    assert "version 1" in refusals[0].message


def test_a_version_that_the_declaration_lacks_is_refused() -> None:
    """Someone registered by hand, or the declaration went back: either way nothing is done to the subject."""
    world = World()
    apply_all(Repository().with_product(product("orders", [event("Thing", (1, 2))])), world)
    refusals = plan_of(Repository(), world).refusals
    assert {r.rule for r in refusals} == {"schema-unknown"} and len(refusals) == 3


def test_versions_in_another_order_are_refused() -> None:
    """The registry's order must be the declared one."""
    world = World()
    apply_all(Repository().with_product(product("orders", [event("Thing", (1, 2))])), world)
    for registry in world.registries.values():
        for subject in registry.by_subject:
            registry.by_subject[subject].reverse()
    refusals = plan_of(Repository().with_product(product("orders", [event("Thing", (1, 2))])), world).refusals
    assert {r.rule for r in refusals} == {"schema-order"}


def test_a_schema_that_the_registry_rewrote_is_the_same() -> None:
    """Where texts differ the registry's own lookup decides, once per schema and not per tenant."""
    world = World("eu", bulk=False)
    apply_all(replace(Repository(), regions=("eu",)).without_tenant("core"), world)
    registry = world.registries["eu"]
    registry.stored = lambda schema: type(schema)(schema.format, json.dumps(json.loads(schema.text), indent=3))
    registry.calls.clear()
    assert plan_of(replace(Repository(), regions=("eu",)).without_tenant("core"), world).clean
    assert registry.calls.count("lookup") == 1


def test_another_level_is_a_change(applied: World) -> None:
    """The compatibility level is set per subject, with the old one shown."""
    full = Repository().with_product(product("sales", compatibility=Compatibility.FULL_TRANSITIVE))
    changes = plan_of(full, applied).changes
    assert [(type(c), c.name) for c in changes] == [
        (SetCompatibility, "sales.v1.acme-value"),
        (SetCompatibility, "sales.v1.core-value"),
    ]
    assert changes[0].old is Compatibility.FORWARD_TRANSITIVE  # type: ignore[union-attr]


def test_what_is_no_longer_declared_is_kept_and_shown(applied: World) -> None:
    """Without `allow_delete` a tenant's topics and subjects stay, and only the catalogue changes."""
    plan = plan_of(Repository().without_tenant("acme"), applied)
    assert [type(c) for c in plan.changes] == [PublishCatalogue, PublishCatalogue]
    assert [(o.resource, o.name) for o in plan.orphans] == [
        ("subject", "orders.v1.acme-value"),
        ("subject", "sales.v1.acme-value"),
        ("topic", "orders.v1.acme"),
        ("topic", "sales.v1.acme"),
    ]


def test_deletions_within_the_limit_are_planned_last(applied: World) -> None:
    """With a sufficient limit the same resources are deleted, subjects first, after the catalogue."""
    plan = plan_of(Repository().without_tenant("acme"), applied, allow_delete=4)
    assert not plan.refusals and not plan.orphans
    assert [type(c) for c in plan.of_region("eu")] == [PublishCatalogue, *[DeleteSubject] * 2, *[DeleteTopic] * 2]


@pytest.mark.parametrize("allowed", [0, 1, 3])
def test_more_deletions_than_allowed_are_refused_with_the_list(applied: World, allowed: int) -> None:
    """One refusal names each deletion and the number that would allow them."""
    (refusal,) = plan_of(Repository().without_tenant("acme"), applied, allow_delete=allowed).refusals
    assert refusal.rule == "deletions"
    assert "eu:orders.v1.acme-value" in refusal.message and "eu:sales.v1.acme" in refusal.message
    assert "--allow-delete 4" in refusal.hint


def test_the_repository_s_policy_limits_deletions_too(applied: World) -> None:
    """What the caller allows does not go beyond `maxDeletes`."""
    repository = replace(Repository(max_deletes=3).without_tenant("acme"))
    (refusal,) = plan_of(repository, applied, allow_delete=100).refusals
    assert "maxDeletes: 3" in refusal.message


def test_a_lost_inventory_deletes_nothing(applied: World) -> None:
    """Without it nothing is ours: the declared is adopted again, the rest is not even offered for deletion."""
    admin = applied.brokers["eu"].admin
    admin.delete_topics(["headrace-inventory.v1._platform"])
    plan = plan_of(Repository().without_tenant("acme"), applied, allow_delete=100)
    assert not plan.orphans and not plan.refusals
    assert not [c for c in plan.changes if isinstance(c, (DeleteTopic, DeleteSubject))]
    assert {type(c) for c in plan.of_region("eu")} == {CreateTopic, AdoptTopic, AdoptSubject, PublishCatalogue}


def test_a_topic_that_somebody_made_again_is_not_ours(applied: World) -> None:
    """A topic of the same name with another id is forgotten, not deleted."""
    admin = applied.brokers["eu"].admin
    admin.delete_topics(["orders.v1.acme"])
    admin.put("orders.v1.acme", {})
    plan = plan_of(Repository().without_tenant("acme"), applied, allow_delete=100)
    ours = {c.name: type(c) for c in plan.of_region("eu")}
    assert ours["orders.v1.acme"] is Forget and ours["sales.v1.acme"] is DeleteTopic


def test_what_was_deleted_by_hand_is_made_again_or_forgotten(applied: World) -> None:
    """Declared: made again. Not declared: its entry leaves the inventory."""
    applied.brokers["eu"].admin.delete_topics(["orders.v1.acme", "orders.v1.bolt"])
    plan = plan_of(Repository().without_tenant("acme"), applied)
    ours = {(type(c), c.name) for c in plan.of_region("eu")}
    assert (CreateTopic, "orders.v1.bolt") in ours and (Forget, "orders.v1.acme") in ours


def test_the_commit_alone_changes_nothing(applied: World) -> None:
    """A commit that touches no declaration of this region plans nothing."""
    assert plan_of(replace(Repository(), commit="another"), applied).clean


def test_a_day_can_change_the_catalogue() -> None:
    """The day after an event's sunset the catalogue says that it is retired."""

    from headrace.provisioning.desired import desired
    from headrace.provisioning.observed import observe
    from headrace.provisioning.plan import make_plan

    world = World()
    repository = Repository(products=(product("orders", [event("Thing", sunset=date(2026, 6, 1))]),))
    apply_all(repository, world)  # on the day of the sunset, when it still works
    wanted = desired(repository.catalogue(), today=date(2026, 6, 2))
    plan = make_plan(wanted, observe(wanted, world.connections))
    assert [type(c) for c in plan.changes] == [PublishCatalogue, PublishCatalogue]


def test_a_plan_survives_its_file() -> None:
    """Encoding and decoding a plan gives it back, and the same bytes."""
    plan = plan_of(Repository(), World())
    data = encode_plan(plan)
    assert decode_plan(data) == plan and encode_plan(decode_plan(data)) == data


def test_another_cluster_is_another_plan() -> None:
    """The hash binds a plan to the clusters that it was made for."""
    here, there = World(), World()
    there.brokers["eu"].admin.cluster = "another"
    assert plan_of(Repository(), here).hash != plan_of(Repository(), there).hash
