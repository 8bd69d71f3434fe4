"""`headrace check` as a note of a merge request: what matters first, details folded, never longer than a note may be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from headrace.cli.verdict_text import event_text, outcome_word

if TYPE_CHECKING:
    from headrace.cli.check_report import CheckReport
    from headrace.errors import Fault
    from headrace.provisioning.branch import BranchReport
    from headrace.provisioning.review import EventReview, Review

LIMIT: Final = 60_000
"""Characters. GitHub takes 65,536 in a comment, GitLab a million."""

_RESERVED: Final = 500
"""For the line that says that something is missing."""

_WITNESS_MAX: Final = 4_000


def as_markdown(report: CheckReport, counted: Sequence[str]) -> str:
    """``counted``: the table of what there is, for a repository without faults."""
    note = _Note()
    if report.all_faults:
        note.add(f"**headrace check**: {summary(report.all_faults)}.", "")
        note.table(("place", "code", "fault", "way out"), [_row(f) for f in report.all_faults])
    else:
        note.add(*counted)
    if report.branch is not None and report.base is not None:
        _branch(note, report.branch, report.base.ref)
    if report.warnings:
        noun = "warning" if len(report.warnings) == 1 else "warnings"
        with_code = [_row(w) for w in report.warnings]
        note.fold(f"{len(report.warnings)} lint {noun}", ("place", "code", "warning", "why"), with_code)
    return note.text()


def summary(faults: Sequence[Fault]) -> str:
    """How many, in how many files."""
    files = len({fault.path for fault in faults})
    noun = "fault" if len(faults) == 1 else "faults"
    return f"{len(faults)} {noun} in {files} {'file' if files == 1 else 'files'}"


def place_of(fault: Fault) -> str:
    """``path:line:column``; the path alone where it is about the whole file."""
    return f"{fault.path}:{fault.line}:{fault.column}" if fault.line else fault.path


def cell(text: str) -> str:
    """Text of the repository, which must not become markup of the note, nor call anybody."""
    for character in "\\`*_[]<>|#":
        text = text.replace(character, f"\\{character}")
    return text.replace("@", "@\u200b").replace("\n", " ")


def prose(text: str) -> str:
    """A sentence of ours with what it quotes in `...`: the quotes stay code, and everything else is as in `cell`."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return cell(text)
    return "".join(_code(part) if place % 2 else cell(part) for place, part in enumerate(parts))


def _code(text: str) -> str:
    return "`" + text.replace("`", "'").replace("|", "/").replace("\n", " ") + "`"


def _row(fault: Fault) -> tuple[str, ...]:
    return _code(place_of(fault)), fault.code, cell(fault.message), cell(fault.hint)


class _Note:
    """Lines up to the limit; what does not fit is counted."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._left = LIMIT - _RESERVED
        self._missing = 0

    def add(self, *lines: str) -> bool:
        """All of these lines, or none."""
        size = sum(len(line) + 1 for line in lines)
        if size > self._left:
            self._missing += 1
            return False
        self._left -= size
        self._lines += lines
        return True

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self.add(f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}")
        for row in rows:
            self.add(f"| {' | '.join(row)} |")

    def fold(self, title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self.add("", f"<details><summary>{title}</summary>", "")
        self.table(heads, rows)
        self._close()

    def folded(self, title: str, lines: Sequence[str]) -> None:
        self.add("", f"<details><summary>{title}</summary>", "", *lines, "", "</details>")

    def _close(self) -> None:
        # A fold that is open must be closed, whatever the limit says; the reserve has room for it.
        self._lines += ["", "</details>"]

    def text(self) -> str:
        if self._missing:
            self._lines += ["", f"*{self._missing} more lines did not fit: see the job's log.*"]
        return "\n".join(self._lines) + "\n"


def _branch(note: _Note, branch: BranchReport, ref: str) -> None:
    if not branch.reviews and not branch.stopped:
        note.add("", f"No schema version is new since {_code(ref)}.")
        return
    note.add("", f"**Schema changes** since {_code(ref)}: {outcome_word(branch.outcome)}.", "")
    if branch.reviews:
        heads = ("product", "version", "registry", "semantic", "tolerant", "outcome", "consumers")
        note.table(heads, [_review_row(review) for review in branch.reviews])
    for stopped in branch.stopped:
        for each in stopped.breaks:
            word = "breaks" if each.breaks else "may break"
            note.add(f"- {_code(stopped.product)}: {cell(each.application)} {word}: {cell('; '.join(each.because))}")
    for product, (old, new) in branch.modes.items():
        note.add(f"- {_code(product)}: the mode is {new} now, and was {old}")
    for review in branch.reviews:
        for event in review.events:
            if event.findings:
                noun = "finding" if len(event.findings) == 1 else "findings"
                title = f"{review.product} {event.event}: {len(event.findings)} {noun}"
                note.folded(title, list(_event(event)))


def _review_row(review: Review) -> tuple[str, ...]:
    refusing = ", ".join(a.profile for a in review.registry if not a.accepted)
    word = "compatible, by exception" if review.excepted else outcome_word(review.outcome)
    counts = {review.reading.value: "**"}
    return (
        _code(review.product),
        str(review.version),
        f"refuses ({refusing})" if refusing else "accepts",
        f"{counts.get('semantic', '')}{review.semantic}{counts.get('semantic', '')}",
        f"{counts.get('tolerant', '')}{review.tolerant}{counts.get('tolerant', '')}",
        word,
        cell(", ".join(_consumer(each.application, each.breaks) for each in review.breaks if each.breaks is not False)),
    )


def _consumer(application: str, breaks: bool | None) -> str:
    return f"{application} breaks" if breaks else f"{application}: not known"


def _event(event: EventReview) -> Iterator[str]:
    for found in event.findings:
        yield f"- **{found.code}** {prose(found.message)}"
        if found.advice:
            yield f"  - {prose(found.advice)}"
    if event.witnesses:
        witness = event.witnesses[0]
        text = event_text(witness.event)
        yield ""
        yield f"Valid under the {witness.valid_under} schema, rejected by the {witness.rejected_by} one:"
        if len(text) > _WITNESS_MAX:
            yield "(too large for this note: `headrace check --json` has it)"
        else:
            fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
            yield from ("", f"{fence}json", *text.splitlines(), fence)
    if event.upgrade is not None:
        yield ""
        yield from (prose(line) for line in event.upgrade.text.splitlines())
