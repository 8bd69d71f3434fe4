"""CPU of a large Avro event (a floorplan of 2 MB, 40,000 fixtures) on its way out and in, against bare fastavro.

Both ways check every value in Python, which fastavro does not; no goal is set, the figures show what that costs. Beside it
what a typed model costs: msgspec.convert of a 1 kB event's data.
"""

from __future__ import annotations

import io
import json
from typing import Any

import fastavro
import msgspec
import orjson

from benchmarks.envelope_cpu import DATA as ORDER
from benchmarks.envelope_cpu import LOOPS, cpu
from benchmarks.figures import Figure, median_ratio, report
from headrace.envelope.codec import ProductCodec
from headrace.envelope.composition import compose
from headrace.envelope.framing import HEADER_SIZE
from headrace.model.compiled import CompiledEvent, CompiledProducing, CompiledProduct, CompiledSchema
from headrace.model.record import StoredRecord
from headrace.model.schema import SchemaFormat

SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "FloorplanPublished",
    "namespace": "com.example.store",
    "fields": [
        {"name": "storeId", "type": "string"},
        {"name": "revision", "type": "int"},
        {
            "name": "fixtures",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "Fixture",
                    "fields": [
                        {"name": "id", "type": "int"},
                        {
                            "name": "kind",
                            "type": {"type": "enum", "name": "Kind", "symbols": ["SHELF", "HOOK", "FREEZER"]},
                        },
                        *({"name": n, "type": "double"} for n in ("x", "y", "width", "depth")),
                        {"name": "label", "type": ["null", "string"], "default": None},
                    ],
                },
            },
        },
    ],
}
DATA: dict[str, Any] = {
    "storeId": "367",
    "revision": 12,
    "fixtures": [
        {
            "id": i,
            "kind": ("SHELF", "HOOK", "FREEZER")[i % 3],
            "x": i / 7,
            "y": i / 11,
            "width": 1.25,
            "depth": 0.5,
            "label": None if i % 4 else f"aisle {i // 100}, fixture {i}",
        }
        for i in range(40_000)
    ],
}
EVENT = "FloorplanPublished"
TYPE = "com.example.floorplan.published.v1"


class Supplier(msgspec.Struct):
    id: str
    name: str
    country: str


class Line(msgspec.Struct, rename="camel"):
    product_id: str
    quantity: int
    unit: str
    case_pack: int
    price: float
    reason: str


class Order(msgspec.Struct, rename="camel"):
    order_proposal_id: str
    store_id: str
    product_id: str
    order_date: str
    quantity: float
    status: str
    promotion_id: str | None
    supplier: Supplier
    lines: list[Line]


def measure() -> list[Figure]:
    composed = compose([(EVENT, TYPE, SCHEMA)], SchemaFormat.AVRO)
    made = CompiledProduct(
        id="floorplans",
        major=1,
        version="1.0.0",
        status="active",
        pattern="one-to-many",
        team="core",
        kind="state",
        format=SchemaFormat.AVRO,
        max_bytes=10_000_000,
        events=(CompiledEvent(EVENT, TYPE, ("storeId",), {"1": msgspec.Raw(orjson.dumps(SCHEMA))}),),
        schemas=(CompiledSchema(1, 1, composed.text),),
        producers={"store": CompiledProducing((EVENT,), 1)},
        consumers={},
    )
    codec = ProductCodec(made, "eu")
    encode = codec.encoder("store", EVENT, "acme")
    _, record = encode(DATA)
    assert record.value is not None
    value = record.value
    stored = StoredRecord("floorplans.v1.acme", 0, 0, record.key, value, record.headers)
    parsed = fastavro.parse_schema(json.loads(composed.text))
    whole: Any = fastavro.schemaless_reader(io.BytesIO(value[HEADER_SIZE:]), parsed)

    def bare_out() -> None:
        fastavro.schemaless_writer(io.BytesIO(), parsed, whole)

    def bare_in() -> None:
        fastavro.schemaless_reader(io.BytesIO(value[HEADER_SIZE:]), parsed)

    figures = []
    for name, ours, bare in (
        ("Avro floorplan: publish path / bare fastavro", lambda: encode(DATA), bare_out),
        ("Avro floorplan: decode + validate / bare fastavro", lambda: codec.decode(stored), bare_in),
    ):
        ratio, pairs = median_ratio(cpu(ours, 2), cpu(bare, 2), rounds=5)
        best = [round(min(side) / 1000, 1) for side in zip(*pairs, strict=True)]
        figures.append(
            Figure(name, ratio, detail={"ms (best)": best[0], "bare ms (best)": best[1], "bytes": len(value)})
        )
    body = orjson.dumps(ORDER)
    ratio, pairs = median_ratio(
        cpu(lambda: msgspec.convert(ORDER, Order), LOOPS), cpu(lambda: msgspec.json.decode(body), LOOPS), rounds=5
    )
    best = [round(min(side), 2) for side in zip(*pairs, strict=True)]
    detail = {"convert us (best)": best[0], "decode us (best)": best[1]}
    return [*figures, Figure("typed model: msgspec.convert / msgspec decode, 1 kB", ratio, detail=detail)]


if __name__ == "__main__":
    raise SystemExit(report(measure()))
