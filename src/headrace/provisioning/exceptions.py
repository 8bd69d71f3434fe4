"""An approved exception: a subject's compatibility rule is lifted for one registration, and put back.

The journal says so before it is lifted and when it stands again. Whoever is killed in between leaves a subject whose level is
NONE: that is a difference, so the next plan puts it back before anything else of that subject.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from headrace.errors import HeadraceError, RegistryError
from headrace.interfaces.registry import SchemaRegistry
from headrace.model.schema import Compatibility
from headrace.provisioning import bulk
from headrace.provisioning.changes import RegisterSchema

Note = Callable[[Sequence[str]], None]
"""Writes lines to the journal, durably."""


@contextmanager
def lifted(
    registry: SchemaRegistry,
    changes: Sequence[RegisterSchema],
    levels: Mapping[str, Compatibility],
    note: Note,
    failed: dict[str, HeadraceError],
) -> Iterator[None]:
    """Inside, the subjects of those of ``changes`` that have an exception take any schema. ``levels``: what to put back, by
    subject. ``failed``: gets the changes, by key, whose rule could not be lifted (they are not to be tried) or put back."""
    excepted = [change for change in changes if change.exception is not None]
    if not excepted:
        yield
        return
    note(
        [
            f"lifted {c.name} {c.version}: {levels[c.name].value} is NONE for this one, by {c.exception}"
            for c in excepted
        ]
    )
    errors = bulk.set_compatibility(registry, {c.name: Compatibility.NONE for c in excepted})
    failed |= {c.key: error for c, error in zip(excepted, errors, strict=True) if error is not None}
    try:
        yield
    finally:
        errors = bulk.set_compatibility(registry, {c.name: levels[c.name] for c in excepted})
        for change, error in zip(excepted, errors, strict=True):
            if error is not None:
                failed[change.key] = _left_open(change, levels[change.name], error)
        restored = [c for c, error in zip(excepted, errors, strict=True) if error is None]
        note([f"restored {c.name} {c.version}: {levels[c.name].value}" for c in restored])


def _left_open(change: RegisterSchema, level: Compatibility, error: RegistryError) -> RegistryError:
    return RegistryError(
        f"the level of {change.name} is still NONE, because {level.value} could not be put back: {error.message}",
        subject=change.name,
    )
