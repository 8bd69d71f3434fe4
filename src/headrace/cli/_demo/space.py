"""What is derived for promotions, location space and planograms. Pure: same input, same output.

Promotions and location space are recorded by the data set week by week; here runs of consecutive weeks become one promotion, or
one stay at a fixture. Planograms are not recorded: their facings are made from the sales, as said at `planograms`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from typing import NamedTuple

from headrace.cli._demo.calendar import week_of
from headrace.cli._demo.data import Article, Placement, Sale

DISPLAYS = {
    "1": "STORE_FRONT",
    "2": "STORE_REAR",
    "3": "FRONT_END_CAP",
    "4": "MID_AISLE_END_CAP",
    "5": "REAR_END_CAP",
    "6": "SIDE_AISLE_END_CAP",
    "7": "IN_AISLE",
    "9": "SECONDARY_LOCATION",
    "A": "IN_SHELF",
}
"""The data set's codes of displays, in words of the retail catalogue; 0 is none."""

MAILERS = {
    "A": "INTERIOR_PAGE_FEATURE",
    "C": "INTERIOR_PAGE_LINE_ITEM",
    "D": "FRONT_PAGE_FEATURE",
    "F": "BACK_PAGE_FEATURE",
    "H": "WRAP_FRONT_FEATURE",
    "J": "WRAP_INTERIOR_COUPON",
    "L": "WRAP_BACK_FEATURE",
    "P": "INTERIOR_PAGE_COUPON",
    "X": "FREE_ON_INTERIOR_PAGE",
    "Z": "FREE_ON_FRONT_BACK_WRAP",
}
"""Likewise of places in the leaflet."""

PLANOGRAM_WEEKS = 4
MIN_ARTICLES = 12
SHELF_FACINGS = 60
MAX_FACINGS = 8
UNITS_PER_FACING = 2


class Run(NamedTuple):
    """An article at one place, from the week ``first`` to the week ``last``."""

    store: str
    product: str
    place: str
    first: int
    last: int


class Stay(NamedTuple):
    """A run at a fixture; ``mailer`` is where the leaflet shows the article in its first week."""

    store: str
    product: str
    fixture: str
    mailer: str | None
    first: int
    last: int


def runs(weeks: Iterable[tuple[str, str, str, int]]) -> list[Run]:
    """Consecutive weeks of the same (store, product, place) as one run; ordered by store, product, place, first week."""
    found: list[Run] = []
    for store, product, place, week in sorted(set(weeks)):
        before = found[-1] if found else None
        if before is not None and before[:3] == (store, product, place) and before.last == week - 1:
            found[-1] = before._replace(last=week)
        else:
            found.append(Run(store, product, place, week, week))
    return found


def promotions(placements: Iterable[Placement]) -> list[Run]:
    """What the leaflet shows."""
    return runs((p.store, p.product, MAILERS[p.mailer], p.week) for p in placements if p.mailer != "0")


def location_space(placements: Iterable[Placement]) -> list[Stay]:
    """What stands elsewhere than at its place in the shelf."""
    placements = list(placements)
    mailers = {(p.store, p.product, p.week): MAILERS[p.mailer] for p in placements if p.mailer != "0"}
    found = runs((p.store, p.product, DISPLAYS[p.display], p.week) for p in placements if p.display != "0")
    return [
        Stay(r.store, r.product, r.place, mailers.get((r.store, r.product, r.first)), r.first, r.last) for r in found
    ]


class Position(NamedTuple):
    product: str
    facings: int
    capacity: int


class Planogram(NamedTuple):
    """One category's shelves in a tenant's store, from a week on; shelves from the floor up."""

    tenant: str
    store: str
    category: str
    week: int
    shelves: tuple[tuple[Position, ...], ...]


def planograms(
    sales: Iterable[Sale], articles: Mapping[str, Article], tenant_of: Callable[[str, str], str]
) -> list[Planogram]:
    """Planograms made up from sales (in the order of time), ordered by week, tenant, store and category.

    Every four weeks each category with at least 12 articles gets one: an article that has sold so far has a facing for
    every two pieces of the last four weeks, at least one and at most eight; a facing holds a case. The best sellers stand
    lowest, a shelf holds 60 facings. One that is as it was is not repeated.
    """
    made: list[Planogram] = []
    ranges: dict[tuple[str, str, str], set[str]] = {}
    shown: dict[tuple[str, str, str], tuple[tuple[Position, ...], ...]] = {}
    for period, lines in groupby(sales, key=lambda sale: (week_of(sale.sold_at) - 1) // PLANOGRAM_WEEKS):
        units: dict[tuple[str, str], int] = {}
        for sale in lines:
            units[sale.store, sale.product] = units.get((sale.store, sale.product), 0) + sale.quantity
            category = articles[sale.product].category
            if category:
                ranges.setdefault((tenant_of(sale.store, sale.product), sale.store, category), set()).add(sale.product)
        for key, products in sorted(ranges.items()):
            if len(products) < MIN_ARTICLES:
                continue
            shelves = _shelves([(units.get((key[1], product), 0), articles[product]) for product in products])
            if shown.get(key) != shelves:
                shown[key] = shelves
                made.append(Planogram(*key, (period + 1) * PLANOGRAM_WEEKS + 1, shelves))
    return made


def _shelves(articles: Iterable[tuple[int, Article]]) -> tuple[tuple[Position, ...], ...]:
    shelves: list[tuple[Position, ...]] = []
    shelf: list[Position] = []
    room = SHELF_FACINGS
    for units, article in sorted(articles, key=lambda one: (-one[0], one[1].product)):
        facings = min(MAX_FACINGS, max(1, units // UNITS_PER_FACING))
        if facings > room:
            shelves.append(tuple(shelf))
            shelf, room = [], SHELF_FACINGS
        shelf.append(Position(article.product, facings, facings * article.case_pack))
        room -= facings
    if shelf:
        shelves.append(tuple(shelf))
    return tuple(shelves)
