"""What a check of a schema change answers: three verdicts, the findings behind them, and a witness.

All values are frozen and become JSON through msgspec, the same bytes for the same input.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec


class Verdict(StrEnum):
    """``safe`` is proved; ``broken`` has a witness; what is neither is ``undecided``, never called safe."""

    SAFE = "safe"
    BROKEN = "broken"
    UNDECIDED = "undecided"

    @staticmethod
    def worst(verdicts: list[Verdict]) -> Verdict:
        """Of several directions or versions together."""
        for verdict in (Verdict.BROKEN, Verdict.UNDECIDED):
            if verdict in verdicts:
                return verdict
        return Verdict.SAFE


class Direction(StrEnum):
    """Who reads what. ``backward``: data written with the old schema, read with the new one. ``forward``: data written with
    the new schema, read with the old one."""

    BACKWARD = "backward"
    FORWARD = "forward"


class Reading(StrEnum):
    """``semantic``: every document valid under the writer's schema. ``tolerant``: the writer sends only declared fields (as
    Headrace's publish does), the reader ignores what it does not know."""

    SEMANTIC = "semantic"
    TOLERANT = "tolerant"


class Finding(msgspec.Struct, frozen=True):
    """One change as a person made it. ``code`` is stable (``HC201``). ``path``: where in the event (``data.lines[].quantity``,
    `` `` for the whole). ``old``/``new``: JSON pointers as URI fragments into the two schemas (None: nothing there).
    ``rule``: the keyword that refuses. ``readings``: those in which it is a break. ``verdict``: of this finding alone; one that
    is *safe* is a hint, by which nothing breaks. ``harm``: 0 to 100, what the order follows. ``advice``: what to do instead.
    ``version``: the history's newest version that it is true of, where there is a history, ``versions``: all of them, oldest
    first. ``event``: the name, where the place belongs to one event. ``also``: other places of the same edit (of a definition
    that is used in several)."""

    code: str
    direction: Direction
    path: str
    old: str | None
    new: str | None
    rule: str
    message: str
    advice: str
    verdict: Verdict
    readings: tuple[Reading, ...]
    harm: int
    version: int | None = None
    versions: tuple[int, ...] = ()
    event: str | None = None
    also: tuple[str, ...] = ()


class Witness(msgspec.Struct, frozen=True):
    """A minimal event: valid under the schema of one side, rejected by that of the other. ``valid_under`` and ``rejected_by``
    are ``old`` or ``new``; ``rule`` and ``message`` are the rejecting validator's, ``path`` is where in the event. ``code`` and
    ``about``: the code and the path of the finding that it shows."""

    event: Any
    direction: Direction
    valid_under: str
    rejected_by: str
    path: str
    rule: str
    message: str
    reading: Reading
    version: int | None = None
    code: str = ""
    about: str = ""


class RegistryAnswer(msgspec.Struct, frozen=True):
    """What production's registry will answer. ``profile``: ``confluent``, ``confluent-lenient``, ``karapace``, ``apicurio``;
    ``release``: the one that it follows. ``reasons``: the registry's own kinds of difference, each with its place."""

    profile: str
    release: str
    accepted: bool
    reasons: tuple[str, ...] = ()


class PairVerdict(msgspec.Struct, frozen=True):
    """Of one change under one mode. ``semantic`` and ``tolerant`` are over the directions that the mode asks for."""

    mode: str
    registry: RegistryAnswer
    semantic: Verdict
    tolerant: Verdict
    findings: tuple[Finding, ...]
    witnesses: tuple[Witness, ...]

    @property
    def witness(self) -> Witness | None:
        """The one for the gravest finding."""
        return self.witnesses[0] if self.witnesses else None


class Break(msgspec.Struct, frozen=True):
    """What a change means for one consumer. ``breaks``: None where it is not known. ``reads``: the declared (or observed)
    paths that the findings touch."""

    application: str
    schema_version: int
    criticality: str
    breaks: bool | None
    reads: tuple[str, ...]
    because: tuple[str, ...] = ()


_encoder = msgspec.json.Encoder(order="deterministic")


def encode(value: msgspec.Struct | Mapping[str, Any]) -> bytes:
    """Canonical JSON: same value, same bytes."""
    return _encoder.encode(value)
