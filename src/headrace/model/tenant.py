"""A tenant: a customer, living in exactly one region."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tenant:
    """``products``: ids of the products it takes (("*",): every one). ``applications``: the ones that may see its data;
    None: every declared one."""

    id: str
    name: str
    region: str
    products: tuple[str, ...] = ("*",)
    applications: tuple[str, ...] | None = None

    def takes(self, product: str) -> bool:
        return "*" in self.products or product in self.products

    def admits(self, application: str) -> bool:
        return self.applications is None or application in self.applications
