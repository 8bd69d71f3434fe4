"""A request to a registry server, taken apart: path, query and body in the forms that Confluent's clients send."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import unquote

import msgspec
from starlette.requests import Request

from headrace.errors import InvalidRequest, InvalidSchema, SchemaMissing, SubjectMissing
from headrace.interfaces.registry_store import Deleted, Mode, RegistryConfig, RegistryStore, Version
from headrace.model.schema import Compatibility, SchemaFormat, SchemaReference, SchemaText
from headrace.web.registry_answers import INVALID_LEVEL, INVALID_MODE

T = TypeVar("T")

_FORMATS = {kind.registry_type: kind for kind in SchemaFormat}
_CONTEXT_ALL, _CONTEXT_DEFAULT = ":*:", ":.:"
_LATEST = -1


class Reference(msgspec.Struct):
    name: str
    subject: str
    version: int


class SchemaRequest(msgspec.Struct):
    """Of a registration, a look-up or a comparison. What is not named here is passed over, as Confluent does."""

    schema: str | None = None
    schemaType: str | None = None  # noqa: N815  its name in the API
    references: list[Reference] | None = None
    id: int | None = None
    version: int | None = None
    metadata: Any = None
    ruleSet: Any = None  # noqa: N815  its name in the API


class ConfigRequest(msgspec.Struct):
    compatibility: str | None = None
    normalize: bool | None = None
    alias: Any = None
    compatibilityGroup: Any = None  # noqa: N815  its name in the API
    defaultMetadata: Any = None  # noqa: N815  its name in the API
    overrideMetadata: Any = None  # noqa: N815  its name in the API
    defaultRuleSet: Any = None  # noqa: N815  its name in the API
    overrideRuleSet: Any = None  # noqa: N815  its name in the API


class ModeRequest(msgspec.Struct):
    mode: str | None = None


class Call:
    """One request with its body read."""

    def __init__(self, request: Request, body: bytes) -> None:
        self._path = request.path_params
        self._query = request.query_params
        self._body = body

    # --- path

    @property
    def subject(self) -> str:
        return plain_subject(unquote(self._path["subject"]))

    @property
    def version(self) -> Version:
        """Raises `InvalidRequest` (42202)."""
        text = unquote(self._path["version"])
        if text.strip().lower() == "latest":
            return "latest"
        number = _whole(text)
        if number == _LATEST:
            return "latest"
        if number is None or not 1 <= number < 2**31:
            raise InvalidRequest(
                f"The specified version '{text}' is not a valid version id. Allowed values are between [1, 2^31-1] and"
                ' the string "latest"',
                error_code=42202,
            )
        return number

    @property
    def schema_id(self) -> int:
        number = _whole(self._path["id"])
        if number is None:
            raise InvalidRequest("HTTP 404 Not Found", error_code=404)
        return number

    @property
    def guid(self) -> str:
        return unquote(self._path["guid"])

    # --- query

    def flag(self, name: str) -> bool:
        """True for ``true`` in any case, as Java reads a boolean."""
        return self._query.get(name, "").lower() == "true"

    def text(self, name: str) -> str | None:
        return self._query.get(name)

    @property
    def deleted(self) -> Deleted:
        if self.flag("deletedOnly"):
            return Deleted.ONLY
        return Deleted.SHOWN if self.flag("deleted") else Deleted.HIDDEN

    @property
    def prefix(self) -> str:
        """Of subjects; ``:*:`` (every context) and ``:.:`` (the default one) are both all there is."""
        prefix = self._query.get("subjectPrefix", "")
        for context in (_CONTEXT_ALL, _CONTEXT_DEFAULT):
            prefix = prefix.removeprefix(context)
        return prefix

    def page(self, found: Sequence[T]) -> list[T]:
        """The part that ``offset`` and ``limit`` (negative: no limit) name."""
        offset, limit = self._number("offset", 0), self._number("limit", -1)
        found = list(found)[max(offset, 0) :]
        return found if limit < 0 else found[:limit]

    def _number(self, name: str, default: int) -> int:
        text = self._query.get(name)
        number = default if text in (None, "") else _whole(str(text))
        if number is None:
            raise InvalidRequest("HTTP 404 Not Found", error_code=404)
        return number

    # --- body

    def _read(self, kind: type[T]) -> T:
        if not self._body.strip() or self._body.strip() == b"null":
            raise InvalidRequest("The request body must not be null", error_code=422)
        try:
            return msgspec.json.decode(self._body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidRequest(f"Unable to read the request body: {error}", error_code=400) from error

    def schema(self, store: RegistryStore) -> tuple[SchemaText, SchemaRequest]:
        """The schema of the body, and all of the body. Raises `InvalidSchema` or `InvalidRequest`."""
        sent = self._read(SchemaRequest)
        if not sent.schema:
            raise InvalidSchema("the schema is empty", reason="Empty schema")
        kind = _FORMATS.get((sent.schemaType or "AVRO").upper())
        if kind is None:
            raise InvalidSchema("unknown type", reason=f"Invalid schema type {sent.schemaType}")
        if sent.metadata or sent.ruleSet:
            raise InvalidSchema("unsupported", reason="this registry keeps neither metadata nor rule sets")
        references = tuple(_reference(store, reference) for reference in sent.references or ())
        return SchemaText(kind, sent.schema, references), sent

    def config(self) -> RegistryConfig:
        """Raises `InvalidRequest` (42203, or 422 for settings that this registry does not have)."""
        sent = self._read(ConfigRequest)
        unknown = [
            name
            for name, value in msgspec.structs.asdict(sent).items()
            if value not in (None, {}, "") and name not in ("compatibility", "normalize")
        ]
        if unknown:
            raise InvalidRequest(f"This registry has no {', '.join(unknown)}", error_code=422)
        level = None
        if sent.compatibility is not None:
            if sent.compatibility.upper() not in Compatibility.__members__:
                raise InvalidRequest(INVALID_LEVEL, error_code=42203)
            level = Compatibility(sent.compatibility.upper())
        elif sent.normalize is None:
            raise InvalidRequest(INVALID_LEVEL, error_code=42203)
        return RegistryConfig(level, sent.normalize)

    def mode(self) -> Mode:
        """Raises `InvalidRequest` (42204)."""
        mode = (self._read(ModeRequest).mode or "").upper()
        if mode not in Mode.__members__:
            raise InvalidRequest(INVALID_MODE, error_code=42204)
        return Mode(mode)


def plain_subject(subject: str) -> str:
    """Without the default context. Raises `InvalidRequest` (42208) for another: this registry has one."""
    subject = subject.removeprefix(_CONTEXT_DEFAULT)
    if subject.startswith(":."):
        raise InvalidRequest(f"The subject '{subject}' is in a context, which this registry has not", error_code=42208)
    return subject


def _reference(store: RegistryStore, reference: Reference) -> SchemaReference:
    """Version -1 is the latest at this moment."""
    version = reference.version
    if version == _LATEST:
        try:
            version = store.find_version(reference.subject, "latest").version
        except (SubjectMissing, SchemaMissing) as error:
            raise InvalidSchema(
                error.message, reason=f"it refers to {reference.subject}, which is not there"
            ) from error
    return SchemaReference(reference.name, plain_subject(reference.subject), version)


def _whole(text: str) -> int | None:
    text = text.strip()
    digits = text.removeprefix("-").removeprefix("+")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 20 else None
