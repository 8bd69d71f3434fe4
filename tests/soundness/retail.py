"""The real schemas that the corpus mutates: those of the example catalogue, and larger ones that a retailer would write."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "retail" / "products"


def _text(least: int, most: int) -> dict[str, Any]:
    return {"type": "string", "minLength": least, "maxLength": most}


MONEY = {
    "type": "object",
    "properties": {
        "amount": {"type": "number", "minimum": 0, "multipleOf": 0.01},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
    },
    "required": ["amount", "currency"],
}

SHELF_PLAN: dict[str, Any] = {
    "title": "Shelf plan released",
    "type": "object",
    "properties": {
        "planId": {"type": "string", "format": "uuid"},
        "storeId": _text(1, 20),
        "validFrom": {"type": "string", "format": "date"},
        "layout": {"type": "string", "enum": ["AISLE", "END_CAP", "WALL"]},
        "fixtures": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "fixtureId": _text(1, 30),
                    "widthMm": {"type": "integer", "minimum": 1, "maximum": 20000},
                    "shelves": {
                        "type": "array",
                        "maxItems": 12,
                        "items": {
                            "type": "object",
                            "properties": {
                                "level": {"type": "integer", "minimum": 1, "maximum": 12},
                                "positions": {
                                    "type": "array",
                                    "items": {
                                        "type": "object",
                                        "properties": {
                                            "productId": _text(1, 20),
                                            "facings": {"type": "integer", "minimum": 1},
                                            "fillRate": {"type": "number", "minimum": 0, "maximum": 1},
                                        },
                                        "required": ["productId", "facings"],
                                    },
                                },
                            },
                            "required": ["level", "positions"],
                        },
                    },
                },
                "required": ["fixtureId", "shelves"],
            },
        },
        "approvedBy": {"type": ["string", "null"], "maxLength": 60},
        "attributes": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "required": ["planId", "storeId", "validFrom", "fixtures"],
}

RECEIPT: dict[str, Any] = {
    "title": "Receipt closed",
    "type": "object",
    "properties": {
        "receiptId": _text(1, 40),
        "storeId": _text(1, 20),
        "closedAt": {"type": "string", "format": "date-time"},
        "training": {"type": "boolean"},
        "total": MONEY,
        "lines": {
            "type": "array",
            "minItems": 1,
            "maxItems": 500,
            "items": {
                "type": "object",
                "properties": {
                    "productId": _text(1, 20),
                    "quantity": {"type": "number", "multipleOf": 0.001},
                    "price": MONEY,
                    "promotionIds": {"type": "array", "items": _text(1, 60), "uniqueItems": True},
                    "reason": {"type": "string", "enum": ["SALE", "RETURN", "VOID"]},
                },
                "required": ["productId", "quantity", "price"],
            },
        },
        "tenders": {
            "type": "array",
            "items": {
                "oneOf": [
                    {
                        "type": "object",
                        "properties": {"kind": {"const": "CASH"}, "given": {"type": "number", "minimum": 0}},
                        "required": ["kind", "given"],
                    },
                    {
                        "type": "object",
                        "properties": {"kind": {"const": "CARD"}, "scheme": _text(2, 20)},
                        "required": ["kind", "scheme"],
                    },
                ]
            },
        },
        "loyalty": {
            "type": "object",
            "properties": {"cardId": _text(4, 32), "points": {"type": "integer", "minimum": 0}},
            "required": ["cardId"],
            "additionalProperties": False,
        },
    },
    "required": ["receiptId", "storeId", "closedAt", "total", "lines"],
}

SUPPLIER_ORDER: dict[str, Any] = {
    "title": "Supplier order sent",
    "type": "object",
    "properties": {
        "orderId": {"type": "string", "pattern": "^PO-[0-9]{6,10}$"},
        "supplierId": _text(1, 20),
        "sentOn": {"type": "string", "format": "date"},
        "contact": {
            "type": "object",
            "properties": {
                "email": {"type": "string", "format": "email"},
                "portal": {"type": "string", "format": "uri"},
                "phone": {"type": "string", "pattern": "^[0-9 +-]{5,20}$"},
            },
        },
        "deliveries": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "gln": {"type": "string", "pattern": "^[0-9]{13}$"},
                    "day": {"type": "string", "format": "date"},
                    "pallets": {"type": "integer", "minimum": 0, "maximum": 66},
                    "weightKg": {"type": "number", "exclusiveMinimum": 0, "maximum": 24000},
                    "temperatures": {
                        "type": "array",
                        "items": {"type": "number", "minimum": -30, "maximum": 30},
                        "maxItems": 8,
                    },
                },
                "required": ["gln", "day"],
            },
        },
        "terms": {
            "type": "object",
            "properties": {
                "days": {"type": "integer", "minimum": 0, "maximum": 120},
                "discountPercent": {"type": "number", "minimum": 0, "maximum": 100},
                "notes": {"type": "array", "items": {"type": "string", "maxLength": 200}},
            },
            "required": ["days"],
        },
    },
    "required": ["orderId", "supplierId", "sentOn", "deliveries"],
}

STOCK_COUNT_AVRO: dict[str, Any] = {
    "type": "record",
    "name": "StockCounted",
    "namespace": "com.example.stock",
    "fields": [
        {"name": "storeId", "type": "string"},
        {"name": "countedOn", "type": {"type": "int", "logicalType": "date"}},
        {"name": "reason", "type": {"type": "enum", "name": "Reason", "symbols": ["CYCLE", "DAMAGE", "AUDIT"]}},
        {"name": "value", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
        {"name": "checksum", "type": {"type": "fixed", "name": "Checksum", "size": 8}},
        {"name": "counts", "type": {"type": "map", "values": "int"}},
        {
            "name": "lines",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "CountLine",
                    "fields": [
                        {"name": "productId", "type": "string"},
                        {"name": "pieces", "type": "int"},
                        {"name": "weight", "type": ["null", "float"], "default": None},
                        {"name": "comment", "type": ["null", "string"], "default": None},
                    ],
                },
            },
        },
    ],
}


@cache
def json_schemas() -> dict[str, dict[str, Any]]:
    """By name, in a fixed order."""
    files = sorted(EXAMPLES.glob("*/schemas/*.json"))
    found = {path.stem: json.loads(path.read_text()) for path in files}
    larger = {"ShelfPlan": SHELF_PLAN, "Receipt": RECEIPT, "SupplierOrder": SUPPLIER_ORDER}
    return {**found, **larger}


@cache
def avro_schemas() -> dict[str, dict[str, Any]]:
    """By name, in a fixed order."""
    files = sorted(EXAMPLES.glob("*/schemas/*.avsc"))
    return {**{path.stem: json.loads(path.read_text()) for path in files}, "StockCount": STOCK_COUNT_AVRO}
