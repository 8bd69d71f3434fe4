"""Deciding whether a schema may follow others: handed to the embedded registry by bootstrap, so that it answers as
Headrace's own checker does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from headrace.model.schema import Compatibility, SchemaText


class CompatibilityChecker(Protocol):
    def __call__(self, new: SchemaText, history: Sequence[SchemaText], mode: Compatibility) -> Sequence[str]:
        """What makes ``new`` incompatible with ``history`` (oldest first) under ``mode``, a sentence each; empty: it is
        compatible."""
