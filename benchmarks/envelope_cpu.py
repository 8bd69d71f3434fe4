"""CPU of one event on its way out and in, against the bare libraries that do the same work, in process CPU time.

The event is an order proposal of 1 kB with seven lines, its schema draft-07 with a reference. *Out*: the whole publish path
(id, time, validation against the closed schema, encoding, frame, headers, key) against jsonschema-rs `is_valid` plus
`orjson.dumps` of the data. *In*: decoding and validating a framed record and reading a field, against msgspec decoding the
same bytes and `is_valid`. Then what others use: confluent-kafka's JSONSerializer with validation (given a finished envelope and
its registered schema, from a registry in memory), and json + jsonschema on the data alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import jsonschema
import jsonschema_rs
import msgspec
import orjson
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from benchmarks.figures import Figure, median_ratio, report
from headrace.envelope.codec import ProductCodec
from headrace.envelope.composition import compose
from headrace.envelope.envelope import Envelope
from headrace.envelope.framing import HEADER_SIZE
from headrace.model.compiled import CompiledEvent, CompiledProducing, CompiledProduct, CompiledSchema
from headrace.model.json_schema import closed
from headrace.model.record import StoredRecord
from headrace.model.schema import SchemaFormat

SCHEMA: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "Order proposal created",
    "type": "object",
    "required": ["orderProposalId", "storeId", "productId", "orderDate", "quantity", "lines"],
    "properties": {
        "orderProposalId": {"type": "string", "minLength": 1, "maxLength": 60},
        "storeId": {"type": "string", "pattern": "^[0-9]{1,8}$"},
        "productId": {"type": "string", "minLength": 1, "maxLength": 20},
        "orderDate": {"type": "string", "format": "date"},
        "quantity": {"type": "number", "minimum": 0},
        "status": {"enum": ["proposed", "approved", "rejected"]},
        "promotionId": {"type": ["string", "null"]},
        "supplier": {
            "type": "object",
            "required": ["id"],
            "properties": {
                "id": {"type": "string"},
                "name": {"type": "string"},
                "country": {"enum": ["DE", "FI", "FR", "SE", "US"]},
            },
        },
        "lines": {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/line"}},
    },
    "definitions": {
        "line": {
            "type": "object",
            "required": ["productId", "quantity", "unit"],
            "properties": {
                "productId": {"type": "string"},
                "quantity": {"type": "integer", "minimum": 0},
                "unit": {"enum": ["EA", "CS"]},
                "casePack": {"type": "integer", "minimum": 1},
                "price": {"type": "number"},
                "reason": {"type": "string"},
            },
        }
    },
}
DATA: dict[str, Any] = {
    "orderProposalId": "367-1082185-12",
    "storeId": "367",
    "productId": "1082185",
    "orderDate": "2026-03-02",
    "quantity": 252.0,
    "status": "proposed",
    "promotionId": None,
    "supplier": {"id": "s-77", "name": "Nordic dairy products", "country": "FI"},
    "lines": [
        {
            "productId": f"108218{i}",
            "quantity": 12 * i,
            "unit": "CS",
            "casePack": 12,
            "price": 1.99 + i,
            "reason": "order-up-to level",
        }
        for i in range(7)
    ],
}
EVENT = "OrderProposalCreated"
TYPE = "com.example.order-proposal.created.v1"
LOOPS = 4000


def product() -> CompiledProduct:
    composed = compose([(EVENT, TYPE, SCHEMA)], SchemaFormat.JSON_SCHEMA)
    return CompiledProduct(
        id="order-proposals",
        major=1,
        version="1.0.0",
        status="active",
        pattern="one-to-many",
        team="core",
        kind="log",
        format=SchemaFormat.JSON_SCHEMA,
        max_bytes=1_000_000,
        events=(CompiledEvent(EVENT, TYPE, ("storeId", "productId"), {"1": msgspec.Raw(orjson.dumps(SCHEMA))}),),
        schemas=(CompiledSchema(1, 1, composed.text),),
        producers={"plan": CompiledProducing((EVENT,), 1)},
        consumers={},
    )


def cpu(call: Callable[[], object], loops: int = LOOPS) -> Callable[[], float]:
    """Microseconds of this process's CPU for one call, over ``loops`` of them."""

    def measured() -> float:
        start = time.process_time_ns()
        for _ in range(loops):
            call()
        return (time.process_time_ns() - start) / loops / 1000

    return measured


def _figure(name: str, ours: Callable[[], float], raw: Callable[[], float], goal: float | None) -> Figure:
    ratio, pairs = median_ratio(ours, raw, rounds=9)
    best = [round(min(side), 2) for side in zip(*pairs, strict=True)]
    return Figure(name, ratio, goal, detail={"us (best)": best[0], "bare us (best)": best[1]})


def _times_faster(name: str, theirs: Callable[[], float], ours: Callable[[], float], goal: float | None) -> Figure:
    ratio, pairs = median_ratio(theirs, ours, rounds=5)
    best = [round(min(side), 2) for side in zip(*pairs, strict=True)]
    return Figure(name, ratio, goal, at_least=True, detail={"theirs us (best)": best[0], "ours us (best)": best[1]})


def measure() -> list[Figure]:
    made = product()
    codec = ProductCodec(made, "eu")
    encode = codec.encoder("plan", EVENT, "acme")
    _, record = encode(DATA)
    assert record.value is not None
    value = record.value
    stored = StoredRecord("order-proposals.v1.acme", 0, 0, record.key, value, record.headers)
    dumps = orjson.dumps
    in_closed = jsonschema_rs.validator_for(dict(closed(SCHEMA)), validate_formats=True).is_valid
    in_open = jsonschema_rs.validator_for(SCHEMA, validate_formats=True).is_valid
    decode = codec.decode
    bare_decode = msgspec.json.Decoder(Envelope).decode

    def bare_out_closed() -> None:
        in_closed(DATA)
        dumps(DATA)

    def bare_out_open() -> None:
        in_open(DATA)
        dumps(DATA)

    def read() -> Any:
        return decode(stored).data["storeId"]

    def bare_read() -> Any:
        envelope = bare_decode(value[HEADER_SIZE:])
        in_open(envelope.data)
        return envelope.data["storeId"]

    composed = json.loads(made.schemas[0].text)
    envelope = json.loads(value[HEADER_SIZE:])
    client = SchemaRegistryClient.new_client({"url": "mock://envelope"})
    serializer = JSONSerializer(json.dumps(composed | {"title": "Envelope"}), client)
    context = SerializationContext("order-proposals.v1.acme", MessageField.VALUE)
    checker = jsonschema.Draft7Validator(SCHEMA, format_checker=jsonschema.Draft7Validator.FORMAT_CHECKER)

    def with_jsonschema() -> None:
        checker.validate(DATA)
        json.dumps(DATA).encode()

    out = cpu(lambda: encode(DATA))
    few = 40
    return [
        _figure("publish path / is_valid + orjson.dumps, closed schema", out, cpu(bare_out_closed), 1.6),
        _figure("publish path / is_valid + orjson.dumps, open schema", out, cpu(bare_out_open), None),
        _figure("decode + validate + access / msgspec + is_valid", cpu(read), cpu(bare_read), 1.3),
        _times_faster(
            "faster than confluent-kafka JSONSerializer with validation",
            cpu(lambda: serializer(envelope, context), few),
            out,
            50,
        ),
        _times_faster("faster than json + jsonschema on the data alone", cpu(with_jsonschema, few), out, None),
    ]


if __name__ == "__main__":
    raise SystemExit(report(measure()))
