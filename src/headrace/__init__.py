"""Headrace: streaming data products for retail planning, on Apache Kafka.

    import headrace

    with headrace.connect(application="plan", region="eu") as app:
        orders = app.producer("order-proposals")
        orders.publish("OrderProposalCreated", {...}, tenant="acme").result(timeout=5)

What is here is imported when it is first used: ``import headrace`` itself costs nothing.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headrace.bootstrap import App as App
    from headrace.bootstrap import aconnect as aconnect
    from headrace.bootstrap import connect as connect
    from headrace.errors import HeadraceError as HeadraceError
    from headrace.errors import InvalidEvent as InvalidEvent
    from headrace.interfaces.receipt import Receipt as Receipt
    from headrace.streaming.event import Event as Event
    from headrace.streaming.models import Model as Model
    from headrace.streaming.outcome import Backoff as Backoff
    from headrace.streaming.outcome import Batch as Batch
    from headrace.streaming.outcome import Reject as Reject
    from headrace.streaming.outcome import RejectLimit as RejectLimit
    from headrace.streaming.outcome import Retry as Retry
    from headrace.streaming.producer import Producer as Producer
    from headrace.streaming.statistics import Statistics as Statistics

_WHERE = {
    "App": "bootstrap",
    "Backoff": "streaming.outcome",
    "Batch": "streaming.outcome",
    "Event": "streaming.event",
    "HeadraceError": "errors",
    "InvalidEvent": "errors",
    "Model": "streaming.models",
    "Producer": "streaming.producer",
    "Receipt": "interfaces.receipt",
    "Reject": "streaming.outcome",
    "RejectLimit": "streaming.outcome",
    "Retry": "streaming.outcome",
    "Statistics": "streaming.statistics",
    "aconnect": "bootstrap",
    "connect": "bootstrap",
}

__all__ = [  # noqa: RUF022 - the way in first; they come from `__getattr__` below
    "connect",
    "aconnect",
    "App",
    "Producer",
    "Receipt",
    "Event",
    "Model",
    "Batch",
    "Backoff",
    "Reject",
    "RejectLimit",
    "Retry",
    "Statistics",
    "HeadraceError",
    "InvalidEvent",
]

if not TYPE_CHECKING:  # a type checker would take any name for one that `__getattr__` knows

    def __getattr__(name: str) -> Any:
        where = _WHERE.get(name)
        if where is None:
            raise AttributeError(f"module 'headrace' has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(f"headrace.{where}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
