"""What the corpus shows: each pair judged, each verdict tried against the sampler and the validators, counted by keyword."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from headrace.catalogue.compatibility.json_verdict import Side
from headrace.catalogue.compatibility.verdict import Verdict
from headrace.model import avro_schema
from tests.soundness.corpus import Pair
from tests.soundness.judge import Judged, avro_reads, confirmed, judge
from tests.soundness.sampler import sample
from tests.soundness.sampler_avro import AvroSampler

SAFE_SAMPLES = 10_000
BROKEN_SAMPLES = 4_000
"""Documents until the sampler gives up on a pair that is labelled broken."""


@dataclass(slots=True)
class Report:
    """``faults``: what must not be, in words. ``by_keyword``: counts by verdict, and ``found`` for the sampler's hits."""

    by_keyword: dict[str, Counter[str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    documents: int = 0

    def total(self, name: str) -> int:
        return sum(counts[name] for counts in self.by_keyword.values())

    @property
    def pairs(self) -> int:
        return self.total("pairs")

    def table(self) -> str:
        head = f"{'keyword':<24}{'pairs':>6}{'safe':>6}{'broken':>8}{'undecided':>11}{'sampler found':>15}"
        rows = [head, "-" * len(head)]
        total: Counter[str] = sum(self.by_keyword.values(), Counter())
        for name, n in [*self.by_keyword.items(), ("all", total)]:
            found = f"{n['found']}/{n['broken']}"
            rows.append(f"{name:<24}{n['pairs']:>6}{n['safe']:>6}{n['broken']:>8}{n['undecided']:>11}{found:>15}")
        return "\n".join(rows)


def examine(pairs: Iterable[Pair], *, safe: int = SAFE_SAMPLES, broken: int = BROKEN_SAMPLES) -> Report:
    """Judge and try every pair. ``safe``/``broken``: documents sampled for a pair with that verdict."""
    report = Report()
    for pair in pairs:
        judged = judge(pair)
        counts = report.by_keyword.setdefault(pair.keyword, Counter())
        counts["pairs"] += 1
        counts[judged.semantic.value] += 1
        _check_witnesses(judged, report)
        if judged.semantic is not Verdict.UNDECIDED:
            number = safe if judged.semantic is Verdict.SAFE else broken
            documents, example, hit = sampled(pair, number)
            if judged.semantic is Verdict.BROKEN:
                counts["found"] += hit
            else:
                report.documents += documents
                if hit:
                    report.faults.append(f"{pair.id}: safe, but {example!r} is a counter-example")
    return report


def _check_witnesses(judged: Judged, report: Report) -> None:
    for reading in ("semantic", "tolerant"):
        verdict = getattr(judged.verdict, reading)
        shown = [w for w in judged.verdict.witnesses if reading == "tolerant" or judged.pair.format != "avro"]
        if verdict is Verdict.BROKEN and not judged.verdict.witnesses:
            report.faults.append(f"{judged.pair.id}: {reading} is broken without a witness")
        if reading == "tolerant":
            report.faults += [
                f"{judged.pair.id}: a validator does not confirm {w.event!r}"
                for w in shown
                if not confirmed(judged.pair, w)
            ]


def sampled(pair: Pair, number: int) -> tuple[int, Any, bool]:
    """The sampler on one pair in the semantic reading: valid documents, a counter-example, whether there is one."""
    if pair.format == "avro":
        return _avro(pair, number)
    writer, reader = Side(pair.writer), Side(pair.reader)
    writes, reads = writer.validator.is_valid, reader.validator.is_valid
    return sample(pair.writer, pair.reader, writes, reads, seed=pair.id, number=number)


def sampled_tolerant(pair: Pair, number: int) -> tuple[int, Any, bool]:
    """Likewise in the tolerant reading: what the closed writer's schema takes, the open reader's schema takes."""
    writer, reader = Side(pair.writer), Side(pair.reader)
    writes, reads = writer.closed_validator.is_valid, reader.opened_validator.is_valid
    return sample(pair.writer, pair.reader, writes, reads, seed=pair.id, number=number)


def _avro(pair: Pair, number: int) -> tuple[int, Any, bool]:
    writer, reader = avro_schema.parse(pair.writer), avro_schema.parse(pair.reader)
    sampler = AvroSampler(writer, random.Random(pair.id))
    for count in range(1, number // 10 + 1):  # each one is written and read: a tenth shows as much
        value = sampler.value(writer.resolved)
        if not avro_reads(writer, reader, value):
            return count, value, True
    return number // 10, None, False
