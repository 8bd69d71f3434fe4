"""``python -m tests.soundness``: all pairs of the corpus, a table by keyword; exit 1 if a goal is missed."""

from __future__ import annotations

import sys
import time

from tests.soundness.corpus import json_pairs, pairs
from tests.soundness.goals import missed
from tests.soundness.judge import judge
from tests.soundness.report import examine, sampled_tolerant
from tests.soundness.rules import unguarded


def main() -> int:
    start = time.perf_counter()
    report = examine(pairs())
    print(report.table())
    faults = [*report.faults, *missed(report)]
    for pair in json_pairs():
        if judge(pair).verdict.tolerant == "safe":
            documents, example, hit = sampled_tolerant(pair, 1_000)
            report.documents += documents
            faults += [f"{pair.id}: tolerant is safe, but {example!r} is a counter-example"] if hit else []
    without = unguarded()
    faults += [f"nothing fails without the rule {rule}" for rule in without]
    print(f"{report.documents:,} documents sampled for what is safe; {time.perf_counter() - start:.0f} s")
    print("\n".join(faults) or "no fault")
    return 1 if faults else 0


sys.exit(main())
