"""`plan`: what to expect, and what to order."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import headrace
from headrace.cli._demo.applications.orders import own_brands, proposal
from headrace.cli._demo.calendar import opening, week_of_date, week_of_text, week_start
from headrace.cli._demo.planning import ALPHA, Forecast, Planner, Proposal
from headrace.cli._demo.program import Events, Program


def plan(program: Program) -> None:
    """Forecasts demand from the sales and proposals orders for it, allowing for promotions."""
    forecasts = program.outlet("demand-forecasts", waits=False)
    orders = program.outlet("order-proposals", waits=False)
    case_packs = {product: article.case_pack for product, article in program.articles.items()}
    planners = defaultdict[str, Planner](lambda: Planner(case_packs, own_brands(program.articles)))

    def on_sales(batch: Events) -> None:
        planner = planners[batch[0].tenant]
        for event in batch:
            sale = event.data
            week = week_of_text(sale["soldAt"])
            for made in planner.sell(sale["storeId"], sale["productId"], week, sale["quantity"]):
                if isinstance(made, Forecast):
                    issue(made, event)
                else:
                    propose(made, event)

    def on_promotions(batch: Events) -> None:
        planner = planners[batch[0].tenant]
        for event in batch:
            if event.deleted:
                continue  # it is over, which the planner knows by its last week
            promotion = event.data
            article = promotion["storeId"], promotion["productId"], promotion["promotionId"]
            if event.name == "PromotionWithdrawn":
                planner.withdraw(*article)
            else:
                weeks = week_of_date(promotion["startDate"]), week_of_date(promotion["endDate"])
                planner.promote(*article, weeks)

    def issue(forecast: Forecast, cause: headrace.Event[Any]) -> None:
        content = {
            "storeId": forecast.store,
            "productId": forecast.product,
            "validFrom": week_start(forecast.week).isoformat(),
            "horizonWeeks": 1,
            "quantity": forecast.quantity,
            "stdDev": forecast.deviation,
            "model": f"ses-{ALPHA}",
        }
        event_id = f"forecast-{forecast.store}-{forecast.product}-{forecast.week}"
        time = opening(forecast.week)
        forecasts.publish("DemandForecastIssued", content, cause.tenant, event_id, time=time, causation=cause)

    def propose(made: Proposal, cause: headrace.Event[Any]) -> None:
        content = {
            **proposal(made.store, made.product, made.week, made.quantity, made.case_pack),
            "stockOnHand": made.stock,
            "forecast": made.forecast,
            **({} if made.promotion is None else {"promotionId": made.promotion}),
        }
        time = opening(made.week)
        event_id = f"plan-{content['orderProposalId']}"
        orders.publish("OrderProposalCreated", content, cause.tenant, event_id, time=time, causation=cause)
        program.count("pieces proposed", made.quantity)

    program.consume("sales-events", ["SaleRecorded"], "demand", on_sales)
    program.consume("promotions", None, "promotions", on_promotions)
