"""The steps of a check, in order: find the files, read their shape, read the schemas, run the rules, build the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from headrace.catalogue import (
    rules_access,
    rules_batch,
    rules_examples,
    rules_life,
    rules_names,
    rules_ownership,
    rules_paths,
    rules_regions,
    rules_schemas,
    rules_versions,
    shape,
)
from headrace.catalogue.build import build
from headrace.catalogue.checking import Checking, Declared, run
from headrace.catalogue.codes import Code
from headrace.catalogue.documents import (
    API_VERSION,
    KINDS,
    ApplicationDocument,
    BatchDocument,
    Document,
    RepositoryDocument,
    StreamingDocument,
    TenantDocument,
)
from headrace.catalogue.findings import Finding
from headrace.catalogue.git import commit_of
from headrace.catalogue.located_yaml import YamlText
from headrace.catalogue.repository import scan
from headrace.catalogue.schemas import load_schemas
from headrace.catalogue.suggest import did_you_mean
from headrace.errors import Fault
from headrace.model.catalogue import Catalogue

RULE_MODULES = (
    rules_access,
    rules_batch,
    rules_examples,
    rules_life,
    rules_names,
    rules_ownership,
    rules_paths,
    rules_regions,
    rules_schemas,
    rules_versions,
)
"""Importing them registers their rules."""

D = TypeVar("D", bound=Document)


def read_repository(directory: Path) -> tuple[Catalogue | None, tuple[Fault, ...]]:
    """The catalogue (None where there is a fault) and the faults, in order of file, line and column."""
    checking = examine(directory)
    run(checking)
    faults = tuple(sorted({*checking.faults, *checking.repository.faults}))
    return (None if faults else build(checking, commit_of(directory))), faults


def examine(directory: Path) -> Checking:
    """Everything that can be read of the repository, before any rule has run: what is faulty may be missing."""
    checking = Checking(scan(directory))
    repository = checking.repository
    if repository.headrace is not None:
        checking.headrace = _declared(checking, "headrace", repository.headrace, RepositoryDocument)
    checking.applications = _all(checking, repository.applications, ApplicationDocument)
    checking.tenants = _all(checking, repository.tenants, TenantDocument)
    for name, folder in repository.products.items():
        if folder.declaration is not None:
            product: Any = _declared(checking, name, folder.declaration, StreamingDocument, BatchDocument)
            if product is not None:
                checking.products[name] = product
    load_schemas(checking)
    return checking


def _all(checking: Checking, files: dict[str, str], model: type[D]) -> dict[str, Declared[D]]:
    read = {name: _declared(checking, name, path, model) for name, path in files.items()}
    return {name: declared for name, declared in read.items() if declared is not None}


def _declared(checking: Checking, name: str, path: str, *models: type[D]) -> Declared[D] | None:
    """One declaration; None where so much is wrong with the file that nothing can be said of what is in it."""
    raw = checking.repository.text(path)
    if raw is None:
        return None
    text = YamlText(raw)
    for finding in text.findings:
        checking.report(path, text, finding)
    if not text.parsed:
        return None
    if not isinstance(text.value, dict):
        if not text.findings:
            said = "is empty" if text.value is None else "is no mapping"
            checking.report(path, text, Finding(Code.EMPTY, said))
        return None
    model = _model(checking, path, text, models)
    if model is None:
        return None
    document, findings = shape.read(model, text.value)
    for finding in findings:
        if finding.path not in (("apiVersion",), ("kind",)):
            checking.report(path, text, finding)
    return Declared(name, path, text, document)


def _model(checking: Checking, path: str, text: YamlText, models: tuple[type[D], ...]) -> type[D] | None:
    """The model that the file's place and its kind ask for; None where the kind is wrong, which is reported."""
    value = text.value
    if "apiVersion" in value and value["apiVersion"] != API_VERSION:
        said = f"the apiVersion {value['apiVersion']!r} is unknown"
        checking.report(path, text, Finding(Code.API_VERSION, said, path=("apiVersion",)))
    fitting = {kind: model for model in models for kind in _kinds(model)}
    kind = value.get("kind")
    if isinstance(kind, str) and kind in fitting:
        return fitting[kind]
    known = isinstance(kind, str) and kind in KINDS
    if "kind" in value:
        said = f"the kind {kind} does not belong here" if known else f"the kind {kind!r} is unknown"
        checking.report(path, text, Finding(Code.KIND, said, did_you_mean(str(kind), fitting), ("kind",)))
    return None if known else _guess(value, fitting)


def _kinds(model: type[Document]) -> tuple[str, ...]:
    kinds: tuple[str, ...] = getattr(model, "kinds", ())
    return kinds


def _guess(value: dict[str, Any], fitting: dict[str, type[D]]) -> type[D]:
    """What is meant by a file without a known kind: the place says it; a product with columns is a batch product."""
    if len(fitting) == 1:
        return next(iter(fitting.values()))
    return fitting["BatchDataProduct" if "columns" in value else "StreamingDataProduct"]
