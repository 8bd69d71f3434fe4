"""Who asks a registry: the headers that say so, and OAuth tokens that are renewed before they end."""

from __future__ import annotations

import base64
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import httpx
import msgspec

from headrace.adapters.http_registry_settings import (
    Addressing,
    BasicLogin,
    ClientCredentials,
    RegistrySettings,
    StaticToken,
)
from headrace.clock import Clock
from headrace.errors import RegistryAccessDenied, RegistryUnavailable, UnexpectedAnswer

LOG = logging.getLogger(__name__)

Send = Callable[[httpx.Request], httpx.Response]
"""Sends to the token endpoint with the same patience as to the registry; raises `RegistryUnavailable`."""

_RENEW_AT: Final = 0.8
"""A token is renewed when this part of its life is over."""

_LIFE: Final = 300.0
"""Seconds that a token is used where the provider does not say how long it lives (RFC 6749, 5.1: it should)."""


class Login(Protocol):
    def headers(self) -> Mapping[str, str]:
        """What to add to a request. May raise a `RegistryError`."""

    def renew(self, refused: Mapping[str, str]) -> bool:
        """After a 401 to a request with the headers ``refused``: whether others are worth one more attempt."""


class _Fixed:
    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def headers(self) -> Mapping[str, str]:
        return self._headers

    def renew(self, refused: Mapping[str, str]) -> bool:
        return False


def login_of(settings: RegistrySettings, send: Send, clock: Clock) -> Login:
    login = settings.login
    if isinstance(login, BasicLogin):
        return _Fixed({"Authorization": _basic(login.user, login.password)})
    if isinstance(login, StaticToken):
        return _Fixed({"Authorization": f"Bearer {login.token}", **_addressing(login.addressing)})
    if isinstance(login, ClientCredentials):
        return TokenLogin(login, send, clock)
    return _Fixed({})


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _addressing(addressing: Addressing) -> dict[str, str]:
    """By the names of Confluent Cloud's REST API."""
    named = {
        "target-sr-cluster": addressing.logical_cluster,
        "Confluent-Identity-Pool-Id": addressing.identity_pool,
    }
    return {name: value for name, value in named.items() if value is not None}


class _Granted(msgspec.Struct):
    access_token: str
    expires_in: float | None = None


class _Refused(msgspec.Struct):
    error: str | None = None


_read_granted = msgspec.json.Decoder(_Granted, strict=False).decode
_read_refused = msgspec.json.Decoder(_Refused).decode


class _Token(msgspec.Struct, frozen=True):
    headers: Mapping[str, str]
    renew_at: float
    ends_at: float


class TokenLogin:
    """OAuth's client credentials. One thread fetches a token, the others wait for it, or go on with the old one while it
    lasts. The client authenticates by HTTP Basic, as every provider must allow (RFC 6749, 2.3.1)."""

    def __init__(self, credentials: ClientCredentials, send: Send, clock: Clock) -> None:
        self._credentials = credentials
        self._send = send
        self._clock = clock
        self._lock = threading.Lock()
        self._token: _Token | None = None

    def headers(self) -> Mapping[str, str]:
        token, now = self._token, self._clock.monotonic()
        if token is not None and now < token.renew_at:
            return token.headers
        lasts = token is not None and now < token.ends_at
        if not self._lock.acquire(blocking=not lasts):
            assert token is not None
            return token.headers  # another thread is at it
        try:
            if self._token is not token and self._token is not None:
                return self._token.headers
            try:
                self._token = self._fetch()
            except RegistryUnavailable:
                if token is None or not lasts:
                    raise
                LOG.warning("the registry's token could not be renewed; the old one is used while it lasts")
                return token.headers
            return self._token.headers
        finally:
            self._lock.release()

    def renew(self, refused: Mapping[str, str]) -> bool:
        with self._lock:
            if self._token is not None and self._token.headers == refused:
                self._token = self._fetch()
        return True

    def _fetch(self) -> _Token:
        asked = self._clock.monotonic()
        form = {"grant_type": "client_credentials"}
        if self._credentials.scope:
            form["scope"] = self._credentials.scope
        answer = self._send(
            httpx.Request(
                "POST",
                self._credentials.endpoint,
                data=form,
                headers={
                    "Accept": "application/json",
                    "Authorization": _basic(self._credentials.client, self._credentials.secret),
                },
            )
        )
        if answer.status_code in (400, 401, 403):
            raise RegistryAccessDenied(
                f"the token endpoint gives {self._credentials.client} no token: {_reason(answer)}",
                hint="check bearer.auth.client.id, bearer.auth.client.secret and bearer.auth.scope",
                status=answer.status_code,
            )
        try:
            granted = _read_granted(answer.content) if answer.is_success else None
        except (msgspec.MsgspecError, RecursionError, ValueError):
            granted = None
        if granted is None or not granted.access_token.isascii() or not granted.access_token.isprintable():
            # Without the body, and without the error that would quote it: it may hold a token.
            raise UnexpectedAnswer(
                f"the token endpoint answers with status {answer.status_code} and no token",
                hint="bearer.auth.issuer.endpoint.url is the URL of the token endpoint itself",
                status=answer.status_code,
            )
        life = _LIFE if granted.expires_in is None else max(0.0, granted.expires_in)
        return _Token(
            {"Authorization": f"Bearer {granted.access_token}", **_addressing(self._credentials.addressing)},
            asked + life * _RENEW_AT,
            asked + life,
        )


def _reason(answer: httpx.Response) -> str:
    """OAuth's error code; never the description, which may quote what was sent."""
    try:
        error = _read_refused(answer.content).error
    except (msgspec.MsgspecError, RecursionError, ValueError):
        error = None
    return error if error and error.isascii() and len(error) < 60 else f"status {answer.status_code}"
