"""From what a program has in its hands to plain JSON values.

The way of most events is a dict that holds nothing but JSON, and never comes here. The rest is made plain by fixed rules:

    msgspec.Struct, dataclass, pydantic model   an object, fields by their encoded names
    datetime, date, time                        RFC 3339 text (a naive datetime has no offset, which `date-time` refuses)
    UUID, Enum                                  text; the value
    Decimal                                     a number where a double holds it exactly as written, else text
    bytes                                       base64 text
    tuple, set, frozenset                       an array

Keys have to be text. NaN and the infinities are no JSON. Integers go to 64 bits; beyond 2**53 a JavaScript reader loses
digits, so such numbers are better declared as text.
"""

from __future__ import annotations

import math
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec

AVRO_NATIVE: Final = (bytes, bytearray, date, datetime, time, Decimal, UUID)
"""What Avro has types for: left as they are on the way to it."""


def plain(value: Any) -> Any:
    """``value`` by the rules above. Raises TypeError or ValueError where there is no rule."""
    return _decimals(_to_builtins(value, (Decimal,)))


def natural(value: Any) -> Any:
    """As `plain`, but what Avro has types for stays as it is."""
    return _to_builtins(value, AVRO_NATIVE)


def _to_builtins(value: Any, kept: tuple[type, ...]) -> Any:
    if hasattr(value, "model_dump"):  # pydantic, which need not be imported for that
        value = value.model_dump(by_alias=True)
    return msgspec.to_builtins(value, builtin_types=kept, enc_hook=_hook)


def _hook(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(by_alias=True)
    if hasattr(value, "keys") and hasattr(value, "__getitem__"):  # any other Mapping
        return {key: value[key] for key in value}
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _decimals(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _decimals(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_decimals(inner) for inner in value]
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{value} is not a finite number")
        number = float(value)
        return number if math.isfinite(number) and Decimal(repr(number)) == value else str(value)
    return value


def non_finite_path(value: Any, path: str) -> str | None:
    """Where the first NaN or infinity in ``value`` is; None without one. orjson writes them as null without a word."""
    stack = [(value, path)]
    while stack:
        value, path = stack.pop()
        if isinstance(value, float):
            if not math.isfinite(value):
                return path
        elif isinstance(value, dict):
            stack.extend((inner, f"{path}.{key}") for key, inner in reversed(value.items()))
        elif isinstance(value, list | tuple):
            stack.extend((inner, f"{path}[{i}]") for i, inner in reversed(list(enumerate(value))))
    return None
