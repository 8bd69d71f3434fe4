"""From a registry's HTTP answer to the error that it means (Confluent Schema Registry API: errors, `error_code`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from headrace.errors import (
    CheckFailed,
    IncompatibleSchema,
    InvalidSchema,
    NotConfigured,
    NotSoftDeleted,
    RegistryAccessDenied,
    RegistryError,
    RegistryReadOnly,
    RegistryUnavailable,
    SchemaMissing,
    SchemaReferenced,
    SubjectMissing,
    UnexpectedAnswer,
)

T = TypeVar("T")

_SECONDS: Final = re.compile(r"[0-9]{1,9}")

_TEXT_MAX: Final = 1000
"""Of what a registry says, so much is repeated."""


class _Fault(msgspec.Struct):
    error_code: int | None = None
    message: str | None = None


_read_fault = msgspec.json.Decoder(_Fault).decode

_BY_CODE: Final[Mapping[int, type[RegistryError]]] = {
    40301: RegistryAccessDenied,
    40401: SubjectMissing,
    40402: SchemaMissing,  # the version
    40403: SchemaMissing,
    40404: SubjectMissing,  # deleted, not for good
    40405: NotSoftDeleted,  # not deleted yet, so it cannot be for good
    40406: SchemaMissing,  # the version is deleted, not for good
    40407: NotSoftDeleted,
    40408: NotConfigured,  # no level of its own
    40409: NotConfigured,  # no mode of its own
    42201: InvalidSchema,
    42202: SchemaMissing,  # no number that a version could have
    42205: RegistryReadOnly,
    42206: SchemaReferenced,
}


def retryable(status: int) -> bool:
    """Whether the same request may be answered otherwise in a moment. 501: the registry does not have it at all."""
    return status in (408, 429) or (status >= 500 and status != 501)


def error_code(response: httpx.Response) -> int | None:
    fault = _fault(response)
    return None if fault is None else fault.error_code


def no_such_route(response: httpx.Response) -> bool:
    """The registry lacks the endpoint: another 404 than those that name what is missing, or a 405."""
    return response.status_code == 405 or (
        response.status_code == 404 and not 40400 <= (error_code(response) or 0) <= 40499
    )


def retry_after(response: httpx.Response, now_ms: int) -> float | None:
    """Seconds to wait, as the answer says in either form of `Retry-After` (RFC 9110, 10.2.3); None where it says nothing
    that can be read."""
    text = response.headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)  # "-0000", which says no more than UTC does
    return max(0.0, moment.timestamp() - now_ms / 1000)


def error_of(response: httpx.Response, about: Mapping[str, Any]) -> RegistryError:
    """The error that an answer other than 2xx means. ``about``: what the request was about, which becomes the error's
    data beside ``status`` and ``error_code``."""
    status, fault = response.status_code, _fault(response)
    code = fault.error_code if fault is not None else None
    said = _trimmed((fault.message if fault is not None else None) or f"status {status}")
    data: dict[str, Any] = {**about, "status": status, "error_code": code}
    if 300 <= status < 400:
        return _redirected(response, data)
    if status in (401, 403) or code == 40301:
        return RegistryAccessDenied(
            f"the registry refuses {_whom(about)}: {said}",
            hint="check the registry's credentials and what they may do" if status == 403 else "check its credentials",
            **data,
        )
    if retryable(status):
        return RegistryUnavailable(f"the registry cannot serve {_whom(about)} now: {said}", **data)
    if no_such_route(response):
        return UnexpectedAnswer(
            f"there is no such endpoint at the registry's URL: {said}",
            hint="the URL is the root of Confluent's API (at Apicurio it ends with /apis/ccompat/v7)",
            **data,
        )
    if fault is None:
        return _not_json(response, data)
    if status == 409:
        return IncompatibleSchema(f"the registry refuses the schema: {said}", **data, reasons=(said,))
    kind = _BY_CODE.get(code or 0)
    if kind is None:
        return RegistryError(f"the registry refuses {_whom(about)}: {said}", **data)
    if kind is InvalidSchema:
        data["reason"] = said
    return kind(f"{said} ({_whom(about)})" if about else said, **data)


def check_failed(response: httpx.Response, about: Mapping[str, Any]) -> CheckFailed:
    """For a 500 from a compatibility check: the checker stumbles over these schemas, each time."""
    fault = _fault(response)
    said = _trimmed(fault.message or "") if fault is not None else ""
    return CheckFailed(
        f"the registry's checker fails on the schemas of {_whom(about)}" + (f": {said}" if said else ""),
        hint="state draft-07 in the schemas, or make them simpler: it would fail again",
        **about,
        status=response.status_code,
        error_code=None if fault is None else fault.error_code,
    )


def decoded(response: httpx.Response, decode: Callable[[bytes], T], about: Mapping[str, Any]) -> T:
    """The body of a 2xx. Raises `UnexpectedAnswer` where it is not what this endpoint answers."""
    try:
        return decode(response.content)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        data = {**about, "status": response.status_code, "error_code": None}
        raise _not_json(response, data) from error


def _fault(response: httpx.Response) -> _Fault | None:
    try:
        return _read_fault(response.content)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None


def _redirected(response: httpx.Response, data: Mapping[str, Any]) -> UnexpectedAnswer:
    try:
        target = urlsplit(response.headers.get("location", ""))
        where = f"{target.scheme}://{target.hostname}" if target.hostname else "another path"
    except ValueError:
        where = "elsewhere"
    return UnexpectedAnswer(
        f"the registry's URL redirects to {where}; redirects are not followed, because credentials would go with them",
        hint="write the URL that it redirects to, if it is the registry's",
        **data,
    )


def _not_json(response: httpx.Response, data: Mapping[str, Any]) -> UnexpectedAnswer:
    kind = response.headers.get("content-type", "something without a content type").partition(";")[0].strip()[:100]
    said = "JSON of another shape" if "json" in kind.lower() else kind
    return UnexpectedAnswer(
        f"the registry's URL answers with {said} (status {response.status_code}), which is not Confluent's API",
        hint="is the URL the root of that API (at Apicurio it ends with /apis/ccompat/v7), or does a proxy answer for it?",
        **data,
    )


def _whom(about: Mapping[str, Any]) -> str:
    named = [f"{name.replace('_', ' ')} {value}" for name, value in about.items()]
    return ", ".join(named) or "the request"


def _trimmed(text: str) -> str:
    return text if len(text) <= _TEXT_MAX else text[:_TEXT_MAX] + "..."
