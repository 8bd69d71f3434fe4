"""Kafka's access rules as `headrace.interfaces.access.AccessAdmin`, on the client's ACL calls.

A cluster without an authorizer answers with SECURITY_DISABLED, which is told apart from a refusal. The client is made at the
first call: most programs never ask.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from headrace.adapters.kafka_calls import answer, chunks, error_of, request_timeout
from headrace.adapters.kafka_errors import asked, opening
from headrace.adapters.kafka_log import CLIENT_LOG, LOG
from headrace.adapters.kafka_settings import admin_settings
from headrace.errors import BrokerError, Closed
from headrace.interfaces.access import AccessRule, Match, Operation, Permission, ResourceKind

SETTLE_TIMEOUT_S = 10.0
"""How long a rule that the controller has taken may be on its way to the broker that answers us."""

_NO_AUTHORIZER = "SECURITY_DISABLED"

_KINDS: Mapping[ResourceKind, ResourceType] = {
    ResourceKind.TOPIC: ResourceType.TOPIC,
    ResourceKind.GROUP: ResourceType.GROUP,
    ResourceKind.TRANSACTIONAL_ID: ResourceType.TRANSACTIONAL_ID,
    ResourceKind.CLUSTER: ResourceType.BROKER,  # the client's name for it; the protocol's number 4 is the cluster
}
_KIND_OF = {theirs: ours for ours, theirs in _KINDS.items()}
_MATCHES: Mapping[Match, ResourcePatternType] = {
    Match.LITERAL: ResourcePatternType.LITERAL,
    Match.PREFIXED: ResourcePatternType.PREFIXED,
}
_MATCH_OF = {theirs: ours for ours, theirs in _MATCHES.items()}

_EVERYTHING = AclBindingFilter(
    ResourceType.ANY,
    None,  # type: ignore[arg-type]
    ResourcePatternType.ANY,
    None,  # type: ignore[arg-type]
    None,  # type: ignore[arg-type]
    AclOperation.ANY,
    AclPermissionType.ANY,
)
_NOBODYS = AccessRule("User:headrace-nobody", ResourceKind.TOPIC, "headrace-nothing", Match.LITERAL, Operation.READ)

B = TypeVar("B", bound=AclBinding)


class KafkaAccess:
    """The rules of one cluster. Safe for many threads."""

    def __init__(self, bootstrap: str, properties: Mapping[str, str]) -> None:
        self._bootstrap = bootstrap
        self._properties = dict(properties)
        self._timeout = request_timeout(properties)
        self._lock = threading.Lock()
        self._opened: AdminClient | None = None
        self._closed = False

    @property
    def _client(self) -> AdminClient:
        with self._lock:
            if self._closed:
                raise Closed("the access admin is closed")
            if self._opened is None:
                with opening("an admin client"):
                    settings = admin_settings(self._bootstrap, self._properties)
                    self._opened = AdminClient(settings, logger=CLIENT_LOG)
            return self._opened

    def rules(self) -> frozenset[AccessRule] | None:
        what = "reading access rules"
        with asked(what):
            future = self._client.describe_acls(_EVERYTHING, request_timeout=self._timeout)
        found = answer(future, what)
        if not found and not self._keeps_rules(what):
            return None
        return frozenset(rule for rule in map(_rule, found) if rule is not None)

    def _keeps_rules(self, what: str) -> bool:
        """Whether no rules means that there are none. The client drops the error of this answer: a cluster without
        an authorizer and a caller that may not ask look like an empty cluster. Revoking a rule that nobody has tells."""
        binding = AclBindingFilter(*_parts(_NOBODYS))
        with asked(what):
            future = self._client.delete_acls([binding], request_timeout=self._timeout)[binding]
        error = error_of(future, what)
        if error is None or error.data.get("kafka_error") == _NO_AUTHORIZER:
            return error is None
        raise error

    def grant(self, rules: Sequence[AccessRule]) -> Mapping[AccessRule, BrokerError | None]:
        def send(chunk: list[AclBinding]) -> Mapping[AclBinding, Future[Any]]:
            return self._client.create_acls(chunk, request_timeout=self._timeout)

        bindings = {rule: AclBinding(*_parts(rule)) for rule in rules}
        answers = _each(bindings, send, "granting")
        given = {rule for rule, error in answers.items() if error is None}
        self._settle(lambda there: given <= there, given)
        return answers

    def revoke(self, rules: Sequence[AccessRule]) -> Mapping[AccessRule, BrokerError | None]:
        def send(chunk: list[AclBindingFilter]) -> Mapping[AclBindingFilter, Future[Any]]:
            return self._client.delete_acls(chunk, request_timeout=self._timeout)

        filters = {rule: AclBindingFilter(*_parts(rule)) for rule in rules}
        answers = _each(filters, send, "revoking")
        taken = {rule for rule, error in answers.items() if error is None}
        self._settle(lambda there: not taken & there, taken)
        return answers

    def _settle(self, seen: Callable[[frozenset[AccessRule]], bool], changed: set[AccessRule]) -> None:
        """The controller has taken the change; wait until the broker that answers us has heard of it. Brokers hear of rules
        in the order in which they were made, so what denies is in force before what it narrows, everywhere."""
        if not changed:
            return
        deadline = time.monotonic() + SETTLE_TIMEOUT_S
        try:
            while not seen(self.rules() or frozenset()) and time.monotonic() < deadline:
                time.sleep(0.02)
        except BrokerError as error:  # the change is made all the same
            LOG.info("it could not be seen whether a change of access rules has arrived: %s", error)

    def close(self) -> None:
        with self._lock:
            self._closed, self._opened = True, None


def _each(
    bindings: Mapping[AccessRule, B], send: Callable[[list[B]], Mapping[B, Future[Any]]], doing: str
) -> dict[AccessRule, BrokerError | None]:
    """Send a chunk at a time; by rule, its error or None. Raises for a cluster without an authorizer."""
    answers: dict[AccessRule, BrokerError | None] = {}
    for chunk in chunks(bindings.items()):
        with asked(f"{doing} access rules"):
            futures = send([binding for _, binding in chunk])
        for rule, binding in chunk:
            error = error_of(futures[binding], f"{doing} {rule}")
            if error is not None and error.data.get("kafka_error") == _NO_AUTHORIZER:
                raise BrokerError("the cluster has no authorizer: it keeps no access rules") from error
            answers[rule] = error
    return answers


def _parts(
    rule: AccessRule,
) -> tuple[ResourceType, str, ResourcePatternType, str, str, AclOperation, AclPermissionType]:
    return (
        _KINDS[rule.kind],
        rule.name,
        _MATCHES[rule.match],
        rule.principal,
        rule.host,
        AclOperation[rule.operation.name],
        AclPermissionType[rule.permission.name],
    )


def _rule(binding: AclBinding) -> AccessRule | None:
    """None for what this client has no name for (rules on users and delegation tokens): never one of Headrace's."""
    theirs: Any = binding  # its attributes are typed as what its constructor takes
    kind, match = _KIND_OF.get(theirs.restype), _MATCH_OF.get(theirs.resource_pattern_type)
    operation, permission = theirs.operation.name, theirs.permission_type.name
    if kind is None or match is None or operation not in Operation.__members__:
        return None
    return AccessRule(
        theirs.principal, kind, theirs.name, match, Operation[operation], Permission[permission], theirs.host
    )
