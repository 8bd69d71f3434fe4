"""The base of typed models of events. `headrace models PRODUCT` writes them from the declaration; writing one by hand works
the same way.

    class SaleRecorded(Model, frozen=True, kw_only=True, omit_defaults=True):
        __product__: ClassVar[str] = "sales-events"
        __event__: ClassVar[str] = "SaleRecorded"
        store_id: str = msgspec.field(name="storeId")
        promotion_id: str | None = msgspec.field(name="promotionId", default=None)
"""

from __future__ import annotations

from typing import ClassVar

import msgspec


class Model(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event's data as a class. ``__product__`` and ``__event__`` say which event it is, ``__major__`` of which major of
    the product. A field that some version in use lacks has a default, which is not sent."""

    __product__: ClassVar[str] = ""
    __event__: ClassVar[str] = ""
    __major__: ClassVar[int] = 1
