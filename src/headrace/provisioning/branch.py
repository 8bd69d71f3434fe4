"""What a change of the repository means: every schema version that the base branch does not have, with its verdicts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from headrace.catalogue.against_base import BaseProduct, faults_against
from headrace.catalogue.compatibility import impact
from headrace.catalogue.compatibility.gate import Outcome
from headrace.catalogue.compatibility.verdict import Break
from headrace.errors import Fault
from headrace.model.catalogue import Catalogue
from headrace.model.product import StreamingProduct
from headrace.provisioning.review import Review, pending, review


@dataclass(frozen=True, slots=True)
class Stopped:
    """A product of which an application stops to produce an event. ``breaks``: what it means for its consumers."""

    product: str
    path: str
    events: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]
    """By event: who stops, and who still produces it."""
    breaks: tuple[Break, ...]

    @property
    def outcome(self) -> Outcome:
        return Outcome.BROKEN if any(each.breaks is True for each in self.breaks) else Outcome.COMPATIBLE


@dataclass(frozen=True, slots=True)
class BranchReport:
    """``faults``: what may not change. ``reviews``: of each new schema version. ``fresh``: products that the base branch does
    not have, or has not provisioned. ``modes``: products with another mode than on the base branch, as (old, new)."""

    faults: tuple[Fault, ...]
    reviews: tuple[Review, ...]
    stopped: tuple[Stopped, ...]
    fresh: tuple[str, ...]
    modes: Mapping[str, tuple[str, str]]

    @property
    def outcome(self) -> Outcome:
        """The worst. What passes by an approved exception counts as compatible."""
        found = [Outcome.COMPATIBLE if each.passes else each.outcome for each in self.reviews]
        return Outcome.worst([*found, *(each.outcome for each in self.stopped)])


def branch_report(
    catalogue: Catalogue,
    fork: Mapping[str, BaseProduct],
    tip: Mapping[str, BaseProduct],
    *,
    witness: bool = True,
) -> BranchReport:
    """``fork``: the base branch where this one left it; ``tip``: as it is now."""
    reviews: list[Review] = []
    stopped: list[Stopped] = []
    fresh: list[str] = []
    modes: dict[str, tuple[str, str]] = {}
    for product in catalogue.products.values():
        base = fork.get(product.key)
        if base is None or not base.provisioned:
            fresh.append(product.key)
        else:
            stopped += _stopped(product, base)
            if base.mode is not None and base.mode is not product.compatibility:
                modes[product.key] = (base.mode.value, product.compatibility.value)
        newest = 0 if base is None else base.newest
        reviews += [review(catalogue, product, version, witness=witness) for version in pending(product, newest)]
    return BranchReport(faults_against(catalogue, fork, tip), tuple(reviews), tuple(stopped), tuple(fresh), modes)


def _stopped(product: StreamingProduct, base: BaseProduct) -> list[Stopped]:
    events = impact.stops(base.producers, product.producers)
    if not events:
        return []
    breaks = impact.breaks([], product.consumers, before=base.producers, after=product.producers)
    concerned = tuple(each for each in breaks if each.breaks is not False)
    return [Stopped(product.key, product.path, events, concerned)]
