"""The settings of a local Kafka's nodes, each with its reason: for tests and development, never for production."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from headrace.local.kafka_layout import ClusterLayout
from headrace.local.ports import LOOPBACK

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

THREE_NODES: Mapping[str, str] = {
    # Everything has three copies, and a write is acknowledged when two have it: the loss of any one node loses nothing
    # and stops nobody.
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "3",
    "share.coordinator.state.topic.min.isr": "2",
}
"""What three nodes have over `QUICK`."""


def node_settings(
    layout: ClusterLayout, node: int, data: Path, advertised: Mapping[int, int], security: Mapping[str, str]
) -> dict[str, str]:
    """The settings of node ``node`` (1...), without those that the caller adds. ``advertised``: node to the port that its
    clients are told; ``security``: what a secure cluster adds."""
    # Clients, brokers among themselves and controllers talk on listeners of their own, so that the first can be
    # secured, or led through a proxy, without the others.
    ports = layout.ports[node - 1]
    told = advertised.get(node, ports.client)
    protocol = "SASL_PLAINTEXT" if layout.secure else "PLAINTEXT"
    return {
        "process.roles": "broker,controller",
        "node.id": str(node),
        "controller.quorum.voters": ",".join(f"{n}@{LOOPBACK}:{p.controller}" for n, p in enumerate(layout.ports, 1)),
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "INTERNAL",
        "listeners": f"CLIENT://{LOOPBACK}:{ports.client},INTERNAL://{LOOPBACK}:{ports.internal},"
        f"CONTROLLER://{LOOPBACK}:{ports.controller}",
        "advertised.listeners": f"CLIENT://{LOOPBACK}:{told},INTERNAL://{LOOPBACK}:{ports.internal}",
        "listener.security.protocol.map": f"CLIENT:{protocol},INTERNAL:{protocol},CONTROLLER:{protocol}",
        "log.dirs": str(data),
        **QUICK,
        **(THREE_NODES if layout.nodes > 1 else {}),
        **security,
    }
