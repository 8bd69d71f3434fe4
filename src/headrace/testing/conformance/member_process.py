"""A member of a consumer group in a process of its own, for the tests to kill and to stop.

    python -m headrace.testing.conformance.member_process MODULE:CLASS ADDRESS OPTIONS GROUP PREFIX

``OPTIONS``: keyword arguments of the adapter's class, as JSON. It writes a line for all that changes: ``holds`` and ``lost``,
each followed by topics.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

from headrace.errors import BrokerError
from headrace.interfaces.broker import Broker, OffsetCommit


def tell(what: str, topics: Sequence[str]) -> None:
    sys.stdout.write(" ".join([what, *sorted(topics)]) + "\n")
    sys.stdout.flush()


class Telling:
    """A listener that writes what matters to the tests."""

    def on_assigned(self, topics: Mapping[str, OffsetCommit | None]) -> None: ...

    def on_revoked(self, topics: Sequence[str]) -> None: ...

    def on_lost(self, topics: Sequence[str]) -> None:
        tell("lost", topics)

    def on_error(self, topic: str, error: BrokerError) -> None: ...


def main(adapter: str, address: str, options: str, group: str, prefix: str) -> None:
    module, _, name = adapter.partition(":")
    broker: Broker = getattr(import_module(module), name)(address, **json.loads(options))
    reader = broker.reader(group)
    reader.subscribe([prefix], Telling())
    held: frozenset[str] = frozenset()
    while True:
        reader.poll(0.1)
        if reader.assignment() != held:
            held = reader.assignment()
            tell("holds", sorted(held))


if __name__ == "__main__":
    main(*sys.argv[1:])
