"""Planted faults of ownership, schemas, life, regions and batch products."""

from __future__ import annotations

from headrace.catalogue.codes import Code
from tests.unit.catalogue.planting import (
    AVRO,
    KAFKA,
    OWNED_BY_A_PERSON,
    RETAIL_US,
    SCHEMA,
    SECOND_EVENT,
    STORE_PRODUCES,
    TWO_EVENTS,
    VERSIONS,
    Expected,
    Plant,
    avro_product,
    in_application,
    in_batch,
    in_product,
    in_schema,
    in_tenant,
    product,
    replace,
    tenant,
    write,
)

SALE = """\
{
  "storeId": "1", "productId": "2", "basketId": "3",
  "quantity": 1,
  "salesValue": 1, "soldAt": "2017-01-01T00:00:00Z"
}
"""
DEPRECATED = "deprecation: {since: 2026-01-01, sunset: 2026-06-30, successor: ThingDone}"
PLANOGRAM = """\
{"storeId": "1", "planogramId": "2", "validFrom": "2017-01-01",
 "shelves": [{"shelf": 1, "positions": [{"productId": "7", "facings": 1, "capacity": null}]}]}
"""


def own_principals(principal: str, product: str) -> str:
    """A tenant that takes one product and has a principal of its own, which reads ``product``."""
    own = f'{{principal: "{principal}", credentials: "env:OWN", products: [{product}]}}'
    return f"products: [sales-events]\nprincipals:\n  - {own}\n"


OWNERSHIP = (
    in_product(
        Code.ONE_PRODUCER,
        "two-producers",
        {"producers:\n": STORE_PRODUCES},
        "¦producers:",
    ),
    in_product(
        Code.MANY_PRODUCERS,
        "lonely",
        {"pattern: one-to-many, team: planning": OWNED_BY_A_PERSON},
        "¦producers:",
    ),
    in_product(
        Code.NO_OWNER,
        "ownerless",
        {
            "pattern: one-to-many": "pattern: many-to-many",
            "producers:\n": STORE_PRODUCES,
        },
        "¦ownership:",
    ),
    Plant(
        "HR404",
        product(
            "funnel",
            {
                "one-to-many": "many-to-one",
                "consumers:\n": "consumers:\n  - {application: plan, events: [ThingDone], schemaVersion: 1}\n",
            },
        ),
        (Expected(Code.ONE_CONSUMER, "products/funnel/product.yaml", "¦consumers:"),),
    ),
    in_product(Code.OWNING_TEAM, "team", {"team: planning": "team: pricing"}, "team: ¦pricing"),
    in_product(
        Code.OWNER_UNUSED,
        "unused-owner",
        {"team: planning}": "team: planning, dataProductOwner: {name: Ida Feldmann, since: 2026-03-01}}"},
        "¦dataProductOwner",
    ),
    in_product(
        Code.UNKNOWN_APPLICATION,
        "unknown-application",
        {"application: store": "application: stroe"},
        "application: ¦stroe",
    ),
    in_product(
        Code.TWICE,
        "party-twice",
        {"consumers:\n": "consumers:\n  - {application: store, events: [ThingDone], schemaVersion: 1 }\n"},
        "application: ¦store, events: [ThingDone], reads",
    ),
    in_product(Code.TWICE, "key-twice", {"key: [storeId]": "key: [storeId, storeId]"}, "key: [storeId, ¦storeId]"),
    in_product(
        Code.UNKNOWN_EVENT,
        "unknown-event",
        {"store, events: [ThingDone]": "store, events: [ThingDoen]", "reads: [data.storeId], ": ""},
        "¦ThingDoen",
    ),
    in_product(
        Code.NO_SCHEMA_VERSION,
        "no-version",
        {"reads: [data.storeId], schemaVersion: 1": "schemaVersion: 3"},
        "schemaVersion: ¦3",
    ),
    in_product(
        Code.EVENT_TOO_NEW,
        "too-new",
        {
            "topic: {kind: log}\n": SECOND_EVENT.replace("Undone.1.json", "Undone.2.json"),
            "plan, events: [ThingDone]": "plan, events: [ThingDone, ThingUndone]",
        },
        "[ThingDone, ¦ThingUndone]",
        ThingUndone_2=SCHEMA,
    ),
    in_product(
        Code.NO_PRODUCER,
        "unproduced",
        {"topic: {kind: log}\n": SECOND_EVENT},
        "name: ¦ThingUndone",
        ThingUndone_1=SCHEMA,
    ),
    in_product(
        Code.EVENT_STOPPED,
        "stopped",
        {
            "topic: {kind: log}\n": SECOND_EVENT.replace("topic:", f"    {DEPRECATED}\ntopic:"),
            "store, events: [ThingDone]": "store, events: [ThingDone, ThingUndone]",
        },
        "events: [ThingDone, ¦ThingUndone]",
        ThingUndone_1=SCHEMA,
    ),
    in_product(
        Code.EXCEPTION,
        "exception",
        {
            "topic: {kind: log}\n": "topic: {kind: log}\nexceptions: [{schemaVersion: 2, reason: none, approvedBy: nobody}]\n"
        },
        "schemaVersion: ¦2",
    ),
    in_product(
        Code.STAR_AND_NAMES,
        "star",
        {"store, events: [ThingDone]": 'store, events: [ThingDone, "*"]'},
        '[ThingDone, ¦"*"]',
    ),
    in_product(Code.READS, "reads", {"reads: [data.storeId]": "reads: [data.storeNumber]"}, "¦data.storeNumber"),
    in_product(Code.READS, "reads-root", {"reads: [data.storeId]": "reads: [storeId]"}, "reads: [¦storeId]"),
    in_product(
        Code.OWNER_EMPTY,
        "nobody",
        {
            "pattern: one-to-many, team: planning": OWNED_BY_A_PERSON.replace("Ida Feldmann", "TBD"),
            "producers:\n": STORE_PRODUCES,
        },
        "name: ¦TBD",
    ),
)

SCHEMAS = (
    in_schema(Code.JSON_SCHEMA, "bad-schema", SCHEMA.replace('"number"', '"numbre"'), '¦"numbre"'),
    in_schema(
        Code.JSON_SCHEMA, "remote-ref", SCHEMA.replace('{"type": "number"}', '{"$ref": "other.json"}'), '¦{"$ref"'
    ),
    in_schema(
        Code.JSON_SCHEMA,
        "no-object",
        SCHEMA.replace('"type": "object",\n  "prop', '"type": "array",\n  "prop'),
        '¦"array",\n  "prop',
    ),
    Plant(
        "HR502",
        avro_product("bad-avro", {}, AVRO.replace('"string"', '"text"')),
        (Expected(Code.AVRO_SCHEMA, "products/bad-avro/schemas/ThingDone.1.avsc", '¦{"type": "record"'),),
    ),
    Plant(
        "HR503",
        (
            *product("file-of-schema", {VERSIONS: "versions: [schemas/Thing.1.json]"})[:1],
            write("products/file-of-schema/schemas/Thing.1.json", SCHEMA),
        ),
        (Expected(Code.SCHEMA_FILE, "products/file-of-schema/product.yaml", "¦schemas/Thing.1.json"),),
    ),
    in_product(
        Code.VERSION_ORDER,
        "order",
        {VERSIONS: "versions: [schemas/ThingDone.2.json, schemas/ThingDone.1.json]"},
        "¦schemas/ThingDone.1.json",
        ThingDone_2=SCHEMA,
    ),
    in_product(
        Code.VERSION_GAP,
        "gap",
        {VERSIONS: "versions: [schemas/ThingDone.1.json, schemas/ThingDone.3.json]"},
        "¦schemas/ThingDone.3.json",
        ThingDone_3=SCHEMA,
    ),
    Plant(
        "HR506",
        (
            write(
                "products/sales-events/examples/SaleRecorded/wrong.json",
                SALE.replace('"quantity": 1', '"quantity": "many"'),
            ),
        ),
        (Expected(Code.EXAMPLE, "products/sales-events/examples/SaleRecorded/wrong.json", '"quantity": ¦"many"'),),
    ),
    Plant(
        "HR506 undeclared",
        (
            write(
                "products/sales-events/examples/SaleRecorded/undeclared.json",
                SALE.replace('"quantity": 1', '"quantity": 1, "salesvalue": 1'),
            ),
        ),
        (Expected(Code.EXAMPLE, "products/sales-events/examples/SaleRecorded/undeclared.json", '"salesvalue": ¦1'),),
    ),
    Plant(
        "HR506 Avro",
        (
            write(
                "products/planograms/examples/PlanogramPublished/wrong.json",
                PLANOGRAM.replace('"7"', "7"),
            ),
        ),
        (Expected(Code.EXAMPLE, "products/planograms/examples/PlanogramPublished/wrong.json", '"productId": ¦7'),),
    ),
    Plant(
        "HR507",
        (write("products/sales-events/examples/SaleRecorde/x.json", "{}"),),
        (Expected(Code.EXAMPLE_PLACE, "products/sales-events/examples/SaleRecorde/x.json"),),
    ),
    Plant(
        "HR507 version",
        (write("products/sales-events/examples/SaleRecorded/x.9.json", "{}"),),
        (Expected(Code.EXAMPLE_PLACE, "products/sales-events/examples/SaleRecorded/x.9.json"),),
    ),
    Plant(
        "HR507 loose",
        (write("products/sales-events/examples/x.json", "{}"),),
        (Expected(Code.EXAMPLE_PLACE, "products/sales-events/examples/x.json"),),
    ),
    in_product(Code.KEY, "key", {"key: [storeId]": "key: [storId]"}, "key: [¦storId]"),
    in_product(Code.KEY_FIELD, "key-optional", {"key: [storeId]": "key: [quantity]"}, "key: [¦quantity]"),
    in_product(
        Code.EXPOSURE,
        "exposure",
        {"    key: [storeId]": "    key: [storeId]\n    exposure: {customers: [data.store]}"},
        "¦data.store]}",
    ),
    in_schema(
        Code.CLOSED,
        "closed",
        SCHEMA.replace('"required": ["storeId"]', '"required": ["storeId"],\n  "additionalProperties": false'),
        '"additionalProperties": ¦false',
    ),
    in_schema(
        Code.CLOSED,
        "closed-inside",
        SCHEMA.replace('"items": {"type": "object",', '"items": {"additionalProperties": false, "type": "object",'),
        '"additionalProperties": ¦false',
    ),
    Plant(
        "HR512",
        product(
            "mixed-drafts",
            TWO_EVENTS,
            ThingUndone_1=SCHEMA.replace(
                "http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2020-12/schema"
            ),
        ),
        (Expected(Code.MIXED_DRAFTS, "products/mixed-drafts/schemas/ThingUndone.1.json", '¦"https://json-schema.org'),),
    ),
    in_schema(
        Code.DRAFT,
        "draft",
        SCHEMA.replace("http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2020-12/schema"),
        '¦"https://json-schema.org',
    ),
    Plant(
        "HR514",
        (
            *avro_product(
                "avro-two",
                {
                    "topic: {kind: log}\n": SECOND_EVENT.replace("json-schema", "avro").replace(
                        "Undone.1.json", "Undone.1.avsc"
                    ),
                    "plan, events: [ThingDone]": "plan, events: [ThingDone, ThingUndone]",
                },
            ),
            write("products/avro-two/schemas/ThingUndone.1.avsc", AVRO),
        ),
        (Expected(Code.AVRO_EVENTS, "products/avro-two/product.yaml", "name: ¦ThingUndone"),),
    ),
    Plant(
        "HR515",
        (
            *avro_product("mixed-formats", TWO_EVENTS),
            write("products/mixed-formats/schemas/ThingUndone.1.json", SCHEMA),
        ),
        (Expected(Code.MIXED_FORMATS, "products/mixed-formats/product.yaml", "¦json-schema"),),
    ),
    in_product(
        Code.EVENT_TWICE,
        "event-twice",
        {
            "topic: {kind: log}\n": SECOND_EVENT.replace("ThingUndone", "ThingDone").replace(
                "name: ThingDone", "name:  ThingDone"
            )
        },
        "name:  ¦ThingDone",
    ),
    in_product(Code.TYPE_TWICE, "type-twice", {"com.example.ID.done.v1": "com.example.sale.recorded.v1"}, "type: ¦com"),
    in_product(
        Code.STATE_KEY,
        "state-key",
        {"    key: [storeId]\n": "", "topic: {kind: log}": "topic: {kind: state}"},
        "- ¦name: ThingDone",
    ),
    in_product(
        Code.STATE_RETENTION,
        "state-retention",
        {"topic: {kind: log}": "topic: {kind: state, retention: 7d}"},
        "¦retention: 7d",
    ),
    in_product(
        Code.PARTITIONS, "partitions", {"topic: {kind: log}": "topic: {kind: log, partitions: 12}"}, "partitions: ¦12"
    ),
    Plant(
        "HR521",
        product("no-versions", {VERSIONS: "versions: []"})[:1],
        (Expected(Code.NO_VERSIONS, "products/no-versions/product.yaml", "¦versions: []"),),
    ),
    in_schema(
        Code.PATTERN,
        "pattern",
        SCHEMA.replace('"storeId": {"type": "string"}', '"storeId": {"type": "string", "pattern": "^\\\\d+$"}'),
        '"pattern": ¦"^',
    ),
)

_DEPRECATED = "status: deprecated\ndeprecation: {since: 2026-01-01, sunset: 2027-01-01, successor: sales-events}"

LIFE = (
    in_product(Code.NO_DEPRECATION, "deprecated", {"status: active": "status: deprecated"}, "status: ¦deprecated"),
    in_product(
        Code.NOT_DEPRECATED,
        "not-deprecated",
        {"status: active": _DEPRECATED.replace("deprecated", "active", 1)},
        "status: ¦active",
    ),
    in_product(Code.SUNSET, "sunset", {"status: active": _DEPRECATED.replace("2027", "2025")}, "sunset: ¦2025"),
    in_product(
        Code.SUCCESSOR,
        "successor",
        {"status: active": _DEPRECATED.replace("sales-events", "sale-events")},
        "successor: ¦sale-events",
    ),
    in_product(
        Code.SUCCESSOR,
        "own-successor",
        {"status: active": _DEPRECATED.replace("sales-events", "own-successor.v1")},
        "successor: ¦own",
    ),
    Plant(
        "HR605",
        (
            *product("majors", {}),
            *product("majors", {"com.example.ID.done.v1": "com.example.ID.redone.v1"}, folder="majors.v1"),
        ),
        (Expected(Code.MAJOR_TWICE, "products/majors.v1/product.yaml", "version: ¦1.0.0"),),
    ),
)

REGIONS = (
    in_tenant(Code.UNKNOWN_REGION, "region", {"region: eu": "region: ue"}, "region: ¦ue"),
    in_application(Code.UNKNOWN_REGION, "app-region", {"  eu:": "  emea:"}, "¦emea:"),
    in_tenant(Code.UNKNOWN_PRODUCT, "tenant-product", {"[sales-events]": "[sales-event]"}, "[¦sales-event]"),
    in_tenant(
        Code.UNKNOWN_APPLICATION, "tenant-app", {"name: Planted": "name: Planted\napplications: [paln]"}, "[¦paln]"
    ),
    in_tenant(Code.STAR_AND_NAMES, "tenant-star", {"[sales-events]": '[sales-events, "*"]'}, '¦"*"'),
    Plant(
        "HR703",
        (replace("headrace.yaml", "path: .headrace/us", "path: ./.headrace/eu"),),
        (Expected(Code.SHARED_CLUSTER, "headrace.yaml", "path: ¦./.headrace/eu"),),
        alone=True,
    ),
    Plant(
        "HR704",
        (replace("headrace.yaml", "cluster: {kind: embedded, path: .headrace/us}", f"cluster: {KAFKA}"),),
        (Expected(Code.REGISTRY_ALONE, "headrace.yaml", '"kafka.example.com:9093"}\n    registry: ¦{kind: embedded}'),),
        alone=True,
    ),
    Plant(
        "HR705",
        (
            replace(
                "headrace.yaml",
                RETAIL_US,
                f'cluster: {KAFKA}\n    registry: {{kind: http, url: "https://registry.example.com"}}',
            ),
            replace("applications/plan.yaml", '  us: {principal: "User:plan-us", credentials: "env:PLAN_US"}\n', ""),
        ),
        (Expected(Code.NO_PRINCIPAL, "applications/plan.yaml", "¦regions:"),),
        alone=True,
    ),
    in_application(Code.SHARED_PRINCIPAL, "principal", {"User:principal": "User:plan-eu"}, '¦"User:plan-eu"'),
    Plant(
        "HR706 tenant-shared",
        tenant("tenant-shared", {"products: [sales-events]\n": own_principals("User:plan-eu", "sales-events")}),
        (Expected(Code.SHARED_PRINCIPAL, "tenants/tenant-shared.yaml", '{principal: ¦"User:plan-eu"'),),
    ),
    Plant(
        "HR706 operator",
        (
            replace(
                "headrace.yaml",
                RETAIL_US,
                f'cluster: {KAFKA[:-1]}, operators: ["User:plan-us"]}}\n'
                '    registry: {kind: http, url: "https://registry.example.com"}',
            ),
        ),
        (Expected(Code.SHARED_PRINCIPAL, "applications/plan.yaml", 'us: {principal: ¦"User:plan-us"'),),
        alone=True,
    ),
    in_tenant(
        Code.TWICE,
        "tenant-principals",
        {
            "products: [sales-events]\n": own_principals("User:tenant-principals", "sales-events")
            + '  - {credentials: "env:OTHER", principal: "User:tenant-principals", products: [sales-events]}\n'
        },
        'OTHER", principal: ¦"User:tenant-principals"',
    ),
    in_tenant(
        Code.PRINCIPAL_PRODUCT,
        "tenant-greedy",
        {"products: [sales-events]\n": own_principals("User:tenant-greedy", "promotions")},
        "products: [¦promotions]",
    ),
    in_tenant(
        Code.UNKNOWN_PRODUCT,
        "tenant-astray",
        {"products: [sales-events]\n": own_principals("User:tenant-astray", "promotionz")},
        "products: [¦promotionz]",
    ),
    in_tenant(
        Code.UNKNOWN_PRODUCT,
        "tenant-all",
        {"products: [sales-events]\n": own_principals("User:tenant-all", '"*"')},
        'products: [¦"*"]',
    ),
    in_tenant(Code.ONE_REGION, "two-regions", {"region: eu": "region: [eu, us]"}, "region: ¦[eu, us]"),
)

BATCH = (
    in_batch(
        Code.COLUMN_TWICE, "columns", {"columns:\n": "columns:\n  - {name:  storeId, type: string}\n"}, "name: ¦storeId"
    ),
    in_batch(Code.FILES_PATTERN, "files", {"{tenant}/": ""}, "files: ¦files"),
    in_batch(
        Code.ONE_PRODUCER,
        "batch-producers",
        {"[{application: plan}]": "[{application: plan}, {application: store}]"},
        "¦producers:",
    ),
)
