"""The checker's verdict on a pair of the corpus, and its confirmation by others than the checker."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

import fastavro

from headrace.catalogue.compatibility.checker import check_pair
from headrace.catalogue.compatibility.json_sides import second_opinion
from headrace.catalogue.compatibility.json_verdict import Side
from headrace.catalogue.compatibility.verdict import PairVerdict, Reading, Verdict, Witness
from headrace.model import avro_schema
from headrace.model.schema import Compatibility, SchemaFormat, SchemaText
from tests.soundness.corpus import Pair


@dataclass(frozen=True, slots=True)
class Judged:
    pair: Pair
    verdict: PairVerdict

    @property
    def semantic(self) -> Verdict:
        return self.verdict.semantic


def judge(pair: Pair, *, witness: bool = True) -> Judged:
    """By the public check, backward: the pair's writer is the old schema, its reader the new one."""
    form = SchemaFormat.AVRO if pair.format == "avro" else SchemaFormat.JSON_SCHEMA
    old, new = (SchemaText(form, json.dumps(each)) for each in (pair.writer, pair.reader))
    return Judged(pair, check_pair(old, new, Compatibility.BACKWARD, witness=witness))


def confirmed(pair: Pair, witness: Witness) -> bool:
    """Whether both validators say of the witness what the verdict says of it."""
    if pair.format == "avro":
        return _avro_confirmed(pair, witness.event)
    writer, reader = Side(pair.writer), Side(pair.reader)
    if witness.reading is Reading.TOLERANT:
        first = writer.closed_validator.is_valid(witness.event), reader.opened_validator.is_valid(witness.event)
        raw: tuple[Any, Any] = (writer.closed, reader.opened)
    else:
        first = writer.validator.is_valid(witness.event), reader.validator.is_valid(witness.event)
        raw = (pair.writer, pair.reader)
    second = second_opinion(raw[0])(witness.event), second_opinion(raw[1])(witness.event)
    return first == second == (True, False)


def _avro_confirmed(pair: Pair, event: Any) -> bool:
    writer, reader = avro_schema.parse(pair.writer), avro_schema.parse(pair.reader)
    return writer.is_valid(event) and not avro_reads(writer, reader, writer.native(event))


def avro_reads(writer: Any, reader: Any, native: Any) -> bool:
    """Whether fastavro reads with the one schema what it writes with the other."""
    written = io.BytesIO()
    fastavro.schemaless_writer(written, writer.resolved, native)
    written.seek(0)
    try:
        fastavro.schemaless_reader(written, writer.resolved, reader.resolved)
    except Exception:
        return False
    return True
