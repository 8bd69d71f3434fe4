"""A topic's composed schema, seen as the events that it describes.

A composed schema (`headrace.envelope.composition`) has one ``if type = X then data = definitions/X`` per event type, and a
property ``x-events`` that refers to the same definitions and is never sent. People think in events and their data: a change in
``definitions/OrderProposalCreated`` is a change of ``data`` in that event, once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from headrace.catalogue.compatibility.json_state import Gap, Step

NEVER_SENT: Final = "x-events"


def events_of(schema: Any) -> Mapping[str, str] | None:
    """Of a composed schema, each event type with its event's name; None for any other schema."""
    found: dict[str, str] = {}
    try:
        if not isinstance(schema["definitions"], Mapping) or NEVER_SENT not in schema["properties"]:
            return None
        for condition in schema["allOf"]:
            reference = condition["then"]["properties"]["data"]["$ref"]
            found[condition["if"]["properties"]["type"]["const"]] = reference.removeprefix("#/definitions/")
    except (KeyError, TypeError, AttributeError):
        return None
    return found if found and all(name in schema["definitions"] for name in found.values()) else None


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
