"""Promotions, location space and planograms, for any placements and sales."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from headrace.cli._demo import data, space
from headrace.cli._demo.data import Article, Placement, Sale

PLACES = st.lists(
    st.tuples(st.sampled_from("sz"), st.sampled_from("pq"), st.sampled_from("AB"), st.integers(1, 12)), max_size=60
)


@given(PLACES)
def test_runs_cover_what_they_are_made_of(weeks: list[tuple[str, str, str, int]]) -> None:
    """The weeks of all runs are the given weeks, each once, whatever their order."""
    covered = [
        (run.store, run.product, run.place, week)
        for run in space.runs(weeks)
        for week in range(run.first, run.last + 1)
    ]
    assert sorted(covered) == sorted(set(weeks))
    assert space.runs(reversed(weeks)) == space.runs(weeks)


@given(PLACES)
def test_runs_are_as_long_as_they_can_be(weeks: list[tuple[str, str, str, int]]) -> None:
    """Between two runs of the same article at the same place there is a week without it."""
    found = space.runs(weeks)
    for a, b in pairwise(found):
        if a[:3] == b[:3]:
            assert a.last + 1 < b.first


def test_every_code_of_the_sample_has_a_word() -> None:
    """Displays and mailers of the sample are all known, and words of one kind have initials of their own."""
    placements = data.read_placements()
    assert {p.display for p in placements} - {"0"} <= set(space.DISPLAYS)
    assert {p.mailer for p in placements} - {"0"} <= set(space.MAILERS)
    initials = ["".join(word[0] for word in place.split("_")) for place in space.MAILERS.values()]
    assert len(set(initials)) == len(initials)


def test_a_stay_names_the_leaflet_of_its_first_week() -> None:
    """An article on a display that the leaflet shows too says where; one that it does not show does not."""
    placements = [
        Placement("s", "p", 3, "1", "D"),
        Placement("s", "p", 4, "1", "0"),
        Placement("s", "q", 4, "7", "0"),
        Placement("s", "q", 5, "0", "A"),
    ]
    assert space.location_space(placements) == [
        space.Stay("s", "p", "STORE_FRONT", "FRONT_PAGE_FEATURE", 3, 4),
        space.Stay("s", "q", "IN_AISLE", None, 4, 4),
    ]
    assert [run.place for run in space.promotions(placements)] == ["FRONT_PAGE_FEATURE", "INTERIOR_PAGE_FEATURE"]


ARTICLES = {f"p{n:02}": Article(f"p{n:02}", "GROCERY", "SOUP", "National") for n in range(40)}
START = int(datetime(2017, 1, 2, 12, tzinfo=UTC).timestamp())
SALES = st.lists(st.tuples(st.integers(0, 39), st.integers(1, 30), st.integers(0, 27)), min_size=1, max_size=200).map(
    lambda rows: [
        Sale("s", f"p{p:02}", "b", q, 0, 0, 0, START + 86_400 * d) for p, q, d in sorted(rows, key=lambda r: r[2])
    ]
)


@given(SALES)
def test_planograms_fit_their_shelves(sales: list[Sale]) -> None:
    """Each article that sold stands in one place, with one to eight facings that hold a case each; no shelf is too full."""
    for planogram in space.planograms(sales, ARTICLES, lambda store, product: "t"):
        positions = [position for shelf in planogram.shelves for position in shelf]
        assert len({position.product for position in positions}) == len(positions) >= space.MIN_ARTICLES
        assert {position.product for position in positions} <= {sale.product for sale in sales}
        for position in positions:
            assert 1 <= position.facings <= space.MAX_FACINGS
            assert position.capacity == position.facings * 4
        assert all(sum(p.facings for p in shelf) <= space.SHELF_FACINGS for shelf in planogram.shelves)
        assert planogram.week % space.PLANOGRAM_WEEKS == 1


def test_a_planogram_that_stays_is_not_repeated() -> None:
    """Four weeks that sell as the four before bring no new planogram; four that sell more do."""

    def period(number: int, quantity: int) -> list[Sale]:
        # A period is four weeks from week 1, the Sunday before START's Monday.
        at = START + (number * 28) * 86_400
        return [Sale("s", f"p{n:02}", "b", quantity, 0, 0, 0, at) for n in range(12)]

    same = space.planograms([*period(0, 1), *period(1, 1)], ARTICLES, lambda store, product: "t")
    assert [planogram.week for planogram in same] == [5]
    more = space.planograms([*period(0, 1), *period(1, 6)], ARTICLES, lambda store, product: "t")
    assert [planogram.week for planogram in more] == [5, 9]
    assert {p.facings for shelf in more[1].shelves for p in shelf} == {3}


def test_a_shelf_that_is_full_begins_the_next() -> None:
    """Sixty-one facings of one piece each need two shelves, the best seller standing first on the lowest."""
    articles = {f"p{n:02}": Article(f"p{n:02}", "GROCERY", "SOUP", "National") for n in range(61)}
    sales = [Sale("s", product, "b", 3 if product == "p33" else 1, 0, 0, 0, START) for product in articles]
    (planogram,) = space.planograms(sales, articles, lambda store, product: "t")
    assert [len(shelf) for shelf in planogram.shelves] == [60, 1]
    assert planogram.shelves[0][0].product == "p33"
