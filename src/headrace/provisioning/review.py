"""The verdicts on one schema version of a product, and what they mean for it: the gate of `check`, `plan` and `apply`. Pure.

A registry holds the composed schema of the topic, so that is what the registry's profile is asked about. What is true, and what
is told, is about each event's data schema: a finding names a place that its author knows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from headrace.catalogue.compatibility import impact, modes, profiles
from headrace.catalogue.compatibility.checker import check_history
from headrace.catalogue.compatibility.gate import Outcome, outcome
from headrace.catalogue.compatibility.impact import EventChange
from headrace.catalogue.compatibility.rollout import rollout
from headrace.catalogue.compatibility.upgrade import Upgrade
from headrace.catalogue.compatibility.verdict import Break, Finding, Reading, RegistryAnswer, Verdict, Witness
from headrace.envelope.composition import compose_product
from headrace.model.catalogue import Catalogue
from headrace.model.product import (
    Consuming,
    EventDeclaration,
    Producing,
    SchemaException,
    SchemaVersion,
    StreamingProduct,
)
from headrace.model.schema import Compatibility, SchemaText


@dataclass(frozen=True, slots=True)
class EventReview:
    """The verdicts on one event's new data schema. ``path``: its file, relative to the repository."""

    event: str
    path: str
    since: tuple[int, ...]
    """The schema versions that it was compared with."""
    semantic: Verdict
    tolerant: Verdict
    findings: tuple[Finding, ...]
    witnesses: tuple[Witness, ...]
    upgrade: Upgrade | None
    """Who deploys first; None for an event that is new, and where no witness was asked for."""


@dataclass(frozen=True, slots=True)
class Review:
    """Of one schema version of one product. ``registry``: an answer for each profile that its regions' registries have.
    ``reading``: the one that counts, and ``why`` where it is the semantic one. ``breaks``: of each declared consumer."""

    product: str
    path: str
    version: int
    mode: Compatibility
    reading: Reading
    why: str
    registry: tuple[RegistryAnswer, ...]
    events: tuple[EventReview, ...]
    breaks: tuple[Break, ...]
    outcome: Outcome
    exception: SchemaException | None = None

    @property
    def semantic(self) -> Verdict:
        return Verdict.worst([event.semantic for event in self.events])

    @property
    def tolerant(self) -> Verdict:
        return Verdict.worst([event.tolerant for event in self.events])

    @property
    def excepted(self) -> bool:
        """The registry refuses it, it is proved harmless, and an exception is declared for it."""
        return self.outcome is Outcome.REFUSED_HARMLESS and self.exception is not None

    @property
    def passes(self) -> bool:
        return self.outcome.passes or self.excepted


def review(catalogue: Catalogue, product: StreamingProduct, version: int, *, witness: bool = True) -> Review:
    """The verdicts on ``version`` of ``product`` against those before it. Without ``witness`` the verdicts
    are the same, and no event is handed out."""
    reading, why = reading_of(catalogue, product)
    mode = product.compatibility
    before = range(1, version)
    registry = tuple(
        _answer(profile, tuple(compose_product(product, v) for v in before), compose_product(product, version), mode)
        for profile in profiles_of(catalogue)
    )
    events = tuple(_events(product, version, registry[0], reading, witness))
    changes = [_change(product, version, event) for event in events]
    breaks = impact.breaks(changes, product.consumers, before=product.producers, after=product.producers)
    counts = [event.semantic if reading is Reading.SEMANTIC else event.tolerant for event in events]
    return Review(
        product=product.key,
        path=product.path,
        version=version,
        mode=mode,
        reading=reading,
        why=why,
        registry=registry,
        events=events,
        breaks=breaks,
        outcome=outcome(
            all(a.accepted for a in registry), Verdict.worst(counts), breaks=any(b.breaks is True for b in breaks)
        ),
        exception=product.exception(version),
    )


def reading_of(catalogue: Catalogue, product: StreamingProduct) -> tuple[Reading, str]:
    """Which reading counts for a product, and why: the semantic one where somebody is not on the SDK, or customers see it."""
    parties: tuple[Producing | Consuming, ...] = (*product.producers, *product.consumers)
    for party in parties:
        declared = catalogue.applications.get(party.application)
        if party.external or (declared is not None and declared.external):
            return Reading.SEMANTIC, f"{party.application} is not on the SDK"
    if any(event.exposure is not None for event in product.events):
        return Reading.SEMANTIC, "it is exposed to customers"
    return Reading.TOLERANT, ""


def profiles_of(catalogue: Catalogue) -> tuple[str, ...]:
    """The profiles of all regions' registries, each once."""
    return tuple(sorted({region.registry.profile for region in catalogue.regions.values()}))


def _events(
    product: StreamingProduct, version: int, registry: RegistryAnswer, reading: Reading, witness: bool
) -> Iterator[EventReview]:
    for event in product.events:
        new = event.schema_at(version)
        if new is None or new.number != version:
            continue
        older = [v for v in event.versions if v.number < version]
        if not older:
            yield EventReview(event.name, _path(product, new), (), Verdict.SAFE, Verdict.SAFE, (), (), None)
            continue
        since = tuple(v.number for v in older)
        found = check_history(
            text_of(event, new),
            [text_of(event, v) for v in older],
            product.compatibility,
            witness=witness,
            versions=since,
            event=event.name,
            registry=registry,  # a registry holds the composed schema, so it is not asked about this one
        )
        yield EventReview(
            event=event.name,
            path=_path(product, new),
            since=since,
            semantic=found.semantic,
            tolerant=found.tolerant,
            findings=found.findings,
            witnesses=found.witnesses,
            upgrade=rollout(
                text_of(event, older[-1]),
                text_of(event, new),
                product.compatibility,
                reading,
                consumers=[c.application for c in product.consumers if c.takes(event.name)],
                event=event.name,
                next_major=product.major + 1,
            )
            if witness
            else None,
        )


def _change(product: StreamingProduct, version: int, reviewed: EventReview) -> EventChange:
    event = product.event(reviewed.event)
    assert event is not None
    return EventChange(
        event=event.name,
        format=event.format,
        findings=reviewed.findings,
        schemas={v.number: v.document for v in event.versions if v.number <= version},
        version=version,
        compared=frozenset(modes.compared(reviewed.since, product.compatibility)),
    )


def text_of(event: EventDeclaration, version: SchemaVersion) -> SchemaText:
    """A data schema by itself."""
    return SchemaText(event.format, json.dumps(version.document, ensure_ascii=False))


def _path(product: StreamingProduct, version: SchemaVersion) -> str:
    return version.path if version.path.startswith("products/") else f"{product.path.rpartition('/')[0]}/{version.path}"


@lru_cache(maxsize=512)
def _answer(profile: str, history: tuple[SchemaText, ...], new: SchemaText, mode: Compatibility) -> RegistryAnswer:
    return profiles.answer(profile, list(history), new, mode)


def as_object(review: Review) -> Mapping[str, Any]:
    """A review's JSON."""
    return {
        "product": review.product,
        "path": review.path,
        "version": review.version,
        "mode": review.mode,
        "outcome": review.outcome,
        "passes": review.passes,
        "gate": review.reading,
        "why": review.why,
        "registry": review.registry,
        "semantic": review.semantic,
        "tolerant": review.tolerant,
        "events": [_event_object(event) for event in review.events],
        "breaks": review.breaks,
        "exception": None if review.exception is None else _exception_object(review.exception),
    }


def _event_object(event: EventReview) -> Mapping[str, Any]:
    return {
        "event": event.event,
        "path": event.path,
        "since": event.since,
        "semantic": event.semantic,
        "tolerant": event.tolerant,
        "findings": event.findings,
        "witnesses": event.witnesses,
        "upgrade": event.upgrade,
    }


def _exception_object(exception: SchemaException) -> Mapping[str, Any]:
    return {
        "schemaVersion": exception.schema_version,
        "reason": exception.reason,
        "approvedBy": exception.approved_by,
        "until": None if exception.until is None else exception.until.isoformat(),
    }


def pending(product: StreamingProduct, above: int) -> Sequence[int]:
    """The schema versions above ``above`` that have something to be compared with."""
    return [v for v in product.schema_versions if v > max(above, 1)]
