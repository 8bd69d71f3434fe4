"""A declaration repository of any size, written to a folder: made up, for measuring."""

from __future__ import annotations

import json
from pathlib import Path

_REPOSITORY = """\
apiVersion: headrace/v1
kind: Repository
name: scale
regions:
  eu: {name: European Union, cluster: {kind: embedded, path: .headrace/eu}, registry: {kind: embedded}}
  us: {name: United States, cluster: {kind: embedded, path: .headrace/us}, registry: {kind: embedded}}
naming: {eventTypePrefix: com.example.}
defaults: {compatibility: FORWARD_TRANSITIVE, retention: 7d, maxBytes: 1MiB}
policies: {maxDeletes: 0}
"""

_APPLICATION = """\
apiVersion: headrace/v1
kind: Application
id: %(id)s
name: %(id)s
team: %(id)s-team
contact: %(id)s@example.com
regions:
  eu: {principal: "User:%(id)s-eu", credentials: "env:%(variable)s_EU"}
  us: {principal: "User:%(id)s-us", credentials: "env:%(variable)s_US"}
"""

_TENANT = """\
apiVersion: headrace/v1
kind: Tenant
id: %(id)s
name: Tenant %(number)d
region: %(region)s
products: ["*"]
"""

_PRODUCT = """\
apiVersion: headrace/v1
kind: StreamingDataProduct
id: %(id)s
name: Product %(number)d
domain: scale
status: active
version: 1.1.0
description: {purpose: For measuring., limitations: None.}
ownership: {pattern: one-to-many, team: producer-team}
producers:
  - {application: producer, events: [LineRecorded, LineCancelled], schemaVersion: 2}
consumers:
  - {application: plan, events: ["*"], reads: [data.storeId, data.quantity], schemaVersion: 1}
  - {application: promo, events: [LineRecorded], reads: [data.productId], schemaVersion: 2}
events:
  - name: LineRecorded
    type: com.example.%(id)s.line-recorded.v1
    description: A line was recorded.
    schema: {format: json-schema, versions: [schemas/LineRecorded.1.json, schemas/LineRecorded.2.json]}
    key: [storeId, productId]
  - name: LineCancelled
    type: com.example.%(id)s.line-cancelled.v1
    description: A line was cancelled.
    schema: {format: json-schema, versions: [schemas/LineCancelled.1.json]}
    key: [storeId, productId]
compatibility: FORWARD_TRANSITIVE
topic: {kind: log, retention: 7d}
"""


def _schema(title: str, fields: int) -> dict[str, object]:
    extra = {f"measure{n}": {"type": ["number", "null"], "description": f"Measure {n}."} for n in range(fields)}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": title,
        "description": f"{title}, for measuring.",
        "type": "object",
        "required": ["storeId", "productId", "quantity"],
        "properties": {
            "storeId": {"type": "string", "description": "The store."},
            "productId": {"type": "string", "description": "The article."},
            "quantity": {"type": "number", "description": "How many."},
            **extra,
        },
    }


def _example(fields: int) -> dict[str, object]:
    return {"storeId": "1", "productId": "2", "quantity": 3, **{f"measure{n}": n for n in range(fields)}}


def write(folder: Path, tenants: int = 1_000, products: int = 10) -> None:
    """``tenants`` x ``products`` topics; every third tenant in the US, the others in the EU; two schema versions."""
    for name in ("applications", "tenants", "products"):
        (folder / name).mkdir(parents=True)
    (folder / "headrace.yaml").write_text(_REPOSITORY)
    for name in ("producer", "plan", "promo"):
        (folder / "applications" / f"{name}.yaml").write_text(_APPLICATION % {"id": name, "variable": name.upper()})
    for number in range(tenants):
        values = {"id": f"tenant-{number:04}", "number": number, "region": "us" if number % 3 == 2 else "eu"}
        (folder / "tenants" / f"tenant-{number:04}.yaml").write_text(_TENANT % values)
    for number in range(products):
        product = folder / "products" / f"product-{number:02}"
        (product / "schemas").mkdir(parents=True)
        (product / "product.yaml").write_text(_PRODUCT % {"id": f"product-{number:02}", "number": number})
        for event, version, fields in (("LineRecorded", 1, 12), ("LineRecorded", 2, 14), ("LineCancelled", 1, 4)):
            text = json.dumps(_schema(event, fields), indent=2)
            (product / "schemas" / f"{event}.{version}.json").write_text(text + "\n")
        for event, fields in (("LineRecorded", 14), ("LineCancelled", 4)):
            (product / "examples" / event).mkdir(parents=True)
            (product / "examples" / event / "plain.json").write_text(json.dumps(_example(fields)) + "\n")
