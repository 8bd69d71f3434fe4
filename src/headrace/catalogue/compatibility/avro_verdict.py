"""Both readings of a change of an Avro schema, with findings and confirmed witnesses.

With Avro the readings agree: a writer cannot send a field that its schema lacks, and a reader passes over fields that it does
not know. A witness is written with the one schema and read with the other by fastavro, which must refuse it.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping
from typing import Any, Final

import fastavro
from msgspec.structs import replace

from headrace.catalogue.compatibility.avro_changes import Dropped, dropped
from headrace.catalogue.compatibility.avro_resolution import AvroGap, Resolution, Trail, kind
from headrace.catalogue.compatibility.describe import listed, short
from headrace.catalogue.compatibility.direction import DirectionVerdict
from headrace.catalogue.compatibility.findings import ordered
from headrace.catalogue.compatibility.kinds import KINDS
from headrace.catalogue.compatibility.sentences import MOST_PLACES
from headrace.catalogue.compatibility.verdict import Direction, Finding, Reading, Verdict, Witness
from headrace.model.avro_schema import AvroSchema

_EXAMPLES: Final[Mapping[str, Any]] = {
    "null": None,
    "boolean": False,
    "int": 0,
    "long": 0,
    "float": 0.0,
    "double": 0.0,
    "string": "a",
    "bytes": "YQ==",
    "date": "2026-01-31",
    "time-millis": "12:00:00",
    "time-micros": "12:00:00",
    "timestamp-millis": "2026-01-31T12:00:00Z",
    "timestamp-micros": "2026-01-31T12:00:00Z",
    "local-timestamp-millis": "2026-01-31T12:00:00",
    "local-timestamp-micros": "2026-01-31T12:00:00",
    "uuid": "6ba7b810-9dad-41d1-80b4-00c04fd430c8",
    "decimal": "0",
}
"""A value of each type, in the JSON form (`headrace.model.avro_schema`)."""

_BOTH: Final = (Reading.SEMANTIC, Reading.TOLERANT)
_KINDS: Final[Mapping[str, tuple[str, int, str, str]]] = {
    # code, harm, advice forward, advice backward
    "removed": (
        "HC101",
        95,
        "keep the field, and give it a default so that a later major can drop it",
        "give the new field a default",
    ),
    "name": ("HC214", 95, "keep the name", "name the old one among the aliases of the new type"),
    "type": (
        "HC201",
        80,
        "add a new field of the new type beside the old one, and deprecate the old one",
        "keep what the old schema allows, or begin a new major",
    ),
    "null": ("HC202", 80, "leave null out of the union until the next major", "keep null in the union"),
    "values": (
        "HC203",
        75,
        "a list that grows is a string; an enum that may grow needs a default from its first version on",
        "keep the symbol, or give the enum a default",
    ),
    "size": ("HC205", 80, "keep the size until the next major", "keep the size until the next major"),
    "decimal": ("HC204", 80, "keep precision and scale until the next major", "keep precision and scale"),
}


_UNDECIDED: Final = " (not decided: fastavro reads it, which others need not)"


def direction_verdict(
    writer: AvroSchema,
    reader: AvroSchema,
    direction: Direction,
    *,
    witness: bool = True,
    version: int | None = None,
) -> DirectionVerdict:
    """Whether ``reader`` takes what ``writer`` writes."""
    gaps = Resolution(writer, reader).gaps()
    findings: dict[tuple[str, str], Finding] = {}
    witnesses: dict[str, tuple[int, Witness]] = {}
    for gap in gaps:
        decided = not witness and any(f.verdict is Verdict.BROKEN for f in findings.values())
        shown = None if decided else _shown(gap, writer, reader)
        made = _finding(gap, direction, version, Verdict.UNDECIDED if shown is None else Verdict.BROKEN, tried=witness)
        before = findings.get((made.code, made.path))
        if before is None or before.verdict is Verdict.UNDECIDED:
            findings[made.code, made.path] = made
        if shown is not None and witness:
            event, refusal = shown
            witnesses.setdefault(repr(event), (-made.harm, _witness(event, refusal, gap, made, direction, version)))
    verdict = Verdict.worst([f.verdict for f in findings.values()])
    told = _once(findings.values())
    if direction is Direction.FORWARD:
        told += [_hint(each, version) for each in dropped(reader, writer)]
    return DirectionVerdict(
        semantic=verdict,
        tolerant=verdict,
        findings=ordered(told),
        witnesses=tuple(w for _, w in sorted(witnesses.values(), key=lambda pair: (pair[0], pair[1].path))),
    )


def _once(findings: Iterable[Finding]) -> list[Finding]:
    """A named type that is used in several places and was edited once is one finding, which names the places."""
    once: dict[tuple[str, str | None, str | None], list[Finding]] = {}
    for each in findings:
        once.setdefault((each.code, each.old, each.new), []).append(each)
    told = []
    for alike in once.values():
        first, others = alike[0], tuple(each.path for each in alike[1:])
        also = f"`{first.path}` (also {', '.join(f'`{path}`' for path in others[:MOST_PLACES])})"
        message = first.message.replace(f"`{first.path}`", also, 1) if others else first.message
        told.append(replace(first, also=others, message=message))
    return told


def _hint(gone: Dropped, version: int | None) -> Finding:
    """A field that is gone and has a default: no event is refused, and its readers get the default."""
    old = "the old schema" if version is None else f"v{version}"
    kind = KINDS["dropped"]
    return Finding(
        code=kind.code,
        direction=Direction.FORWARD,
        path=gone.path,
        old=gone.pointer,
        new=None,
        rule="dropped",
        message=f"`{gone.path}` is gone: consumers built on {old} that read it get its default, {short(gone.default)}",
        advice=kind.forward,
        verdict=Verdict.SAFE,
        readings=(),
        harm=kind.foreign,
        version=version,
    )


def _finding(gap: AvroGap, direction: Direction, version: int | None, verdict: Verdict, *, tried: bool) -> Finding:
    code, harm, forward, backward = _KINDS[gap.kind]
    ahead = direction is Direction.FORWARD
    return Finding(
        code=code,
        direction=direction,
        path=gap.path,
        old=gap.reader_pointer if ahead else gap.writer_pointer,
        new=gap.writer_pointer if ahead else gap.reader_pointer,
        rule=gap.kind,
        message=_sentence(gap, direction, version) + (_UNDECIDED if tried and verdict is Verdict.UNDECIDED else ""),
        advice=forward if ahead else backward,
        verdict=verdict,
        readings=_BOTH,
        harm=harm,
        version=version,
    )


def _sentence(gap: AvroGap, direction: Direction, version: int | None) -> str:
    old = "the old schema" if version is None else f"v{version}"
    at = f"`{gap.path}`" if gap.path else "the event"
    if direction is Direction.FORWARD:
        tail = f"consumers built on {old} cannot read it"
        if gap.kind == "removed":
            return f"{at} was always there; the new schema does not have it any more: consumers built on {old} need it"
        if gap.kind == "name":
            return f"{at} was named {gap.data[1]}, and is {gap.data[0]} now: {tail}"
        if gap.kind in ("values", "null") or (gap.trail and gap.trail[-1][0] == "branch"):
            return f"{at} was {_words(gap.reader)}; the new schema also writes {_more(gap)}: {tail}"
        return f"{at} was {_words(gap.reader)}, and is {_words(gap.writer)} in the new schema: {tail}"
    tail = f"events written with {old} cannot be read any more"
    if gap.kind == "removed":
        return f"{at} is new, without a default, and {old} does not have it: {tail}"
    if gap.kind == "name":
        return f"{at} was named {gap.data[0]}, and is {gap.data[1]} now, without the alias: {tail}"
    return f"{at} could be {_more(gap)} in {old}; the new schema takes {_words(gap.reader)} only: {tail}"


def _more(gap: AvroGap) -> str:
    return listed(gap.data) if gap.kind == "values" else _words(gap.writer)


def _words(node: Any) -> str:
    """A type in words."""
    what = kind(node)
    if what == "union":
        return " or ".join(_words(branch) for branch in node)
    if what == "enum":
        return listed(node["symbols"])
    if isinstance(node, Mapping) and node.get("logicalType") == "decimal":
        return f"decimal({node.get('precision', 0)}, {node.get('scale', 0)})"
    if what == "fixed":
        return f"{node['size']} bytes"
    if isinstance(node, Mapping) and "logicalType" in node:
        return str(node["logicalType"])
    return str(node["name"]) if what == "record" else what


# --- witnesses


def _witness(
    event: Any, refusal: str, gap: AvroGap, made: Finding, direction: Direction, version: int | None
) -> Witness:
    backward = direction is Direction.BACKWARD
    return Witness(
        event=event,
        direction=direction,
        valid_under="old" if backward else "new",
        rejected_by="new" if backward else "old",
        path=made.path,
        rule=gap.kind,
        message=refusal,
        reading=Reading.TOLERANT,
        version=version,
        code=made.code,
        about=made.path,
    )


def _shown(gap: AvroGap, writer: AvroSchema, reader: AvroSchema) -> tuple[Any, str] | None:
    """An event, in the JSON form, that the reader cannot read, and what fastavro says of it; None: it reads it."""
    try:
        event = _made(writer, writer.resolved, gap.trail, gap, 0)
    except RecursionError:
        return None
    if not writer.is_valid(event):
        return None
    written = io.BytesIO()
    fastavro.schemaless_writer(written, writer.resolved, writer.native(event))
    written.seek(0)
    try:
        fastavro.schemaless_reader(written, writer.resolved, reader.resolved)
    except Exception as error:  # fastavro has a class of its own for this, and others escape it
        return event, str(error).split(":")[0] if len(str(error)) > 200 else str(error)
    return None


def _made(schema: AvroSchema, node: Any, trail: Trail, gap: AvroGap, depth: int) -> Any:
    """A small value of ``node`` that goes along ``trail`` and ends at the gap."""
    if depth > 60:
        raise RecursionError
    node = schema.definition(node)
    what = kind(node)
    if what == "union":
        index, rest = (trail[0][1], trail[1:]) if trail and trail[0][0] == "branch" else (_shortest(node), ())
        return _made(schema, node[index], rest, gap, depth + 1)
    step, rest = (trail[0], trail[1:]) if trail else ((None, None), ())
    if what == "record":
        return {
            f["name"]: _made(schema, f["type"], rest if step == ("field", f["name"]) else (), gap, depth + 1)
            for f in node["fields"]
        }
    if what == "array":
        return [_made(schema, node["items"], rest, gap, depth + 1)] if step[0] == "item" else []
    if what == "map":
        return {"a": _made(schema, node["values"], rest, gap, depth + 1)} if step[0] == "value" else {}
    if what == "enum":
        here = gap.kind == "values" and gap.writer is node
        return gap.data[0] if here else node["symbols"][0]
    if what == "fixed":
        return "0" if "logicalType" in node else _base64(node["size"])
    logical = node.get("logicalType") if isinstance(node, Mapping) else None
    return _EXAMPLES.get(logical or what, _EXAMPLES.get(what))


def _shortest(branches: list[Any]) -> int:
    return branches.index("null") if "null" in branches else 0


def _base64(size: int) -> str:
    return base64.b64encode(b"a" * size).decode()
