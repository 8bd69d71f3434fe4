"""Which commit a repository is at."""

from __future__ import annotations

import subprocess
from pathlib import Path


def commit_of(directory: Path) -> str | None:
    """The commit's id in full, with ``-dirty`` where a file below ``directory`` differs from it or is not in it; None outside
    Git, before the first commit, or where there is no git command."""
    head = _git(directory, "rev-parse", "--verify", "--quiet", "HEAD")
    if not head:
        return None
    changed = _git(directory, "--no-optional-locks", "status", "--porcelain", "--", ".")
    return f"{head.strip()}-dirty" if changed else head.strip()


def _git(directory: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and no text of a declaration in it
            ["git", "-C", str(directory), *arguments],  # noqa: S607 - the user's own git, wherever it is
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
