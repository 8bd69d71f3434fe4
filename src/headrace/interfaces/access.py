"""A broker's own access rules (Kafka's ACLs): who may do what to which topics, groups and transactions.

The values are Kafka's (KIP-11, prefixes KIP-290). A request is let through where a rule allows it and none denies it; without
any rule it is refused. Reading, writing, deleting and altering include DESCRIBE. What every implementation keeps is proved by
`headrace.testing.conformance.access`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from headrace.errors import BrokerError

ANY_HOST = "*"


class ResourceKind(StrEnum):
    TOPIC = "topic"
    GROUP = "group"
    TRANSACTIONAL_ID = "transactional-id"
    CLUSTER = "cluster"


CLUSTER_NAME = "kafka-cluster"
"""The name of the one resource of kind CLUSTER."""


class Match(StrEnum):
    """LITERAL: the resource of that name, where ``*`` is every one. PREFIXED: all whose names begin with it."""

    LITERAL = "literal"
    PREFIXED = "prefixed"


class Operation(StrEnum):
    ALL = "ALL"
    READ = "READ"
    WRITE = "WRITE"
    CREATE = "CREATE"
    DELETE = "DELETE"
    ALTER = "ALTER"
    DESCRIBE = "DESCRIBE"
    CLUSTER_ACTION = "CLUSTER_ACTION"
    DESCRIBE_CONFIGS = "DESCRIBE_CONFIGS"
    ALTER_CONFIGS = "ALTER_CONFIGS"
    IDEMPOTENT_WRITE = "IDEMPOTENT_WRITE"


class Permission(StrEnum):
    ALLOW = "ALLOW"
    DENY = "DENY"


class AccessRule(msgspec.Struct, frozen=True, order=True):
    """``principal``: ``User:plan``, or ``User:*`` for everybody. ``host``: an address, or ``*``. Its text is one line, and
    differs for rules that differ."""

    principal: str
    kind: ResourceKind
    name: str
    match: Match
    operation: Operation
    permission: Permission = Permission.ALLOW
    host: str = ANY_HOST

    def __str__(self) -> str:
        prefixed = " prefixed" if self.match is Match.PREFIXED else ""
        host = "" if self.host == ANY_HOST else f" from {self.host}"
        return f"{self.permission} {self.principal} {self.operation} {self.kind}{prefixed} {self.name}{host}"

    def covers(self, name: str) -> bool:
        """Whether the rule speaks of the resource (of its kind) called ``name``."""
        if self.match is Match.PREFIXED:
            return name.startswith(self.name)
        return self.name in ("*", name)

    def touches(self, prefix: str) -> bool:
        """Whether the rule speaks of any resource (of its kind) that is or could be called ``prefix...``."""
        if self.match is Match.PREFIXED:
            return name_overlap(self.name, prefix)
        return self.name == "*" or self.name.startswith(prefix)


def name_overlap(one: str, other: str) -> bool:
    """Whether two prefixes can begin the same name."""
    return one.startswith(other) or other.startswith(one)


class AccessAdmin(Protocol):
    """The rules of one cluster. All methods raise only `headrace.errors.BrokerError`s (`AccessDenied`: the caller's own
    principal may not), and are safe to call from many threads."""

    def rules(self) -> frozenset[AccessRule] | None:
        """Every rule of the cluster; None where the cluster has no authorizer, so that everybody may do everything."""

    def grant(self, rules: Sequence[AccessRule]) -> Mapping[AccessRule, BrokerError | None]:
        """Enter rules, ALLOW or DENY, and return when they are in force where they are answered for: None for each, or its
        error. One that is there already is no error. Raises `BrokerError` where there is no authorizer."""

    def revoke(self, rules: Sequence[AccessRule]) -> Mapping[AccessRule, BrokerError | None]:
        """Take rules out, as `grant` enters them: exactly these, never one that merely overlaps. One that is not there is no
        error."""
