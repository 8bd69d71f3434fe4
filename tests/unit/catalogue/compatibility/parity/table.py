"""All labelled pairs."""

from __future__ import annotations

from tests.unit.catalogue.compatibility.parity import arrays_unions, avro_pairs, drafts, objects, rest, scalars

JSON_PAIRS = (*scalars.PAIRS, *objects.PAIRS, *arrays_unions.PAIRS, *drafts.PAIRS, *rest.PAIRS)
AVRO_PAIRS = tuple(avro_pairs.PAIRS)
PAIRS = (*JSON_PAIRS, *AVRO_PAIRS)
