"""A registry that answers what a test says, and a clock that a sleep moves: for tests of the adapter over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from headrace.adapters.http_registry import HttpRegistry
from headrace.clock import ManualClock
from headrace.model.schema import SchemaFormat, SchemaText

URL = "http://registry.example.com:8081/api"
AVRO = SchemaText(SchemaFormat.AVRO, '{"type":"string"}')
JSON = SchemaText(SchemaFormat.JSON_SCHEMA, '{"$schema":"http://json-schema.org/draft-07/schema#"}')

Said = httpx.Response | Exception
Script = Callable[[httpx.Request], Said]


class InstantClock(ManualClock):
    """Who sleeps is awake at once, and the time is later; ``slept`` tells for how long, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)


class Registry:
    """``says``: what to answer, in turn (the last for ever), or a function of the request. ``requests``: what was asked."""

    def __init__(self, *says: Said, script: Script | None = None, url: str = URL, **properties: str) -> None:
        self.requests: list[httpx.Request] = []
        self.clock = InstantClock()
        self._says = list(says)
        self._script = script
        named = {name.replace("_", "."): value for name, value in properties.items()}
        self.client = HttpRegistry(url, properties=named, clock=self.clock, transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self._script is not None:
            said = self._script(request)
        else:
            said = self._says.pop(0) if len(self._says) > 1 else self._says[0]
        if isinstance(said, Exception):
            raise said
        # A response is read once: what is said again is said anew.
        return httpx.Response(said.status_code, headers=said.headers, content=said.content)

    @property
    def asked(self) -> list[str]:
        """Method and path with query of each request."""
        root = httpx.URL(URL).path
        return [f"{r.method} {r.url.raw_path.decode().removeprefix(root)}" for r in self.requests]

    def body(self, place: int = -1) -> Any:
        return json.loads(self.requests[place].content)


def said(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> httpx.Response:
    return httpx.Response(status, json=body, headers=headers)


def fault(code: int, message: str = "as it is", *, status: int | None = None, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return said({"error_code": code, "message": message}, status or int(str(code)[:3]), named)


def page(status: int = 200) -> httpx.Response:
    """What a proxy says."""
    return httpx.Response(status, headers={"Content-Type": "text/html; charset=utf-8"}, content=b"<html>Sign in</html>")


def refused() -> httpx.ConnectError:
    return httpx.ConnectError("Connection refused")
