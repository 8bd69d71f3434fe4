"""The corpus in CI: a hundred pairs tried by sampling, and every rule disabled in turn. All pairs: `make soundness`."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.soundness import corpus, rules
from tests.soundness.goals import missed
from tests.soundness.judge import judge
from tests.soundness.report import examine, sampled_tolerant

PAIRS = 100
DOCUMENTS = 3_000
"""For each of those that are safe; `make soundness` samples 10,000 for each of all."""
ROOT = Path(__file__).parents[2]


def test_a_hundred_pairs_hold() -> None:
    """No counter-example to what is safe in more than 100,000 documents, a confirmed witness for what is broken, few
    undecided, and the sampler finds nine of ten breaks by itself."""
    report = examine(corpus.some(PAIRS), safe=DOCUMENTS)
    assert report.faults == []
    assert missed(report) == []
    assert report.pairs == PAIRS
    assert report.documents > 100_000


def test_the_tolerant_reading_holds_too() -> None:
    """No document of declared fields, read by one that ignores others, contradicts a tolerant *safe*."""
    safe = 0
    for pair in corpus.json_pairs()[:: len(corpus.json_pairs()) // 60]:
        if judge(pair).verdict.tolerant == "safe":
            safe += 1
            documents, example, hit = sampled_tolerant(pair, 300)
            assert not hit, (pair.id, example, documents)
    assert safe > 20


def test_few_pairs_of_any_keyword_are_undecided() -> None:
    """Over the whole corpus at most 3 % are undecided, and at most a fifth for any keyword."""
    report = examine(corpus.pairs(), safe=0, broken=0)
    assert [fault for fault in (*report.faults, *missed(report)) if "sampler" not in fault] == []
    assert report.pairs >= 1_000


def test_every_keyword_has_ten_pairs_in_each_direction() -> None:
    """The corpus holds no keyword with fewer, and no pair twice."""
    for side in ("a", "b"):
        counts = Counter(pair.keyword for pair in corpus.pairs() if pair.id.endswith(side))
        assert min(counts.values()) >= 10
    assert len({pair.id for pair in corpus.pairs()}) == len(corpus.pairs())


def test_the_corpus_is_the_same_for_any_hash_seed() -> None:
    """Two interpreters with other hash seeds make the same bytes, and judge alike to the byte."""
    program = (
        "from tests.soundness import corpus, judge\n"
        "from headrace.catalogue.compatibility.verdict import encode\n"
        "print(corpus.text())\n"
        "print([encode(judge.judge(p).verdict) for p in corpus.some(60)])"
    )
    digests = set()
    for seed in ("0", "4711"):
        run = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        )
        digests.add(hashlib.sha256(run.stdout).hexdigest())
    assert len(digests) == 1


@pytest.mark.parametrize("rule", sorted(rules.json_rules()))
def test_without_a_rule_a_broken_pair_is_called_safe(rule: str) -> None:
    """Each rule of the JSON prover, disabled, leaves a pair of the corpus with a wrong verdict: the corpus guards it."""
    assert rules.wrong_without(rule) is not None


@pytest.mark.parametrize("rule", sorted(rules.avro_rules()))
def test_without_a_rule_of_avro_a_broken_pair_is_called_safe(rule: str) -> None:
    """Each kind of difference between Avro schemas, disabled, leaves a pair of the corpus with a wrong verdict."""
    assert rules.wrong_without(rule, avro=True) is not None
