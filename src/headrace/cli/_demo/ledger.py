"""An account of events that is kept beside Headrace's own counts: who published what, and who settled it, in which order.

An entry is the events that one application has published of one product for one tenant: how many, and a digest of their ids in
the order of the log. Producers and consumers each write their own; equal entries prove that nothing was lost,
nothing came twice, and nothing changed places.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from headrace.streaming.event import Event


class Account(NamedTuple):
    """Whose events: ``application`` is the one that published them."""

    product: str
    tenant: str
    application: str


class Entry(NamedTuple):
    events: int
    digest: str


class Ledger:
    """One program's account of what it published, or what one of its consumers settled. An account has one writer at a time
    (a lane, or the program that publishes)."""

    def __init__(self) -> None:
        self._open: dict[Account, tuple[list[int], Any]] = {}
        self._lock = threading.Lock()

    def add(self, account: Account, event_id: str) -> None:
        """The next event of the account."""
        found = self._open.get(account)
        if found is None:
            with self._lock:
                found = self._open.setdefault(account, ([0], hashlib.blake2b(digest_size=16)))
        found[0][0] += 1
        found[1].update(event_id.encode() + b"\n")

    def settle(self, events: Iterable[Event[Any]]) -> None:
        """Events that a consumer has handled, in the order in which it was handed them."""
        for event in events:
            self.add(Account(event.product, event.tenant, event.application), event.id)

    def entries(self) -> dict[Account, Entry]:
        with self._lock:
            accounts = dict(self._open)
        return {account: Entry(count[0], digest.hexdigest()) for account, (count, digest) in accounts.items()}

    def to_json(self) -> list[list[Any]]:
        return [[*account, *entry] for account, entry in sorted(self.entries().items())]


def from_json(rows: Iterable[Iterable[Any]]) -> Mapping[Account, Entry]:
    """What `Ledger.to_json` has written."""
    found: dict[Account, Entry] = {}
    for product, tenant, application, events, digest in rows:
        found[Account(product, tenant, application)] = Entry(events, digest)
    return found
