"""What a load gives: the catalogue's values, the commit, the same result in every run."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from headrace.catalogue.load import check, load
from headrace.model.catalogue import Catalogue
from headrace.model.product import Criticality, Pattern, Status, TopicKind
from headrace.model.schema import Compatibility, Framing, SchemaFormat
from tests.unit.catalogue.planting import RETAIL, SALES, copy_retail, product, replace, tenant


@pytest.fixture(scope="module")
def retail() -> Catalogue:
    return load(RETAIL)


def test_the_example_has_what_the_design_lists(retail: Catalogue) -> None:
    """All applications and products are there, and four tenants in two regions."""
    assert list(retail.applications) == [
        "category-management",
        "data-api",
        "event-api",
        "mobile-replenishment",
        "plan",
        "promo-pricing",
        "sap-connector",
        "store",
    ]
    assert {p.id: p.ownership.pattern for p in retail.products.values()} == {
        "customer-notifications": Pattern.MANY_TO_ONE,
        "demand-forecasts": Pattern.ONE_TO_MANY,
        "floorplans": Pattern.ONE_TO_MANY,
        "location-space": Pattern.ONE_TO_MANY,
        "order-proposals": Pattern.MANY_TO_MANY,
        "planograms": Pattern.ONE_TO_MANY,
        "promotions": Pattern.ONE_TO_MANY,
        "sales-events": Pattern.ONE_TO_MANY,
    }
    assert list(retail.batch_products) == ["assortment.v1"]
    assert sorted(t.region for t in retail.tenants.values()) == ["eu", "eu", "eu", "us"]


def test_a_product_is_read_whole(retail: Catalogue) -> None:
    """Every field of a streaming product's declaration arrives in its value."""
    orders = retail.products["order-proposals.v1"]
    assert (orders.name, orders.domain, orders.status) == ("Order proposals", "replenishment", Status.ACTIVE)
    assert (str(orders.version), orders.path) == ("1.2.0", "products/order-proposals/product.yaml")
    assert orders.ownership.data_product_owner is not None
    assert orders.ownership.data_product_owner.since == date(2026, 3, 1)
    assert [(p.application, p.events, p.schema_version) for p in orders.producers] == [
        ("data-api", ("OrderProposalCreated", "OrderProposalCancelled"), 2),
        ("sap-connector", ("OrderProposalCreated",), 1),
        ("plan", ("OrderProposalCreated",), 2),
    ]
    plan = orders.consumers[0]
    assert (plan.application, plan.events, plan.criticality, plan.start) == (
        "plan",
        ("*",),
        Criticality.HIGH,
        "earliest",
    )
    assert "data.quantity" in plan.reads
    created = orders.events[0]
    assert [v.number for v in created.versions] == [1, 2]
    assert created.versions[1].path == "products/order-proposals/schemas/OrderProposalCreated.2.json"
    assert "promotionId" in created.versions[1].document["properties"]
    assert created.exposure == {"customers": ("data.storeId", "data.productId", "data.quantity")}
    assert created.key == ("storeId", "productId")
    assert orders.schema_versions == (1, 2)
    assert (orders.topic.kind, orders.topic.retention_ms, orders.topic.max_bytes) == (TopicKind.LOG, 604_800_000, 2**20)
    assert (orders.service.latency_ms, orders.service.freshness_ms) == (30_000, 900_000)


def test_defaults_fill_what_a_product_leaves_out(retail: Catalogue) -> None:
    """Compatibility and the largest record come from headrace.yaml; a state topic has no retention."""
    promotions = retail.products["promotions.v1"]
    assert promotions.compatibility is Compatibility.FORWARD_TRANSITIVE
    assert (promotions.topic.kind, promotions.topic.retention_ms) == (TopicKind.STATE, None)
    assert retail.products["floorplans.v1"].topic.max_bytes == 8 * 2**20
    assert retail.products["planograms.v1"].format is SchemaFormat.AVRO


def test_everything_else_is_read_too(retail: Catalogue) -> None:
    """Regions, credentials, tenants and batch products arrive as declared."""
    assert (retail.regions["eu"].cluster.kind, retail.regions["eu"].cluster.path) == ("embedded", ".headrace/eu")
    assert retail.applications["plan"].credentials["us"].principal == "User:plan-us"
    assert retail.applications["plan"].credentials["us"].reference == "env:PLAN_US"
    assert retail.tenants["granja-viva"].admits("plan") and not retail.tenants["granja-viva"].admits("event-api")
    assert not retail.tenants["la-corbeille"].takes("floorplans")
    assortment = retail.batch_products["assortment.v1"]
    assert (assortment.schedule, assortment.retention_ms, assortment.producers) == (
        "0 3 * * *",
        90 * 86_400_000,
        ("data-api",),
    )
    assert [c.name for c in assortment.columns if not c.required] == ["brand", "listedTo"]


def test_kafka_regions_are_read(tmp_path: Path) -> None:
    """A Kafka region's address, cluster id, properties, registry, its drafts and framing arrive; values become texts."""
    root = copy_retail(tmp_path / "retail")
    new = """cluster:
      kind: kafka
      bootstrap: a.example.com:9092,b.example.com:9092
      clusterId: abc
      properties: {sasl.password: "env:P", enable.idempotence: true, retries: 5}
    registry: {kind: http, url: "https://registry.example.com", drafts: [draft-07, 2020-12], framing: header}"""
    replace("headrace.yaml", "cluster: {kind: embedded, path: .headrace/us}\n    registry: {kind: embedded}", new)(root)
    regions = load(root).regions
    region = regions["us"]
    assert (regions["eu"].registry.framing, region.registry.framing) == (Framing.PREFIX, Framing.HEADER)
    assert (region.cluster.bootstrap, region.cluster.cluster_id) == ("a.example.com:9092,b.example.com:9092", "abc")
    assert region.cluster.properties == {"sasl.password": "env:P", "enable.idempotence": "true", "retries": "5"}
    assert (region.registry.url, region.registry.drafts) == ("https://registry.example.com", ("draft-07", "2020-12"))


def test_two_majors_stand_side_by_side(tmp_path: Path) -> None:
    """A second major in a directory of its own is a product of its own, with the first as what it succeeds."""
    root = copy_retail(tmp_path / "retail")
    second = {"version: 1.0.0": "version: 2.0.0", "com.example.ID.done.v1": "com.example.ID.done.v2"}
    old = "status: deprecated\ndeprecation: {since: 2026-01-01, sunset: 2027-01-01, successor: things.v2}"
    for edit in (*product("things", {"status: active": old}), *product("things", second, folder="things.v2")):
        edit(root)
    catalogue = load(root)
    assert catalogue.products["things.v1"].deprecation is not None
    assert catalogue.products["things.v2"].topic_name("acme") == "things.v2.acme"


def test_the_commit_is_named_and_marked_where_files_differ(tmp_path: Path) -> None:
    """Outside Git there is no commit; inside it is the full id, with -dirty after a change."""
    root = copy_retail(tmp_path / "retail")
    assert load(root).commit is None

    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(root), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    assert load(root).commit is None
    git("add", "-A")
    git("commit", "-q", "-m", "first")
    assert load(root).commit == git("rev-parse", "HEAD")
    replace("tenants/nordkorb.yaml", "name: Nordkorb", "name: Nordkorb-")(root)
    assert load(root).commit == git("rev-parse", "HEAD") + "-dirty"


def test_one_broken_file_does_not_hide_the_faults_of_others(tmp_path: Path) -> None:
    """Where an application's file is no YAML, products that name it are not blamed, and a tenant's fault is still found."""
    root = copy_retail(tmp_path / "retail")
    replace("applications/plan.yaml", "team: planning", "team: planning: yes")(root)
    replace(SALES, "status: active", "status: live")(root)
    for edit in tenant("lost", {"region: eu": "region: asia"}):
        edit(root)
    assert [(f.path, f.code) for f in check(root).faults] == [
        ("applications/plan.yaml", "HR102"),
        (SALES, "HR204"),
        ("tenants/lost.yaml", "HR701"),
    ]


def test_a_broken_headrace_yaml_blames_no_tenant(tmp_path: Path) -> None:
    """Without known regions, nothing is said of where tenants live."""
    root = copy_retail(tmp_path / "retail")
    replace("headrace.yaml", "name: retail", "name: retail: all")(root)
    assert [(f.path, f.code) for f in check(root).faults] == [("headrace.yaml", "HR102")]


def test_many_faults_of_one_declaration_are_all_found(tmp_path: Path) -> None:
    """Five unrelated faults in one file are five reports in one run, though its shape is wrong too."""
    root = copy_retail(tmp_path / "retail")
    replace(SALES, "status: active", "statsu: active")(root)
    replace(SALES, "application: data-api, events: [SaleRecorded]", "application: data-ipa, events: [SaleRecoreded]")(
        root
    )
    replace(SALES, "reads: [data.storeId, data.productId, data.quantity, data.soldAt]", "reads: [data.shopId]")(root)
    replace(SALES, "key: [storeId, productId]", "key: [storeId, productID]")(root)
    faults = check(root).faults
    assert [f.code for f in faults] == ["HR201", "HR407", "HR409", "HR414", "HR508"]
    assert [f.hint for f in faults] == [
        "did you mean 'status'?",
        "did you mean 'data-api'?",
        "did you mean 'SaleRecorded'?",
        "did you mean 'data.storeId'?",
        "did you mean 'productId'?",
    ]


def test_the_order_of_faults_does_not_depend_on_hashes(tmp_path: Path) -> None:
    """Two runs with different hash seeds print the same bytes."""
    root = copy_retail(tmp_path / "retail")
    for n, edits in enumerate(
        (product("one", {"domain: test": "domian: test"}), product("two", {"team: planning": "team: x"}))
    ):
        for edit in (*edits, *tenant(f"t{n}", {"region: eu": "region: ue", "[sales-events]": "[x, y, x]"})):
            edit(root)
    code = (
        "import sys; from pathlib import Path; from headrace.catalogue.load import check\n"
        "print(*check(Path(sys.argv[1])).faults, sep='\\n')"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code, str(root)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(outputs) == 1
    assert outputs.pop().count(b"\n") == 12


def test_loading_s_libraries_are_imported_only_by_a_load() -> None:
    """Importing the module costs neither pydantic nor the parsers: commands start without them."""
    code = (
        "import sys, headrace.catalogue.load\n"
        "heavy = {'pydantic', 'ruamel', 'jsonschema_rs', 'fastavro'} & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
