"""Wrong events, published on purpose: each must be refused, with nothing written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from headrace.cli._demo.calendar import opening
from headrace.cli._demo.program import Program
from headrace.cli._demo.shops import REGIONS, TENANTS
from headrace.errors import HeadraceError


def make_mistakes(program: Program) -> Iterator[dict[str, Any]]:
    """What was tried, and what was answered: ``error`` is None where a mistake was let through, which must not be."""
    sales = program.app.producer("sales-events")
    here = TENANTS[program.region][0]
    elsewhere = next(TENANTS[region][0] for region in REGIONS if region != program.region)
    good = {
        "storeId": program.stores[0],
        "productId": "1082185",
        "basketId": "1",
        "quantity": 2,
        "salesValue": 1.76,
        "soldAt": opening(1),
    }
    wrong = {**good, "quantity": -2, "salesValue": "1.76", "soldAt": "yesterday"}
    wrong["basketID"] = wrong.pop("basketId")
    tries: dict[str, Callable[[], object]] = {
        "a sale with a misspelt field, a negative quantity, an amount as text and no date": (
            lambda: sales.publish("SaleRecorded", wrong, tenant=here)
        ),
        f"a sale of {elsewhere}, a tenant of the other region": (
            lambda: sales.publish("SaleRecorded", good, tenant=elsewhere)
        ),
        "an event that the product does not declare": lambda: sales.publish("SaleRecoded", good, tenant=here),
        f"a promotion, as {program.application}": lambda: program.app.producer("promotions"),
    }
    for tried, publish in tries.items():
        try:
            publish()
        except HeadraceError as error:
            yield {"tried": tried, "error": msgspec.to_builtins(error.to_json(), enc_hook=str)}
        else:
            yield {"tried": tried, "error": None}
