"""What all events of one (application, event, tenant) have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from headrace.envelope.keys import MakeKey


@dataclass(frozen=True, slots=True)
class Route:
    """``meta``: the five of `meta` that never change. ``head``: the frame's five bytes."""

    event: str
    type: str
    source: str
    meta: dict[str, Any]
    schema_version: int
    head: bytes
    key_paths: tuple[str, ...]
    make_key: MakeKey
    max_bytes: int
