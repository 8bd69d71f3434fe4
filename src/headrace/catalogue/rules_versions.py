"""Rules about schema versions: their numbers, and who names which (see the decision "a schema version is the product's")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headrace.catalogue.checking import RULES, Checking, Declared, Findings, LoadedSchema, getattr_or_none
from headrace.catalogue.codes import Code
from headrace.catalogue.documents import ConsumerDocument, EventDocument, ExceptionDocument, StreamingDocument
from headrace.catalogue.findings import Finding, Path
from headrace.catalogue.rules_ownership import event_names
from headrace.model.product import Status


def numbers(checking: Checking, product: Declared[StreamingDocument]) -> dict[int, list[int]] | None:
    """By index of the event, the numbers of its versions; None where one of them cannot be known."""
    events = getattr_or_none(product.document, "events")
    found: dict[int, list[int]] = {}
    for index in range(len(events or ())):
        schemas = checking.schemas.get((product.name, index))
        if not schemas or any(s.number is None for s in schemas):
            return None
        found[index] = [s.number for s in schemas if s.number is not None]
    return found or None


@RULES.item("events")
def versions_ascend(checking: Checking, product: Declared[Any], path: Path, event: EventDocument) -> Findings:
    at = (*path, "schema", "versions")
    if not event.schema_.versions:
        yield Finding(Code.NO_VERSIONS, f"the event {event.name} has no schema", path=at, key=True)
    schemas: Sequence[LoadedSchema] = checking.schemas.get((product.name, int(path[1])), ())
    highest = 0
    for schema in schemas:
        if schema.number is None:
            continue
        if schema.number <= highest:
            said = f"version {schema.number} stands behind version {highest}"
            if schema.number == highest:
                said = f"version {schema.number} stands twice"
            yield Finding(Code.VERSION_ORDER, said, path=(*at, schema.entry))
        highest = max(highest, schema.number)


@RULES.about("streaming")
def every_version_is_brought(checking: Checking, product: Declared[StreamingDocument]) -> Findings:
    found = numbers(checking, product)
    if found is None:
        return
    brought = {n: (index, entry) for index, ns in found.items() for entry, n in enumerate(ns)}
    previous = 0
    for number in sorted(brought):
        missing = range(previous + 1, number)
        if missing:
            index, entry = brought[number]
            listed = ", ".join(map(str, missing[:5])) + (", ..." if len(missing) > 5 else "")
            said = f"no event brings the schema version {listed}, but one brings {number}"
            hint = f"number this file {missing[0]}" if len(missing) == 1 else f"number the files from {missing[0]} on"
            yield Finding(Code.VERSION_GAP, said, hint, ("events", index, "schema", "versions", entry))
        previous = number


@RULES.item("producers")
@RULES.item("consumers")
def schema_version_exists(checking: Checking, product: Declared[Any], path: Path, party: Any) -> Findings:
    found = numbers(checking, product)
    wanted = party.schema_version
    if found is None:
        return
    newest = max(n for ns in found.values() for n in ns)
    if wanted > newest:
        said = f"the schemaVersion {wanted} does not exist; the newest is {newest}"
        yield Finding(Code.NO_SCHEMA_VERSION, said, path=(*path, "schemaVersion"))
        return
    known = event_names(product) or []
    for index, event in enumerate(party.events):
        if event in known:
            first = min(found[known.index(event)])
            if first > wanted:
                said = f"the event '{event}' came with schema version {first}, this names {wanted}"
                hint = f"write schemaVersion: {first} or a newer one"
                yield Finding(Code.EVENT_TOO_NEW, said, hint, (*path, "events", index))


@RULES.about("streaming")
def every_event_has_a_producer(_: Checking, product: Declared[StreamingDocument]) -> Findings:
    document = product.document
    known = event_names(product)
    if document.status is not Status.ACTIVE or known is None or not document.producers:
        return
    published = {event for producer in document.producers for event in producer.events}
    if published - set(known):
        return  # a misspelt name there is one fault, not two
    for index, event in enumerate(document.events):
        if known[index] not in published and event.deprecation is None:
            said = f"no producer publishes the event '{known[index]}'"
            yield Finding(Code.NO_PRODUCER, said, path=("events", index, "name"))


@RULES.item("consumers")
def events_that_are_named_are_published(
    _: Checking, product: Declared[Any], path: Path, consumer: ConsumerDocument
) -> Findings:
    """A deprecated event needs no producer, but until nobody names it its last producer may not stop."""
    document = product.document
    known = event_names(product)
    if document.status is not Status.ACTIVE or known is None or not document.producers:
        return
    published = {event for producer in document.producers for event in producer.events}
    if published - set(known):
        return  # a misspelt name there is one fault, not two
    for index, name in enumerate(consumer.events):
        event = document.events[known.index(name)] if name in known else None
        if event is not None and name not in published and event.deprecation is not None:
            said = f"{consumer.application} names the event '{name}', which no producer publishes any more"
            yield Finding(Code.EVENT_STOPPED, said, path=(*path, "events", index))


@RULES.item("exceptions")
def exceptions_are_for_versions_that_exist(
    checking: Checking, product: Declared[Any], path: Path, exception: ExceptionDocument
) -> Findings:
    found = numbers(checking, product)
    version = exception.schema_version
    if found is not None:
        newest = max(n for ns in found.values() for n in ns)
        if not 2 <= version <= newest:
            said = f"there is an exception for schema version {version}; the newest is {newest}"
            if version < 2:
                said = "there is an exception for the first schema version, which has none before it"
            yield Finding(Code.EXCEPTION, said, path=(*path, "schemaVersion"))
            return
    before = product.document.exceptions[: int(path[1])]
    if any(getattr_or_none(other, "schema_version") == version for other in before):
        said = f"schema version {version} has two exceptions"
        yield Finding(Code.EXCEPTION, said, path=(*path, "schemaVersion"))
