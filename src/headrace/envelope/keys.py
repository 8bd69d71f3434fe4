"""A record's key: the values at the declared key paths, as a compact JSON array.

``key: [storeId, productId]`` makes ``["367","1029743"]``. Always an array, so that a key of one field and one of two never
meet, and always in the declared order. Objects inside are sorted by key. Same values, same bytes: compaction rests on it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import Any, Final

import orjson

from headrace.errors import InvalidEvent, Violation

_OPTIONS: Final = orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z

_dumps = orjson.dumps

MakeKey = Callable[[Any], bytes | None]


def key_maker(paths: Sequence[str]) -> MakeKey:
    """From an event's data (a dict) to the record's key; None where no key is declared.

    The function raises `InvalidEvent` where the data lack a field of the key: a key that is optional in the schema is
    still needed by every event that is written."""
    if not paths:
        return lambda data: None
    if all("." not in path for path in paths):
        # itemgetter gives a tuple only of two or more; orjson writes it as an array.
        pick = itemgetter(*paths) if len(paths) > 1 else None
        only = paths[0]

        def simple(data: Any) -> bytes:
            try:
                return _dumps(pick(data) if pick is not None else (data[only],), _default, _OPTIONS)
            except (KeyError, TypeError, ValueError):
                return key_of(paths, data)

        return simple
    return lambda data: key_of(paths, data)


def key_of(paths: Sequence[str], data: Any) -> bytes:
    """The key of ``data`` by any paths. Raises `InvalidEvent` with every field that is missing."""
    values, missing = [], []
    for path in paths:
        value = data
        for name in path.split("."):
            if not isinstance(value, Mapping) or name not in value:
                missing.append(Violation(f"data.{path}", "key", "is part of the key and is not there"))
                break
            value = value[name]
        else:
            values.append(value)
    if missing:
        raise InvalidEvent("the event has no key", missing)
    return _encode(values)


def key_of_values(paths: Sequence[str], values: Sequence[Any]) -> bytes:
    """The key from its values in the declared order."""
    if len(values) != len(paths):
        raise InvalidEvent(
            f"a key of {len(paths)} values is needed",
            [Violation("data", "key", f"{', '.join(paths)}: {len(values)} given")],
        )
    return _encode(list(values))


def _encode(values: list[Any]) -> bytes:
    try:
        return orjson.dumps(values, _default, _OPTIONS)
    except (TypeError, ValueError) as error:
        raise InvalidEvent("the event's key is not JSON", [Violation("data", "key", str(error))]) from error


def _default(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} cannot be part of a key")
