"""Reading what a region holds of any tenant, for `residency`: names, commitments, origins; no event's content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from headrace.clock import SYSTEM_CLOCK, Clock
from headrace.interfaces.broker import Broker
from headrace.model import names
from headrace.model.compiled_records import latest
from headrace.provisioning.observed import RegionConnection
from headrace.provisioning.residency import Found
from headrace.provisioning.topic_reader import read_topic

ORIGIN_HEADER = "dead-letter-topic"
"""Names the topic that a dead letter comes from."""


def look_into(connection: RegionConnection, clock: Clock = SYSTEM_CLOCK) -> Found:
    """What is in a region now. Raises what the broker and the registry raise: a region that cannot be read proves nothing."""
    admin = connection.broker.admin
    topics = admin.topics().keys()
    return Found(
        cluster_id=admin.cluster_id(),
        topics=topics,
        subjects=frozenset(connection.registry.subjects()),
        offsets={group: admin.group_offsets(group).keys() for group in admin.groups()},
        dead_letters={
            topic: _origins(connection.broker, topic, clock)
            for topic in topics
            if topic.startswith(names.DEAD_LETTER_PREFIX)
        },
        tenants=_tenants(connection.broker, clock) if names.catalogue_topic() in topics else None,
    )


def _origins(broker: Broker, topic: str, clock: Clock) -> Mapping[str, int]:
    """How many dead letters there are of each topic: of a record that was rejected again only the newest, and none of those
    that were dealt with."""
    newest: dict[bytes | None, str] = {}
    for record in read_topic(broker, topic, clock):
        if record.value is None:
            newest.pop(record.key, None)
            continue
        origin = record.header(ORIGIN_HEADER)
        if origin is not None:
            newest[record.key] = origin.decode(errors="replace")
    return Counter(newest.values())


def _tenants(broker: Broker, clock: Clock) -> frozenset[str]:
    keys = (key.decode(errors="replace") for key in latest(read_topic(broker, names.catalogue_topic(), clock)))
    return frozenset(key.removeprefix("tenant/") for key in keys if key.startswith("tenant/"))
