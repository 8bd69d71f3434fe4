"""The SDK on Apache Kafka against bare confluent-kafka: the same bytes, the same client settings, one node, one run.

Publishing: validated, a receipt each, against ``Producer.produce`` with one delivery callback for all; on the node, and on
librdkafka's mock cluster, which takes the broker out of the machine so that Python is the bound. Consuming: the whole consumer
with lanes, as `App.run` runs it, against a bare loop of ``consume(500)``, msgspec and jsonschema-rs's ``is_valid`` by the
registered schema; compared is the CPU time of the process, per event. Reading without validation, as `headrace tail` and the
dead-letter tools do it. What metrics and tracing add. End-to-end latency, publisher and handler in one process.
"""

from __future__ import annotations

import statistics
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import replace

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry

import headrace
from benchmarks import _kafka_bench as kafka
from benchmarks.figures import Figure, median_ratio, report
from headrace.adapters.kafka_broker import KafkaBroker
from headrace.interfaces.broker import OffsetAt
from headrace.local.kafka_server import KafkaServer
from headrace.streaming.app import App
from headrace.streaming.limits import Limits
from headrace.streaming.metrics import Metrics
from headrace.streaming.observation import UNWATCHED, Observation
from headrace.streaming.tracing import Tracing

EVENTS = 60_000
ROUNDS = 5
SPARE = 2_000
"""Events at the end of the topic that are not measured: the consumer is stopped while it still has some."""

BATCH = 100


def consume(bootstrap: str, batch: int, observation: Observation = UNWATCHED) -> kafka.Times:
    """The whole consumer, from the first call of the handler on. ``batch`` 0: one event at a time."""
    app = kafka.app(bootstrap, "plan", observation=observation)
    wanted = EVENTS - SPARE
    seen = 0
    times: kafka.Times | None = None
    ended = threading.Event()

    def note(count: int) -> None:
        nonlocal seen, times
        if times is None:
            times = kafka.Times()
            return
        seen += count
        if seen >= wanted and not ended.is_set():
            times.stop()
            ended.set()

    purpose = f"b{uuid.uuid4().hex[:8]}"
    if batch:

        @app.consumer("sales-events", purpose=purpose, batch=headrace.Batch(batch, "50ms"))
        def on_sales(events: list[headrace.Event]) -> None:
            for event in events:
                _ = event.data["quantity"]
            note(len(events))
    else:

        @app.consumer("sales-events", purpose=purpose)
        def on_sale(event: headrace.Event) -> None:
            _ = event.data["quantity"]
            note(1)

    running = threading.Thread(target=app.run, kwargs={"signals": False})
    running.start()
    if not ended.wait(120):
        raise RuntimeError(f"only {seen} of {wanted} events came")
    app.stop_soon()
    running.join()
    assert times is not None
    return replace_times(times, seen)


def replace_times(times: kafka.Times, count: int) -> kafka.Times:
    """Seconds per event."""
    times.wall /= count
    times.cpu /= count
    return times


def consume_bare(bootstrap: str, check: Callable[[bytes], object]) -> kafka.Times:
    return replace_times(kafka.consume_raw(bootstrap, EVENTS - SPARE, check), EVENTS - SPARE)


def read(bootstrap: str) -> float:
    """A reader without validation, to records; seconds per event."""
    broker = KafkaBroker(bootstrap)
    reader = broker.reader()
    reader.assign({kafka.TOPIC: OffsetAt.EARLIEST})
    seen = -sum(len(fetched.records) for fetched in reader.poll(30, 1))
    start = time.perf_counter()
    while seen < EVENTS - SPARE:
        seen += sum(len(fetched.records) for fetched in reader.poll(30, 500))
    seconds = time.perf_counter() - start
    broker.close()
    return seconds / seen


def _publishing(bootstrap: str) -> list[Figure]:
    def pair(count: int, properties: dict[str, str] | None) -> tuple[float, list[tuple[float, float]]]:
        return median_ratio(
            lambda: kafka.publish_raw(bootstrap, count, properties).wall,
            lambda: kafka.publish(bootstrap, count, properties).wall,
            rounds=ROUNDS,
        )

    real, reals = pair(EVENTS, None)
    mock, mocks = pair(EVENTS, kafka.MOCK)
    return [
        Figure(
            "kafka: publish, validated, with receipts / raw produce (rate)",
            real,
            0.80,
            at_least=True,
            detail=_rates(reals),
        ),
        Figure(
            "kafka: the same where Python is the bound (mock cluster)", mock, 0.30, at_least=True, detail=_rates(mocks)
        ),
    ]


def _rates(pairs: list[tuple[float, float]]) -> dict[str, int]:
    raw, ours = (statistics.median(side) for side in zip(*pairs, strict=True))
    return {"raw events/s": round(EVENTS / raw), "ours events/s": round(EVENTS / ours)}


def _consuming(bootstrap: str) -> list[Figure]:
    whole, data = kafka.whole_check(), kafka.data_check()
    ours: list[kafka.Times] = []
    single: list[kafka.Times] = []
    bare: list[kafka.Times] = []
    least: list[kafka.Times] = []
    for _ in range(ROUNDS):
        ours.append(consume(bootstrap, BATCH))
        bare.append(consume_bare(bootstrap, whole))
        single.append(consume(bootstrap, 0))
        least.append(consume_bare(bootstrap, data))

    def ratio(a: list[kafka.Times], b: list[kafka.Times]) -> float:
        return statistics.median(x.cpu / y.cpu for x, y in zip(a, b, strict=True))

    def us(times: list[kafka.Times]) -> float:
        return round(statistics.median(t.cpu for t in times) * 1e6, 2)

    lazy, pairs = median_ratio(lambda: consume_bare(bootstrap, len).wall, lambda: read(bootstrap), rounds=ROUNDS)
    return [
        Figure(
            f"kafka: the whole consumer, batches of {BATCH} / bare consume, decode, is_valid (CPU)",
            ratio(ours, bare),
            1.5,
            detail={
                "ours us": us(ours),
                "bare us": us(bare),
                "ours events/s": round(1 / statistics.median(t.wall for t in ours)),
                "against a loop that validates the data alone": round(ratio(ours, least), 2),
            },
        ),
        Figure(
            "kafka: the same, one event at a time",
            ratio(single, bare),
            detail={"ours us": us(single), "events/s": round(1 / statistics.median(t.wall for t in single))},
        ),
        Figure(
            "kafka: reading records without validation / raw consume (rate)",
            lazy,
            0.6,
            at_least=True,
            detail={
                "raw records/s": round(1 / statistics.median(raw for raw, _ in pairs)),
                "ours records/s": round(1 / statistics.median(mine for _, mine in pairs)),
            },
        ),
    ]


def _observed(bootstrap: str) -> list[Figure]:
    """Metrics and tracing on, one publish in a thousand sampled; an OpenTelemetry SDK that keeps nothing."""
    trace.set_tracer_provider(TracerProvider())

    def watching() -> Observation:
        return Observation(Metrics("bench", registry=CollectorRegistry()), Tracing(0.001))

    publish, _ = median_ratio(
        lambda: kafka.publish(bootstrap, EVENTS, kafka.MOCK, observation=watching()).cpu,
        lambda: kafka.publish(bootstrap, EVENTS, kafka.MOCK).cpu,
        rounds=ROUNDS,
    )
    batches, _ = median_ratio(
        lambda: consume(bootstrap, BATCH, watching()).cpu, lambda: consume(bootstrap, BATCH).cpu, rounds=ROUNDS
    )
    single, _ = median_ratio(
        lambda: consume(bootstrap, 0, watching()).cpu, lambda: consume(bootstrap, 0).cpu, rounds=ROUNDS
    )
    return [
        Figure("kafka: publish with metrics and tracing on / off (CPU)", publish, 1.10),
        Figure("kafka: consume in batches with metrics and tracing on / off (CPU)", batches, 1.10),
        Figure("kafka: consume singly with metrics and tracing on / off (CPU)", single, 1.10),
    ]


def latency(bootstrap: str, rate: int, seconds: float = 4.0) -> Figure:
    """From `publish` to the handler, at ``rate`` events a second."""
    kafka.create_topics(bootstrap)
    sent: list[float] = []
    took: list[float] = []
    count = int(rate * seconds)
    ended = threading.Event()
    plan: App = kafka.app(bootstrap, "plan", limits=replace(Limits(), commit_interval=1.0))

    @plan.consumer("sales-events", purpose="latency")
    def on_sale(event: headrace.Event) -> None:
        took.append(time.perf_counter() - sent[event.data["quantity"] - 1])
        if event.data["quantity"] == count:
            ended.set()

    data = dict(kafka.DATA)
    with plan, kafka.app(bootstrap, "data-api") as source:
        plan.start()
        sales = source.producer("sales-events")
        while not plan.consumers[0].lanes:
            time.sleep(0.05)
        begin = time.perf_counter() + 0.5
        for number in range(count):
            due = begin + number / rate
            while (left := due - time.perf_counter()) > 0:
                time.sleep(min(left, 0.001))
            sent.append(time.perf_counter())
            sales.publish("SaleRecorded", {**data, "quantity": number + 1}, tenant="acme")
        if not ended.wait(60):
            raise RuntimeError(f"only {len(took)} of {count} events came")
    # The first second is the group's and the client's warming up.
    settled = sorted(took[rate:]) if len(took) > 2 * rate else sorted(took)
    p50, p99 = (settled[int(q * (len(settled) - 1))] * 1000 for q in (0.5, 0.99))
    return Figure(
        f"kafka: end-to-end latency at {rate:,} events/s, p99",
        p99,
        unit="ms",
        detail={"p50 ms": round(p50, 1), "p99 ms": round(p99, 1), "max ms": round(settled[-1] * 1000, 1)},
    )


def measure() -> list[Figure]:
    with KafkaServer(quick_start=False, heap_mb=1024) as server:
        bootstrap = server.bootstrap
        kafka.create_topics(bootstrap)
        kafka.publish_raw(bootstrap, EVENTS)  # warms the broker's compiler
        kafka.create_topics(bootstrap)
        figures = _publishing(bootstrap)
        kafka.create_topics(bootstrap)
        kafka.publish_raw(bootstrap, EVENTS)
        figures += _consuming(bootstrap)
        figures += _observed(bootstrap)
        figures += [latency(bootstrap, rate) for rate in (100, 1_000, 10_000)]
    return figures


if __name__ == "__main__":
    raise SystemExit(report(measure()))
