"""What comes in from customers: their receipts, and what their own SAP proposes to order."""

from __future__ import annotations

import zlib
from collections import defaultdict

from headrace.cli._demo import data
from headrace.cli._demo.applications.orders import own_brands, proposal
from headrace.cli._demo.calendar import opening, rfc3339, week_of
from headrace.cli._demo.program import Program, PublishWeek


def data_api(program: Program) -> PublishWeek:
    """Takes in the customers' receipts: each line is a sale."""
    outlet = program.outlet("sales-events")
    weeks: dict[int, list[data.Sale]] = defaultdict(list)
    for sale in data.read_sales(program.folder, program.here):
        weeks[week_of(sale.sold_at)].append(sale)
    lines: dict[str, int] = defaultdict(int)
    tenant_of = program.shops.tenant

    def publish_week(week: int) -> None:
        for sale in weeks.get(week, ()):
            lines[sale.basket] += 1
            sold_at = rfc3339(sale.sold_at)
            content = {
                "storeId": sale.store,
                "productId": sale.product,
                "basketId": sale.basket,
                "quantity": sale.quantity,
                "salesValue": sale.value / 100,
                "retailDiscount": sale.retail_discount / 100,
                "couponDiscount": sale.coupon_discount / 100,
                "currency": "USD",
                "soldAt": sold_at,
                "week": week,
            }
            tenant = tenant_of(sale.store, sale.product)
            outlet.publish("SaleRecorded", content, tenant, f"{sale.basket}-{lines[sale.basket]}", time=sold_at)
        outlet.wait()

    return publish_week


def sap_connector(program: Program) -> PublishWeek:
    """Passes on what the customers' own SAP proposes for their own brands: as soon as a case has been sold, whole cases.

    One article in twenty is ordered by hand there, in pieces instead of cases: valid events, which a consumer rejects.
    """
    outlet = program.outlet("order-proposals")
    own = own_brands(program.articles)
    sold_by_week: dict[int, dict[tuple[str, str], int]] = defaultdict(lambda: defaultdict(int))
    for sale in data.read_sales(program.folder, program.here):
        if sale.product in own:
            sold_by_week[week_of(sale.sold_at)][sale.store, sale.product] += sale.quantity
    since: dict[tuple[str, str], int] = defaultdict(int)

    def publish_week(week: int) -> None:
        for (store, product), units in sorted(sold_by_week.get(week - 1, {}).items()):
            since[store, product] += units
            case_pack = program.articles[product].case_pack
            by_hand = zlib.crc32(product.encode()) % 20 == 0
            quantity = since[store, product] if by_hand else since[store, product] // case_pack * case_pack
            if since[store, product] < case_pack:
                continue
            since[store, product] -= quantity
            content = proposal(store, product, week, quantity, case_pack)
            tenant = program.shops.tenant(store, product)
            outlet.publish(
                "OrderProposalCreated", content, tenant, f"sap-{content['orderProposalId']}", time=opening(week)
            )
        outlet.wait()

    return publish_week
