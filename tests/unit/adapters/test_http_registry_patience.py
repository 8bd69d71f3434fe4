"""What the registry over HTTP repeats, how long it waits, and what goes on working when nobody answers."""

from __future__ import annotations

import ssl
from email.utils import formatdate

import httpx
import pytest

from headrace.errors import RegistryError, RegistryUnavailable, SchemaMissing, UnexpectedAnswer
from tests.unit.adapters.http_registry_support import AVRO, URL, Registry, fault, page, refused, said

VERSION = {"subject": "s", "version": 3, "id": 9, "schema": AVRO.text}
PASSING = [
    fault(408),
    fault(429),
    fault(500),
    fault(50003),
    page(502),
    page(503),
    page(504),
    refused(),
    httpx.ReadTimeout("slow"),
    httpx.RemoteProtocolError("cut off"),
    httpx.PoolTimeout("full"),
]


@pytest.mark.parametrize("trouble", PASSING, ids=repr)
def test_what_may_pass_is_asked_again(trouble: httpx.Response | Exception) -> None:
    """Statuses and broken connections alike, for reads and for what changes: all of it may be done twice."""
    registry = Registry(trouble, trouble, said({"id": 9, "version": 1}))
    assert registry.client.register("s", AVRO).id == 9
    assert len(registry.requests) == 3 and len(registry.clock.slept) == 2


@pytest.mark.parametrize("trouble", PASSING, ids=repr)
def test_after_enough_attempts_it_is_unavailable(trouble: httpx.Response | Exception) -> None:
    """`max.retries` further ones; the error is retryable, says what it is about, and holds its cause."""
    registry = Registry(trouble, max_retries="2")
    with pytest.raises(RegistryUnavailable) as raised:
        registry.client.by_id(9)
    assert len(registry.requests) == 3
    assert raised.value.retryable and raised.value.data["schema_id"] == 9
    if isinstance(trouble, Exception):
        assert raised.value.__cause__ is trouble


@pytest.mark.parametrize("answer", [fault(40403), fault(42201), fault(501), page(404), page()], ids=repr)
def test_what_will_not_pass_is_asked_once(answer: httpx.Response) -> None:
    """The same answer would come again."""
    registry = Registry(answer)
    with pytest.raises(RegistryError):
        registry.client.by_id(9)
    assert len(registry.requests) == 1 and not registry.clock.slept


def test_waits_grow_and_are_spread() -> None:
    """Each is a random part of a bound that doubles from `retries.wait.ms` up to `retries.max.wait.ms`."""
    bounds = [1, 2, 4, 5, 5, 5]
    runs = []
    for _ in range(40):
        registry = Registry(refused(), max_retries="6", retries_wait_ms="1000", retries_max_wait_ms="5000")
        with pytest.raises(RegistryUnavailable):
            registry.client.subjects()
        assert all(0 <= slept <= bound for slept, bound in zip(registry.clock.slept, bounds, strict=True))
        runs.append(registry.clock.slept)
    # 40 draws from each: none of the bounds would be kept by luck, nor would all draws be near one of its ends.
    for place, bound in enumerate(bounds):
        drawn = [run[place] for run in runs]
        assert min(drawn) < bound / 2 < max(drawn)


def test_retry_after_is_heeded_in_both_forms() -> None:
    """Seconds, and an HTTP date by the clock's own time; ours, if that is longer."""
    registry = Registry(fault(429, Retry_After="7"), fault(503, Retry_After=""), said([]), retries_wait_ms="0")
    assert registry.client.subjects() == [] and registry.clock.slept == [7.0, 0.0]
    dated = Registry(said([]))
    date = formatdate(dated.clock.now_ms() / 1000 + 12, usegmt=True)
    dated._says = [fault(503, Retry_After=date), said([])]
    assert dated.client.subjects() == [] and dated.clock.slept == [12.0]


@pytest.mark.parametrize("text", ["soon", "-3", "1e9", "Thu, 99 Xyz 2026", "٣", "9" * 400])
def test_a_retry_after_that_says_nothing_is_passed_over(text: str) -> None:
    """The usual wait is made."""
    answer = httpx.Response(429, headers=[(b"Retry-After", text.encode())])
    registry = Registry(answer, said([]))
    assert registry.client.subjects() == []
    assert registry.clock.slept[0] <= 0.5


def test_a_retry_after_that_is_too_long_is_the_caller_s_to_wait() -> None:
    """Nobody is kept waiting for longer than `retries.max.wait.ms`: the error tells the time, at once."""
    registry = Registry(fault(429, Retry_After="3600"))
    with pytest.raises(RegistryUnavailable) as raised:
        registry.client.subjects()
    assert raised.value.data["retry_after"] == 3600.0 and not registry.clock.slept


def test_a_retry_after_in_the_past_waits_no_longer_than_usual() -> None:
    """The registry's clock may be behind ours."""
    registry = Registry(fault(503, Retry_After="Thu, 01 Jan 2026 00:00:00 GMT"), said([]))
    registry.clock.advance(3600)
    assert registry.client.subjects() == [] and registry.clock.slept[0] <= 0.5


# --- several URLs


def two(answers: dict[str, httpx.Response | Exception], **properties: str) -> Registry:
    """A registry at hosts a and b."""
    return Registry(
        script=lambda request: answers[request.url.host],
        url="http://a.example.com/x/, http://b.example.com",
        **properties,
    )


def hosts(registry: Registry) -> list[str]:
    return [request.url.host[0] for request in registry.requests]


@pytest.mark.parametrize("trouble", [refused(), page(503)], ids=repr)
def test_the_next_url_is_tried_at_once_and_remembered(trouble: httpx.Response | Exception) -> None:
    """Without a wait; and what served last is asked first next time, so that a dead one costs once."""
    registry = two({"a.example.com": trouble, "b.example.com": said([])})
    for _ in range(3):
        registry.client.subjects()
    assert hosts(registry) == ["a", "b", "b", "b"] and not registry.clock.slept


def test_an_answer_of_one_is_the_answer() -> None:
    """A 404 says something: the other is not asked whether it thinks so too."""
    registry = two({"a.example.com": fault(40403), "b.example.com": said({"schema": AVRO.text})})
    with pytest.raises(SchemaMissing):
        registry.client.by_id(9)
    assert hosts(registry) == ["a"]


def test_all_of_them_are_one_attempt() -> None:
    """Where none serves, there is a wait, then all are tried again; paths of the URLs are kept."""
    registry = two({"a.example.com": refused(), "b.example.com": page(503)}, max_retries="1")
    with pytest.raises(RegistryUnavailable):
        registry.client.subjects()
    assert hosts(registry) == ["a", "b", "a", "b"] and len(registry.clock.slept) == 1
    assert [r.url.path for r in registry.requests[:2]] == ["/x/subjects", "/subjects"]


# --- nobody answers


def test_what_is_known_goes_on_working() -> None:
    """By id for ever; by version and by text also when their time is over; nothing was asked twice for it."""
    registry = Registry(said(VERSION), said(VERSION), refused())
    known = registry.client.version("s", 3)
    registry.client.lookup("s", AVRO)
    registry.clock.advance(1_000_000)
    assert registry.client.by_id(9) == AVRO
    assert registry.client.version("s", 3) == known
    assert registry.client.lookup("s", AVRO) == known


def test_what_is_unknown_or_must_be_fresh_is_unavailable() -> None:
    """An id that was never read, and the latest version, which may be another by now."""
    registry = Registry(said(VERSION), refused())
    registry.client.version("s", "latest")
    registry.client.version("s", "latest")
    registry.clock.advance(61)
    with pytest.raises(RegistryUnavailable):
        registry.client.version("s", "latest")
    with pytest.raises(RegistryUnavailable):
        registry.client.by_id(10)


def test_an_answer_that_is_no_outage_is_never_hidden_by_an_old_one() -> None:
    """A subject that is gone is gone."""
    registry = Registry(said(VERSION), fault(40402))
    registry.client.version("s", 3)
    registry.clock.advance(61)
    with pytest.raises(SchemaMissing):
        registry.client.version("s", 3)


def test_an_untrusted_certificate_is_told_with_what_to_set() -> None:
    """The usual cause is an authority of one's own."""
    error = httpx.ConnectError("certificate verify failed")
    error.__cause__ = ssl.SSLCertVerificationError("self-signed certificate")
    with pytest.raises(RegistryUnavailable, match=r"ssl\.ca\.location"):
        Registry(error).client.subjects()


def test_a_body_that_cannot_be_unpacked_is_an_unexpected_answer() -> None:
    """httpx's own error for it is not one of the connection."""
    with pytest.raises(UnexpectedAnswer, match=httpx.URL(URL).host):
        Registry(httpx.DecodingError("broken gzip")).client.subjects()
