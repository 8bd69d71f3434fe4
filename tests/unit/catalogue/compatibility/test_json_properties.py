"""What the prover rests on, against others: inclusion of expressions against Python's, evaluation against jsonschema-rs."""

from __future__ import annotations

import random
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.catalogue.compatibility.json_evaluate import holds
from headrace.catalogue.compatibility.json_nodes import JsonSchema
from headrace.catalogue.compatibility.json_prover import Prover
from headrace.catalogue.compatibility.json_regex import included, length_within
from headrace.model.json_schema import compile_schema
from tests.soundness.corpus import json_pairs
from tests.soundness.judge import judge
from tests.soundness.sampler import Sampler

D20 = "https://json-schema.org/draft/2020-12/schema"

_atoms = st.sampled_from(["a", "b", "c", "[ab]", "[^a]", "[a-c]", ".", "\\d", "(a|bc)", "(ab)", "-"])
_pieces = st.builds(str.__add__, _atoms, st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,3}"]))
_bodies = st.lists(_pieces, min_size=1, max_size=4).map("".join)
_patterns = st.builds(
    lambda start, one, more, end: f"{start}{one}{end}" if more is None else f"{start}({one}|{more}){end}",
    st.sampled_from(["", "^"]),
    _bodies,
    st.none() | _bodies,
    st.sampled_from(["", "$"]),
)
_texts = st.text("abc1-\u00e9", max_size=7)


@settings(max_examples=300, deadline=None)
@given(_patterns, _patterns, st.lists(_texts, min_size=20, max_size=40))
def test_what_is_included_matches_too(inner: str, outer: str, texts: list[str]) -> None:
    """Where one expression is said to be included in another, no text matches the first alone, by Python's engine."""
    if included(inner, outer):
        assert [t for t in texts if re.search(inner, t) and not re.search(outer, t)] == []


@settings(max_examples=200, deadline=None)
@given(_patterns, st.integers(0, 4), st.integers(0, 8), st.lists(_texts, min_size=20, max_size=40))
def test_lengths_of_a_pattern_hold(pattern: str, least: int, more: int, texts: list[str]) -> None:
    """Where an expression is said to match certain lengths only, no other text matches."""
    if length_within(pattern, least, least + more):
        assert [t for t in texts if re.search(pattern, t) and not least <= len(t) <= least + more] == []


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(json_pairs()) - 1), st.integers(0, 1_000_000))
def test_evaluation_agrees_with_the_validator(number: int, seed: int) -> None:
    """A document by chance is valid by our evaluation exactly when jsonschema-rs says so."""
    pair = json_pairs()[number]
    sampler = Sampler(pair.writer, pair.reader, f"{number} {seed}")
    root, validator = JsonSchema(pair.writer).root, compile_schema(pair.writer)
    for _ in range(20):
        document = sampler.mutated(sampler.made(pair.writer, pair.writer))
        assert holds(root, document) == validator.is_valid(document), document


def test_the_verdict_is_the_same_without_witnesses() -> None:
    """Over pairs of every keyword, asking for no witness changes the witnesses handed out and nothing of the verdict."""
    for pair in random.Random(5).sample(json_pairs(), 80):
        found, bare = judge(pair), judge(pair, witness=False)
        assert (found.verdict.semantic, found.verdict.tolerant) == (bare.verdict.semantic, bare.verdict.tolerant), (
            pair.id
        )
        assert bare.verdict.witnesses == ()


def _covered(writer: Any, reader: Any, *, tolerant: bool = False) -> bool:
    return not Prover(tolerant=tolerant).covers(JsonSchema(writer).root, JsonSchema(reader).root)


def test_an_inner_unevaluated_properties_evaluates() -> None:
    """What an inner `unevaluatedProperties` takes is evaluated, so that the outer one closes nothing."""
    writer = {"$schema": D20, "allOf": [{"unevaluatedProperties": True}], "unevaluatedProperties": False}
    assert compile_schema(writer).is_valid({"a": 1})
    assert not _covered({**writer, "type": "object"}, {"$schema": D20, "additionalProperties": False})


def test_a_reader_that_ignores_fields_does_not_ignore_items() -> None:
    """`unevaluatedItems: false` holds in the tolerant reading too: an item is no field that a reader passes over."""
    spoken = {"$schema": D20, "type": "array", "allOf": [{"prefixItems": [{"type": "string"}]}]}
    assert not _covered(spoken, {**spoken, "unevaluatedItems": False}, tolerant=True)
    assert _covered({**spoken, "unevaluatedItems": False}, {**spoken, "unevaluatedItems": {"type": "string"}})
