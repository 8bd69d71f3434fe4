"""Each rule of the checker, disabled in turn: is there a pair of the corpus whose verdict is then wrong?

A rule of the JSON prover is a kind of gap, the keyword that refuses; of Avro, a kind of difference. Disabled means that its
gaps are dropped where they arise. Which rules there are is read from the checker's source, so that a new one without a pair is
told.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from unittest.mock import patch

from headrace.catalogue.compatibility import avro_resolution, json_obligations, json_prover
from headrace.catalogue.compatibility.avro_resolution import Resolution
from headrace.catalogue.compatibility.json_nodes import JsonSchema
from headrace.catalogue.compatibility.json_prover import Prover
from headrace.model import avro_schema
from tests.soundness.corpus import Pair, avro_pairs, json_pairs
from tests.soundness.judge import judge

NO_RULES = frozenset(("undecided",))
"""Gaps that say that the prover gave up, which no rule found."""


def _made(modules: tuple[ModuleType, ...], call: str) -> set[str]:
    """The first argument of every call of ``call`` in the modules: all the strings that it can be."""
    found: set[str] = set()
    for module in modules:
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == call and node.args:
                found |= set(_strings(node.args[0]))
    return found


def _strings(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _strings(node.body)
        yield from _strings(node.orelse)
    elif isinstance(node, ast.Name):  # named a line before, by what `_named` lists
        yield from {"rule": ("additionalProperties", "properties"), "kind": ("anyOf", "oneOf")}[node.id]


def json_rules() -> set[str]:
    return _made((json_obligations, json_prover), "Gap") - NO_RULES


def avro_rules() -> set[str]:
    return _made((avro_resolution,), "AvroGap")


@contextmanager
def without_json(rule: str) -> Iterator[None]:
    """The prover without the gaps of one rule."""
    answered = Prover._met

    def met(self: Prover, *question: Any) -> Any:
        return tuple(gap for gap in answered(self, *question) if gap.rule != rule)

    with patch.object(Prover, "_met", met):
        yield


@contextmanager
def without_avro(rule: str) -> Iterator[None]:
    compared = Resolution._compare

    def compare(self: Resolution, *question: Any) -> Any:
        return (gap for gap in compared(self, *question) if gap.kind != rule)

    with patch.object(Resolution, "_compare", compare):
        yield


def _json_safe(pair: Pair) -> bool:
    return not Prover().covers(JsonSchema(pair.writer).root, JsonSchema(pair.reader).root)


def _avro_safe(pair: Pair) -> bool:
    return not Resolution(avro_schema.parse(pair.writer), avro_schema.parse(pair.reader)).gaps()


def wrong_without(rule: str, *, avro: bool = False) -> Pair | None:
    """A pair that is broken, with a witness that both validators confirm, and is called safe without ``rule``."""
    pairs, safe, without = (
        (avro_pairs(), _avro_safe, without_avro) if avro else (json_pairs(), _json_safe, without_json)
    )
    first = sorted(pairs, key=lambda pair: pair.keyword != rule)  # those of the keyword itself mostly show it
    for pair in first:
        with without(rule):
            told = safe(pair)
        if told and not safe(pair) and (avro or judge(pair).semantic == "broken"):
            return pair
    return None


def unguarded() -> list[str]:
    """The rules without which no verdict of the corpus would change for the worse."""
    return [
        *(rule for rule in sorted(json_rules()) if wrong_without(rule) is None),
        *(f"avro {rule}" for rule in sorted(avro_rules()) if wrong_without(rule, avro=True) is None),
    ]
