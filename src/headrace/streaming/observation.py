"""What an application is watched by; off unless its settings say otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.streaming.metrics import Metrics
from headrace.streaming.tracing import Tracing


@dataclass(frozen=True, slots=True)
class Observation:
    """``metrics`` also switches the timing of handlers and acknowledgements on."""

    metrics: Metrics | None = None
    tracing: Tracing | None = None


UNWATCHED = Observation()


def observe(application: str, *, metrics: str | None, by_tenant: bool, tracing: float) -> Observation:
    """From the settings: ``metrics`` None, ``on`` or ``HOST:PORT``; ``tracing`` a share, 0 for off. Raises `SettingsError`
    where a library is missing."""
    return Observation(
        metrics=Metrics(application, address=None if metrics == "on" else metrics, by_tenant=by_tenant)
        if metrics is not None
        else None,
        tracing=Tracing(tracing) if tracing > 0 else None,
    )
