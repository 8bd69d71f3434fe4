"""What is offered where: promotions, displays and shelves."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from headrace.cli._demo import data, space
from headrace.cli._demo.calendar import FIRST_WEEK, opening, week_end, week_of_text, week_start
from headrace.cli._demo.program import Events, Outlet, Program, PublishWeek

ANNOUNCED_WEEKS = 3
"""How long before its first week a promotion is announced: `plan` orders for a week two weeks ahead."""


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


def promotion_id(run: space.Run) -> str:
    """Unique within the tenant: store, product, first week, and the initials of the place in the leaflet."""
    initials = "".join(word[0].lower() for word in run.place.split("_"))
    return f"{run.store}-{run.product}-{run.first}-{initials}"


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
