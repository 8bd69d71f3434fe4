"""What a local cluster keeps of itself in its folder, so that it can be started again: id, ports, kind."""

from __future__ import annotations

import base64
import uuid
from pathlib import Path

import msgspec

from headrace.errors import SettingsError
from headrace.local.ports import free_ports
from headrace.local.private_files import write_private

FILE = "cluster.json"
SIZES = (1, 3)


class NodePorts(msgspec.Struct, frozen=True):
    """The ports of one node: its clients', the other brokers', the controllers'."""

    client: int
    internal: int
    controller: int


class ClusterLayout(msgspec.Struct, frozen=True):
    """A cluster: node n has ``ports[n - 1]``. ``secure``: clients sign in, and may do what access rules permit."""

    cluster_id: str
    secure: bool
    ports: tuple[NodePorts, ...]

    @property
    def nodes(self) -> int:
        return len(self.ports)


def layout_in(folder: Path, nodes: int, secure: bool) -> ClusterLayout:
    """The layout that the folder holds, or a new one, written there. Raises `SettingsError` where the folder holds a
    cluster of another kind, or ``nodes`` is neither 1 nor 3."""
    if nodes not in SIZES:
        raise SettingsError(f"a local Kafka has 1 node or 3, not {nodes}")
    path = folder / FILE
    try:
        found = msgspec.json.decode(path.read_bytes(), type=ClusterLayout)
    except FileNotFoundError:
        layout = _new(nodes, secure)
        write_private(path, msgspec.json.format(msgspec.json.encode(layout)).decode())
        return layout
    except msgspec.DecodeError as error:
        raise SettingsError(f"{path} is not what a local Kafka keeps of itself: {error}") from error
    if (found.nodes, found.secure) != (nodes, secure):
        raise SettingsError(
            f"{folder} holds a cluster of {_kind(found.nodes, found.secure)}, not of {_kind(nodes, secure)}",
            hint="name another folder, or remove this one",
        )
    return found


def _new(nodes: int, secure: bool) -> ClusterLayout:
    # Kafka's own form (Uuid.toString); a leading '-' would be read as an option by the storage tool.
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A", 1)
    ports = free_ports(3 * nodes)
    return ClusterLayout(cluster_id, secure, tuple(NodePorts(*ports[3 * n : 3 * n + 3]) for n in range(nodes)))


def _kind(nodes: int, secure: bool) -> str:
    return f"{nodes} {'secure ' if secure else ''}{'node' if nodes == 1 else 'nodes'}"
