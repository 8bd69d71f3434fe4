"""Before a product's first registration in a region: does the registry find the schema compatible with itself?

A registry takes the first version of a subject unseen. Some then fail on every later one (a checker that cannot compare
the schema's draft, or gives up on its size), when there are topics, records and ids already. So the first schema is tried
in a subject of its own, which is deleted again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Final

from headrace.errors import CheckUnsupported, IncompatibleSchema, SubjectMissing
from headrace.interfaces.registry import SchemaRegistry
from headrace.model import names
from headrace.provisioning.desired import DesiredSubject

SCRATCH: Final = names.subject(names.topic(f"{names.RESERVED_PREFIX}check", 1, names.PLATFORM_TENANT))


def check_first_schemas(region: str, registry: SchemaRegistry, subjects: Iterable[DesiredSubject]) -> None:
    """Try the first schema of each of ``subjects`` (one a product). A registry without a checker is not asked.

    Raises `IncompatibleSchema` (``product``, ``reasons``), or what the registry answers.
    """
    for subject in subjects:
        schema = subject.schemas[0].text
        _remove(registry)  # an apply that was killed may have left it
        try:
            registry.set_compatibility(SCRATCH, subject.compatibility)
            registry.register(SCRATCH, schema)
            reasons = tuple(registry.check(SCRATCH, schema))
        except CheckUnsupported:
            return
        finally:
            _remove(registry)
        if reasons:
            raise IncompatibleSchema(
                f"region {region}: the registry finds the first schema of {subject.product} incompatible with itself: "
                + "; ".join(reasons[:3]),
                hint="no later version could be registered; state draft-07 in the data schemas, or make them simpler",
                region=region,
                product=subject.product,
                reasons=reasons,
            )


def _remove(registry: SchemaRegistry) -> None:
    with contextlib.suppress(SubjectMissing):
        registry.delete_subject(SCRATCH)
