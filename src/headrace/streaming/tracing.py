"""Traces by OpenTelemetry's API: a producer span for each event that is sampled, a consumer span for each handler call that
was handed one, linked by the W3C traceparent in the event's `meta`.

A span costs more than all else that publishing does, so the choice whether to make one comes first: inside a span of the
program's own, its sampling decides; elsewhere one publish in so many begins a trace (`share`). An event without a span
has no traceparent, and costs a consumer one look.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from headrace.errors import SettingsError
from headrace.interfaces.receipt import Receipt

if TYPE_CHECKING:
    from opentelemetry.trace import Span, SpanContext

    from headrace.streaming.event import Event

_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?\Z")
"""W3C Trace Context, 3.2.2."""


class Tracing:
    """Makes spans with the program's tracer provider; without one they are nothing. ``share``: of the publishes outside any
    trace, how many begin one, 0 to 1. Raises `SettingsError` where opentelemetry-api is not installed."""

    def __init__(self, share: float = 1.0) -> None:
        try:
            from opentelemetry import context, trace
        except ImportError as error:
            raise SettingsError(
                "tracing needs opentelemetry-api, which is not installed",
                hint="pip install 'headrace[observability]'",
                option="tracing",
            ) from error
        self._trace = trace
        # By way of `get_current` a look costs ten times as much, at every publish.
        variable = getattr(getattr(context, "_RUNTIME_CONTEXT", None), "_current_context", None)
        self._context: Callable[[], Any] = variable.get if isinstance(variable, ContextVar) else context.get_current
        self._tracer = trace.get_tracer("headrace")
        self._every = round(1 / share) if share > 0 else sys.maxsize
        self._count = 0

    # --- publishing

    def wanted(self) -> bool:
        """Whether a publish that says nothing of a trace may get a span: one inside something that OpenTelemetry knows of, and
        one in so many of the others. To be asked once for each."""
        if self._context():  # it is empty outside of everything
            return True
        self._count += 1
        return not self._count % self._every

    def _begins(self) -> bool:
        # Not to the event exact when many threads publish, which a share need not be.
        self._count += 1
        return not self._count % self._every

    def publishing(self, product: str, topic: str, event: str, traceparent: str | None) -> Span | None:
        """The span of one publish that is `wanted`, begun; None where it is not sampled after all. ``traceparent``: given by
        the program, or handed on from the event that caused this one: it is continued."""
        trace = self._trace
        parent = None
        if traceparent is not None:
            remote = parse(traceparent)
            if remote is None or not remote.trace_flags.sampled:
                return None
            parent = trace.set_span_in_context(trace.NonRecordingSpan(remote))
        elif self._context():
            current = trace.get_current_span().get_span_context()
            if current.is_valid:
                if not current.trace_flags.sampled:
                    return None
            elif not self._begins():  # it holds something else, baggage say
                return None
        return self._tracer.start_span(
            f"publish {product}",
            context=parent,
            kind=trace.SpanKind.PRODUCER,
            attributes={
                "messaging.system": "kafka",
                "messaging.operation.type": "send",
                "messaging.operation.name": "publish",
                "messaging.destination.name": topic,
                "headrace.event": event,
            },
        )

    def published(self, span: Span, receipt: Receipt) -> None:
        """The span ends when the event is durable, or has failed."""
        if receipt.event_id is not None:
            span.set_attribute("messaging.message.id", receipt.event_id)
        receipt.add_done_callback(partial(self._end, span))

    def _end(self, span: Span, receipt: Receipt) -> None:
        if receipt.error is not None:
            self.failed(span, receipt.error)
            return
        span.set_attribute("messaging.kafka.offset", receipt.offset)
        span.end()

    def failed(self, span: Span, error: BaseException) -> None:
        """What was to be published was not."""
        span.set_status(self._trace.StatusCode.ERROR, str(error))
        span.set_attribute("error.type", getattr(error, "code", type(error).__name__))
        span.end()

    # --- consuming

    def handling(self, group: str, product: str, events: Sequence[Event[Any]]) -> AbstractContextManager[None] | None:
        """A span around one handler call; None where none of its events was sampled. It links to each sampled event's
        producer; that of a single event is its parent too, so that both are one trace."""
        origins = []
        for event in events:
            text = event.traceparent
            if text is not None and (origin := parse(text)) is not None and origin.trace_flags.sampled:
                origins.append(origin)
        return self._handling(group, product, events, origins) if origins else None

    @contextmanager
    def _handling(
        self, group: str, product: str, events: Sequence[Event[Any]], origins: Sequence[SpanContext]
    ) -> Iterator[None]:
        trace = self._trace
        first = events[0]
        attributes: dict[str, Any] = {
            "messaging.system": "kafka",
            "messaging.operation.type": "process",
            "messaging.operation.name": "handle",
            "messaging.destination.name": first.topic,
            "messaging.consumer.group.name": group,
            "headrace.attempt": first.attempt,
        }
        parent = None
        if len(events) == 1:
            parent = trace.set_span_in_context(trace.NonRecordingSpan(origins[0]))
            attributes |= {"messaging.message.id": first.id, "messaging.kafka.offset": first.offset}
        else:
            attributes["messaging.batch.message_count"] = len(events)
        with self._tracer.start_as_current_span(
            f"handle {product}",
            context=parent,
            kind=trace.SpanKind.CONSUMER,
            links=[trace.Link(origin) for origin in origins],
            attributes=attributes,
        ):
            yield


def parse(traceparent: str) -> SpanContext | None:
    """A W3C traceparent as a remote span's context; None where it is not one."""
    from opentelemetry.trace import SpanContext, TraceFlags

    match = _TRACEPARENT.match(traceparent)
    if match is None or traceparent.startswith("ff"):
        return None
    context = SpanContext(
        int(match[1], 16), int(match[2], 16), is_remote=True, trace_flags=TraceFlags(int(match[3], 16))
    )
    return context if context.is_valid else None


def traceparent_of(span: Span) -> str | None:
    """How an event carries a span; None where the span is not sampled."""
    context = span.get_span_context()
    if not (context.is_valid and context.trace_flags.sampled):
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
