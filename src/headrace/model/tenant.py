"""A tenant: a customer, living in exactly one region."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.model.application import Credentials


@dataclass(frozen=True, slots=True)
class TenantPrincipal:
    """A principal of the tenant's own, which reads the tenant's topics of ``products`` (ids) from Kafka itself."""

    credentials: Credentials
    products: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tenant:
    """``products``: ids of the products it takes (("*",): every one). ``applications``: the ones that may see its data;
    None: every declared one. ``principals``: its own, beside those of the applications."""

    id: str
    name: str
    region: str
    products: tuple[str, ...] = ("*",)
    applications: tuple[str, ...] | None = None
    principals: tuple[TenantPrincipal, ...] = ()

    def takes(self, product: str) -> bool:
        return "*" in self.products or product in self.products

    def admits(self, application: str) -> bool:
        return self.applications is None or application in self.applications
