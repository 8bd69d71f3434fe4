from __future__ import annotations

import json
from typing import ClassVar

import msgspec
import pytest

from headrace.streaming.models import Model
from headrace.testing.tracking import tracked, undeclared


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    product_id: str = msgspec.field(name="productId")
    quantity: int | None = None


class Sale(Model, frozen=True, kw_only=True, omit_defaults=True):
    __product__: ClassVar[str] = "sales"
    __event__: ClassVar[str] = "Sale"
    store_id: str = msgspec.field(name="storeId")
    lines: list[Line]


DATA = {"storeId": "s1", "lines": [{"productId": "p1", "quantity": 2}], "more": {"a": 1}}


@pytest.mark.parametrize(
    ("read", "paths"),
    [
        (lambda d: d["storeId"], {"data.storeId"}),
        (lambda d: d.get("missing"), {"data.missing"}),
        (lambda d: "storeId" in d, {"data.storeId"}),
        (lambda d: d["lines"], set()),
        (lambda d: len(d["lines"]), set()),
        (lambda d: [line["quantity"] for line in d["lines"]], {"data.lines[].quantity"}),
        (lambda d: d["lines"][0]["productId"], {"data.lines[].productId"}),
        (lambda d: [line["quantity"] for line in d["lines"][:1]], {"data.lines[].quantity"}),
        (lambda d: d["more"]["a"], {"data.more.a"}),
        (lambda d: dict(d["more"]), {"data.more.a"}),
        (lambda d: {**d["more"]}, {"data.more.a"}),
        (lambda d: list(d["more"].values()), {"data.more.a"}),
        (lambda d: json.dumps(d["more"]), {"data.more.a"}),
        (lambda d: d["more"] == {"a": 1}, {"data.more.a"}),
        (lambda d: d["more"].pop("a"), {"data.more.a"}),
        (lambda d: list(d), set()),
    ],
)
def test_what_leaves_a_dict_is_noted(read: object, paths: set[str]) -> None:
    """Each way of taking a value out notes its path, and passing through a container notes nothing."""
    noted: set[str] = set()
    read(tracked(json.loads(json.dumps(DATA)), "data", noted.add))  # type: ignore[operator]
    assert noted == paths


def test_a_missing_key_is_noted_before_it_raises() -> None:
    """Asking for a field that is not there is reading it."""
    noted: set[str] = set()
    with pytest.raises(KeyError):
        tracked({}, "data", noted.add)["gone"]
    assert noted == {"data.gone"}


def test_what_is_read_of_a_model_is_noted_by_its_name_in_json() -> None:
    """A typed model notes `storeId` for `store_id`, within lists too, and stays an instance of its class."""
    noted: set[str] = set()
    sale = tracked(msgspec.convert({k: DATA[k] for k in ("storeId", "lines")}, Sale), "data", noted.add)
    assert isinstance(sale, Sale)
    assert noted == set()
    assert sale.store_id == "s1"
    assert [line.product_id for line in sale.lines] == ["p1"]
    assert noted == {"data.storeId", "data.lines[].productId"}


def test_a_declared_path_covers_what_is_below_it() -> None:
    """`data.lines` covers its items; `data.line` does not cover `data.lines`."""
    touched = ["data.lines[].quantity", "data.storeId", "data.more.a"]
    assert undeclared(touched, ["data.lines", "data.more", "data.storeId"]) == []
    assert undeclared(touched, ["data.lines[].quantity", "data.mor"]) == ["data.more.a", "data.storeId"]
