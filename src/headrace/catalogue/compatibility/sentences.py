"""A change in a sentence for a person: what was, what is, and for whom it matters.

Written for both directions. Under FORWARD the writer is new and the reader old: consumers built on the old schema meet new
events. Under BACKWARD the writer is old: consumers built on the new schema meet events of the old one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from headrace.catalogue.compatibility import describe
from headrace.catalogue.compatibility.json_facts import Facts, gather
from headrace.catalogue.compatibility.json_nodes import ANY, STRING, Node
from headrace.catalogue.compatibility.json_state import OTHER, Gap, Step
from headrace.catalogue.compatibility.verdict import Direction

OLD: Final = "the old schema"
"""How sentences name the old side where no version is known."""

NEW: Final = "the new schema"

MOST_PLACES: Final = 3
"""Other places of the same edit that a sentence names."""


def data_path(path: Iterable[Step]) -> str:
    """``data.lines[].quantity``; a field that nothing names is ``*``."""
    out = ""
    for step in path:
        if isinstance(step, int):
            out += "[]"
        else:
            name = "*" if step.startswith(OTHER[:1]) else step
            plain = name == "*" or name.replace("_", "").replace("-", "").isalnum()
            out += (f".{name}" if out else name) if plain else f'["{name}"]'
    return out


def place(path: tuple[Step, ...], event: str | None, also: Sequence[tuple[Step, ...]] = ()) -> str:
    """The place as a sentence begins: ``OrderProposalCreated: `data.quantity` ``. ``also``: the other places of the same
    edit."""
    last = path[-1] if path else ""
    around = f"`{data_path(path[:-1])}`" if path[:-1] else "the event"
    if last == OTHER:
        at = f"any other field of {around}"
    elif isinstance(last, str) and last.startswith(OTHER[:1]):
        at = f"any field of {around} that matches {last.partition(':')[2]}"
    else:
        at = f"`{data_path(path)}`" if path else "the event"
    others = [f"`{data_path(other)}`" for other in also]
    if others:
        more = f" and {len(others) - MOST_PLACES} more" if len(others) > MOST_PLACES else ""
        at = f"{at} (also {', '.join(others[:MOST_PLACES])}{more})"
    return f"{event}: {at}" if event else at


def sentence(kind: str, at: str, gap: Gap, direction: Direction, old: str, *, several: bool = False) -> str:
    """``several``: more than one kind of edit was made of what the place may hold. ``old``: what the old side is called."""
    forward = direction is Direction.FORWARD
    told = (_presence_forward if forward else _presence_backward)(kind, at, gap, old)
    return told or (_value_forward if forward else _value_backward)(kind, at, gap, old, several)


def undecided(told: str, gap: Gap) -> str:
    """The same, where no event was found that shows it: nobody knows whether it breaks anything."""
    return f"{told} (not decided: {stopped(gap)})"


def stopped(gap: Gap) -> str:
    """What stopped the proof."""
    if gap.rule == "undecided":
        why = {"circular": "the schema refers to itself there", "too large": "the schemas are too large"}
        return why.get(str(gap.data), "the schema is too involved")
    keyword = {"values": "enum", "false": "false"}.get(gap.rule, gap.rule)
    return f"`{keyword}` at {gap.right.place} stopped the proof, and no event was found that shows a break"


# --- whether a field is there


def _presence_forward(kind: str, at: str, gap: Gap, old: str) -> str:
    need, reject = f"consumers built on {old} need it", f"consumers built on {old} will reject it"
    when = _condition(gap.right)
    if kind == "removed":
        return f"{at} was always there{when}; {NEW} does not have it any more: {need}"
    if kind == "optional":
        return f"{at} was always there{when}; {NEW} lets it be missing: {need}"
    if kind == "depends":
        return f"{at} was always there beside `{gap.data[0]}`; {NEW} lets it be missing: {need}"
    if kind == "dropped":
        return dropped(at, old)
    if kind == "undeclared":
        if gap.data == OTHER or not isinstance(gap.data, str):
            return f"{at} may be there in {NEW}, and {old} refuses what it does not declare: {reject}"
        return f"{at} is new, and {old} refuses fields that it does not declare: {reject}"
    if kind == "event":
        return f"{_event(at)} is gone: {NEW} does not describe it any more; consumers built on {old} still expect it"
    if kind == "open":
        return f"{at} was {_was(gap.right)} in {old}; {NEW} does not say what it is any more"
    if kind == "names":
        return f"names of fields in {at} had to be {_names(gap)} in {old}; {NEW} allows others: {reject}"
    if kind == "undecided":
        return f"{at}: consumers built on {old} may not take all that {NEW} allows"
    return ""


def _presence_backward(kind: str, at: str, gap: Gap, old: str) -> str:
    reject = f"consumers built on {NEW} will reject events written with {old}"
    when = _condition(gap.right)
    if kind == "removed":
        return f"{at} is required by {NEW}{when}, and {old} does not have it: {reject}"
    if kind == "optional":
        return f"{at} could be missing in {old}; {NEW} requires it{when}: {reject}"
    if kind == "depends":
        return f"{at} could be missing beside `{gap.data[0]}` in {old}; {NEW} requires it there: {reject}"
    if kind == "undeclared":
        if gap.data == OTHER or not isinstance(gap.data, str):
            return f"{at} could be there in {old}, and {NEW} refuses what it does not declare: {reject}"
        return f"{at} is in {old}, and {NEW} refuses fields that it does not declare: {reject}"
    if kind == "event":
        return f"{_event(at)} is new: nothing in {old} says what an event of that type holds; {NEW} does"
    if kind in ("open", "dropped"):
        return f"{at} could be anything in {old}, which does not declare it; {NEW} takes {_was(gap.right)} only"
    if kind == "names":
        return f"names of fields in {at} have to be {_names(gap)} in {NEW}, which {old} did not ask for: {reject}"
    if kind == "undecided":
        return f"{at}: {NEW} may not take all that {old} allows"
    return ""


def dropped(at: str, old: str) -> str:
    return f"{at} is gone: {NEW} does not declare it any more; consumers built on {old} that read it find nothing"


def closes(at: str) -> str:
    return (
        f"{at} refuses fields that it does not declare from now on: every field that is added later will be refused, "
        f"as long as this version is compared with, and that cannot be undone"
    )


def _event(at: str) -> str:
    return f"the event {at.partition(':')[0]}"


def _names(gap: Gap) -> str:
    rule = gap.right.property_names
    return "nothing" if rule is None else describe.describe_facts(gather((rule,)), only=STRING)


def _condition(node: Node) -> str:
    """Whether it was asked under a condition (`then`, `else`, a dependency), and where that is written."""
    nodes = node.schema.nodes
    for length in range(len(node.pointer), 0, -1):
        if length > 1 and node.pointer[length - 2] in ("dependentSchemas", "dependencies"):
            holder = nodes.get(node.pointer[: length - 2])
            if holder is not None and node.pointer[length - 1] in holder.dependent_schemas:
                return f" beside `{node.pointer[length - 1]}`"
        if node.pointer[length - 1] in ("then", "else"):
            holder = nodes.get(node.pointer[: length - 1])
            if holder is not None and holder.if_ is not None:
                return f" under the condition at {holder.if_.place}"
    return ""


# --- what a field may hold


def _value_forward(kind: str, at: str, gap: Gap, old: str, several: bool) -> str:
    reject = f"consumers built on {old} will reject it"
    was = _was(gap.right)
    if kind == "alternatives":
        if isinstance(gap.data, tuple):
            return f"{at} may now fit two alternatives of {old} at once, which wants exactly one: {reject}"
        return f"{at} was {was}; {NEW} also allows {_alternative(gap)}: {reject}"
    if kind == "excluded" and gap.right.not_ is not None:
        return f"{at} could not be {_was(gap.right.not_)} in {old}; {NEW} allows it: {reject}"
    more = None if several else _more(gap)
    if more is not None:
        return f"{at} was {was}; {NEW} also allows {more}: {reject}"
    now = _now(gap)
    if now == was:
        return f"{at} is {was}, and no longer as `{gap.rule}` of {old} has it: {reject}"
    is_now = "may be" if now == "anything" else "is"
    return f"{at} was {was}, and {is_now} {now} in {NEW}: consumers built on {old} will reject the values that are new"


def _value_backward(kind: str, at: str, gap: Gap, old: str, several: bool) -> str:
    reject = f"consumers built on {NEW} will reject events written with {old}"
    was = _was(gap.right)
    if kind == "alternatives":
        if isinstance(gap.data, tuple):
            return f"{at} may fit two alternatives of {NEW} at once, which wants exactly one: {reject}"
        return f"{at} could be {_alternative(gap)} in {old}; {NEW} has no such alternative: {reject}"
    if kind == "excluded" and gap.right.not_ is not None:
        return f"{at} could be {_was(gap.right.not_)} in {old}; {NEW} excludes it: {reject}"
    more = None if several else _more(gap)
    if more is not None:
        return f"{at} could be {more} in {old}; {NEW} takes {was} only: {reject}"
    now = _now(gap)
    if now == was:
        return f"{at} is {was}, and in {old} not always as `{gap.rule}` of {NEW} has it: {reject}"
    could = "could be" if now == "anything" else "was"
    return f"{at} {could} {now} in {old}; {NEW} takes {was} only: {reject}"


def _was(node: Node) -> str:
    return describe.describe((node,))


def _now(gap: Gap) -> str:
    """The writer's side of the place."""
    facts = gather(gap.left.nodes)
    return "anything" if facts.types == ANY and not facts.nodes else describe.describe_facts(facts)


def _more(gap: Gap) -> str | None:
    """What the writer may send and the reader does not take, where that is one plain thing; None: tell both sides."""
    rule, data = gap.rule, gap.data
    facts = gather(gap.left.nodes)
    if rule == "type":
        return describe.types(data) if facts.types != ANY and facts.types & gather((gap.right,)).types else None
    if rule in ("values", "enum") and isinstance(data, tuple):
        return describe.listed(data)
    if rule == "uniqueItems":
        return "the same item twice"
    if rule == "contains":
        return "lists without the item that is asked for"
    return None


def _alternative(gap: Gap) -> str:
    """The writer's alternative, by the field that tells it from others where there is one."""
    facts = gather(gap.left.nodes)
    telling = _telling(facts)
    kind = describe.types(facts.types)
    if telling:
        return f"{kind} with `{telling[0]}` {describe.short(telling[1])}"
    names = [f"`{name}`" for name in sorted(facts.required)[:3]]
    return f"{kind} with {' and '.join(names)}" if names else describe.describe_facts(facts)


def _telling(facts: Facts) -> tuple[str, Any] | None:
    for name in sorted(facts.required):
        inside = facts.of_field(name)
        if inside:
            values = gather(inside).finite
            if values is not None and len(values) == 1:
                return name, values[0]
    return None
