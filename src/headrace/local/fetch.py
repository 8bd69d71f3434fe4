"""What the local servers run on, brought by Maven from POMs that ship with Headrace: Apache Kafka's jars, and a registry.

Each is fetched once for each content of its POM: a stamp beside the files holds its hash. They go to a new folder that
replaces the old one when it is complete, so that an interrupted fetch leaves nothing that looks whole. In a checkout they
are in ``tools/kafka``; an installed Headrace keeps them in the user's cache (``XDG_CACHE_HOME``, or ``~/.cache``).

``python -m headrace.local.fetch`` brings both.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from headrace.errors import SettingsError
from headrace.local.maven import run_maven

FILES = Path(__file__).parent / "java"
"""The POMs, and the settings of the nodes' log."""

CHECKOUT = Path(__file__).parents[3]
"""Headrace's own repository, where this is a checkout of it."""

STAMP = "pom.stamp"


@dataclass(frozen=True, slots=True)
class Part:
    """Something that Maven brings. ``folder``: its name in a checkout; ``variable``: of the environment, names another
    folder that holds it; ``proof``: a pattern of what that must hold; ``filled``: the POM's property for the folder."""

    name: str
    pom: str
    goal: str
    filled: str
    folder: str
    variable: str
    proof: str
    megabytes: int


KAFKA = Part(
    "Apache Kafka",
    "kafka-pom.xml",
    "dependency:copy-dependencies",
    "kafka.libs",
    "libs",
    "HEADRACE_KAFKA_LIBS",
    "kafka_*.jar",
    44,
)
REGISTRY = Part(
    "Apicurio Registry",
    "registry-pom.xml",
    "dependency:unpack",
    "registry.app",
    "registry",
    "HEADRACE_REGISTRY_APP",
    "quarkus-run.jar",
    158,
)


def folder_of(part: Part) -> Path:
    """Where its files are. Raises `SettingsError` where they are missing or of another POM."""
    named = os.environ.get(part.variable)
    if named:
        folder = Path(named)
        if not any(folder.glob(part.proof)):
            raise SettingsError(f"{part.variable} names {folder}, which holds no {part.proof}")
        return folder
    folder = _place(part)
    stamp = _stamped(folder)
    if stamp is None:
        raise SettingsError(f"{part.name} is not fetched yet", hint=_hint())
    if stamp != _wanted(part):
        raise SettingsError(f"{part.name} was fetched by another {part.pom}", hint=_hint())
    return folder


def fetch(part: Part, say: Callable[[str], object]) -> Path:
    """Fetch its files unless they are those of the POM already, or the environment names others; say what is done.
    Raises `SettingsError` with what to do when Maven is missing or fails."""
    if os.environ.get(part.variable):
        return folder_of(part)
    folder, wanted = _place(part), _wanted(part)
    if _stamped(folder) == wanted:
        say(f"{part.name} is there: {folder}")
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    incoming = folder.with_name(f"{folder.name}.incoming-{os.getpid()}")
    shutil.rmtree(incoming, ignore_errors=True)
    try:
        say(f"fetching {part.name} with Maven ({part.megabytes} MB, once)")
        run_maven(FILES / part.pom, part.goal, {part.filled: str(incoming)}, say)
        if not any(incoming.glob(part.proof)):
            raise SettingsError(f"Maven did not bring {part.name}: there is no {part.proof}")
        (incoming / STAMP).write_text(wanted)
        shutil.rmtree(folder, ignore_errors=True)
        incoming.rename(folder)
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
    say(f"{part.name} is in {folder}")
    return folder


def _place(part: Part) -> Path:
    if (CHECKOUT / "tools" / "kafka").is_dir() and (CHECKOUT / "pyproject.toml").is_file():
        return CHECKOUT / "tools" / "kafka" / part.folder
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    # Headraces of several versions may share the cache.
    return cache / "headrace" / f"{part.folder}-{_wanted(part)[:12]}"


def _hint() -> str:
    return "run `headrace dev fetch`"


def _wanted(part: Part) -> str:
    return hashlib.sha256((FILES / part.pom).read_bytes()).hexdigest()


def _stamped(folder: Path) -> str | None:
    try:
        return (folder / STAMP).read_text()
    except OSError:
        return None


def main() -> int:
    """Fetch all parts; 0, or 1 with the error on standard error."""
    try:
        for part in (KAFKA, REGISTRY):
            fetch(part, lambda text: sys.stdout.write(f"{text}\n"))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
