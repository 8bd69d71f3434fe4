"""Accounts of events: equal only for the same events in the same order."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from headrace.cli._demo.ledger import Account, Ledger, from_json

ACCOUNT = Account("sales-events", "nordkorb", "data-api")
IDS = st.lists(st.text("ab1-", max_size=4), max_size=30)


def entry_of(ids: list[str]) -> object:
    ledger = Ledger()
    for event_id in ids:
        ledger.add(ACCOUNT, event_id)
    return ledger.entries().get(ACCOUNT)


@given(IDS, IDS)
def test_entries_are_equal_only_for_equal_ids_in_order(a: list[str], b: list[str]) -> None:
    """Two accounts agree if and only if they hold the same ids in the same order."""
    assert (entry_of(a) == entry_of(b)) == (a == b)


def test_a_loss_a_repeat_and_a_swap_show() -> None:
    """One event missing, twice, or in another place changes the entry; so do two ids that run together."""
    entries = [
        entry_of(ids) for ids in (["a", "b", "c"], ["a", "c"], ["a", "b", "b", "c"], ["b", "a", "c"], ["ab", "c"])
    ]
    assert len(set(entries)) == len(entries)


def test_entries_survive_the_way_to_another_process() -> None:
    """What was written as JSON reads as the same entries."""
    ledger = Ledger()
    for number in range(10):
        ledger.add(Account("p", f"t{number % 3}", "a"), str(number))
    assert from_json(msgspec.json.decode(msgspec.json.encode(ledger.to_json()))) == ledger.entries()
