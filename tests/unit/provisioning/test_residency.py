"""Where tenants' resources are: at home and nowhere else, or named with what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.interfaces.broker import OffsetCommit, TopicSpec
from headrace.model import names
from headrace.model.compiled_records import to_records
from headrace.model.record import Record, StoredRecord
from headrace.provisioning.compile import compile_catalogue
from headrace.provisioning.observed import RegionConnection
from headrace.provisioning.residency import Found, Kind, residency
from headrace.provisioning.residency_observed import ORIGIN_HEADER, look_into
from headrace.streaming.dead_letter import dead_letter_record
from headrace.testing.memory_broker import MemoryBroker
from headrace.testing.small_catalogue import small_catalogue
from tests.unit.provisioning.memory import MemoryRegistry

CATALOGUE = small_catalogue()
"""acme and bolt live in eu, zest in us."""

EU = Found(
    "cluster-eu",
    topics={"sales-events.v1.acme", "sales-events.v1.bolt", "dlq.plan", names.catalogue_topic(), "somebody.else"},
    subjects={"sales-events.v1.acme-value", "sales-events.v1.bolt-value", "another-subject"},
    offsets={"plan.count": {"sales-events.v1.acme", names.catalogue_topic()}},
    dead_letters={"dlq.plan": {"sales-events.v1.acme": 3}},
    tenants={"acme", "bolt"},
)
US = Found("cluster-us", topics={"sales-events.v1.zest"}, subjects={"sales-events.v1.zest-value"}, tenants={"zest"})


def test_everything_at_home_is_in_order() -> None:
    """Each tenant's resources are counted by kind; other systems' and the platform's are nobody's."""
    made = residency(CATALOGUE, {"eu": EU, "us": US})
    assert made.ok
    assert made.regions == {"acme": "eu", "bolt": "eu", "zest": "us"}
    assert [(p.region, p.kind, p.number, p.home) for p in made.places if p.tenant == "acme"] == [
        ("eu", Kind.TOPIC, 1, True),
        ("eu", Kind.SUBJECT, 1, True),
        ("eu", Kind.OFFSET, 1, True),
        ("eu", Kind.DEAD_LETTER, 3, True),
        ("eu", Kind.ENTRY, 1, True),
    ]
    assert {p.tenant for p in made.places} == {"acme", "bolt", "zest"}


@pytest.mark.parametrize(
    ("stray", "kind", "count"),
    [
        (replace(US, topics=US.topics | {"sales-events.v2.acme"}), Kind.TOPIC, 1),
        (replace(US, topics=US.topics | {"gone-product.v1.acme"}), Kind.TOPIC, 1),
        (replace(US, subjects=US.subjects | {"sales-events.v1.acme-value"}), Kind.SUBJECT, 1),
        (replace(US, offsets={"plan.count": {"sales-events.v1.acme"}}), Kind.OFFSET, 1),
        (replace(US, dead_letters={"dlq.plan": {"sales-events.v1.acme": 2}}), Kind.DEAD_LETTER, 2),
        (replace(US, tenants={"zest", "acme"}), Kind.ENTRY, 1),
    ],
)
def test_a_stray_resource_of_any_kind_is_found(stray: Found, kind: Kind, count: int) -> None:
    """What a tenant of the EU has in the US is a problem that names it, and where the tenant lives, and what to do."""
    made = residency(CATALOGUE, {"eu": EU, "us": stray})
    (problem,) = made.problems
    assert (problem.tenant, problem.region) == ("acme", "us")
    assert "it lives in eu" in problem.message
    assert problem.hint
    assert [(p.kind, p.number) for p in made.places if not p.home] == [(kind, count)]
    assert residency(CATALOGUE, {"eu": EU, "us": stray}, "zest").ok
    assert not residency(CATALOGUE, {"eu": EU, "us": stray}, "acme").ok


def test_tenants_that_nobody_declared_are_found_below_our_products() -> None:
    """A topic of a declared product whose tenant is unknown is a problem; of another product it is somebody else's."""
    there = replace(EU, topics=EU.topics | {"sales-events.v1.ghost", "other-product.v1.ghost"})
    made = residency(CATALOGUE, {"eu": there, "us": US})
    (problem,) = made.problems
    assert "ghost, a tenant that is not declared" in problem.message
    assert [p.names for p in made.places if p.tenant == "ghost"] == [("sales-events.v1.ghost",)]


def test_two_regions_on_one_cluster_are_a_problem() -> None:
    """Then every tenant's data would be in both, whatever their names say."""
    made = residency(CATALOGUE, {"eu": EU, "us": replace(US, cluster_id="cluster-eu")})
    assert "the regions eu and us are on one cluster" in made.problems[0].message


@given(st.sets(st.sampled_from(["acme", "bolt", "zest"])), st.sets(st.sampled_from(["acme", "bolt", "zest"])))
def test_it_is_in_order_exactly_if_every_topic_is_at_home(in_eu: set[str], in_us: set[str]) -> None:
    """Whatever topics there are: no problem if and only if the EU's are of acme and bolt and the US's of zest."""

    def cluster(id_: str, tenants: set[str]) -> Found:
        return Found(id_, {names.topic("sales-events", 1, tenant) for tenant in tenants}, set())

    made = residency(CATALOGUE, {"eu": cluster("a", in_eu), "us": cluster("b", in_us)})
    assert made.ok == (in_eu <= {"acme", "bolt"} and in_us <= {"zest"})


def test_a_region_is_looked_into() -> None:
    """Names, commitments, tenants of the catalogue, and dead letters by origin: replaced and dealt-with ones do not count."""
    broker, registry = MemoryBroker(), MemoryRegistry()
    for topic in ("sales-events.v1.acme", "dlq.plan", names.catalogue_topic()):
        broker.create(TopicSpec(topic))
    for record in to_records(compile_catalogue(CATALOGUE, "eu")):
        broker.append(names.catalogue_topic(), record)

    def letter(offset: int) -> Record:
        origin = StoredRecord("sales-events.v1.acme", offset, 1, b"k", b"v")
        return dead_letter_record(origin, reason="no", code="rejected", group="plan.x", topic_id="i", attempts=1, at=1)

    for record in (letter(1), letter(2), letter(1), replace_value(letter(3)), Record(b"not a dead letter", b"x")):
        broker.append("dlq.plan", record)
    broker.append("dlq.plan", Record(letter(2).key, None))
    broker.admin.set_group_offsets("plan.x", {"sales-events.v1.acme": OffsetCommit(1)})
    found = look_into(RegionConnection(broker, registry))
    assert found.cluster_id == broker.admin.cluster_id()
    assert found.topics == {"sales-events.v1.acme", "dlq.plan", names.catalogue_topic()}
    assert found.offsets == {"plan.x": {"sales-events.v1.acme"}}
    assert found.dead_letters == {"dlq.plan": {"sales-events.v1.acme": 2}}
    assert found.tenants == {"acme", "bolt"}
    assert any(name == ORIGIN_HEADER for name, _ in letter(1).headers)


def replace_value(record: Record) -> Record:
    """The same record with an empty value, as a rejected tombstone has it: it is a dead letter all the same."""
    return Record(record.key, b"", record.headers)
