"""Random outcomes over many lanes: order, exactly one outcome each, and commits that never run ahead."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

import headrace
from headrace import testing
from headrace.interfaces.broker import OffsetCommit
from headrace.model.compiled import CompiledCatalogue
from headrace.model.record import Record
from headrace.testing.memory_broker import MemoryReader

TENANTS = ["t0", "t1", "t2"]
TOPICS = {tenant: f"sales-events.v1.{tenant}" for tenant in TENANTS}

# What the handler does with an event, attempt after attempt, until it accepts or rejects.
scripts = st.tuples(
    st.lists(st.sampled_from(["retry", "retry later", "error"]), max_size=3),
    st.sampled_from(["accept", "reject", "mark"]),
)
events = st.lists(
    st.tuples(st.sampled_from(TENANTS), st.sampled_from(["sale", "other", "poison"]), scripts), max_size=25
)


@settings(max_examples=150)
@given(events=events, batch=st.sampled_from([0, 1, 3, 10]), attempts=st.integers(1, 4), asynchronous=st.booleans())
def test_every_event_has_one_outcome_in_order(
    compiled: CompiledCatalogue, events: list[Any], batch: int, attempts: int, asynchronous: bool
) -> None:
    """Over any mix of retries, errors, rejects, poison and passed-over events: calls of a lane are in the log's order, each
    record is accepted, rejected or passed over exactly once, and no commit passes one that has no outcome."""
    acme = compiled.tenants["acme"]
    catalogue = msgspec.structs.replace(compiled, tenants={t: msgspec.structs.replace(acme, id=t) for t in TENANTS})
    app = headrace.App("plan", region="eu")
    plans: dict[str, tuple[list[str], str]] = {}
    calls: dict[str, list[int]] = defaultdict(list)

    def decide(given_: list[headrace.Event]) -> None:
        for event in given_:
            calls[event.tenant].append(event.offset)
        for event in given_:
            before, end = plans[event.id]
            if before:
                step = before.pop(0)
                if step == "error":
                    raise ValueError(event.id)
                raise headrace.Retry(after="3s" if step == "retry later" else None, at=event)
            if end == "mark":
                event.reject("marked")
            elif end == "reject" and len(given_) == 1:
                raise headrace.Reject("no")

    options: dict[str, Any] = {
        "events": ["SaleRecorded"],
        "purpose": "x",
        "retry": headrace.Backoff(attempts=attempts),
        "reject_limit": headrace.RejectLimit(consecutive=1000, ratio=1),
    }
    if batch:

        def on_batch(given_: list[headrace.Event]) -> None:
            decide(given_)

        async def on_batch_async(given_: list[headrace.Event]) -> None:
            decide(given_)

        chosen: Any = on_batch_async if asynchronous else on_batch
        app.consumer("sales-events", batch=headrace.Batch(batch), **options)(chosen)
    else:

        def on_event(event: headrace.Event) -> None:
            decide([event])

        async def on_event_async(event: headrace.Event) -> None:
            decide([event])

        chosen = on_event_async if asynchronous else on_event
        app.consumer("sales-events", **options)(chosen)

    with testing.app(app, catalogue=catalogue) as t:
        outcomes: dict[tuple[str, int], str] = {}

        def note() -> None:
            for name, records in (
                ("accepted", [event.record for event in t.accepted]),
                ("rejected", [rejected.record for rejected in t.rejected]),
                ("passed over", t.passed_over),
            ):
                for record in records:
                    known = outcomes.setdefault((record.topic, record.offset), name)
                    assert known == name

        original = MemoryReader.commit

        def commit(self: MemoryReader, offsets: dict[str, OffsetCommit]) -> None:
            note()
            for topic, commit_ in offsets.items():
                assert all((topic, offset) in outcomes for offset in range(commit_.offset))
            original(self, offsets)

        MemoryReader.commit = commit  # type: ignore[method-assign, assignment]
        try:
            codec = t._codec(catalogue.products["sales-events.v1"])
            for number, (tenant, kind, (before, end)) in enumerate(events):
                event_id = f"e{number}"
                plans[event_id] = (list(before), end)
                if kind == "sale":
                    data = {"storeId": "s", "productId": "p", "quantity": number + 1}
                    _, record = codec.encoder("data-api", "SaleRecorded", tenant)(data, id=event_id)
                elif kind == "other":
                    _, record = codec.encoder("data-api", "SaleCorrected", tenant)({"saleId": "s"}, id=event_id)
                else:
                    record = Record(None, b"poison")
                t.broker.append(TOPICS[tenant], record)
            t.run()
            t.consumers[0].commit()
        finally:
            MemoryReader.commit = original  # type: ignore[method-assign]
        note()
        settled = len(t.accepted) + len(t.rejected) + len(t.passed_over)
        assert settled == len(outcomes) == len(events)
        ends = t.broker.admin.group_offsets("plan.x")
        for tenant, topic in TOPICS.items():
            written = len(t.broker.logs[topic].records)
            assert (ends[topic].offset if topic in ends else 0) == written
            # An offset is handed out again only before a later one has been settled: the highest so far never falls back
            # behind what is settled.
            offsets = [event.offset for event in t.accepted if event.tenant == tenant]
            assert offsets == sorted(offsets)
            first = list(dict.fromkeys(calls[tenant]))
            assert first == sorted(first)
            rejected = [r.record.offset for r in t.rejected if r.record.topic == topic]
            assert rejected == sorted(rejected)
        assert len(t.dead_letters) == len(t.rejected)
