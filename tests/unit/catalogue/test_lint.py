"""The lint of data schemas: each rule finds what it is about, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from headrace.catalogue.lint import lint, lint_schema
from headrace.catalogue.lint_codes import LintCode
from headrace.catalogue.load import load
from headrace.catalogue.names_style import lower_camel
from headrace.cli.runner import run
from headrace.model.json_schema import FORMATS
from headrace.model.schema import SchemaFormat
from tests.unit.catalogue.planting import RETAIL, copy_retail, replace

PAGE = Path(__file__).parents[3] / "docs" / "lint.md"
AVRO = {"type": "record", "name": "Thing", "doc": "A thing."}


def field(**keywords: Any) -> dict[str, Any]:
    """An event with one field, of which nothing but ``keywords`` could be said to be wrong."""
    described = {"description": "A field."} | keywords
    return {"description": "An event.", "type": "object", "properties": {"field": described}}


def avro(**keywords: Any) -> dict[str, Any]:
    return {**AVRO, "fields": [{"name": "field", "doc": "A field.", "type": "string"} | keywords]}


FINDS: dict[LintCode, dict[str, Any]] = {
    LintCode.CLOSED: {**field(type="string"), "additionalProperties": False},
    LintCode.PATTERN_PROPERTIES: {**field(type="string"), "patternProperties": {"^x_": {"type": "string"}}},
    LintCode.UNDECLARED_REQUIRED: {**field(type="string"), "required": ["feild"]},
    LintCode.UNKNOWN_KEYWORD: field(type="string", maxlength=3),
    LintCode.NO_ITEMS: field(type="array"),
    LintCode.NO_DESCRIPTION: {k: v for k, v in field(type="string").items() if k != "description"},
    LintCode.NO_FIELD_DESCRIPTION: field(type="string", description=""),
    LintCode.FORMAT: field(type="string", format="iri"),
    LintCode.NO_TYPE: field(),
    LintCode.NO_RANGE: field(type="integer", maximum=3),
    LintCode.BIG_INTEGER: field(type="integer", minimum=0, maximum=2**63),
    LintCode.EMPTY_RANGE: field(type="number", minimum=1, exclusiveMaximum=1),
    LintCode.PLAIN_ENUM: field(enum=["A", "B"]),
    LintCode.UNANCHORED: field(type="string", pattern="[0-9]+"),
    LintCode.NULL_AND_OPTIONAL: field(type=["string", "null"]),
    LintCode.FIELD_NAME: {**field(type="string"), "properties": {"store_id": {"type": "string", "description": "x"}}},
    LintCode.NAMES_ALIKE: {
        **field(type="string"),
        "properties": {name: {"type": "string", "description": "x"} for name in ("storeId", "storeID")},
    },
    LintCode.NO_DOC: avro(doc=""),
    LintCode.NO_ENUM_DEFAULT: avro(type={"type": "enum", "name": "E", "symbols": ["A", "B"]}),
    LintCode.NO_FIELD_DEFAULT: avro(type=["null", "string"]),
}


def codes(schema: Any) -> list[LintCode]:
    form = SchemaFormat.AVRO if schema.get("type") == "record" else SchemaFormat.JSON_SCHEMA
    return [found.code for found in lint_schema(schema, form)]


@pytest.mark.parametrize("code", LintCode, ids=lambda c: c.name)
def test_each_rule_finds_what_it_is_about(code: LintCode) -> None:
    """A schema that is wrong in one way has that one warning."""
    assert codes(FINDS[code]) == [code]


@pytest.mark.parametrize(
    "schema",
    [
        field(type="string", format="date", **{"x-unit": "day"}),
        field(type="integer", minimum=0, maximum=100),
        field(type="array", items={"type": "string"}),
        field(enum=["A", "B"], **{"x-closed": True}),
        field(enum=[1, 2]),
        field(const="A"),
        field(type="string", pattern="^[0-9]+$"),
        {**field(type=["string", "null"]), "required": ["field"]},
        {**field(type="string"), "allOf": [{"required": ["field"]}]},
        {**field(type="string"), "if": {"properties": {"field": {"const": "A"}}}, "then": {"required": ["field"]}},
        {
            "description": "d",
            "properties": {"a": {"$ref": "#/definitions/a"}},
            "definitions": {"a": {"type": "string"}},
        },
        avro(),
        avro(type=["null", "string"], default=None),
        avro(type={"type": "enum", "name": "E", "symbols": ["A"], "default": "A"}),
        avro(type={"type": "array", "items": {"type": "map", "values": "int"}}),
    ],
    ids=lambda s: json.dumps(s)[:60],
)
def test_what_is_in_order_has_no_warning(schema: dict[str, Any]) -> None:
    """The usual good forms are left alone."""
    assert codes(schema) == []


def test_names() -> None:
    """lowerCamelCase, with the abbreviations that people write."""
    assert all(map(lower_camel, ("a", "storeId", "x2", "customerVAT", "vatID", "line1Text")))
    assert not any(map(lower_camel, ("StoreId", "store_id", "store-id", "1st", "", "STORE", "größe")))


def test_the_page_has_each_rule_as_it_is() -> None:
    """docs/lint.md has a row for each code, in order, with what it asks for and why, and the formats that are asserted."""
    page = PAGE.read_text()
    rows = re.findall(r"^\| (HL\d{3}) \| (.+?) \| (.+?) \| (.+?) \|$", page, re.MULTILINE)
    assert [(code, title, why) for code, title, _, why in rows] == [(c.code, c.title, c.why) for c in LintCode]
    named = re.search(r"asserted are (.+?) \|", page)
    assert named is not None and set(re.findall(r"`([a-z0-9-]+)`", named[1])) == FORMATS


def test_the_example_has_warnings_in_their_places() -> None:
    """The retail catalogue: only the newest version of an event is looked at, and each warning stands at its line."""
    found = lint(RETAIL, load(RETAIL))
    (number,) = [w for w in found if w.code == "HL303"]
    assert number.path == "products/order-proposals/schemas/OrderProposalCreated.2.json"
    assert '"stockOnHand"' in (RETAIL / number.path).read_text().splitlines()[number.line - 1]
    assert not [w for w in found if w.path.endswith("OrderProposalCreated.1.json")]


def test_warnings_fail_only_when_strict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --lint they are not looked for; with it they are told and the code is 0; with --strict it is 1."""
    root = copy_retail(tmp_path / "retail")
    replace("products/sales-events/schemas/SaleRecorded.1.json", '"type": "object",', '"type": "object", "x": 1,')(root)
    assert run(["check", str(root)]) == 0 and "HL104" not in capsys.readouterr().out
    assert run(["check", str(root), "--lint"]) == 0
    out = capsys.readouterr().out
    assert "HL104  'x' is no keyword of JSON Schema" in out and "warnings in" in out
    assert run(["check", str(root), "--strict", "--json"]) == 1
    value = json.loads(capsys.readouterr().out)
    assert value["clean"] is True and "HL104" in {w["code"] for w in value["warnings"]}
