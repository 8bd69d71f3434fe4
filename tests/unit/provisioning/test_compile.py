"""What a region's programs are given of the catalogue."""

from __future__ import annotations

import json
from datetime import date

from headrace.model.compiled_records import to_records
from headrace.model.product import Status
from headrace.provisioning.compile import compile_catalogue, compose_catalogue, with_schema_ids
from tests.unit.provisioning.catalogues import Repository, data_schema, event, product

GROWN = Repository(products=(product("orders", [event("Thing", (1, 3)), event("Other", (2,))]), product("sales")))


def test_only_the_region_s_tenants_are_in_it() -> None:
    """Of others there is the id and the region, and nothing else."""
    compiled = compile_catalogue(GROWN.catalogue(), "eu")
    assert set(compiled.tenants) == {"acme", "bolt"} and compiled.elsewhere == {"core": "us"}


def test_each_event_has_the_data_schema_in_force_at_each_version() -> None:
    """An event that came later has none before; one that did not change keeps its own."""
    orders = compile_catalogue(GROWN.catalogue(), "eu").products["orders.v1"]
    thing, other = orders.event("Thing"), orders.event("Other")
    assert thing is not None and other is not None
    assert {v: json.loads(bytes(s)) for v, s in thing.data_schemas.items()} == {
        "1": data_schema(1),
        "2": data_schema(1),
        "3": data_schema(3),
    }
    assert set(other.data_schemas) == {"2", "3"}


def test_without_a_registry_ids_count_from_one() -> None:
    """In memory every version of every product has an id of its own."""
    compiled = compile_catalogue(GROWN.catalogue(), "eu")
    assert [s.id for p in compiled.products.values() for s in p.schemas] == [1, 2, 3, 4]
    assert compiled.products["orders.v1"].schemas[0].text == compose_catalogue(GROWN.catalogue())["orders.v1", 1].text


def test_what_the_registry_has_not_is_marked() -> None:
    """A schema without an id of the region's registry has the id 0, with which nothing can be framed."""
    compiled = with_schema_ids(compile_catalogue(GROWN.catalogue(), "eu"), {("orders.v1", 2): 77})
    assert [s.id for p in compiled.products.values() for s in p.schemas] == [0, 77, 0, 0]


def test_products_that_are_not_provisioned_are_left_out() -> None:
    """A draft is nobody's business at run time."""
    draft = GROWN.with_product(product("sales", status=Status.DRAFT))
    assert set(compile_catalogue(draft.catalogue(), "eu").products) == {"orders.v1"}


def test_an_event_is_retired_the_day_after_its_sunset() -> None:
    """On the last day it still works."""
    repository = Repository(products=(product("orders", [event("Thing", sunset=date(2026, 6, 30))]),))
    for day, retired in ((date(2026, 6, 30), False), (date(2026, 7, 1), True)):
        found = compile_catalogue(repository.catalogue(), "eu", today=day).products["orders.v1"].event("Thing")
        assert found is not None and found.retired is retired


def test_no_credentials_are_in_it() -> None:
    """Neither principals nor references to secrets reach the catalogue topic."""
    text = b"".join(r.value or b"" for r in to_records(compile_catalogue(GROWN.catalogue(), "eu")))
    assert b"principal" not in text and b"credential" not in text and b"reference" not in text
