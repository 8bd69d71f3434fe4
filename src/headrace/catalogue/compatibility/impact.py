"""Who breaks: the findings of a change joined with each declared consumer.

A consumer on the SDK gets each event checked against the schema that it was written with, and reads the fields that it reads: a
change breaks it where it touches one of those. What it does not read does not matter to it. A consumer that is not on the SDK
may check the whole event against the schema that it is built on: what it does with other fields is not known.

Beside the findings there are two breaks that no comparison of schemas shows: a field that is gone (it may be optional, or the
schemas closed), and an event type that is no longer produced.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from headrace.catalogue.compatibility.paths import touch
from headrace.catalogue.compatibility.verdict import Break, Direction, Finding, Reading, Verdict
from headrace.model import avro_schema, json_schema
from headrace.model.product import Consuming, Producing
from headrace.model.schema import SchemaFormat

_GONE: Final = ("HC101", "HC103", "HC105")
"""Findings after which a consumer that reads the path finds nothing, whatever is refused."""

_UNDECLARED: Final = "HC104"
"""Fields that are new to the old side: nobody built on it reads them, though who checks the whole event refuses it."""


@dataclass(frozen=True, slots=True)
class EventChange:
    """What becomes of one event. ``findings``: with paths from the envelope's root, as `checker.check_history` gives them with
    ``event=``. ``schemas``: its data schemas (parsed JSON) by the schema version that brought them, the new one included;
    ``version``: the new one's. ``compared``: the versions that the mode compares with; None: all. ``gone``: the new version
    does not have the event."""

    event: str
    format: SchemaFormat
    findings: tuple[Finding, ...]
    schemas: Mapping[int, Any]
    version: int
    compared: Collection[int] | None = None
    gone: bool = False

    def number_at(self, version: int) -> int | None:
        """The version of its data schema that is in force at the product's schema version; None: the event came later."""
        return max((number for number in self.schemas if number <= version), default=None)


@dataclass(frozen=True, slots=True)
class Log:
    """What is known of the log. ``versions``: the schema versions of which it still holds events; None: not known, so all.
    ``unread``: by application, the versions among the events that it has yet to read (its lag); an application that is
    missing may have to read all of ``versions``. ``records``: by application, how many records it is behind."""

    versions: Collection[int] | None = None
    unread: Mapping[str, Collection[int]] = field(default_factory=dict)
    records: Mapping[str, int] = field(default_factory=dict)

    def may_meet(self, application: str, versions: Collection[int]) -> tuple[int, ...]:
        """Those of ``versions`` of which the application may still get events."""
        known = self.unread.get(application, self.versions)
        return tuple(sorted(v for v in versions if known is None or v in known))


def breaks(
    changes: Sequence[EventChange],
    consumers: Sequence[Consuming],
    *,
    before: Sequence[Producing] = (),
    after: Sequence[Producing] = (),
    log: Log | None = None,
) -> tuple[Break, ...]:
    """What the changes mean for each consumer, in the declared order. ``before``/``after``: the producers in the old and the
    new declaration."""
    stopped = stops(before, after)
    foreign = any(producer.external for producer in (*before, *after))
    return tuple(_of_consumer(each, changes, stopped, log or Log(), foreign) for each in consumers)


def stops(
    before: Sequence[Producing], after: Sequence[Producing]
) -> Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """By event that a producer stops to produce: who stops, and who still produces it."""
    was, now = _by_event(before), _by_event(after)
    return {
        event: (tuple(a for a in applications if a not in now.get(event, ())), tuple(now.get(event, ())))
        for event, applications in was.items()
        if any(a not in now.get(event, ()) for a in applications)
    }


def _by_event(producers: Sequence[Producing]) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for each in producers:
        for event in each.events:
            out.setdefault(event, []).append(each.application)
    return out


def sentence(found: Sequence[Break]) -> str:
    """``plan breaks (reads data.quantity, criticality high); promo-pricing does not``."""
    return "; ".join(_told(each) for each in found) if found else "no consumer is declared"


def _told(each: Break) -> str:
    if each.breaks is False:
        return f"{each.application} does not"
    if each.breaks is None:
        return f"{each.application}: not known ({each.because[0]})"
    about = [f"reads {', '.join(each.reads)}"] if each.reads else list(each.because[:1])
    return f"{each.application} breaks ({', '.join((*about, f'criticality {each.criticality}'))})"


@dataclass(slots=True)
class _Told:
    """What was found for one consumer."""

    certain: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    reads: dict[str, None] = field(default_factory=dict)


def _of_consumer(
    consumer: Consuming,
    changes: Sequence[EventChange],
    stopped: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]],
    log: Log,
    foreign: bool,
) -> Break:
    told = _Told()
    for change in changes:
        if consumer.takes(change.event):
            _gone(consumer, change, told)
            for found in change.findings:
                _finding(consumer, change, found, log, told, foreign or consumer.external)
    for event, (who, still) in stopped.items():
        if consumer.takes(event):
            _stopped(consumer, event, who, still, told)
    verdict = True if told.certain else None if told.unknown else False
    return Break(
        application=consumer.application,
        schema_version=consumer.schema_version,
        criticality=consumer.criticality.value,
        breaks=verdict,
        reads=tuple(told.reads),
        because=tuple(dict.fromkeys((*told.certain, *told.unknown))),
    )


def _stopped(consumer: Consuming, event: str, who: Sequence[str], still: Sequence[str], told: _Told) -> None:
    others = f"; {', '.join(still)} still {'does' if len(still) == 1 else 'do'}" if still else ""
    _missed(consumer, event, f"{', '.join(who)} no longer produce{'s' if len(who) == 1 else ''} {event}{others}", told)


def _missed(consumer: Consuming, event: str, text: str, told: _Told) -> None:
    """An event that will not come: a break for who names it."""
    if event in consumer.events:
        told.certain.append(text)
    else:
        told.unknown.append(f"{text}; it takes every event and does not name those that it needs")


def _gone(consumer: Consuming, change: EventChange, told: _Told) -> None:
    """Fields that it reads and that the new schema does not have, by the schemas themselves."""
    if change.gone:
        _missed(consumer, change.event, f"{change.event} is gone", told)
        return
    number = change.number_at(consumer.schema_version)
    if number is None or number == change.version:
        return
    old, new = change.schemas[number], change.schemas[change.version]
    for path in consumer.reads:
        if has_path(change.format, old, path) and not has_path(change.format, new, path):
            told.reads.setdefault(path)
            told.certain.append(f"{change.event}: `{path}` is gone")


def has_path(form: SchemaFormat, schema: Any, path: str) -> bool:
    """Whether a path from the envelope's root exists in a data schema; what is not under ``data`` is the envelope's own."""
    if path == "data" or not path.startswith("data."):
        return True
    inside = path.removeprefix("data.")
    if form is SchemaFormat.AVRO:
        return avro_schema.has_path(schema, inside)
    return json_schema.has_path(schema, inside)


def _finding(consumer: Consuming, change: EventChange, found: Finding, log: Log, told: _Told, foreign: bool) -> None:
    """``foreign``: it, or a producer, is not on the SDK, so that the semantic reading counts."""
    matters = Reading.TOLERANT in found.readings or found.code in _GONE or (foreign and bool(found.readings))
    if not matters or found.event not in (None, change.event) or not _meets(consumer, change, found, log):
        return
    at = f"{change.event}: `{found.path or 'the event'}` ({found.code})"
    touched = (
        [p for p in consumer.reads if any(touch(p, at) for at in (found.path, *found.also))]
        if found.code != _UNDECLARED
        else []
    )
    if not consumer.reads:
        told.unknown.append(f"{at}: what it reads is not declared")
    elif touched:
        told.reads.update(dict.fromkeys(touched))
        if not _compared(consumer, change, found):
            told.unknown.append(
                f"{at}: the mode does not compare with v{consumer.schema_version}, which it is built on"
            )
        elif found.verdict is Verdict.UNDECIDED:
            told.unknown.append(f"{at}: could not be decided")
        else:
            told.certain.append(f"{at}{_from_log(consumer, found, log)}")
    elif consumer.external and found.readings:
        told.unknown.append(
            f"{at}: it is not on the SDK, and may check the whole event against v{consumer.schema_version}"
        )


def _meets(consumer: Consuming, change: EventChange, found: Finding, log: Log) -> bool:
    """Whether the consumer can get such an event at all. Forward: new events, unless it is built on the new version already,
    or on one that was compared with and of which the finding is not true. Backward: old ones, once it is built on the new
    version, as far as the log still holds them and it has not read them."""
    number = change.number_at(consumer.schema_version)
    if found.direction is Direction.BACKWARD:
        built = number == change.version
        return built and (not found.versions or bool(log.may_meet(consumer.application, found.versions)))
    if number is None or number == change.version:
        return False
    return not found.versions or number in found.versions or not _compared(consumer, change, found)


def _compared(consumer: Consuming, change: EventChange, found: Finding) -> bool:
    """Whether the version that it is built on was compared with."""
    if found.direction is Direction.BACKWARD or change.compared is None or not found.versions:
        return True
    return change.number_at(consumer.schema_version) in change.compared


def _from_log(consumer: Consuming, found: Finding, log: Log) -> str:
    if found.direction is Direction.FORWARD or not found.versions:
        return ""
    met = ", ".join(f"v{v}" for v in log.may_meet(consumer.application, found.versions))
    behind = log.records.get(consumer.application)
    lag = f", and it is {behind} records behind" if behind is not None else ""
    return f": events of {met} are still in the log{lag}"
