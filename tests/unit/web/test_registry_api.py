"""The registry's REST API itself: its errors, its limits, and that its page lists it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from headrace.adapters.kafka_registry import KafkaRegistry
from headrace.errors import InvalidSchema, RegistryError, RegistryUnavailable
from headrace.testing.conformance.registry_api import DIFFERENCES
from headrace.testing.memory_broker import MemoryBroker
from headrace.testing.registry_server import ServedRegistry
from headrace.web.registry_api import BODY_MAX, ROUTES

PAGE = (Path(__file__).parents[3] / "docs" / "registry.md").read_text(encoding="utf-8")


class Failing(KafkaRegistry):
    """Its questions fail with what a test puts there."""

    error: Exception | None = None

    def list_subjects(self, *arguments: Any, **named: Any) -> Any:
        if self.error is not None:
            raise self.error
        return super().list_subjects(*arguments, **named)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Failing, httpx.Client]]:
    store = Failing(MemoryBroker())
    with ServedRegistry(store) as server, httpx.Client(base_url=server.url) as client:
        yield store, client


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RegistryUnavailable("the disk is full"), 500, 50001),
        (RegistryError("it is damaged"), 500, 50001),
        (RegistryUnavailable("no answer", timed_out=True), 500, 50002),
        (RegistryUnavailable("no turn", contended=True), 500, 50004),
        (InvalidSchema("too large", reason="too large", too_large=True), 422, 42209),
        (KeyError("a bug"), 500, 500),
    ],
)
def test_what_fails_in_the_store_is_told_and_the_server_goes_on(
    served: tuple[Failing, httpx.Client], error: Exception, status: int, code: int
) -> None:
    """Confluent's 5000x for the store, a plain 500 for a bug; the next request is answered."""
    store, client = served
    store.error = error
    told = client.get("/subjects")
    store.error = None
    assert (told.status_code, told.json()["error_code"]) == (status, code)
    assert client.get("/subjects").json() == []


def test_limits_and_methods(served: tuple[Failing, httpx.Client]) -> None:
    """A body that is too large is 413, a type that nobody writes is 406, a method that is not there 405, each in JSON."""
    _, client = served
    for told, status in (
        (client.post("/subjects/s/versions", content=b"x" * (BODY_MAX + 1)), 413),
        (client.get("/subjects", headers={"accept": "text/html"}), 406),
        (client.put("/subjects"), 405),
        (client.get("/subjects?offset=x"), 404),
    ):
        assert (told.status_code, told.json()["error_code"]) == (status, status)
    assert client.head("/subjects").status_code == 200
    assert client.get("/subjects/").json() == []


def test_what_this_registry_does_not_have_is_refused(served: tuple[Failing, httpx.Client]) -> None:
    """Metadata, rule sets, aliases and contexts: passing over them would lose what was asked for."""
    _, client = served
    schema = {"schema": '"string"'}
    for path, body, code in (
        ("/subjects/s/versions", schema | {"metadata": {"properties": {"a": "b"}}}, 42201),
        ("/subjects/s/versions", schema | {"ruleSet": {"domainRules": [{}]}}, 42201),
        ("/subjects/:.other:s/versions", schema, 42208),
    ):
        told = client.post(path, json=body)
        assert (told.status_code, told.json()["error_code"]) == (422, code)
    told = client.put("/config/s", json={"compatibility": "FULL", "alias": "t"})
    assert (told.status_code, told.json()["error_code"]) == (422, 422)
    assert client.post("/subjects/:.:s/versions", json=schema | {"metadata": None, "new": 1}).status_code == 200
    assert client.get("/subjects").json() == ["s"]
    assert client.delete("/subjects/s").json() == [1]
    assert client.delete("/subjects/s?permanent=true").json() == [1]


def test_the_page_lists_every_path() -> None:
    """docs/registry.md names each path of the API with its methods."""
    section = PAGE[PAGE.index("## The server") :]
    lines = [line for line in section.splitlines() if line.startswith("| `/")]
    for path, handlers in ROUTES:
        last = path.rpartition("/")[2]
        named = [line for line in lines if f"`{path}`" in line or f"`/{last}`" in line]
        assert named, f"{path} is not in docs/registry.md"
        assert any(all(method in line for method in handlers) for line in named), path


def test_the_page_lists_every_difference() -> None:
    """docs/registry.md has the list of differences, word for word and in order; each is asked for somewhere in the suite."""
    rows = re.findall(
        r"^\| `([a-z-]+)` \| (.*) \|$", PAGE[PAGE.index("### Other registries by the same suite") :], re.M
    )
    assert rows == list(DIFFERENCES.items())
    folder = Path(__file__).parents[3] / "src" / "headrace" / "testing" / "conformance"
    suite = "".join(path.read_text(encoding="utf-8") for path in folder.glob("registry_api_[rc]*.py"))
    assert all(f'"{name}"' in suite for name in DIFFERENCES)
