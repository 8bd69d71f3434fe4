"""How an application proves who it is to its region's cluster: its own credentials, in the place of the platform's.

A region's declaration says how to reach the cluster (protocol, mechanism, authorities) and, for provisioning, who the
platform is. A program keeps the first and brings the second itself. Names are librdkafka's (its CONFIGURATION.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+\Z")
_OF_A_CLIENT: Final = re.compile(r"\s*(?:sasl|ssl|security|enable)\.[a-z0-9_.]+\s*=")
_WHO: Final = (
    *("sasl.username", "sasl.password", "sasl.kerberos.principal", "sasl.kerberos.keytab"),
    *("sasl.oauthbearer.config", "sasl.oauthbearer.client.", "sasl.oauthbearer.scope", "sasl.oauthbearer.assertion."),
    *("ssl.key.", "ssl.certificate.", "ssl.keystore."),
)


def is_secured(properties: Mapping[str, str]) -> bool:
    """Whether clients have to say who they are, or to encrypt."""
    return properties.get("security.protocol", "plaintext").lower() != "plaintext"


def without_credentials(properties: Mapping[str, str]) -> dict[str, str]:
    """How the cluster is reached, without the properties that say who asks."""
    return {name: value for name, value in properties.items() if not name.startswith(_WHO)}


def credential_properties(principal: str, value: str) -> dict[str, str]:
    """The client's properties for what a reference to credentials has led to: a password, whose user is the principal's
    name, or ``name=value`` pairs (an API key with its secret, a certificate with its key). Raises ValueError."""
    if _OF_A_CLIENT.match(value):
        return parse_properties(value)
    return {"sasl.username": principal.removeprefix("User:"), "sasl.password": value}


def parse_properties(text: str) -> dict[str, str]:
    """``name=value`` pairs, one a line, or with commas between them on one line (a value with a comma needs lines). Blank
    lines and lines that begin with ``#`` are passed over. Raises ValueError, which never repeats a value."""
    found: dict[str, str] = {}
    for number, pair in enumerate(_pairs(text), start=1):
        name, equals, value = pair.partition("=")
        name = name.strip()
        if not equals or not _NAME.match(name):
            # What is not a name may be the rest of a secret that held a comma.
            raise ValueError(f"pair {number} is not name=value; put each pair on a line if a value holds a comma")
        if name in found:
            raise ValueError(f"{name} is given twice")
        found[name] = value.strip()
    return found


def _pairs(text: str) -> Iterator[str]:
    text = text.strip()
    parts = text.splitlines() if "\n" in text else text.split(",")
    yield from (stripped for part in parts if (stripped := part.strip()) and not stripped.startswith("#"))
