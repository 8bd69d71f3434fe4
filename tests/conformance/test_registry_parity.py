"""The `apicurio` profile against the registry that it follows: every labelled pair, and the composed schemas of topics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

from headrace.catalogue.compatibility.profiles import answer
from headrace.model.schema import Compatibility, SchemaText
from tests.unit.catalogue.compatibility.parity.composed import ACCEPTED, REFUSED, schema
from tests.unit.catalogue.compatibility.parity.table import PAIRS

if TYPE_CHECKING:
    from headrace.local.registry_server import RegistryServer

DIFFERENCES: dict[str, str] = {}
"""Pairs on which the registry does not answer as the profile does, with what it answers (a label)."""


LABELS = {(True, True): "=", (True, False): "b", (False, True): "f", (False, False): "x"}


@pytest.fixture(scope="module")
def client(independent_registry: RegistryServer) -> Iterator[httpx.Client]:
    """A client of the running registry."""
    limits = httpx.Limits(max_connections=4)
    with httpx.Client(base_url=independent_registry.url, timeout=60, trust_env=False, limits=limits) as opened:
        yield opened


def _body(schema_text: SchemaText) -> dict[str, str]:
    return {"schema": schema_text.text, "schemaType": schema_text.format.registry_type}


def _register(client: httpx.Client, subject: str, old: SchemaText) -> None:
    client.post(f"/subjects/{subject}/versions", json=_body(old)).raise_for_status()


def _says(client: httpx.Client, subject: str, new: SchemaText) -> bool:
    """What the registry says to a registration; an error of its check is a refusal."""
    response = client.post(f"/compatibility/subjects/{subject}/versions/latest", json=_body(new))
    return response.status_code == httpx.codes.OK and bool(response.json()["is_compatible"])


@pytest.fixture
def overall(client: httpx.Client) -> Iterator[Callable[[Compatibility], None]]:
    """Sets the mode of all subjects that have none of their own, for one test: a request less for each pair."""
    before = client.get("/config").raise_for_status().json()["compatibilityLevel"]
    yield lambda mode: client.put("/config", json={"compatibility": mode.value}).raise_for_status() and None
    client.put("/config", json={"compatibility": before}).raise_for_status()


def test_the_registry_answers_as_labelled(client: httpx.Client, overall: Callable[[Compatibility], None]) -> None:
    """The running registry agrees with the profile's label on every pair, both ways, but for the listed ones."""
    with ThreadPoolExecutor(4) as pool:
        overall(Compatibility.NONE)
        list(pool.map(lambda pair: _register(client, f"parity-{pair.id}", pair.old), PAIRS))
        said: list[list[bool]] = []
        for mode in (Compatibility.BACKWARD, Compatibility.FORWARD):
            overall(mode)
            said.append(list(pool.map(lambda pair: _says(client, f"parity-{pair.id}", pair.new), PAIRS)))
    found = {pair.id: LABELS[both] for pair, both in zip(PAIRS, zip(*said, strict=True), strict=True)}
    assert {p.id: found[p.id] for p in PAIRS if found[p.id] != p.labels[-1]} == DIFFERENCES


@pytest.mark.parametrize("name", sorted(ACCEPTED | REFUSED))
def test_composed_schemas(client: httpx.Client, name: str) -> None:
    """A topic's composed schema grows by event types and fields, and by nothing that breaks, under FORWARD_TRANSITIVE."""
    *history, new = (schema(events) for events in (ACCEPTED | REFUSED)[name])
    subject = f"composed-{name}"
    for old in history:
        _register(client, subject, old)
    mode = Compatibility.FORWARD_TRANSITIVE
    client.put(f"/config/{subject}", json={"compatibility": mode.value}).raise_for_status()
    # Against the history as a whole: "latest" would leave out the versions before it.
    response = client.post(f"/subjects/{subject}/versions", json=_body(new))
    assert (response.status_code == httpx.codes.OK) is (name in ACCEPTED)
    assert answer("apicurio", history, new, mode).accepted is (name in ACCEPTED)
