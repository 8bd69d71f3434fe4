"""The registry over HTTP: what it asks, what it makes of the answers, and what it keeps of them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import httpx
import pytest

from headrace.adapters.http_registry import HttpRegistry
from headrace.errors import (
    CheckFailed,
    CheckUnsupported,
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
from headrace.model.schema import Compatibility, SchemaReference, SchemaText
from tests.unit.adapters.http_registry_support import AVRO, JSON, Registry, fault, page, refused, said

Call = Callable[[HttpRegistry], Any]

VERSION = {"subject": "s", "version": 3, "id": 9, "schema": AVRO.text}


def test_schema_type_is_left_out_for_avro_and_read_as_avro_where_it_is_missing() -> None:
    """Confluent's API names AVRO by silence, in both directions; JSON is named."""
    registry = Registry(said(VERSION), said({**VERSION, "schemaType": "JSON"}))
    assert registry.client.version("s", 3).schema == AVRO
    assert registry.client.version("s", "latest").schema.format is JSON.format
    registry.client.register("s", JSON)
    registry.client.register("s", AVRO)
    bodies = [registry.body(place) for place in (2, 3)]
    assert bodies == [{"schema": JSON.text, "schemaType": "JSON"}, {"schema": AVRO.text}]


def test_references_go_both_ways() -> None:
    """Name, subject and version, in what is registered and in what is read."""
    reference = SchemaReference("n", "other", 2)
    schema = SchemaText(AVRO.format, AVRO.text, (reference,))
    wire = [{"name": "n", "subject": "other", "version": 2}]
    registry = Registry(said({"id": 9, "version": 1}), said({"schema": AVRO.text, "references": wire}))
    registry.client.register("s", schema)
    assert registry.body()["references"] == wire
    assert registry.client.by_id(9) == schema


@pytest.mark.parametrize("subject", ["a/b", "a b?c#d", "ünï-value", "%2F", "../x"])
def test_a_subject_is_one_segment_of_the_path(subject: str) -> None:
    """Whatever it holds, it neither ends the path nor changes it."""
    registry = Registry(said([1]))
    registry.client.versions(subject)
    segments = registry.requests[0].url.raw_path.decode().split("/")
    assert segments[:3] == ["", "api", "subjects"] and segments[4:] == ["versions"]
    assert httpx.URL(f"http://x/{segments[3]}").path == f"/{subject}"


def test_register_asks_for_the_version_where_it_is_not_told() -> None:
    """A registry that answers an id only is asked where the schema stands, also again where it has not heard of it yet."""
    registry = Registry(said({"id": 9}), fault(40403), fault(40401), said(VERSION))
    registered = registry.client.register("s", AVRO)
    assert (registered.id, registered.version) == (9, 3)
    assert registry.asked == ["POST /subjects/s/versions", *["POST /subjects/s"] * 3]
    assert len(registry.clock.slept) == 2


def test_a_reference_that_is_not_there_makes_the_schema_invalid() -> None:
    """Of what is registered nothing else can be missing; some registries say 404."""
    with pytest.raises(InvalidSchema, match="refers to"):
        Registry(fault(40402)).client.register("s", AVRO)


def test_the_prefix_holds_also_where_the_registry_passes_over_it() -> None:
    """Names are filtered and ordered here, and listed once."""
    registry = Registry(said(["b.2", "a.1", "b.1", "b.2"]))
    assert registry.client.subjects("b.") == ["b.1", "b.2"]
    assert registry.asked == ["GET /subjects?subjectPrefix=b."]


def test_long_lists_are_read_to_their_end() -> None:
    """A registry that pages is asked for the rest; one that does not, and repeats the whole, is asked once more only."""
    names = [f"s{n:05d}" for n in range(2500)]

    def pages(request: httpx.Request) -> httpx.Response:
        start = int(request.url.params.get("offset", 0))
        return said(names[start : start + 1000])

    paged, whole = Registry(script=pages), Registry(said(names))
    assert paged.client.subjects() == whole.client.subjects() == names
    assert (len(paged.requests), len(whole.requests)) == (3, 2)


# --- levels


@pytest.mark.parametrize("code", [40401, 40404, 40408])
def test_no_level_of_its_own_is_none(code: int) -> None:
    """Whether the subject is not there, or has no level: nothing is set on it."""
    assert Registry(fault(code)).client.compatibility("s") is None


def test_levels_are_read_and_set() -> None:
    """A subject's, and the registry's own."""
    registry = Registry(said({"compatibilityLevel": "FULL"}), said({"compatibility": "NONE"}))
    assert registry.client.compatibility() is Compatibility.FULL
    registry.client.set_compatibility("s", Compatibility.NONE)
    registry.client.set_compatibility(None, Compatibility.BACKWARD)
    assert registry.asked == ["GET /config", "PUT /config/s", "PUT /config"]
    assert registry.body() == {"compatibility": "BACKWARD"}


def test_a_config_without_a_level_is_none_and_an_unknown_level_is_an_error() -> None:
    """A subject may have other settings only; a level that Headrace does not know is not taken for another."""
    registry = Registry(said({"normalize": True}), said({"compatibilityLevel": "SIDEWAYS"}))
    assert registry.client.compatibility("s") is None
    with pytest.raises(UnexpectedAnswer):
        registry.client.compatibility("s")


# --- checks


def test_a_check_tells_the_reasons() -> None:
    """The registry's messages; a word of ours where it has none; nothing where it is compatible, or there is no subject."""
    verdict = said({"is_compatible": False, "messages": ["a", "b"]})
    silent, good = said({"is_compatible": False}), said({"is_compatible": True, "messages": []})
    registry = Registry(verdict, silent, good, fault(40401), fault(42201, "no schema"))
    assert registry.client.check("s", AVRO) == ["a", "b"]
    assert len(registry.client.check("s", AVRO)) == 1
    assert registry.client.check("s", AVRO) == registry.client.check("s", AVRO) == []
    assert registry.client.check("s", AVRO) == ["no schema"]
    assert set(registry.asked) == {"POST /compatibility/subjects/s/versions?verbose=true"}


def test_a_500_from_a_check_is_final() -> None:
    """The checker fails on these schemas: it is asked once, and the error is not retryable."""
    registry = Registry(fault(50001, "NullPointerException"))
    with pytest.raises(CheckFailed, match="NullPointerException") as raised:
        registry.client.check("s", AVRO)
    assert not raised.value.retryable
    assert len(registry.requests) == 1 and not registry.clock.slept


@pytest.mark.parametrize(
    ("level", "asked"), [("FORWARD_TRANSITIVE", [1, 2, 5]), ("FORWARD", [5]), ("NONE", [])], ids=str
)
def test_a_registry_that_compares_with_one_version_at_a_time(level: str, asked: list[int]) -> None:
    """Karapace: each version that the level in force concerns is compared with, and what they say is put together."""

    def script(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api")
        if path == "/compatibility/subjects/s/versions":
            return said({"detail": "Not Found"}, 404)
        if path == "/config/s":
            assert request.url.params["defaultToGlobal"] == "true"
            return said({"compatibilityLevel": level})
        if path == "/subjects/s/versions":
            return said([5, 1, 2])
        version = path.removeprefix("/compatibility/subjects/s/versions/")
        return said({"is_compatible": version == "2", "messages": [f"not {version}"]})

    registry = Registry(script=script)
    assert registry.client.check("s", AVRO) == [f"not {version}" for version in asked if version != 2]
    compared = [int(path[-1]) for path in (r.url.path for r in registry.requests) if path[-1].isdigit()]
    assert compared == asked


def test_a_registry_without_a_checker_says_so() -> None:
    """Neither endpoint is there."""

    def script(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/api/compatibility"):
            return page(404)
        return said({"compatibilityLevel": "FULL"} if "config" in request.url.path else [1])

    with pytest.raises(CheckUnsupported):
        Registry(script=script).client.check("s", AVRO)


# --- deleting


def test_a_subject_is_deleted_softly_then_for_good() -> None:
    """Two calls; the versions that were there."""
    registry = Registry(said([1, 2]))
    assert registry.client.delete_subject("s") == [1, 2]
    assert registry.asked == ["DELETE /subjects/s", "DELETE /subjects/s?permanent=true"]


def test_a_deletion_that_stopped_half_way_is_finished() -> None:
    """Deleted softly before: the second step is made. An answer to it that was lost: it had been made."""
    assert Registry(fault(40404), said([1, 2])).client.delete_subject("s") == [1, 2]
    assert Registry(said([1, 2]), refused(), fault(40401)).client.delete_subject("s") == [1, 2]
    with pytest.raises(SubjectMissing):
        Registry(fault(40401)).client.delete_subject("s")


def test_what_is_deleted_is_forgotten() -> None:
    """Neither the latest nor a known version is believed after it; what its ids mean is."""
    registry = Registry(said(VERSION), said(VERSION), said([3]), said([3]), fault(40401))
    registry.client.version("s", "latest")
    registry.client.version("s", 3)
    registry.client.delete_subject("s")
    for version in ("latest", 3):
        with pytest.raises(SubjectMissing):
            registry.client.version("s", version)  # type: ignore[arg-type]
    assert registry.client.by_id(9) == AVRO


# --- what is kept


def test_an_id_is_asked_for_once() -> None:
    """For ever: what an id means never changes. What is not there is asked for again."""
    registry = Registry(fault(40403), said({"schema": AVRO.text}))
    with pytest.raises(SchemaMissing):
        registry.client.by_id(9)
    for _ in range(3):
        assert registry.client.by_id(9) == AVRO
        registry.clock.advance(10 * 365 * 86_400)
    assert len(registry.requests) == 2


@pytest.mark.parametrize(
    "call",
    [lambda r: r.version("s", "latest"), lambda r: r.version("s", 3), lambda r: r.lookup("s", AVRO)],
    ids=["latest", "version", "lookup"],
)
def test_what_a_subject_holds_is_believed_for_a_while(call: Call) -> None:
    """Asked once within `cache.latest.ttl.sec`, again after it: a subject may be deleted and made anew by others."""
    registry = Registry(said(VERSION), cache_latest_ttl_sec="60")
    call(registry.client)
    registry.clock.advance(59.9)
    call(registry.client)
    assert len(registry.requests) == 1
    registry.clock.advance(0.2)
    call(registry.client)
    assert len(registry.requests) == 2


def test_the_latest_is_asked_for_again_after_a_registration() -> None:
    """Of the subject that has a new version; others are believed on."""
    registry = Registry(said(VERSION))
    registry.client.version("s", "latest")
    registry.client.version("t", "latest")
    registry.client.register("s", AVRO)
    registry.client.version("t", "latest")
    registry.client.version("s", "latest")
    assert [asked for asked in registry.asked if asked.startswith("GET")] == [
        f"GET /subjects/{subject}/versions/latest" for subject in "sts"
    ]


def test_only_so_many_answers_are_kept() -> None:
    """`cache.capacity`: the oldest go."""
    registry = Registry(said(VERSION), cache_capacity="2")
    for subject in ("a", "b", "c", "b", "c", "a"):
        registry.client.version(subject, "latest")
    assert [asked.split("/")[2] for asked in registry.asked] == ["a", "b", "c", "a"]


def test_a_schema_that_was_read_with_its_version_is_known_by_its_id() -> None:
    """No second call for the text."""
    registry = Registry(said(VERSION))
    registry.client.version("s", 3)
    assert registry.client.by_id(9) == AVRO and len(registry.requests) == 1


def test_many_threads_that_need_one_schema_ask_once() -> None:
    """The others wait for the answer, or get the error that the one that asked got, each as an error of its own."""
    barrier = Barrier(8)

    def ask(registry: Registry) -> list[Any]:
        def one(_: int) -> Any:
            barrier.wait()
            try:
                return registry.client.by_id(9)
            except RegistryUnavailable as error:
                return error

        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(one, range(8)))

    registry = Registry(said({"schema": AVRO.text}))
    assert ask(registry) == [AVRO] * 8 and len(registry.requests) == 1
    down = Registry(refused())
    errors = ask(down)
    assert all(isinstance(error, RegistryUnavailable) for error in errors)
    assert len({id(error) for error in errors}) == 8


# --- errors


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (fault(40401), SubjectMissing),
        (fault(40402), SchemaMissing),
        (fault(40403), SchemaMissing),
        (fault(40404), SubjectMissing),
        (fault(40406), SchemaMissing),
        (fault(40405), NotSoftDeleted),
        (fault(40407), NotSoftDeleted),
        (fault(40409), NotConfigured),
        (fault(42201), InvalidSchema),
        (fault(42202), SchemaMissing),
        (fault(42203), RegistryError),
        (fault(42204), RegistryError),
        (fault(42205), RegistryReadOnly),
        (fault(42206), SchemaReferenced),
        (fault(409), IncompatibleSchema),
        (fault(40301), RegistryAccessDenied),
        (fault(401), RegistryAccessDenied),
        (fault(40101), RegistryAccessDenied),
        (page(403), RegistryAccessDenied),
        (fault(50001), RegistryUnavailable),
        (fault(50002), RegistryUnavailable),
        (fault(50003), RegistryUnavailable),
        (fault(50004), RegistryUnavailable),
        (page(502), RegistryUnavailable),
        (fault(400), RegistryError),
        (fault(501), RegistryError),
        (fault(404), UnexpectedAnswer),
        (httpx.Response(404), UnexpectedAnswer),
        (page(), UnexpectedAnswer),
        (page(400), UnexpectedAnswer),
        (said(["no", "object"]), UnexpectedAnswer),
        (said({"schema": 1}), UnexpectedAnswer),
        (httpx.Response(200, content=b"[" * 100_000), UnexpectedAnswer),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else f"{value.status_code}-{value.content[:30]!r}",
)
def test_each_answer_has_its_error(response: httpx.Response, kind: type[RegistryError]) -> None:
    """By Confluent's code, else by the status; with what it is about, the status and the code as data."""
    with pytest.raises(RegistryError) as raised:
        Registry(response).client.version("s", 3)
    assert type(raised.value) is kind
    data = raised.value.data
    assert (data["subject"], data["version"], data["status"]) == ("s", 3, response.status_code)
    assert raised.value.retryable == (kind is RegistryUnavailable)


def test_what_the_registry_says_is_told_but_not_without_end() -> None:
    """Its message is in the error and in what is special to the kind; a long one is cut."""
    with pytest.raises(IncompatibleSchema, match="lacks a default") as raised:
        Registry(fault(409, "the field lacks a default")).client.register("s", AVRO)
    assert raised.value.data["reasons"] == ("the field lacks a default",)
    with pytest.raises(InvalidSchema) as invalid:
        Registry(fault(42201, "x" * 100_000)).client.register("s", AVRO)
    assert len(str(invalid.value)) < 1200


def test_a_proxy_s_page_is_named_as_such() -> None:
    """Whoever reads the error learns what answered, and with which status; not what is on the page."""
    with pytest.raises(UnexpectedAnswer, match=r"text/html \(status 200\)") as raised:
        Registry(page()).client.subjects()
    assert "Sign in" not in str(raised.value) and raised.value.hint


def test_redirects_are_refused() -> None:
    """They would take the credentials along: the error names where to, without what a URL may hide, and nothing follows."""
    target = "https://user:secret@elsewhere.example.com/x?token=secret"
    registry = Registry(httpx.Response(302, headers={"Location": target}), basic_auth_user_info="u:p")
    with pytest.raises(UnexpectedAnswer, match=r"https://elsewhere\.example\.com;") as raised:
        registry.client.subjects()
    assert len(registry.requests) == 1 and "secret" not in str(raised.value)


def test_a_protobuf_schema_is_none_that_an_event_was_written_with() -> None:
    """It is there, and yet missing for Headrace: a record that names it is undecodable, and no lane stops for it."""
    registry = Registry(said({"schema": "syntax = 'proto3';", "schemaType": "PROTOBUF"}))
    with pytest.raises(SchemaMissing, match="PROTOBUF"):
        registry.client.by_id(9)


def test_a_closed_client_says_so() -> None:
    """In the registry's own tree of errors."""
    client = HttpRegistry("http://127.0.0.1:9")
    client.close()
    with pytest.raises(RegistryError, match="closed"):
        client.subjects()
