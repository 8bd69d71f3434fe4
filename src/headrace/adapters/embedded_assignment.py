"""Who of a group's members gets which topics: balanced, and sticky (what need not move stays). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def assign(
    topics: Mapping[int, str], members: Mapping[str, Sequence[str]], current: Mapping[int, str | None]
) -> dict[int, str]:
    """The member for each topic that some member subscribes to.

    ``topics``: names by id. ``members``: each one's prefixes. ``current``: who has or was to have a topic. Members with
    the same prefixes end within one topic of each other. The same input gives the same output, whatever the order of mappings.
    """
    able = {
        id_: [m for m in sorted(members) if any(name.startswith(prefix) for prefix in members[m])]
        for id_, name in sorted(topics.items(), key=lambda item: item[1])
    }
    load = dict.fromkeys(sorted(members), 0)
    target: dict[int, str] = {}
    for id_, candidates in able.items():
        holder = current.get(id_)
        if holder in candidates:
            target[id_] = holder
            load[holder] += 1
    for id_, candidates in able.items():
        if candidates and id_ not in target:
            chosen = min(candidates, key=lambda m: (load[m], m))
            target[id_] = chosen
            load[chosen] += 1
    # Each move lowers the sum of squared loads, so this ends.
    moved = True
    while moved:
        moved = False
        for id_, candidates in able.items():
            holder = target.get(id_)
            if holder is None:
                continue
            lightest = min(candidates, key=lambda m: (load[m], m))
            if load[lightest] + 1 < load[holder]:
                target[id_] = lightest
                load[holder] -= 1
                load[lightest] += 1
                moved = True
    return target
