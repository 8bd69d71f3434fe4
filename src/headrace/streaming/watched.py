"""An application as its metrics see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from headrace.interfaces.broker import OffsetAt
from headrace.streaming.connection import Connection
from headrace.streaming.consumer import Consumer
from headrace.streaming.lanes import LaneState
from headrace.streaming.metrics import LaneView
from headrace.streaming.statistics import Row


class Watch:
    """`metrics.Watched` of an application: of its rows and its consumers at the moment. Read by whoever asks for metrics, on a
    thread of its own."""

    def __init__(
        self, connection: Connection, rows: Callable[[], Sequence[Row]], consumers: Callable[[], Sequence[Consumer]]
    ) -> None:
        self._connection = connection
        self._rows = rows
        self._consumers = consumers

    def metric_rows(self) -> Sequence[Row]:
        return self._rows()

    def metric_lanes(self) -> Sequence[LaneView]:
        return [
            LaneView(
                consumer.product.id,
                consumer.registration.purpose,
                lane.tenant,
                "stopped" if lane.state is LaneState.STOPPED else "paused" if lane.paused else "open",
                lane.bytes + lane.held_bytes,
            )
            for consumer in self._consumers()
            for lane in consumer.lanes
        ]

    def metric_lag(self) -> Mapping[tuple[str, str, str], int]:
        lag: dict[tuple[str, str, str], int] = {}
        for consumer in self._consumers():
            lanes = [lane for lane in consumer.lanes if not lane.hidden]
            ends = self._connection.broker.admin.offsets([lane.topic for lane in lanes], OffsetAt.LATEST)
            for lane in lanes:
                key = (consumer.product.id, consumer.registration.purpose, lane.tenant)
                lag[key] = max(0, ends.get(lane.topic, 0) - lane.done)
        return lag

    def metric_now(self) -> float:
        return self._connection.clock.monotonic()
