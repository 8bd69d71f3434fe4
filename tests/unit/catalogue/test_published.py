"""What is published about declarations: the JSON Schema for editors, and the reference page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema_rs
import pytest

from headrace.catalogue.against_base import BaseCode
from headrace.catalogue.codes import Code
from headrace.catalogue.declaration_schema import declaration_schema
from headrace.catalogue.documents import KINDS, Document
from headrace.catalogue.located_yaml import YamlText
from headrace.errors import SettingsError
from tests.unit.catalogue.planting import RETAIL

DOCS = Path(__file__).parents[3] / "docs"
PATTERNS = ("headrace.yaml", "applications/*.yaml", "tenants/*.yaml", "products/*/product.yaml")
DECLARATIONS = sorted(path for pattern in PATTERNS for path in RETAIL.glob(pattern))


@pytest.fixture(scope="module")
def everything() -> jsonschema_rs.Validator:
    return jsonschema_rs.Draft7Validator(declaration_schema())


@pytest.mark.parametrize("path", DECLARATIONS, ids=lambda p: p.relative_to(RETAIL).as_posix())
def test_every_declaration_of_the_example_validates(path: Path, everything: jsonschema_rs.Validator) -> None:
    """Each retail declaration is valid under the schema of all kinds and under that of its own."""
    value = YamlText(path.read_text()).value
    assert [e.message for e in everything.iter_errors(value)] == []
    assert jsonschema_rs.Draft7Validator(declaration_schema(value["kind"])).is_valid(value)


@pytest.mark.parametrize(
    ("file", "path", "wrong"),
    [
        ("tenants/nordkorb.yaml", ("regoin",), "eu"),
        ("tenants/nordkorb.yaml", ("products",), "all"),
        ("products/sales-events/product.yaml", ("topic", "retention"), "1 week"),
        ("products/sales-events/product.yaml", ("status",), "live"),
        ("products/sales-events/product.yaml", ("kind",), "Product"),
        ("headrace.yaml", ("regions", "eu", "cluster", "kind"), "redis"),
        ("applications/plan.yaml", ("regions", "eu", "credentials"), "hunter2"),
    ],
)
def test_the_schema_refuses_what_the_check_refuses(
    file: str, path: tuple[str, ...], wrong: str, everything: jsonschema_rs.Validator
) -> None:
    """A misspelt key, a wrong type, a malformed value and an unknown kind are seen by an editor already."""
    value = YamlText((RETAIL / file).read_text()).value
    assert everything.is_valid(value)
    inner = value
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = wrong
    assert not everything.is_valid(value)


def test_the_schema_is_valid_draft_07() -> None:
    """The published schemas are valid themselves, and no reference of theirs points nowhere."""
    for schema in (declaration_schema(), *(declaration_schema(kind) for kind in KINDS)):
        jsonschema_rs.meta.validate(schema)
        text = json.dumps(schema)
        for name in re.findall(r'"#/definitions/(\w+)"', text):
            assert name in schema["definitions"]


def test_an_unknown_kind_is_refused_with_a_suggestion() -> None:
    """`headrace schema Tennant` says what was probably meant."""
    with pytest.raises(SettingsError) as caught:
        declaration_schema("Tennant")
    assert caught.value.hint == "did you mean 'Tenant'?"


def test_the_committed_schema_is_the_one_that_is_printed() -> None:
    """docs/declaration.schema.json is what `headrace schema` prints."""
    assert json.loads((DOCS / "declaration.schema.json").read_text()) == declaration_schema()


def test_every_code_is_documented_with_an_example_and_a_way_out() -> None:
    """The reference page has a row for each code, with its rule, something that breaks it, and what to do, as in the code."""
    page = (DOCS / "declaration.md").read_text()
    rows = {row[0]: row[1:] for row in re.findall(r"^\| (HR\d{3}) \| (.+?) \| (.+?) \| (.+?) \|$", page, re.MULTILINE)}
    codes = (*Code, *BaseCode)
    assert sorted(rows) == sorted(code.code for code in codes)
    for code in codes:
        rule, example, way_out = rows[code.code]
        assert (rule, way_out) == (code.title, code.way_out)
        assert len(example) > 5


def test_codes_are_unique_and_in_order() -> None:
    """No two kinds of fault share a code."""
    codes = [code.code for code in (*Code, *BaseCode)]
    assert codes == sorted(set(codes))


def _fields(model: type[Document], seen: set[type[Document]]) -> set[str]:
    found: set[str] = set()
    if model in seen:
        return found
    seen.add(model)
    for name, field in model.model_fields.items():
        found.add(field.alias or name)
        for inner in re.findall(r"headrace\.catalogue\.documents\.(\w+)", repr(field.annotation)):
            from headrace.catalogue import documents

            candidate = getattr(documents, inner)
            if isinstance(candidate, type) and issubclass(candidate, Document):
                found |= _fields(candidate, seen)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_documented(kind: str) -> None:
    """The reference page names each field of each kind."""
    page = (DOCS / "declaration.md").read_text()
    fields = _fields(KINDS[kind], set())
    assert len(fields) > 5
    assert [name for name in sorted(fields) if not re.search(rf"[`.{{ ]{name}[`:,.\[}}]", page)] == []
