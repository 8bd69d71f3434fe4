"""JSON Schema as Headrace means it: one policy for drafts, `format` and regular expressions, for every use of a schema.

*Drafts.* 4 to 2020-12; draft-07 where a schema states none. References stay inside the document; nothing is ever fetched.

*Formats.* A `format` is asserted in every draft alike, or in none. Asserted: `FORMATS`. Any other is an annotation, as the
specification lets it be. (jsonschema-rs by itself asserts `uuid` and `duration` from 2019-09 on only, so moving a schema
to a later draft would refuse what was accepted; here those two are patterns.)

*Regular expressions.* Linear-time engine; see `headrace.model.json_patterns` for the portable subset.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import jsonschema_rs
from jsonschema_rs import RegexOptions, ValidationErrorKind

from headrace.errors import Violation
from headrace.model.json_closed import closed
from headrace.model.json_locations import has_path
from headrace.model.json_patterns import pattern_problem, pattern_problems
from headrace.model.json_references import DRAFT7, Document, Pointer, draft_of, fragment

__all__ = [
    "DRAFT7",
    "FORMATS",
    "Validator",
    "closed",
    "compile_schema",
    "draft_of",
    "has_path",
    "json_path",
    "pattern_problem",
    "pattern_problems",
    "violations",
]

Validator = jsonschema_rs.Validator
"""What `compile_schema` gives: `is_valid(data)` and `iter_errors(data)`; safe for many threads."""

_HEX: Final = "[0-9A-Fa-f]"
_TIME_PART: Final = "T(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S)"
_DATE_PART: Final = "(?:[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D)"
_BY_PATTERN: Final = {
    # RFC 9562, 4; RFC 3339, appendix A.
    "uuid": f"^{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}$",
    "duration": f"^P(?:[0-9]+W|{_TIME_PART}|{_DATE_PART}(?:{_TIME_PART})?)$",
}
_FORMAT_OF: Final = {pattern: name for name, pattern in _BY_PATTERN.items()}

FORMATS: Final = frozenset(
    (
        *("date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "json-pointer", "regex"),
        *("time", "uri", "uri-reference", "uuid"),
    )
)
"""The formats that are asserted, in every draft. The others (`idn-email`, `iri`, `uri-template`...) are annotations."""

_BY_DRAFT: Final[Mapping[int, type[Validator]]] = {
    4: jsonschema_rs.Draft4Validator,
    6: jsonschema_rs.Draft6Validator,
    7: jsonschema_rs.Draft7Validator,
    2019: jsonschema_rs.Draft201909Validator,
    2020: jsonschema_rs.Draft202012Validator,
}

_DRAFT_4_FORMATS: Final = frozenset(("date", "json-pointer", "regex", "time", "uri-reference"))
"""Asserted formats that draft-04 does not know: jsonschema-rs is told of them through a later draft's validator."""


def compile_schema(schema: Mapping[str, Any] | bool) -> Validator:
    """A validator under the policy above. Raises ValueError, with a text for people, where the schema does not parse: an
    unknown draft, a keyword with a wrong value, a reference that does not resolve, a regular expression that the engine
    does not take."""
    if not isinstance(schema, Mapping | bool):
        raise ValueError(f"a schema is an object, not {json.dumps(schema, default=repr)[:60]}")
    document = Document(schema)
    try:
        return _BY_DRAFT[document.draft](
            _with_policy(document, (), document.root),
            validate_formats=True,
            ignore_unknown_formats=True,
            pattern_options=RegexOptions(),
            formats=_missing_formats(document.draft),
            offline=True,
        )
    except jsonschema_rs.ValidationError as error:
        place = fragment(tuple(str(part) for part in error.instance_path))
        raise ValueError(f"{place}: {_schema_fault(error)}") from error
    except (jsonschema_rs.ReferencingError, ValueError, TypeError, UnicodeError) as error:
        raise ValueError(str(error) or type(error).__name__) from error


def _missing_formats(draft: int) -> dict[str, Any] | None:
    if draft != 4:
        return None
    return {
        name: jsonschema_rs.Draft7Validator({"format": name}, validate_formats=True).is_valid
        for name in _DRAFT_4_FORMATS
    }


def _schema_fault(error: jsonschema_rs.ValidationError) -> str:
    if error.instance_path and error.instance_path[-1] == "pattern" and isinstance(error.instance, str):
        problem = pattern_problem(error.instance) or "the engine does not take it (too large when expanded?)"
        return f"the regular expression {error.instance!r}: {problem}"
    if error.instance_path and error.instance_path[-1] == "type":
        return f"{_short(error.instance)} is not a type of JSON Schema"
    return error.message


def _with_policy(document: Document, pointer: Pointer, value: Any) -> Any:
    """The same schema, in which the formats of the policy are asserted and no others."""
    if isinstance(value, Mapping):
        out = {key: _with_policy(document, (*pointer, key), item) for key, item in value.items()}
        if pointer in document.schemas and isinstance(name := out.get("format"), str):
            if name in _BY_PATTERN:
                del out["format"]
                out["allOf"] = [*out.get("allOf", ()), {"pattern": _BY_PATTERN[name]}]
            elif name not in FORMATS:
                del out["format"]
        return out
    if isinstance(value, list | tuple):
        return [_with_policy(document, (*pointer, str(i)), item) for i, item in enumerate(value)]
    return value


def json_path(parts: list[str | int] | tuple[str | int, ...], prefix: str = "$") -> str:
    """``prefix`` and then the parts as a JSON path: ``data.lines[3].quantity``, ``data["odd name"]``."""
    out = prefix
    for part in parts:
        if isinstance(part, int):
            out += f"[{part}]"
        elif part.isidentifier() or part.replace("-", "_").isidentifier():
            out += f".{part}" if out else part
        else:
            out += f"[{json.dumps(part)}]"
    return out


def violations(validator: Validator, data: Any, prefix: str = "data") -> tuple[Violation, ...]:
    """Everything that is wrong with ``data``, in document order as far as the schema gives one; () if it is valid.

    A missing or undeclared field is named by its own path. Data that is no JSON (a datetime, NaN, half a surrogate pair)
    is one violation."""
    try:
        found = [v for error in validator.iter_errors(data) for v in _violations(error, prefix)]
    except (ValueError, TypeError, UnicodeError, RecursionError, OverflowError) as error:
        return (Violation(prefix, "json", f"is not JSON: {error}"),)
    return tuple(dict.fromkeys(found))


def _violations(error: jsonschema_rs.ValidationError, prefix: str) -> Iterator[Violation]:
    kind = error.kind
    path = list(error.instance_path)
    match kind:
        case ValidationErrorKind.Required(property=name):
            yield Violation(json_path([*path, str(name)], prefix), "required", "is required")
        case ValidationErrorKind.AdditionalProperties(unexpected=names):
            for name in names:
                yield Violation(
                    json_path([*path, name], prefix), "additionalProperties", "is not declared in the schema"
                )
        case ValidationErrorKind.UnevaluatedProperties(unexpected=names):
            for name in names:
                yield Violation(
                    json_path([*path, name], prefix), "unevaluatedProperties", "is not declared in the schema"
                )
        case ValidationErrorKind.FalseSchema():
            yield Violation(json_path(path, prefix), "false", "is not allowed here")
        case ValidationErrorKind.Pattern(pattern=pattern) if pattern in _FORMAT_OF:
            yield Violation(
                json_path(path, prefix), "format", f'{_short(error.instance)} is not a "{_FORMAT_OF[pattern]}"'
            )
        case ValidationErrorKind.AnyOf(context=branches) | ValidationErrorKind.OneOfNotValid(context=branches):
            yield Violation(json_path(path, prefix), kind.name, _branches(error, branches, prefix))
        case _:
            yield Violation(json_path(path, prefix), kind.name, _cut(error.message))


def _branches(
    error: jsonschema_rs.ValidationError, branches: list[list[jsonschema_rs.ValidationError]], prefix: str
) -> str:
    """Why each branch refused, the first two reasons of each."""
    reasons = []
    for number, errors in enumerate(branches, 1):
        said = [str(v) for e in errors[:2] for v in _violations(e, prefix)][:2]
        reasons.append(f"({number}) {'; '.join(said)}")
    return _cut(f"fits none of the {len(branches)} alternatives: {' '.join(reasons)}", 500)


def _short(value: Any) -> str:
    return _cut(json.dumps(value, ensure_ascii=False, default=repr), 60)


def _cut(text: str, limit: int = 300) -> str:
    """Long values are cut: an error is for reading, and an event's data need not go whole into a log."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
