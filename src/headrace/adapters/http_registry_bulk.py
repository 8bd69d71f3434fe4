"""Many subjects of a registry over HTTP, by a bounded number of calls at a time.

The API has no call for the states of many subjects, and reading each version brings its whole text. But the versions of one
product's tenants are the same schemas, and `/schemas/ids/{id}/versions` names every subject that holds one: so a few texts
are read, and the rest is two small calls a subject.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

from headrace.errors import SchemaMissing, SubjectMissing
from headrace.interfaces.registry import SubjectState
from headrace.model.schema import Compatibility

WORKERS: Final = 16
"""Calls at a time."""

_ALONE: Final = 4
"""So many are made on the caller's own thread: a pool costs more."""

T = TypeVar("T")
R = TypeVar("R")

Place = tuple[str, int]
"""A subject, and a version of it."""


def in_parallel(call: Callable[[T], R], values: Sequence[T]) -> list[R]:
    """``call`` for each value; answers in the order of ``values``. The first error ends it."""
    if len(values) <= _ALONE:
        return [call(value) for value in values]
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="headrace-registry") as pool:
        futures = [pool.submit(call, value) for value in values]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


@dataclass(frozen=True)
class SubjectReader:
    """``places_of``: everything that holds an id, as far as the registry tells."""

    versions: Callable[[str], Sequence[int]]
    id_of: Callable[[str, int], int]
    places_of: Callable[[int], Collection[Place]]
    level: Callable[[str], Compatibility | None]

    def states(self, subjects: Sequence[str]) -> dict[str, SubjectState]:
        """Of each subject in the order given; one that is deleted meanwhile is left out."""
        read = in_parallel(self._versions_and_level, subjects)
        found = {subject: state for subject, state in zip(subjects, read, strict=True) if state is not None}
        ids = self._ids([(subject, version) for subject, (versions, _) in found.items() for version in versions])
        states = {}
        for subject, (versions, level) in found.items():
            numbered = tuple((version, id_) for version in versions if (id_ := ids[subject, version]) is not None)
            if numbered:
                states[subject] = SubjectState(numbered, level)
        return states

    def _versions_and_level(self, subject: str) -> tuple[Sequence[int], Compatibility | None] | None:
        try:
            return self.versions(subject), self.level(subject)
        except SubjectMissing:
            return None

    def _ids(self, places: Sequence[Place]) -> Mapping[Place, int | None]:
        """The id of each place; None where it went away meanwhile."""
        ids: dict[Place, int | None] = {}
        rest = list(places)
        while rest:
            # From all over the list: neighbours are tenants of one product, and hold the same schemas.
            for own, others in in_parallel(self._same, rest[:: max(1, len(rest) // WORKERS)][:WORKERS]):
                ids |= dict.fromkeys(others, own[1])
                ids[own[0]] = own[1]
            rest = [place for place in rest if place not in ids]
        return ids

    def _same(self, place: Place) -> tuple[tuple[Place, int | None], Iterable[Place]]:
        try:
            schema_id = self.id_of(*place)
        except (SubjectMissing, SchemaMissing):
            return (place, None), ()
        return (place, schema_id), self.places_of(schema_id)
