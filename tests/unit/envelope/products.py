"""A product to make codecs of, in either format, and its records as a log holds them."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from headrace.envelope.composition import compose
from headrace.model.compiled import CompiledEvent, CompiledProducing, CompiledProduct, CompiledSchema
from headrace.model.record import Record, StoredRecord
from headrace.model.schema import SchemaFormat


def make_product(
    schema: Any,
    *more: Any,
    format: SchemaFormat = SchemaFormat.JSON_SCHEMA,  # noqa: A002
    kind: str = "log",
    key: tuple[str, ...] = (),
    max_bytes: int = 1_000_000,
) -> CompiledProduct:
    """``schema`` is of ``Made`` (com.example.made.v1), each of ``more`` of ``Made2``, ``Made3``...; ids from 7 on."""
    schemas = [schema, *more]
    names = ["Made", *(f"Made{i}" for i in range(2, len(schemas) + 1))]
    types = [f"com.example.{name.lower()}.v1" for name in names]
    composed = compose(list(zip(names, types, schemas, strict=True)), format)
    return CompiledProduct(
        id="things",
        major=1,
        version="1.0.0",
        status="active",
        pattern="one-to-many",
        team="core",
        kind=kind,
        format=format,
        max_bytes=max_bytes,
        events=tuple(
            CompiledEvent(n, t, key, {"1": msgspec.Raw(json.dumps(s).encode())})
            for n, t, s in zip(names, types, schemas, strict=True)
        ),
        schemas=(CompiledSchema(1, 7, composed.text),),
        producers={"plan": CompiledProducing(tuple(names), 1)},
        consumers={},
    )


def stored(record: Record) -> StoredRecord:
    """The record as the log would hold it."""
    return StoredRecord("things.v1.acme", 42, 1_767_225_600_000, record.key, record.value, record.headers)
