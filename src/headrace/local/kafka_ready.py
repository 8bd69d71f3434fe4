"""When a local cluster is ready: its nodes answer, and its admin API knows them all."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from headrace.local.ports import accepts

LOG = logging.getLogger(__name__)


def quiet_admin(bootstrap: str, properties: Mapping[str, str]) -> AdminClient:
    """An admin client that says nothing of connections that fail: they are expected here."""
    silent = logging.Logger("headrace.local.kafka.probe", level=logging.CRITICAL + 1)
    return AdminClient(
        {"bootstrap.servers": bootstrap, "reconnect.backoff.max.ms": 100, **properties},
        logger=silent,
    )


def wait_until_ready(
    admin: AdminClient,
    cluster_id: str,
    nodes: Mapping[int, int],
    check: Callable[[], None],
    deadline: float,
) -> bool:
    """Wait until every node of ``nodes`` (its number to its clients' port) accepts connections and is one of the cluster's
    brokers; False when ``deadline`` (of the monotonic clock) passes. ``check`` raises when waiting is in vain."""
    # A port that accepts is not enough: the node may not have joined. Being listed is not either: a node that was killed
    # stays listed until its session is over. A node accepts only after it has registered anew.
    while time.monotonic() < deadline:
        check()
        if _all_accept(nodes.values()):
            try:
                found = admin.describe_cluster(request_timeout=1).result()
            except KafkaException as error:
                LOG.debug("not yet: %s", error)
            else:
                if found.cluster_id == cluster_id and nodes.keys() <= {node.id for node in found.nodes}:
                    return True
        time.sleep(0.05)
    return False


def _all_accept(ports: Iterable[int]) -> bool:
    return all(accepts(port) for port in ports)
