"""From a text's plain value to a declaration's model, with everything that is wrong in its shape.

A right value goes through pydantic in one step. For one with faults the models are walked field by field, so that each fault
has its place and everything that is right is still known: the result is then a *partial* document, and rules go on with it.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from headrace.catalogue.codes import Code
from headrace.catalogue.documents import Document
from headrace.catalogue.findings import Finding, Path
from headrace.catalogue.suggest import closest, did_you_mean

D = TypeVar("D", bound=Document)

_BY_CODE = {code.code: code for code in Code}


def read(model: type[D], value: Any) -> tuple[D, list[Finding]]:
    """The document, and what is wrong with its shape; partial where that is anything."""
    try:
        return model.model_validate(value), []
    except ValidationError:
        findings: list[Finding] = []
        return _Walk(findings, model).model(model, value, ()), findings


class _Walk:
    def __init__(self, findings: list[Finding], root: type[Document]) -> None:
        self.findings = findings
        self._root = root

    def model(self, model: type[D], value: Any, path: Path) -> D:
        if not isinstance(value, dict):
            self._wrong_type(value, "a mapping", path)
            return _partial(model, {})
        known = _aliases(model)
        for key in value:
            if key not in known:
                self.findings.append(self._unknown(model, key, value, path))
        fields: dict[str, Any] = {}
        for alias, (name, field) in known.items():
            if alias in value:
                before = len(self.findings)
                found = self._field(model, name, field, value[alias], (*path, alias))
                if found is not None or len(self.findings) == before:
                    fields[name] = found
            elif field.is_required():
                # A misspelt key is one fault, not two.
                if not any(key not in known and closest(key, [alias]) for key in value):
                    what = f"the key '{alias}' is missing{_within(path)}"
                    self.findings.append(Finding(Code.MISSING_KEY, what, _doc(field), path))
            else:
                fields[name] = field.get_default(call_default_factory=True)
        return _partial(model, fields)

    def _field(self, model: type[Document], name: str, field: FieldInfo, value: Any, path: Path) -> Any:
        """The field's value; None where it is faulty, which has been reported then. Nested models are never None."""
        annotation = _without_none(field.annotation)
        if value is None and annotation is not field.annotation:
            return None
        if isinstance(annotation, type) and issubclass(annotation, Document):
            return self.model(annotation, value, path)
        choices = _choices(annotation)
        if choices:
            return self._choice(choices, value, path)
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        inner: Any = arguments[-1] if arguments else None
        if origin is list and _is_model(inner):
            return self._list(inner, value, path, _least(field))
        if origin is dict and _is_model(inner):
            return self._dict(inner, value, path, _least(field))
        try:
            return _adapter(model, name).validate_python(value)
        except ValidationError as error:
            self._report(error.errors(include_url=False), value, path)
            return None

    def _list(self, model: type[Document], value: Any, path: Path, least: int) -> list[Document] | None:
        if not isinstance(value, list):
            self._wrong_type(value, "a list", path)
            return None
        if len(value) < least:
            self.findings.append(Finding(Code.OUT_OF_RANGE, f"'{path[-1]}' is empty", path=path))
            return None
        return [self.model(model, item, (*path, i)) for i, item in enumerate(value)]

    def _dict(self, model: type[Document], value: Any, path: Path, least: int) -> dict[str, Document] | None:
        if not isinstance(value, dict):
            self._wrong_type(value, "a mapping", path)
            return None
        if len(value) < least:
            self.findings.append(Finding(Code.OUT_OF_RANGE, f"'{path[-1]}' is empty", path=path))
            return None
        return {key: self.model(model, item, (*path, key)) for key, item in value.items()}

    def _choice(self, choices: Mapping[str, type[Document]], value: Any, path: Path) -> Document | None:
        if not isinstance(value, dict):
            self._wrong_type(value, "a mapping", path)
        elif "kind" not in value:
            self.findings.append(
                Finding(Code.MISSING_KEY, f"the key 'kind' is missing{_within(path)}", _one_of(choices), path)
            )
        elif value["kind"] in list(choices):
            return self.model(choices[value["kind"]], value, path)
        else:
            said = f"{_short(value['kind'])} is no kind of {path[-1]}"
            hint = did_you_mean(str(value["kind"]), choices)
            self.findings.append(Finding(Code.NOT_ALLOWED, said, hint, (*path, "kind")))
        return None

    def _unknown(self, model: type[Document], key: str, value: Mapping[str, Any], path: Path) -> Finding:
        known = _aliases(model)
        free = [k for k in known if k not in value]
        elsewhere = _elsewhere(self._root, key, model)
        near = closest(key, free) or closest(key, known)
        if near:
            hint = f"did you mean '{near}'?"
        elif elsewhere:
            hint = f"'{key}' belongs under '{elsewhere}'"
        else:
            hint = f"known here: {', '.join(known)}"
        return Finding(Code.UNKNOWN_KEY, f"the key '{key}' is unknown{_within(path)}", hint, (*path, key), key=True)

    def _wrong_type(self, value: Any, wanted: str, path: Path) -> None:
        name = f"'{path[-1]}'" if path and isinstance(path[-1], str) else "this"
        said = f"{name} has no value" if value is None else f"{name} is {_kind(value)}"
        self.findings.append(Finding(Code.WRONG_TYPE, said, f"write {wanted}", path))

    def _report(self, errors: Iterable[ErrorDetails], value: Any, path: Path) -> None:
        seen: set[Path] = set()
        for error in errors:
            steps = [step for step in error["loc"] if step != "[key]" and _holds(value, step)]
            where = (*path, *steps[: _depth(value)])
            if where not in seen:  # a union reports once for each of its members
                seen.add(where)
                self.findings.append(_finding(error, where))


def _finding(error: ErrorDetails, path: Path) -> Finding:
    context = error.get("ctx", {})
    kind = error["type"]
    name = next((f"'{step}'" for step in reversed(path) if isinstance(step, str)), "this")
    given = error["input"]
    if kind == "headrace":
        return Finding(_BY_CODE[context["code"]], context["said"], path=path)
    if kind in ("enum", "literal_error"):
        allowed = [word.strip().strip("'\"") for word in str(context["expected"]).replace(" or ", ", ").split(",")]
        said = f"{name} is {_short(given)}, which is not one of those allowed"
        near = closest(given, allowed) if isinstance(given, str) else None
        return Finding(Code.NOT_ALLOWED, said, f"did you mean '{near}'?" if near else _one_of(allowed), path)
    if kind.endswith("_type"):
        wanted = {
            "string_type": "a text, in quotes where it looks like a number",
            "int_type": "a whole number",
            "bool_type": "true or false",
            "list_type": "a list, in [ ] or with - before each item",
            "dict_type": "a mapping",
        }.get(kind, kind.removesuffix("_type"))
        said = f"{name} has no value" if given is None else f"{name} is {_kind(given)}"
        return Finding(Code.WRONG_TYPE, said, f"write {wanted}", path)
    if kind in ("string_too_short", "too_short"):
        return Finding(Code.OUT_OF_RANGE, f"{name} is empty", path=path)
    limits = {"greater_than_equal": "at least {ge}", "less_than_equal": "at most {le}"}
    if kind in limits:
        return Finding(Code.OUT_OF_RANGE, f"{name} is {_short(given)}", f"it is {limits[kind].format(**context)}", path)
    if kind == "string_pattern_mismatch":
        return Finding(Code.OUT_OF_RANGE, f"{name} is {_short(given)}", f"it has the form {context['pattern']}", path)
    return Finding(Code.OUT_OF_RANGE, f"{name}: {error['msg']}", path=path)


def _partial(model: type[D], fields: Mapping[str, Any]) -> D:
    """An instance with these fields only: touching another raises `FaultyField`."""
    instance = model.model_construct(**fields)
    for name in model.model_fields.keys() - fields.keys():
        instance.__dict__.pop(name, None)
    return instance


@cache
def _aliases(model: type[Document]) -> dict[str, tuple[str, FieldInfo]]:
    return {field.alias or name: (name, field) for name, field in model.model_fields.items()}


@cache
def _adapter(model: type[Document], name: str) -> TypeAdapter[Any]:
    field = model.model_fields[name]
    annotation: Any = field.annotation
    for extra in field.metadata:
        annotation = Annotated[annotation, extra]
    return TypeAdapter(annotation)


def _without_none(annotation: Any) -> Any:
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        rest = [a for a in typing.get_args(annotation) if a is not type(None)]
        if len(rest) == 1 and len(rest) < len(typing.get_args(annotation)):
            return rest[0]
    return annotation


def _least(field: FieldInfo) -> int:
    return max((getattr(extra, "min_length", None) or 0 for extra in field.metadata), default=0)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Document)


def _choices(annotation: Any) -> dict[str, type[Document]]:
    """The models of a union, by what their ``kind`` says."""
    if typing.get_origin(annotation) not in (types.UnionType, typing.Union):
        return {}
    models = [a for a in typing.get_args(annotation) if _is_model(a)]
    return {typing.get_args(m.model_fields["kind"].annotation)[0]: m for m in models}


@cache
def _elsewhere(root: type[Document], key: str, here: type[Document]) -> str | None:
    """Under which key of the same declaration ``key`` is known, one level down or at the top."""
    if here is not root and key in _aliases(root):
        return "the declaration's top level"
    for alias, (_, field) in _aliases(root).items():
        inner = _without_none(field.annotation)
        inner = next((a for a in typing.get_args(inner) if _is_model(a)), inner)
        if _is_model(inner) and inner is not here and key in _aliases(inner):
            return alias
    return None


def _doc(field: FieldInfo) -> str:
    return "" if not field.description else f"add it: {field.description[0].lower()}{field.description[1:].rstrip('.')}"


def _within(path: Path) -> str:
    named = [step for step in path if isinstance(step, str)]
    return f" in '{named[-1]}'" if named else ""


def _holds(value: Any, step: str | int) -> bool:
    return isinstance(value, dict | list)


def _depth(value: Any) -> int:
    return 1 if isinstance(value, list) else 2 if isinstance(value, dict) else 0


def _kind(value: Any) -> str:
    match value:
        case bool():
            return f"{str(value).lower()} (a boolean)"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text {_short(value)}"
        case list():
            return "a list"
    return "a mapping"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _one_of(allowed: Iterable[str]) -> str:
    return f"one of {', '.join(allowed)}"
