"""What the two publishers of order proposals share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.cli._demo.calendar import week_start
from headrace.cli._demo.data import Article
from headrace.cli._demo.planning import LEAD_WEEKS


def own_brands(articles: Mapping[str, Article]) -> frozenset[str]:
    """The customers' own brands: their own SAP proposes the orders for these, `plan` for all others."""
    return frozenset(product for product, article in articles.items() if article.brand == "Private")


def proposal(store: str, product: str, week: int, quantity: int, case_pack: int) -> dict[str, Any]:
    """The data of an OrderProposalCreated, as both schema versions have them."""
    return {
        "orderProposalId": f"{store}-{product}-{week}",
        "storeId": store,
        "productId": product,
        "orderDate": week_start(week).isoformat(),
        "deliveryDate": week_start(week + LEAD_WEEKS).isoformat(),
        "quantity": quantity,
        "casePack": case_pack,
    }
