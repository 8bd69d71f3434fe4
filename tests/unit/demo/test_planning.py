"""Forecasts and orders: rules that hold for any sales."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.cli._demo.planning import (
    ALPHA,
    MIN_SELLING_WEEKS,
    Forecast,
    Planner,
    Proposal,
    Series,
    cases,
    order_up_to,
    smooth,
)

UNITS = st.lists(st.integers(0, 200), min_size=1, max_size=60)
WEEKLY = st.lists(st.integers(0, 40), min_size=12, max_size=40)


@given(st.integers(0, 1000), UNITS)
def test_smoothing_is_its_closed_form(first: int, units: list[int]) -> None:
    """The level is the first week and all later ones, each weighted by how long ago it was."""
    level = float(first)
    for sold in units:
        level = smooth(level, sold)
    n = len(units)
    weights = [ALPHA * (1 - ALPHA) ** (n - k) for k in range(1, n + 1)]
    closed = (1 - ALPHA) ** n * first + sum(w * sold for w, sold in zip(weights, units, strict=True))
    assert level == pytest.approx(closed, rel=1e-9, abs=1e-9)


@given(st.integers(0, 500), st.integers(1, 30))
def test_steady_sales_are_forecast_exactly(units: int, weeks: int) -> None:
    """A level that never changes is its own forecast, with no deviation."""
    series = Series.born(1, units)
    for week in range(2, weeks + 2):
        series.close(week, units)
    assert series.level == units
    assert series.deviation == 0


@given(st.integers(1, 50), st.integers(1, 30), st.integers(0, 50))
def test_weeks_without_sales_are_caught_up_with(first: int, gap: int, last: int) -> None:
    """Closing a week after a gap gives what closing each week of the gap with nothing sold gives."""
    skipping, stepping = Series.born(1, first), Series.born(1, first)
    skipping.close(gap + 2, last)
    for week in range(2, gap + 2):
        stepping.close(week, 0)
    stepping.close(gap + 2, last)
    assert skipping == stepping


@given(st.floats(-1e6, 1e6), st.integers(1, 144))
def test_cases_are_whole_enough_and_no_more(pieces: float, case_pack: int) -> None:
    """What is ordered is never negative, a multiple of the case pack, covers the need, and not by a whole case more."""
    ordered = cases(pieces, case_pack)
    assert ordered >= 0
    assert ordered % case_pack == 0
    assert ordered >= pieces
    assert ordered == 0 or ordered - case_pack < pieces


@given(st.floats(0, 1e4), st.floats(0, 1e4))
def test_the_level_covers_the_demand(forecast: float, deviation: float) -> None:
    """The order-up-to level is at least the demand of lead time and review, and grows with the deviation."""
    assert order_up_to(forecast, deviation) >= 2 * forecast
    assert order_up_to(forecast, deviation + 1) > order_up_to(forecast, deviation)


def plan(weekly: list[int], case_pack: int = 4, **options: object) -> list[Forecast | Proposal]:
    """All that comes of selling one article week by week, every week closed."""
    planner = Planner({"p": case_pack}, **options)  # type: ignore[arg-type]
    made: list[Forecast | Proposal] = []
    for week, units in enumerate(weekly, 1):
        if units:
            made += planner.sell("s", "p", week, units)
    made += planner.sell("s", "other", len(weekly) + 1, 1)
    return [one for one in made if one.product == "p"]


@given(WEEKLY, st.integers(1, 24))
def test_proposals_are_whole_positive_cases(weekly: list[int], case_pack: int) -> None:
    """Whatever was sold, no proposal is nothing, negative, or a broken case; stock is never negative."""
    for made in plan(weekly, case_pack):
        if isinstance(made, Proposal):
            assert made.quantity > 0
            assert made.quantity % case_pack == 0
            assert made.stock >= 0
        else:
            assert made.quantity >= 0
            assert made.deviation >= 0


@given(WEEKLY)
def test_planning_is_deterministic(weekly: list[int]) -> None:
    """The same sales bring forth the same forecasts and proposals."""
    assert plan(weekly) == plan(weekly)


@given(WEEKLY)
def test_a_forecast_needs_ten_weeks_of_sales_and_then_comes_each_week(weekly: list[int]) -> None:
    """The first forecast follows the tenth week that sold anything; from then on there is one for every week."""
    selling = [week for week, units in enumerate(weekly, 1) if units]
    weeks = [made.week for made in plan(weekly) if isinstance(made, Forecast)]
    if len(selling) < MIN_SELLING_WEEKS:
        assert weeks == []
    else:
        assert weeks == list(range(selling[MIN_SELLING_WEEKS - 1] + 1, len(weekly) + 2))


def test_the_stock_follows_what_is_sold_and_delivered() -> None:
    """The stock begins at the level, so the first order replaces what the week after sold; the next allows for what is on
    order."""
    steady = plan([10] * 12)
    assert [made for made in steady if isinstance(made, Proposal)] == [
        Proposal("s", "p", 12, 12, 4, 10, 10.0, None),
        Proposal("s", "p", 13, 8, 4, 0, 10.0, None),
    ]


def test_articles_ordered_elsewhere_are_forecast_only() -> None:
    """An article that another system orders gets forecasts and no proposals."""
    made = plan([10] * 20, ordered_elsewhere={"p"})
    assert made
    assert all(isinstance(one, Forecast) for one in made)


def test_a_promotion_raises_the_order_and_is_named() -> None:
    """An order to be delivered in a week of a promotion is larger than without it, and names it; later ones do not."""

    def proposals(promoted: bool) -> dict[int, Proposal]:
        planner = Planner({"p": 1})
        if promoted:
            planner.promote("s", "p", "summer", (14, 14))
        made: list[Forecast | Proposal] = []
        for week in range(1, 22):
            made += planner.sell("s", "p", week, 10)
        return {one.week: one for one in made if isinstance(one, Proposal)}

    without, with_one = proposals(False), proposals(True)
    assert with_one[13].promotion == "summer"
    assert with_one[13].quantity > without[13].quantity
    assert [week for week, one in with_one.items() if one.promotion] == [13]


def test_a_withdrawn_promotion_counts_no_more() -> None:
    """A promotion that was withdrawn before it could be ordered for changes nothing."""
    planner = Planner({"p": 1})
    planner.promote("s", "p", "summer", (12, 20))
    planner.withdraw("s", "p", "summer")
    made = [one for week in range(1, 22) for one in planner.sell("s", "p", week, 10)]
    assert made == [one for one in plan([10] * 20, 1) if one.week <= 21]


def test_a_late_sale_counts_for_the_open_week() -> None:
    """A sale of a week that is closed is not lost: the open week has it."""
    planner = Planner({})
    list(planner.sell("s", "p", 5, 1))
    assert list(planner.sell("s", "p", 3, 7)) == []
    assert planner.week == 5
    assert math.isclose(_level(planner, 6), 8)


def _level(planner: Planner, week: int) -> float:
    list(planner.sell("s", "other", week, 1))
    return planner._series["s", "p"].level
