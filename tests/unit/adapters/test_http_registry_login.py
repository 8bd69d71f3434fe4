"""OAuth's client credentials: against a real provider on loopback, and against ones that misbehave."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
import werkzeug.serving

from headrace.adapters.http_registry import HttpRegistry
from headrace.errors import RegistryAccessDenied, RegistryUnavailable, UnexpectedAnswer
from tests.unit.adapters.http_registry_support import AVRO, InstantClock, Registry, fault, page, refused, said

SECRET = "S3cret-tOken"
ENDPOINT = "https://id.example.com/oauth/token"
OAUTH = {
    "bearer.auth.credentials.source": "OAUTHBEARER",
    "bearer.auth.issuer.endpoint.url": ENDPOINT,
    "bearer.auth.client.id": "headrace",
    "bearer.auth.client.secret": SECRET,
    "bearer.auth.scope": "openid",
}


# --- a real provider


@dataclass
class Provider:
    """oidc-provider-mock's server, which is Authlib's, with the client credentials grant besides: its own endpoint offers the
    grants of people only. ``lifetime``: seconds of a token that is given from now on."""

    url: str
    client: str
    secret: str
    lifetime: int = 3600
    given: list[str] = field(default_factory=list)

    def revoke(self) -> None:
        httpx.post(f"{self.url}/users/{self.client}/revoke-tokens").raise_for_status()

    def knows(self, token: str) -> bool:
        return httpx.get(f"{self.url}/userinfo", headers={"Authorization": token}).is_success


@pytest.fixture
def provider() -> Iterator[Provider]:
    with warnings.catch_warnings():
        import authlib.deprecate  # it makes its warnings show always: they are ignored after that

        warnings.simplefilter("ignore", authlib.deprecate.AuthlibDeprecationWarning)
        import oidc_provider_mock
        from authlib.oauth2.rfc6749 import ClientCredentialsGrant
    import flask

    app = oidc_provider_mock.app(require_client_registration=True)
    made = Provider("", "", "")

    class Grant(ClientCredentialsGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)

        def validate_token_request(self) -> None:
            client = self.authenticate_token_endpoint_client()
            self.request.client = client
            self.request.user = oidc_provider_mock.User(sub=client.get_client_id())
            self.validate_requested_scope()

        def save_token(self, token: dict[str, Any]) -> None:
            token["expires_in"] = made.lifetime
            made.given.append(token["access_token"])
            super().save_token(token)

    @app.post("/client-token")
    def client_token() -> Any:
        server = flask.g._authlib_authorization_server
        if not any(grant is Grant for grant, _ in server._token_grants):
            server.register_grant(Grant)
        return server.create_token_response()

    server = werkzeug.serving.make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    try:
        registered = httpx.post(f"{made.url}/oauth2/clients", json={"redirect_uris": ["https://x.example.com"]}).json()
        made.client, made.secret = registered["client_id"], registered["client_secret"]
        httpx.put(f"{made.url}/users/{made.client}", json={}).raise_for_status()
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Guarded(httpx.BaseTransport):
    """A registry that lets in whom the provider knows. What goes to the provider goes there."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._real = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if str(request.url).startswith(self._provider.url):
            return self._real.handle_request(request)
        if not self._provider.knows(request.headers.get("authorization", "")):
            return fault(401, "Unauthorized")
        return said([])

    def close(self) -> None:
        self._real.close()


def guarded(provider: Provider, secret: str | None = None) -> tuple[HttpRegistry, InstantClock]:
    clock = InstantClock()
    properties = OAUTH | {
        "bearer.auth.issuer.endpoint.url": f"{provider.url}/client-token",
        "bearer.auth.client.id": provider.client,
        "bearer.auth.client.secret": secret or provider.secret,
    }
    return HttpRegistry(
        "http://registry.example.com", properties=properties, clock=clock, transport=Guarded(provider)
    ), clock


def test_a_token_is_fetched_once_renewed_before_it_ends_and_after_a_401(provider: Provider) -> None:
    """A real provider's: one for many calls; another when four fifths of its life are over; another when it is revoked."""
    registry, clock = guarded(provider)
    for _ in range(3):
        assert registry.subjects() == []
    assert len(provider.given) == 1
    clock.advance(3600 * 0.79)
    registry.subjects()
    assert len(provider.given) == 1
    clock.advance(3600 * 0.02)
    registry.subjects()
    assert len(provider.given) == 2
    provider.revoke()
    assert registry.subjects() == []
    assert len(provider.given) == 3 and len(set(provider.given)) == 3
    registry.close()


def test_a_wrong_secret_is_denied_by_the_provider(provider: Provider) -> None:
    """The error says that it was the token endpoint, and OAuth's own reason; the secret is not in it."""
    registry, _ = guarded(provider, "wr0ng-S3cret")
    with pytest.raises(RegistryAccessDenied, match=r"token endpoint.*invalid_client") as raised:
        registry.subjects()
    assert "wr0ng-S3cret" not in f"{raised.value} {raised.value.data}" and not provider.given
    registry.close()


# --- ones that misbehave


class Both:
    """A registry and a token endpoint at once: ``tokens`` are the endpoint's answers in turn, the last for ever."""

    def __init__(self, *tokens: httpx.Response | Exception, **properties: str) -> None:
        self.fetched: list[httpx.Request] = []
        self.used: list[str] = []
        self.answer: httpx.Response = said([])
        self._tokens = list(tokens)
        named = {name.replace(".", "_"): value for name, value in {**OAUTH, **properties}.items()}
        self.registry = Registry(script=self._script, **named)

    def _script(self, request: httpx.Request) -> httpx.Response | Exception:
        if str(request.url) == ENDPOINT:
            self.fetched.append(request)
            return self._tokens.pop(0) if len(self._tokens) > 1 else self._tokens[0]
        self.used.append(request.headers["authorization"])
        return self.answer


def token(name: str, **more: Any) -> httpx.Response:
    return said({"access_token": name, "token_type": "Bearer", "expires_in": 100} | more)


def test_what_is_sent_to_the_token_endpoint() -> None:
    """The grant and the scope as a form, the client by HTTP Basic (RFC 6749, 2.3.1 and 4.4.2); the registry never sees it."""
    both = Both(token("t"))
    both.registry.client.subjects()
    request = both.fetched[0]
    assert request.method == "POST" and request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(request.content.decode()) == {"grant_type": ["client_credentials"], "scope": ["openid"]}
    assert httpx.BasicAuth("headrace", SECRET)._auth_header == request.headers["authorization"]
    assert both.used == ["Bearer t"]


def test_a_registry_that_refuses_every_token_is_asked_twice() -> None:
    """Once with the token that was there, once with a new one: then it is denied, not tried for ever."""
    both = Both(token("a"), token("b"), token("c"))
    both.registry.client.subjects()
    both.answer = fault(401, "no")
    with pytest.raises(RegistryAccessDenied):
        both.registry.client.by_id(1)
    assert both.used == ["Bearer a", "Bearer a", "Bearer b"] and len(both.fetched) == 2


def test_an_old_token_is_used_while_it_lasts() -> None:
    """Where the endpoint is down when it is time to renew; when the token has ended, the registry cannot be asked."""
    both = Both(token("a"), refused())
    both.registry.client.subjects()
    both.registry.clock.advance(81)
    both.registry.client.subjects()
    assert both.used == ["Bearer a"] * 2
    both.registry.clock.advance(20)
    with pytest.raises(RegistryUnavailable):
        both.registry.client.subjects()
    assert len(both.used) == 2


@pytest.mark.parametrize("trouble", [refused(), page(503), fault(429, Retry_After="2")], ids=repr)
def test_the_token_endpoint_is_met_with_the_same_patience(trouble: httpx.Response | Exception) -> None:
    """What may pass is asked again."""
    both = Both(trouble, trouble, token("a"))
    both.registry.client.subjects()
    assert both.used == ["Bearer a"] and len(both.registry.clock.slept) == 2


@pytest.mark.parametrize(
    "answer",
    [
        page(),
        page(302),
        page(404),
        said({"token": SECRET}),
        said({"access_token": f"{SECRET}\r\nX: y"}),
        said({"access_token": f"{SECRET}é"}),
        said({"access_token": SECRET, "expires_in": "soon"}),
    ],
    ids=repr,
)
def test_an_answer_without_a_token_is_named_and_not_quoted(answer: httpx.Response) -> None:
    """A page, a redirect, a token that is none: nothing of the body is in the error."""
    both = Both(answer)
    with pytest.raises(UnexpectedAnswer, match="token endpoint") as raised:
        both.registry.client.subjects()
    assert SECRET not in f"{raised.value} {raised.value.data} {raised.value.__cause__!r}" and not both.used


def test_the_provider_s_description_is_not_repeated() -> None:
    """It may quote what was sent; the code of RFC 6749, 5.2 is told."""
    both = Both(said({"error": "invalid_client", "error_description": f"{SECRET} is wrong"}, 401))
    with pytest.raises(RegistryAccessDenied, match="invalid_client") as raised:
        both.registry.client.subjects()
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("said_of_life", "used"), [({"expires_in": None}, 300), ({"expires_in": "100"}, 100), ({}, 100)], ids=repr
)
def test_a_life_that_is_not_told_is_short(said_of_life: dict[str, Any], used: int) -> None:
    """Five minutes, where the provider leaves out what it should say; a number in a text is a number."""
    both = Both(token("a", **said_of_life), token("b"))
    both.registry.client.subjects()
    both.registry.clock.advance(used * 0.79)
    both.registry.client.subjects()
    both.registry.clock.advance(used * 0.02)
    both.registry.client.subjects()
    assert both.used == ["Bearer a", "Bearer a", "Bearer b"]


def test_many_threads_fetch_one_token() -> None:
    """Those that have none wait for the one that fetches."""
    both = Both(token("a"), token("b"))
    threads = [threading.Thread(target=both.registry.client.by_id, args=(n,)) for n in range(8)]
    both.answer = said({"schema": AVRO.text})
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert both.used == ["Bearer a"] * 8 and len(both.fetched) == 1
