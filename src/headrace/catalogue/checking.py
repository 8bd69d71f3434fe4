"""What a rule sees, how it is registered, and how all of them run.

A rule is a generator of findings about one thing: a product, a producer in it, an event in it, a tenant... It is registered for
that kind of thing by a decorator, and runs once for each. A rule that touches a field whose text is already known to be wrong
ends there (`FaultyField`): what it said until then stands, and nothing misleading follows from a fault that has been reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeVar

from headrace.catalogue.codes import Code
from headrace.catalogue.documents import (
    ApplicationDocument,
    BatchDocument,
    Document,
    FaultyField,
    RepositoryDocument,
    StreamingDocument,
    TenantDocument,
)
from headrace.catalogue.findings import WHOLE_FILE, Finding, Path
from headrace.catalogue.located_json import JsonText
from headrace.catalogue.located_yaml import YamlText
from headrace.catalogue.repository import ProductFolder, Repository
from headrace.errors import Fault
from headrace.model import avro_schema
from headrace.model.avro_schema import AvroSchema
from headrace.model.json_locations import Locations
from headrace.model.json_references import Document as SchemaDocument
from headrace.model.schema import SchemaFormat

D = TypeVar("D", bound=Document, covariant=True)


@dataclass(frozen=True, slots=True)
class Declared(Generic[D]):
    """A declaration with the file that it stands in. ``name``: the file's stem or the product's directory."""

    name: str
    path: str
    text: YamlText
    document: D


@dataclass(frozen=True)
class LoadedSchema:
    """One schema file of an event. ``entry``: its place in the event's versions. ``document``: None where it is no JSON;
    ``usable``: it parses as a schema of its format. What is worked out from it is worked out once."""

    path: str
    format: SchemaFormat
    entry: int
    number: int | None
    text: JsonText | None
    usable: bool = False

    @property
    def document(self) -> Any:
        return self.text.value if self.text is not None and self.text.parsed else None

    @cached_property
    def structure(self) -> SchemaDocument:
        """Of a usable JSON Schema: its subschemas and references."""
        return SchemaDocument(self.document)

    @cached_property
    def locations(self) -> Locations:
        """Of a usable JSON Schema: what it says of each place of the data."""
        return Locations(self.structure)

    @cached_property
    def avro(self) -> AvroSchema:
        """Of a usable Avro schema."""
        return avro_schema.parse(self.document)


@dataclass(slots=True)
class Checking:
    """Everything that was read. Keys of ``schemas``: (product directory, index of the event)."""

    repository: Repository
    headrace: Declared[RepositoryDocument] | None = None
    applications: dict[str, Declared[ApplicationDocument]] = field(default_factory=dict)
    tenants: dict[str, Declared[TenantDocument]] = field(default_factory=dict)
    products: dict[str, Declared[StreamingDocument] | Declared[BatchDocument]] = field(default_factory=dict)
    schemas: dict[tuple[str, int], list[LoadedSchema]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    @property
    def streaming(self) -> Iterator[Declared[StreamingDocument]]:
        for product in self.products.values():
            if isinstance(product.document, StreamingDocument):
                yield product

    @property
    def application_ids(self) -> frozenset[str]:
        """Every application that has a file, faulty ones too: a fault there is reported there."""
        return frozenset(self.repository.applications)

    @property
    def product_ids(self) -> frozenset[str]:
        """Every product that has a directory, faulty ones too."""
        ids = {name.partition(".v")[0] for name in self.repository.products}
        return frozenset(ids | {_id(p.document) for p in self.products.values()} - {""})

    @property
    def region_ids(self) -> frozenset[str] | None:
        """The declared regions; None where headrace.yaml does not say them."""
        if self.headrace is None:
            return None
        try:
            return frozenset(self.headrace.document.regions)
        except FaultyField:
            return None

    def folder(self, product: Declared[Any]) -> ProductFolder:
        return self.repository.products[product.name]

    def report(self, path: str, text: YamlText | JsonText | None, finding: Finding) -> None:
        """Turn a finding into a fault, with its place looked up."""
        place = finding.place
        if place is None:
            place = text.place(finding.path, key=finding.key) if text is not None else WHOLE_FILE
        hint = finding.hint or finding.code.way_out
        self.faults.append(Fault(path, place.line, place.column, finding.code.code, finding.message, hint))


def _id(document: Document) -> str:
    try:
        return str(document.id)  # type: ignore[attr-defined]
    except FaultyField:
        return ""


Findings = Iterator[Finding]
_ProductRule = Callable[[Checking, Declared[Any]], Findings]
_ItemRule = Callable[[Checking, Declared[Any], Path, Any], Findings]


@dataclass(slots=True)
class Rules:
    """The registered rules, by what they are about."""

    repository: list[Callable[[Checking, Declared[RepositoryDocument]], Findings]] = field(default_factory=list)
    application: list[Callable[[Checking, Declared[ApplicationDocument]], Findings]] = field(default_factory=list)
    tenant: list[Callable[[Checking, Declared[TenantDocument]], Findings]] = field(default_factory=list)
    product: list[_ProductRule] = field(default_factory=list)
    streaming: list[Callable[[Checking, Declared[StreamingDocument]], Findings]] = field(default_factory=list)
    batch: list[Callable[[Checking, Declared[BatchDocument]], Findings]] = field(default_factory=list)
    items: dict[str, list[_ItemRule]] = field(default_factory=dict)
    whole: list[Callable[[Checking], Iterator[tuple[Declared[Any], Finding]]]] = field(default_factory=list)

    def item(self, key: str) -> Callable[[_ItemRule], _ItemRule]:
        """Register a rule for each entry of a streaming product's list ``key`` (producers, consumers, events)."""

        def register(rule: _ItemRule) -> _ItemRule:
            self.items.setdefault(key, []).append(rule)
            return rule

        return register

    def about(self, kind: str) -> Callable[[Any], Any]:
        """Register a rule for each declaration of a kind (repository, application, tenant, product, streaming, batch), or for
        all of them together (whole)."""

        def register(rule: Any) -> Any:
            getattr(self, kind).append(rule)
            return rule

        return register


RULES = Rules()


def run(checking: Checking) -> None:
    """Run every rule; the faults are in ``checking.faults``, unsorted."""
    if checking.headrace is not None:
        _apply(checking, RULES.repository, checking.headrace)
    for application in checking.applications.values():
        _apply(checking, RULES.application, application)
    for tenant in checking.tenants.values():
        _apply(checking, RULES.tenant, tenant)
    for product in checking.products.values():
        _apply(checking, RULES.product, product)
        if isinstance(product.document, BatchDocument):
            _apply(checking, RULES.batch, product)
    for streaming in checking.streaming:
        _apply(checking, RULES.streaming, streaming)
        for key, rules in RULES.items.items():
            for index, item in enumerate(getattr_or_none(streaming.document, key) or ()):
                _apply(checking, rules, streaming, (key, index), item)
    for rule in RULES.whole:
        for declared, finding in _until_faulty(rule(checking)):
            checking.report(declared.path, declared.text, finding)


def _apply(checking: Checking, rules: Sequence[Any], declared: Declared[Any], *more: Any) -> None:
    for rule in rules:
        for finding in _until_faulty(rule(checking, declared, *more)):
            checking.report(declared.path, declared.text, finding)


def _until_faulty(findings: Iterator[Any]) -> Iterator[Any]:
    try:
        yield from findings
    except FaultyField:
        return


def getattr_or_none(document: Any, name: str) -> Any:
    """A field's value; None where it is faulty."""
    try:
        return getattr(document, name)
    except FaultyField:
        return None


def twice(items: Sequence[str], code: Code, what: str, path: Path) -> Findings:
    """A finding for each item of a list of texts that stands in it a second time."""
    seen: set[str] = set()
    for index, item in enumerate(items):
        if item in seen:
            yield Finding(code, f"{what} '{item}' is named twice", path=(*path, index))
        seen.add(item)
