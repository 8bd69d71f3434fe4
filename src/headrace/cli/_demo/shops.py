"""Whose the data are: how the stores are dealt out to the retail catalogue's four tenants.

The data set knows one chain. The demo wants several customers in two regions, so the stores are dealt out in the order in which
they are named: the first, third... stand in the European Union, the others in the United States. A store in the US is Maple
Pantry's as a whole. A store in the EU is treated as a market hall with three shops under one roof, which share its articles
by department: fresh food is Granja Viva's, groceries are Nordkorb's, all else is La Corbeille's. A receipt over several
departments so becomes one at each till. Amounts stay what they are, US dollars.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headrace.cli._demo.data import Article

REGIONS = ("eu", "us")

FRESH, GROCERY, OTHER, WHOLE = "granja-viva", "nordkorb", "la-corbeille", "maple-pantry"

TENANTS: Mapping[str, tuple[str, ...]] = {"eu": (FRESH, OTHER, GROCERY), "us": (WHOLE,)}
"""By region, ordered by name."""

_FRESH_DEPARTMENTS = frozenset(
    {"CHEF SHOPPE", "DELI", "MEAT", "MEAT-PCKGD", "PASTRY", "PRODUCE", "SALAD BAR", "SEAFOOD", "SEAFOOD-PCKGD"}
)
_GROCERY_DEPARTMENTS = frozenset({"FROZEN GROCERY", "GROCERY"})


@dataclass(frozen=True, slots=True)
class Shops:
    """Stores dealt out: which region each stands in, and which tenant sells an article there."""

    stores: tuple[str, ...]
    articles: Mapping[str, Article]

    @classmethod
    def of(cls, stores: Sequence[str], articles: Mapping[str, Article]) -> Shops:
        return cls(tuple(stores), articles)

    def in_region(self, region: str) -> tuple[str, ...]:
        return stores_of(self.stores, region)

    def tenant(self, store: str, product: str) -> str:
        """The tenant that sells the product in the store."""
        if region_of(self.stores, store) == "us":
            return WHOLE
        department = self.articles[product].department
        return FRESH if department in _FRESH_DEPARTMENTS else GROCERY if department in _GROCERY_DEPARTMENTS else OTHER


def region_of(stores: Sequence[str], store: str) -> str:
    return REGIONS[stores.index(store) % len(REGIONS)]


def stores_of(stores: Sequence[str], region: str) -> tuple[str, ...]:
    """The region's stores, in the order given."""
    return tuple(store for store in stores if region_of(stores, store) == region)
