"""A schema registry over HTTP: Confluent's, or one that has its REST API (Karapace, Apicurio).

What an id means is kept for ever. Where a schema stands in a subject, and which version is the latest, is believed for a
while (`cache.latest.ttl.sec`). When the registry cannot be reached, what is known by id, version or text goes on working,
however old; what is unknown, and the latest version, raise `RegistryUnavailable`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import Any, Final, Literal, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from headrace.adapters.http_registry_bulk import SubjectReader, in_parallel
from headrace.adapters.http_registry_cache import AnswerCache
from headrace.adapters.http_registry_errors import check_failed, decoded, error_of, no_such_route
from headrace.adapters.http_registry_settings import registry_settings
from headrace.adapters.http_registry_transport import Transport
from headrace.clock import SYSTEM_CLOCK, Clock
from headrace.errors import CheckUnsupported, InvalidSchema, RegistryError, SchemaMissing, SubjectMissing
from headrace.interfaces.registry import SubjectState
from headrace.model.schema import Compatibility, RegisteredSchema, SchemaFormat, SchemaReference, SchemaText

T = TypeVar("T")

Where = int | Literal["latest"]

_PAGE: Final = 1000
"""A list of so many entries may be the first page only (Confluent pages subjects since 7.9, versions since 8.0)."""

_NO_LEVEL: Final = (40401, 40404, 40408)

_TYPES: Final = {"AVRO": SchemaFormat.AVRO, "JSON": SchemaFormat.JSON_SCHEMA}


class _Reference(msgspec.Struct):
    name: str
    subject: str
    version: int


class _Schema(msgspec.Struct, rename="camel"):
    """A schema as the API writes it; ``schema_type`` is left out for Avro."""

    schema: str
    schema_type: str | None = None
    references: list[_Reference] | None = None

    def text(self, about: Mapping[str, Any]) -> SchemaText:
        form = _TYPES.get(self.schema_type or "AVRO")
        if form is None:
            raise SchemaMissing(
                f"the registry has a {self.schema_type} schema there, which no event is written in", **about
            )
        references = tuple(SchemaReference(r.name, r.subject, r.version) for r in self.references or ())
        return SchemaText(form, self.schema, references)


class _Version(_Schema, kw_only=True):
    subject: str
    version: int
    id: int

    def registered(self, about: Mapping[str, Any]) -> RegisteredSchema:
        return RegisteredSchema(self.subject, self.version, self.id, self.text(about))


class _Found(msgspec.Struct):
    version: int
    id: int


class _Added(msgspec.Struct):
    id: int
    version: int | None = None
    """Only some registries say it."""


class _Place(msgspec.Struct):
    subject: str
    version: int


class _Level(msgspec.Struct, rename={"level": "compatibilityLevel"}):
    level: Compatibility | None = None


class _Verdict(msgspec.Struct):
    is_compatible: bool
    messages: list[str] | None = None


def _reader(kind: type[T]) -> Callable[[bytes], T]:
    return msgspec.json.Decoder(kind).decode


_names, _numbers, _places = _reader(list[str]), _reader(list[int]), _reader(list[_Place])
_schema, _version, _found, _added = _reader(_Schema), _reader(_Version), _reader(_Found), _reader(_Added)
_level, _verdict, _anything = _reader(_Level), _reader(_Verdict), _reader(msgspec.Raw)


class HttpRegistry:
    """``url``: the root of the API; several with commas between them are tried in turn. ``properties``: by the names of
    confluent-kafka's client (docs/registry.md). ``transport``: what carries requests instead of connections, in tests.

    Also reads and registers many subjects at once. Opening it asks nothing; raises `SettingsError`. Safe for many threads.
    """

    def __init__(
        self,
        url: str,
        *,
        properties: Mapping[str, str] | None = None,
        clock: Clock = SYSTEM_CLOCK,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        settings = registry_settings(url, properties)
        self._http = Transport(settings, clock, transport)
        ttl, capacity = settings.latest_ttl, settings.cache_capacity
        self._by_id: AnswerCache[int, SchemaText] = AnswerCache(clock)
        self._known: AnswerCache[tuple[str, Hashable], RegisteredSchema] = AnswerCache(
            clock, ttl=ttl, capacity=capacity, stale=True
        )
        """By subject and a version's number, or a schema."""
        self._latest: AnswerCache[str, RegisteredSchema] = AnswerCache(clock, ttl=ttl, capacity=capacity)

    # --- what is there

    def subjects(self, prefix: str = "") -> Sequence[str]:
        about = {"prefix": prefix} if prefix else {}
        found = self._pages("/subjects", _names, about, {"subjectPrefix": prefix} if prefix else {})
        # Not every registry heeds the prefix, and some list a version's subject more than once.
        return sorted({name for name in found if name.startswith(prefix)})

    def versions(self, subject: str) -> Sequence[int]:
        about = {"subject": subject}
        return sorted(set(self._pages(f"/subjects/{_quoted(subject)}/versions", _numbers, about, {})))

    def version(self, subject: str, version: Where) -> RegisteredSchema:
        if version == "latest":
            return self._latest.get(subject, lambda: self._read_version(subject, "latest"))
        return self._known.get((subject, version), lambda: self._read_version(subject, version))

    def by_id(self, schema_id: int) -> SchemaText:
        about = {"schema_id": schema_id}
        return self._by_id.get(
            schema_id, lambda: self._ask("GET", f"/schemas/ids/{schema_id}", _schema, about).text(about)
        )

    def lookup(self, subject: str, schema: SchemaText) -> RegisteredSchema:
        return self._known.get((subject, schema), lambda: self._look_up(subject, schema))

    def _read_version(self, subject: str, version: Where) -> RegisteredSchema:
        about = {"subject": subject, "version": version}
        path = f"/subjects/{_quoted(subject)}/versions/{version}"
        found = self._ask("GET", path, _version, about).registered(about)
        self._by_id.put(found.id, found.schema)
        return found

    def _look_up(self, subject: str, schema: SchemaText) -> RegisteredSchema:
        about = {"subject": subject}
        found = self._ask("POST", f"/subjects/{_quoted(subject)}", _found, about, body=_body(schema))
        # With the text that was asked for: what comes back may be printed anew, and Apicurio leaves out that it is JSON.
        return RegisteredSchema(subject, found.version, found.id, schema)

    # --- registering

    def register(self, subject: str, schema: SchemaText) -> RegisteredSchema:
        added = self._add(subject, schema)
        version = added.version if added.version is not None else self._version_of(subject, schema)
        return RegisteredSchema(subject, version, added.id, schema)

    def _add(self, subject: str, schema: SchemaText) -> _Added:
        about = {"subject": subject}
        try:
            added = self._ask("POST", f"/subjects/{_quoted(subject)}/versions", _added, about, body=_body(schema))
        except (SubjectMissing, SchemaMissing) as error:
            # Of what is being added nothing can be missing, but what it refers to.
            reason = f"a schema that it refers to is not there: {error.message}"
            raise InvalidSchema(reason, **{**error.data, "reason": reason}) from error
        self._latest.drop(lambda name: name == subject)
        return added

    def _version_of(self, subject: str, schema: SchemaText) -> int:
        """Of a schema that was registered a moment ago: another node of the registry may not have heard of it yet."""
        attempt = 0
        while True:
            try:
                return self._look_up(subject, schema).version
            except (SubjectMissing, SchemaMissing):
                attempt += 1
                if not self._http.pause(attempt):
                    raise

    def check(self, subject: str, schema: SchemaText) -> Sequence[str]:
        path = f"/compatibility/subjects/{_quoted(subject)}/versions"
        about = {"subject": subject}
        try:
            answer = self._check(path, schema, about)
            if no_such_route(answer):  # Karapace compares with one version at a time
                return self._check_each(path, subject, schema)
            return _reasons(answer, about)
        except SubjectMissing:
            return []  # the first version is compatible with all that came before
        except InvalidSchema as error:
            return [error.data.get("reason", error.message)]

    def _check_each(self, path: str, subject: str, schema: SchemaText) -> Sequence[str]:
        level = self._read_level(f"/config/{_quoted(subject)}", {"subject": subject}, {"defaultToGlobal": "true"})
        if level is Compatibility.NONE:
            return []
        versions = self.versions(subject)
        if level is None or not level.endswith("_TRANSITIVE"):
            versions = versions[-1:]
        reasons: list[str] = []
        for version in versions:
            about = {"subject": subject, "version": version}
            answer = self._check(f"{path}/{version}", schema, about)
            if no_such_route(answer):
                raise CheckUnsupported("this registry has no compatibility checker", subject=subject)
            reasons += _reasons(answer, about)
        return reasons

    def _check(self, path: str, schema: SchemaText, about: Mapping[str, Any]) -> httpx.Response:
        # A 500 is the checker that fails on these schemas: it would again.
        answer = self._http.call("POST", path, about, body=_body(schema), params={"verbose": "true"}, final=(500,))
        if answer.status_code == 500:
            raise check_failed(answer, about)
        if answer.status_code == 501:
            raise CheckUnsupported("this registry has no compatibility checker", **about)
        return answer

    def delete_subject(self, subject: str) -> Sequence[int]:
        path, about = f"/subjects/{_quoted(subject)}", {"subject": subject}
        try:
            deleted = self._ask("DELETE", path, _numbers, about)
        except SubjectMissing as error:
            if error.data.get("error_code") != 40404:
                raise
            deleted = None  # deleted already, but not for good
        try:
            purged = self._ask("DELETE", path, _numbers, about, params={"permanent": "true"})
        except SubjectMissing:
            if deleted is None:
                raise
            purged = deleted  # an attempt whose answer was lost had done it
        self._known.drop(lambda key: key[0] == subject)
        self._latest.drop(lambda name: name == subject)
        return sorted(purged if deleted is None else deleted)

    # --- levels

    def compatibility(self, subject: str | None = None) -> Compatibility | None:
        if subject is None:
            return self._read_level("/config", {}, {})
        try:
            return self._read_level(f"/config/{_quoted(subject)}", {"subject": subject}, {})
        except RegistryError as error:
            if error.data.get("error_code") in _NO_LEVEL:
                return None
            raise

    def _read_level(self, path: str, about: Mapping[str, Any], params: Mapping[str, str]) -> Compatibility | None:
        return self._ask("GET", path, _level, about, params=params).level

    def set_compatibility(self, subject: str | None, level: Compatibility) -> None:
        path, about = ("/config", {}) if subject is None else (f"/config/{_quoted(subject)}", {"subject": subject})
        self._ask("PUT", path, _anything, about, body={"compatibility": str(level)})

    # --- many subjects

    def states_of(self, subjects: Collection[str]) -> Mapping[str, SubjectState]:
        there = sorted(frozenset(subjects).intersection(self.subjects()))
        reader = SubjectReader(self.versions, self._id_of, self._places_of, self.compatibility)
        return reader.states(there)

    def register_many(self, schemas: Sequence[tuple[str, SchemaText]]) -> Sequence[RegisteredSchema | RegistryError]:
        by_subject: dict[str, list[int]] = {}
        for position, (subject, _) in enumerate(schemas):
            by_subject.setdefault(subject, []).append(position)

        def add(positions: list[int]) -> list[_Added | RegistryError]:
            answers: list[_Added | RegistryError] = []
            for position in positions:
                try:
                    answers.append(self._add(*schemas[position]))
                except RegistryError as error:
                    answers.append(error)
            return answers

        done = in_parallel(add, list(by_subject.values()))
        added = {
            position: answer
            for positions, answers in zip(by_subject.values(), done, strict=True)
            for position, answer in zip(positions, answers, strict=True)
        }
        # Where the registry told the id only, one call for each id tells the version in every subject.
        ids = {a.id for a in added.values() if isinstance(a, _Added) and a.version is None}
        known = {
            (schema_id, subject): version
            for schema_id, places in zip(ids, in_parallel(self._places_of, list(ids)), strict=True)
            for subject, version in sorted(places)
        }

        def answer(position: int) -> RegisteredSchema | RegistryError:
            (subject, schema), one = schemas[position], added[position]
            if isinstance(one, RegistryError):
                return one
            version = one.version if one.version is not None else known.get((one.id, subject))
            try:
                version = self._version_of(subject, schema) if version is None else version
            except RegistryError as error:
                return error
            return RegisteredSchema(subject, version, one.id, schema)

        return in_parallel(answer, range(len(schemas)))

    def _id_of(self, subject: str, version: int) -> int:
        return self._read_version(subject, version).id

    def _places_of(self, schema_id: int) -> Collection[tuple[str, int]]:
        """Every subject and version that holds a schema; none where the registry cannot tell."""
        path, about = f"/schemas/ids/{schema_id}/versions", {"schema_id": schema_id}
        try:
            return {(place.subject, place.version) for place in self._pages(path, _places, about, {})}
        except (RegistryError, TypeError) as error:
            if isinstance(error, RegistryError) and error.retryable:
                raise
            return ()

    # --- asking

    def _ask(
        self,
        method: str,
        path: str,
        decode: Callable[[bytes], T],
        about: Mapping[str, Any],
        *,
        body: Any = None,
        params: Mapping[str, Any] | None = None,
    ) -> T:
        answer = self._http.call(method, path, about, body=body, params=params)
        if not answer.is_success:
            raise error_of(answer, about)
        return decoded(answer, decode, about)

    def _pages(
        self, path: str, decode: Callable[[bytes], list[T]], about: Mapping[str, Any], params: Mapping[str, Any]
    ) -> list[T]:
        """A list, all of it. A registry without pages answers each time with the whole, which ends it too."""
        found = self._ask("GET", path, decode, about, params=params)
        page = found
        while len(page) >= _PAGE:
            page = self._ask("GET", path, decode, about, params={**params, "offset": str(len(found))})
            if page == found[: len(page)]:
                break
            found = found + page
        return found

    def close(self) -> None:
        self._http.close()


def _quoted(subject: str) -> str:
    return quote(subject, safe="")


def _body(schema: SchemaText) -> dict[str, Any]:
    body: dict[str, Any] = {"schema": schema.text}
    if schema.format is not SchemaFormat.AVRO:
        body["schemaType"] = schema.format.registry_type
    if schema.references:
        body["references"] = [msgspec.structs.asdict(reference) for reference in schema.references]
    return body


def _reasons(answer: httpx.Response, about: Mapping[str, Any]) -> list[str]:
    if not answer.is_success:
        raise error_of(answer, about)
    verdict = decoded(answer, _verdict, about)
    if verdict.is_compatible:
        return []
    return verdict.messages or ["the registry finds it incompatible, and does not say why"]
