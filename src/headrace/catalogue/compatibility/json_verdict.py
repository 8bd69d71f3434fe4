"""Both readings of a change of a JSON Schema, with findings and confirmed witnesses.

A witness is confirmed by two validators (jsonschema-rs and jsonschema) before it counts. In the tolerant reading the writer's
schema is its closed form (`headrace.model.json_closed`), the reader's is its open form: without ``additionalProperties:
false``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from itertools import islice
from typing import Any, Final

import jsonschema
from jsonschema.validators import validator_for

from headrace.catalogue.compatibility.direction import DirectionVerdict
from headrace.catalogue.compatibility.findings import (
    KINDS,
    Draft,
    draft,
    finding,
    kind_of,
    ordered,
    place_of,
    writer_node,
)
from headrace.catalogue.compatibility.json_evaluate import formatted
from headrace.catalogue.compatibility.json_maker import Maker
from headrace.catalogue.compatibility.json_nodes import JsonSchema, canonical
from headrace.catalogue.compatibility.json_prover import Prover
from headrace.catalogue.compatibility.json_state import Gap
from headrace.catalogue.compatibility.json_witness import TRIES, documents
from headrace.catalogue.compatibility.verdict import Direction, Reading, Verdict, Witness
from headrace.model.json_references import DRAFT7, Document, Pointer
from headrace.model.json_schema import FORMATS, Validator, closed, compile_schema, violations

BUDGET: Final = 6_000
"""Values that are tried for all gaps of a pair together."""


class Side:
    """A schema with what is made of it when it is asked for. Raises ValueError where it does not parse."""

    def __init__(self, schema: Any) -> None:
        self.raw = schema
        self.validator: Validator = compile_schema(schema)
        self.parsed = JsonSchema(schema)

    @cached_property
    def closed(self) -> Mapping[str, Any]:
        return closed(self.raw)

    @cached_property
    def opened(self) -> Any:
        return opened(self.raw)

    @cached_property
    def closed_validator(self) -> Validator:
        return compile_schema(self.closed)

    @cached_property
    def opened_validator(self) -> Validator:
        return compile_schema(self.opened)


def opened(schema: Any) -> Any:
    """The schema as a reader sees it that ignores fields which it does not know."""
    return _open(Document(schema), (), schema)


def _open(document: Document, pointer: Pointer, value: Any) -> Any:
    if isinstance(value, Mapping):
        out = {key: _open(document, (*pointer, key), item) for key, item in value.items()}
        if pointer in document.schemas:
            for keyword in ("additionalProperties", "unevaluatedProperties"):
                if out.get(keyword) is False:
                    del out[keyword]
            out.pop("maxProperties", None)
        return out
    if isinstance(value, list):
        return [_open(document, (*pointer, str(i)), item) for i, item in enumerate(value)]
    return value


_CHECKER: Final = jsonschema.FormatChecker(formats=())
for _format in sorted(FORMATS):
    # The one policy of formats: what the second validator asserts is what the first one asserts.
    _CHECKER.checks(_format)(lambda value, name=_format: not isinstance(value, str) or formatted(name, value))


def second_opinion(schema: Any) -> Callable[[Any], bool]:
    """Validity by jsonschema, the other validator."""
    stated = {"$schema": DRAFT7, **schema} if isinstance(schema, Mapping) else schema
    made = validator_for(stated)(stated, format_checker=_CHECKER)
    return lambda value: bool(made.is_valid(value))


def direction_verdict(
    writer: Side, reader: Side, direction: Direction, *, witness: bool = True, version: int | None = None
) -> DirectionVerdict:
    """Whether ``reader`` takes what ``writer`` writes. Without ``witness`` nothing is tried: a gap is undecided then, unless a
    proof of the break is in the gap itself (which there is none of today), so verdicts are ``safe`` or ``undecided``."""
    drafts: dict[tuple[str, str], Draft] = {}
    witnesses: list[tuple[Draft, Witness]] = []
    verdicts: dict[Reading, Verdict] = {}
    for reading in (Reading.TOLERANT, Reading.SEMANTIC):
        tolerant = reading is Reading.TOLERANT
        gaps = Prover(tolerant=tolerant).covers(writer.parsed.root, reader.parsed.root)
        found = Verdict.UNDECIDED if gaps else Verdict.SAFE
        trial = _Trial(writer, reader, tolerant)
        for gap in gaps:
            document = trial.show(gap, BUDGET // max(1, min(len(gaps), 10))) if witness else None
            draft(drafts, gap, reading, document is not None)
            if document is not None:
                found = Verdict.BROKEN
                made = _witness(document[0], reader, direction, reading, version)
                witnesses.append((drafts[_key(gap)], made))
        verdicts[reading] = found
    findings = ordered(finding(d, direction, version, writer_node(d.gap)) for d in drafts.values())
    ranks = {(f.path, f.code): number for number, f in enumerate(findings)}
    witnesses.sort(
        key=lambda pair: (_rank(pair[0], ranks), pair[1].reading != Reading.TOLERANT, canonical(pair[1].event))
    )
    return DirectionVerdict(
        semantic=verdicts[Reading.SEMANTIC],
        tolerant=verdicts[Reading.TOLERANT],
        findings=findings,
        witnesses=tuple(_once(w for _, w in witnesses)),
    )


def _key(gap: Gap) -> tuple[str, str]:
    return kind_of(gap), place_of(gap)


def _rank(made: Draft, ranks: Mapping[tuple[str, str], int]) -> int:
    return ranks[made.path, KINDS[made.kind].code]


def _once(witnesses: Any) -> list[Witness]:
    seen: dict[str, Witness] = {}
    for each in witnesses:
        seen.setdefault(canonical(each.event), each)
    return list(seen.values())


class _Trial:
    """Tries documents against both sides, by both validators."""

    def __init__(self, writer: Side, reader: Side, tolerant: bool) -> None:
        self._writer, self._reader = writer, reader
        self._tolerant = tolerant
        self._second: tuple[Callable[[Any], bool], Callable[[Any], bool]] | None = None

    def show(self, gap: Gap, budget: int) -> tuple[Any] | None:
        """A document that shows the gap, in a tuple; None: none was found."""
        writer = self._writer.closed_validator if self._tolerant else self._writer.validator
        reader = self._reader.opened_validator if self._tolerant else self._reader.validator
        seen: set[str] = set()
        for document in islice(documents(gap, Maker(budget)), TRIES * 4):
            text = canonical(document)
            if text not in seen:
                seen.add(text)
                if writer.is_valid(document) and not reader.is_valid(document) and self._confirmed(document):
                    return (document,)
        return None

    def _confirmed(self, document: Any) -> bool:
        if self._second is None:
            writer = self._writer.closed if self._tolerant else self._writer.raw
            reader = self._reader.opened if self._tolerant else self._reader.raw
            self._second = second_opinion(writer), second_opinion(reader)
        valid, read = self._second
        return valid(document) and not read(document)


def _witness(document: Any, reader: Side, direction: Direction, reading: Reading, version: int | None) -> Witness:
    validator = reader.opened_validator if reading is Reading.TOLERANT else reader.validator
    first = violations(validator, document, "")[0]
    backward = direction is Direction.BACKWARD
    return Witness(
        event=document,
        direction=direction,
        valid_under="old" if backward else "new",
        rejected_by="new" if backward else "old",
        path=first.path,
        rule=first.rule,
        message=first.message,
        reading=reading,
        version=version,
    )
