"""What a program does, for Prometheus.

Nothing is counted twice: when Prometheus asks, the counts that the SDK keeps in any case are put into Prometheus' form. On the
way of an event stand only two clock readings for each handler call, and for one publish in `SAMPLED` a callback when
it is acknowledged. Labels are application, product and purpose; the tenant is one more label where it is asked for,
because every tenant multiplies the number of series.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from headrace.errors import HeadraceError, SettingsError
from headrace.streaming.statistics import Histogram, Row, upper_end

if TYPE_CHECKING:
    from prometheus_client.registry import CollectorRegistry

SAMPLED: Final = 128
"""One publish in so many is timed until its acknowledgement."""

LAG_S: Final = 15.0
"""How old an answer about lag may be: it is asked of the broker."""

BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""The histograms' upper ends, in seconds."""

_OUTCOMES: Final = {
    "accepted": "accepted",
    "rejected": "rejected",
    "passed_over": "passed_over",
    "duplicates": "duplicate",
}


class LaneView(NamedTuple):
    """One lane of a consumer, as the gauges need it. ``state``: ``open``, ``paused`` or ``stopped``."""

    product: str
    purpose: str
    tenant: str
    state: str
    held: int


class Watched(Protocol):
    """An application that metrics are told of."""

    def metric_rows(self) -> Sequence[Row]: ...

    def metric_lanes(self) -> Sequence[LaneView]: ...

    def metric_lag(self) -> Mapping[tuple[str, str, str], int]:
        """By product, purpose and tenant: the offsets from what is settled to the log's end. Asks the broker."""

    def metric_now(self) -> float:
        """The application's clock, in seconds."""


class Metrics:
    """One application's metrics, from `start` to `stop`. ``address``: ``HOST:PORT`` to serve them on, or None where the program
    shows prometheus-client's registry itself. Raises `SettingsError` where prometheus-client is not installed."""

    def __init__(
        self,
        application: str,
        *,
        address: str | None = None,
        by_tenant: bool = False,
        registry: CollectorRegistry | None = None,
    ) -> None:
        try:
            import prometheus_client
        except ImportError as error:
            raise SettingsError(
                "metrics need prometheus-client, which is not installed",
                hint="pip install 'headrace[observability]'",
                option="metrics",
            ) from error
        self._application = application
        self._address = address
        self._by_tenant = by_tenant
        self._registry: CollectorRegistry = registry or prometheus_client.REGISTRY
        self._end: Callable[[], None] | None = None

    def start(self, watched: Watched) -> None:
        """Show what ``watched`` does. Raises `SettingsError` where the address cannot be served on."""
        collector = _collector_of(self._registry)
        source = _Source(self._application, watched, self._by_tenant)
        collector.add(source)
        served: Callable[[], None] | None = None
        if self._address is not None:
            try:
                served = _serve(self._address, self._registry)
            except (OSError, OverflowError) as error:
                collector.remove(source)
                raise SettingsError(
                    f"metrics cannot be served on {self._address}: {error}", option="metrics"
                ) from error

        def end() -> None:
            collector.remove(source)
            if served is not None:
                served()

        self._end = end

    def stop(self) -> None:
        """Show it no longer. Again: nothing."""
        end, self._end = self._end, None
        if end is not None:
            end()


def _serve(address: str, registry: CollectorRegistry) -> Callable[[], None]:
    from prometheus_client import start_http_server

    host, _, port = address.rpartition(":")
    server, thread = start_http_server(int(port), host or "0.0.0.0", registry=registry)  # noqa: S104 - as Prometheus' own

    def close() -> None:
        server.shutdown()
        server.server_close()
        thread.join(5)

    return close


class _Source:
    """What one application contributes, under its labels."""

    def __init__(self, application: str, watched: Watched, by_tenant: bool) -> None:
        self.by_tenant = by_tenant
        self._application = application
        self._watched = watched
        self._lag: Mapping[tuple[str, str, str], int] = {}
        self._lag_at: float | None = None

    def labels(self, product: str, purpose: str, tenant: str) -> tuple[str, ...]:
        return (self._application, product, purpose, tenant if self.by_tenant else "")

    def rows(self) -> Iterator[tuple[tuple[str, ...], Row]]:
        for row in self._watched.metric_rows():
            yield self.labels(row.product, row.purpose or "", row.tenant), row

    def lanes(self) -> Iterator[tuple[tuple[str, ...], LaneView]]:
        for lane in self._watched.metric_lanes():
            yield self.labels(lane.product, lane.purpose, lane.tenant), lane

    def lag(self) -> Iterator[tuple[tuple[str, ...], int]]:
        now = self._watched.metric_now()
        if self._lag_at is None or now - self._lag_at >= LAG_S:
            try:
                self._lag = self._watched.metric_lag()
            except HeadraceError:
                self._lag = {}  # no answer is no lag of 0
            self._lag_at = now
        for key, count in self._lag.items():
            yield self.labels(*key), count


class _Collector:
    """All applications of a process in one registry: each metric may be told of only once."""

    def __init__(self) -> None:
        self._sources: list[_Source] = []
        self._lock = threading.Lock()

    def add(self, source: _Source) -> None:
        with self._lock:
            self._sources.append(source)

    def remove(self, source: _Source) -> None:
        with self._lock:
            if source in self._sources:
                self._sources.remove(source)

    def describe(self) -> Iterable[Any]:
        """Nothing: what there is follows from the applications, which come later."""
        return ()

    def collect(self) -> Iterable[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        with self._lock:
            sources = list(self._sources)
        # An empty label is as good as none to Prometheus, so those of all applications can have the same names.
        names = ["application", "product", "purpose", "tenant"]
        counts: dict[str, dict[tuple[str, ...], int]] = defaultdict(lambda: defaultdict(int))
        times: dict[str, dict[tuple[str, ...], Histogram]] = defaultdict(lambda: defaultdict(Histogram))
        gauges: dict[str, dict[tuple[str, ...], int]] = defaultdict(lambda: defaultdict(int))
        for source in sources:
            for labels, row in source.rows():
                if row.purpose is None:
                    counts["published"][labels] += row.published
                    counts["refused"][labels] += row.refused
                    times["acknowledgement"][labels].merge(row.acknowledgement)
                    continue
                for name, outcome in _OUTCOMES.items():
                    counts["handled"][(*labels, outcome)] += getattr(row, name)
                counts["retried"][labels] += row.retried
                times["latency"][labels].merge(row.latency)
                times["handler"][labels].merge(row.handler)
            for labels, lane in source.lanes():
                gauges["held_bytes"][labels] += lane.held
                for state in ("open", "paused", "stopped"):
                    gauges["lanes"][(*labels, state)] += lane.state == state
            for labels, count in source.lag():
                gauges["lag"][labels] += count

        for name, text, more in (
            ("published", "Events taken for publishing", []),
            ("refused", "Publishes that raised", []),
            ("handled", "Events with an outcome", ["outcome"]),
            ("retried", "Handler calls handed out again", []),
        ):
            counter = CounterMetricFamily(f"headrace_{name}", text, labels=[*names, *more])
            for labels, value in counts[name].items():
                counter.add_metric(list(labels), value)
            yield counter
        for name, text, more in (
            ("held_bytes", "Memory of records that are read and not settled", []),
            ("lanes", "Topics that are held, by state", ["state"]),
            ("lag", "Offsets from what is settled to the logs' ends", []),
        ):
            gauge = GaugeMetricFamily(f"headrace_{name}", text, labels=[*names, *more])
            for labels, value in gauges[name].items():
                gauge.add_metric(list(labels), value)
            yield gauge
        for name, text, unit in (
            ("latency", "From the log's time to the handler's end", 1e3),
            ("handler", "Time of handler calls", 1e6),
            ("acknowledgement", "From a publish to its receipt (of a sample)", 1e6),
        ):
            histogram = HistogramMetricFamily(f"headrace_{name}_seconds", text, labels=names)
            for labels, found in times[name].items():
                histogram.add_metric(list(labels), _buckets(found, unit), sum_value=found.total / unit)
            yield histogram


def _buckets(histogram: Histogram, unit: float) -> list[tuple[str, float]]:
    """Cumulative counts for Prometheus. A bucket of ours counts where its upper end falls, at most 3.2 % too high."""
    left = sorted((upper_end(bucket) / unit, count) for bucket, count in list(histogram.buckets.items()))
    out: list[tuple[str, float]] = []
    total = place = 0
    for bound in BOUNDS:
        while place < len(left) and left[place][0] <= bound:
            total += left[place][1]
            place += 1
        out.append((str(bound), total))
    return [*out, ("+Inf", total + sum(count for _, count in left[place:]))]


_COLLECTORS: list[tuple[Any, _Collector]] = []
_COLLECTORS_LOCK = threading.Lock()


def _collector_of(registry: CollectorRegistry) -> _Collector:
    with _COLLECTORS_LOCK:
        for known, collector in _COLLECTORS:
            if known is registry:
                return collector
        made = _Collector()
        registry.register(made)  # by its shape: the base class is not imported before it is used
        _COLLECTORS.append((registry, made))
        return made
