"""Rules about principals: whose they are, and what a tenant's own ones read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headrace.catalogue.checking import RULES, Checking, Declared, Findings, getattr_or_none, twice
from headrace.catalogue.codes import Code
from headrace.catalogue.documents import KafkaCluster, TenantDocument
from headrace.catalogue.findings import Finding, Path
from headrace.catalogue.suggest import did_you_mean


@RULES.about("whole")
def principals_are_not_shared(checking: Checking) -> Iterator[tuple[Declared[Any], Finding]]:
    """A principal's rules follow from its one holder. Two holders would have each other's rights."""
    holders: dict[tuple[str, str], str] = {}
    for declared, region, principal, holder, at in _held(checking):
        other = holders.setdefault((region, principal), holder)
        if other != holder:
            said = f"the principal '{principal}' belongs to {other} in {region} already"
            yield declared, Finding(Code.SHARED_PRINCIPAL, said, path=at)


def _held(checking: Checking) -> Iterator[tuple[Declared[Any], str, str, str, Path]]:
    """Each principal with its file, region, text, holder and place; those of operators first."""
    if checking.headrace is not None:
        for region, declared in (getattr_or_none(checking.headrace.document, "regions") or {}).items():
            cluster = getattr_or_none(declared, "cluster")
            if isinstance(cluster, KafkaCluster):
                for index, operator in enumerate(getattr_or_none(cluster, "operators") or ()):
                    at: Path = ("regions", region, "cluster", "operators", index)
                    yield checking.headrace, region, operator, "an operator", at
    for application in checking.applications.values():
        for region, access in (getattr_or_none(application.document, "regions") or {}).items():
            principal = getattr_or_none(access, "principal")
            if principal is not None:
                holder = f"the application '{application.name}'"
                yield application, region, principal, holder, ("regions", region, "principal")
    for tenant in checking.tenants.values():
        home = getattr_or_none(tenant.document, "region")
        for index, own in enumerate(getattr_or_none(tenant.document, "principals") or ()):
            principal = getattr_or_none(own, "principal")
            if home is not None and principal is not None:
                holder = f"the tenant '{tenant.name}'"
                yield tenant, home, principal, holder, ("principals", index, "principal")


@RULES.about("tenant")
def tenant_s_principals_are_listed_once(_: Checking, tenant: Declared[TenantDocument]) -> Findings:
    seen: set[str] = set()
    for index, own in enumerate(tenant.document.principals):
        principal = getattr_or_none(own, "principal")
        if principal in seen:
            said = f"the principal '{principal}' is named twice"
            yield Finding(Code.TWICE, said, path=("principals", index, "principal"))
        elif principal is not None:
            seen.add(principal)


@RULES.about("tenant")
def tenant_s_principals_read_what_it_takes(checking: Checking, tenant: Declared[TenantDocument]) -> Findings:
    known, takes = checking.product_ids, getattr_or_none(tenant.document, "products")
    for number, own in enumerate(tenant.document.principals):
        products = getattr_or_none(own, "products") or []
        at: Path = ("principals", number, "products")
        for index, product in enumerate(products):
            if product == "*":
                hint = "name them: what a customer reads itself is said product by product"
                yield Finding(Code.UNKNOWN_PRODUCT, 'a product is "*"', hint, (*at, index))
            elif product not in known:
                said = f"the product '{product}' is not declared"
                yield Finding(Code.UNKNOWN_PRODUCT, said, did_you_mean(product, known), (*at, index))
            elif takes is not None and not {"*", product} & set(takes):
                said = f"the tenant does not take '{product}', which its principal reads"
                yield Finding(Code.PRINCIPAL_PRODUCT, said, path=(*at, index))
        yield from twice(products, Code.TWICE, "the product", at)
