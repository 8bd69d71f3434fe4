"""Rules about examples: each is valid, closed, against the schema version that it is an example of."""

from __future__ import annotations

import re
from typing import Any, Final

from headrace.catalogue.checking import RULES, Checking, Declared, Findings, LoadedSchema
from headrace.catalogue.codes import Code
from headrace.catalogue.documents import StreamingDocument
from headrace.catalogue.findings import Finding, Path
from headrace.catalogue.located_json import JsonText
from headrace.catalogue.rules_ownership import event_names
from headrace.catalogue.suggest import did_you_mean
from headrace.errors import Violation
from headrace.model import avro_schema, json_schema
from headrace.model.schema import SchemaFormat

_NAME: Final = re.compile(r"(?P<stem>.+?)(?:\.(?P<number>[0-9]+))?\.json\Z")
_MOST: Final = 10
"""Faults that one example may have before the rest is only counted."""
_STEP: Final = re.compile(r'\.?([^.\[\]]+)|\[([0-9]+)\]|\["((?:[^"\\]|\\.)*)"\]')


@RULES.about("streaming")
def examples_are_valid(checking: Checking, product: Declared[StreamingDocument]) -> Findings:
    known = event_names(product)
    validators: dict[str, Any] = {}
    for path in checking.folder(product).examples:
        inside = path.removeprefix(f"products/{product.name}/examples/").split("/")
        match = _NAME.match(inside[-1])
        if len(inside) != 2 or match is None:
            checking.report(path, None, Finding(Code.EXAMPLE_PLACE, "is no example by its place and name"))
        elif known is not None:
            _example(checking, product, path, inside[0], match["number"], known, validators)
    yield from ()


def _example(
    checking: Checking,
    product: Declared[StreamingDocument],
    path: str,
    event: str,
    number: str | None,
    known: list[str],
    validators: dict[str, Any],
) -> None:
    if event not in known:
        said = f"the event '{event}' is not declared in this product"
        checking.report(path, None, Finding(Code.EXAMPLE_PLACE, said, did_you_mean(event, known)))
        return
    raw = checking.repository.text(path)
    if raw is None:
        return
    text = JsonText(raw)
    for finding in text.findings:
        checking.report(path, text, finding)
    index = known.index(event)
    schemas = checking.schemas.get((product.name, index), [])
    if not text.parsed or not schemas or any(s.number is None for s in schemas):
        return
    schema = _in_force(schemas, number)
    if schema is None:
        said = f"there is no version {number} of {event}"
        checking.report(path, None, Finding(Code.EXAMPLE_PLACE, said))
    elif schema.usable:
        found = _violations(schema, text.value, validators)
        for violation in found[:_MOST]:
            said = f"is not valid: {violation}"
            checking.report(path, text, Finding(Code.EXAMPLE, said, path=_path(violation.path)))
        if len(found) > _MOST:
            checking.report(path, None, Finding(Code.EXAMPLE, f"is not valid: {len(found) - _MOST} more faults"))


def _in_force(schemas: list[LoadedSchema], number: str | None) -> LoadedSchema | None:
    if number is None:
        return schemas[-1]
    return next((s for s in schemas if str(s.number) == number), None)


def _violations(schema: LoadedSchema, data: Any, cache: dict[str, Any]) -> tuple[Violation, ...]:
    if schema.path not in cache:
        cache[schema.path] = (
            schema.avro
            if schema.format is SchemaFormat.AVRO
            else json_schema.compile_schema(json_schema.closed(schema.document))
        )
    if schema.format is SchemaFormat.AVRO:
        return avro_schema.violations(cache[schema.path], data)
    return json_schema.violations(cache[schema.path], data)


def _path(text: str) -> Path:
    """``data.lines[3].quantity`` as steps from the data's root."""
    steps: list[str | int] = []
    for name, index, quoted in _STEP.findall(text.removeprefix("data")):
        steps.append(int(index) if index else name or quoted.replace('\\"', '"'))
    return tuple(steps)
