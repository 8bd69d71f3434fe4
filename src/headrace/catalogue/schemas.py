"""Reading the schema files that events name, before any rule asks for them."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import unquote

from headrace.catalogue.checking import Checking, Declared, LoadedSchema, getattr_or_none
from headrace.catalogue.codes import Code
from headrace.catalogue.documents import StreamingDocument
from headrace.catalogue.findings import Finding, Path
from headrace.catalogue.located_json import JsonText
from headrace.catalogue.suggest import closest, did_you_mean
from headrace.model import avro_schema, json_schema
from headrace.model.schema import SchemaFormat

_ENDINGS: Final = {SchemaFormat.JSON_SCHEMA: (".json",), SchemaFormat.AVRO: (".avsc", ".json")}
_PLACE: Final = re.compile(r"(#\S*): (.*)", re.DOTALL)


def load_schemas(checking: Checking) -> None:
    """Fill ``checking.schemas``, and report what is wrong with the entries of `versions` and with the files."""
    for product in checking.streaming:
        files = _Files(checking, product)
        for index, event in enumerate(getattr_or_none(product.document, "events") or ()):
            spec = getattr_or_none(event, "schema_")
            versions = getattr_or_none(spec, "versions") if spec is not None else None
            form = getattr_or_none(spec, "format") if spec is not None else None
            if versions is not None and form is not None:
                name = getattr_or_none(event, "name")
                at = ("events", index, "schema", "versions")
                checking.schemas[product.name, index] = [
                    files.load(entry, i, name, form, (*at, i)) for i, entry in enumerate(versions)
                ]
        if files.all_known:
            files.report_orphans()


class _Files:
    def __init__(self, checking: Checking, product: Declared[StreamingDocument]) -> None:
        self._checking = checking
        self._product = product
        self._base = f"products/{product.name}/"
        self._there = [path.removeprefix(self._base) for path in checking.folder(product).schemas]
        self._read: dict[str, JsonText | None] = {}
        self._meant: set[str] = set()
        """Files that a faulty entry probably meant."""

    @property
    def all_known(self) -> bool:
        events = getattr_or_none(self._product.document, "events")
        return events is not None and all((self._product.name, i) in self._checking.schemas for i in range(len(events)))

    def load(self, entry: str, index: int, event: str | None, form: SchemaFormat, at: Path) -> LoadedSchema:
        number = self._number(entry, event, form, at)
        if not self._inside(entry, at):
            return LoadedSchema(self._base + entry, form, index, number, None)
        if entry not in self._there:
            self._meant.add(closest(entry, self._there) or "")
            hint = did_you_mean(entry, self._there, "add the file")
            self._finding(Finding(Code.FILE_MISSING, f"the file {entry} does not exist", hint, at))
            return LoadedSchema(self._base + entry, form, index, number, None)
        path = self._base + entry
        first = path not in self._read
        if first:
            self._read[path] = self._text(path)
        text = self._read[path]
        usable = False
        if text is not None and text.parsed:
            problems = schema_problems(form, text.value)
            usable = not problems
            for finding in problems if first else ():
                self._checking.report(path, text, finding)
        return LoadedSchema(path, form, index, number, text, usable)

    def report_orphans(self) -> None:
        for entry in self._there:
            if self._base + entry not in self._read and entry not in self._meant:
                self._checking.report(
                    self._base + entry, None, Finding(Code.ORPHAN, "no event names this file under versions")
                )

    def _text(self, path: str) -> JsonText | None:
        raw = self._checking.repository.text(path)
        if raw is None:
            return None
        text = JsonText(raw)
        for finding in text.findings:
            self._checking.report(path, text, finding)
        return text

    def _number(self, entry: str, event: str | None, form: SchemaFormat, at: Path) -> int | None:
        """The schema version in a file's name; None where the name is not of the form, which is reported."""
        name = entry.rpartition("/")[2]
        match = re.fullmatch(r"([A-Za-z0-9]+)\.([1-9][0-9]{0,4})(\.[a-z]+)", name)
        if event is None:
            return int(match[2]) if match else None
        endings = _ENDINGS[form]
        if match and match[1] == event and match[3] in endings:
            return int(match[2])
        wanted = " or ".join(f"schemas/{event}.N{ending}" for ending in endings)
        hint = f"name it {wanted}, N the schema version that brings it"
        self._finding(Finding(Code.SCHEMA_FILE, f"the schema file of {event} is named {entry}", hint, at))
        self._meant.add(entry)
        return int(match[2]) if match and match[1] == event else None

    def _inside(self, entry: str, at: Path) -> bool:
        steps = entry.split("/")
        if entry.startswith("/") or ".." in steps or "\\" in entry or ":" in entry or "." in steps or "" in steps:
            self._finding(Finding(Code.PATH_LEAVES, f"the path {entry!r} leaves the product", path=at))
            return False
        return True

    def _finding(self, finding: Finding) -> None:
        self._checking.report(self._product.path, self._product.text, finding)


def schema_problems(form: SchemaFormat, document: Any) -> list[Finding]:
    """What is wrong with a parsed schema document by itself."""
    if form is SchemaFormat.AVRO:
        try:
            parsed = avro_schema.parse(document)
        except ValueError as error:
            return [Finding(Code.AVRO_SCHEMA, str(error))]
        if not isinstance(parsed.resolved, dict) or parsed.resolved.get("type") != "record":
            return [Finding(Code.AVRO_SCHEMA, "is no record", "an event's data is a record with named fields")]
        return []
    if not isinstance(document, dict):
        return [Finding(Code.JSON_SCHEMA, "is no object", "a data schema is an object with type: object")]
    if "type" in document and document["type"] != "object":
        return [Finding(Code.JSON_SCHEMA, "does not describe an object", 'write "type": "object"', ("type",))]
    try:
        json_schema.compile_schema(document)
        patterns = json_schema.pattern_problems(document)
    except ValueError as error:
        where, said = _split(str(error))
        return [Finding(Code.JSON_SCHEMA, said, path=pointer_path(document, where))]
    return [
        Finding(Code.PATTERN, said, path=pointer_path(document, where), key="/patternProperties/" in where)
        for where, said in patterns
    ]


def _split(message: str) -> tuple[str, str]:
    match = _PLACE.match(message)
    return (match[1], match[2]) if match else ("#", message)


def pointer_path(document: Any, pointer: str) -> Path:
    """The keys and indexes of a JSON pointer written as a URI's fragment, as far as they exist in ``document``."""
    return token_path(
        document, [unquote(t).replace("~1", "/").replace("~0", "~") for t in pointer.lstrip("#").split("/")[1:]]
    )


def token_path(document: Any, tokens: list[str] | tuple[str, ...]) -> Path:
    """Tokens of a JSON pointer as keys and indexes, as far as they exist in ``document``."""
    path: list[str | int] = []
    for token in tokens:
        step: str | int = int(token) if isinstance(document, list) and token.isdigit() else token
        try:
            document = document[step]
        except (KeyError, IndexError, TypeError):
            break
        path.append(step)
    return tuple(path)
