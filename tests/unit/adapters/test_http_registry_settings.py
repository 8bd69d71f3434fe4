"""The properties of a registry over HTTP, the headers that they lead to, and that secrets show nowhere."""

from __future__ import annotations

import logging
import pickle
import re
import traceback
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from headrace.adapters.http_registry import HttpRegistry
from headrace.adapters.http_registry_settings import PROPERTIES, registry_settings
from headrace.errors import HeadraceError, RegistryError, SettingsError
from tests.unit.adapters.http_registry_support import URL, Registry, fault, page, refused, said

SECRET = "S3cret-tOken"

OAUTH = {
    "bearer.auth.credentials.source": "OAUTHBEARER",
    "bearer.auth.issuer.endpoint.url": "https://id.example.com/token",
    "bearer.auth.client.id": "headrace",
    "bearer.auth.client.secret": SECRET,
    "bearer.auth.scope": "registry",
}
STATIC = {"bearer.auth.credentials.source": "STATIC_TOKEN", "bearer.auth.token": SECRET}
BASIC = {"basic.auth.user.info": f"key:{SECRET}"}


def test_every_number_arrives_in_its_unit() -> None:
    """Seconds as they are, milliseconds as seconds."""
    settings = registry_settings(
        " http://a.example.com/x/ ,https://b.example.com:8081",
        {
            "timeout": "2.5",
            "max.retries": "0",
            "retries.wait.ms": "250",
            "retries.max.wait.ms": "1500",
            "cache.latest.ttl.sec": "7",
            "cache.capacity": "9",
        },
    )
    assert settings.urls == ("http://a.example.com/x", "https://b.example.com:8081")
    assert (settings.timeout, settings.max_retries) == (2.5, 0)
    assert (settings.retry_wait, settings.retry_max_wait) == (0.25, 1.5)
    assert (settings.latest_ttl, settings.cache_capacity) == (7.0, 9)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("basic.auth.userinfo", "basic.auth.user.info"),
        ("ssl.ca.locaton", "ssl.ca.location"),
        ("bearer.auth.client_id", "bearer.auth.client.id"),
        ("max.retry", "max.retries"),
        ("url", "address itself"),
        ("something.else", "SchemaRegistryClient"),
    ],
)
def test_an_unknown_property_is_refused_with_the_nearest(name: str, near: str) -> None:
    """A misspelt one would be passed over, and with it what it was to do."""
    with pytest.raises(SettingsError, match=near) as raised:
        registry_settings(URL, {name: "x"})
    assert raised.value.data["option"] == name


@pytest.mark.parametrize(
    "properties",
    [
        {"timeout": "0"},
        {"timeout": "soon"},
        {"timeout": "nan"},
        {"timeout": "inf"},
        {"max.retries": "1.5"},
        {"max.retries": "-1"},
        {"retries.wait.ms": "-1"},
        {"cache.capacity": "many"},
        {"basic.auth.user.info": SECRET},
        {"basic.auth.user.info": f"key:{SECRET}\n"},
        {"basic.auth.credentials.source": "SASL_INHERIT"},
        {**BASIC, **STATIC},
        {"bearer.auth.token": SECRET},
        {**STATIC, "bearer.auth.client.id": "x"},
        {**STATIC, "bearer.auth.token": f"{SECRET}\r\nX: y"},
        {**STATIC, "bearer.auth.token": f"{SECRET}é"},
        {"bearer.auth.credentials.source": "STATIC_TOKEN"},
        {**OAUTH, "bearer.auth.token": SECRET},
        {**OAUTH, "bearer.auth.client.secret": ""},
        {**OAUTH, "bearer.auth.issuer.endpoint.url": f"https://u:{SECRET}@id.example.com"},
        {**OAUTH, "bearer.auth.issuer.endpoint.url": "id.example.com/token"},
        {**OAUTH, "bearer.auth.credentials.source": "CUSTOM"},
        {"ssl.key.password": SECRET},
        {"ssl.key.location": "key.pem"},
        {"ssl.ca.location": "no/such/file.pem"},
        {"ssl.certificate.location": "no/such/file.pem", "ssl.key.password": SECRET},
    ],
    ids=lambda p: ",".join(p),
)
def test_what_cannot_be_meant_is_refused(properties: dict[str, str]) -> None:
    """Numbers that are none, logins that exclude each other or lack a part, files that are not there; secrets are not told."""
    with pytest.raises(SettingsError) as raised:
        registry_settings(URL, properties)
    assert raised.value.data["option"] in PROPERTIES | {"url": ""}
    assert SECRET not in f"{raised.value} {raised.value.data}"


@pytest.mark.parametrize(
    "url",
    [
        "",
        " , ",
        "registry:8081",
        "ftp://registry.example.com",
        "http://",
        "http://registry.example.com:port",
        "http://registry.example.com/?x=1",
        "http://registry.example.com/#x",
        "http://[::1",
        f"http://user:{SECRET}@registry.example.com",
        f"http://good.example.com,http://{SECRET}@registry.example.com",
    ],
)
def test_a_url_that_cannot_be_used_is_refused(url: str) -> None:
    """Among them one that carries credentials, which would show wherever a URL is shown; they are not repeated."""
    with pytest.raises(SettingsError) as raised:
        HttpRegistry(url)
    assert SECRET not in f"{raised.value} {raised.value.data}"


@pytest.mark.parametrize(
    ("properties", "headers"),
    [
        ({}, {"authorization": None}),
        (BASIC, {"authorization": f"Basic {b64encode(f'key:{SECRET}'.encode()).decode()}"}),
        (
            {"basic.auth.user.info": "ü:a:b", "basic.auth.credentials.source": "USER_INFO"},
            {"authorization": f"Basic {b64encode('ü:a:b'.encode()).decode()}"},
        ),
        (STATIC, {"authorization": f"Bearer {SECRET}", "target-sr-cluster": None, "confluent-identity-pool-id": None}),
        (
            {**STATIC, "bearer.auth.logical.cluster": "lsrc-1", "bearer.auth.identity.pool.id": "pool-1, pool-2"},
            {"target-sr-cluster": "lsrc-1", "confluent-identity-pool-id": "pool-1,pool-2"},
        ),
    ],
    ids=["none", "basic", "basic with colons", "token", "token at Confluent Cloud"],
)
def test_each_login_has_its_headers(properties: dict[str, str], headers: dict[str, str | None]) -> None:
    """By the names of confluent-kafka's client; a colon belongs to the password."""
    registry = Registry(said([]), **{name.replace(".", "_"): value for name, value in properties.items()})
    registry.client.subjects()
    sent = registry.requests[0].headers
    assert {name: sent.get(name) for name in headers} == headers


@pytest.mark.parametrize("properties", [BASIC, STATIC], ids=["basic", "token"])
@pytest.mark.parametrize("answer", [fault(401), fault(403), page(502), page(), refused(), said([])], ids=repr)
def test_secrets_show_nowhere(properties: dict[str, str], answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Not in an error, its data, its causes or its pickle, not in a log at any level, not in a repr of what holds them."""
    caplog.set_level(logging.DEBUG)
    registry = Registry(answer, **{name.replace(".", "_"): value for name, value in properties.items()})
    shown = [repr(registry.client), repr(vars(registry.client)), repr(registry_settings(URL, properties))]
    try:
        registry.client.subjects()
    except RegistryError as error:
        shown += ["".join(traceback.format_exception(error)), repr(error.data), repr(error.to_json())]
        assert isinstance(error, HeadraceError)
        shown.append(repr(pickle.dumps(error)))
    shown += [record.getMessage() for record in caplog.records]
    basic = b64encode(f"key:{SECRET}".encode()).decode()
    assert registry.requests and not [text for text in shown if SECRET in text or basic in text]


def test_the_page_s_table_is_the_properties() -> None:
    """docs/registry.md has a row for each property, in order, with what it is."""
    text = (Path(__file__).parents[3] / "docs" / "registry.md").read_text()
    table = text.partition("| property | what |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `([a-z.]+)` \| (.+) \|$", table, re.MULTILINE)
    assert dict(rows) == PROPERTIES and [name for name, _ in rows] == list(PROPERTIES)


def test_the_defaults_that_the_table_tells_are_the_defaults() -> None:
    """A number in brackets at a property is what it is where nothing is said."""
    told = {name: float(found[1]) for name, what in PROPERTIES.items() if (found := re.search(r"\((\d+)\)$", what))}
    settings = registry_settings(URL)
    assert told == {
        "timeout": settings.timeout,
        "max.retries": settings.max_retries,
        "retries.wait.ms": settings.retry_wait * 1000,
        "retries.max.wait.ms": settings.retry_max_wait * 1000,
        "cache.latest.ttl.sec": settings.latest_ttl,
        "cache.capacity": settings.cache_capacity,
    }
