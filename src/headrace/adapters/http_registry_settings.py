"""What a caller may say about a registry over HTTP: its URLs, and properties by the names of confluent-kafka's own
`SchemaRegistryClient`, so that a configuration that works there works here.

An unknown property is an error, never passed over: a misspelt `ssl.ca.location` would else go unnoticed. What is secret is
in fields without a `repr`, and no error repeats a value that may be one.
"""

from __future__ import annotations

import difflib
import math
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from headrace.errors import SettingsError


@dataclass(frozen=True, slots=True)
class BasicLogin:
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Addressing:
    """What Confluent Cloud wants to know beside a token: which of its registries is meant, and which identity pool."""

    logical_cluster: str | None = None
    identity_pool: str | None = None


@dataclass(frozen=True, slots=True)
class StaticToken:
    addressing: Addressing
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """OAuth 2.0's client credentials grant (RFC 6749, 4.4). ``endpoint``: where tokens are given."""

    addressing: Addressing
    endpoint: str
    client: str
    scope: str | None
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """``urls``: without a closing slash, tried in turn. All durations are seconds. ``tls`` None: the usual authorities."""

    urls: tuple[str, ...]
    login: BasicLogin | StaticToken | ClientCredentials | None = None
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    proxy: str | None = field(default=None, repr=False)
    timeout: float = 30.0
    max_retries: int = 3
    retry_wait: float = 0.5
    retry_max_wait: float = 20.0
    latest_ttl: float = 60.0
    cache_capacity: int = 20_000


_SOURCE: Final = "bearer.auth.credentials.source"
_TOKEN: Final = "bearer.auth.token"  # noqa: S105 - a property's name
_ADDRESSING: Final = ("bearer.auth.logical.cluster", "bearer.auth.identity.pool.id")
_OAUTH: Final = (
    "bearer.auth.issuer.endpoint.url",
    "bearer.auth.client.id",
    "bearer.auth.client.secret",
    "bearer.auth.scope",
)

PROPERTIES: Final[Mapping[str, str]] = {
    "basic.auth.user.info": "user and password, as `user:password`",
    "basic.auth.credentials.source": "`USER_INFO`, if anything",
    _SOURCE: "`OAUTHBEARER` (client credentials) or `STATIC_TOKEN`",
    _TOKEN: "the token, with `STATIC_TOKEN`",
    _OAUTH[0]: "where tokens are given",
    _OAUTH[1]: "the client's id",
    _OAUTH[2]: "the client's secret",
    _OAUTH[3]: "the scope to ask for",
    _ADDRESSING[0]: "Confluent Cloud's id of the registry (`lsrc-...`)",
    _ADDRESSING[1]: "Confluent Cloud's identity pools, with commas between them",
    "ssl.ca.location": "file or folder of the authorities to trust instead of the usual ones",
    "ssl.certificate.location": "file of the client's certificate",
    "ssl.key.location": "file of its key, if it is not in the same file",
    "ssl.key.password": "the key's password",
    "proxy": "URL of a proxy; else that of the environment (`HTTPS_PROXY`, `NO_PROXY`)",
    "timeout": "seconds for one request (30)",
    "max.retries": "further attempts of a request (3)",
    "retries.wait.ms": "the longest wait before the first of them; it doubles each time (500)",
    "retries.max.wait.ms": "the longest wait at all (20000)",
    "cache.latest.ttl.sec": "how long a subject's latest version, and where a schema stands in it, are believed (60)",
    "cache.capacity": "how many such answers are kept (20000)",
}
"""Every property, and what it is. The table in docs/registry.md is checked against it by a test."""


def registry_settings(url: str, properties: Mapping[str, str] | None = None) -> RegistrySettings:
    """Raises `SettingsError` for an unknown property (with the nearest that there is), one that does not parse, and ones
    that exclude each other."""
    given = {name: str(value) for name, value in (properties or {}).items()}
    for name in given:
        if name not in PROPERTIES:
            raise _unknown(name)
    empty = RegistrySettings(urls=())
    return RegistrySettings(
        urls=_urls(url),
        login=_login(given),
        tls=_tls(given),
        proxy=given.get("proxy"),
        timeout=_number(given, "timeout", empty.timeout, least=0.001),
        max_retries=int(_number(given, "max.retries", empty.max_retries, whole=True)),
        retry_wait=_number(given, "retries.wait.ms", empty.retry_wait * 1000) / 1000,
        retry_max_wait=_number(given, "retries.max.wait.ms", empty.retry_max_wait * 1000) / 1000,
        latest_ttl=_number(given, "cache.latest.ttl.sec", empty.latest_ttl),
        cache_capacity=int(_number(given, "cache.capacity", empty.cache_capacity, whole=True)),
    )


def _unknown(name: str) -> SettingsError:
    near = difflib.get_close_matches(name, PROPERTIES, 1)
    hint = f"did you mean {near[0]}?" if near else "the properties are those of confluent-kafka's SchemaRegistryClient"
    if name == "url":
        hint = "the URL is the registry's address itself"
    return SettingsError(f"{name} is not a property of a registry over HTTP", hint=hint, option=name)


def _urls(text: str) -> tuple[str, ...]:
    urls = tuple(part.strip().rstrip("/") for part in text.split(",") if part.strip())
    if not urls:
        raise SettingsError("a registry over HTTP needs a URL", option="url")
    for url in urls:
        _check_url(url, "the registry's URL")
    return urls


def _check_url(url: str, what: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise SettingsError(f"{what} is no URL", option="url") from None
    if "@" in parts.netloc:
        # Not repeated: what stands before the @ is a secret.
        raise SettingsError(
            f"{what} carries credentials",
            hint="give them as basic.auth.user.info, by reference: env:NAME or file:PATH",
            option="url",
        )
    if not usable or parts.query or parts.fragment:
        raise SettingsError(
            f"{what} is not usable: {url}", hint="write http(s)://HOST:PORT/PATH, and nothing behind it", option="url"
        )


def _number(given: Mapping[str, str], name: str, default: float, *, least: float = 0, whole: bool = False) -> float:
    text = given.get(name)
    if text is None:
        return default
    try:
        number = int(text) if whole else float(text)
    except ValueError:
        number = math.nan
    if not least <= number < 1e9:  # NaN is not
        kind = "a whole number" if whole else "a number"
        raise SettingsError(f"{name} = {text!r} is not {kind}, {least:g} or more", option=name)
    return number


# --- who asks


def _login(given: Mapping[str, str]) -> BasicLogin | StaticToken | ClientCredentials | None:
    bearer = [name for name in given if name.startswith("bearer.")]
    if given.get("basic.auth.credentials.source", "USER_INFO") != "USER_INFO":
        raise SettingsError(
            "basic.auth.credentials.source can only be USER_INFO",
            hint="give user and password as basic.auth.user.info",
            option="basic.auth.credentials.source",
        )
    if "basic.auth.user.info" in given:
        if bearer:
            raise SettingsError(
                f"basic.auth.user.info and {bearer[0]} exclude each other", option="basic.auth.user.info"
            )
        user, colon, password = given["basic.auth.user.info"].partition(":")
        if not colon:
            raise SettingsError("basic.auth.user.info is not user:password", option="basic.auth.user.info")
        _check_header("basic.auth.user.info", user + password, ascii_only=False)
        return BasicLogin(user, password)
    if not bearer:
        return None
    source = given.get(_SOURCE)
    addressing = Addressing(given.get(_ADDRESSING[0]), _pools(given.get(_ADDRESSING[1])))
    if source == "STATIC_TOKEN":
        _only(given, bearer, source, (_SOURCE, _TOKEN, *_ADDRESSING))
        token = _needed(given, _TOKEN, source)
        _check_header(_TOKEN, token)
        return StaticToken(addressing, token)
    if source == "OAUTHBEARER":
        _only(given, bearer, source, (_SOURCE, *_OAUTH, *_ADDRESSING))
        endpoint, client, secret = (_needed(given, name, source) for name in _OAUTH[:3])
        _check_url(endpoint, _OAUTH[0])
        return ClientCredentials(addressing, endpoint, client, given.get(_OAUTH[3]), secret)
    raise SettingsError(
        f"{bearer[0]} needs {_SOURCE}" if source is None else f"{_SOURCE} = {source} is not known",
        hint="use OAUTHBEARER (client credentials) or STATIC_TOKEN",
        option=_SOURCE,
    )


def _pools(text: str | None) -> str | None:
    return None if text is None else ",".join(part.strip() for part in text.split(",") if part.strip())


def _only(given: Mapping[str, str], bearer: list[str], source: str, allowed: tuple[str, ...]) -> None:
    for name in bearer:
        if name not in allowed:
            raise SettingsError(f"{name} has no meaning with {_SOURCE} = {source}", option=name)


def _needed(given: Mapping[str, str], name: str, source: str) -> str:
    value = given.get(name)
    if not value:
        raise SettingsError(f"{_SOURCE} = {source} needs {name}", option=name)
    return value


def _check_header(name: str, value: str, *, ascii_only: bool = True) -> None:
    """It goes into a header: no control character may."""
    if not value.isprintable() or (ascii_only and not value.isascii()):
        raise SettingsError(f"{name} holds a character that cannot be sent", option=name)


# --- TLS


def _tls(given: Mapping[str, str]) -> ssl.SSLContext | None:
    authorities, certificate = given.get("ssl.ca.location"), given.get("ssl.certificate.location")
    for name in ("ssl.key.location", "ssl.key.password"):
        if name in given and certificate is None:
            raise SettingsError(f"{name} needs ssl.certificate.location", option="ssl.certificate.location")
    if authorities is None and certificate is None:
        return None
    try:
        name = "ssl.ca.location"
        if authorities is None:
            context = ssl.create_default_context()
        elif Path(authorities).is_dir():
            context = ssl.create_default_context(capath=authorities)
        else:
            context = ssl.create_default_context(cafile=authorities)
        if certificate is not None:
            name = "ssl.certificate.location"
            # A password that is not given must not be asked for on the terminal.
            password = given.get("ssl.key.password", "")
            context.load_cert_chain(certificate, given.get("ssl.key.location"), password)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        raise SettingsError(f"{name}: {given[name]} cannot be used: {reason}", option=name) from error
    return context
