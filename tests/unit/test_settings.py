"""Options: where their values come from, and that each is documented."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.errors import SettingsError
from headrace.settings import OPTIONS, load_settings

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "settings.md"


def test_every_option_is_documented() -> None:
    """docs/settings.md has a row for each option with its variable, kind and default, and no other rows."""
    rows = [line for line in DOCUMENTATION.read_text().splitlines() if line.startswith("| `")]
    expected = []
    for option in OPTIONS:
        default = "" if option.default is None else f"`{option.default}`"
        expected.append(
            f"| `{option.name}` | `{option.variable}` | {option.shown} | {default} | {option.description} |"
        )
    assert rows == expected


def test_an_argument_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    """The order is argument, environment, file, default; and `source` tells which it was."""
    (tmp_path / "headrace.toml").write_text('application = "a"\nregion = "b"\ncatalogue = "c"\n')
    settings = load_settings(
        environment={"HEADRACE_REGION": "eu", "HEADRACE_APPLICATION": "plan"}, directory=tmp_path, application="store"
    )
    assert (settings.application, settings.region, settings.catalogue) == ("store", "eu", Path("c"))
    assert settings.source("application") == "argument"
    assert settings.source("region") == "environment HEADRACE_REGION"
    assert settings.source("catalogue").startswith("file ")
    assert settings.source("workers") == "default"


def test_a_missing_option_says_how_to_give_it(tmp_path: Path) -> None:
    """`require` names the argument, the variable and the file."""
    settings = load_settings(environment={}, directory=tmp_path)
    with pytest.raises(SettingsError, match="HEADRACE_REGION"):
        settings.require("region")


def test_all_faults_of_a_file_are_told_at_once_with_what_was_meant(tmp_path: Path) -> None:
    """Unknown names get a suggestion, malformed values what was expected."""
    (tmp_path / "headrace.toml").write_text('regoin = "eu"\nworkers = 0\n')
    with pytest.raises(SettingsError) as caught:
        load_settings(environment={}, directory=tmp_path)
    assert "did you mean region?" in str(caught.value)
    assert "workers" in str(caught.value)


def test_a_named_settings_file_must_be_there(tmp_path: Path) -> None:
    """A HEADRACE_SETTINGS that names nothing is an error, never silently ignored."""
    with pytest.raises(SettingsError, match="HEADRACE_SETTINGS"):
        load_settings(environment={"HEADRACE_SETTINGS": str(tmp_path / "none.toml")}, directory=tmp_path)


@pytest.mark.parametrize(("text", "expected"), [("64MiB", 64 * 1024**2), ("1 kB", 1000), ("17", 17)])
def test_sizes_take_units(text: str, expected: int) -> None:
    """Bytes may be written with decimal or binary units."""
    assert load_settings(environment={"HEADRACE_BUFFER_BYTES": text}).buffer_bytes == expected


def test_properties_are_pairs_or_a_table(tmp_path: Path) -> None:
    """In a variable pairs, in the file a table, whose bare dotted names TOML nests; as an argument either."""
    (tmp_path / "headrace.toml").write_text(
        '[cluster_properties]\n"sasl.username" = "plan"\nsocket.keepalive.enable = true\nlinger.ms = 5\n'
    )
    settings = load_settings(environment={"HEADRACE_REGISTRY_PROPERTIES": "ssl.ca.location=ca.pem"}, directory=tmp_path)
    expected = {"sasl.username": "plan", "socket.keepalive.enable": "true", "linger.ms": "5"}
    assert settings.cluster_properties == expected
    assert settings.registry_properties == {"ssl.ca.location": "ca.pem"}
    assert load_settings(environment={}, cluster_properties=expected).cluster_properties == expected


def test_properties_are_never_shown(tmp_path: Path) -> None:
    """Neither their representation nor the error about a malformed one holds a value."""
    settings = load_settings(environment={"HEADRACE_CLUSTER_PROPERTIES": "sasl.password=hush"})
    assert settings.cluster_properties == {"sasl.password": "hush"}
    assert f"{settings.cluster_properties!r} {settings.cluster_properties}".count("hush") == 0
    (tmp_path / "headrace.toml").write_text('cluster_properties = "sasl.password=hush,hush"\n')
    with pytest.raises(SettingsError, match="cluster_properties: pair 2") as caught:
        load_settings(environment={}, directory=tmp_path)
    assert "hush" not in str(caught.value)
    (tmp_path / "headrace.toml").write_text('[cluster_properties]\n"a.b" = ["hush"]\n')
    with pytest.raises(SettingsError, match=r"a\.b is neither text nor a number"):
        load_settings(environment={}, directory=tmp_path)
