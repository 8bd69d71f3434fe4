"""Verdicts for people: lines of rich's markup, shared by `compat`, `check` and `history`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich.markup import escape

if TYPE_CHECKING:
    from headrace.catalogue.compatibility.gate import Outcome
    from headrace.catalogue.compatibility.upgrade import Upgrade
    from headrace.catalogue.compatibility.verdict import Finding, RegistryAnswer, Verdict, Witness
    from headrace.provisioning.review import Review

_COLOURS = {"safe": "green", "broken": "red", "undecided": "yellow"}
_OUTCOMES = {
    "compatible": ("green", "compatible"),
    "refused-harmless": ("yellow", "refused by the registry, and harmless"),
    "refused": ("red", "refused by the registry, and not proved harmless"),
    "broken": ("red", "broken"),
}
_MAX_REASONS = 5


def outcome_word(outcome: Outcome) -> str:
    """An outcome in words."""
    return _OUTCOMES[outcome.value][1]


def outcome_line(outcome: Outcome) -> str:
    colour, word = _OUTCOMES[outcome.value]
    return f"[bold {colour}]{word}[/]"


def verdict_word(verdict: Verdict) -> str:
    """A verdict in its colour."""
    return f"[{_COLOURS[verdict.value]}]{verdict.value}[/]"


def review_lines(review: Review) -> Iterator[str]:
    """The verdicts on one schema version of a product: the whole of it."""
    from headrace.catalogue.compatibility import impact

    head = f"[bold]{escape(review.product)}[/] schema version {review.version}, {review.mode}"
    yield f"{head}: {outcome_line(review.outcome)}"
    yield from verdict_lines(review.registry, review.semantic, review.tolerant, review.reading.value)
    if review.why:
        yield f"  [dim]the semantic verdict counts: {escape(review.why)}[/]"
    if review.breaks:
        yield f"  consumers: {escape(impact.sentence(review.breaks))}"
    for event in review.events:
        yield f"  [bold]{escape(event.event)}[/] [dim]{escape(event.path)}[/]" + ("" if event.since else ": new")
        yield from finding_lines(event.findings)
        if event.witnesses:
            yield from witness_lines(event.witnesses[0])
        if event.upgrade is not None and event.findings:
            yield from upgrade_lines(event.upgrade)
    yield from (f"  {line}" for line in way_lines(review))


def way_lines(review: Review) -> Iterator[str]:
    """The way through, where only the registry refuses."""
    if review.excepted and review.exception is not None:
        approved = f"by exception, approved by {review.exception.approved_by}: {review.exception.reason}"
        yield f"[yellow]registered {escape(approved)}[/]"
    elif review.outcome.value == "refused-harmless":
        yield (
            f"[cyan]proved harmless: it can be registered by an approved exception; declare under exceptions of "
            f"{escape(review.path)}: {{schemaVersion: {review.version}, reason: ..., approvedBy: ...}}[/]"
        )


def verdict_lines(
    registries: Sequence[RegistryAnswer], semantic: Verdict, tolerant: Verdict, counts: str
) -> Iterator[str]:
    """The three verdicts. ``counts``: the reading that the gate looks at."""
    for answer in registries:
        word = "[green]accepts[/]" if answer.accepted else "[red]refuses[/]"
        yield f"  registry  {word} [dim]({escape(answer.profile)}, as {escape(answer.release)})[/]"
        yield from (f"            [dim]{escape(reason)}[/]" for reason in answer.reasons[:_MAX_REASONS])
        if len(answer.reasons) > _MAX_REASONS:
            yield f"            [dim]and {len(answer.reasons) - _MAX_REASONS} more reasons[/]"
    for name, verdict in (("semantic", semantic), ("tolerant", tolerant)):
        mark = "" if name == counts else " [dim](for information)[/]"
        yield f"  {name}  {verdict_word(verdict)}{mark}"


def finding_lines(findings: Iterable[Finding]) -> Iterator[str]:
    """Each finding with its places and its advice."""
    for found in findings:
        colour = _COLOURS[found.verdict.value]
        readings = ", ".join(found.readings) or "hint"
        yield f"  [{colour}]{found.code}[/] {escape(found.message)}"
        yield f"        [dim]{found.direction}, {readings}: old {escape(_at(found.old))}, new {escape(_at(found.new))}[/]"
        if found.advice:
            yield f"        [cyan]{escape(found.advice)}[/]"


def witness_lines(witness: Witness) -> Iterator[str]:
    """The event, as JSON, and what refuses it."""
    old = "the old schema" if witness.version is None else f"v{witness.version}"
    sides = {"old": old, "new": "the new schema"}
    yield (
        f"  witness: valid under {sides[witness.valid_under]}, rejected by {sides[witness.rejected_by]} "
        f"({escape(witness.rule)}{escape(f' at {witness.path}') if witness.path else ''}: {escape(witness.message)})"
    )
    yield from (f"    {escape(line)}" for line in event_text(witness.event).splitlines())


def upgrade_lines(upgrade: Upgrade) -> Iterator[str]:
    """Who deploys first, and the steps."""
    yield from (f"  {escape(line)}" for line in upgrade.text.splitlines())


def event_text(event: Any) -> str:
    """An event as indented JSON, keys in order."""
    return json.dumps(event, ensure_ascii=False, indent=2, sort_keys=True)


def _at(pointer: str | None) -> str:
    return "-" if pointer is None else pointer or "#"
