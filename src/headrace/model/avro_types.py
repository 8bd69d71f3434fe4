"""How a value of each Avro type is checked, and how its JSON form becomes native.

For every type two functions that agree (a property test holds them to it): `ok`, fast, for the way of every event, and
`faults`, which says what is wrong and where, for the few that are refused.
"""

from __future__ import annotations

import base64
import binascii
import math
import uuid
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

from headrace.errors import Violation

Ok = Callable[[Any], bool]
Faults = Callable[[Any, str, list[Violation]], None]
Native = Callable[[Any], Any]


class Checker(NamedTuple):
    ok: Ok
    faults: Faults
    native: Native


_MISSING: Final = object()
_INT: Final = (-(2**31), 2**31 - 1)
_LONG: Final = (-(2**63), 2**63 - 1)


def _same(value: Any) -> Any:
    return value


def _leaf(ok: Ok, expected: str, rule: str = "type", native: Native = _same) -> Checker:
    def faults(value: Any, path: str, found: list[Violation]) -> None:
        if not ok(value):
            shown = repr(value)
            found.append(Violation(path, rule, f"{shown if len(shown) < 60 else shown[:59] + '…'} is not {expected}"))

    return Checker(ok, faults, native)


def _is_text(value: Any) -> bool:
    if type(value) is not str:
        return False
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return False
    return True


def _is_number(value: Any) -> bool:
    if type(value) is float:
        return math.isfinite(value)
    return type(value) is int and -(2**1023) < value < 2**1023


def _fits_float(value: Any) -> bool:
    return _is_number(value) and abs(value) <= 3.4028234663852886e38


def _integer(low: int, high: int) -> Ok:
    return lambda value: type(value) is int and low <= value <= high


def _from_base64(value: Any) -> bytes | None:
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    if type(value) is not str:
        return None
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None


def _from_code_points(value: Any) -> bytes | None:
    """The form that defaults of bytes and fixed have in a schema (Avro 1.12): code points 0-255."""
    try:
        return value.encode("latin-1") if type(value) is str else None
    except UnicodeEncodeError:
        return None


def _parsed(kind: type[Any], value: Any, parse: Callable[[str], Any]) -> Any:
    """``value`` if it is of ``kind`` exactly, or its text parsed; None if neither."""
    if type(value) is kind:
        return value
    if type(value) is not str:
        return None
    try:
        return parse(value)
    except (ValueError, InvalidOperation):
        return None


def _timestamp(value: Any) -> datetime | None:
    found = _parsed(datetime, value, datetime.fromisoformat)
    return found if found is not None and found.tzinfo is not None else None


def _local_timestamp(value: Any) -> datetime | None:
    found = _parsed(datetime, value, datetime.fromisoformat)
    return found if found is not None and found.tzinfo is None else None


def _date(value: Any) -> date | None:
    found: date | None = _parsed(date, value, date.fromisoformat)
    return found


def _time(value: Any) -> time | None:
    found = _parsed(time, value, time.fromisoformat)
    return found if found is not None and found.tzinfo is None else None


def _uuid(value: Any) -> uuid.UUID | None:
    found: uuid.UUID | None = _parsed(uuid.UUID, value, uuid.UUID)
    return found


def _decimal(precision: int, scale: int) -> Callable[[Any], Decimal | None]:
    def read(value: Any) -> Decimal | None:
        if type(value) is int:
            value = Decimal(value)
        found = _parsed(Decimal, value, Decimal)
        if found is None or not found.is_finite():
            return None
        _, digits, exponent = found.as_tuple()
        exponent = int(exponent)
        if exponent < -scale or len(digits) + exponent + scale > precision:
            return None
        return found  # type: ignore[no-any-return]

    return read


def _logical(read: Callable[[Any], Any], expected: str, raw: Ok | None = None) -> Checker:
    """A logical type: native, in JSON form, or (``raw``) the number that is stored."""

    def ok(value: Any) -> bool:
        return read(value) is not None or (raw is not None and raw(value))

    def native(value: Any) -> Any:
        found = read(value)
        return value if found is None else found

    return _leaf(ok, expected, "logicalType", native)


_TIMES: Final[Mapping[str, tuple[Callable[[Any], Any], str]]] = {
    "date": (_date, "a date (2026-01-31)"),
    "time-millis": (_time, "a time of day (13:45:00)"),
    "time-micros": (_time, "a time of day (13:45:00)"),
    "timestamp-millis": (_timestamp, "a time with its offset (2026-01-31T13:45:00Z)"),
    "timestamp-micros": (_timestamp, "a time with its offset (2026-01-31T13:45:00Z)"),
    "local-timestamp-millis": (_local_timestamp, "a time without offset (2026-01-31T13:45:00)"),
    "local-timestamp-micros": (_local_timestamp, "a time without offset (2026-01-31T13:45:00)"),
}

_PRIMITIVES: Final[Mapping[str, Checker]] = {
    "null": _leaf(lambda value: value is None, "null"),
    "boolean": _leaf(lambda value: value is True or value is False, "a boolean"),
    "int": _leaf(_integer(*_INT), "a 32-bit integer"),
    "long": _leaf(_integer(*_LONG), "a 64-bit integer"),
    "float": _leaf(_fits_float, "a finite 32-bit number"),
    "double": _leaf(_is_number, "a finite number"),
    "string": _leaf(_is_text, "text that UTF-8 can hold"),
}


class Checkers:
    """Makes the checkers of one schema. ``defaults``: bytes are in the form that defaults have."""

    def __init__(self, named: Mapping[str, Any], *, defaults: bool = False) -> None:
        self._named = named
        self._defaults = defaults
        self._records: dict[str, Checker] = {}
        self.has_json_forms = False

    def checker(self, node: Any) -> Checker:
        if isinstance(node, str):
            return _PRIMITIVES[node] if node in _PRIMITIVES else self._other(node)
        if isinstance(node, list):
            return self._union([self.checker(branch) for branch in node])
        logical = self._logical_type(node)
        if logical is not None:
            self.has_json_forms = True
            return logical
        match node["type"]:
            case "record" | "error":
                return self._record(node)
            case "enum":
                symbols = frozenset(node["symbols"])
                listed = ", ".join(node["symbols"][:12]) + (", …" if len(symbols) > 12 else "")
                return _leaf(lambda v: type(v) is str and v in symbols, f"one of {listed}", "enum")
            case "array":
                return self._array(self.checker(node["items"]))
            case "map":
                return self._map(self.checker(node["values"]))
            case "fixed":
                return self._binary(node["size"])
            case inner:
                return self.checker(inner)

    def _other(self, name: str) -> Checker:
        if name == "bytes":
            return self._binary(None)
        if name not in self._records:
            return self.checker(self._named[name])
        # The record may be in the making (recursion): look it up when it is used.
        records = self._records
        return Checker(
            lambda value: records[name].ok(value),
            lambda value, path, found: records[name].faults(value, path, found),
            lambda value: records[name].native(value),
        )

    def _binary(self, size: int | None) -> Checker:
        self.has_json_forms = True
        read = _from_code_points if self._defaults else _from_base64

        def ok(value: Any) -> bool:
            found = read(value)
            return found is not None and (size is None or len(found) == size)

        return _leaf(ok, "bytes (or base64 text)" if size is None else f"{size} bytes (or base64 text)", native=read)

    def _logical_type(self, node: Mapping[str, Any]) -> Checker | None:
        if self._defaults:
            return None  # a default is of the underlying type
        kind, base = str(node.get("logicalType")), node["type"]
        if kind in _TIMES and base in ("int", "long"):
            read, expected = _TIMES[kind]
            return _logical(read, expected, _integer(*(_INT if base == "int" else _LONG)))
        if kind == "uuid" and base == "string":
            return _logical(_uuid, "a UUID")
        if kind == "decimal" and base in ("bytes", "fixed"):
            precision, scale = node["precision"], node.get("scale", 0)
            return _logical(
                _decimal(precision, scale), f"a decimal with {precision} digits, {scale} of them after the point"
            )
        return None

    def _default(self, field: Mapping[str, Any]) -> Any:
        # A union's default belongs to its first branch (Avro 1.12, "Complex types: Records").
        first = field["type"][0] if isinstance(field["type"], list) else field["type"]
        return Checkers(self._named, defaults=True).checker(first).native(field["default"])

    def default_faults(self, field: Mapping[str, Any], path: str) -> list[Violation]:
        """What is wrong with a field's default."""
        first = field["type"][0] if isinstance(field["type"], list) else field["type"]
        found: list[Violation] = []
        Checkers(self._named, defaults=True).checker(first).faults(field["default"], path, found)
        return found

    def _array(self, item: Checker) -> Checker:
        item_ok, item_faults, item_native = item

        def ok(value: Any) -> bool:
            return isinstance(value, list | tuple) and all(map(item_ok, value))

        def faults(value: Any, path: str, found: list[Violation]) -> None:
            if not isinstance(value, list | tuple):
                found.append(Violation(path, "type", f"{type(value).__name__} is not an array"))
                return
            for index, inner in enumerate(value):
                item_faults(inner, f"{path}[{index}]", found)

        return Checker(ok, faults, lambda value: [item_native(inner) for inner in value])

    def _map(self, item: Checker) -> Checker:
        item_ok, item_faults, item_native = item

        def ok(value: Any) -> bool:
            return isinstance(value, dict) and all(map(_is_text, value)) and all(map(item_ok, value.values()))

        def faults(value: Any, path: str, found: list[Violation]) -> None:
            if not isinstance(value, dict):
                found.append(Violation(path, "type", f"{type(value).__name__} is not a map"))
                return
            for key, inner in value.items():
                if not _is_text(key):
                    found.append(Violation(path, "type", f"the key {key!r} is not text that UTF-8 can hold"))
                item_faults(inner, f"{path}.{key}", found)

        return Checker(ok, faults, lambda value: {key: item_native(inner) for key, inner in value.items()})

    def _union(self, branches: list[Checker]) -> Checker:
        oks = tuple(branch.ok for branch in branches)

        def ok(value: Any) -> bool:
            return any(branch_ok(value) for branch_ok in oks)

        def faults(value: Any, path: str, found: list[Violation]) -> None:
            if ok(value):
                return
            tries: list[list[Violation]] = []
            for branch in branches:
                tries.append([])
                branch.faults(value, path, tries[-1])
            # A branch that failed further down was the one meant: `null` fails at the top at once.
            deep = sorted((t for t in tries if all(v.path != path for v in t)), key=len)
            if deep:
                found.extend(deep[0])
            else:
                found.append(Violation(path, "union", "; or ".join(v.message for t in tries for v in t[:1])))

        def native(value: Any) -> Any:
            return next((b.native(value) for b in branches if b.ok(value)), value)

        return Checker(ok, faults, native)

    def _record(self, node: Mapping[str, Any]) -> Checker:
        name = node["name"]
        if name in self._records:
            return self._other(name)
        # Until it is made, whoever meets the name again gets a way to look it up.
        self._records[name] = _PRIMITIVES["null"]
        fields = {field["name"]: self.checker(field["type"]) for field in node["fields"]}
        required = frozenset(field["name"] for field in node["fields"] if "default" not in field)
        oks = tuple((field, checker.ok, field in required) for field, checker in fields.items())

        def ok(value: Any) -> bool:
            if not isinstance(value, dict):
                return False
            met = 0
            for field, field_ok, needed in oks:
                inner = value.get(field, _MISSING)
                if inner is _MISSING:
                    if needed:
                        return False
                else:
                    met += 1
                    if not field_ok(inner):
                        return False
            return met == len(value)

        def faults(value: Any, path: str, found: list[Violation]) -> None:
            if not isinstance(value, dict):
                found.append(Violation(path, "type", f"{type(value).__name__} is not a record {name}"))
                return
            for field, checker in fields.items():
                inner = value.get(field, _MISSING)
                if inner is not _MISSING:
                    checker.faults(inner, f"{path}.{field}", found)
                elif field in required:
                    found.append(Violation(f"{path}.{field}", "required", "is required"))
            found.extend(
                Violation(f"{path}.{field}", "additionalProperties", "is not declared in the schema")
                for field in value
                if field not in fields
            )

        with_default = {field["name"]: field for field in node["fields"] if "default" in field}

        def native(value: Any) -> Any:
            out = {field: fields[field].native(inner) for field, inner in value.items()}
            for field, declared in with_default.items():
                if field not in out:  # fastavro would write the schema's own text for bytes
                    out[field] = self._default(declared)
            return out

        self._records[name] = Checker(ok, faults, native)
        return self._records[name]
