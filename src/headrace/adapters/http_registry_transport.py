"""How a request reaches a registry: pooled connections, several URLs in turn, patience, and who asks.

Everything that is asked of a registry may be asked twice (registering again answers the same id), so every request is
repeated: on 408, 429 and 5xx, and where no answer came. An attempt goes through all URLs, the one that served last first;
between attempts it waits, exponentially longer and with full jitter, or as long as `Retry-After` says.
"""

from __future__ import annotations

import logging
import random
import ssl
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx
import msgspec

from headrace.adapters.http_registry_errors import error_of, retry_after, retryable
from headrace.adapters.http_registry_login import login_of
from headrace.adapters.http_registry_settings import RegistrySettings
from headrace.clock import Clock
from headrace.errors import RegistryError, RegistryUnavailable, UnexpectedAnswer
from headrace.version import version

LOG = logging.getLogger(__name__)

CONNECTIONS: Final = 32
"""At a time. Who makes many calls uses fewer threads than that."""

_CONNECT_S: Final = 5.0

_JSON: Final = "application/vnd.schemaregistry.v1+json"

Answer = httpx.Response | RegistryError
"""What came back, or the error that nothing did."""


class Transport:
    """Safe for many threads. ``sender``: what carries requests instead of connections, in tests."""

    def __init__(self, settings: RegistrySettings, clock: Clock, sender: httpx.BaseTransport | None = None) -> None:
        self._settings = settings
        self._clock = clock
        self._first = 0
        """The place of the URL that served last."""
        self._client = httpx.Client(
            verify=settings.tls if settings.tls is not None else True,
            proxy=settings.proxy if sender is None else None,
            timeout=httpx.Timeout(settings.timeout, connect=min(settings.timeout, _CONNECT_S)),
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
            transport=sender,
            follow_redirects=False,
            headers={"Accept": f"{_JSON}, application/json", "User-Agent": f"headrace/{version()}"},
        )
        self._login = login_of(settings, self._to_token_endpoint, clock)

    def close(self) -> None:
        self._client.close()

    def call(
        self,
        method: str,
        path: str,
        about: Mapping[str, Any],
        *,
        body: Any = None,
        params: Mapping[str, Any] | None = None,
        final: tuple[int, ...] = (),
    ) -> httpx.Response:
        """Any answer that is not worth another attempt, also one that is an error. ``path``: behind the URL, quoted.
        ``about``: names what it is about, for errors. ``final``: statuses that are answers here, whatever they mean elsewhere.

        Raises `RegistryUnavailable` where there was none; its ``retry_after`` (seconds), where the registry wants to be left
        alone for longer than a caller should be kept waiting.
        """
        content = None if body is None else msgspec.json.encode(body)
        urls = self._settings.urls

        def attempt() -> Answer:
            failed: Answer | None = None
            for turn in range(len(urls)):
                place = (self._first + turn) % len(urls)
                failed = self._once(method, urls[place] + path, about, content, params)
                if isinstance(failed, httpx.Response) and not _again(failed, final):
                    self._first = place
                    return failed
            assert failed is not None
            return failed

        return self._patiently(attempt, about, final)

    def pause(self, attempt: int) -> bool:
        """Wait as after the failed attempt number ``attempt`` (from 1); False where there were enough of them."""
        if attempt > self._settings.max_retries:
            return False
        self._clock.sleep(self._wait(attempt))
        return True

    def _once(
        self, method: str, url: str, about: Mapping[str, Any], content: bytes | None, params: Mapping[str, Any] | None
    ) -> Answer:
        headers = self._login.headers()
        answer = self._send(self._request(method, url, headers, content, params), about)
        if isinstance(answer, httpx.Response) and answer.status_code == 401 and self._login.renew(headers):
            answer = self._send(self._request(method, url, self._login.headers(), content, params), about)
        return answer

    def _request(
        self, method: str, url: str, login: Mapping[str, str], content: bytes | None, params: Mapping[str, Any] | None
    ) -> httpx.Request:
        kind = {} if content is None else {"Content-Type": _JSON}
        return self._client.build_request(method, url, headers={**login, **kind}, content=content, params=params)

    def _send(self, request: httpx.Request, about: Mapping[str, Any]) -> Answer:
        """One request; its answer, or the error that it meant that there was none."""
        try:
            return self._client.send(request)
        except httpx.TransportError as error:
            where = f"{request.url.scheme}://{request.url.netloc.decode()}"
            failed = RegistryUnavailable(
                f"{where} does not answer: {str(error) or type(error).__name__}",
                hint="check ssl.ca.location" if _untrusted(error) else None,
                **about,
            )
            failed.__cause__ = error
            return failed
        except httpx.HTTPError as error:  # a body whose encoding is broken, say
            raise UnexpectedAnswer(
                f"{request.url.host} answers with what is no HTTP: {type(error).__name__}", **about
            ) from error
        except RuntimeError as error:
            if not self._client.is_closed:
                raise
            raise RegistryError("the registry's client is closed", **about) from error

    def _to_token_endpoint(self, request: httpx.Request) -> httpx.Response:
        return self._patiently(lambda: self._send(request, {}), {}, whom="the token endpoint")

    def _patiently(
        self,
        attempt: Callable[[], Answer],
        about: Mapping[str, Any],
        final: tuple[int, ...] = (),
        whom: str = "the registry",
    ) -> httpx.Response:
        number = 0
        while True:
            answer = attempt()
            if isinstance(answer, httpx.Response) and not _again(answer, final):
                return answer
            number += 1
            wait = self._wait(number)
            asked = None
            if isinstance(answer, httpx.Response):
                asked = retry_after(answer, self._clock.now_ms())
                wait = max(wait, asked or 0.0)
            error = error_of(answer, about) if isinstance(answer, httpx.Response) else answer
            if number > self._settings.max_retries or wait > self._settings.retry_max_wait:
                if asked is not None:
                    error.data = {**error.data, "retry_after": asked}
                raise error
            LOG.warning("%s, attempt %d: %s; again in %.1f s", whom, number, error.message, wait)
            self._clock.sleep(wait)

    def _wait(self, attempt: int) -> float:
        longest: float = min(self._settings.retry_max_wait, self._settings.retry_wait * 2.0 ** min(attempt - 1, 30))
        return random.random() * longest  # noqa: S311 - it spreads callers, it hides nothing


def _again(answer: httpx.Response, final: tuple[int, ...]) -> bool:
    return retryable(answer.status_code) and answer.status_code not in final


def _untrusted(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
