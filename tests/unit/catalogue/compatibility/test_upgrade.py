"""Who deploys first, and the change in two steps, as text."""

from __future__ import annotations

import json
from datetime import date

import pytest

from headrace.catalogue.compatibility.rollout import rollout
from headrace.catalogue.compatibility.upgrade import Order, Upgrade, order_of
from headrace.catalogue.compatibility.verdict import Reading, Verdict
from headrace.envelope.composition import compose
from headrace.model.schema import Compatibility, SchemaFormat, SchemaText
from tests.unit.catalogue.compatibility.everyday import CHANGES, OLD, PLACE, Schema, closed

SAFE, BROKEN, UNDECIDED = Verdict.SAFE, Verdict.BROKEN, Verdict.UNDECIDED
FT, BACKWARD, NONE = Compatibility.FORWARD_TRANSITIVE, Compatibility.BACKWARD, Compatibility.NONE
SUNSET = date(2026, 12, 31)


def text(schema: Schema) -> SchemaText:
    return SchemaText(SchemaFormat.JSON_SCHEMA, json.dumps(schema))


def of(old: Schema, new: Schema, mode: Compatibility = FT, reading: Reading = Reading.TOLERANT) -> Upgrade:
    return rollout(
        text(old), text(new), mode, reading, consumers=["plan"], event="OrderCreated", sunset=SUNSET, next_major=2
    )


@pytest.mark.parametrize(
    ("forward", "backward", "expected"),
    [
        (SAFE, SAFE, Order.EITHER),
        (SAFE, BROKEN, Order.PRODUCERS),
        (SAFE, UNDECIDED, Order.PRODUCERS),
        (BROKEN, SAFE, Order.CONSUMERS),
        (BROKEN, BROKEN, Order.NONE),
        (BROKEN, UNDECIDED, Order.UNKNOWN),
        (UNDECIDED, UNDECIDED, Order.UNKNOWN),
    ],
)
def test_the_order_follows_from_both_directions(forward: Verdict, backward: Verdict, expected: Order) -> None:
    """Only what is proved safe lets a side go first."""
    assert order_of(forward, backward) is expected


ORDERS = [
    ("an optional field added", FT, Order.EITHER, True),
    ("a required field added", FT, Order.PRODUCERS, True),
    ("a required field added", BACKWARD, Order.PRODUCERS, False),
    ("a required field made optional", FT, Order.CONSUMERS, False),
    ("a required field made optional", BACKWARD, Order.CONSUMERS, True),
    ("null allowed", BACKWARD, Order.CONSUMERS, True),
    ("null allowed", FT, Order.CONSUMERS, False),
    ("null allowed", NONE, Order.CONSUMERS, True),
    ("integer to text", FT, Order.NONE, False),
    ("integer to text", NONE, Order.NONE, False),
    ("an optional field removed", BACKWARD, Order.CONSUMERS, True),
    ("an optional field removed", FT, Order.EITHER, False),
]


@pytest.mark.parametrize(("what", "mode", "order", "allowed"), ORDERS, ids=[f"{o[0]} {o[1]}" for o in ORDERS])
def test_the_mode_decides_which_orders_are_allowed(what: str, mode: Compatibility, order: Order, allowed: bool) -> None:
    """Who would go first does not depend on the mode; whether that is allowed does."""
    found = of(*CHANGES[what], mode)
    assert (found.order, found.allowed) == (order, allowed)


def test_a_change_in_two_steps() -> None:
    """A type that changes: add, move over, deprecate with the sunset, remove with the next major."""
    assert of(*CHANGES["integer to text"]).text == (
        "No order is safe: old consumers do not take the new events, nor new consumers the old ones.\n"
        "1. Add an optional field beside `data.quantity` that takes what is new; keep sending `data.quantity` as it was.\n"
        "2. Move plan over to the new field.\n"
        "3. Mark `data.quantity` deprecated: true, with the sunset 2026-12-31.\n"
        "4. Remove `data.quantity` with v2, after the sunset."
    )


def test_a_removed_field_is_kept_until_the_sunset() -> None:
    """Removed, required or not, under FORWARD: keep it, deprecate it, remove it with the next major."""
    for what, path in (("an optional field removed", "`data.note`"), ("a required field removed", "`data.quantity`")):
        steps = of(*CHANGES[what]).steps
        assert steps[0].startswith(f"Keep {path} as it is;")
        assert steps[1:] == (
            f"Mark {path} deprecated: true, with the sunset 2026-12-31.",
            f"Remove {path} with v2, after the sunset.",
        )


def test_consumers_that_follow_still_get_old_events() -> None:
    """Producers first: the text names what differs in the events that are still in the log."""
    assert of(*CHANGES["an optional field made required"]).steps == (
        "Deploy the producers.",
        "Deploy plan. They still get old events, which differ in `data.note`, until these have left the log.",
    )


def test_under_backward_a_required_field_comes_as_an_optional_one() -> None:
    """The way round for BACKWARD: declare it optional, always send it, require it with the next major."""
    assert of(*CHANGES["a required field added"], BACKWARD).steps == (
        "Declare `data.promotionId` optional, and let producers always send it; require it with v2.",
    )


def test_the_same_schema_goes_in_any_order() -> None:
    """Nothing changed: either side."""
    found = of(OLD, OLD)
    assert (found.order, found.allowed, found.steps) == (
        Order.EITHER,
        True,
        ("Deploy producers and consumers in any order.",),
    )


def test_the_semantic_reading_counts_for_foreign_parties() -> None:
    """In closed schemas an optional field that is added breaks old readers that check the whole event: consumers first."""
    old, new = (closed(schema) for schema in CHANGES["an optional field added"])
    assert of(old, new).order is Order.EITHER
    assert of(old, new, reading=Reading.SEMANTIC).order is Order.CONSUMERS


def test_an_event_type_is_deprecated_before_it_goes() -> None:
    """Where an event type is gone its schema is kept and the event deprecated, until the next major leaves it out."""
    both = compose([("Created", "created.v1", OLD), ("Moved", "moved.v1", PLACE)], SchemaFormat.JSON_SCHEMA)
    one = compose([("Created", "created.v1", OLD)], SchemaFormat.JSON_SCHEMA)
    found = rollout(both, one, FT, Reading.SEMANTIC, sunset=SUNSET)
    assert found.steps == (
        "Keep the schema of Moved, and mark the event deprecated, with the sunset 2026-12-31.",
        "Publish Moved until then, and leave it out of the next major.",
    )
