"""Rules about paths into the data: keys, what consumers read, what may leave."""

from __future__ import annotations

from typing import Any

from headrace.catalogue import schema_paths
from headrace.catalogue.checking import RULES, Checking, Declared, Findings, LoadedSchema
from headrace.catalogue.codes import Code
from headrace.catalogue.documents import ConsumerDocument, EventDocument, StreamingDocument
from headrace.catalogue.findings import Finding, Path
from headrace.catalogue.rules_versions import numbers
from headrace.catalogue.suggest import did_you_mean


@RULES.item("events")
def key_fields_are_always_there(
    checking: Checking, product: Declared[Any], path: Path, event: EventDocument
) -> Findings:
    """In every version: the key of an old event and that of a new one must be made from the same fields."""
    for index, field in enumerate(event.key):
        at = (*path, "key", index)
        for schema in checking.schemas.get((product.name, int(path[1])), ()):
            if not schema.usable:
                continue
            version = f"version {schema.number}" if schema.number else schema.path
            if not schema_paths.exists(schema, field):
                said = f"the field '{field}' of the key does not exist in {version} of {event.name}"
                hint = "a key is written from the data's root, without data." if field.startswith("data.") else ""
                yield Finding(Code.KEY, said, hint or did_you_mean(field, schema_paths.fields(schema)), at)
                break
            if problem := schema_paths.key_problem(schema, field):
                said = f"the field '{field}' of the key {problem} in {version} of {event.name}"
                yield Finding(Code.KEY_FIELD, said, path=at)
                break


@RULES.item("events")
def exposed_paths_exist(checking: Checking, product: Declared[Any], path: Path, event: EventDocument) -> Findings:
    usable = [s for s in checking.schemas.get((product.name, int(path[1])), ()) if s.usable]
    if not usable:
        return
    newest = usable[-1]
    for audience, paths in (event.exposure or {}).items():
        for index, exposed in enumerate(paths):
            at = (*path, "exposure", audience, index)
            if exposed != "data" and not exposed.startswith("data."):
                said = f"the path '{exposed}' does not begin with data"
                yield Finding(Code.EXPOSURE, said, f"did you mean 'data.{exposed}'?", at)
            elif not schema_paths.exists(newest, exposed.removeprefix("data").removeprefix(".")):
                known = [f"data.{name}" for name in schema_paths.fields(newest)]
                said = f"the path '{exposed}' does not exist in {event.name}"
                yield Finding(Code.EXPOSURE, said, did_you_mean(exposed, known), at)


@RULES.item("consumers")
def reads_exist(checking: Checking, product: Declared[Any], path: Path, consumer: ConsumerDocument) -> Findings:
    """In the schema version that the consumer names, in at least one of the events that it takes."""
    taken = _taken(checking, product, consumer)
    events = consumer.events
    for index, read in enumerate(consumer.reads):
        at = (*path, "reads", index)
        attribute = schema_paths.envelope_attribute(read)
        if attribute is None:
            within = [s for s in taken or () if schema_paths.exists(s, read)]
            hint = f"did you mean 'data.{read}'?" if within else did_you_mean(read, schema_paths.attributes())
            yield Finding(Code.READS, f"the path '{read}' begins with no attribute of the envelope", hint, at)
        elif attribute == "data":
            inner = read.removeprefix("data").removeprefix(".")
            if taken and not any(schema_paths.exists(s, inner) for s in taken):
                known = {f"data.{n}" for s in taken for n in schema_paths.fields(s)}
                version = consumer.schema_version
                which = "no event that it consumes" if "*" in events or len(events) > 1 else events[0]
                said = f"the path '{read}' does not exist at schema version {version} in {which}"
                if which == "no event that it consumes":
                    said = f"the path '{read}' exists at schema version {version} in {which}"
                yield Finding(Code.READS, said, did_you_mean(read, known), at)
        elif attribute != "meta" and read != attribute:
            yield Finding(Code.READS, f"the envelope's '{attribute}' has no parts", f"write '{attribute}'", at)


def _taken(
    checking: Checking, product: Declared[StreamingDocument], consumer: ConsumerDocument
) -> list[LoadedSchema] | None:
    """The schemas in force, at a consumer's version, of the events that it takes; None where one of them is not known."""
    found = numbers(checking, product)
    if found is None or consumer.schema_version > max(n for ns in found.values() for n in ns):
        return None
    taken = []
    for index, event in enumerate(product.document.events):
        if "*" in consumer.events or event.name in consumer.events:
            in_force = [
                s for s in checking.schemas[product.name, index] if s.number and s.number <= consumer.schema_version
            ]
            if in_force:
                newest = max(in_force, key=lambda s: s.number or 0)
                if not newest.usable:
                    return None
                taken.append(newest)
    return taken or None
