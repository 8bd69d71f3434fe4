"""Proving that every document valid under one JSON Schema is valid under another.

A question is "what holds here (the left: a `State`) is valid under this subschema (the right)". The right is taken apart
keyword by keyword; each is an obligation that the left's `Facts` must meet (`json_obligations`), or goes down into fields and
items. What is left unproved is a `Gap`: the place in the data, the two places in the schemas, and the left as it was, from
which `json_witness` makes a document that shows it. Where a gap remains and the left has a choice (`anyOf`, `oneOf`, `if`), the
question is asked once for each case.

Sound: no gaps means that it is true. Two shortcuts make it quick: what is written alike on both sides (`Node.signature`), and a
memory of what was asked. Recursive schemas end because a question met again further down in the data may be taken as answered:
data is finite (coinduction). An answer that rests on such an assumption is forgotten if the assumption fails.

Two readings. *Semantic*: exactly that. *Tolerant* (``tolerant=True``): the writer sends only fields that its schema declares
(Headrace's publish refuses others), and the reader ignores fields that its schema does not declare.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from headrace.catalogue.compatibility.json_evaluate import holds
from headrace.catalogue.compatibility.json_facts import Facts, declares, deny, gather, only_not
from headrace.catalogue.compatibility.json_nodes import (
    ARRAY,
    BOOLEAN,
    NULL,
    NUMBER,
    OBJECT,
    STRING,
    Node,
    canonical,
    made,
)
from headrace.catalogue.compatibility.json_obligations import local
from headrace.catalogue.compatibility.json_regex import Unknown, find
from headrace.catalogue.compatibility.json_state import Gap, Gaps, Nodes, State, cases

FUEL: Final = 2_500
"""Questions that may be asked for one pair of schemas. A pair of 200 fields takes some hundreds."""

FREE_NODES: Final = 4
"""A question about a state of more subschemas counts as several: it takes as much longer."""

MAX_BRANCHES: Final = 24
"""Values of a discriminating field that are looked at one by one."""


class Prover:
    """For one pair of schemas; not for several threads."""

    def __init__(self, *, tolerant: bool = False, fuel: int = FUEL) -> None:
        self.tolerant = tolerant
        self.exhausted = False
        self._fuel = fuel
        self._facts: dict[tuple[Any, ...], Facts] = {}
        self._known: dict[tuple[Any, ...], Gaps] = {}
        self._pending: dict[tuple[Any, ...], tuple[int, int]] = {}
        self._splitting = True
        self._level = 0
        """How far down in the data the current question is."""
        self._lowest = 1 << 30
        """The outermost pending question that the current answer rests on."""
        self._resting: list[tuple[Any, ...]] = []
        """Answers that rest on questions still pending."""
        self._empty: dict[tuple[Any, ...], bool] = {}
        self._made: dict[tuple[Any, ...], Node] = {}

    def covers(self, left: Node, right: Node) -> Gaps:
        """Why not every document valid under ``left`` is valid under ``right``; empty: it is proved."""
        return self.ask(State((left,)), right)

    def facts(self, state: State) -> Facts:
        key = state.key[:2] if len(state.nodes) != 1 or state.denied else state.key[:1]
        found = self._facts.get(key)
        if found is None:
            found = self._facts[key] = gather(state.nodes)
            for node in state.denied:
                deny(found, node)
        return found

    # --- questions

    def ask(self, state: State, right: Node) -> Gaps:
        return self._ask(state, right, self._splitting)

    def _plainly(self, state: State, right: Node) -> bool:
        """Whether ``right`` covers the left without taking the left's choices apart: for questions about the left itself,
        which are asked often."""
        return not self._plain_gaps(state, right)

    def _plain_gaps(self, state: State, right: Node) -> Gaps:
        outer, self._splitting = self._splitting, False
        try:
            return self._ask(state, right, False)
        finally:
            self._splitting = outer

    def _ask(self, state: State, right: Node, split: bool) -> Gaps:
        right = right.resolved()
        if right.always is True:
            return ()
        key = (state.key, right.number, split)
        known = self._known.get(key)
        if known is not None:
            return known
        pending = self._pending.get(key)
        if pending is not None:
            depth, level = pending
            if level == self._level:  # the same question about the same value: going round in a circle proves nothing
                return (Gap("undecided", right, (), (state,), "circular"),)
            self._lowest = min(self._lowest, depth)
            return ()
        if self._fuel <= 0:
            self.exhausted = True
            return (Gap("undecided", right, (), (state,), "too large"),)
        self._fuel -= 1 + len(state.nodes) // FREE_NODES + len(state.denied) // 64
        depth = len(self._pending)
        self._pending[key] = (depth, self._level)
        outer, self._lowest = self._lowest, 1 << 30
        resting = len(self._resting)
        try:
            gaps = self._answer(state, right)
        finally:
            del self._pending[key]
        lowest, self._lowest = self._lowest, min(outer, self._lowest if self._lowest < depth else 1 << 30)
        if gaps:
            for other in self._resting[resting:]:
                self._known.pop(other, None)
            del self._resting[resting:]
            self._known[key] = gaps
        else:
            self._known[key] = ()
            if lowest < depth:
                self._resting.append(key)
            else:
                del self._resting[resting:]
        return gaps

    def below(self, inside: Nodes, right: Node) -> Gaps:
        # Most fields are as they were: seen before anything is gathered.
        signature = right.signature
        if signature is not None:
            for node in inside:
                if node.signature == signature:
                    return ()
        self._level += 1
        try:
            # What many references point to is asked about once.
            return self.ask(State(tuple(node.resolved() for node in inside)), right)
        finally:
            self._level -= 1

    def _answer(self, state: State, right: Node) -> Gaps:
        facts = self.facts(state)
        if facts.never:
            return ()
        gaps = self._met(state, facts, right)
        if not gaps or self.empty(state, choices=self._splitting):
            return ()
        if not facts.choices or not self._splitting:
            return gaps
        forced = self._force(state, facts)
        if forced is not state:
            return self.ask(forced, right)
        choice = next((c for c in facts.choices if c.key not in state.decided), None)
        if choice is None:
            return gaps
        found: dict[tuple[Any, ...], Gap] = {}
        for case in cases(state, choice):
            for gap in self.ask(case, right):
                found.setdefault(gap.identity, gap)
        return tuple(found.values())

    def _met(self, state: State, facts: Facts, right: Node) -> Gaps:
        """The gaps of ``right``'s obligations, without splitting the left."""
        signature = right.signature
        if signature is not None:
            for node in facts.nodes:
                if node.signature == signature:
                    return ()
        if right.always is False:
            return () if self.empty(state) else (Gap("false", right, (), (state,)),)
        if facts.finite is not None:
            bad = tuple(v for v in self.listed(facts) if not holds(right, v))
            return (Gap("enum" if right.enum is not None else "values", right, (), (state,), bad),) if bad else ()
        gaps = list(local(self, state, facts, right))
        if gaps and not facts.nodes and not state.denied:
            return tuple(gaps)
        if right.ref is not None:
            gaps += self.ask(state, right.ref)
        for sub in right.all_of:
            gaps += self.ask(state, sub)
        if right.any_of:
            gaps += self._one_branch(state, facts, right, "anyOf")
        if right.one_of:
            gaps += self._one_branch(state, facts, right, "oneOf")
        if right.not_ is not None and not self._denied(state, facts, right.not_):
            twice = only_not(right.not_)
            gaps += [Gap("not", right, (), (state,))] if twice is None else self.ask(state, twice)
        if right.if_ is not None:
            if right.then is not None:
                gaps += self.ask(state.and_(right.if_), right.then)
            if right.else_ is not None:
                gaps += self.ask(replace(state, denied=(*state.denied, right.if_)), right.else_)
        return tuple(gaps)

    def listed(self, facts: Facts) -> list[Any]:
        """The finite values that are really valid on the left."""
        return [
            v
            for v in facts.finite or ()
            if all(holds(n, v) for n in facts.nodes) and not any(holds(d, v) for d in facts.denied)
        ]

    # --- choices on the right

    def _one_branch(self, state: State, facts: Facts, right: Node, kind: str, split: int = 2) -> Gaps:
        branches = right.any_of if kind == "anyOf" else right.one_of
        for node in facts.nodes:
            if (node.any_of or node.one_of) and node is not right and _alike(node, right, kind):
                return ()
        # While the left has choices left, which are taken apart next, a branch that takes all of them at once is tried only.
        open_ = self._splitting and any(choice.key not in state.decided for choice in facts.choices)
        tried: list[Gaps] = []
        apart: list[Gaps] = []
        for branch in _likely(branches, facts):
            conflict = self._conflict(state, facts, branch)
            if conflict is not None:
                apart.append((conflict,))
                continue
            gaps = self._plain_gaps(state, branch) if open_ else self.ask(state, branch)
            if not gaps and kind == "oneOf":
                gaps = tuple(
                    Gap("oneOf", right, (), (state,), (branch.place, other.place))
                    for other in branches
                    if other is not branch and not self._denied(state, facts, other)
                )
            if not gaps:
                return ()
            tried.append(gaps)
        if split and not open_:
            parts = list(self._parts(state, facts, branches))
            if len(parts) > 1:
                found: list[Gap] = []
                for part in parts:
                    part_facts = self.facts(part)
                    if not part_facts.never and not self.empty(part):
                        found += self._one_branch(part, part_facts, right, kind, split - 1)
                return tuple({gap.identity: gap for gap in found}.values())
        return (Gap(kind, right, (), (state,), inner=(*_nearest(tried), *_nearest(apart))[:24]),)

    def _conflict(self, state: State, facts: Facts, branch: Node) -> Gap | None:
        """The field that tells the left from ``branch``, if all its values are others: the branch need not be looked into."""
        branch = branch.resolved()
        if facts.types != OBJECT or branch.ref is not None:
            return None
        for name in sorted(facts.required & branch.properties.keys()):
            wanted = branch.properties[name].resolved()
            inside = facts.of_field(name) if wanted.enum is not None else None
            values = gather(inside).finite if inside else None
            if values and not any(holds(wanted, value) for value in values):
                return Gap("values", wanted, (name,), (state, State(inside or ())), tuple(values))
        return None

    def _parts(self, state: State, facts: Facts, branches: Sequence[Node]) -> Iterable[State]:
        """The left in parts that together are all of it: by type, or by the values of a field that tells branches apart."""
        kinds = [bits for bits in (NULL, BOOLEAN, NUMBER, STRING, ARRAY, OBJECT) if facts.types & bits]
        if len(kinds) > 1:
            for bits in kinds:
                yield state.and_(self.make(("types", bits), types=bits))
            return
        if facts.types != OBJECT:
            return
        for name in sorted(facts.required):
            telling = sum(
                1 for b in branches if (sub := gather((b,)).of_field(name)) and gather(sub).finite is not None
            )
            if telling < 2:
                continue
            inside = facts.of_field(name)
            if not inside:
                continue
            values = gather(inside).finite
            if values is not None and 1 < len(values) <= MAX_BRANCHES:
                for value in values:
                    constant = self.make(("const", canonical(value)), enum=(value,))
                    yield state.and_(self.make(("field", name, canonical(value)), properties={name: constant}))
                return

    def _denied(self, state: State, facts: Facts, node: Node) -> bool:
        """Whether nothing on the left is valid under ``node``."""
        if self._conflict(state, facts, node) is not None:
            return True
        if any(self._plainly(State((node,)), other) for other in facts.denied):
            return True  # what is denied already includes it
        return self.empty(state.and_(node))

    # --- the left's own

    def _force(self, state: State, facts: Facts) -> State:
        """The state with every choice decided of which only one case can be."""
        forced = state
        for choice in facts.choices:
            place = choice.key
            if place in state.decided:
                continue
            possible = [case for case in cases(forced, choice) if not self.empty(case, choices=False)]
            if len(possible) == 1:
                forced = possible[0]
        return forced

    def empty(self, state: State, *, choices: bool = True) -> bool:
        """Whether it is certain that no document is valid on the left. ``choices``: look into each case of its choices,
        one choice at a time (all together would be exponential)."""
        facts = self.facts(state)
        if facts.never:
            return True
        choices = choices and bool(facts.choices)
        if not (
            facts.finite is not None or (facts.denied or choices or facts.required or facts.min_items or facts.patterns)
        ):
            return False
        key = (state.key, choices)
        known = self._empty.get(key)
        if known is None:
            if self._fuel <= 0:
                self.exhausted = True
                return False
            self._fuel -= 1 + len(state.nodes) // FREE_NODES + len(state.denied) // 64
            self._empty[key] = False  # met again below itself: nothing is certain
            outer, self._lowest = self._lowest, 1 << 30
            known = self._is_empty(state, facts, choices)
            rests, self._lowest = self._lowest < 1 << 30, min(outer, self._lowest)
            if known and rests:
                del self._empty[key]
            else:
                self._empty[key] = known
        return known

    def _is_empty(self, state: State, facts: Facts, choices: bool) -> bool:
        if facts.finite is not None:
            return not self.listed(facts)
        if facts.types == OBJECT:
            for name in facts.required:
                inside = facts.of_field(name)
                if inside is None or (inside and self.empty(State(inside))):
                    return True
        if facts.types == ARRAY and facts.min_items and self._no_array(facts):
            return True
        if facts.types == STRING and facts.patterns and self._no_text(facts):
            return True
        positive = State(state.nodes, (), state.decided)
        for other in facts.denied:
            if other.resolved().always is True:
                return True
            if self._conflict(positive, facts, other) is None and self._plainly(positive, other):
                return True
        for choice in facts.choices if choices else ():
            place = choice.key
            if place not in state.decided and all(self.empty(case, choices=False) for case in cases(state, choice)):
                return True
        return False

    def _no_array(self, facts: Facts) -> bool:
        inside = facts.of_item(0)
        if inside is None or (inside and self.empty(State(inside))):
            return True
        places = [facts.of_item(index) for index in range(facts.prefix_length() + 1)]
        return any(
            node.min_contains > 0
            and all(items is None or self.empty(State((*items, node.contains))) for items in places)
            for node in facts.array_nodes
            if node.contains is not None
        )

    @staticmethod
    def _no_text(facts: Facts) -> bool:
        try:
            return find(facts.patterns, least=facts.min_length, most=facts.max_length) is None
        except Unknown:
            return False

    def declared(self, facts: Facts, name: str) -> bool:
        """Whether the writer's schema speaks of the field ``name`` here, in any branch (the tolerant reading)."""
        return any(declares(node, name) for node in facts.nodes)

    def free_form(self, facts: Facts) -> bool:
        """Whether nothing declares any field here: then all may be sent."""
        return not any(declares(node, None) for node in facts.nodes)

    def make(self, key: tuple[Any, ...], **keywords: Any) -> Node:
        """A subschema of the prover's own, made once for each key."""
        node = self._made.get(key)
        if node is None:
            node = self._made[key] = made(**keywords)
        return node


def _likely(branches: Sequence[Node], facts: Facts) -> list[Node]:
    """The branches, first those that are written as something on the left is."""
    known = {node.signature for node in facts.nodes} - {None}
    return sorted(branches, key=lambda branch: branch.signature not in known)


def _nearest(tried: list[Gaps]) -> Gaps:
    """The gaps of the branches, that which is nearest first: not of another type, and with the fewest gaps."""
    ranked = sorted(tried, key=lambda gaps: (any(g.rule in ("type", "false") and not g.path for g in gaps), len(gaps)))
    return tuple(gap for gaps in ranked for gap in gaps[:8])[:24]


def _alike(left: Node, right: Node, kind: str) -> bool:
    mine, others = (left.any_of, right.any_of) if kind == "anyOf" else (left.one_of, right.one_of)
    if not mine or len(mine) != len(others):
        return False
    signatures = [(a.signature, b.signature) for a, b in zip(mine, others, strict=True)]
    return all(a is not None and a == b for a, b in signatures)
