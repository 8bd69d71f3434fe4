"""The verdicts on a product's schema version: of the composed topic schema, of each event, and for whom."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from headrace.catalogue.against_base import BaseEvent, BaseProduct, faults_against
from headrace.catalogue.compatibility.gate import Outcome, outcome
from headrace.catalogue.compatibility.verdict import Reading, Verdict
from headrace.model.catalogue import Catalogue
from headrace.model.product import EventDeclaration, Producing, SchemaVersion
from headrace.model.schema import Compatibility
from headrace.provisioning.branch import branch_report
from headrace.provisioning.review import Review, reading_of, review
from tests.unit.provisioning.catalogues import Repository, event, product

DRAFT = "http://json-schema.org/draft-07/schema#"


def schema(**fields: Any) -> dict[str, Any]:
    properties = {"id": {"type": "string"}, **fields}
    return {"$schema": DRAFT, "type": "object", "required": ["id"], "properties": properties}


THING = schema(
    status={"type": "string", "enum": ["A"]},
    place={"type": "object", "properties": {"shelf": {"type": "integer"}}},
)


def of(name: str, versions: dict[int, Any]) -> EventDeclaration:
    made = tuple(SchemaVersion(n, f"schemas/{name}.{n}.json", s) for n, s in versions.items())
    return replace(event(name), versions=made)


def edited(edit: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    value = copy.deepcopy(THING)
    edit(value["properties"])
    return value


def catalogue_of(*events: EventDeclaration, profile: str = "confluent", **options: Any) -> Catalogue:
    made = Repository(products=(product("orders", events, **options),)).catalogue()
    regions = {
        id_: replace(region, registry=replace(region.registry, profile=profile)) for id_, region in made.regions.items()
    }
    return replace(made, regions=regions)


def second(*events: EventDeclaration, **options: Any) -> Review:
    catalogue = catalogue_of(*events, **options)
    return review(catalogue, catalogue.products["orders.v1"], 2)


GROWN = {"note": {"type": "string"}}


@pytest.mark.parametrize("profile", ["confluent", "apicurio"])
@pytest.mark.parametrize(
    ("events", "accepted", "tolerant"),
    [
        ([of("Thing", {1: THING}), of("Other", {2: schema()})], True, "safe"),
        ([of("Thing", {1: THING}), of("Other", {1: schema()}), of("Third", {2: schema()})], True, "safe"),
        ([of("Thing", {1: THING, 2: edited(lambda p: p.update(GROWN))}), of("Other", {2: schema()})], True, "safe"),
        ([of("Thing", {1: THING, 2: edited(lambda p: p["status"].update(enum=["A", "B"]))})], False, "broken"),
        ([of("Thing", {1: THING, 2: edited(lambda p: p.pop("place"))})], False, "safe"),
        (
            [of("Thing", {1: THING, 2: edited(lambda p: p["place"]["properties"].update(shelf={"type": "string"}))})],
            False,
            "broken",
        ),
    ],
    ids=["a second type", "a third type", "a type and a field", "an enum", "a field removed", "a nested type"],
)
def test_the_composed_schema_behaves_as_designed(
    profile: str, events: list[EventDeclaration], accepted: bool, tolerant: str
) -> None:
    """Under FORWARD_TRANSITIVE event types are added freely, with an optional field beside them; within a type an enum that is
    extended, an optional field that is removed and a nested type that changes are refused."""
    found = second(*events, profile=profile)
    assert ([a.accepted for a in found.registry], found.tolerant) == ([accepted], tolerant)


@pytest.mark.parametrize("mode", [Compatibility.BACKWARD_TRANSITIVE, Compatibility.FULL_TRANSITIVE])
def test_under_backward_the_types_of_a_major_are_frozen(mode: Compatibility) -> None:
    """A second event type is refused by the registry, which sees a branch that it did not know."""
    found = second(of("Thing", {1: THING}), of("Other", {2: schema()}), compatibility=mode)
    assert [a.accepted for a in found.registry] == [False]


def test_each_region_s_registry_is_asked_once_for_each_profile() -> None:
    """Two regions with different registries: both answer, and one that refuses is enough."""
    catalogue = catalogue_of(of("Thing", {1: THING, 2: edited(lambda p: p.pop("place"))}), profile="karapace")
    eu = catalogue.regions["eu"]
    both = {**catalogue.regions, "eu": replace(eu, registry=replace(eu.registry, profile="confluent"))}
    mixed = replace(catalogue, regions=both)
    found = review(mixed, mixed.products["orders.v1"], 2)
    assert [(a.profile, a.accepted) for a in found.registry] == [("confluent", False), ("karapace", True)]
    assert found.outcome is Outcome.REFUSED_HARMLESS


def test_which_reading_counts() -> None:
    """The semantic one for a party or an application outside of the SDK, and where customers see an event."""
    catalogue = catalogue_of(of("Thing", {1: THING}))
    own = catalogue.products["orders.v1"]
    assert reading_of(catalogue, own) == (Reading.TOLERANT, "")
    outside = replace(own, consumers=tuple(replace(c, external=True) for c in own.consumers))
    assert reading_of(catalogue, outside) == (Reading.SEMANTIC, "plan is not on the SDK")
    declared = {id_: replace(a, external=id_ == "store") for id_, a in catalogue.applications.items()}
    assert reading_of(replace(catalogue, applications=declared), own)[1] == "store is not on the SDK"
    exposed = replace(own, events=tuple(replace(e, exposure={"customers": ("data.id",)}) for e in own.events))
    assert reading_of(catalogue, exposed) == (Reading.SEMANTIC, "it is exposed to customers")


@pytest.mark.parametrize(
    ("accepted", "reading", "breaks", "expected"),
    [
        (True, Verdict.SAFE, False, Outcome.COMPATIBLE),
        (True, Verdict.UNDECIDED, False, Outcome.COMPATIBLE),
        (True, Verdict.BROKEN, False, Outcome.BROKEN),
        (True, Verdict.SAFE, True, Outcome.BROKEN),
        (False, Verdict.SAFE, False, Outcome.REFUSED_HARMLESS),
        (False, Verdict.UNDECIDED, False, Outcome.REFUSED),
        (False, Verdict.BROKEN, False, Outcome.BROKEN),
        (False, Verdict.SAFE, True, Outcome.BROKEN),
    ],
)
def test_the_gate_s_table(accepted: bool, reading: Verdict, breaks: bool, expected: Outcome) -> None:
    """What passes, what is refused, and what has a way through."""
    assert outcome(accepted, reading, breaks=breaks) is expected


# --- against the base branch


def base(provisioned: bool = True, mode: Compatibility | None = None, newest: int = 1) -> dict[str, BaseProduct]:
    versions = {n: (f"schemas/Thing.{n}.json", None) for n in range(1, newest + 1)}
    events = {"Thing": BaseEvent("com.example.thing.v1", versions)}
    made = BaseProduct("orders.v1", provisioned, events, (Producing("store", ("Thing",), 1),), mode)
    return {made.key: made}


def test_only_what_the_base_does_not_have_is_reviewed() -> None:
    """Versions above the base's newest; all of a product that is new, or was a draft there, which is free to change."""
    three = of("Thing", {1: THING, 2: edited(lambda p: p.update(GROWN)), 3: edited(lambda p: p.update(GROWN, x={}))})
    catalogue = catalogue_of(three)

    def reviewed(fork: dict[str, BaseProduct]) -> list[int]:
        return [each.version for each in branch_report(catalogue, fork, fork).reviews]

    assert reviewed(base(newest=2)) == [3] and reviewed(base()) == [2, 3] and reviewed({}) == [2, 3]
    assert reviewed(base(provisioned=False, newest=3)) == [2, 3]
    assert branch_report(catalogue, {}, {}).fresh == ("orders.v1",)
    gone = {"orders.v1": replace(base()["orders.v1"], events={"Gone": BaseEvent("x.v1", {1: ("", None)})})}
    assert [f.code for f in faults_against(catalogue, gone, gone)][:1] == ["HR903"]
    draft = {"orders.v1": replace(gone["orders.v1"], provisioned=False)}
    assert faults_against(catalogue, draft, draft) == ()


def test_a_mode_that_changes_is_told() -> None:
    """A looser mode lets through what the stricter one refuses, so the report says that it is another one."""
    catalogue = catalogue_of(of("Thing", {1: THING}), compatibility=Compatibility.NONE)
    fork = base(mode=Compatibility.FORWARD_TRANSITIVE)
    assert branch_report(catalogue, fork, fork).modes == {"orders.v1": ("FORWARD_TRANSITIVE", "NONE")}
