"""The local Kafka itself: three nodes outlive one, a secure one refuses, a kept one comes back, all end with their program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from headrace.adapters.kafka_broker import KafkaBroker
from headrace.errors import AccessDenied, BrokerError, BrokerUnavailable, SettingsError
from headrace.interfaces.broker import OffsetAt, TopicSpec
from headrace.local.kafka_server import KafkaServer
from headrace.model.record import Record
from headrace.testing.fault_proxy import FaultProxy

pytestmark = pytest.mark.kafka


def _read(broker: KafkaBroker, topic: str, count: int) -> list[bytes | None]:
    reader = broker.reader()
    reader.assign({topic: OffsetAt.EARLIEST})
    values: list[bytes | None] = []
    deadline = time.monotonic() + 60
    while len(values) < count:
        assert time.monotonic() < deadline, f"only {len(values)} of {count} came"
        values += [record.value for fetched in reader.poll(0.2) for record in fetched.records]
    reader.close()
    return values


def test_three_nodes_survive_the_kill_of_one(kafka_cluster: KafkaServer, unique: str) -> None:
    """With one node killed, what was acknowledged is read and more is written; the node comes back under its number."""
    broker = KafkaBroker(kafka_cluster.bootstrap)
    assert len(broker.admin.nodes()) == 3
    assert broker.admin.create_topics([TopicSpec(unique)]) == {unique: None}
    writer = broker.writer()
    for number in range(50):
        writer.publish(unique, Record(None, b"%d" % number)).result(60)
    kafka_cluster.kill(2)
    assert sorted(kafka_cluster.pids) == [1, 3]
    for number in range(50, 100):
        writer.publish(unique, Record(None, b"%d" % number)).result(60)
    assert _read(broker, unique, 100) == [b"%d" % number for number in range(100)]
    kafka_cluster.start_node(2)
    assert sorted(kafka_cluster.pids) == [1, 2, 3]
    broker.close()


def test_a_secure_node_refuses_who_is_unknown_and_what_is_not_permitted(secure_kafka: KafkaServer, unique: str) -> None:
    """No sign-in and a wrong password get nothing; a user without a rule signs in and may not write; the admin may."""
    admin = KafkaBroker(secure_kafka.bootstrap, properties=secure_kafka.admin_properties)
    assert admin.admin.create_topics([TopicSpec(unique)]) == {unique: None}
    admin.writer().publish(unique, Record(None, b"x")).result(30)
    user = secure_kafka.add_user(unique)
    for properties in ({}, {**user, "sasl.password": "guessed"}, {**user, "sasl.username": "nobody"}):
        stranger = KafkaBroker(secure_kafka.bootstrap, properties={**properties, "socket.timeout.ms": "3000"})
        with pytest.raises(BrokerError):
            stranger.admin.cluster_id()
        stranger.close()
    known = KafkaBroker(secure_kafka.bootstrap, properties=user)
    assert known.admin.cluster_id() == secure_kafka.cluster_id
    with pytest.raises(AccessDenied):
        known.writer().publish(unique, Record(None, b"y")).result(30)
    known.close()
    admin.close()


def test_a_user_s_new_password_replaces_the_old_one(secure_kafka: KafkaServer, unique: str) -> None:
    """Made again, a user signs in with the new password and no longer with the old one."""
    old, new = secure_kafka.add_user(unique), secure_kafka.add_user(unique)
    refused = KafkaBroker(secure_kafka.bootstrap, properties={**old, "socket.timeout.ms": "3000"})
    with pytest.raises(BrokerError):
        refused.admin.cluster_id()
    refused.close()
    broker = KafkaBroker(secure_kafka.bootstrap, properties=new)
    assert broker.admin.cluster_id() == secure_kafka.cluster_id
    broker.close()


def test_no_secret_stands_where_others_can_read_it(secure_kafka: KafkaServer) -> None:
    """Every file with a password is its owner's alone, and no process of the node has one among its arguments."""
    password = secure_kafka.admin_properties["sasl.password"]
    holding = [
        file
        for file in secure_kafka.folder.rglob("*")
        if file.is_file() and "data" not in file.parts and password in file.read_text(errors="replace")
    ]
    assert [file.name for file in holding] == ["admin.password"]
    assert all(file.stat().st_mode & 0o077 == 0 for file in holding)
    assert secure_kafka.folder.stat().st_mode & 0o077 == 0
    arguments = Path(f"/proc/{secure_kafka.pids[1]}/cmdline").read_bytes()
    assert password.encode() not in arguments


def test_an_open_cluster_has_no_users(kafka_server: KafkaServer) -> None:
    """Asking an open cluster for a user is a settings error, not a user whom nobody checks."""
    with pytest.raises(SettingsError):
        kafka_server.add_user("plan")


def test_a_kept_folder_starts_again_and_a_proxy_s_port_is_what_clients_are_told(tmp_path: Path, unique: str) -> None:
    """The second start finds the first one's data on the same ports; with a proxy's port advertised, clients go through it."""
    folder = tmp_path / "kept"
    with KafkaServer(folder=folder) as first:
        broker = KafkaBroker(first.bootstrap)
        broker.admin.create_topics([TopicSpec(unique)])
        broker.writer().publish(unique, Record(None, b"kept")).result(30)
        broker.close()
    with FaultProxy() as proxy, KafkaServer(folder=folder, advertised={1: proxy.port}) as second:
        assert (second.cluster_id, second.client_ports) == (first.cluster_id, first.client_ports)
        proxy.target_port = second.client_ports[0]
        assert second.bootstrap == f"127.0.0.1:{proxy.port}"
        broker = KafkaBroker(second.bootstrap)
        assert _read(broker, unique, 1) == [b"kept"]
        broker.close()
        assert proxy.traffic.connections > 0
        with pytest.raises(BrokerUnavailable, match="taken by another program"):
            KafkaServer(folder=folder).start()
    assert (folder / "node1" / "data").is_dir()


PROGRAM = """
import sys
from headrace.local.kafka_server import KafkaServer
server = KafkaServer().start()
print(server.pids[1], server.folder, flush=True)
sys.stdin.read()
"""


def test_a_node_ends_with_the_program_that_started_it() -> None:
    """kill -9 of the program ends its node and removes the folder."""
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert program.stdout is not None and program.stdin is not None
    pid, folder = program.stdout.readline().split()
    os.kill(program.pid, signal.SIGKILL)
    program.wait(10)
    program.stdin.close()
    program.stdout.close()
    deadline = time.monotonic() + 30
    while (Path(f"/proc/{pid}").exists() or Path(folder).exists()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()
    assert not Path(folder).exists()
