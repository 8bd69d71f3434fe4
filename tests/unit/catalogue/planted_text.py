"""Planted faults of files, of the shape of declarations, and of names."""

from __future__ import annotations

from headrace.catalogue.codes import Code
from tests.unit.catalogue.planting import (
    PRODUCT,
    RETAIL_US,
    SCHEMA,
    TENANT,
    VERSIONS,
    Expected,
    Plant,
    in_application,
    in_batch,
    in_product,
    in_schema,
    in_tenant,
    link,
    product,
    remove,
    replace,
    tenant,
    write,
)

SECRET_IN_CLEAR = """\
cluster: {kind: kafka, bootstrap: "k.example.com:9092", properties: {sasl.password: hunter2}}
    registry: {kind: http, url: "https://registry.example.com"}"""

FILES = (
    Plant("HR101", (remove("headrace.yaml"),), (Expected(Code.NO_HEADRACE_YAML, "headrace.yaml"),), alone=True),
    in_product(Code.YAML_SYNTAX, "syntax", {"name: Planted": "name: Planted: twice"}, "name: Planted¦: twice"),
    in_product(Code.DUPLICATE_KEY, "duplicate", {"domain: test": "domain: test\nname: Again"}, "¦name: Again"),
    in_product(Code.YAML_FEATURE, "anchor", {"domain: test": "domain: &d test"}, "domain: ¦&d test"),
    in_tenant(Code.YAML_FEATURE, "merge-key", {"name: Planted": "name: Planted\n<<: {}"}, "¦<<: {}"),
    in_tenant(Code.YAML_FEATURE, "tagged", {"name: Planted": "name: !text Planted"}, "name: ¦!text Planted"),
    Plant(
        "HR104 two documents",
        tenant("two-documents", {"region: eu": "region: eu\n---\na: 1"})[:1],
        (Expected(Code.YAML_FEATURE, "tenants/two-documents.yaml", "¦---"),),
    ),
    Plant(
        "HR105",
        (write("tenants/latin.yaml", TENANT.replace("ID", "latin").replace("Planted", "Märkte").encode("latin-1")),),
        (Expected(Code.UNREADABLE, "tenants/latin.yaml", "M¦\ufffdrkte"),),
    ),
    Plant("HR106 yml", (write("tenants/acme.yml", TENANT),), (Expected(Code.WRONG_PLACE, "tenants/acme.yml"),)),
    Plant(
        "HR106 misspelt folder",
        (write("product/lost/product.yaml", PRODUCT),),
        (Expected(Code.WRONG_PLACE, "product/lost/product.yaml", "¦apiVersion"),),
    ),
    Plant(
        "HR106 product.yml",
        (write("products/ending/product.yml", PRODUCT),),
        (Expected(Code.WRONG_PLACE, "products/ending/product.yml"),),
    ),
    Plant(
        "HR106 below tenants",
        (write("tenants/eu/deep.yaml", TENANT),),
        (Expected(Code.WRONG_PLACE, "tenants/eu/deep.yaml", "¦apiVersion"),),
    ),
    Plant(
        "HR107", (link("tenants/linked.yaml", "nordkorb.yaml"),), (Expected(Code.SYMBOLIC_LINK, "tenants/linked.yaml"),)
    ),
    Plant(
        "HR107 directory",
        (link("products/linked", "sales-events"),),
        (Expected(Code.SYMBOLIC_LINK, "products/linked"),),
    ),
    in_product(
        Code.PATH_LEAVES,
        "leaves",
        {VERSIONS: "versions: [schemas/ThingDone.1.json, ../sales-events/schemas/ThingDone.2.json]"},
        "¦../sales-events",
    ),
    in_product(
        Code.FILE_MISSING,
        "missing",
        {VERSIONS: "versions: [schemas/ThingDone.1.json, schemas/ThingDone.2.json]"},
        "¦schemas/ThingDone.2.json",
    ),
    Plant(
        "HR109 no product.yaml",
        (write("products/empty/README.md", "Nothing yet.\n"),),
        (Expected(Code.FILE_MISSING, "products/empty/product.yaml"),),
    ),
    in_schema(
        Code.JSON_SYNTAX,
        "json-syntax",
        SCHEMA.replace('"string"},\n    "quantity"', '"string"}\n    "quantity"'),
        '¦"quantity"',
    ),
    in_schema(
        Code.JSON_DUPLICATE,
        "json-twice",
        SCHEMA.replace('"quantity": {', '"lines": {}, "quantity": {').replace(
            '    "lines": {"type"', '    "lines" : {"type"'
        ),
        '¦"lines" :',
    ),
    in_tenant(Code.API_VERSION, "api-version", {"headrace/v1": "headrace/v2"}, "apiVersion: ¦headrace/v2"),
    in_product(Code.KIND, "kind", {"StreamingDataProduct": "StreamingDataProdukt"}, "kind: ¦StreamingDataProdukt"),
    in_tenant(Code.KIND, "kind-place", {"kind: Tenant": "kind: Application"}, "kind: ¦Application"),
    in_tenant(Code.ID_AND_PLACE, "file-name", {"id: file-name": "id: other-name"}, "id: ¦other-name"),
    in_product(Code.ID_AND_PLACE, "folder-name", {"id: ID": "id: other-folder"}, "id: ¦other-folder"),
    Plant(
        "HR115",
        (write("products/sales-events/schemas/SaleRecorded.2.json", SCHEMA),),
        (Expected(Code.ORPHAN, "products/sales-events/schemas/SaleRecorded.2.json"),),
    ),
    Plant(
        "HR116",
        (write("tenants/nothing.yaml", "# nothing yet\n"),),
        (Expected(Code.EMPTY, "tenants/nothing.yaml", "¦# nothing"),),
    ),
    Plant(
        "HR116 list",
        (write("tenants/list.yaml", "- id: list\n"),),
        (Expected(Code.EMPTY, "tenants/list.yaml", "¦- id"),),
    ),
)

SHAPE = (
    in_product(
        Code.UNKNOWN_KEY,
        "unknown-key",
        {"reads: [data.storeId], schemaVersion": "reads: [data.storeId], schemaversion"},
        "reads: [data.storeId], ¦schemaversion",
    ),
    in_product(
        Code.UNKNOWN_KEY, "key-elsewhere", {"status: active": "status: active\nretention: 7d"}, "¦retention: 7d"
    ),
    in_product(Code.MISSING_KEY, "missing-key", {"domain: test\n": ""}, "¦apiVersion"),
    in_product(Code.WRONG_TYPE, "wrong-type", {"name: Planted": "name: 7"}, "name: ¦7"),
    in_product(Code.WRONG_TYPE, "no-value", {"domain: test": "domain:"}, "¦domain:"),
    in_product(Code.NOT_ALLOWED, "not-allowed", {"one-to-many": "one-to-money"}, "¦one-to-money"),
    Plant(
        "HR204 audience",
        product("audience", {"    key: [storeId]": "    key: [storeId]\n    exposure: {customer: [data.storeId]}"}),
        (Expected(Code.NOT_ALLOWED, "products/audience/product.yaml", "¦[data.storeId]}"),),
    ),
    in_product(Code.DURATION, "duration", {"{kind: log}": "{kind: log, retention: 7 days}"}, "¦7 days"),
    in_product(Code.SIZE, "size", {"{kind: log}": "{kind: log, maxBytes: 1 megabyte}"}, "¦1 megabyte"),
    in_product(Code.VERSION, "version", {"version: 1.0.0": "version: 1.0"}, "version: ¦1.0"),
    in_product(
        Code.DATE,
        "date",
        {
            "status: active": "status: deprecated\ndeprecation: {since: 2026-02-30, sunset: 2027-01-01, successor: promotions}"
        },
        "¦2026-02-30",
    ),
    in_product(Code.OUT_OF_RANGE, "range", {"{kind: log}": "{kind: log, maxBytes: 10}"}, "maxBytes: ¦10"),
    in_application(Code.SECRET, "secret", {"env:PLANTED": "hunter2"}, '¦"hunter2"'),
    Plant(
        "HR210 properties",
        (
            replace(
                "headrace.yaml",
                RETAIL_US,
                SECRET_IN_CLEAR,
            ),
        ),
        (Expected(Code.SECRET, "headrace.yaml", "sasl.password: ¦hunter2"),),
    ),
    in_batch(Code.SCHEDULE, "schedule", {"0 3 * * *": "0 25 * * *"}, '¦"0 25'),
    in_product(Code.DATA_PATH, "data-path", {"reads: [data.storeId]": "reads: [data..storeId]"}, "¦data..storeId"),
    in_product(Code.START, "start", {"reads: [data.storeId]": "start: yesterday"}, "¦yesterday"),
)

NAMES = (
    Plant("HR301", tenant("Upper", {}), (Expected(Code.IDENTIFIER, "tenants/Upper.yaml", "id: ¦Upper"),)),
    in_product(Code.RESERVED, "headrace-own", {}, "id: ¦headrace-own"),
    Plant(
        "HR303",
        (*product("p" * 150, {}), *tenant("t" * 120, {"[sales-events]": f"[{'p' * 150}]"})),
        (Expected(Code.TOPIC_LENGTH, f"products/{'p' * 150}/product.yaml", "id: ¦p"),),
    ),
    Plant(
        "HR304",
        (
            *product("crash", {"com.example.ID.done": "com.example.crash.made"}),
            *product("crash_v1_b", {"com.example.ID.": "com.example.crash."}),
            *tenant("b_v1_c", {"[sales-events]": "[crash]"}),
            *tenant("c", {"[sales-events]": "[crash_v1_b]"}),
        ),
        (Expected(Code.TOPIC_COLLISION, "products/crash_v1_b/product.yaml", "id: ¦crash_v1_b"),),
    ),
    Plant(
        "HR305",
        product("event-name", {"name: ThingDone": "name: thing-done"}),
        (
            Expected(Code.EVENT_NAME, "products/event-name/product.yaml", "name: ¦thing-done"),
            Expected(Code.UNKNOWN_EVENT, "products/event-name/product.yaml", "plan, events: [¦ThingDone]"),
            Expected(Code.UNKNOWN_EVENT, "products/event-name/product.yaml", "store, events: [¦ThingDone]"),
        ),
    ),
    in_product(Code.EVENT_TYPE, "event-type", {"com.example.ID.done.v1": "com.example.ID.done"}, "type: ¦com"),
    in_product(Code.EVENT_TYPE_MAJOR, "type-major", {"com.example.ID.done.v1": "com.example.ID.done.v2"}, "type: ¦com"),
    in_product(
        Code.EVENT_TYPE_PREFIX, "type-prefix", {"com.example.ID.done.v1": "org.example.ID.done.v1"}, "type: ¦org"
    ),
)
