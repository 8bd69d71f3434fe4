"""How a fault is planted into the retail catalogue: what is changed, and which fault must be reported where.

A place is written as a piece of the changed file with ``¦`` in front of the character where the fault must stand; without
a piece the fault is about the whole file. Most plants bring files of their own, so that all of them can stand in one
repository.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from headrace.catalogue.codes import Code

RETAIL = Path(__file__).parents[3] / "examples" / "retail"
SALES = "products/sales-events/product.yaml"


def copy_retail(target: Path) -> Path:
    """The retail catalogue without its data."""
    shutil.copytree(RETAIL, target, ignore=shutil.ignore_patterns("data", ".headrace"))
    return target


@dataclass(frozen=True)
class Expected:
    code: Code
    path: str
    piece: str | None = None

    def place(self, root: Path) -> tuple[str, int, int, str]:
        """(path, line, column, code) in the changed repository."""
        if self.piece is None:
            return self.path, 0, 0, self.code.code
        before, mark, after = self.piece.partition("¦")
        assert mark, f"{self.piece!r} has no mark"
        text = (root / self.path).read_text(encoding="utf-8", errors="replace")
        assert text.count(before + after) == 1, (
            f"{before + after!r} stands {text.count(before + after)} times in {self.path}"
        )
        offset = text.index(before + after) + len(before)
        return self.path, text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset), self.code.code


Edit = Callable[[Path], None]


@dataclass(frozen=True)
class Plant:
    name: str
    edits: tuple[Edit, ...]
    expected: tuple[Expected, ...]
    alone: bool = False
    """It cannot stand in one repository with the others: it hides them, or changes what they mean."""
    codes: frozenset[Code] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "codes", frozenset(e.code for e in self.expected))

    def apply(self, root: Path) -> None:
        for edit in self.edits:
            edit(root)


def replace(path: str, old: str, new: str) -> Edit:
    def edit(root: Path) -> None:
        text = (root / path).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
        (root / path).write_text(text.replace(old, new), encoding="utf-8")

    return edit


def write(path: str, text: str | bytes) -> Edit:
    def edit(root: Path) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text if isinstance(text, bytes) else text.encode())

    return edit


def remove(path: str) -> Edit:
    return lambda root: (root / path).unlink()


def link(path: str, target: str) -> Edit:
    return lambda root: (root / path).symlink_to(target)


PRODUCT = """\
apiVersion: headrace/v1
kind: StreamingDataProduct
id: ID
name: Planted
domain: test
status: active
version: 1.0.0
description: {purpose: To be wrong.}
ownership: {pattern: one-to-many, team: planning}
producers:
  - {application: plan, events: [ThingDone], schemaVersion: 1}
consumers:
  - {application: store, events: [ThingDone], reads: [data.storeId], schemaVersion: 1}
events:
  - name: ThingDone
    type: com.example.ID.done.v1
    schema: {format: json-schema, versions: [schemas/ThingDone.1.json]}
    key: [storeId]
topic: {kind: log}
"""
SCHEMA = """\
{
  "$schema": "http://json-schema.org/draft-07/schema#",
  "type": "object",
  "properties": {
    "storeId": {"type": "string"},
    "quantity": {"type": "number"},
    "lines": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}}}}
  },
  "required": ["storeId"]
}
"""
AVRO = '{"type": "record", "name": "Thing", "fields": [{"name": "storeId", "type": "string"}]}\n'
BATCH_PRODUCT = """\
apiVersion: headrace/v1
kind: BatchDataProduct
id: ID
name: Planted
domain: test
status: active
version: 1.0.0
description: {purpose: To be wrong.}
ownership: {pattern: one-to-many, team: planning}
producers: [{application: plan}]
files: ID/{tenant}/{date}.csv
schedule: "0 3 * * *"
columns:
  - {name: storeId, type: string}
"""
TENANT = """\
apiVersion: headrace/v1
kind: Tenant
id: ID
name: Planted
region: eu
products: [sales-events]
"""
APPLICATION = """\
apiVersion: headrace/v1
kind: Application
id: ID
name: Planted
team: planning
contact: planted@example.com
regions:
  eu: {principal: "User:ID", credentials: "env:PLANTED"}
"""


def _edited(template: str, id_: str, changes: dict[str, str]) -> str:
    text = template.replace("ID", id_)
    for old, new in changes.items():
        old = old.replace("ID", id_)
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
        text = text.replace(old, new.replace("ID", id_))
    return text


def product(
    id_: str, changes: dict[str, str] | None = None, *, schema: str = SCHEMA, folder: str | None = None, **more: str
) -> tuple[Edit, ...]:
    """A streaming product of its own. ``more``: further schema files, `Name_2` for schemas/Name.2.json."""
    base = f"products/{folder or id_}"
    edits = [write(f"{base}/product.yaml", _edited(PRODUCT, id_, changes or {}))]
    edits.append(write(f"{base}/schemas/ThingDone.1.json", schema))
    for name, text in more.items():
        event, _, number = name.rpartition("_")
        edits.append(write(f"{base}/schemas/{event}.{number}.json", text))
    return tuple(edits)


def avro_product(id_: str, changes: dict[str, str], schema: str = AVRO) -> tuple[Edit, ...]:
    changes = {
        "format: json-schema, versions: [schemas/ThingDone.1.json]": "format: avro, versions: [schemas/ThingDone.1.avsc]"
    } | changes
    text = _edited(PRODUCT, id_, changes)
    return (write(f"products/{id_}/product.yaml", text), write(f"products/{id_}/schemas/ThingDone.1.avsc", schema))


def batch(id_: str, changes: dict[str, str]) -> tuple[Edit, ...]:
    return (write(f"products/{id_}/product.yaml", _edited(BATCH_PRODUCT, id_, changes)),)


def tenant(id_: str, changes: dict[str, str]) -> tuple[Edit, ...]:
    return (write(f"tenants/{id_}.yaml", _edited(TENANT, id_, changes)),)


def application(id_: str, changes: dict[str, str]) -> tuple[Edit, ...]:
    return (write(f"applications/{id_}.yaml", _edited(APPLICATION, id_, changes)),)


def in_product(code: Code, id_: str, changes: dict[str, str], piece: str, **more: str) -> Plant:
    """One change to a product of its own, one fault in its declaration."""
    expected = Expected(code, f"products/{id_}/product.yaml", piece.replace("ID", id_))
    return Plant(f"{code.code} {id_}", product(id_, changes, **more), (expected,))


def in_schema(code: Code, id_: str, schema: str, piece: str, changes: dict[str, str] | None = None) -> Plant:
    expected = Expected(code, f"products/{id_}/schemas/ThingDone.1.json", piece)
    return Plant(f"{code.code} {id_}", product(id_, changes, schema=schema), (expected,))


def in_tenant(code: Code, id_: str, changes: dict[str, str], piece: str) -> Plant:
    return Plant(f"{code.code} {id_}", tenant(id_, changes), (Expected(code, f"tenants/{id_}.yaml", piece),))


def in_application(code: Code, id_: str, changes: dict[str, str], piece: str) -> Plant:
    return Plant(f"{code.code} {id_}", application(id_, changes), (Expected(code, f"applications/{id_}.yaml", piece),))


def in_batch(code: Code, id_: str, changes: dict[str, str], piece: str) -> Plant:
    return Plant(f"{code.code} {id_}", batch(id_, changes), (Expected(code, f"products/{id_}/product.yaml", piece),))


SECOND_EVENT = """\
  - name: ThingUndone
    type: com.example.ID.undone.v1
    schema: {format: json-schema, versions: [schemas/ThingUndone.1.json]}
    key: [storeId]
topic: {kind: log}
"""
TWO_EVENTS = {
    "topic: {kind: log}\n": SECOND_EVENT,
    "plan, events: [ThingDone]": "plan, events: [ThingDone, ThingUndone]",
}
VERSIONS = "versions: [schemas/ThingDone.1.json]"
KAFKA = """{kind: kafka, bootstrap: "kafka.example.com:9093"}"""
RETAIL_US = "cluster: {kind: embedded, path: .headrace/us}\n    registry: {kind: embedded}"

OWNED_BY_A_PERSON = "pattern: many-to-many, team: planning, dataProductOwner: {name: Ida Feldmann, since: 2026-03-01}"
STORE_PRODUCES = "producers:\n  - {application: store, events: [ThingDone], schemaVersion: 1}\n"
"""A second producer."""
