"""The gate at plan and apply: a schema version that no region has yet is refused unless it passes. Pure.

What a region has already is not judged again: it is in logs, and a new tenant's subject gets what the others have.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from headrace.catalogue.compatibility import impact
from headrace.catalogue.compatibility.gate import Outcome
from headrace.model.catalogue import Catalogue
from headrace.model.product import SchemaException, StreamingProduct
from headrace.provisioning.changes import Refusal
from headrace.provisioning.desired import Desired
from headrace.provisioning.observed import Observed
from headrace.provisioning.review import Review, pending, review

_SHOWN = 3


def refusals(wanted: Desired, found: Observed, today: date | None = None) -> Iterator[Refusal]:
    """A refusal in each region that would get a schema version that does not pass. ``today``: decides whether an exception has
    run out; None: none has."""
    catalogue = wanted.catalogue
    applied = _applied(wanted, found)
    for key in sorted(applied):
        product = catalogue.products[key]
        newest, regions = applied[key]
        for version in pending(product, newest):
            refusal = _refusal(catalogue, product, version, today)
            if refusal is not None:
                rule, message, hint = refusal
                name = f"{key} schema version {version}"
                yield from (Refusal(id_, key, rule, name, f"{name}: {message}", hint) for id_ in regions)


def _applied(wanted: Desired, found: Observed) -> dict[str, tuple[int, list[str]]]:
    """Of each product with a subject: the newest schema version that one has anywhere, and the regions that have subjects."""
    newest: dict[str, int] = {}
    regions: dict[str, list[str]] = {}
    for id_, region in sorted(wanted.regions.items()):
        there = found[id_].subjects
        for subject in region.subjects.values():
            registered = len(there[subject.name].versions) if subject.name in there else 0
            newest[subject.product] = max(newest.get(subject.product, 0), registered)
            of_product = regions.setdefault(subject.product, [])
            if of_product[-1:] != [id_]:
                of_product.append(id_)
    return {key: (newest[key], regions[key]) for key in newest}


def _refusal(
    catalogue: Catalogue, product: StreamingProduct, version: int, today: date | None
) -> tuple[str, str, str] | None:
    """Rule, message and hint; None where the version passes."""
    found = review(catalogue, product, version)
    if found.outcome is Outcome.COMPATIBLE:
        return None
    if found.outcome is not Outcome.REFUSED_HARMLESS:
        return "schema-incompatible", _said(found), f"headrace history {product.id} --verbose shows why, and what to do"
    exception = found.exception
    if exception is None:
        hint = (
            f"it is proved harmless: have an exception approved, and declare it in {product.path}: "
            f"exceptions: [{{schemaVersion: {version}, reason: ..., approvedBy: ...}}]"
        )
        return "schema-refused", _registries(found), hint
    if _expired(exception, today):
        return "exception-expired", f"its exception ran out on {exception.until}", "have it approved again"
    return None


def _expired(exception: SchemaException, today: date | None) -> bool:
    return today is not None and exception.until is not None and exception.until < today


def _said(found: Review) -> str:
    sentences = [f.message for event in found.events for f in event.findings if f.readings][:_SHOWN]
    breaking = [each for each in found.breaks if each.breaks is True]
    if breaking:
        sentences.append(impact.sentence(breaking))
    return "; ".join(sentences) or _registries(found)


def _registries(found: Review) -> str:
    return "; ".join(
        f"the registry ({answer.profile}) refuses it"
        + (f" ({', '.join(answer.reasons[:_SHOWN])})" if answer.reasons else "")
        for answer in found.registry
        if not answer.accepted
    )
