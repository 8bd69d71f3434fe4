"""The demo's applications, as a team would write them: what each publishes, and what it makes of what it is sent.

Each is a function that registers handlers on its program, and returns what publishes a week of its own input (None: it only
answers to events). Handlers read the paths that the catalogue declares for their application, and no others.
"""

from __future__ import annotations

import re
import threading
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import headrace
from headrace.cli._demo import data, space
from headrace.cli._demo.calendar import (
    FIRST_WEEK,
    opening,
    rfc3339,
    week_end,
    week_of,
    week_of_date,
    week_of_text,
    week_start,
)
from headrace.cli._demo.planning import ALPHA, LEAD_WEEKS, Forecast, Planner, Proposal
from headrace.cli._demo.program import Events, Outlet, Program, PublishWeek

ANNOUNCED_WEEKS = 3
"""How long before its first week a promotion is announced: `plan` orders for a week two weeks ahead."""


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


def promo_pricing(program: Program) -> PublishWeek:
    """Announces each promotion three weeks ahead and removes it once it is over; compares sales with and without one."""
    outlet = program.outlet("promotions")
    found = space.promotions(data.read_placements(program.folder, program.here))
    running: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for run in found:
        running[run.store, run.product].append((run.first, run.last))

    def content(run: space.Run) -> dict[str, Any]:
        return {
            "promotionId": promotion_id(run),
            "storeId": run.store,
            "productId": run.product,
            "mailerLocation": run.place,
            "startDate": week_start(run.first).isoformat(),
            "endDate": week_end(run.last).isoformat(),
            "week": run.first,
        }

    def on_sales(batch: Events) -> None:
        for event in batch:
            sale = event.data
            week = week_of_text(sale["soldAt"])
            promoted = any(first <= week <= last for first, last in running[sale["storeId"], sale["productId"]])
            program.count("pieces sold in a promotion" if promoted else "pieces sold without one", sale["quantity"])

    def on_forecasts(batch: Events) -> None:
        program.count("forecasts compared", sum(event.data["quantity"] >= 0 for event in batch))

    def on_orders(batch: Events) -> None:
        program.count(
            "pieces ordered for a promotion", sum(e.data["quantity"] for e in batch if "promotionId" in e.data)
        )

    program.consume("sales-events", ["SaleRecorded"], "uplift", on_sales)
    program.consume("demand-forecasts", ["DemandForecastIssued"], "outlook", on_forecasts)
    program.consume("order-proposals", ["OrderProposalCreated"], "coverage", on_orders)
    return _state_by_week(program, outlet, "PromotionScheduled", found, content, promotion_id, ahead=ANNOUNCED_WEEKS)


def store(program: Program) -> PublishWeek:
    """Says where articles stand: displays by week as the data record them, and planograms made up from the sales."""
    places = program.outlet("location-space")
    shelves = program.outlet("planograms")
    stays = space.location_space(data.read_placements(program.folder, program.here))
    sales = data.read_sales(program.folder, program.here)
    made: dict[int, list[space.Planogram]] = defaultdict(list)
    for planogram in space.planograms(sales, program.articles, program.shops.tenant):
        made[planogram.week].append(planogram)

    def content(stay: space.Stay) -> dict[str, Any]:
        return {
            "storeId": stay.store,
            "productId": stay.product,
            "fixture": stay.fixture,
            **({} if stay.mailer is None else {"mailer": stay.mailer}),
            "startDate": week_start(stay.first).isoformat(),
            "endDate": week_end(stay.last).isoformat(),
            "week": stay.first,
        }

    def name(stay: space.Stay) -> str:
        return f"{stay.store}-{stay.product}-{stay.first}-{stay.fixture}"

    assign = _state_by_week(program, places, "LocationSpaceAssigned", stays, content, name, ahead=0)

    def publish_week(week: int) -> None:
        assign(week)
        for planogram in made.get(week, ()):
            planogram_id = f"{planogram.store}-{_slug(planogram.category)}"
            content = {
                "storeId": planogram.store,
                "planogramId": planogram_id,
                "validFrom": week_start(week).isoformat(),
                "shelves": [
                    {"shelf": number, "positions": [_position(position) for position in shelf]}
                    for number, shelf in enumerate(planogram.shelves, 1)
                ],
            }
            shelves.publish(
                "PlanogramPublished", content, planogram.tenant, f"{planogram_id}-{week}", time=opening(week)
            )
        shelves.wait()

    return publish_week


def plan(program: Program) -> None:
    """Forecasts demand from the sales and proposals orders for it, allowing for promotions."""
    forecasts = program.outlet("demand-forecasts", waits=False)
    orders = program.outlet("order-proposals", waits=False)
    case_packs = {product: article.case_pack for product, article in program.articles.items()}
    planners = defaultdict[str, Planner](lambda: Planner(case_packs, own_brands(program.articles)))
    lock = threading.Lock()
    """Sales and promotions of a tenant are two lanes, on two threads."""

    def on_sales(batch: Events) -> None:
        with lock:
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
        with lock:
            planner = planners[batch[0].tenant]
            for event in batch:
                if event.deleted:
                    continue  # it is over, which the planner knows by its last week
                promotion = event.data
                article = promotion["storeId"], promotion["productId"], promotion["promotionId"]
                if event.name == "PromotionWithdrawn":
                    planner.withdraw(*article)
                else:
                    planner.promote(
                        *article, (week_of_date(promotion["startDate"]), week_of_date(promotion["endDate"]))
                    )

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

    def propose(proposal: Proposal, cause: headrace.Event[Any]) -> None:
        content = {
            **_proposal(proposal.store, proposal.product, proposal.week, proposal.quantity, proposal.case_pack),
            "stockOnHand": proposal.stock,
            "forecast": proposal.forecast,
            **({} if proposal.promotion is None else {"promotionId": proposal.promotion}),
        }
        time = opening(proposal.week)
        event_id = f"plan-{content['orderProposalId']}"
        orders.publish("OrderProposalCreated", content, cause.tenant, event_id, time=time, causation=cause)
        program.count("pieces proposed", proposal.quantity)

    program.consume("sales-events", ["SaleRecorded"], "demand", on_sales)
    program.consume("promotions", None, "promotions", on_promotions)


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
            content = _proposal(store, product, week, quantity, case_pack)
            tenant = program.shops.tenant(store, product)
            outlet.publish(
                "OrderProposalCreated", content, tenant, f"sap-{content['orderProposalId']}", time=opening(week)
            )
        outlet.wait()

    return publish_week


def mobile_replenishment(program: Program) -> None:
    """Lists for the people in the store what to order; what is not whole cases can't be ordered, and is rejected."""
    expected: dict[tuple[str, str, str], float] = {}

    def on_forecasts(batch: Events) -> None:
        for event in batch:
            expected[event.tenant, event.data["storeId"], event.data["productId"]] = event.data["quantity"]
        program.findings["articles with a forecast"] = len(expected)

    def on_orders(batch: Events) -> None:
        for event in batch:
            quantity, case_pack = event.data["quantity"], event.data.get("casePack", 1)
            if quantity % case_pack:
                event.reject(f"{quantity} pieces are not whole cases of {case_pack}")
            else:
                program.count("cases listed to order", quantity // case_pack)

    program.consume("demand-forecasts", ["DemandForecastIssued"], "shelf-labels", on_forecasts)
    program.consume("order-proposals", ["OrderProposalCreated"], "order-lists", on_orders)


def category_management(program: Program) -> None:
    """Keeps, from the state products, what stands where now."""
    standing: dict[tuple[str, bytes | None], bool] = {}
    facings: dict[tuple[str, str, str], int] = {}

    def on_state(batch: Events) -> None:
        for event in batch:
            standing[event.topic, event.key] = not event.deleted
        program.findings["promotions and places known now"] = sum(standing.values())

    def on_planograms(batch: Events) -> None:
        for event in batch:
            shelves = event.data["shelves"]
            facings[event.tenant, event.data["storeId"], event.data["planogramId"]] = sum(
                position["facings"] for shelf in shelves for position in shelf["positions"]
            )
        program.findings["facings in planograms"] = sum(facings.values())

    def on_forecasts(batch: Events) -> None:
        program.count("forecasts looked at", len(batch))

    program.consume("promotions", ["PromotionScheduled"], "promotions", on_state)
    program.consume("location-space", ["LocationSpaceAssigned"], "location-space", on_state)
    program.consume("planograms", ["PlanogramPublished"], "planograms", on_planograms)
    program.consume("demand-forecasts", ["DemandForecastIssued"], "forecasts", on_forecasts)


APPLICATIONS: Mapping[str, Callable[[Program], PublishWeek | None]] = {
    "data-api": data_api,
    "promo-pricing": promo_pricing,
    "store": store,
    "sap-connector": sap_connector,
    "plan": plan,
    "mobile-replenishment": mobile_replenishment,
    "category-management": category_management,
}


def promotion_id(run: space.Run) -> str:
    """Unique within the tenant: store, product, first week, and the initials of the place in the leaflet."""
    initials = "".join(word[0].lower() for word in run.place.split("_"))
    return f"{run.store}-{run.product}-{run.first}-{initials}"


def own_brands(articles: Mapping[str, data.Article]) -> frozenset[str]:
    """The customers' own brands: their own SAP proposes the orders for these, `plan` for all others."""
    return frozenset(product for product, article in articles.items() if article.brand == "Private")


def _proposal(store: str, product: str, week: int, quantity: int, case_pack: int) -> dict[str, Any]:
    return {
        "orderProposalId": f"{store}-{product}-{week}",
        "storeId": store,
        "productId": product,
        "orderDate": week_start(week).isoformat(),
        "deliveryDate": week_start(week + LEAD_WEEKS).isoformat(),
        "quantity": quantity,
        "casePack": case_pack,
    }


def _position(position: space.Position) -> dict[str, Any]:
    return {"productId": position.product, "facings": position.facings, "capacity": position.capacity}


def _slug(text: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", text.lower()))


S = TypeVar("S", space.Run, space.Stay)


def _state_by_week(
    program: Program,
    outlet: Outlet,
    event: str,
    states: Iterable[S],
    content: Callable[[S], dict[str, Any]],
    name: Callable[[S], str],
    *,
    ahead: int,
) -> PublishWeek:
    """Publishes each state ``ahead`` weeks before it begins, and deletes its key in the week after it has ended."""
    begin: dict[int, list[S]] = defaultdict(list)
    end: dict[int, list[S]] = defaultdict(list)
    for state in states:
        begin[max(FIRST_WEEK, state.first - ahead)].append(state)
        end[state.last + 1].append(state)

    def publish_week(week: int) -> None:
        time = opening(week)
        for state in end.get(week, ()):
            tenant = program.shops.tenant(state.store, state.product)
            outlet.delete(event, content(state), tenant, f"{name(state)}-over", time=time)
        for state in begin.get(week, ()):
            tenant = program.shops.tenant(state.store, state.product)
            outlet.publish(event, content(state), tenant, name(state), time=time)
        outlet.wait()

    return publish_week
