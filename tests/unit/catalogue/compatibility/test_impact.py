"""Who breaks: findings joined with what each consumer reads, is built on, and may still find in the log."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.catalogue.compatibility.checker import check_history
from headrace.catalogue.compatibility.impact import EventChange, Log, breaks, sentence, stops
from headrace.catalogue.compatibility.modes import compared
from headrace.catalogue.compatibility.paths import steps, touch, within
from headrace.catalogue.compatibility.verdict import Break
from headrace.model.product import Consuming, Criticality, Producing
from headrace.model.schema import Compatibility, SchemaFormat, SchemaText
from tests.unit.catalogue.compatibility.everyday import CHANGES, LINE, OLD, Schema, closed, order, thing

FT = Compatibility.FORWARD_TRANSITIVE
EVENT = "OrderCreated"


def change(new: Schema, *history: Schema, mode: Compatibility = FT, event: str = EVENT) -> EventChange:
    old = list(history) or [OLD]
    texts = [SchemaText(SchemaFormat.JSON_SCHEMA, json.dumps(schema)) for schema in (*old, new)]
    verdict = check_history(texts[-1], texts[:-1], mode, event=event)
    schemas = dict(enumerate((*old, new), 1))
    versions = compared(range(1, len(old) + 1), mode)
    return EventChange(event, SchemaFormat.JSON_SCHEMA, verdict.findings, schemas, len(old) + 1, tuple(versions))


def consumer(name: str, *reads: str, version: int = 1, events: tuple[str, ...] = (EVENT,), **more: Any) -> Consuming:
    return Consuming(name, events, version, reads, **more)


def of(found: EventChange, each: Consuming, **more: Any) -> Break:
    return breaks([found], [each], **more)[0]


NULLED = change(CHANGES["null allowed"][1])
DROPPED = change(CHANGES["an optional field removed"][1])


def test_a_consumer_that_reads_the_field_breaks_and_another_does_not() -> None:
    """The sentence of the merge request: who breaks, by what it reads, and who does not."""
    consumers = [
        consumer("plan", "data.storeId", "data.quantity", criticality=Criticality.HIGH),
        consumer("promo-pricing", "data.storeId"),
        consumer("store", events=("OrderCancelled",)),
    ]
    found = breaks([NULLED], consumers)
    assert sentence(found) == (
        "plan breaks (reads data.quantity, criticality high); promo-pricing does not; store does not"
    )
    assert found[0].because == ("OrderCreated: `data.quantity` (HC202)",)
    assert sentence(()) == "no consumer is declared"


def test_nothing_is_known_of_a_consumer_without_reads() -> None:
    """Without declared reads the answer is unknown where anything changed, and no where nothing did."""
    assert of(NULLED, consumer("plan")).breaks is None
    assert "what it reads is not declared" in sentence([of(NULLED, consumer("plan"))])
    assert of(change(order(promotionId={"type": "string"})), consumer("plan")).breaks is False


def test_a_consumer_built_on_the_new_version_does_not_break_forward() -> None:
    """Who has moved to the new schema takes what it allows."""
    assert of(NULLED, consumer("plan", "data.quantity", version=2)).breaks is False


def test_a_consumer_on_an_older_version_breaks_by_what_is_true_of_that_one() -> None:
    """Over a history, only findings of the version that a consumer is built on count for it."""
    wide = order(note={"type": "string", "maxLength": 200})
    found = change(order(note={"type": "string", "maxLength": 80}), OLD, wide)
    assert of(found, consumer("plan", "data.note", version=1)).breaks is True
    assert of(found, consumer("plan", "data.note", version=2)).breaks is False


def test_a_version_that_the_mode_does_not_compare_with_is_unknown() -> None:
    """Under FORWARD only the last version is compared with: what becomes of a consumer on an older one is not known."""
    narrow = order(note={"type": "string", "maxLength": 20})
    found = change(order(note={"type": "string", "maxLength": 80}), narrow, OLD, mode=Compatibility.FORWARD)
    assert of(found, consumer("plan", "data.note", version=2)).breaks is True
    assert of(found, consumer("plan", "data.note", version=1)).breaks is None


@pytest.mark.parametrize("schemas", ["open", "closed"])
def test_a_removed_path_breaks_who_reads_it_whatever_the_verdicts_say(schemas: str) -> None:
    """An optional field that is gone: safe in the tolerant reading, and a break for its readers, in open and closed schemas."""
    old, new = CHANGES["an optional field removed in the items of a list"]
    if schemas == "closed":
        old, new = closed(old), closed(new)
    found = change(new, old)
    assert of(found, consumer("plan", "data.lines[].pieces")).breaks is True
    assert of(found, consumer("plan", "data.lines[].productId")).breaks is False


def test_a_removed_path_is_found_even_where_the_prover_is_silent() -> None:
    """A path that is gone within an alternative has no finding, and the schemas themselves tell."""
    old = order(payment={"oneOf": [thing((), kind={"const": "a"}, tip={}), thing((), kind={"const": "b"})]})
    new = order(payment={"oneOf": [thing((), kind={"const": "a"}), thing((), kind={"const": "b"})]})
    found = change(new, old)
    told = of(found, consumer("plan", "data.payment.tip"))
    assert (told.breaks, told.reads) == (True, ("data.payment.tip",))
    assert "OrderCreated: `data.payment.tip` is gone" in told.because


@pytest.mark.parametrize(
    ("reads", "expected"),
    [
        ("data.lines[].pieces", True),
        ("data.lines", True),
        ("data", True),
        ("data.lines[].*", True),
        ("data.line", False),
    ],
)
def test_reads_around_and_within_a_change(reads: str, expected: bool) -> None:
    """A path that is read is touched by a change at it, within it, or around it; a longer name is another field."""
    lines = {"type": "array", "items": {**LINE, "properties": {**LINE["properties"], "pieces": {"type": "string"}}}}
    assert of(change(order(lines=lines)), consumer("plan", reads)).breaks is expected
    assert of(change(order(lines={"type": "object"})), consumer("plan", reads)).breaks is expected


def test_who_is_not_on_the_sdk_may_check_the_whole_event() -> None:
    """An external consumer that reads other fields is unknown, one that reads the field breaks; one on the SDK is safe."""
    added = change(closed(order(promotionId={"type": "string"})), closed(OLD))
    assert of(added, consumer("plan", "data.quantity")).breaks is False
    assert of(added, consumer("partner", "data.quantity", external=True)).breaks is None
    assert of(NULLED, consumer("partner", "data.storeId", external=True)).breaks is None
    assert of(NULLED, consumer("partner", "data.quantity", external=True)).breaks is True


def test_an_external_producer_makes_the_semantic_reading_count() -> None:
    """Where a producer is not on the SDK it may send what its schema does not declare: consumers of such a field break."""
    added = change(order(promotionId={"type": "string"}), mode=Compatibility.BACKWARD)
    reader = consumer("plan", "data.promotionId", version=2)
    assert of(added, reader).breaks is False
    sender = [Producing("partner", (EVENT,), 1, external=True)]
    assert of(added, reader, before=sender, after=sender).breaks is True


def test_an_event_that_a_producer_stops_breaks_who_names_it() -> None:
    """A producer that leaves an event out breaks each consumer that names it; one that takes all events is unknown."""
    before = [Producing("data-api", (EVENT, "OrderCancelled"), 1), Producing("sap-connector", (EVENT,), 1)]
    after = [Producing("data-api", (EVENT,), 1), Producing("sap-connector", (EVENT,), 1)]
    assert stops(before, after) == {"OrderCancelled": (("data-api",), ())}
    named, every, other = breaks(
        [],
        [consumer("plan", events=("OrderCancelled",)), consumer("audit", events=("*",)), consumer("promo-pricing")],
        before=before,
        after=after,
    )
    assert (named.breaks, every.breaks, other.breaks) == (True, None, False)
    assert sentence([named]) == "plan breaks (data-api no longer produces OrderCancelled, criticality medium)"
    one_of_two = breaks([], [consumer("plan")], before=before, after=before[:1])[0]
    assert one_of_two.because == ("sap-connector no longer produces OrderCreated; data-api still does",)


def test_an_event_that_is_gone_breaks_who_names_it() -> None:
    """A declaration without the event, whatever the schemas were."""
    gone = EventChange(EVENT, SchemaFormat.JSON_SCHEMA, (), {1: OLD}, 2, gone=True)
    assert of(gone, consumer("plan", "data.quantity")).breaks is True
    assert of(gone, consumer("audit", events=("*",))).breaks is None


def test_old_events_break_as_long_as_they_are_in_the_log() -> None:
    """Backward: who is built on the new schema meets old events that the log still holds, unless it has read them all."""
    required = change(CHANGES["an optional field made required"][1], mode=Compatibility.BACKWARD)
    reader = consumer("plan", "data.note", version=2)
    told = of(required, reader, log=Log(versions=(1, 2), records={"plan": 40}))
    assert told.because == (
        "OrderCreated: `data.note` (HC102): events of v1 are still in the log, and it is 40 records behind",
    )
    assert of(required, reader).breaks is True
    assert of(required, reader, log=Log(versions=(2,))).breaks is False
    assert of(required, reader, log=Log(versions=(1, 2), unread={"plan": (2,)})).breaks is False
    assert of(required, consumer("plan", "data.note", version=1)).breaks is False


def test_avro_paths_are_looked_up_too() -> None:
    """A path that is gone from an Avro schema is a break for its readers."""
    old = {"type": "record", "name": "Plan", "fields": [{"name": "a", "type": "int"}, {"name": "b", "type": "int"}]}
    new = {**old, "fields": old["fields"][:1]}
    found = EventChange(EVENT, SchemaFormat.AVRO, (), {1: old, 2: new}, 2)
    assert of(found, consumer("plan", "data.b")).breaks is True
    assert of(found, consumer("plan", "data.a", "meta.tenant")).breaks is False


def test_a_dropped_field_does_not_matter_to_others() -> None:
    """An optional field that is gone breaks nobody who does not read it."""
    assert of(DROPPED, consumer("plan", "data.quantity")).breaks is False
    assert of(DROPPED, consumer("plan", "data.note")).breaks is True


def test_paths_are_taken_apart() -> None:
    """Items, any field, and names with odd characters."""
    assert steps("data.lines[].n") == ("data", "lines", "[]", "n")
    assert steps("data.lines[3].n") == steps("data.lines[*].n") == steps("data.lines[].n")
    assert steps('data["odd.name"].x') == ("data", "odd.name", "x")
    assert touch("data.prices.*", "data.prices.EUR")
    assert not touch("data.prices.*", "data.prices[]")
    assert within("data.a.b", "data.a")
    assert not within("data.a", "data.a.b")


NAMES = st.lists(st.sampled_from(["a", "b", "lines[]", "*"]), min_size=1, max_size=4).map(".".join)


@given(NAMES, NAMES)
def test_touching_is_mutual(one: str, other: str) -> None:
    """If one path touches another, the other touches it; a path touches itself and what lies within it."""
    assert touch(one, other) == touch(other, one)
    assert touch(one, one)
    assert touch(one, f"{one}.x")
    assert within(f"{one}.x", one)
