"""What `headrace check` has found, and its forms for programs: JSON, GitLab's code quality, SARIF."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from headrace.errors import Fault

if TYPE_CHECKING:
    from headrace.catalogue.compatibility.verdict import Finding
    from headrace.catalogue.git_base import Base
    from headrace.model.catalogue import Catalogue
    from headrace.provisioning.branch import BranchReport
    from headrace.provisioning.review import EventReview, Review


@dataclass(frozen=True)
class CheckReport:
    """``catalogue`` is None where there are faults. ``base`` and ``branch``: where a base branch was named (and the catalogue
    has no faults). ``warnings``: None where no lint was asked for."""

    directory: Path
    catalogue: Catalogue | None
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...] | None = None
    base: Base | None = None
    branch: BranchReport | None = None

    @property
    def all_faults(self) -> tuple[Fault, ...]:
        """Those of the repository, or what may not change on its way into the base branch."""
        return self.faults + (() if self.branch is None else self.branch.faults)


class Severity(StrEnum):
    """GitLab's words."""

    INFO = "info"
    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Issue:
    """Anything that was found, at a place. ``key``: what tells it from others of its code, without a line: it stays the same
    when lines above it move."""

    path: str
    line: int
    column: int
    code: str
    severity: Severity
    message: str
    hint: str
    key: str


REGISTRY: Final = "HG001"
CONSUMER: Final = "HG002"
STOPPED: Final = "HG003"
"""The gate's own: a registry that refuses, a consumer that breaks, an event that is no longer produced."""


def issues(report: CheckReport) -> list[Issue]:
    """Everything as one list, by file and line."""
    found = [_of_fault(fault, Severity.CRITICAL) for fault in report.all_faults]
    found += [_of_fault(warning, Severity.MINOR) for warning in report.warnings or ()]
    if report.branch is not None:
        places = _Places(report.directory)
        for review in report.branch.reviews:
            found += _of_review(review, places)
        for stopped in report.branch.stopped:
            for each in stopped.breaks:
                bad = each.breaks is True
                severity = Severity.MAJOR if bad else Severity.INFO
                said = f"{each.application}: {'; '.join(each.because)}"
                hint = "let the consumer leave the event out first"
                found.append(Issue(stopped.path, 0, 0, STOPPED, severity, said, hint, said))
    return sorted(found, key=lambda i: (i.path, i.line, i.column, i.code, i.message))


def _of_fault(fault: Fault, severity: Severity) -> Issue:
    return Issue(fault.path, fault.line, fault.column, fault.code, severity, fault.message, fault.hint, fault.message)


def _of_review(review: Review, places: _Places) -> Iterator[Issue]:
    path = review.events[0].path if review.events else review.path
    for answer in review.registry:
        if not answer.accepted:
            severity = Severity.INFO if review.excepted else Severity.MAJOR
            more = f": {'; '.join(answer.reasons[:3])}" if answer.reasons else ""
            said = f"the registry ({answer.profile}) refuses schema version {review.version} of {review.product}{more}"
            hint = "see the findings"
            if review.outcome.value == "refused-harmless":
                hint = "it is proved harmless: an approved exception in the product's declaration lets it through"
            yield Issue(
                path, 1, 1, REGISTRY, severity, said, hint, f"{review.product} {review.version} {answer.profile}"
            )
    for each in review.breaks:
        if each.breaks is True:
            said = f"{each.application} breaks by schema version {review.version}: {'; '.join(each.because)}"
            key = f"{review.product} {review.version} {each.application}"
            yield Issue(review.path, 0, 0, CONSUMER, Severity.MAJOR, said, "talk to its team first", key)
    for event in review.events:
        yield from (_of_finding(review, event, found, places) for found in event.findings)


def _of_finding(review: Review, event: EventReview, found: Finding, places: _Places) -> Issue:
    counts = review.reading in found.readings
    severity = Severity.MAJOR if counts and found.verdict.value == "broken" else Severity.MINOR
    if found.verdict.value == "safe" or not found.readings:
        severity = Severity.INFO
    line, column = places.find(event.path, found.new)
    key = f"{event.event} {found.path} {found.direction}"
    return Issue(event.path, line, column, found.code, severity, found.message, found.advice, key)


@dataclass
class _Places:
    """Lines of schema files, each file read once."""

    directory: Path
    _texts: dict[str, Any] = field(default_factory=dict)

    def find(self, path: str, pointer: str | None) -> tuple[int, int]:
        from headrace.catalogue.located_json import JsonText
        from headrace.catalogue.schemas import pointer_path

        if path not in self._texts:
            self._texts[path] = JsonText((self.directory / path).read_text(encoding="utf-8-sig"))
        text = self._texts[path]
        place = text.place(pointer_path(text.value, pointer or "#"))
        return place.line, place.column


# --- GitLab


def as_gitlab(report: CheckReport) -> list[dict[str, Any]]:
    """GitLab's code-quality report: a fingerprint stays the same when lines move."""
    return [
        {
            "description": f"{issue.message} ({issue.hint})" if issue.hint else issue.message,
            "check_name": issue.code,
            "fingerprint": fingerprint,
            "severity": issue.severity,
            "location": {"path": issue.path, "lines": {"begin": max(issue.line, 1)}},
        }
        for issue, fingerprint in _fingerprinted(issues(report))
    ]


def _fingerprinted(found: Sequence[Issue]) -> Iterator[tuple[Issue, str]]:
    """Each with its fingerprint; the second of the same code, file and key is told from the first by its number."""
    counts: dict[tuple[str, str, str], int] = {}
    for issue in found:
        same = (issue.code, issue.path, issue.key)
        counts[same] = counts.get(same, 0) + 1
        yield issue, hashlib.sha256("\0".join((*same, str(counts[same]))).encode()).hexdigest()[:40]


# --- SARIF

_SARIF_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: Final = {
    Severity.CRITICAL: "error",
    Severity.MAJOR: "error",
    Severity.MINOR: "warning",
    Severity.INFO: "note",
}


def as_sarif(report: CheckReport) -> dict[str, Any]:
    """SARIF 2.1.0 (OASIS), one run."""
    from headrace.version import version

    found = issues(report)
    titles = _titles()
    codes = sorted({issue.code for issue in found})
    return {
        "$schema": _SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "headrace check",
                        "version": version(),
                        "rules": [
                            {"id": code, "shortDescription": {"text": titles.get(code, "a change of a schema")}}
                            for code in codes
                        ],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [
                    _result(issue, fingerprint, codes.index(issue.code)) for issue, fingerprint in _fingerprinted(found)
                ],
            }
        ],
    }


def _result(issue: Issue, fingerprint: str, rule: int) -> dict[str, Any]:
    from urllib.parse import quote

    place: dict[str, Any] = {"artifactLocation": {"uri": quote(issue.path)}}
    if issue.line:
        place["region"] = {"startLine": issue.line, "startColumn": max(issue.column, 1)}
    return {
        "ruleId": issue.code,
        "ruleIndex": rule,
        "level": _LEVELS[issue.severity],
        "message": {"text": f"{issue.message} ({issue.hint})" if issue.hint else issue.message},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"headrace/v1": fingerprint},
    }


def _titles() -> Mapping[str, str]:
    """Of every code, the rule in words."""
    from headrace.catalogue.against_base import BaseCode
    from headrace.catalogue.codes import Code
    from headrace.catalogue.compatibility.kinds import KINDS
    from headrace.catalogue.lint_codes import LintCode

    return {
        **{code.code: code.title for kind in (Code, BaseCode, LintCode) for code in kind},
        **{kind.code: kind.meaning for kind in KINDS.values()},
        REGISTRY: "the registry accepts a new schema version",
        CONSUMER: "no declared consumer breaks by a new schema version",
        STOPPED: "an event that a consumer names is produced",
    }
