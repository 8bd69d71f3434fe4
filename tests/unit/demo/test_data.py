"""The shipped sample, and reading it."""

from __future__ import annotations

import gzip
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from headrace.cli._demo import data
from headrace.cli._demo.calendar import FIRST_WEEK, LAST_WEEK, week_of


def test_the_sample_is_two_stores_and_all_weeks() -> None:
    """Both stores sell in each of the 53 weeks, in the order of time."""
    sales = data.read_sales()
    assert len(sales) == 71_680
    assert {(sale.store, week_of(sale.sold_at)) for sale in sales} == {
        (store, week) for store in data.SAMPLE_STORES for week in range(FIRST_WEEK, LAST_WEEK + 1)
    }
    assert all(a.sold_at <= b.sold_at for a, b in pairwise(sales))


def test_the_sample_says_nothing_of_households() -> None:
    """The sample's columns are those of sales, placements and articles; none names a household."""
    headers = {
        path.name: gzip.decompress(path.read_bytes()).partition(b"\n")[0].decode() for path in data.SAMPLE.glob("*.gz")
    }
    assert headers == {
        data.SALES: "store,product,basket,quantity,value,retail_discount,coupon_discount,sold_at",
        data.PLACEMENTS: "store,product,week,display,mailer",
        data.PRODUCTS: "product,department,category,brand",
    }


def test_the_sample_is_small() -> None:
    """It adds about a megabyte to what is installed."""
    assert sum(path.stat().st_size for path in data.SAMPLE.glob("*.gz")) < 1_200_000


def test_sales_are_valid_as_they_are() -> None:
    """Each line has a quantity, amounts that are not negative, and an article that is described."""
    articles = data.read_products()
    for sale in data.read_sales():
        assert sale.quantity >= 1
        assert min(sale.value, sale.retail_discount, sale.coupon_discount) >= 0
        assert sale.product in articles


def test_placements_are_of_articles_that_the_store_sells() -> None:
    """No placement is of an article that its store never sold."""
    sold = {(sale.store, sale.product) for sale in data.read_sales()}
    assert all((placement.store, placement.product) in sold for placement in data.read_placements())


def test_stores_can_be_picked() -> None:
    """Reading with stores gives theirs alone, and all stores together are everything."""
    assert {sale.store for sale in data.read_sales(stores={"406"})} == {"406"}
    parts = sum(len(data.read_placements(stores={store})) for store in data.SAMPLE_STORES)
    assert parts == len(data.read_placements())


def test_what_is_written_is_read_and_is_the_same_each_time(tmp_path: Path) -> None:
    """A written file reads as it was, commas and quotes included, and writing it again gives the same bytes."""
    articles = [("1", "GROCERY", 'CHEESE, "AGED"', "National"), ("2", "PRODUCE", "", "Private")]
    data.write(tmp_path / data.PRODUCTS, data.Article._fields, articles)
    first = (tmp_path / data.PRODUCTS).read_bytes()
    data.write(tmp_path / data.PRODUCTS, data.Article._fields, articles)
    assert (tmp_path / data.PRODUCTS).read_bytes() == first
    assert [tuple(article) for article in data.read_products(tmp_path).values()] == articles


def test_the_sample_needs_no_data_libraries() -> None:
    """Reading the sample imports neither pandas nor pyarrow nor numpy."""
    code = (
        "import sys; from headrace.cli._demo import data; data.read_placements(); "
        "sys.exit(bool({'pandas', 'pyarrow', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
