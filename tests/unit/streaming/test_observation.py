"""Metrics and traces: what they say, how they are joined, and that nothing of them is there unless it is asked for."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

import headrace
from headrace.clock import SYSTEM_CLOCK
from headrace.errors import InvalidEvent, SettingsError
from headrace.local.ports import free_ports
from headrace.model.record import HEADER_TRACEPARENT
from headrace.settings import load_settings
from headrace.streaming.metrics import Metrics
from headrace.streaming.observation import Observation, observe
from headrace.streaming.tracing import Tracing, parse, traceparent_of

SALE = {"storeId": "s1", "productId": "p1", "quantity": 1}
SAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def world(make_world: Callable[..., Any]) -> Any:
    return make_world(clock=SYSTEM_CLOCK)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    """Spans of the process; OpenTelemetry takes one provider in a process's life."""
    made = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(made))
    trace.set_tracer_provider(provider)
    return made


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> Iterator[Callable[[], list[ReadableSpan]]]:
    exporter.clear()
    yield lambda: list(exporter.get_finished_spans())


def watched(world: Any, application: str, observation: Observation) -> Any:
    app = world.app(application)
    connect = app._connector

    def connector() -> Any:
        connection = connect()
        connection.observation = observation
        return connection

    app._connector = connector
    return app


def values(registry: CollectorRegistry) -> dict[tuple[str, ...], float]:
    """By name and non-empty label values, in the labels' order."""
    out = {}
    for family in registry.collect():
        for sample in family.samples:
            out[(sample.name, *(value for value in sample.labels.values() if value))] = sample.value
    return out


def consume(app: Any, count: int) -> None:
    with app:
        app.start()
        assert app.wait_until_caught_up(10)


def test_metrics_say_what_was_published_handled_rejected_and_retried(world: Any, registry: CollectorRegistry) -> None:
    """Counts, times, lag and lanes of a producer and a consumer, without a series for each tenant."""
    with watched(world, "data-api", Observation(Metrics("data-api", registry=registry))) as source:
        sales = source.producer("sales-events")
        for tenant in ("acme", "bolt"):
            for _ in range(64):
                sales.publish("SaleRecorded", SALE, tenant=tenant)
        with pytest.raises(InvalidEvent):
            sales.publish("SaleRecorded", {}, tenant="acme")
        found = values(registry)
        assert found["headrace_published_total", "data-api", "sales-events"] == 128
        assert found["headrace_refused_total", "data-api", "sales-events"] == 1
        assert found["headrace_acknowledgement_seconds_count", "data-api", "sales-events"] == 1

    app = watched(world, "plan", Observation(Metrics("plan", registry=registry)))

    @app.consumer("sales-events", purpose="x", retry=headrace.Backoff(first="1ms"))
    def on_sale(event: headrace.Event) -> None:
        if event.offset == 3 and event.attempt == 1:
            raise headrace.Retry(after="1ms")
        if event.offset == 5:
            raise headrace.Reject("five")

    with app:
        app.start()
        assert app.wait_until_caught_up(10)
        found = values(registry)
        who = ("plan", "sales-events", "x")
        assert found["headrace_handled_total", *who, "accepted"] == 126
        assert found["headrace_handled_total", *who, "rejected"] == 2
        assert found["headrace_retried_total", *who] == 2
        assert found["headrace_handler_seconds_count", *who] == 130
        assert found["headrace_latency_seconds_count", *who] >= 128
        assert found["headrace_lanes", *who, "open"] == 2
        assert found["headrace_lanes", *who, "stopped"] == 0
        assert found["headrace_held_bytes", *who] == 0
        assert found["headrace_lag", *who] == 0
        buckets = [value for key, value in found.items() if key[0] == "headrace_handler_seconds_bucket"]
        assert buckets == sorted(buckets), "buckets are cumulative"
    assert not values(registry), "a closed application has no metrics"


def test_a_stopped_lane_and_its_lag_are_seen_by_tenant(world: Any, registry: CollectorRegistry) -> None:
    """Where it is asked for, the tenant is a label: the one whose lane stands still is named, with what it is behind."""
    with world.app("data-api") as source:
        for tenant, count in (("acme", 5), ("bolt", 1)):
            for _ in range(count):
                source.producer("sales-events").publish("SaleRecorded", SALE, tenant=tenant)
    app = watched(world, "plan", Observation(Metrics("plan", by_tenant=True, registry=registry)))

    @app.consumer("sales-events", purpose="x", reject_limit=headrace.RejectLimit(consecutive=2))
    def on_sale(event: headrace.Event) -> None:
        raise headrace.Reject("no")

    with app:
        app.start()
        assert app.wait_until_caught_up(10)
        found = values(registry)
        assert found["headrace_lanes", "plan", "sales-events", "x", "acme", "stopped"] == 1
        assert found["headrace_lanes", "plan", "sales-events", "x", "bolt", "stopped"] == 0
        assert found["headrace_lag", "plan", "sales-events", "x", "acme"] == 3
        assert found["headrace_lag", "plan", "sales-events", "x", "bolt"] == 0


def test_metrics_are_served_in_prometheus_own_form(world: Any, registry: CollectorRegistry) -> None:
    """An address serves them over HTTP while the application is open, to any scraper; a taken one is a SettingsError."""
    address = f"127.0.0.1:{free_ports(1)[0]}"
    with watched(world, "data-api", Observation(Metrics("data-api", address=address, registry=registry))) as app:
        app.producer("sales-events").publish("SaleRecorded", SALE, tenant="acme")
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
            families = {family.name: family for family in text_string_to_metric_families(answer.read().decode())}
        assert [sample.value for sample in families["headrace_published"].samples] == [1]
        second = watched(world, "plan", Observation(Metrics("plan", address=address, registry=registry)))
        with pytest.raises(SettingsError, match="cannot be served"):
            second.open()
    with pytest.raises(OSError):
        urllib.request.urlopen(f"http://{address}/metrics", timeout=10)


def test_a_publish_and_its_handling_are_one_trace(world: Any, spans: Callable[[], list[ReadableSpan]]) -> None:
    """The event carries the producer's span in meta and as a header; the consumer's span is its child and links to it; what
    the handler publishes continues the trace."""
    tracing = Observation(tracing=Tracing(1.0))
    with watched(world, "data-api", tracing) as source:
        source.producer("sales-events").publish("SaleRecorded", SALE, tenant="acme", id="one")
    app = watched(world, "plan", tracing)
    orders = app.producer("order-proposals")
    carried: list[str | None] = []

    @app.consumer("sales-events", purpose="x")
    def on_sale(event: headrace.Event) -> None:
        carried.append(event.traceparent)
        orders.publish("OrderProposalCreated", SALE, tenant="acme", causation=event)

    consume(app, 1)
    published, handled, ordered = sorted(spans(), key=lambda span: span.start_time or 0)
    assert [span.name for span in (published, handled, ordered)] == [
        "publish sales-events",
        "handle sales-events",
        "publish order-proposals",
    ]
    assert carried == [traceparent_of(trace.NonRecordingSpan(published.context))]
    (record,) = world.records("sales-events.v1.acme")
    assert record.header(HEADER_TRACEPARENT) == str(carried[0]).encode()
    assert len({span.context.trace_id for span in (published, handled, ordered)}) == 1
    assert handled.parent is not None
    assert handled.parent.span_id == published.context.span_id
    assert [link.context.span_id for link in handled.links] == [published.context.span_id]
    assert published.kind is trace.SpanKind.PRODUCER
    assert handled.kind is trace.SpanKind.CONSUMER
    assert published.attributes is not None
    assert published.attributes["messaging.message.id"] == "one"
    assert published.attributes["messaging.kafka.offset"] == 0
    assert handled.attributes is not None
    assert handled.attributes["messaging.consumer.group.name"] == "plan.x"
    assert ordered.parent is not None
    assert ordered.parent.span_id == published.context.span_id, "the cause's traceparent is what is continued"


def test_a_batch_links_to_each_sampled_event(world: Any, spans: Callable[[], list[ReadableSpan]]) -> None:
    """One span for the call, no parent, a link for each event that carries a sampled span; the others cost nothing."""
    with world.app("data-api") as source:
        sales = source.producer("sales-events")
        other = SAMPLED.replace("b7ad6b7169203331", "b7ad6b7169203332")
        for traceparent in (SAMPLED, None, other, SAMPLED[:-2] + "00", "no traceparent"):
            sales.publish("SaleRecorded", SALE, tenant="acme", traceparent=traceparent)
    app = watched(world, "plan", Observation(tracing=Tracing(1.0)))

    @app.consumer("sales-events", purpose="x", batch=headrace.Batch(5, "100ms"))
    def on_sales(events: list[headrace.Event]) -> None:
        raise headrace.Reject("all")

    consume(app, 5)
    (handled,) = spans()
    assert handled.parent is None
    assert [f"{link.context.span_id:016x}" for link in handled.links] == ["b7ad6b7169203331", "b7ad6b7169203332"]
    assert handled.status.status_code is trace.StatusCode.ERROR


def test_only_a_share_of_publishes_begins_a_trace(world: Any, spans: Callable[[], list[ReadableSpan]]) -> None:
    """One in ten of those outside any trace; inside a sampled one every publish, inside an unsampled one none."""
    with watched(world, "data-api", Observation(tracing=Tracing(0.1))) as source:
        sales = source.producer("sales-events")
        for _ in range(100):
            sales.publish("SaleRecorded", SALE, tenant="acme")
        assert len(spans()) == 10
        with trace.get_tracer("test").start_as_current_span("around"):
            sales.publish("SaleRecorded", SALE, tenant="acme")
        assert len(spans()) == 12
        unsampled = trace.NonRecordingSpan(parse(SAMPLED[:-2] + "00"))  # type: ignore[arg-type]
        with trace.use_span(unsampled):
            for _ in range(20):
                sales.publish("SaleRecorded", SALE, tenant="acme")
        assert len(spans()) == 12
        assert (
            sum(record.header(HEADER_TRACEPARENT) is not None for record in world.records("sales-events.v1.acme")) == 11
        )


def test_a_publish_that_fails_ends_its_span_with_the_error(world: Any, spans: Callable[[], list[ReadableSpan]]) -> None:
    """Invalid data, and a record that the broker refuses: both spans say what was wrong."""
    with watched(world, "data-api", Observation(tracing=Tracing(1.0))) as source:
        sales = source.producer("sales-events")
        with pytest.raises(InvalidEvent):
            sales.publish("SaleRecorded", {}, tenant="acme")
        world.broker.admin.delete_topics(["sales-events.v1.acme"])
        sales.publish("SaleRecorded", SALE, tenant="acme")
    assert [span.attributes and span.attributes["error.type"] for span in spans()] == [
        "event.invalid",
        "broker.topic-missing",
    ]


def test_what_is_no_traceparent_is_not_taken_for_one() -> None:
    """W3C Trace Context 3.2.2: lengths, hex, not all zero, version not ff; a later version's extra fields are let pass."""
    assert parse(SAMPLED) is not None
    assert parse("cc" + SAMPLED[2:] + "-what-the-future-will-be-like") is not None
    zero = "00-" + "0" * 32 + "-b7ad6b7169203331-01"
    for text in ("", SAMPLED[:-1], "ff" + SAMPLED[2:], SAMPLED.upper(), zero, SAMPLED + "0"):
        assert parse(text) is None, text


def test_settings_switch_both_on() -> None:
    """`on`, an address, a share; anything else is refused with what was expected. Off, neither library is imported."""
    settings = load_settings(environment={"HEADRACE_METRICS": "127.0.0.1:9400", "HEADRACE_TRACING": "0.01"})
    assert (settings.metrics, settings.metrics_by_tenant, settings.tracing) == ("127.0.0.1:9400", False, 0.01)
    settings = load_settings(environment={}, metrics=True, tracing=True, metrics_by_tenant=True)
    assert (settings.metrics, settings.metrics_by_tenant, settings.tracing) == ("on", True, 1.0)
    settings = load_settings(environment={"HEADRACE_METRICS": "off", "HEADRACE_TRACING": "off"})
    assert (settings.metrics, settings.tracing) == (None, 0.0)
    for wrong in ({"metrics": "here"}, {"metrics": "h:99999"}, {"tracing": "2"}, {"metrics_by_tenant": "maybe"}):
        with pytest.raises(SettingsError, match="expected"):
            load_settings(environment={}, **wrong)
    both = observe("plan", metrics="on", by_tenant=False, tracing=0.5)
    assert both.metrics is not None
    assert both.tracing is not None
    neither = "import sys, headrace.bootstrap; print({'prometheus_client', 'opentelemetry'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", neither], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("library", ["prometheus_client", "opentelemetry"])
def test_a_missing_library_is_named_with_how_to_get_it(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra `observability` is not installed: a SettingsError, not an ImportError from the middle of publishing."""
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(SettingsError, match="not installed") as caught:
        observe("plan", metrics="on", by_tenant=False, tracing=1.0)
    assert "observability" in str(caught.value.hint)
