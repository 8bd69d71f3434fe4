"""A topic's composed schema, seen as the events that it describes.

A composed schema (`headrace.envelope.composition`) has one ``if type = X then data = definitions/X`` per event type, and a
property ``x-events`` that refers to the same definitions and is never sent. People think in events and their data: a change in
``definitions/OrderProposalCreated`` is a change of ``data`` in that event, once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from headrace.catalogue.compatibility.json_nodes import OBJECT, JsonSchema, Node, made
from headrace.catalogue.compatibility.json_prover import Prover
from headrace.catalogue.compatibility.json_state import Gap, Gaps, Nodes, State, Step

NEVER_SENT: Final = "x-events"


_KEYWORDS: Final = frozenset(("$schema", "type", "required", "properties", "allOf", "definitions"))


def events_of(schema: Any) -> Mapping[str, str] | None:
    """Of a composed schema, each event type with its event's name; None for any other schema, however like one."""
    found: dict[str, str] = {}
    try:
        if schema.keys() - _KEYWORDS or schema["type"] != "object" or schema["properties"]["data"] != {}:
            return None
        for condition in schema["allOf"]:
            type_ = condition["if"]["properties"]["type"]["const"]
            name = condition["then"]["properties"]["data"]["$ref"].removeprefix("#/definitions/")
            if condition != _condition(type_, name) or type_ in found:
                return None
            found[type_] = name
        references = {name: {"$ref": f"#/definitions/{name}"} for name in found.values()}
        never_sent = {"type": "object", "properties": references}
        if schema["properties"][NEVER_SENT] != never_sent or schema["definitions"].keys() != references.keys():
            return None
    except (KeyError, TypeError, AttributeError):
        return None
    return found or None


def _condition(type_: Any, name: str) -> Any:
    return {
        "if": {"properties": {"type": {"const": type_}}, "required": ["type"]},
        "then": {"properties": {"data": {"$ref": f"#/definitions/{name}"}}},
    }


def by_event(prover: Prover, writer: JsonSchema, reader: JsonSchema) -> Gaps | None:
    """The gaps between two composed schemas, event by event: quicker than to take all conditions apart, and nothing is met
    twice. None where they cannot be told apart so: the envelopes differ, or an event has another type."""
    sent, read = events_of(writer.root.raw), events_of(reader.root.raw)
    if sent is None or read is None or _envelope(writer) != _envelope(reader):
        return None
    types = {name: type_ for type_, name in sent.items()}
    if any(types.get(name, type_) != type_ or sent.get(type_, name) != name for type_, name in read.items()):
        return None
    gaps: list[Gap] = []
    for type_, name in sorted(read.items()):
        if type_ in sent:
            inside: Nodes = (writer.nodes[("definitions", name)],)
        elif prover.tolerant:
            continue  # the SDK publishes no type that the schema does not name
        else:
            inside = ()
        found = prover.below(inside, reader.nodes[("definitions", name)])
        if found:
            around = State((_event(writer, type_, inside),))
            gaps += [gap.below("data", around) for gap in found]
    return tuple(gaps)


def _event(writer: JsonSchema, type_: str, data: Nodes) -> Node:
    """An event of one type, without the conditions of all the others: what a witness is made around."""
    root = writer.root
    fields = {name: node for name, node in root.properties.items() if name not in ("data", NEVER_SENT)}
    fields |= {"type": made(enum=(type_,)), **({"data": data[0]} if data else {})}
    return made(types=OBJECT, properties=fields, required=root.required)


def _envelope(schema: JsonSchema) -> Any:
    raw = schema.root.raw
    attributes = {name: rule for name, rule in raw["properties"].items() if name != NEVER_SENT}
    return schema.draft, attributes, sorted(raw["required"])


def event_of(gap: Gap, events: Mapping[str, str] | None) -> str | None:
    """The name of the event that the reader's subschema belongs to. ``events``: the reader's; None: it is not composed."""
    pointer = gap.right.pointer
    if events is not None and len(pointer) > 1 and pointer[0] == "definitions" and pointer[1] in events.values():
        return pointer[1]
    return None


def as_sent(path: tuple[Step, ...], event: str | None) -> tuple[Step, ...]:
    """The path of an event's field, also where it was met under the property that is never sent."""
    if event is not None and path[:2] == (NEVER_SENT, event):
        return ("data", *path[2:])
    return path
