"""What a program has done, by product and tenant: counts, and a histogram of latency that can be merged and sent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

_SUB_BITS = 5
_SUB = 1 << _SUB_BITS


class Histogram:
    """Whole milliseconds (or another unit) in log-linear buckets (as HdrHistogram has them): 32 a power of two, so a quantile
    is at most 3.2 % above the true value. Merging adds the buckets. One writer; readers may look at any time."""

    __slots__ = ("buckets", "count", "maximum", "total")

    def __init__(self) -> None:
        self.buckets: dict[int, int] = {}
        self.count = 0
        self.total = 0
        self.maximum = 0

    def add(self, milliseconds: int, times: int = 1) -> None:
        value = milliseconds if milliseconds > 0 else 0
        shift = max(value.bit_length() - _SUB_BITS - 1, 0)
        bucket = (shift << _SUB_BITS) + (value >> shift)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + times
        self.count += times
        self.total += value * times
        if value > self.maximum:
            self.maximum = value

    def add_many(self, values: Iterable[int]) -> None:
        """Add values of which many in a row are the same, as those of records that were written together are."""
        for value, run in groupby(values):
            self.add(value, sum(1 for _ in run))

    def merge(self, other: Histogram) -> None:
        for bucket, count in list(other.buckets.items()):
            self.buckets[bucket] = self.buckets.get(bucket, 0) + count
        self.count += other.count
        self.total += other.total
        self.maximum = max(self.maximum, other.maximum)

    def quantile(self, q: float) -> int | None:
        """The smallest bucket's upper end that ``q`` (0 to 1) of the values do not pass, in ms; None while empty."""
        if not self.count:
            return None
        wanted = max(1, math.ceil(q * self.count))
        seen = 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen >= wanted:
                return min(upper_end(bucket), self.maximum)
        return self.maximum

    def to_json(self) -> dict[str, Any]:
        """Buckets, count, total and maximum: `from_json` restores it in another process."""
        return {
            "count": self.count,
            "total": self.total,
            "maximum": self.maximum,
            "buckets": {str(bucket): count for bucket, count in sorted(self.buckets.items())},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Histogram:
        made = cls()
        made.count = value["count"]
        made.total = value["total"]
        made.maximum = value["maximum"]
        made.buckets = {int(bucket): count for bucket, count in value["buckets"].items()}
        return made


def upper_end(bucket: int) -> int:
    """The largest value that falls into a bucket. Below 64 a bucket is one value."""
    if bucket < 2 * _SUB:
        return bucket
    shift = (bucket >> _SUB_BITS) - 1
    return ((bucket - (shift << _SUB_BITS)) + 1 << shift) - 1


TIMES = ("latency", "handler", "acknowledgement")
COUNTS = ("published", "refused", "accepted", "rejected", "retried", "passed_over", "duplicates")


@dataclass(slots=True)
class Row:
    """One product and tenant, for one ``purpose`` of consuming (None: publishing).

    ``refused``: publishes that raised. ``retried``: calls handed out again. ``passed_over``: events of a declared type that
    the consumer has no handler for. ``latency``: from the log's time to the handler, ms. ``handler``: of each call;
    ``acknowledgement``: from a publish to its receipt, of a sample; both in microseconds, and only where metrics are on.
    """

    product: str
    tenant: str
    purpose: str | None = None
    published: int = 0
    refused: int = 0
    accepted: int = 0
    rejected: int = 0
    retried: int = 0
    passed_over: int = 0
    duplicates: int = 0
    latency: Histogram = field(default_factory=Histogram)
    handler: Histogram = field(default_factory=Histogram)
    acknowledgement: Histogram = field(default_factory=Histogram)

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.product, self.tenant, self.purpose or "")


class Statistics:
    """Rows by product, tenant and purpose. `merge` adds another process's; `to_json` and `from_json` carry them there."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._rows: dict[tuple[str, str, str], Row] = {}
        for row in rows:
            self._add(row)

    def _add(self, row: Row) -> None:
        mine = self._rows.setdefault(row.key, Row(row.product, row.tenant, row.purpose))
        for name in COUNTS:
            setattr(mine, name, getattr(mine, name) + getattr(row, name))
        for name in TIMES:
            getattr(mine, name).merge(getattr(row, name))

    @property
    def rows(self) -> list[Row]:
        """Ordered by product, tenant, purpose."""
        return [self._rows[key] for key in sorted(self._rows)]

    def total(self, name: str) -> int:
        """The sum of one count (``published``, ``accepted``...) over all rows."""
        return sum(getattr(row, name) for row in self._rows.values())

    def merge(self, other: Statistics) -> None:
        for row in other.rows:
            self._add(row)

    def to_json(self) -> list[dict[str, Any]]:
        return [
            {"product": row.product, "tenant": row.tenant, "purpose": row.purpose}
            | {name: getattr(row, name) for name in COUNTS}
            | {name: getattr(row, name).to_json() for name in TIMES}
            for row in self.rows
        ]

    @classmethod
    def from_json(cls, value: Iterable[Mapping[str, Any]]) -> Statistics:
        return cls(
            Row(**(dict(row) | {name: Histogram.from_json(row[name]) for name in TIMES if name in row}))
            for row in value
        )
