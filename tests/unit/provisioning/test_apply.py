"""Carrying out a plan: all of it, part of it, and again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headrace.clock import ManualClock
from headrace.errors import (
    ApplyInterrupted,
    BrokerUnavailable,
    IncompatibleSchema,
    PartialApply,
    PolicyRefused,
    RegistryUnavailable,
    WrongCluster,
)
from headrace.model import names
from headrace.model.compiled_records import from_records
from headrace.provisioning.apply_region import Step
from headrace.provisioning.changes import DELETIONS, PublishCatalogue
from headrace.provisioning.journal import Outcome, last_entry
from headrace.provisioning.self_check import SCRATCH
from tests.unit.provisioning.catalogues import Repository, event, product
from tests.unit.provisioning.helpers import apply_all, plan_of
from tests.unit.provisioning.memory import World

GROWN = Repository(products=(product("orders", [event("Thing", (1, 2))]), product("sales")))


def complete() -> World:
    world = World()
    apply_all(GROWN, world)
    return world


@pytest.mark.parametrize("bulk", [True, False])
def test_apply_makes_what_is_declared(bulk: bool) -> None:
    """Topics, levels, schemas and catalogue are there afterwards, with a registry of either kind."""
    world = World(bulk=bulk)
    result = apply_all(GROWN, world)
    assert sum(result.done.values()) > 0
    assert world.state() == complete().state()
    eu = world.registries["eu"]
    assert len(eu.by_subject["orders.v1.acme-value"]) == 2
    assert eu.levels["orders.v1.acme-value"].value == "FORWARD_TRANSITIVE"
    assert plan_of(GROWN, world).clean


def test_the_published_catalogue_is_the_region_s_own() -> None:
    """Each region's topic holds its tenants only, the ids and regions of others, and its registry's schema ids."""
    world = complete()
    us = from_records(world.brokers["us"].admin.logs[names.catalogue_topic()])
    assert us is not None and us.region == "us"
    assert set(us.tenants) == {"core"} and us.elsewhere == {"acme": "eu", "bolt": "eu"}
    ids = {s.id for p in us.products.values() for s in p.schemas}
    assert ids == set(world.registries["us"].ids.values()) and min(ids) > 200


def test_a_small_change_of_the_catalogue_writes_few_records() -> None:
    """Only what changed is written, with a tombstone for what is gone, and the head last."""
    world = complete()
    log = world.brokers["us"].admin.logs[names.catalogue_topic()]
    before = len(log)
    apply_all(GROWN.without_tenant("bolt"), world)
    assert [(r.key, r.value is None) for r in log[before:]] == [(b"elsewhere/bolt", True), (b"head", False)]


def test_progress_adds_up_to_the_plan() -> None:
    """The steps told to a progress bar count every change once."""
    world = World()
    plan = plan_of(GROWN, world)
    steps: list[Step] = []
    apply_all(GROWN, world, progress=steps.append, batch=3)
    assert sum(step.count for step in steps) == len(plan.changes)


def test_topics_are_made_in_batches() -> None:
    """A batch is one call to the broker."""
    world = World("eu")
    apply_all(replace(Repository(), regions=("eu",)).without_tenant("core"), world)
    assert world.brokers["eu"].admin.calls == ["create 3", "create 4"]  # Headrace's own, then the others


def test_an_interrupted_apply_reaches_the_same_state_when_resumed() -> None:
    """Stopped after any number of batches of one change, the next apply goes on to the same end."""
    wanted = complete().state()
    total = len(plan_of(GROWN, World()).changes)
    for stop_after in range(0, total - 6, 3):  # the six topics of Headrace itself are made without asking
        world = World()
        asked = iter(range(total + 10))
        with pytest.raises(ApplyInterrupted) as caught:
            apply_all(GROWN, world, stop=lambda left=asked, n=stop_after: next(left) >= n, batch=1)
        assert caught.value.total == total
        rest = plan_of(GROWN, world)
        left = {change.region for change in rest.changes}
        assert left and left <= {interruption.region for interruption in rest.interruptions}
        assert not any(type(c).__name__.startswith("Adopt") for c in rest.changes)
        apply_all(GROWN, world)
        assert world.state() == wanted
        assert plan_of(GROWN, world).clean and not plan_of(GROWN, world).interruptions


def test_a_server_that_dies_at_any_call_leaves_what_the_next_apply_finishes() -> None:
    """The broker gone after each possible number of calls: the apply says so, and the next one reaches the end."""
    wanted = complete().state()
    failed = 0
    for calls in range(1, 200):
        world = World()
        world.brokers["eu"].faults.calls_left = calls
        try:
            apply_all(GROWN, world, batch=2)
        except (BrokerUnavailable, PartialApply):
            failed += 1
        else:
            break
        world.brokers["eu"].faults.calls_left = None
        world.brokers["eu"].faults.gone = False
        apply_all(GROWN, world)
        assert world.state() == wanted
        assert plan_of(GROWN, world).clean and not plan_of(GROWN, world).interruptions
    assert failed > 15, "the loop must have met a dying server"


@pytest.mark.parametrize(
    ("side", "name", "failing"),
    [
        ("broker", "orders.v1.bolt", 1),
        ("registry", "orders.v1.bolt-value", 2),
        ("registry", "level of orders.v1.bolt-value", 1 + 2),
    ],
)
def test_a_failure_is_listed_and_the_next_apply_finishes(side: str, name: str, failing: int) -> None:
    """The others are made, the region's catalogue waits, other regions are complete, and the cause gone all is well."""
    world = World(bulk=False)
    part = world.brokers["eu"] if side == "broker" else world.registries["eu"]
    part.faults.broken.add(name)
    with pytest.raises(PartialApply) as caught:
        apply_all(GROWN, world)
    failures = caught.value.failures
    assert len(failures) == failing and all("orders.v1.bolt" in f["change"] for f in failures)
    assert caught.value.skipped == 1  # the catalogue
    assert "orders.v1.acme" in world.brokers["eu"].admin.there
    assert not world.brokers["eu"].admin.logs[names.catalogue_topic()]
    assert world.brokers["us"].admin.logs[names.catalogue_topic()]
    entry = last_entry(world.brokers["eu"], ManualClock())  # type: ignore[arg-type]
    assert entry is not None and entry.outcome is Outcome.PARTIAL and entry.failed == failing
    part.faults.broken.clear()
    apply_all(GROWN, world)
    assert world.state() == complete().state()


def test_a_version_never_takes_the_place_of_one_that_failed() -> None:
    """Where version 1 is refused, version 2 is not tried: the registry would call it version 1."""
    world = World()
    world.registries["eu"].faults.broken.add("orders.v1.bolt-value")
    with pytest.raises(PartialApply) as caught:
        apply_all(GROWN, world, batch=1)
    assert [f["change"] for f in caught.value.failures] == [
        "register-schema orders.v1.bolt-value 1",
        "register-schema orders.v1.bolt-value 2",
    ]
    assert "not tried" in caught.value.failures[1]["error"]
    assert "orders.v1.bolt-value" not in world.registries["eu"].by_subject


def test_nothing_is_deleted_while_something_else_fails() -> None:
    """Deletions are held back, as the catalogue in force may still name what they delete."""
    world = complete()
    smaller = GROWN.without_tenant("acme").with_product(product("new"))
    world.brokers["eu"].faults.broken.add("new.v1.bolt")
    repository = replace(smaller, tenants={**smaller.tenants, "bolt": ("eu", ("*",))})
    with pytest.raises(PartialApply):
        apply_all(repository, world, allow_delete=10)
    assert "orders.v1.acme" in world.brokers["eu"].admin.there


def test_deletions_are_carried_out_and_forgotten() -> None:
    """What was allowed is gone from broker, registry and inventory."""
    world = complete()
    apply_all(GROWN.without_tenant("acme"), world, allow_delete=4)
    assert not [t for t in world.brokers["eu"].admin.there if t.endswith(".acme")]
    assert not [s for s in world.registries["eu"].by_subject if ".acme" in s]
    plan = plan_of(GROWN.without_tenant("acme"), world, allow_delete=0)
    assert plan.clean and not plan.orphans


def test_a_refused_plan_touches_nothing() -> None:
    """The refusals come as one error, before the first call that changes anything."""
    world = World()
    world.brokers["eu"].admin.put("orders.v1.acme", {}, partitions=3)
    before = world.state()
    with pytest.raises(PolicyRefused) as caught:
        apply_all(GROWN, world)
    assert caught.value.refusals[0].rule == "partitions"
    assert world.state() == before


def test_a_schema_that_the_registry_cannot_compare_with_itself_stops_the_apply_before_it_begins() -> None:
    """The check uses a subject of its own, removes it, and nothing else is touched."""
    world = World()
    untouched = world.state()
    plan_of(GROWN, world)
    from headrace.provisioning.desired import desired

    text = desired(GROWN.catalogue()).regions["us"].subjects["sales.v1.core-value"].schemas[0].text.text
    world.registries["us"].unequal.add(text)
    with pytest.raises(IncompatibleSchema) as caught:
        apply_all(GROWN, world)
    assert caught.value.region == "us"
    assert world.state() == untouched


def test_the_self_check_is_for_first_registrations_only() -> None:
    """Once per product and region, never again for a later tenant or version, and it leaves nothing behind."""
    world = World("eu")
    one_region = replace(GROWN, regions=("eu",)).without_tenant("core")
    apply_all(one_region, world)
    registry = world.registries["eu"]
    assert registry.calls.count(f"register {SCRATCH}") == 2
    assert SCRATCH not in registry.by_subject
    apply_all(replace(one_region, tenants={**one_region.tenants, "dawn": ("eu", ("*",))}), world)
    assert registry.calls.count(f"register {SCRATCH}") == 2


def test_a_registry_without_a_checker_is_taken_at_its_word() -> None:
    """`CheckUnsupported` ends the self-check, not the apply."""
    world = World("eu")
    world.registries["eu"].checks = False
    apply_all(replace(GROWN, regions=("eu",)).without_tenant("core"), world)
    assert SCRATCH not in world.registries["eu"].by_subject


def test_the_wrong_cluster_is_told_before_anything() -> None:
    """A cluster with another id than declared, or with another region's catalogue, is refused while observing."""
    world = World()
    named = replace(GROWN, cluster_ids={"eu": "cluster-eu", "us": "elsewhere"})
    with pytest.raises(WrongCluster) as caught:
        apply_all(named, world)
    assert caught.value.region == "us" and not world.brokers["eu"].admin.there

    swapped = complete()
    swapped.brokers["eu"], swapped.brokers["us"] = swapped.brokers["us"], swapped.brokers["eu"]
    with pytest.raises(WrongCluster) as caught:
        plan_of(GROWN, swapped)
    assert caught.value.found == "us"


@pytest.mark.parametrize("calls", range(9))
def test_a_server_that_goes_while_planning_is_an_error(calls: int) -> None:
    """A plan is whole or there is none."""
    world = complete()
    world.brokers["us"].faults.calls_left = calls
    with pytest.raises(BrokerUnavailable):
        plan_of(GROWN, world)


@pytest.mark.parametrize("bulk", [True, False])
def test_a_registry_that_goes_while_planning_is_an_error(bulk: bool) -> None:
    """The same for the registry, asked in bulk or from threads."""
    world = World(bulk=bulk)
    tenants = {f"t{n}": ("eu", ("*",)) for n in range(20)}
    repository = replace(GROWN, tenants=tenants)
    apply_all(repository, world)
    world.registries["eu"].faults.calls_left = 0 if bulk else 7
    with pytest.raises(RegistryUnavailable):
        plan_of(repository, world)


def test_an_apply_that_was_killed_without_a_word_is_reported() -> None:
    """A journal whose last entry is a step, not an end, shows in the next plan with how far it came."""
    world = World("eu")
    repository = replace(GROWN, regions=("eu",)).without_tenant("core")
    count = 0

    def killed() -> bool:
        nonlocal count
        count += 1
        if count > 3:
            raise SystemExit(9)
        return False

    with pytest.raises(SystemExit):
        apply_all(repository, world, stop=killed, batch=1)
    (interruption,) = plan_of(repository, world).interruptions
    assert (interruption.region, interruption.done) == ("eu", 3 + 3)
    apply_all(repository, world)
    assert not plan_of(repository, world).interruptions


def test_a_lost_journal_changes_nothing() -> None:
    """It is made again, and that is all."""
    world = complete()
    world.brokers["eu"].admin.delete_topics([names.journal_topic()])
    assert [c.name for c in plan_of(GROWN, world).changes] == [names.journal_topic()]


def test_a_lost_catalogue_topic_is_made_and_filled_again() -> None:
    """Its loss costs nothing but the time to the next apply."""
    world, wanted = complete(), complete().state()
    world.brokers["us"].admin.delete_topics([names.catalogue_topic()])
    assert [type(c).__name__ for c in plan_of(GROWN, world).changes] == ["CreateTopic", "PublishCatalogue"]
    apply_all(GROWN, world)
    assert world.state() == wanted


def test_a_deletion_means_the_topic_that_was_planned() -> None:
    """A topic that was made again between plan and apply is not deleted in the old one's place."""
    from headrace.provisioning.apply import apply_plan
    from headrace.provisioning.desired import desired
    from headrace.provisioning.observed import observe
    from headrace.provisioning.plan import make_plan

    world = complete()
    repository = GROWN.without_tenant("acme")
    wanted = desired(repository.catalogue())
    found = observe(wanted, world.connections)
    plan = make_plan(wanted, found, allow_delete=4)
    assert sum(isinstance(c, DELETIONS) for c in plan.changes) == 4
    assert any(isinstance(c, PublishCatalogue) for c in plan.changes)
    world.brokers["eu"].admin.delete_topics(["orders.v1.acme"])
    world.brokers["eu"].admin.put("orders.v1.acme", {})
    with pytest.raises(PartialApply) as caught:
        apply_plan(plan, wanted, found, world.connections, apply_id="a")
    assert [f["change"] for f in caught.value.failures] == ["delete-topic orders.v1.acme"]
    assert "orders.v1.acme" in world.brokers["eu"].admin.there
