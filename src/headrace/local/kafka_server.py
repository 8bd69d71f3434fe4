"""A local Apache Kafka on loopback: one or three KRaft nodes that are broker and controller each.

    with KafkaServer() as kafka:
        broker = KafkaBroker(kafka.bootstrap)

It answers in about three seconds, on free ports, and is gone with its folder when the context ends, or when this process
does, however it ends (`leash`). With ``folder=`` its data stay, and it starts again with them on the same ports. With
``secure=True`` clients sign in and may do what access rules permit.

Its jars are brought by `headrace.local.fetch`. From the command line: `headrace dev up`.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType

from confluent_kafka.admin import AdminClient

from headrace.errors import BrokerUnavailable, SettingsError
from headrace.local import java_runtime
from headrace.local import kafka_security as security
from headrace.local.fetch import FILES, KAFKA, folder_of
from headrace.local.kafka_layout import layout_in
from headrace.local.kafka_node import KafkaNode
from headrace.local.kafka_ready import quiet_admin, wait_until_ready
from headrace.local.kafka_settings import QUICK, node_settings
from headrace.local.ports import LOOPBACK, is_free

__all__ = ["QUICK", "KafkaServer"]


class KafkaServer:
    """A cluster of one node, or three.

    ``nodes``: 1, or 3 with three copies of everything, of which a write needs two. ``secure``: SASL/SCRAM-SHA-512 for
    clients, and nothing is permitted that no access rule permits. ``settings``: broker settings over those of
    `kafka_settings`. ``heap_mb``: each node's Java heap. ``quick_start``: compile with C1 only, which starts faster on few
    cores and runs slower; switch it off to measure. ``folder``: keep data, ports and passwords there (None: a temporary
    folder, which `stop` removes). ``advertised``: the ports that clients are told instead of a node's own, such as those
    of proxies in front of them.

    Raises `SettingsError` when jars or Java are missing or the folder holds a cluster of another kind, `BrokerUnavailable`
    with the end of the log when it does not come up."""

    def __init__(
        self,
        *,
        nodes: int = 1,
        secure: bool = False,
        settings: Mapping[str, str] | None = None,
        heap_mb: int = 512,
        quick_start: bool = True,
        folder: Path | None = None,
        advertised: Mapping[int, int] | None = None,
    ) -> None:
        self._libs = folder_of(KAFKA)
        self._java = java_runtime.java(java_runtime.FOR_KAFKA)
        self._heap_mb = heap_mb
        self._quick_start = quick_start
        self._settings = dict(settings or {})
        self._advertised = dict(advertised or {})
        self._kept = folder is not None
        if folder is None:
            folder = Path(tempfile.mkdtemp(prefix="headrace-kafka-"))
        self.folder = folder.absolute()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._layout = layout_in(self.folder, nodes, secure)
        except SettingsError:
            self._remove()
            raise
        self.cluster_id = self._layout.cluster_id
        self.client_ports = tuple(ports.client for ports in self._layout.ports)
        """Each node's own port for clients, whatever is advertised."""
        doomed = None if self._kept else self.folder
        self._nodes = {
            number: KafkaNode(number, self.folder / f"node{number}", self._command, doomed)
            for number in range(1, nodes + 1)
        }
        self.admin_properties: Mapping[str, str] = MappingProxyType({})
        """librdkafka's properties of the administrator; empty when the cluster is not secure."""
        self._internal: Mapping[str, str] = MappingProxyType({})
        self._security: dict[str, str] = {}
        if secure:
            among_nodes = security.password_in(self.folder, security.NODES)
            self._security = security.node_security(among_nodes)
            self._internal = security.sign_in(security.NODES, among_nodes, "PLAIN")
            self.admin_properties = security.sign_in(security.ADMIN, security.password_in(self.folder, security.ADMIN))

    @property
    def nodes(self) -> int:
        """How many nodes it has, whether they run or not."""
        return len(self._nodes)

    @property
    def bootstrap(self) -> str:
        """The address of all nodes, as clients are told it."""
        ports = (self._advertised.get(number, port) for number, port in enumerate(self.client_ports, 1))
        return ",".join(f"{LOOPBACK}:{port}" for port in ports)

    @property
    def pids(self) -> Mapping[int, int]:
        """The process ids of the nodes that run."""
        return {number: node.pid for number, node in self._nodes.items() if node.pid is not None}

    def data_folder(self, node: int = 1) -> Path:
        """Where a node keeps its logs: a folder for each partition, ``{topic}-0``."""
        return self._nodes[node].data

    def _command(self, heap_mb: int, main_class: str, *arguments: str) -> list[str]:
        quick = ["-XX:TieredStopAtLevel=1"] if self._quick_start else []
        return [
            self._java,
            f"-Xmx{heap_mb}m",
            "-XX:+UseSerialGC",
            "-XX:-UsePerfData",
            *quick,
            f"-Dlog4j2.configurationFile={FILES / 'log4j2.properties'}",
            "-cp",
            str(self._libs / "*"),
            main_class,
            *arguments,
        ]

    def start(self, timeout: float = 120) -> KafkaServer:
        """Format what is new, start every node that does not run, return when the admin API answers with all of them
        (``timeout``: seconds). After `kill` or `halt`: the same nodes again, on the same ports, with their data."""
        waiting = [node for node in self._nodes.values() if not node.running]
        if not waiting:
            return self
        try:
            self._start(waiting, timeout)
        except BaseException:
            self.stop()
            raise
        return self

    def start_node(self, node: int, timeout: float = 120) -> None:
        """Start one node again after `kill` or `halt`, and return when it has joined the cluster."""
        if not self._nodes[node].running:
            self._start([self._nodes[node]], timeout)

    def _start(self, nodes: Sequence[KafkaNode], timeout: float) -> None:
        deadline = time.monotonic() + timeout
        for node in nodes:
            for port in (ports := self._layout.ports[node.number - 1]).client, ports.internal, ports.controller:
                if not is_free(port):
                    raise BrokerUnavailable(f"port {port} of node {node.number} is taken by another program")
            told = node_settings(self._layout, node.number, node.data, self._advertised, self._security)
            node.configure({**told, **self._settings})
        self._format([node for node in nodes if not node.formatted])
        for node in nodes:
            node.start(self._heap_mb)

        def check() -> None:
            for node in nodes:
                if not node.running:
                    raise BrokerUnavailable(f"Kafka ended while starting; its log ends:\n{node.log_tail()}")

        expected = {node.number: self.client_ports[node.number - 1] for node in nodes}
        if not wait_until_ready(self._admin(), self.cluster_id, expected, check, deadline):
            tails = "\n".join(node.log_tail() for node in nodes)
            raise BrokerUnavailable(f"Kafka did not come up in time; its log ends:\n{tails}")

    def _format(self, nodes: Sequence[KafkaNode]) -> None:
        scram = None
        if self._layout.secure:
            scram = security.scram_argument(security.password_in(self.folder, security.ADMIN))
        tools = [(node, node.format(self.cluster_id, scram)) for node in nodes]
        for node, tool in tools:
            node.formatting_ended(tool)

    def _admin(self) -> AdminClient:
        """A new client of the nodes' own listeners, which no proxy is in front of. It has not heard of nodes that are gone."""
        addresses = ",".join(f"{LOOPBACK}:{ports.internal}" for ports in self._layout.ports)
        return quiet_admin(addresses, self._internal)

    def add_user(self, name: str) -> Mapping[str, str]:
        """Make a user while the cluster runs, or give one a new password; its librdkafka properties. It may do nothing
        until an access rule permits it. Raises `SettingsError` where the cluster is not secure or the name is its own."""
        if not self._layout.secure:
            raise SettingsError("a cluster that is not secure has no users")
        properties = security.sign_in(name, security.make_user(self._admin, name, time.monotonic() + 60))
        running = {
            f"node {number}": f"{LOOPBACK}:{self.client_ports[number - 1]}"
            for number, node in self._nodes.items()
            if node.running
        }
        security.wait_until_known(running, properties, time.monotonic() + 60)
        return properties

    def log_tail(self, lines: int = 30, node: int = 1) -> str:
        """The last lines that a node wrote."""
        return self._nodes[node].log_tail(lines)

    def kill(self, node: int = 1) -> None:
        """End a node with SIGKILL; its folder stays for `start`."""
        self._nodes[node].end(signal.SIGKILL)

    def halt(self, node: int = 1) -> None:
        """End a node in its own way (SIGTERM: a controlled shutdown); its folder stays for `start`."""
        self._nodes[node].end(signal.SIGTERM)

    def stop(self) -> None:
        """End all nodes; a temporary folder is removed. Again: nothing."""
        for node in self._nodes.values():
            if not self._kept:
                node.end(signal.SIGKILL)  # what it would write on its way out is removed anyway
            elif len(self.pids) == 1 < len(self._nodes):
                # The last of three has no quorum to sign off from, and would wait for one in vain.
                node.end(signal.SIGTERM, timeout=1)
            else:
                node.end(signal.SIGTERM, timeout=15)
        self._remove()

    def _remove(self) -> None:
        if not self._kept:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> KafkaServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
