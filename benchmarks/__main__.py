"""``python -m benchmarks [NAME...] [--json]``: run them all, or those named; exit 1 if a goal was missed."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import benchmarks
from benchmarks.figures import Figure, report


def main() -> int:
    named = [a for a in sys.argv[1:] if not a.startswith("-")]
    figures: list[Figure] = []
    for module in sorted(m.name for m in pkgutil.iter_modules(benchmarks.__path__)):
        if module.startswith("_") or module == "figures" or (named and module not in named):
            continue
        print(f"... {module}", file=sys.stderr, flush=True)
        figures += importlib.import_module(f"benchmarks.{module}").measure()
    return report(figures)


raise SystemExit(main())
