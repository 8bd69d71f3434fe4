"""What every `headrace.interfaces.access.AccessAdmin` keeps, as tests.

An adapter's test module inherits `AccessConformance` and gives two fixtures:

    access      the `AccessAdmin` under test, of a cluster with an authorizer, with a principal that may do everything
    unguarded   one of a cluster without an authorizer
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from headrace.errors import BrokerError
from headrace.interfaces.access import (
    CLUSTER_NAME,
    AccessAdmin,
    AccessRule,
    Match,
    Operation,
    Permission,
    ResourceKind,
)
from headrace.testing.conformance.support import unique


@dataclass
class Given:
    """Rules of one test, told from those of others by their principal."""

    access: AccessAdmin
    principal: str

    def rule(
        self,
        kind: ResourceKind = ResourceKind.TOPIC,
        name: str = "orders.v1.acme",
        match: Match = Match.LITERAL,
        operation: Operation = Operation.READ,
        permission: Permission = Permission.ALLOW,
        host: str = "*",
    ) -> AccessRule:
        return AccessRule(self.principal, kind, name, match, operation, permission, host)

    @property
    def there(self) -> set[AccessRule]:
        return {rule for rule in self.access.rules() or () if rule.principal == self.principal}


class AccessConformance:
    @pytest.fixture
    def given(self, access: AccessAdmin) -> Iterator[Given]:
        given = Given(access, f"User:{unique('p')}")
        yield given
        access.revoke(sorted(given.there))

    def test_a_rule_of_any_shape_is_read_as_it_was_granted(self, given: Given) -> None:
        """Every kind, match, operation and permission, a wildcard, a host and a name with a blank come back equal."""
        cluster = ResourceKind.CLUSTER
        rules = [
            *(given.rule(operation=operation) for operation in _ON_TOPICS),
            *(given.rule(cluster, CLUSTER_NAME, operation=operation) for operation in _ON_CLUSTERS),
            given.rule(ResourceKind.GROUP, "plan.", Match.PREFIXED),
            given.rule(ResourceKind.TRANSACTIONAL_ID, "plan.", Match.PREFIXED, Operation.WRITE),
            given.rule(name="*"),
            given.rule(ResourceKind.GROUP, "a group"),
            given.rule(permission=Permission.DENY, operation=Operation.ALL),
            given.rule(host="10.1.2.3"),
        ]
        assert given.access.grant(rules) == dict.fromkeys(rules)
        assert given.there == set(rules)

    def test_granting_again_changes_nothing(self, given: Given) -> None:
        """A rule that is there is no error, and is not there twice."""
        rule = given.rule()
        given.access.grant([rule])
        assert given.access.grant([rule]) == {rule: None}
        assert given.there == {rule}

    def test_revoking_takes_out_exactly_the_rule(self, given: Given) -> None:
        """Rules that differ in one thing only, or merely overlap, stay."""
        rule = given.rule()
        others = {
            given.rule(name="orders.v1.acm"),
            given.rule(name="*"),
            given.rule(match=Match.PREFIXED),
            given.rule(name="orders.", match=Match.PREFIXED),
            given.rule(operation=Operation.WRITE),
            given.rule(operation=Operation.ALL),
            given.rule(permission=Permission.DENY),
            given.rule(host="10.1.2.3"),
            given.rule(ResourceKind.GROUP),
        }
        given.access.grant([rule, *sorted(others)])
        assert given.access.revoke([rule]) == {rule: None}
        assert given.there == others

    def test_revoking_a_wildcard_leaves_what_it_covers(self, given: Given) -> None:
        """`*` is a name like another here."""
        wildcard, single = given.rule(name="*"), given.rule()
        given.access.grant([wildcard, single])
        given.access.revoke([wildcard])
        assert given.there == {single}

    def test_revoking_what_is_not_there_is_no_error(self, given: Given) -> None:
        """An apply that was cut short revokes again."""
        rule = given.rule()
        assert given.access.revoke([rule]) == {rule: None}

    def test_a_rule_that_is_refused_costs_the_others_nothing(self, given: Given) -> None:
        """Each rule has its own answer."""
        good, bad = given.rule(), given.rule(ResourceKind.CLUSTER, "no-such-cluster", operation=Operation.ALTER)
        answers = given.access.grant([bad, good])
        assert answers[good] is None and isinstance(answers[bad], BrokerError)
        assert given.there == {good}

    def test_thousands_at_once(self, given: Given) -> None:
        """More than a request holds are granted, read and revoked in one call each."""
        rules = [given.rule(name=f"orders.v1.t{n}", permission=Permission.DENY) for n in range(2_500)]
        assert set(given.access.grant(rules).values()) == {None}
        assert given.there == set(rules)
        assert set(given.access.revoke(rules).values()) == {None}
        assert given.there == set()

    def test_nothing_at_all(self, given: Given) -> None:
        """No rules are no request."""
        assert given.access.grant([]) == {} and given.access.revoke([]) == {}

    def test_a_cluster_without_an_authorizer_says_so(self, unguarded: AccessAdmin) -> None:
        """It has no set of rules, not an empty one; and takes none."""
        assert unguarded.rules() is None
        rule = Given(unguarded, "User:nobody").rule()
        for change in (unguarded.grant, unguarded.revoke):
            with pytest.raises(BrokerError, match="no authorizer"):
                change([rule])


_ON_TOPICS = (
    Operation.ALL,
    Operation.READ,
    Operation.WRITE,
    Operation.CREATE,
    Operation.DELETE,
    Operation.ALTER,
    Operation.DESCRIBE,
    Operation.DESCRIBE_CONFIGS,
    Operation.ALTER_CONFIGS,
)
_ON_CLUSTERS = (Operation.CLUSTER_ACTION, Operation.IDEMPOTENT_WRITE, Operation.ALTER, Operation.CREATE)
