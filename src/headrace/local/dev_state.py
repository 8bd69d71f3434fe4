"""What `headrace dev up` leaves in its folder: what was asked for, what runs, and whether its keeper lives.

The keeper holds a lock on a file of the folder as long as it lives, so that its process id is never taken for another's.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TypeVar

import msgspec

from headrace.errors import SettingsError
from headrace.local.private_files import write_private

T = TypeVar("T")

STATE, REQUEST, LOCK, LOG = "state.json", "request.json", "keeper.lock", "keeper.log"
FOLDER = Path(".headrace-dev")
"""Where nothing else is said."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for. ``registry``: ``headrace`` or ``apicurio``; ``users``: to be made on secure clusters."""

    nodes: int = 1
    regions: tuple[str, ...] = ("eu",)
    secure: bool = False
    registry: str = "headrace"
    users: tuple[str, ...] = ()

    def __str__(self) -> str:
        kind = f"{self.nodes} {'secure ' if self.secure else ''}{'node' if self.nodes == 1 else 'nodes'}"
        return f"{kind} in {', '.join(self.regions)}, with the registry {self.registry}"


class RunningRegion(msgspec.Struct, frozen=True, kw_only=True):
    """One region's parts. ``admin``: librdkafka's properties of the administrator, its password by reference; empty when
    the cluster is not secure. ``users``: the file of each user's properties. Process ids by part."""

    bootstrap: str
    cluster_id: str
    registry: str
    admin: dict[str, str] = {}
    users: dict[str, str] = {}
    pids: dict[str, int] = {}


class Failure(msgspec.Struct, frozen=True):
    """Why the keeper could not do what was asked."""

    code: str
    message: str
    hint: str | None = None


class State(msgspec.Struct, frozen=True, kw_only=True):
    """``begun`` and ``done``: how often the keeper has begun to do what is asked, and has ended doing it. ``steps``: what it
    has done since it began last."""

    pid: int
    request: Request
    begun: int = 0
    done: int = 0
    regions: dict[str, RunningRegion] = {}
    steps: tuple[str, ...] = ()
    failure: Failure | None = None


def read_state(folder: Path) -> State | None:
    """What the keeper wrote last; None where there never was one."""
    return _read(folder / STATE, State)


def write_state(folder: Path, state: State) -> None:
    write_private(folder / STATE, _text(state))


def read_request(folder: Path) -> Request | None:
    """What was asked for last."""
    return _read(folder / REQUEST, Request)


def write_request(folder: Path, request: Request) -> None:
    write_private(folder / REQUEST, _text(request))


def keeper_lives(folder: Path) -> bool:
    """Whether a keeper holds the folder."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def hold(folder: Path) -> int | None:
    """Take the folder for as long as the descriptor is open; None where another keeper has it."""
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _text(value: State | Request) -> str:
    return msgspec.json.format(msgspec.json.encode(value)).decode() + "\n"


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise SettingsError(
            f"{path} is not what `headrace dev up` writes: {error}", hint="remove the folder, or name another"
        ) from error
