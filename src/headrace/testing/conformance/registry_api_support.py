"""What the suite of a registry's REST API is made of: requests, schemas, a checker, and the list of known differences."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import httpx

from headrace.model.schema import Compatibility, SchemaFormat, SchemaText

VENDOR: Final = "application/vnd.schemaregistry.v1+json"

DIFFERENCES: Final[Mapping[str, str]] = {
    "root": "`GET /` is a page for people",
    "types": "it also has Protobuf",
    "contexts": "the default context is written `:.:`",
    "media-type": "where any type is accepted, it answers in `application/json`",
    "no-guid": "it has no `guid`, and a registration answers with the id alone",
    "schema-type-omitted": "a look-up by text leaves `schemaType` out for JSON too",
    "max-id": "`fetchMaxId` is passed over",
    "errors-without-body": "what no route or media type fits has no JSON body",
    "malformed-body": "a body that is no JSON is a 400 in plain text",
    "no-schema": "a body without a schema is a 500",
    "empty-schema": "an empty schema is registered",
    "control-characters": "a subject with a control character is a 400 without an error code",
    "malformed-version": "a version that is no number, or 0, is 40402 instead of 42202",
    "negative-version": "a negative version is 40401",
    "malformed-id": "an id that is no number is a 404 without a body",
    "prefix": "`subjectPrefix` is passed over in `/subjects`",
    "schema-list": "the entries of `/schemas` have the schema alone",
    "json-key-order": "the order of keys does not count in JSON Schema",
    "normalize-keeps-text": "`normalize` finds the same JSON Schema, and its text stays as it was sent",
    "default-level": "the registry's own level is NONE until it is set",
    "level-case": "a level in lower case is refused",
    "level-echo": "setting a level also answers `normalize`",
    "normalize-setting": "`normalize` is no setting by itself: a 500",
    "level-of-missing-subject": "asking for the level of a subject that has no version is 40401",
    "level-not-configured": "a subject without a level answers with the registry's",
    "level-delete-missing": "deleting a level that is not set answers with the registry's",
    "level-outlives-subject": "a subject's level outlives its deletion",
    "no-messages": "`verbose` adds no messages",
    "verbose-invalid": "an invalid schema is 42201 also where `verbose` asks for messages",
    "mode-not-configured": "a subject without a mode answers with the registry's",
    "mode-delete-missing": "deleting a mode that is not set answers with the registry's",
    "mode-malformed": "an unknown mode is 42201 instead of 42204",
    "mode-not-enforced": "modes are kept, and forbid nothing",
    "import": "ids and versions that come with a schema are passed over",
    "deletion-conflicts": "40405, 40406 and 40407 have the status 409",
    "deletion-answers-all": "deleting a subject answers with the versions that were softly deleted before, too",
    "ids-end": "an id whose versions are all deleted for good ends (so it does at Confluent's)",
}
"""Where a registry may differ from Confluent's, by name: what it does instead. A test module says which of them its registry
has and what that answers, and the suite holds it to that."""


class Told(NamedTuple):
    """An answer. ``body``: JSON or text; of an error its code, None where it has none."""

    status: int
    body: Any


class Api:
    """Raw requests to a registry. ``differences``: the answers of this registry that are not Confluent's, by the names in
    `DIFFERENCES`; None where the whole test says what is different."""

    def __init__(self, url: str, differences: Mapping[str, Told | None] | None = None) -> None:
        self.url = url.rstrip("/")
        self._differences = dict(differences or {})
        unknown = self._differences.keys() - DIFFERENCES.keys()
        assert not unknown, f"not in the list of differences: {sorted(unknown)}"
        self._client = httpx.Client(base_url=self.url, timeout=60)

    def differs(self, name: str) -> bool:
        assert name in DIFFERENCES, name
        return name in self._differences

    def told(self, wanted: Told, difference: str) -> Told:
        """What is to be answered: ``wanted``, or what this registry says instead."""
        return (self._differences[difference] or wanted) if self.differs(difference) else wanted

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """``body``: JSON, or bytes as they are. A header's name has ``_`` for ``-``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if content is not None:
            named.setdefault("content-type", VENDOR)
        return self._client.request(method, path, content=content, headers=named)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Told:
        response = self.send(method, path, body, **headers)
        try:
            answer = response.json()
        except ValueError:
            answer = None if response.status_code >= 400 else response.text
        if response.status_code >= 400:
            answer = answer.get("error_code") if isinstance(answer, dict) else None
        return Told(response.status_code, answer)

    def register(self, subject: str, schema: SchemaText, query: str = "") -> int:
        """The id."""
        told = self.ask("POST", f"/subjects/{quote(subject, safe='')}/versions{query}", request_of(schema))
        assert told.status == 200, told
        return int(told.body["id"])

    def set_level(self, subject: str, level: str) -> None:
        assert self.ask("PUT", f"/config/{subject}", {"compatibility": level}).status == 200

    def versions(self, subject: str, query: str = "") -> Any:
        return self.ask("GET", f"/subjects/{subject}/versions{query}").body

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Api:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def request_of(schema: SchemaText, **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"schema": schema.text, **more}
    if schema.format is not SchemaFormat.AVRO:
        body["schemaType"] = schema.format.registry_type
    if schema.references:
        body["references"] = [{"name": r.name, "subject": r.subject, "version": r.version} for r in schema.references]
    return body


def laid_out(schema: SchemaText) -> SchemaText:
    """The same schema with other white space."""
    return SchemaText(schema.format, json.dumps(json.loads(schema.text), indent=2), schema.references)


def reordered(schema: SchemaText) -> SchemaText:
    """The same schema with its keys in another order."""

    def turned(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: turned(value) for key, value in reversed(node.items())}
        return [turned(value) for value in node] if isinstance(node, list) else node

    return SchemaText(schema.format, json.dumps(turned(json.loads(schema.text))), schema.references)


def fields_checker(new: SchemaText, history: Sequence[SchemaText], mode: Compatibility) -> Sequence[str]:
    """A true checker for what the suites ask: records of Avro whose fields come and go. A field that one side lacks needs a
    default on the other side: the reader's."""
    older = history if mode.endswith("_TRANSITIVE") else history[-1:]
    if any(old.format is not new.format for old in older):
        return [f"{mode}: it has another format"]
    if new.format is not SchemaFormat.AVRO:
        return []
    reasons = []
    for old in older:
        if not mode.startswith("FORWARD"):
            reasons += [f"{mode}: {name} has no default" for name in _mandatory(new) - _fields(old)]
        if not mode.startswith("BACKWARD"):
            reasons += [f"{mode}: {name} had no default" for name in _mandatory(old) - _fields(new)]
    return sorted(set(reasons))


def _fields(schema: SchemaText) -> set[str]:
    return {field["name"] for field in json.loads(schema.text)["fields"]}


def _mandatory(schema: SchemaText) -> set[str]:
    return {field["name"] for field in json.loads(schema.text)["fields"] if "default" not in field}
