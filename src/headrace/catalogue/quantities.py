"""How a declaration writes durations, sizes, versions, schedules and paths, and what they mean."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Final

from headrace.model.product import Version

DURATION: Final = r"[1-9][0-9]{0,9}(?:ms|s|m|h|d)"
SIZE: Final = r"[1-9][0-9]{0,9}(?:B|kB|MB|KiB|MiB)?"
VERSION: Final = r"[1-9][0-9]{0,3}\.(?:0|[1-9][0-9]{0,5})\.(?:0|[1-9][0-9]{0,5})"
DATE: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"

_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_BYTES: Final = {"": 1, "B": 1, "kB": 1_000, "MB": 1_000_000, "KiB": 1024, "MiB": 1024 * 1024}

_SEGMENT: Final = r"[A-Za-z_$][A-Za-z0-9_$-]*(?:\[\])*"
_DATA_PATH: Final = re.compile(rf"{_SEGMENT}(?:\.{_SEGMENT})*\Z")

_FIELD_LIMITS: Final = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_CRON_PART: Final = re.compile(r"(?:\*|([0-9]{1,2})(?:-([0-9]{1,2}))?)(?:/([0-9]{1,2}))?\Z")


def duration_ms(text: str) -> int:
    """``30s``, ``15m``, ``12h``, ``7d``, ``250ms`` in milliseconds. Raises ValueError."""
    match = re.fullmatch(r"([0-9]+)([a-z]+)", text) if re.fullmatch(DURATION, text) else None
    if match is None:
        raise ValueError(f"{text!r} is no duration")
    return int(match[1]) * _MS[match[2]]


def size_bytes(text: str) -> int:
    """``1MiB``, ``64kB``, ``1048576`` in bytes. Raises ValueError."""
    match = re.fullmatch(r"([0-9]+)([A-Za-z]*)", text) if re.fullmatch(SIZE, text) else None
    if match is None:
        raise ValueError(f"{text!r} is no size")
    return int(match[1]) * _BYTES[match[2]]


def version(text: str) -> Version:
    """``1.2.0``; the major is at least 1. Raises ValueError."""
    if not re.fullmatch(VERSION, text):
        raise ValueError(f"{text!r} is no version")
    return Version(*(int(part) for part in text.split(".")))


def day(text: str) -> date:
    """``2026-03-01``. Raises ValueError."""
    if not re.fullmatch(DATE, text):
        raise ValueError(f"{text!r} is no date")
    return date.fromisoformat(text)


def start(text: str) -> str:
    """``earliest``, ``latest`` or an RFC 3339 time with its offset from UTC. Raises ValueError."""
    if text not in ("earliest", "latest"):
        if len(text) < 17 or text[10:11] not in ("T", "t") or not text.isascii():
            raise ValueError(f"{text!r} is neither earliest, latest nor a time")
        if datetime.fromisoformat(text.upper()).tzinfo is None:
            raise ValueError(f"{text!r} has no offset from UTC")
        return text.upper()
    return text


def is_data_path(text: str) -> bool:
    """Whether ``text`` is written as a path: names with dots between them, ``[]`` behind a list's name."""
    return bool(_DATA_PATH.match(text))


def schedule_problem(text: str) -> str | None:
    """What is wrong with a cron expression (five fields: minute, hour, day, month, weekday; numbers, lists, ranges and
    steps); None if nothing."""
    fields = text.split()
    if len(fields) != 5:
        return f"has {len(fields)} fields instead of five"
    for field, (name, low, high) in zip(fields, _FIELD_LIMITS, strict=True):
        for part in field.split(","):
            match = _CRON_PART.match(part)
            if match is None:
                return f"has {part!r} as {name}"
            first, last, step = (int(g) if g is not None else None for g in match.groups())
            if any(n is not None and not low <= n <= high for n in (first, last)) or step == 0:
                return f"has {part!r} as {name}, which goes from {low} to {high}"
            if first is not None and last is not None and last < first:
                return f"has {part!r} as {name}, which ends before it begins"
    return None
