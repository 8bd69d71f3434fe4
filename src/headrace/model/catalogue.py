"""All declarations of a repository together, checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from headrace.model.application import Application
from headrace.model.product import BatchProduct, StreamingProduct
from headrace.model.region import Region
from headrace.model.tenant import Tenant


@dataclass(frozen=True, slots=True)
class Policies:
    """What `plan` and `apply` refuse. ``max_deletes``: deletions that one apply may carry out at all (0: none)."""

    max_deletes: int = 0


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Trusted: every rule holds. Mappings are ordered by key. Products by `StreamingProduct.key` (``id.v1``)."""

    name: str
    regions: Mapping[str, Region]
    applications: Mapping[str, Application]
    tenants: Mapping[str, Tenant]
    products: Mapping[str, StreamingProduct]
    batch_products: Mapping[str, BatchProduct]
    policies: Policies
    commit: str | None
    """The Git commit that it was read at; None outside Git; ends in ``-dirty`` where files differ from it."""

    def tenants_of(self, product: StreamingProduct, region: str) -> Iterator[Tenant]:
        """The region's tenants that take the product, by id."""
        return (t for t in self.tenants.values() if t.region == region and t.takes(product.id))
