"""An event, as a handler sees it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from headrace.envelope.envelope import Envelope
from headrace.model.record import StoredRecord
from headrace.streaming.event import Event


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01T08:00:00.250Z", datetime(2026, 3, 1, 8, 0, 0, 250_000, UTC)),
        ("2026-03-01t09:00:00+01:00", datetime(2026, 3, 1, 8, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
    ],
)
def test_the_time_of_any_valid_event_can_be_read(text: str, moment: datetime) -> None:
    """Offsets, small letters and leap seconds, all of which RFC 3339 allows another producer, become a datetime."""
    envelope = Envelope(
        specversion="1.0",
        type="t.v1",
        source="/applications/a",
        id="1",
        time=text,
        datacontenttype="application/json",
        data={},
        meta={},
    )
    record = StoredRecord("t.v1.acme", 0, 0, None, None)
    event = Event(envelope, {}, name="T", tenant="acme", region="eu", record=record)
    assert event.time == moment
