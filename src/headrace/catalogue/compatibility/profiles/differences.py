"""What the registries' comparisons share: a difference with its place, and pairing the branches of two unions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

Place = tuple[str, ...]
Difference = tuple[str, Place]
"""The registry's kind of difference, and where (relative to what is compared)."""
Differences = list[Difference]


def at(place: Place, differences: Iterable[Difference]) -> Differences:
    """The differences of something that stands at ``place``."""
    return [(kind, place + inside) for kind, inside in differences]


def reason(difference: Difference) -> str:
    """``KIND at #/place``."""
    kind, place = difference
    return f"{kind} at #/{'/'.join(place)}" if place else f"{kind} at #"


def matching(edges: Mapping[int, Sequence[int]]) -> dict[int, int]:
    """A largest pairing of a bipartite graph: of each left node the right ones that it may go with (augmenting paths)."""
    taken: dict[int, int] = {}

    def place(left: int, tried: set[int]) -> bool:
        for right in edges[left]:
            if right not in tried:
                tried.add(right)
                if right not in taken or place(taken[right], tried):
                    taken[right] = left
                    return True
        return False

    for left in edges:
        place(left, set())
    return {left: right for right, left in taken.items()}
