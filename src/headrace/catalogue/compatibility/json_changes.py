"""What two versions of a schema show when they are read side by side, whether or not it breaks anything.

The prover tells what can go wrong; these are two things that it is silent about and that people want to know: a field that is
gone (a consumer that reads it finds nothing, even where no event is refused), and an object that begins to refuse fields which
it does not declare (nothing breaks today; every field that is added later will).

Only where the two schemas differ is anything looked at, and only what holds in any case: choices are left to the prover.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from headrace.catalogue.compatibility.json_facts import Facts, declares, gather
from headrace.catalogue.compatibility.json_nodes import ARRAY, OBJECT, JsonSchema, Node
from headrace.catalogue.compatibility.json_state import Step

Nodes = tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """``kind``: ``dropped`` or ``closed``. ``renamed``: the one new field beside it that is written alike."""

    kind: str
    event: str | None
    path: tuple[Step, ...]
    old: Node | None
    new: Node | None
    renamed: str | None = None


def seen(
    old: JsonSchema,
    new: JsonSchema,
    old_events: Mapping[str, str] | None,
    new_events: Mapping[str, str] | None,
    event: str | None = None,
) -> list[Seen]:
    """What changed from ``old`` to ``new``, in the order of the old schema. ``old_events``/``new_events``: of composed ones;
    ``event``: the schemas are the data schemas of this event."""
    if old_events is None or new_events is None:
        return list(_walk((old.root,), (new.root,), () if event is None else ("data",), event, set()))
    found: list[Seen] = []
    for name in sorted(set(old_events.values()) & set(new_events.values())):
        before, after = old.nodes[("definitions", name)], new.nodes[("definitions", name)]
        found += _walk((before,), (after,), ("data",), name, set())
    return found


def _walk(
    old: Nodes, new: Nodes, path: tuple[Step, ...], event: str | None, met: set[tuple[frozenset[int], frozenset[int]]]
) -> Iterator[Seen]:
    if _same(old, new):
        return
    key = frozenset(n.number for n in old), frozenset(n.number for n in new)
    if key in met:
        return
    met.add(key)
    before, after = gather(old), gather(new)
    if before.types & after.types & OBJECT:
        if _closed(after) and not _closed(before):
            yield Seen("closed", event, path, None, next(n for n in after.object_nodes if _refuses(n)))
        yield from _fields(before, after, path, event, met)
    if before.types & after.types & ARRAY:
        for index in range(max(before.prefix_length(), after.prefix_length()) + 1):
            one, other = before.of_item(index), after.of_item(index)
            if one and other:
                yield from _walk(one, other, (*path, index), event, met)


def _fields(
    before: Facts,
    after: Facts,
    path: tuple[Step, ...],
    event: str | None,
    met: set[tuple[frozenset[int], frozenset[int]]],
) -> Iterator[Seen]:
    was, now = before.names(), after.names()
    known, still = set(was), set(now)
    gone: list[str] = []
    for name in was:
        one = before.of_field(name)
        if one is None:
            continue
        if name in still:
            other = after.of_field(name)
            if other is not None:
                yield from _walk(one, other, (*path, name), event, met)
        elif not any(declares(node, name) for node in after.nodes):
            gone.append(name)
    if not gone:
        return
    left, fresh = _by_signature(before, gone), _by_signature(after, [name for name in now if name not in known])
    for name in gone:
        signature = _signature(before.of_field(name) or ())
        alike = fresh.get(signature, ())
        renamed = alike[0] if signature is not None and len(alike) == 1 and len(left[signature]) == 1 else None
        yield Seen("dropped", event, (*path, name), _declared(before, name), None, renamed)


def _by_signature(facts: Facts, names: Iterable[str]) -> dict[bytes | None, list[str]]:
    out: dict[bytes | None, list[str]] = {}
    for name in names:
        out.setdefault(_signature(facts.of_field(name) or ()), []).append(name)
    return out


def _signature(nodes: Nodes) -> bytes | None:
    return nodes[0].signature if len(nodes) == 1 else None


def _same(one: Nodes, other: Nodes) -> bool:
    signature = _signature(one)
    return signature is not None and signature == _signature(other)


def _declared(facts: Facts, name: str) -> Node | None:
    return next((n.properties[name] for n in facts.object_nodes if name in n.properties), None)


def _closed(facts: Facts) -> bool:
    return any(_refuses(node) for node in facts.object_nodes)


def _refuses(node: Node) -> bool:
    rests = (node.additional, node.unevaluated_properties)
    return any(rest is not None and rest.resolved().always is False for rest in rests)
