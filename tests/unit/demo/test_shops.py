"""Stores dealt out to tenants."""

from __future__ import annotations

from collections import Counter

from headrace.catalogue.load import load
from headrace.cli._demo import data
from headrace.cli._demo.prepare import CATALOGUE
from headrace.cli._demo.shops import REGIONS, TENANTS, Shops


def test_tenants_live_where_the_catalogue_says() -> None:
    """The demo's regions and tenants are those of the retail catalogue."""
    catalogue = load(CATALOGUE)
    assert {tenant.id: tenant.region for tenant in catalogue.tenants.values()} == {
        tenant: region for region, tenants in TENANTS.items() for tenant in tenants
    }
    assert set(REGIONS) == set(catalogue.regions)


def test_every_sale_of_the_sample_has_a_tenant_of_its_store_s_region() -> None:
    """Each of the four tenants has sales, and none is in a store of the other region."""
    shops = Shops.of(data.SAMPLE_STORES, data.read_products())
    sales = Counter((sale.store, shops.tenant(sale.store, sale.product)) for sale in data.read_sales())
    assert {tenant for store, tenant in sales if store == "367"} == set(TENANTS["eu"])
    assert {tenant for store, tenant in sales if store == "406"} == set(TENANTS["us"])
    assert min(sales.values()) > 5_000


def test_stores_are_dealt_out_in_turn() -> None:
    """The first, third... store named stands in the EU, the others in the US."""
    shops = Shops.of(("9", "8", "7"), {})
    assert shops.in_region("eu") == ("9", "7")
    assert shops.in_region("us") == ("8",)
