"""Maven, which brings what is not on PyPI: found, or installed where that may be done."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from headrace.errors import SettingsError


def run_maven(pom: Path, goal: str, properties: dict[str, str], say: Callable[[str], object]) -> None:
    """Run one goal of a POM. Raises `SettingsError` with the end of what Maven said when it fails, or with the package
    that brings Maven where there is none."""
    command = [_maven(say), "-B", "-q", "-ntp", "-f", str(pom), *(f"-D{k}={v}" for k, v in properties.items()), goal]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise SettingsError(
            f"Maven ended with {done.returncode}:\n{_end(done, 15)}",
            hint="it must reach Maven Central, or a mirror named in ~/.m2/settings.xml",
        )


def _maven(say: Callable[[str], object]) -> str:
    found = shutil.which("mvn")
    if found:
        return found
    apt = shutil.which("apt-get")
    if apt and os.geteuid() == 0:
        say("installing Debian's package maven")
        for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "maven"]):
            done = subprocess.run([apt, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)
            if done.returncode:
                raise SettingsError(f"apt-get {arguments[0]} ended with {done.returncode}:\n{_end(done, 10)}")
        found = shutil.which("mvn")
    if not found:
        raise SettingsError(
            "Maven is needed to fetch what Headrace runs locally, and is not on the PATH",
            hint="on Debian and Ubuntu: apt-get install maven; elsewhere from maven.apache.org",
        )
    return found


def _end(done: subprocess.CompletedProcess[str], lines: int) -> str:
    return "\n".join((done.stdout + done.stderr).strip().splitlines()[-lines:])
