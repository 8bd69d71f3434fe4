"""The demo's applications on the retail catalogue, in memory: what they publish is valid, and they read what they declare."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import headrace
from headrace import testing
from headrace.cli._demo import data
from headrace.cli._demo.applications import APPLICATIONS
from headrace.cli._demo.calendar import week_of
from headrace.cli._demo.mistakes import make_mistakes
from headrace.cli._demo.prepare import CATALOGUE
from headrace.cli._demo.program import Program, PublishWeek

pytestmark = pytest.mark.slow


@contextmanager
def running(application: str, region: str) -> Iterator[tuple[testing.Harness, Program, PublishWeek | None]]:
    app = headrace.App(application, region=region)
    program = Program(app, application, region, data.SAMPLE_STORES, data.SAMPLE)
    publish_week = APPLICATIONS[application](program)
    with testing.app(app, catalogue=CATALOGUE) as harness:
        yield harness, program, publish_week


SALE = {"storeId": "406", "productId": "1082185", "basketId": "1", "quantity": 2, "salesValue": 1.76}
FORECAST = {
    "storeId": "406",
    "productId": "1082185",
    "validFrom": "2017-03-13",
    "horizonWeeks": 1,
    "quantity": 4.5,
    "stdDev": 1.0,
    "model": "ses-0.2",
}
PROPOSAL = {
    "orderProposalId": "406-1082185-12",
    "storeId": "406",
    "productId": "1082185",
    "orderDate": "2017-03-20",
    "deliveryDate": "2017-03-27",
    "quantity": 12,
    "casePack": 4,
}


@pytest.mark.parametrize("region", ["eu", "us"])
def test_data_api_publishes_a_week_of_sales_in_the_order_of_time(region: str) -> None:
    """Every sale of the region's stores in the week is published once, valid, to its tenant, in the order of time."""
    with running("data-api", region) as (t, program, publish_week):
        assert publish_week is not None
        publish_week(2)
        expected = [s for s in data.read_sales(stores=program.here) if week_of(s.sold_at) == 2]
        assert len(t.published) == len(expected)
        assert len({(event.tenant, event.id) for event in t.published}) == len(expected)
        for tenant in {event.tenant for event in t.published}:
            times = [event.time for event in t.published if event.tenant == tenant]
            assert times == sorted(times)


def test_promotions_come_ahead_and_go_when_they_are_over() -> None:
    """By the end of the year as many promotions are deleted as were announced, less those still running."""
    with running("promo-pricing", "us") as (t, _, publish_week):
        assert publish_week is not None
        for week in range(1, 8):
            publish_week(week)
        announced = {event.key: event.data for event in t.published if not event.deleted}
        gone = {event.key for event in t.published if event.deleted}
        assert gone <= announced.keys()
        assert gone == {key for key, promotion in announced.items() if promotion["endDate"] < "2017-02-06"}
        assert max(promotion["week"] for promotion in announced.values()) == 10


def test_the_store_publishes_places_and_planograms() -> None:
    """Places are published from the first week, planograms from the fifth, all valid."""
    with running("store", "us") as (t, _, publish_week):
        assert publish_week is not None
        for week in (1, 5):
            publish_week(week)
        assert {event.name for event in t.published} == {"LocationSpaceAssigned", "PlanogramPublished"}
        assert {e.data["validFrom"] for e in t.published if e.name == "PlanogramPublished"} == {"2017-01-23"}


def test_sap_proposes_whole_cases_of_own_brands_save_those_ordered_by_hand() -> None:
    """Its proposals are of own brands; only few are no whole cases, and some are, so that one consumer has to reject."""
    with running("sap-connector", "us") as (t, program, publish_week):
        assert publish_week is not None
        for week in range(1, 15):
            publish_week(week)
        broken = [event for event in t.published if event.data["quantity"] % event.data["casePack"]]
        assert t.published
        assert {program.articles[event.data["productId"]].brand for event in t.published} == {"Private"}
        assert 0 < len(broken) < len(t.published) / 5


def test_plan_answers_sales_with_forecasts_and_proposals() -> None:
    """Eleven weeks of sales, and the first of the twelfth, bring a forecast and an order that names its cause."""
    with running("plan", "us") as (t, _, _publish):
        for week in range(12):
            day = f"2017-{1 + week // 4:02}-{2 + 7 * (week % 4):02}T12:00:00Z"
            t.send("sales-events", "SaleRecorded", {**SALE, "soldAt": day}, tenant="maple-pantry", id=f"sale-{week}")
        assert {event.name for event in t.published} == {"DemandForecastIssued", "OrderProposalCreated"}
        assert all(event.causation_id.startswith("sale-") for event in t.published if event.causation_id)
        assert all(event.causation_id for event in t.published)
        assert all(event.tenant == "maple-pantry" for event in t.published)


def test_plan_knows_promotions() -> None:
    """Promotions that are scheduled, withdrawn and deleted are accepted without reading more than is declared."""
    promotion = {
        "promotionId": "1",
        "storeId": "406",
        "productId": "1",
        "startDate": "2017-03-06",
        "endDate": "2017-03-12",
    }
    withdrawn = {key: promotion[key] for key in ("promotionId", "storeId", "productId")} | {
        "withdrawnFrom": "2017-03-07"
    }
    with running("plan", "us") as (t, _, _publish):
        t.send("promotions", "PromotionScheduled", promotion, tenant="maple-pantry")
        t.send("promotions", "PromotionWithdrawn", withdrawn, tenant="maple-pantry")
        t.delete("promotions", "PromotionScheduled", promotion, tenant="maple-pantry")
        assert len(t.accepted) == 3


def test_mobile_replenishment_rejects_broken_cases() -> None:
    """Five pieces are rejected where a case holds four; whole cases and forecasts are accepted."""
    with running("mobile-replenishment", "us") as (t, program, _publish):
        t.send("demand-forecasts", "DemandForecastIssued", FORECAST, tenant="maple-pantry")
        t.send("order-proposals", "OrderProposalCreated", PROPOSAL, tenant="maple-pantry")
        t.send("order-proposals", "OrderProposalCreated", {**PROPOSAL, "quantity": 5}, tenant="maple-pantry")
        assert [rejected.reason for rejected in t.rejected] == ["5 pieces are not whole cases of 4"]
        assert len(t.accepted) == 2
        assert program.findings["cases listed to order"] == 3


def test_promo_pricing_and_category_management_take_what_they_are_sent() -> None:
    """Each of their consumers accepts an event, reads no more than is declared, and enters it in its account."""
    with running("promo-pricing", "us") as (t, program, _publish):
        t.send("sales-events", "SaleRecorded", {**SALE, "soldAt": "2017-01-09T12:00:00Z"}, tenant="maple-pantry")
        t.send("demand-forecasts", "DemandForecastIssued", FORECAST, tenant="maple-pantry")
        t.send("order-proposals", "OrderProposalCreated", PROPOSAL, tenant="maple-pantry", application="plan")
        assert [sum(e.events for e in ledger.entries().values()) for ledger in program.settled.values()] == [1, 1, 1]
    place = {
        "storeId": "406",
        "productId": "1",
        "fixture": "IN_AISLE",
        "startDate": "2017-01-09",
        "endDate": "2017-01-15",
    }
    shelves = [{"shelf": 1, "positions": [{"productId": "1", "facings": 3, "capacity": 12}]}]
    planogram = {"storeId": "406", "planogramId": "406-soup", "validFrom": "2017-01-30", "shelves": shelves}
    with running("category-management", "us") as (t, program, _publish):
        t.send("location-space", "LocationSpaceAssigned", {**place, "week": 3}, tenant="maple-pantry")
        t.send("planograms", "PlanogramPublished", planogram, tenant="maple-pantry")
        t.send("demand-forecasts", "DemandForecastIssued", FORECAST, tenant="maple-pantry")
        assert len(t.accepted) == 3
        assert program.findings["facings in planograms"] == 3


def test_every_mistake_is_refused_and_nothing_is_written() -> None:
    """The wrong events are answered with an error each, the invalid one with all its violations; the log stays empty."""
    with running("data-api", "eu") as (t, program, _publish):
        answers = list(make_mistakes(program))
        assert [answer["error"]["code"] for answer in answers] == [
            "event.invalid",
            "declaration.tenant-elsewhere",
            "declaration.unknown-event",
            "declaration.not-a-producer",
        ]
        assert {violation["path"] for violation in answers[0]["error"]["violations"]} == {
            "data.basketId",
            "data.basketID",
            "data.quantity",
            "data.salesValue",
            "data.soldAt",
        }
        assert not t.published
