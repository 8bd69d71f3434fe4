"""The JSON Schema of the declarations, for editors: made from the models that read them, so the two cannot differ."""

from __future__ import annotations

from typing import Any

from headrace.catalogue.documents import KINDS
from headrace.catalogue.suggest import did_you_mean
from headrace.errors import SettingsError

_ID = "https://headrace.example/declaration.schema.json"
_DRAFT = "http://json-schema.org/draft-07/schema#"


def declaration_schema(kind: str | None = None) -> dict[str, Any]:
    """The schema of one kind of declaration, or of all in one, told apart by their ``kind``. Draft-07, which every editor's
    YAML support knows. Raises `SettingsError` for an unknown kind."""
    if kind is not None:
        if kind not in KINDS:
            raise SettingsError(f"there is no kind of declaration {kind!r}", hint=did_you_mean(kind, KINDS))
        schema = _schema(kind)
        return {"$schema": _DRAFT, "title": f"Headrace: {kind}"} | {k: v for k, v in schema.items() if k != "title"}
    definitions: dict[str, Any] = {}
    for name in KINDS:
        own = _schema(name)
        definitions |= own.pop("definitions", {})
        definitions[name] = own
    return {
        "$schema": _DRAFT,
        "$id": _ID,
        "title": "Headrace declaration",
        "type": "object",
        "properties": {"apiVersion": {"const": "headrace/v1"}, "kind": {"enum": list(KINDS)}},
        "required": ["apiVersion", "kind"],
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": name}}, "required": ["kind"]},
                "then": {"$ref": f"#/definitions/{name}"},
            }
            for name in KINDS
        ],
        "definitions": {name: definitions[name] for name in sorted(definitions)},
    }


def _schema(kind: str) -> dict[str, Any]:
    schema: dict[str, Any] = _draft_07(KINDS[kind].model_json_schema(ref_template="#/definitions/{model}"))
    if "$defs" in schema:
        schema["definitions"] = schema.pop("$defs")
    return schema


def _draft_07(value: Any) -> Any:
    """What pydantic writes for 2020-12, in draft-07: no `discriminator` (OpenAPI's), titles left out (they repeat the names),
    and a reference with something beside it inside an `allOf`, because draft-07 ignores what stands beside it."""
    if isinstance(value, list):
        return [_draft_07(item) for item in value]
    if not isinstance(value, dict):
        return value
    out = {
        k: _draft_07(v) for k, v in value.items() if k != "discriminator" and not (k == "title" and isinstance(v, str))
    }
    if "$ref" in out and len(out) > 1:
        reference = out.pop("$ref")
        out = {"allOf": [{"$ref": reference}], **out}
    return out
