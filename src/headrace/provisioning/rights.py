"""Which access rules the declarations ask for in a region. Pure.

Rights on a product are PREFIXED rules that cover the topics of all its tenants, so their number grows with products and
applications, and not with tenants. Two things cost a rule for a topic: a tenant that names the applications that may see its
data (a DENY for each other one that has a right on the product), and a principal of a tenant's own.

Which operation needs which right is Kafka's documentation ("Authorization and ACLs", operations and resources on protocols).
READ and WRITE include DESCRIBE. An idempotent producer needs no right on the cluster since Kafka 2.8 (KIP-679).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from headrace.interfaces.access import AccessRule, Match, Operation, Permission, ResourceKind
from headrace.model import names
from headrace.model.catalogue import Catalogue
from headrace.model.product import StreamingProduct
from headrace.model.tenant import Tenant

APPLICATIONS: Final = "(applications)"
"""Stands where a product's key would, for the rights of an application on what is its own."""

TENANTS: Final = "(tenants)"
"""The same, for the groups of a tenant's own principals."""


class Right(NamedTuple):
    """What a rule is for: ``product`` its key, or `APPLICATIONS`, `TENANTS`; ``tenant`` empty for a rule about all."""

    product: str
    tenant: str


class _Part(NamedTuple):
    """What an application does with one product. ``sdk``: through Headrace's SDK."""

    application: str
    produces: bool
    consumes: bool
    sdk: bool


def desired_rules(catalogue: Catalogue, region: str) -> dict[AccessRule, Right]:
    """Every rule that ``region`` wants, by the rule, in a stable order. An application without a principal there has none."""
    principals = {
        application.id: credentials.principal
        for application in catalogue.applications.values()
        if (credentials := application.credentials.get(region)) is not None
    }
    rules: dict[AccessRule, Right] = {}
    everywhere: dict[str, list[_Part]] = {}
    for key in sorted(catalogue.products):
        product = catalogue.products[key]
        if not product.status.provisioned:
            continue
        parts = [part for part in _parts(catalogue, product) if part.application in principals]
        for part in parts:
            everywhere.setdefault(part.application, []).append(part)
            for rule in _product_rules(product, part, principals[part.application]):
                rules.setdefault(rule, Right(key, ""))
        for tenant in catalogue.tenants_of(product, region):
            for rule in _tenant_rules(product, tenant, parts, principals):
                rules.setdefault(rule, Right(key, tenant.id))
    for application, all_parts in everywhere.items():
        for rule in _own_rules(application, principals[application], all_parts):
            rules.setdefault(rule, Right(APPLICATIONS, ""))
    for tenant in catalogue.tenants.values():
        if tenant.region == region:
            for rule in _tenant_groups(tenant):
                rules.setdefault(rule, Right(TENANTS, tenant.id))
    return {rule: rules[rule] for rule in sorted(rules)}


def _parts(catalogue: Catalogue, product: StreamingProduct) -> Iterator[_Part]:
    produces = {p.application: p.external for p in product.producers}
    consumes = {c.application: c.external for c in product.consumers}
    for application in sorted(produces.keys() | consumes.keys()):
        declared = catalogue.applications.get(application)
        external = [side[application] for side in (produces, consumes) if application in side]
        sdk = not all(external) and not (declared is not None and declared.external)
        yield _Part(application, application in produces, application in consumes, sdk)


def _product_rules(product: StreamingProduct, part: _Part, principal: str) -> Iterator[AccessRule]:
    prefix = names.topic_prefix(product.id, product.major)

    def allow(operation: Operation) -> AccessRule:
        return AccessRule(principal, ResourceKind.TOPIC, prefix, Match.PREFIXED, operation)

    if part.produces:
        yield allow(Operation.WRITE)
    if part.consumes:
        yield allow(Operation.READ)
        if part.sdk:  # a consumer looks at its topics, with their settings, when it starts
            yield allow(Operation.DESCRIBE_CONFIGS)


def _own_rules(application: str, principal: str, parts: list[_Part]) -> Iterator[AccessRule]:
    """On what is the application's alone, and on the catalogue that Headrace's SDK starts from."""
    prefix = names.application_prefix(application)

    def allow(kind: ResourceKind, name: str, match: Match, operation: Operation) -> AccessRule:
        return AccessRule(principal, kind, name, match, operation)

    if any(part.produces or part.sdk for part in parts):
        yield allow(ResourceKind.TRANSACTIONAL_ID, prefix, Match.PREFIXED, Operation.WRITE)
    if any(part.consumes for part in parts):
        yield allow(ResourceKind.GROUP, prefix, Match.PREFIXED, Operation.READ)
    if any(part.consumes and part.sdk for part in parts):
        letters = names.dead_letter(application)
        yield allow(ResourceKind.TOPIC, letters, Match.LITERAL, Operation.READ)
        yield allow(ResourceKind.TOPIC, letters, Match.LITERAL, Operation.WRITE)
    if any(part.sdk for part in parts):
        yield allow(ResourceKind.TOPIC, names.catalogue_topic(), Match.LITERAL, Operation.READ)


def _tenant_rules(
    product: StreamingProduct, tenant: Tenant, parts: list[_Part], principals: Mapping[str, str]
) -> Iterator[AccessRule]:
    topic = product.topic_name(tenant.id)
    for part in parts:
        if not tenant.admits(part.application):
            principal = principals[part.application]
            # ALL: one rule, and the topic is not even seen. A DENY includes nothing that it does not name.
            yield AccessRule(principal, ResourceKind.TOPIC, topic, Match.LITERAL, Operation.ALL, Permission.DENY)
    for own in tenant.principals:
        if product.id in own.products:
            yield AccessRule(own.credentials.principal, ResourceKind.TOPIC, topic, Match.LITERAL, Operation.READ)


def _tenant_groups(tenant: Tenant) -> Iterator[AccessRule]:
    prefix = names.tenant_group_prefix(tenant.id)
    for own in tenant.principals:
        yield AccessRule(own.credentials.principal, ResourceKind.GROUP, prefix, Match.PREFIXED, Operation.READ)
