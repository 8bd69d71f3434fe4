"""Starting and ending a development set-up: clusters and registries that live on in the background.

`up` starts a keeper (`dev_keeper`) for a folder, or asks the one that is there; `down` ends it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from headrace.errors import BrokerUnavailable, SettingsError
from headrace.local import dev_state
from headrace.local.dev_keeper import OTHER_KEEPER
from headrace.local.dev_settings import exports, regions_block, shell
from headrace.local.dev_state import Request, State, keeper_lives, read_state, write_request
from headrace.local.fetch import KAFKA, REGISTRY, Part, fetch, folder_of
from headrace.local.leashed import log_tail
from headrace.local.private_files import write_private
from headrace.model.names import identifier_problem

UP_S = 300.0
"""How long everything may take to come up: two clusters of three nodes on a busy machine."""

DOWN_S = 120.0

REGIONS_FILE = "regions.yaml"


def up(folder: Path, request: Request, say: Callable[[str], object]) -> State:
    """Start what is asked for, or what of it does not run; return when all of it answers. ``say`` is told each step.

    Raises `SettingsError` where something is missing, or the folder holds a set-up of another kind, and
    `BrokerUnavailable` with the end of a log where a part does not come up."""
    _check(request)
    folder = folder.absolute()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # What is in here is this machine's alone.
    (folder / ".gitignore").write_text("*\n")
    state = read_state(folder)
    keeper = None
    if state is not None:
        _same_kind(folder, state.request, request)
    if keeper_lives(folder) and state is not None:
        write_request(folder, request)
        os.kill(state.pid, signal.SIGUSR1)
    else:
        for part in (KAFKA, REGISTRY) if request.registry == "apicurio" else (KAFKA,):
            _bring(part, say)
        write_request(folder, request)
        keeper = _start_keeper(folder)
    state = _wait(folder, keeper, state.done if state is not None else 0, say)
    for id_, region in state.regions.items():
        write_private(folder / f"{id_}.env", shell(exports(id_, region)))
    write_private(folder / REGIONS_FILE, regions_block(state.regions))
    return state


def last_request(folder: Path) -> Request:
    """What the folder runs, or keeps the data of; the usual where it is new."""
    state = read_state(folder)
    return Request() if state is None else state.request


def down(folder: Path, *, keep: bool = False) -> bool:
    """Stop everything that `up` started in the folder, and remove what it made there unless ``keep``; whether something
    ran. Raises `BrokerUnavailable` where it does not end."""
    folder = folder.absolute()
    state = read_state(folder)
    ran = keeper_lives(folder)
    if ran and state is not None:
        os.kill(state.pid, signal.SIGTERM)
        deadline = time.monotonic() + DOWN_S
        while keeper_lives(folder):
            if time.monotonic() > deadline:
                raise BrokerUnavailable(f"the keeper of {folder}, process {state.pid}, does not end")
            time.sleep(0.05)
    if state is not None and not keep:
        _remove(folder, state.request)
    return ran


def _check(request: Request) -> None:
    for region in request.regions:
        if problem := identifier_problem(region):
            raise SettingsError(f"the region {region!r} {problem}", option="regions")
    if not request.regions or len(set(request.regions)) != len(request.regions):
        raise SettingsError("name each region once", hint="--regions eu,us", option="regions")
    if request.users and not request.secure:
        raise SettingsError("users are for secure clusters", hint="add --secure", option="user")
    for user in request.users:
        if problem := identifier_problem(user):
            raise SettingsError(f"the user {user!r} {problem}", option="user")


def _bring(part: Part, say: Callable[[str], object]) -> None:
    try:
        folder_of(part)
    except SettingsError:
        fetch(part, say)


def _same_kind(folder: Path, holds: Request, wanted: Request) -> None:
    if msgspec.structs.replace(holds, users=wanted.users) != wanted:
        raise SettingsError(
            f"{folder} holds {holds}; asked for is {wanted}",
            hint="run `headrace dev down` first, or name another --folder",
        )


def _start_keeper(folder: Path) -> subprocess.Popen[bytes]:
    with (folder / dev_state.LOG).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "headrace.local.dev_keeper", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,  # not whatever folder, with a headrace.toml of its own, it was started from
            start_new_session=True,  # it lives on when this terminal closes
        )


def _wait(folder: Path, keeper: subprocess.Popen[bytes] | None, before: int, say: Callable[[str], object]) -> State:
    deadline = time.monotonic() + UP_S
    told = 0
    while time.monotonic() < deadline:
        ended = keeper is not None and keeper.poll() is not None
        lives = keeper_lives(folder) if keeper is None else not ended
        state = read_state(folder)
        if state is not None and (keeper is None or state.pid == keeper.pid):
            if state.begun > before:
                for step in state.steps[told:]:
                    say(step)
                told = len(state.steps)
            if state.done > before:
                if state.failure is not None:
                    kind = SettingsError if state.failure.code == SettingsError.code else BrokerUnavailable
                    raise kind(state.failure.message, hint=state.failure.hint)
                return state
        if keeper is not None and keeper.poll() == OTHER_KEEPER:
            raise BrokerUnavailable(f"another `headrace dev up` is starting {folder}", hint="try again in a moment")
        if not lives:
            raise BrokerUnavailable(
                f"the keeper of {folder} has ended; its log ends:\n{log_tail(folder / dev_state.LOG)}"
            )
        time.sleep(0.05)
    raise BrokerUnavailable(f"not everything came up within {UP_S:.0f} s; see {folder / dev_state.LOG}")


def _remove(folder: Path, request: Request) -> None:
    """Only what was made here: the folder may be anybody's."""
    for region in request.regions:
        shutil.rmtree(folder / region, ignore_errors=True)
        (folder / f"{region}.env").unlink(missing_ok=True)
    for name in (dev_state.STATE, dev_state.REQUEST, dev_state.LOG, dev_state.LOCK, REGIONS_FILE, ".gitignore"):
        (folder / name).unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()
