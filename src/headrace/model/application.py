"""An application: a program that produces or consumes, with its own principal in each region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Credentials:
    """A principal (``User:plan``) and where its credentials are found (``env:...``, ``vault:...``): never a value."""

    principal: str
    reference: str


@dataclass(frozen=True, slots=True)
class Application:
    id: str
    name: str
    team: str
    contact: str
    credentials: Mapping[str, Credentials]
    """By region id."""
    external: bool = False
    """Not on Headrace's SDK."""
