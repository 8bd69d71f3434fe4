"""The declaration repository as another branch has it, read through git and never written to."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from headrace.catalogue.repository import ROOT_FILE
from headrace.errors import SettingsError

_READ: Final = (ROOT_FILE, "applications", "tenants", "products")
_TIMEOUT_S: Final = 60
_MORE_HISTORY: Final = (
    "this clone is shallow: fetch the whole history (git fetch --unshallow; "
    "in GitLab GIT_DEPTH: 0, in GitHub fetch-depth: 0)"
)


@dataclass(frozen=True, slots=True)
class Base:
    """``ref``: as it was named. ``tip``: its commit. ``fork``: the commit at which the checked-out branch left it."""

    ref: str
    tip: str
    fork: str


def find_base(directory: Path, ref: str) -> Base:
    """Where ``ref`` is, and where HEAD left it. Raises `SettingsError`: no git, no repository, an unknown ref, no commit in
    common, a clone that is too shallow to tell."""
    if _run(directory, "rev-parse", "--show-prefix") is None:
        raise SettingsError(
            f"{directory} is not in a Git repository", hint="--base compares with a branch of Git", option="base"
        )
    shallow = (_run(directory, "rev-parse", "--is-shallow-repository") or b"").strip() == b"true"
    tip = _run(directory, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if tip is None:
        hint = _MORE_HISTORY if shallow else "fetch it first (git fetch origin), and name it as in origin/main"
        raise SettingsError(f"there is no commit {ref!r} in this clone", hint=hint, option="base")
    commit = tip.decode().strip()
    fork = _run(directory, "merge-base", commit, "HEAD")
    if fork is None:
        hint = _MORE_HISTORY if shallow else "the two branches have no commit in common: name the one to merge into"
        raise SettingsError(f"where HEAD left {ref!r} cannot be told", hint=hint, option="base")
    return Base(ref, commit, fork.decode().strip())


@contextmanager
def checked_out(directory: Path, commit: str) -> Iterator[Path]:
    """A temporary folder with the declarations that ``commit`` has at ``directory``: plain files only, no links, and no hooks
    or filters of the repository run. Raises `SettingsError` where git cannot give them."""
    with tempfile.TemporaryDirectory(prefix="headrace-base-") as name:
        folder = Path(name)
        blobs = list(_blobs(directory, commit))
        for (path, _), content in zip(blobs, _contents(directory, [id_ for _, id_ in blobs]), strict=True):
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        yield folder


def _blobs(directory: Path, commit: str) -> Iterator[tuple[str, str]]:
    """Path, relative to ``directory``, and id of each file of the declarations."""
    listing = _run(directory, "ls-tree", "-r", "-z", commit, "--", *_READ)
    if listing is None:
        raise SettingsError(f"git cannot list the files of {commit}", hint=_MORE_HISTORY, option="base")
    for entry in listing.decode("utf-8", "surrogateescape").split("\0"):
        about, _, path = entry.partition("\t")
        if (
            about.startswith("100") and ".." not in PurePosixPath(path).parts
        ):  # a regular file; links are no declarations
            yield path, about.split()[2]


def _contents(directory: Path, ids: list[str]) -> Iterator[bytes]:
    answer = _run(directory, "cat-file", "--batch", given="".join(f"{id_}\n" for id_ in ids).encode())
    place = 0
    for id_ in ids:
        head, _, _ = (answer or b"")[place:].partition(b"\n")
        words = head.split()
        if len(words) != 3:
            raise SettingsError(f"git does not have the content {id_}", hint=_MORE_HISTORY, option="base")
        start, size = place + len(head) + 1, int(words[2])
        yield (answer or b"")[start : start + size]
        place = start + size + 1


def _run(directory: Path, *arguments: str, given: bytes = b"") -> bytes | None:
    """What git prints; None where it fails. Raises `SettingsError` where there is no git, or it does not end."""
    try:
        done = subprocess.run(  # noqa: S603 - no shell; a ref that begins with "-" stands behind --end-of-options
            ["git", "--no-optional-locks", "-C", str(directory), *arguments],  # noqa: S607 - the user's own git
            input=given,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError as error:
        raise SettingsError(
            "there is no git command", hint="install git, or leave --base out", option="base"
        ) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SettingsError(f"git does not answer: {error}", option="base") from error
    return done.stdout if done.returncode == 0 else None
