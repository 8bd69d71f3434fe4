"""What all events of one (application, event, tenant) have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from headrace.envelope.keys import MakeKey
from headrace.model.record import Headers


@dataclass(frozen=True, slots=True)
class Route:
    """``meta``: the five of `meta` that never change. ``head``: the frame's five bytes, or none where ``headers`` holds
    them."""

    event: str
    type: str
    source: str
    meta: dict[str, Any]
    schema_version: int
    head: bytes
    key_paths: tuple[str, ...]
    make_key: MakeKey
    max_bytes: int
    headers: Headers = ()
