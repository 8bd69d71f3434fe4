"""The difference of one subject: its compatibility level and its schema versions, which only ever grow. Pure."""

from __future__ import annotations

from headrace.provisioning.changes import AdoptSubject, Change, Refusal, RegisterSchema, SetCompatibility
from headrace.provisioning.desired import DesiredRegion, DesiredSubject
from headrace.provisioning.observed import ObservedRegion, ObservedSubject


def unregistered(wanted: DesiredRegion, found: ObservedRegion) -> frozenset[str]:
    """The keys of the products that have no schema in this region's registry yet."""
    registered = {s.product for s in wanted.subjects.values() if s.name in found.subjects}
    return frozenset(s.product for s in wanted.subjects.values()) - registered


def difference(
    region: str, wanted: DesiredSubject, found: ObservedRegion, first: frozenset[str]
) -> tuple[list[Change], Refusal | None]:
    """The changes of one subject in order, or none and why it is refused. ``first``: see `unregistered`."""
    there = found.subjects.get(wanted.name)
    if there is not None:
        refusal = _refusal(region, wanted, there)
        if refusal is not None:
            return [], refusal
    registered = 0 if there is None else len(there.versions)
    level = None if there is None else there.compatibility
    changes: list[Change] = []
    if level is not wanted.compatibility:
        changes.append(
            SetCompatibility(region, wanted.product, wanted.tenant, wanted.name, level, wanted.compatibility)
        )
    changes += [
        RegisterSchema(
            region,
            wanted.product,
            wanted.tenant,
            wanted.name,
            number,
            schema.fingerprint,
            number == 1 and wanted.product in first,
            wanted.exceptions.get(number),
        )
        for number, schema in enumerate(wanted.schemas[registered:], start=registered + 1)
    ]
    if there is not None and wanted.name not in found.inventory.subjects:
        changes.append(AdoptSubject(region, wanted.product, wanted.tenant, wanted.name))
    return changes, None


def _refusal(region: str, wanted: DesiredSubject, there: ObservedSubject) -> Refusal | None:
    declared = [schema.fingerprint for schema in wanted.schemas]
    registered = [version.fingerprint for version in there.versions]
    if registered == declared[: len(registered)]:
        return None

    def refuse(rule: str, message: str, hint: str) -> Refusal:
        return Refusal(region, wanted.product, rule, wanted.name, f"{wanted.name}: {message}", hint)

    place = next(
        (i for i, pair in enumerate(zip(registered, declared, strict=False)) if pair[0] != pair[1]), len(declared)
    )
    version = there.versions[place].version
    if place == len(declared):
        return refuse(
            "schema-unknown",
            f"version {version} in the registry is not declared; the declaration ends at {len(declared)}",
            "declare it, or find out who registered it",
        )
    if set(registered) <= set(declared):
        return refuse(
            "schema-order",
            f"the registry has schema version {declared.index(registered[place]) + 1} where {place + 1} is declared",
            "put the schema versions back in the order in which they were registered",
        )
    return refuse(
        "schema-changed",
        f"version {version} in the registry differs from the declared schema version {place + 1}",
        "an applied version never changes: restore its files, and add the change as a new version",
    )
