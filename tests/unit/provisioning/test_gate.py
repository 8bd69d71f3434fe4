"""The gate at plan, and the way through it: an approved exception that lifts one subject's rule for one registration."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from headrace.clock import ManualClock
from headrace.errors import HeadraceError, PartialApply, PolicyRefused
from headrace.model.product import Consuming, EventDeclaration, SchemaException, SchemaVersion, StreamingProduct
from headrace.model.schema import Compatibility
from headrace.provisioning.changes import Plan, RegisterSchema
from headrace.provisioning.desired import desired
from headrace.provisioning.journal import last_entry
from headrace.provisioning.observed import observe
from headrace.provisioning.plan import make_plan
from headrace.provisioning.render import text
from tests.unit.provisioning.catalogues import Repository, data_schema, event, product
from tests.unit.provisioning.helpers import apply_all
from tests.unit.provisioning.memory import World

SUBJECT = "orders.v1.acme-value"
APPROVED = SchemaException(2, "nobody reads field1", "the board")


def versions(*schemas: dict[str, Any]) -> EventDeclaration:
    return replace(
        event("Thing"),
        versions=tuple(SchemaVersion(n, f"schemas/Thing.{n}.json", s) for n, s in enumerate(schemas, start=1)),
    )


def dropped() -> dict[str, Any]:
    """As `data_schema(1)`, without its optional field: the registry refuses that, and nobody who is on the SDK is harmed."""
    schema = data_schema(1)
    return {**schema, "properties": {"id": {"type": "string"}}}


def widened() -> dict[str, Any]:
    schema = data_schema(1)
    return {**schema, "properties": {"id": {"type": ["string", "null"]}, "field1": {"type": "integer"}}}


def orders(*schemas: dict[str, Any], exception: SchemaException | None = None, **options: Any) -> StreamingProduct:
    made = product("orders", [versions(*schemas)], **options)
    return replace(made, exceptions=() if exception is None else (exception,))


def of(made: StreamingProduct) -> Repository:
    return Repository(
        products=(made,), tenants={"acme": ("eu", ("*",)), "bolt": ("eu", ("*",)), "core": ("us", ("*",))}
    )


def plan_of(repository: Repository, world: World, today: date | None = None) -> Plan:
    wanted = desired(repository.catalogue())
    return make_plan(wanted, observe(wanted, world.connections), today=today)


def applied(*schemas: dict[str, Any]) -> World:
    world = World()
    apply_all(of(orders(*schemas)), world)
    return world


def test_a_change_that_breaks_somebody_is_refused_in_each_region() -> None:
    """With the sentence, and who breaks; nothing is applied, exception or not."""
    world = applied(data_schema(1))
    plan = plan_of(of(orders(data_schema(1), widened(), exception=APPROVED)), world)
    assert [(r.region, r.rule, r.name) for r in plan.refusals] == [
        (region, "schema-incompatible", "orders.v1 schema version 2") for region in ("eu", "us")
    ]
    assert "null" in plan.refusals[0].message and "plan breaks (reads data.id" in plan.refusals[0].message


def test_a_harmless_change_that_the_registry_refuses_is_told_the_way_through() -> None:
    """The refusal says what to declare; `apply` raises `PolicyRefused`."""
    world = applied(data_schema(1))
    repository = of(orders(data_schema(1), dropped()))
    plan = plan_of(repository, world)
    assert {r.rule for r in plan.refusals} == {"schema-refused"}
    assert "exceptions: [{schemaVersion: 2" in plan.refusals[0].hint
    with pytest.raises(PolicyRefused):
        apply_all(repository, world)


def test_a_path_that_a_consumer_reads_and_that_goes_is_no_harmless_change() -> None:
    """The same change, with a consumer that reads the field: refused, whatever is approved."""
    reader = (Consuming("plan", ("*",), 1, reads=("data.field1",)),)
    made = replace(orders(data_schema(1), dropped(), exception=APPROVED), consumers=reader)
    plan = plan_of(of(made), applied(data_schema(1)))
    assert {r.rule for r in plan.refusals} == {"schema-incompatible"}


def test_a_party_outside_of_the_sdk_makes_the_semantic_verdict_count() -> None:
    """An undeclared field of any type may come from a producer that is not on the SDK: no exception helps."""
    made = orders(data_schema(1), dropped(), exception=APPROVED)
    made = replace(made, producers=tuple(replace(p, external=True) for p in made.producers))
    assert {r.rule for r in plan_of(of(made), applied(data_schema(1))).refusals} == {"schema-incompatible"}


def test_an_exception_lifts_the_rule_of_its_subjects_and_puts_it_back() -> None:
    """Each subject is NONE for the one registration and as before after it; plan and journal say why, and who approved it."""
    world = applied(data_schema(1))
    repository = of(orders(data_schema(1), dropped(), exception=APPROVED))
    plan = plan_of(repository, world)
    changes = [c for c in plan.changes if isinstance(c, RegisterSchema)]
    assert {c.exception for c in changes} == {"nobody reads field1 (approved by the board)"} and not plan.refusals
    assert "by exception: nobody reads field1 (approved by the board)" in text(plan, verbose=True)
    refuse_second(world, repository)
    apply_all(repository, world)
    for region in ("eu", "us"):
        registry = world.registries[region]
        assert all(len(found) == 2 for found in registry.by_subject.values())
        assert set(registry.levels.values()) == {Compatibility.FORWARD_TRANSITIVE}
    journal = b"\n".join(r.value or b"" for r in world.brokers["eu"].admin.logs["headrace-journal.v1._platform"])
    lifted, restored = (
        journal.index(b"lifted orders.v1.acme-value 2"),
        journal.index(b"restored orders.v1.acme-value 2"),
    )
    assert lifted < restored and b"approved by the board" in journal
    assert plan_of(repository, world).clean


def refuse_second(world: World, repository: Repository) -> None:
    """From now on the registries refuse version 2, except under NONE."""
    schemas = desired(repository.catalogue()).regions["eu"].subjects[SUBJECT].schemas
    for registry in world.registries.values():
        registry.refused = {schemas[1].text.text}


def test_a_registry_that_goes_away_in_between_leaves_what_the_next_apply_puts_back() -> None:
    """Wherever the registry is gone, the next apply ends with the level as declared and the version registered."""
    for calls in range(1, 12):
        world = applied(data_schema(1))
        repository = of(orders(data_schema(1), dropped(), exception=APPROVED))
        refuse_second(world, repository)
        registry = world.registries["eu"]
        registry.faults.calls_left = calls
        with contextlib.suppress(HeadraceError):
            apply_all(repository, world)
        registry.faults.calls_left, registry.faults.gone = None, False
        apply_all(repository, world)
        assert registry.levels[SUBJECT] is Compatibility.FORWARD_TRANSITIVE, calls
        assert len(registry.by_subject[SUBJECT]) == 2, calls


def test_a_level_that_cannot_be_put_back_is_a_failure_that_is_told() -> None:
    """The version is registered; the apply is partial and says which subject stands open; the next one closes it."""
    world = applied(data_schema(1))
    repository = of(orders(data_schema(1), dropped(), exception=APPROVED))
    world.registries["eu"].faults.broken.add(f"FORWARD_TRANSITIVE of {SUBJECT}")
    with pytest.raises(PartialApply) as caught:
        apply_all(repository, world)
    assert "is still NONE" in str(caught.value.failures)
    world.registries["eu"].faults.broken.clear()
    apply_all(repository, world)
    assert world.registries["eu"].levels[SUBJECT] is Compatibility.FORWARD_TRANSITIVE


def test_an_exception_runs_out_for_what_is_new_only() -> None:
    """After its last day no region gets the version; where one has it, a new tenant gets it still."""
    world = applied(data_schema(1))
    made = orders(data_schema(1), dropped(), exception=replace(APPROVED, until=date(2026, 3, 31)))
    assert plan_of(of(made), world, date(2026, 3, 31)).refusals == ()
    assert {r.rule for r in plan_of(of(made), world, date(2026, 4, 1)).refusals} == {"exception-expired"}
    apply_all(of(made), world)
    more = replace(of(made), tenants={**of(made).tenants, "dawn": ("us", ("*",))})
    plan = plan_of(more, world, date(2026, 4, 1))
    assert plan.refusals == () and any(isinstance(c, RegisterSchema) and c.exception for c in plan.changes)


def test_what_is_registered_is_not_judged_again() -> None:
    """A version that a region has already, by hand or by an older rule, refuses nothing."""
    none = orders(data_schema(1), widened(), compatibility=Compatibility.NONE)
    world = World()
    apply_all(of(none), world)
    assert plan_of(of(replace(none, compatibility=Compatibility.FORWARD_TRANSITIVE)), world).refusals == ()


def test_the_journal_s_last_entry_is_not_an_exception_s() -> None:
    """After an apply with an exception the journal ends with `applied`, as after any other."""
    world = applied(data_schema(1))
    apply_all(of(orders(data_schema(1), dropped(), exception=APPROVED)), world)
    entry = last_entry(world.connections["eu"].broker, ManualClock())
    assert entry is not None and entry.outcome == "applied" and entry.exceptions == ()
