"""Modes of compatibility: which versions a new one is compared with, and in which direction.

As in Confluent Schema Registry: BACKWARD means that the new schema reads what the last version wrote, FORWARD that the last
version reads what the new one writes, FULL both; the transitive ones mean every version, not the last alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

from headrace.catalogue.compatibility.verdict import Direction
from headrace.model.schema import Compatibility

T = TypeVar("T")

DIRECTIONS: Final = {
    Compatibility.NONE: (),
    Compatibility.BACKWARD: (Direction.BACKWARD,),
    Compatibility.BACKWARD_TRANSITIVE: (Direction.BACKWARD,),
    Compatibility.FORWARD: (Direction.FORWARD,),
    Compatibility.FORWARD_TRANSITIVE: (Direction.FORWARD,),
    Compatibility.FULL: (Direction.BACKWARD, Direction.FORWARD),
    Compatibility.FULL_TRANSITIVE: (Direction.BACKWARD, Direction.FORWARD),
}


def transitive(mode: Compatibility) -> bool:
    return mode.value.endswith("_TRANSITIVE")


def compared(history: Sequence[T], mode: Compatibility) -> Sequence[T]:
    """The versions of ``history`` (oldest first) that ``mode`` compares a new one with, newest first, as registries do."""
    if mode is Compatibility.NONE or not history:
        return ()
    return tuple(reversed(history)) if transitive(mode) else (history[-1],)
