"""Rules about regions, tenants, and applications' access."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from headrace.catalogue.checking import RULES, Checking, Declared, Findings, getattr_or_none, twice
from headrace.catalogue.codes import Code
from headrace.catalogue.documents import (
    ApplicationDocument,
    EmbeddedCluster,
    EmbeddedRegistry,
    HttpRegistry,
    KafkaCluster,
    RepositoryDocument,
    TenantDocument,
)
from headrace.catalogue.findings import Finding, Path
from headrace.catalogue.secrets import holds_secret
from headrace.catalogue.suggest import did_you_mean
from headrace.model import names


@RULES.about("repository")
def regions_are_well_formed(_: Checking, headrace: Declared[RepositoryDocument]) -> Findings:
    for id_, region in headrace.document.regions.items():
        at: Path = ("regions", id_)
        if problem := names.identifier_problem(id_):
            yield Finding(Code.IDENTIFIER, f"the id '{id_}' {problem}", path=at, key=True)
        cluster, registry = getattr_or_none(region, "cluster"), getattr_or_none(region, "registry")
        if isinstance(cluster, EmbeddedCluster):
            path = getattr_or_none(cluster, "path")
            if path is not None and ".." in path.split("/"):
                yield Finding(
                    Code.PATH_LEAVES, f"the path '{path}' leaves the repository", path=(*at, "cluster", "path")
                )
        if isinstance(registry, EmbeddedRegistry) and isinstance(cluster, KafkaCluster):
            said = f"the registry of '{id_}' is embedded, its cluster is Kafka"
            yield Finding(Code.REGISTRY_ALONE, said, path=(*at, "registry"))
        for key, address in (("cluster", cluster), ("registry", registry)):
            properties = (
                getattr_or_none(address, "properties") if isinstance(address, KafkaCluster | HttpRegistry) else None
            )
            yield from _secrets(properties or {}, (*at, key, "properties"))
        if isinstance(registry, HttpRegistry) and holds_secret("", getattr_or_none(registry, "url") or ""):
            yield Finding(Code.SECRET, "the url holds a password", path=(*at, "registry", "url"))


def _secrets(properties: Mapping[str, Any], at: Path) -> Findings:
    for key, value in properties.items():
        if isinstance(value, str) and holds_secret(key, value):
            yield Finding(Code.SECRET, f"the value of '{key}' is written out", path=(*at, key))
        elif isinstance(value, str) and value.startswith("vault:"):
            hint = "let the vault's agent write a file or a variable, and name it by file:PATH or env:NAME"
            yield Finding(
                Code.SECRET,
                f"the value of '{key}' is in a vault, which a client's setting cannot read",
                hint,
                (*at, key),
            )


@RULES.about("repository")
def regions_do_not_share_a_cluster(_: Checking, headrace: Declared[RepositoryDocument]) -> Findings:
    seen: dict[str, str] = {}
    for id_, region in headrace.document.regions.items():
        cluster = getattr_or_none(region, "cluster")
        if isinstance(cluster, EmbeddedCluster):
            path = getattr_or_none(cluster, "path")
            addresses = {} if path is None else {"path": [posixpath.normpath(path)]}
        elif isinstance(cluster, KafkaCluster):
            bootstrap, cluster_id = getattr_or_none(cluster, "bootstrap"), getattr_or_none(cluster, "cluster_id")
            addresses = {"bootstrap": (bootstrap or "").split(","), "clusterId": [cluster_id or ""]}
        else:
            continue
        for key, values in addresses.items():
            other = next((seen[f"{key} {v}"] for v in values if f"{key} {v}" in seen), None)
            if other is not None:
                said = f"the regions '{other}' and '{id_}' have the same {key}"
                yield Finding(Code.SHARED_CLUSTER, said, path=("regions", id_, "cluster", key))
                break
        seen.update({f"{key} {v}": id_ for key, values in addresses.items() for v in values if v})


@RULES.about("tenant")
def tenant_s_region_exists(checking: Checking, tenant: Declared[TenantDocument]) -> Findings:
    known = checking.region_ids
    region = tenant.document.region
    if known is not None and region not in known:
        yield Finding(
            Code.UNKNOWN_REGION, f"the region '{region}' is not declared", did_you_mean(region, known), ("region",)
        )


@RULES.about("tenant")
def tenant_s_products_exist(checking: Checking, tenant: Declared[TenantDocument]) -> Findings:
    products = tenant.document.products
    known = checking.product_ids
    for index, product in enumerate(products):
        at = ("products", index)
        if product == "*":
            if len(products) > 1:
                yield Finding(Code.STAR_AND_NAMES, '"*" stands beside ids', path=at)
        elif product not in known:
            id_, _, major = product.partition(".v")
            hint = f"write '{id_}': a tenant takes every major of a product" if major and id_ in known else ""
            said = f"the product '{product}' is not declared"
            yield Finding(Code.UNKNOWN_PRODUCT, said, hint or did_you_mean(product, known), at)
    yield from twice(products, Code.TWICE, "the product", ("products",))


@RULES.about("tenant")
def tenant_s_applications_exist(checking: Checking, tenant: Declared[TenantDocument]) -> Findings:
    applications = tenant.document.applications or []
    known = checking.application_ids
    for index, application in enumerate(applications):
        at = ("applications", index)
        if application == "*":
            hint = "leave applications out: every one may then see the data"
            yield Finding(Code.UNKNOWN_APPLICATION, 'an application is "*"', hint, at)
        elif application not in known:
            said = f"the application '{application}' is not declared"
            yield Finding(Code.UNKNOWN_APPLICATION, said, did_you_mean(application, known), at)
    yield from twice(applications, Code.TWICE, "the application", ("applications",))


@RULES.about("application")
def application_s_regions_exist(checking: Checking, application: Declared[ApplicationDocument]) -> Findings:
    known = checking.region_ids
    for region in application.document.regions:
        if known is not None and region not in known:
            said = f"the region '{region}' is not declared"
            yield Finding(Code.UNKNOWN_REGION, said, did_you_mean(region, known), ("regions", region), key=True)


@RULES.about("whole")
def applications_have_principals_where_they_work(checking: Checking) -> Iterator[tuple[Declared[Any], Finding]]:
    """On Kafka: an application without a principal in a tenant's region would be found out by its first denied request."""
    if checking.headrace is None:
        return
    regions = getattr_or_none(checking.headrace.document, "regions") or {}
    kafka = {id_ for id_, region in regions.items() if isinstance(getattr_or_none(region, "cluster"), KafkaCluster)}
    needed: dict[tuple[str, str], str] = {}
    for product in checking.streaming if kafka else ():
        id_, status = getattr_or_none(product.document, "id"), getattr_or_none(product.document, "status")
        if id_ is None or status is None or not status.provisioned:
            continue
        parties = [
            *(getattr_or_none(product.document, "producers") or ()),
            *(getattr_or_none(product.document, "consumers") or ()),
        ]
        workers = {a for party in parties if (a := getattr_or_none(party, "application")) is not None}
        for tenant in checking.tenants.values():
            region, products = (
                getattr_or_none(tenant.document, "region"),
                getattr_or_none(tenant.document, "products") or (),
            )
            if region not in kafka or not {"*", id_} & set(products):
                continue
            admitted = getattr_or_none(tenant.document, "applications")
            for worker in sorted(workers if admitted is None else workers & set(admitted)):
                needed.setdefault((worker, region), f"{tenant.name} takes {id_}")
    for (worker, region), why in sorted(needed.items()):
        application = checking.applications.get(worker)
        declared = None if application is None else getattr_or_none(application.document, "regions")
        if application is not None and declared is not None and region not in declared:
            said = f"'{worker}' has no principal in '{region}', where {why}"
            yield application, Finding(Code.NO_PRINCIPAL, said, path=("regions",), key=True)
