"""The envelope's attributes as a producer gives them: checked, and rendered as text.

Stricter than what is accepted on the way in, because what is written has to become a strict CloudEvent: a String there has
no control characters and no surrogates (CloudEvents 1.0.2, "Type System"), a Timestamp is RFC 3339.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from headrace.envelope.envelope import META_OPTIONAL, META_REQUIRED
from headrace.envelope.plain import non_finite_path, plain
from headrace.errors import InvalidEvent, Violation
from headrace.model.record import HEADER_TRACEPARENT, Headers

_FORBIDDEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_UTC_TEXT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3,9}Z\Z")
_RFC3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?P<fraction>\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})\Z"
)
_RESERVED: Final = frozenset((*META_REQUIRED, *META_OPTIONAL))


def text_problem(value: Any) -> str | None:
    """Why ``value`` cannot be a CloudEvents String attribute (at least one character); None if it can."""
    if not isinstance(value, str):
        return f"{value!r} is not text"
    if not value:
        return "is empty"
    if found := _FORBIDDEN.search(value):
        return f"holds U+{ord(found[0]):04X}, which an attribute may not"
    return None


def render_time(value: datetime | str) -> str:
    """An aware datetime, or RFC 3339 text, as RFC 3339 in UTC with a ``Z`` and at least milliseconds. Digits beyond
    microseconds are kept. Raises ValueError."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} has no offset from UTC; use datetime.now(timezone.utc)")
        return _in_utc(value)
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is neither a datetime nor RFC 3339 text")
    match = _RFC3339.match(value)
    if match is None:
        raise ValueError(f"{value!r} is not RFC 3339 (2026-01-31T13:45:00.000Z)")
    try:
        moment = datetime.fromisoformat(value.upper())
        text = _in_utc(moment)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{value!r} is not a time: {error}") from error
    if _UTC_TEXT.match(value):
        return value
    fraction = match["fraction"] or ""
    if len(fraction) > 7:
        return f"{text[:19]}{fraction}Z"
    return text


def _in_utc(moment: datetime) -> str:
    moment = moment.astimezone(UTC)
    precise = "milliseconds" if moment.microsecond % 1000 == 0 else "microseconds"
    return f"{moment.replace(tzinfo=None).isoformat(timespec=precise)}Z"


class Attributes:
    """What one `publish` says beyond its data, checked: texts, each None where it was not given. ``meta``: what goes into
    the envelope's `meta` besides the six that it always has."""

    __slots__ = ("id", "meta", "subject", "time")

    def __init__(
        self,
        id: str | None,  # noqa: A002 - the envelope's own word
        time: datetime | str | None,
        subject: str | None,
        correlation_id: str | None,
        causation_id: str | None,
        traceparent: str | None,
        meta: Mapping[str, Any] | None,
    ) -> None:
        """Raises `InvalidEvent` with everything that is wrong."""
        found: list[Violation] = []
        named = {"correlationId": correlation_id, "causationId": causation_id, "traceparent": traceparent}
        for path, value in {"id": id, "subject": subject, **{f"meta.{k}": v for k, v in named.items()}}.items():
            if value is not None and (problem := text_problem(value)):
                found.append(Violation(path, "text", problem))
        self.id = id
        self.subject = subject
        self.time: str | None = None
        if time is not None:
            try:
                self.time = render_time(time)
            except ValueError as error:
                found.append(Violation("time", "format", str(error)))
        self.meta: dict[str, Any] = {key: value for key, value in named.items() if value is not None}
        if meta is not None:
            self.meta |= _extra(meta, found)
        if found:
            raise InvalidEvent("the envelope is not valid", found)

    def headers(self) -> Headers:
        """What of it is a header too, beside the routing attributes."""
        traceparent = self.meta.get("traceparent")
        return () if traceparent is None else ((HEADER_TRACEPARENT, traceparent.encode()),)


def _extra(meta: Mapping[str, Any], found: list[Violation]) -> dict[str, Any]:
    try:
        extra: dict[str, Any] = plain(dict(meta))
        if (path := non_finite_path(extra, "meta")) is not None:
            raise ValueError(f"{path} is not a finite number")
        orjson.dumps(extra)
    except (TypeError, ValueError, RecursionError) as error:
        found.append(Violation("meta", "json", str(error)))
        return {}
    for name in _RESERVED & extra.keys():
        how = "has an argument of its own" if name in META_OPTIONAL else "is set by Headrace"
        found.append(Violation(f"meta.{name}", "reserved", how))
    return extra
