"""How durations, sizes, versions, starts, schedules, paths and secrets are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.catalogue import quantities
from headrace.catalogue.secrets import holds_secret, reference_problem
from headrace.catalogue.suggest import closest


@given(
    st.integers(1, 10**6), st.sampled_from([("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)])
)
def test_a_duration_is_its_number_times_its_unit(number: int, unit: tuple[str, int]) -> None:
    """Every unit is read in milliseconds."""
    assert quantities.duration_ms(f"{number}{unit[0]}") == number * unit[1]


@pytest.mark.parametrize("text", ["", "7", "0s", "1w", "7 d", "-1s", "1.5h", "7D", "1s ", "\u0661s"])
def test_other_durations_are_refused(text: str) -> None:
    """Without a unit, zero, negative, with spaces, or in other digits: no duration."""
    with pytest.raises(ValueError, match="duration"):
        quantities.duration_ms(text)


@pytest.mark.parametrize(("text", "size"), [("1048576", 1048576), ("1MiB", 1048576), ("64kB", 64000), ("2KiB", 2048)])
def test_sizes(text: str, size: int) -> None:
    """Sizes are bytes, or have a decimal or a binary unit."""
    assert quantities.size_bytes(text) == size


@pytest.mark.parametrize("text", ["1.0", "0.1.0", "1.2.3.4", "v1.0.0", "01.0.0", "1.0.0-rc"])
def test_other_versions_are_refused(text: str) -> None:
    """A version is three plain numbers, and its major begins at 1."""
    with pytest.raises(ValueError, match="version"):
        quantities.version(text)


@pytest.mark.parametrize("text", ["yesterday", "2026-03-01", "2026-03-01T00:00:00", "2026-13-01T00:00:00Z", "Earliest"])
def test_other_starts_are_refused(text: str) -> None:
    """A start that is a time has a day, a time of day and an offset from UTC."""
    with pytest.raises(ValueError):
        quantities.start(text)


def test_a_start_is_kept_as_it_is_written() -> None:
    """Words and times come through, times in upper case as RFC 3339 writes them."""
    assert [quantities.start(t) for t in ("earliest", "latest", "2026-03-01t00:00:00z")] == [
        "earliest",
        "latest",
        "2026-03-01T00:00:00Z",
    ]


@pytest.mark.parametrize("text", ["0 3 * * *", "*/15 * * * *", "0 6-18/2 1,15 * 1-5", "59 23 31 12 7"])
def test_schedules(text: str) -> None:
    """Lists, ranges and steps of numbers are schedules."""
    assert quantities.schedule_problem(text) is None


@pytest.mark.parametrize(
    "text", ["0 3 * *", "60 3 * * *", "0 24 * * *", "0 3 0 * *", "5-1 * * * *", "@daily", "*/0 * * * *"]
)
def test_other_schedules_are_refused(text: str) -> None:
    """Too few fields, values out of range, ranges backwards, words and empty steps are not."""
    assert quantities.schedule_problem(text)


@pytest.mark.parametrize("text", ["data.storeId", "data.lines[].quantity", "a", "data.matrix[][].x", "meta.x-y"])
def test_paths(text: str) -> None:
    """Names with dots between them, and [] behind lists, are paths."""
    assert quantities.is_data_path(text)


@pytest.mark.parametrize("text", ["", "data.", ".a", "a..b", "a[0]", "a b", "a.*", "$.a["])
def test_other_paths_are_refused(text: str) -> None:
    """Indexes, wildcards, and empty names are not."""
    assert not quantities.is_data_path(text)


@pytest.mark.parametrize("text", ["env:KAFKA_PASSWORD", "vault:kv/data/plan#password", "file:/run/secrets/plan"])
def test_references_to_secrets(text: str) -> None:
    """A variable, a vault's field and a file are references."""
    assert reference_problem(text) is None


@pytest.mark.parametrize("text", ["hunter2", "env:", "env:A B", "vault:", "Basic: dXNlcg=="])
def test_a_written_secret_is_refused_and_not_repeated(text: str) -> None:
    """What is no reference is refused, and the message does not hold it: a log must not either."""
    problem = reference_problem(text)
    assert problem
    assert "hunter2" not in problem and "dXNlcg" not in problem


@pytest.mark.parametrize(
    ("key", "value", "secret"),
    [
        ("sasl.password", "hunter2", True),
        ("sasl.password", "env:X", False),
        ("sasl.jaas.config", "org.apache ... required", True),
        ("ssl.key.pem", "-----BEGIN PRIVATE KEY-----", True),
        ("anything", "-----BEGIN RSA PRIVATE KEY-----", True),
        ("url", "https://user:word@registry.example.com", True),
        ("url", "https://registry.example.com:8081/a@b", False),
        ("security.protocol", "SASL_SSL", False),
        ("sasl.mechanism", "SCRAM-SHA-512", False),
        ("enable.sasl.oauthbearer.unsecure.token", "true", False),
    ],
)
def test_settings_that_hold_a_secret(key: str, value: str, secret: bool) -> None:
    """Passwords, tokens and keys are seen by their names, private keys and URLs with passwords by their values."""
    assert holds_secret(key, value) is secret


@pytest.mark.parametrize(
    ("word", "meant"),
    [("schemaversion", "schemaVersion"), ("schema_version", "schemaVersion"), ("consumer", "consumers"), ("xyz", None)],
)
def test_a_misspelt_word_is_recognised(word: str, meant: str | None) -> None:
    """Case, dashes and a letter or two do not hide what was meant; another word stays unknown."""
    assert closest(word, ["schemaVersion", "consumers", "topic"]) == meant
