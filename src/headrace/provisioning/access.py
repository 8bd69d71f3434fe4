"""The difference of a region's access rules: granted, adopted, revoked, left alone, and pointed out. Pure.

Only rules that the inventory names are ever revoked. A cluster without an authorizer has none: nothing is changed there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from headrace.interfaces.access import AccessRule, Match, Permission, ResourceKind
from headrace.model import names
from headrace.provisioning.changes import (
    AdoptAccess,
    Change,
    DenyAccess,
    ForeignRule,
    Forget,
    GrantAccess,
    PlanWarning,
    RevokeAccess,
)
from headrace.provisioning.desired import DesiredRegion
from headrace.provisioning.observed import ObservedRegion

EVERYBODY: Final = "User:*"


def differences(region: str, wanted: DesiredRegion, found: ObservedRegion) -> Iterator[Change]:
    """Denials, grants and adoptions."""
    if found.rules is None:
        return
    for rule, right in wanted.rules.items():
        if rule in found.rules:
            if rule not in found.inventory.rules:
                yield AdoptAccess(region, right.product, right.tenant, str(rule), rule)
        elif rule.permission is Permission.DENY:
            yield DenyAccess(region, right.product, right.tenant, str(rule), rule)
        else:
            yield GrantAccess(region, right.product, right.tenant, str(rule), rule)


def revocations(
    region: str, wanted: DesiredRegion, found: ObservedRegion, deleted: frozenset[str]
) -> Iterator[RevokeAccess]:
    """Ours, there, and not declared any more. ``deleted``: the topics that are deleted before that."""
    if found.rules is None:
        return
    ours = found.inventory.rules
    leftovers = [rule for rule in ours if rule in found.rules and rule not in wanted.rules]
    # Of an ALLOW and a DENY that narrows it, the ALLOW goes first.
    for rule in sorted(leftovers, key=lambda rule: (rule.permission is Permission.DENY, rule)):
        if not _guards(rule, wanted, found, deleted):
            yield RevokeAccess(region, ours[rule].product, ours[rule].tenant, str(rule), rule)


def _guards(rule: AccessRule, wanted: DesiredRegion, found: ObservedRegion, deleted: frozenset[str]) -> bool:
    """Whether a DENY that is not declared any more still guards something: a topic that is kept though its tenant is not
    declared any more holds what the denied were never to see."""
    return (
        rule.permission is Permission.DENY
        and rule.kind is ResourceKind.TOPIC
        and rule.match is Match.LITERAL
        and rule.name in found.topics
        and rule.name not in wanted.topics
        and rule.name not in deleted
    )


def forget(region: str, wanted: DesiredRegion, found: ObservedRegion) -> Iterator[Forget]:
    """Entries of the inventory whose rule somebody else has taken out, and that is not wanted."""
    if found.rules is None:
        return
    for rule in sorted(found.inventory.rules):
        if rule not in wanted.rules and rule not in found.rules:
            entry = found.inventory.rules[rule]
            yield Forget(region, entry.product, entry.tenant, str(rule), "rule")


def foreign(region: str, wanted: DesiredRegion, found: ObservedRegion) -> Iterator[ForeignRule]:
    """Rules that are not ours, about what is ours, of principals that are not declared as operators."""
    operators = frozenset(wanted.region.cluster.operators)
    places = _Places(wanted)
    for rule in sorted(found.rules or ()):
        if rule in wanted.rules or rule in found.inventory.rules or rule.principal in operators:
            continue
        if places.touched(rule):
            yield ForeignRule(region, rule, hole=_is_hole(rule))


def _is_hole(rule: AccessRule) -> bool:
    """It lets in everybody, or its principal everywhere."""
    everywhere = rule.name == ("*" if rule.match is Match.LITERAL else "")
    return rule.permission is Permission.ALLOW and (rule.principal == EVERYBODY or everywhere)


class _Places:
    """What is ours, by the kind of resource: prefixes, and names that stand alone."""

    def __init__(self, wanted: DesiredRegion) -> None:
        topics: set[str] = set()
        self._single: set[str] = set()
        for name in wanted.topics:
            parsed = names.parse_topic(name)
            if parsed is None or parsed.tenant == names.PLATFORM_TENANT:
                self._single.add(name)
            else:
                topics.add(names.topic_prefix(parsed.product, parsed.major))
        topics |= {names.topic_prefix(product.id, product.major) for product in wanted.compiled.products.values()}
        applications = {names.application_prefix(application) for application in wanted.compiled.applications}
        self._prefixes = {
            ResourceKind.TOPIC: topics,
            ResourceKind.GROUP: applications | {names.TENANT_GROUPS},
            ResourceKind.TRANSACTIONAL_ID: applications | {names.RESERVED_PREFIX},
        }

    def touched(self, rule: AccessRule) -> bool:
        if any(rule.touches(prefix) for prefix in self._prefixes.get(rule.kind, ())):
            return True
        return rule.kind is ResourceKind.TOPIC and any(rule.covers(name) for name in self._single)


def warnings(region: str, wanted: DesiredRegion, found: ObservedRegion) -> Iterator[PlanWarning]:
    """A warning where rules are declared for a cluster that keeps none."""
    if found.unguarded and wanted.rules:
        yield PlanWarning(
            region,
            "no-authorizer",
            f"the cluster of region {region} has no authorizer: the {len(wanted.rules)} access rules that follow from the "
            "declarations are not made, and whoever reaches the cluster may read and write everything",
        )
