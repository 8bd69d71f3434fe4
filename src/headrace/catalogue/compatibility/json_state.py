"""A question of the prover, and what it could not prove: what the prover, its obligations and the witness maker share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from headrace.catalogue.compatibility.json_facts import Choice, Facts
from headrace.catalogue.compatibility.json_nodes import Node, made

OTHER: Final = "\0other"
"""Stands in a path for a field that neither schema names."""

Step = str | int
Nodes = tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class State:
    """The left side: ``nodes`` hold, ``denied`` do not; ``decided``: the choices made (their cases are among these)."""

    nodes: Nodes
    denied: Nodes = ()
    decided: frozenset[tuple[str, int, str]] = frozenset()

    @property
    def key(self) -> tuple[Any, ...]:
        if len(self.nodes) == 1 and not self.denied:
            return (self.nodes[0].number, self.decided)
        return (
            tuple(sorted({n.number for n in self.nodes})),
            tuple(sorted({n.number for n in self.denied})),
            self.decided,
        )

    def and_(self, *nodes: Node) -> State:
        return replace(self, nodes=self.nodes + nodes)


@dataclass(frozen=True, slots=True)
class Gap:
    """What could not be proved. ``rule``: the keyword (or ``undecided``). ``path``: where in the data, from where it was asked.
    ``states``: the left at each step of the path, the last one at the gap's own place. ``data``: the rule's own (a name,
    types, values). ``inner``: for a choice on the right, why its nearest branch does not do."""

    rule: str
    right: Node
    path: tuple[Step, ...]
    states: tuple[State, ...]
    data: Any = None
    inner: tuple[Gap, ...] = ()

    def below(self, step: Step, state: State) -> Gap:
        """The same gap, seen from one level above."""
        return replace(self, path=(step, *self.path), states=(state, *self.states))

    @property
    def left(self) -> State:
        return self.states[-1]

    @property
    def identity(self) -> tuple[Any, ...]:
        return (self.rule, self.right.number, self.path, repr(self.data))


Gaps = tuple[Gap, ...]


class Asking(Protocol):
    """The prover, as the obligations see it."""

    tolerant: bool

    def ask(self, state: State, right: Node) -> Gaps:
        """Gaps of ``right`` at the same place of the data."""

    def below(self, inside: Nodes, right: Node) -> Gaps:
        """Gaps of ``right`` for a field or an item of which ``inside`` holds."""

    def empty(self, state: State, *, choices: bool = True) -> bool: ...

    def facts(self, state: State) -> Facts: ...

    def declared(self, facts: Facts, name: str) -> bool: ...

    def free_form(self, facts: Facts) -> bool: ...

    def make(self, key: tuple[Any, ...], **keywords: Any) -> Node: ...


def cases(state: State, choice: Choice) -> list[State]:
    """The state in each case of a choice."""
    node = choice.node
    decided = state.decided | {choice.key}
    if choice.kind == "anyOf":
        return [State((*state.nodes, branch), state.denied, decided) for branch in node.any_of]
    if choice.kind == "oneOf":
        return [
            State((*state.nodes, branch), (*state.denied, *(o for o in node.one_of if o is not branch)), decided)
            for branch in node.one_of
        ]
    if choice.kind == "dependentSchemas":
        present = made(required=frozenset((choice.name,)))
        with_it = (*state.nodes, present, node.dependent_schemas[choice.name])
        return [
            State(state.nodes, (*state.denied, present), decided),
            State(with_it, state.denied, decided),
        ]
    assert node.if_ is not None
    then = (node.if_,) if node.then is None else (node.if_, node.then)
    other = () if node.else_ is None else (node.else_,)
    return [
        State((*state.nodes, *then), state.denied, decided),
        State((*state.nodes, *other), (*state.denied, node.if_), decided),
    ]
