from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from headrace.streaming.statistics import Histogram, Row, Statistics


@given(st.lists(st.integers(0, 10_000_000), min_size=1), st.floats(0, 1))
def test_a_quantile_is_at_most_a_thirtieth_above_the_true_one(values: list[int], q: float) -> None:
    """The histogram's quantile is never below the exact one, and at most 3.2 % (one bucket) above it."""
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    ordered = sorted(values)
    exact = ordered[max(0, min(len(ordered) - 1, -int(-(q * len(ordered)) // 1) - 1))]
    found = histogram.quantile(q)
    assert found is not None
    assert exact <= found <= exact * 1.032 + 1


@given(st.lists(st.integers(-5, 100_000)), st.lists(st.integers(0, 100_000)))
def test_merging_is_adding_all_values_to_one(left: list[int], right: list[int]) -> None:
    """Two histograms merged, one of them through JSON, equal one that took all the values."""
    a, b, both = Histogram(), Histogram(), Histogram()
    for value in left:
        a.add(value)
        both.add(value)
    for value in right:
        b.add(value)
        both.add(value)
    a.merge(Histogram.from_json(json.loads(json.dumps(b.to_json()))))
    assert a.to_json() == both.to_json()


def test_an_empty_histogram_has_no_quantile() -> None:
    """There is no latency where nothing was handled."""
    assert Histogram().quantile(0.99) is None


def test_statistics_of_processes_add_up() -> None:
    """Rows of the same product, tenant and purpose are summed; others stand beside them, in order."""
    here = Statistics([Row("b", "acme", "x", accepted=2), Row("a", "acme", published=5)])
    there = Statistics.from_json(json.loads(json.dumps(Statistics([Row("b", "acme", "x", accepted=3)]).to_json())))
    here.merge(there)
    assert [(row.product, row.accepted, row.published) for row in here.rows] == [("a", 0, 5), ("b", 5, 0)]
    assert here.total("accepted") == 5
