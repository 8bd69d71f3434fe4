"""Secrets stay out of Git: a declaration says where one is found, never what it is."""

from __future__ import annotations

import re
from typing import Final

_REFERENCE: Final = re.compile(
    r"(?:env:[A-Za-z_][A-Za-z0-9_]*|vault:[A-Za-z0-9_./-]+(?:#[A-Za-z0-9_.-]+)?|file:[^\s]+)\Z"
)
_SECRET_KEY: Final = re.compile(
    r"password|passwd|secret|token|jaas|credential|api[._-]?key|private[._-]?key|user[._-]?info|key\.pem|sasl\.username\.and",
    re.IGNORECASE,
)
_SECRET_VALUE: Final = re.compile(r"-----BEGIN|://[^/\s:@]+:[^/\s@]+@")


def is_reference(text: str) -> bool:
    """Whether ``text`` names a place: ``env:NAME``, ``vault:path/to#field`` or ``file:PATH``."""
    return bool(_REFERENCE.match(text))


def reference_problem(text: str) -> str | None:
    """What is wrong with ``text`` as a reference to a secret, without repeating it (it may be the secret); None if nothing."""
    if is_reference(text):
        return None
    scheme, colon, _ = text.partition(":")
    if colon and scheme in ("env", "vault", "file"):
        return f"the reference {scheme}: is malformed"
    return "credentials are written out" if not colon else "credentials are not named as env:, vault: or file:"


def holds_secret(key: str, value: str) -> bool:
    """Whether a setting looks like a secret that is written out: by its name (a password, a token) or by its value (a private
    key, a URL with a password)."""
    if is_reference(value) or value.lower() in ("", "true", "false"):
        return False
    return bool(_SECRET_KEY.search(key) or _SECRET_VALUE.search(value))
