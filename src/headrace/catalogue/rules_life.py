"""Rules about a product's life: deprecation, its dates and successors, majors side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headrace.catalogue.checking import RULES, Checking, Declared, Findings, getattr_or_none
from headrace.catalogue.codes import Code
from headrace.catalogue.documents import DeprecationDocument, EventDocument
from headrace.catalogue.findings import Finding, Path
from headrace.catalogue.rules_ownership import event_names
from headrace.catalogue.suggest import did_you_mean
from headrace.model.product import Status


@RULES.about("product")
def deprecation_and_status_agree(_: Checking, product: Declared[Any]) -> Findings:
    document = product.document
    if document.status is Status.DEPRECATED and document.deprecation is None:
        yield Finding(Code.NO_DEPRECATION, "is deprecated, without a sunset and a successor", path=("status",))
    if document.deprecation is not None and document.status not in (Status.DEPRECATED, Status.RETIRED):
        said = f"is {document.status}, with a deprecation"
        yield Finding(Code.NOT_DEPRECATED, said, path=("status",))


@RULES.about("product")
def product_s_deprecation_holds(checking: Checking, product: Declared[Any]) -> Findings:
    deprecation = product.document.deprecation
    if deprecation is None:
        return
    at: Path = ("deprecation",)
    yield from _dates(deprecation, at)
    successor = deprecation.successor
    known = product_keys(checking)
    own = (product.name, product.document.id, f"{product.document.id}.v{product.document.version.major}")
    if successor in own:
        said = f"the successor '{successor}' is the product itself"
        yield Finding(Code.SUCCESSOR, said, "name another product, or another major as ID.v2", (*at, "successor"))
    elif successor not in known:
        said = f"the successor '{successor}' is not declared"
        yield Finding(Code.SUCCESSOR, said, did_you_mean(successor, known), (*at, "successor"))


@RULES.item("events")
def event_s_deprecation_holds(checking: Checking, product: Declared[Any], path: Path, event: EventDocument) -> Findings:
    deprecation = event.deprecation
    if deprecation is None:
        return
    at = (*path, "deprecation")
    yield from _dates(deprecation, at)
    successor, events = deprecation.successor, event_names(product)
    if successor == event.name:
        yield Finding(Code.SUCCESSOR, f"the successor '{successor}' is the event itself", path=(*at, "successor"))
    elif events is not None and successor not in events and successor not in product_keys(checking):
        said = f"the successor '{successor}' is neither an event of this product nor a product"
        hint = did_you_mean(successor, [*events, *product_keys(checking)])
        yield Finding(Code.SUCCESSOR, said, hint, (*at, "successor"))


def _dates(deprecation: DeprecationDocument, at: Path) -> Findings:
    since, sunset = getattr_or_none(deprecation, "since"), getattr_or_none(deprecation, "sunset")
    if since is not None and sunset is not None and sunset <= since:
        yield Finding(Code.SUNSET, f"the sunset {sunset} does not come after {since}", path=(*at, "sunset"))


def product_keys(checking: Checking) -> set[str]:
    """What a successor may be written as: ``order-proposals``, ``order-proposals.v2``."""
    keys = set(checking.repository.products)
    for product in checking.products.values():
        id_, version = getattr_or_none(product.document, "id"), getattr_or_none(product.document, "version")
        if id_ is not None and version is not None:
            keys |= {id_, f"{id_}.v{version.major}"}
    return keys


@RULES.about("whole")
def majors_are_declared_once(checking: Checking) -> Iterator[tuple[Declared[Any], Finding]]:
    seen: dict[str, str] = {}
    for product in checking.products.values():
        id_, version = getattr_or_none(product.document, "id"), getattr_or_none(product.document, "version")
        if id_ is None or version is None:
            continue
        other = seen.setdefault(f"{id_}.v{version.major}", product.path)
        if other != product.path:
            yield (
                product,
                Finding(Code.MAJOR_TWICE, f"{id_}.v{version.major} is declared in {other} too", path=("version",)),
            )
