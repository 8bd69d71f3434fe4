"""Many subjects at once: by the registry's own bulk calls where it has them, else by single calls from several threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from operator import itemgetter
from typing import TypeVar

from headrace.errors import RegistryError, SchemaMissing, SubjectMissing
from headrace.interfaces.registry import BulkRegistry, ManySubjects, SchemaRegistry, SubjectState
from headrace.model.schema import Compatibility, RegisteredSchema, SchemaText

_WORKERS = 16
"""Calls at a time: a registry a few milliseconds away then answers some thousands a second."""

_ALONE = 8
"""Up to so many calls are made on the caller's own thread: a pool costs more."""

T = TypeVar("T")
R = TypeVar("R")


def states(registry: SchemaRegistry, subjects: Iterable[str]) -> dict[str, SubjectState]:
    """The state of those of ``subjects`` that are there, by name."""
    asked = set(subjects)
    if not asked:
        return {}
    if isinstance(registry, BulkRegistry):
        found = registry.states()
        return {name: found[name] for name in sorted(asked & found.keys())}
    if isinstance(registry, ManySubjects):
        return dict(registry.states_of(asked))
    there = sorted(asked.intersection(registry.subjects()))
    answers = _in_threads(lambda name: _state(registry, name), there)
    return {name: state for name, state in zip(there, answers, strict=True) if state is not None}


def register(
    registry: SchemaRegistry, schemas: Sequence[tuple[str, SchemaText]]
) -> list[RegisteredSchema | RegistryError]:
    """Register each; its answer, or its error. Schemas of one subject go in the given order, one after the other."""
    if isinstance(registry, BulkRegistry | ManySubjects):
        return list(registry.register_many(schemas))
    by_subject = [list(part) for _, part in groupby(schemas, key=itemgetter(0))]
    answers = _in_threads(lambda part: [_register(registry, *one) for one in part], by_subject)
    return [answer for part in answers for answer in part]


def set_compatibility(registry: SchemaRegistry, levels: Mapping[str, Compatibility]) -> list[RegistryError | None]:
    """Set each subject's level; None or its error, in the order of ``levels``."""
    if isinstance(registry, BulkRegistry):
        try:
            registry.set_compatibility_many(levels)
        except RegistryError as error:
            return [error] * len(levels)
        return [None] * len(levels)
    return _in_threads(lambda item: _set(registry, *item), list(levels.items()))


def _state(registry: SchemaRegistry, subject: str) -> SubjectState | None:
    try:
        versions = tuple((n, registry.version(subject, n).id) for n in sorted(registry.versions(subject)))
        return SubjectState(versions, registry.compatibility(subject))
    except (SubjectMissing, SchemaMissing):
        return None  # deleted while we read: as if it had not been there


def _register(registry: SchemaRegistry, subject: str, schema: SchemaText) -> RegisteredSchema | RegistryError:
    try:
        return registry.register(subject, schema)
    except RegistryError as error:
        return error


def _set(registry: SchemaRegistry, subject: str, level: Compatibility) -> RegistryError | None:
    try:
        registry.set_compatibility(subject, level)
    except RegistryError as error:
        return error
    return None


def _in_threads(call: Callable[[T], R], values: Sequence[T]) -> list[R]:
    """``call`` for each value, some at a time; answers in the order of ``values``. The first error ends it."""
    if len(values) <= _ALONE:
        return [call(value) for value in values]
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="headrace-registry") as pool:
        futures = [pool.submit(call, value) for value in values]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
