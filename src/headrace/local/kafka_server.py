"""A throw-away Apache Kafka on loopback: one KRaft node that is broker and controller, in a temporary folder.

    with KafkaServer() as kafka:
        broker = KafkaBroker(kafka.bootstrap)

It answers in about three seconds, on free ports, and is gone with its folder when the context ends, or when this process
does, however it ends (`kafka_leash`). ``python -m headrace.local.kafka_server fetch`` brings the jars it runs on;
``... run`` starts one by hand, prints its address and ends with Ctrl-C.
"""

from __future__ import annotations

import argparse
import base64
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from headrace.errors import BrokerUnavailable, HeadraceError, SettingsError
from headrace.local.kafka_libs import TOOLS, fetch, java, libs_folder

LOG = logging.getLogger(__name__)

QUICK: Mapping[str, str] = {
    # The client tells a mistake at once; it never makes a topic by it.
    "auto.create.topics.enable": "false",
    # Time is the log's everywhere (the default is the producer's).
    "log.message.timestamp.type": "LogAppendTime",
    "num.partitions": "1",
    # One node: each internal topic has one copy (defaults: 3), and few partitions, which are made at first use.
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # Groups settle, and notice a dead member, in seconds. In the consumer protocol the broker says how often members
    # report and when they count as dead (45 s by default), and nothing below its minimum can be asked for.
    "group.initial.rebalance.delay.ms": "0",
    "group.consumer.min.heartbeat.interval.ms": "200",
    "group.consumer.heartbeat.interval.ms": "500",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.session.timeout.ms": "6000",
    "group.min.session.timeout.ms": "1000",
    # After a kill -9 the node may not come back before the controller has given up its former life (9 s by default).
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "4000",
    # Retention and compaction happen soon after they are due (defaults: 5 minutes, 15 seconds).
    "log.retention.check.interval.ms": "500",
    "log.segment.delete.delay.ms": "1000",
    "log.cleaner.backoff.ms": "200",
    "log.cleaner.dedupe.buffer.size": "8388608",
    "log.initial.task.delay.ms": "500",
    # Two cores, one user.
    "num.network.threads": "2",
    "num.io.threads": "4",
}
"""Broker settings of a server for tests, over Kafka's defaults."""


class KafkaServer:
    """One node. ``settings``: broker settings over `QUICK`. ``heap_mb``: the Java heap. ``quick_start``: compile with C1
    only, which starts faster on few cores and runs slower; switch it off to measure. Raises `SettingsError` when jars or
    Java are missing, `BrokerUnavailable` with the end of the log when it does not come up."""

    def __init__(
        self, *, settings: Mapping[str, str] | None = None, heap_mb: int = 512, quick_start: bool = True
    ) -> None:
        self._libs = libs_folder()
        self._java = java()
        self._heap_mb = heap_mb
        self._quick_start = quick_start
        self._settings = dict(settings or {})
        self._leash: subprocess.Popen[str] | None = None
        self._pid = 0
        client, internal, controller = _free_ports(3)
        self.bootstrap = f"127.0.0.1:{client}"
        # Kafka's own form (Uuid.toString); a leading '-' would be read as an option by the storage tool.
        self.cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A", 1)
        self.folder = Path(tempfile.mkdtemp(prefix="headrace-kafka-"))
        self._log = self.folder / "node.log"
        self._properties = self.folder / "server.properties"
        self._write_properties(client, internal, controller)

    def _write_properties(self, client: int, internal: int, controller: int) -> None:
        # Clients, brokers among themselves and controllers talk on listeners of their own, so that the first can be
        # secured, or led through a proxy, without the others.
        lines = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "INTERNAL",
            "listeners": f"CLIENT://127.0.0.1:{client},INTERNAL://127.0.0.1:{internal},"
            f"CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"CLIENT://127.0.0.1:{client},INTERNAL://127.0.0.1:{internal}",
            "listener.security.protocol.map": "CLIENT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(self.folder / "data"),
            **QUICK,
            **self._settings,
        }
        self._properties.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
        self._properties.chmod(0o600)

    def _command(self, heap_mb: int, main_class: str, *arguments: str) -> list[str]:
        quick = ["-XX:TieredStopAtLevel=1"] if self._quick_start else []
        logging_settings = TOOLS / "log4j2.properties"
        return [
            self._java,
            f"-Xmx{heap_mb}m",
            "-XX:+UseSerialGC",
            "-XX:-UsePerfData",
            *quick,
            *([f"-Dlog4j2.configurationFile={logging_settings}"] if logging_settings.is_file() else []),
            "-cp",
            str(self._libs / "*"),
            main_class,
            *arguments,
        ]

    def start(self, timeout: float = 60) -> KafkaServer:
        """Format the folder where it is new, start the node, return when its admin API answers (``timeout``: seconds).
        After `kill` or `halt`: the same node again, on the same ports, with its data."""
        if self._leash is not None:
            return self
        if not (self.folder / "data" / "meta.properties").is_file():
            self._format()
        self._start_node()
        try:
            self._wait_until_ready(time.monotonic() + timeout)
        except BaseException:
            self.stop()
            raise
        return self

    def _format(self) -> None:
        command = self._command(128, "kafka.tools.StorageTool", "format")
        done = subprocess.run(
            [*command, "--cluster-id", self.cluster_id, "--config", str(self._properties)],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise BrokerUnavailable(f"Kafka's storage tool ended with {done.returncode}:\n{done.stdout}{done.stderr}")

    def _start_node(self) -> None:
        command = self._command(self._heap_mb, "kafka.Kafka", str(self._properties))
        leash = Path(__file__).with_name("kafka_leash.py")
        with self._log.open("ab") as log:
            self._leash = subprocess.Popen(
                [sys.executable, "-I", str(leash), str(self.folder), "15", *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # a Ctrl-C in the terminal is for the program, which then stops the node
            )
        assert self._leash.stdout is not None
        self._pid = int(self._leash.stdout.readline() or 0)

    def _wait_until_ready(self, deadline: float) -> None:
        # A port that accepts is not enough: the node must know itself as a broker of the right cluster.
        silent = logging.Logger("headrace.local.kafka_server.probe", level=logging.CRITICAL + 1)
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "reconnect.backoff.max.ms": 100}, logger=silent)
        while time.monotonic() < deadline:
            if self._leash is None or self._leash.poll() is not None:
                raise BrokerUnavailable(f"Kafka ended while starting; its log ends:\n{self.log_tail()}")
            try:
                found = admin.describe_cluster(request_timeout=1).result()
            except KafkaException as error:
                LOG.debug("not yet: %s", error)
                time.sleep(0.05)
                continue
            if found.nodes and found.cluster_id == self.cluster_id:
                return
            time.sleep(0.05)
        raise BrokerUnavailable(f"Kafka did not come up in time; its log ends:\n{self.log_tail()}")

    def log_tail(self, lines: int = 30) -> str:
        """The last lines that the node wrote."""
        try:
            return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return "(no log)"

    def kill(self) -> None:
        """End the node with SIGKILL; its folder stays for `start`."""
        self._signal(signal.SIGKILL)

    def halt(self) -> None:
        """End the node in its own way (SIGTERM: a controlled shutdown); its folder stays for `start`."""
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        leash, self._leash = self._leash, None
        if leash is None:
            return
        if leash.poll() is None and self._pid:
            os.kill(self._pid, number)
        try:
            leash.wait(30)
        except subprocess.TimeoutExpired:
            os.kill(self._pid, signal.SIGKILL)
            leash.wait()
        _close_pipes(leash)

    def stop(self) -> None:
        """End the node and remove its folder. Again: nothing."""
        leash, self._leash = self._leash, None
        if leash is not None:
            _close_pipes(leash)  # the leash sees its input end
            leash.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> KafkaServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _close_pipes(leash: subprocess.Popen[str]) -> None:
    for pipe in (leash.stdin, leash.stdout):
        if pipe is not None:
            pipe.close()


def _free_ports(count: int) -> list[int]:
    """Ports that are free now; held together, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """``fetch`` or ``run``; 0, or 1 with the error on standard error."""
    parser = argparse.ArgumentParser(prog="python -m headrace.local.kafka_server", description="A local Apache Kafka")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("fetch", help="bring the jars, unless they are there")
    commands.add_parser("run", help="start a node, print its address, run until Ctrl-C or the end of standard input")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "fetch":
            fetch(_say)
        else:
            with KafkaServer() as kafka:
                _say(kafka.bootstrap)
                sys.stdin.read()
    except KeyboardInterrupt:
        return 0
    except HeadraceError as error:
        kind = "" if isinstance(error, SettingsError) else f"{error.code}: "
        sys.stderr.write(f"{kind}{error}\n")
        return 1
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
