"""Reading the demo's input: three compressed CSV files, the shipped sample or what `extract` has made of the whole set.

sales.csv.gz        store, product, basket, quantity, value, retail_discount, coupon_discount (cents), sold_at (s since 1970)
placements.csv.gz   store, product, week, display, mailer (the data set's own codes; 0: none)
products.csv.gz     product, department, category, brand

Only the standard library is needed to read them.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

SAMPLE = Path(__file__).parent / "sample"
SAMPLE_STORES = ("367", "406")

SALES, PLACEMENTS, PRODUCTS = "sales.csv.gz", "placements.csv.gz", "products.csv.gz"


class Sale(NamedTuple):
    """One line of a receipt. Amounts in US cents; ``sold_at`` in seconds since 1970."""

    store: str
    product: str
    basket: str
    quantity: int
    value: int
    retail_discount: int
    coupon_discount: int
    sold_at: int


class Placement(NamedTuple):
    """Where a store showed an article in a week. ``display`` and ``mailer`` are the data set's codes."""

    store: str
    product: str
    week: int
    display: str
    mailer: str


class Article(NamedTuple):
    product: str
    department: str
    category: str
    brand: str
    """``National`` or ``Private``."""

    @property
    def case_pack(self) -> int:
        """Pieces in a case: assumed, 4 of a national brand and 6 of an own brand; few, as the panel's households are."""
        return 6 if self.brand == "Private" else 4


def read_sales(folder: Path = SAMPLE, stores: Collection[str] | None = None) -> list[Sale]:
    """All sales, or those of some stores, in the order in which they happened."""
    return [
        Sale(row[0], row[1], row[2], int(row[3]), int(row[4]), int(row[5]), int(row[6]), int(row[7]))
        for row in _rows(folder / SALES)
        if stores is None or row[0] in stores
    ]


def read_placements(folder: Path = SAMPLE, stores: Collection[str] | None = None) -> list[Placement]:
    """All placements, or those of some stores, by store, product and week."""
    return [
        Placement(row[0], row[1], int(row[2]), row[3], row[4])
        for row in _rows(folder / PLACEMENTS)
        if stores is None or row[0] in stores
    ]


def read_products(folder: Path = SAMPLE) -> dict[str, Article]:
    """The articles, by product."""
    return {row[0]: Article(*row) for row in _rows(folder / PRODUCTS)}


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write one of the files. The same rows give the same content; the compressed bytes depend on the zlib at hand."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        packed.write(text.getvalue().encode())


def _rows(path: Path) -> Iterator[list[str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        rows = csv.reader(lines)
        next(rows)
        yield from rows
