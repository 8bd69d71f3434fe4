"""What `plan` works out from the sales that it is sent: demand forecasts and order proposals. No I/O, no clock, no chance.

The data set records neither. Forecasts are simple exponential smoothing of the units sold by week, per store and article
(R. G. Brown, 1956; Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 8.1). Orders are a periodic review with an
order-up-to level (Silver, Pyke and Thomas, Inventory and Production Management, 6.9): reviewed each week, delivered a week
later, rounded up to whole cases. The stock is simulated, since the data do not know it: it begins at the first level, loses
what is sold, and gains what was proposed when it is due.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import NamedTuple

ALPHA = 0.2
"""Weight of the newest week."""

MIN_SELLING_WEEKS = 10
"""No forecast before an article has sold in so many weeks."""

LEAD_WEEKS = 1
REVIEW_WEEKS = 1

SAFETY_FACTOR = 1.64
"""Standard deviations of safety stock: about 95 % of the cycles without a gap, were the errors normal."""

PROMOTION_UPLIFT = 1.5
"""How much more is expected to be sold in a week of a promotion: assumed, not learnt."""


def smooth(level: float, units: float, alpha: float = ALPHA) -> float:
    """The level after a week that sold ``units``."""
    return level + alpha * (units - level)


def order_up_to(forecast: float, deviation: float) -> float:
    """The stock, on hand and on order, to raise to: demand over lead time and review, and safety stock."""
    weeks = LEAD_WEEKS + REVIEW_WEEKS
    return forecast * weeks + SAFETY_FACTOR * deviation * math.sqrt(weeks)


def cases(pieces: float, case_pack: int) -> int:
    """The pieces of the fewest whole cases that hold ``pieces``; none for a need that is not positive."""
    whole = max(0, math.ceil(pieces))
    # Counted in whole numbers: a quotient of floats can round a small need away.
    return -(-whole // case_pack) * case_pack


class Forecast(NamedTuple):
    """What a store will sell of an article per week, from ``week`` on; ``deviation`` of one week's error."""

    store: str
    product: str
    week: int
    quantity: float
    deviation: float


class Proposal(NamedTuple):
    """An order to place in ``week``, to be delivered `LEAD_WEEKS` later. ``promotion``: the one that it allows for."""

    store: str
    product: str
    week: int
    quantity: int
    case_pack: int
    stock: int
    forecast: float
    promotion: str | None


@dataclass(slots=True)
class Series:
    """One article in one store: its smoothed demand, and its simulated stock once there is a forecast."""

    last_week: int
    level: float
    variance: float = 0.0
    selling_weeks: int = 1
    units: int = 0
    """Sold in the week that is open."""
    stock: int | None = None
    on_order: dict[int, int] = field(default_factory=dict)
    """Pieces by the week in which they are delivered."""

    @classmethod
    def born(cls, week: int, units: int) -> Series:
        """Its first week of sales, closed."""
        return cls(week, float(units))

    @property
    def established(self) -> bool:
        return self.selling_weeks >= MIN_SELLING_WEEKS

    @property
    def deviation(self) -> float:
        return math.sqrt(self.variance)

    def close(self, week: int, units: int) -> None:
        """Close ``week`` with what it sold; the weeks since the last closed one sold nothing."""
        for _ in range(week - self.last_week - 1):
            self._step(0)
        self._step(units)
        self.selling_weeks += units > 0
        self.last_week = week
        if self.stock is not None:
            self.stock = max(0, self.stock + self.on_order.pop(week, 0) - units)

    def _step(self, units: int) -> None:
        error = units - self.level
        self.level = smooth(self.level, units)
        self.variance = (1 - ALPHA) * (self.variance + ALPHA * error * error)

    def propose(self, case_pack: int, uplift: float = 1.0) -> int:
        """The pieces to order now: whole cases, or 0. They are then on order."""
        target = order_up_to(self.level * uplift, self.deviation)
        if self.stock is None:
            self.stock = math.ceil(target)
        quantity = cases(target - self.stock - sum(self.on_order.values()), case_pack)
        if quantity:
            due = self.last_week + 1 + LEAD_WEEKS
            self.on_order[due] = self.on_order.get(due, 0) + quantity
        return quantity


class Planner:
    """Plans for one tenant: takes its sales in order, and closes a week when the first sale of a later one comes."""

    def __init__(self, case_packs: Mapping[str, int], ordered_elsewhere: Set[str] = frozenset()) -> None:
        """``ordered_elsewhere``: articles that are forecast, but whose orders another system proposes."""
        self._case_packs = case_packs
        self._elsewhere = ordered_elsewhere
        self._series: dict[tuple[str, str], Series] = {}
        self._sold: dict[tuple[str, str], int] = {}
        self._established: dict[tuple[str, str], Series] = {}
        self._week: int | None = None
        self._promotions: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}

    @property
    def week(self) -> int | None:
        """The week that is open."""
        return self._week

    def promote(self, store: str, product: str, promotion: str, weeks: tuple[int, int]) -> None:
        """Know of a promotion, from the first of ``weeks`` to the second."""
        self._promotions.setdefault((store, product), {})[promotion] = weeks

    def withdraw(self, store: str, product: str, promotion: str) -> None:
        """A promotion does not take place."""
        self._promotions.get((store, product), {}).pop(promotion, None)

    def sell(self, store: str, product: str, week: int, quantity: int) -> Iterator[Forecast | Proposal]:
        """Take a sale; what closing the weeks before it brings forth, ordered by store and product. A sale of an earlier
        week than the open one counts for the open one: it came late."""
        if self._week is None:
            self._week = week
        while self._week < week:
            yield from self._close(self._week)
            self._week += 1
        key = (store, product)
        self._sold[key] = self._sold.get(key, 0) + quantity

    def _close(self, week: int) -> Iterator[Forecast | Proposal]:
        sold, self._sold = self._sold, {}
        for key, units in sold.items():
            series = self._series.get(key)
            if series is None:
                self._series[key] = Series.born(week, units)
                continue
            series.close(week, units)
            if series.established:
                self._established.setdefault(key, series)
        for key, series in sorted(self._established.items()):
            if series.last_week < week:
                series.close(week, 0)
            yield from self._plan(*key, series, week + 1)

    def _plan(self, store: str, product: str, series: Series, week: int) -> Iterator[Forecast | Proposal]:
        forecast = round(series.level, 4)
        yield Forecast(store, product, week, forecast, round(series.deviation, 4))
        case_pack = self._case_packs.get(product)
        if case_pack is None or product in self._elsewhere:
            return
        promotion = self._promotion(store, product, week + LEAD_WEEKS)
        stock = series.stock
        quantity = series.propose(case_pack, 1.0 if promotion is None else PROMOTION_UPLIFT)
        if quantity:
            on_hand = stock if stock is not None else series.stock or 0
            yield Proposal(store, product, week, quantity, case_pack, on_hand, forecast, promotion)

    def _promotion(self, store: str, product: str, week: int) -> str | None:
        """A promotion that is on in ``week``; those that are over are forgotten."""
        known = self._promotions.get((store, product))
        if not known:
            return None
        for promotion in [name for name, (_, last) in known.items() if last < week - LEAD_WEEKS - 1]:
            del known[promotion]
        return min((name for name, (first, last) in known.items() if first <= week <= last), default=None)
