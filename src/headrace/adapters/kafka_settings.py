"""The client settings of the Kafka adapter: what it needs, what it prefers, and what a caller may say.

Each client's settings are, from weakest to strongest: `_SHARED` and the client's own preferences, the caller's properties,
and what the adapter's promises rest on, which a caller cannot change (`_FIXED`). Names are librdkafka's (its
CONFIGURATION.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.adapters.kafka_log import on_client_error
from headrace.errors import SettingsError

LINGER_MS = 5
LINGER_MOST_MS = 150
TOPICS_A_PRODUCER = 500
PRODUCERS_MOST = 4

_SHARED: Mapping[str, str | int] = {
    "client.id": "headrace",
    # A broker that restarts is found again in a second, not in ten.
    "reconnect.backoff.max.ms": 1000,
    "log.connection.close": "false",  # idle connections are closed by design
}

_ADMIN: Mapping[str, str | int] = {
    # An admin client asks who leads the cluster when it connects, and then every five minutes. Where that node has gone, and
    # the others had not noticed yet when it asked again, each of its calls timed out until then (2 of 3 clients when tried).
    "topic.metadata.refresh.interval.ms": 3000,
}

_PRODUCER: Mapping[str, str | int] = {
    "compression.type": "zstd",
    # The topic's own limit decides; librdkafka's default (1 MB) would refuse a floorplan before the broker sees it. A batch
    # of many small records stays at batch.size, 1 MB.
    "message.max.bytes": 100_000_000,
    "queue.buffering.max.messages": 100_000,
    "queue.buffering.max.kbytes": 131_072,
    # Many topics from cold: each needs a metadata look-up, and the first of a burst delays all others by this.
    "topic.metadata.refresh.fast.interval.ms": 1,
    # How long an unknown topic may be one that was just made and that this broker has not heard of.
    "topic.metadata.propagation.max.ms": 100,
    "delivery.timeout.ms": 120_000,
}

_TRANSACTIONAL: Mapping[str, str | int] = {
    # The broker aborts a transaction that is open for longer, so that a dead writer's records hold up readers no longer.
    "transaction.timeout.ms": 60_000,
    "delivery.timeout.ms": 60_000,  # must not be more than that
}

_CONSUMER: Mapping[str, str | int] = {
    "group.protocol": "consumer",
    # A queue that was full is looked at again after 5 ms, not one second: a slow reader does not stall by it.
    "fetch.queue.backoff.ms": 5,
    # Thousands of topics: an answer holds as many of them as have something, each a little. A batch that is larger than its
    # topic's share still comes, alone (KIP-74).
    "fetch.max.bytes": 100_000_000,
    "receive.message.max.bytes": 100_001_024,  # librdkafka wants 512 bytes more than the answer
    "max.partition.fetch.bytes": 262_144,
    # What is fetched ahead, of all topics together, unpacked; nothing more is asked for above it.
    "queued.max.messages.kbytes": 65_536,
    # New topics under a prefix: the classic protocol finds them by this (the consumer protocol in the broker, in 10 s).
    "topic.metadata.refresh.interval.ms": 10_000,
}

_FIXED_CLASSIC: Mapping[str, str | int] = {
    # Topics have one partition: `range`, the default, would give all of them to the first member. And the only strategy
    # that moves topics one by one.
    "partition.assignment.strategy": "cooperative-sticky",
}

_FIXED_PRODUCER: Mapping[str, str | int] = {"enable.idempotence": "true", "acks": "all"}

_FIXED_CONSUMER: Mapping[str, str | int] = {
    "enable.auto.commit": "false",
    "enable.auto.offset.store": "false",
    "isolation.level": "read_committed",
    # Never a silent reset: a place that is not there is an error; where nothing is committed, the adapter says where.
    "auto.offset.reset": "error",
    # The end of a log is told, so that `next_offset` passes control records and what compaction took.
    "enable.partition.eof": "true",
}

_PRODUCER_ONLY = (
    "batch.",
    "compression.",
    "delivery.",
    "linger.",
    "message.timeout",
    "queue.buffering.",
    "sticky.",
    "transaction.",
)
_CONSUMER_ONLY = ("fetch.", "group.", "heartbeat.", "max.poll.", "partition.assignment.", "queued.", "session.")

# Of no meaning without a group, and refused by the client where one is below another one's default.
_MEMBERS_ONLY = ("group.", "heartbeat.", "max.poll.interval.", "partition.assignment.", "session.")


def linger_ms(topics: int) -> int:
    """How long records wait for others of their topic. A request of the client's carries one topic's records, and a cluster
    takes some thousand requests a second, however small: with more topics each must be asked for less often."""
    return min(max(LINGER_MS, topics // 10), LINGER_MOST_MS)


def producers(topics: int) -> int:
    """How many producers share that many topics. An idempotent one has five requests under way at each broker at most, so
    its requests a second are five by the time that one takes."""
    return min(1 + topics // TOPICS_A_PRODUCER, PRODUCERS_MOST)


def admin_settings(bootstrap: str, properties: Mapping[str, str]) -> dict[str, Any]:
    """For the admin client: the shared settings, and the caller's that are neither a producer's nor a consumer's."""
    given = _without(properties, _PRODUCER_ONLY + _CONSUMER_ONLY)
    return {"bootstrap.servers": bootstrap, "error_cb": on_client_error, **_SHARED, **_ADMIN, **given}


def producer_settings(
    bootstrap: str, properties: Mapping[str, str], transactional_id: str | None = None, *, topics: int = 1
) -> dict[str, Any]:
    """For an idempotent producer, or a transactional one; ``topics``: about how many it writes to. Raises `SettingsError`
    where a property would break a promise."""
    given = _without(properties, _CONSUMER_ONLY)
    own = {**_SHARED, **_PRODUCER, "linger.ms": linger_ms(topics), **(_TRANSACTIONAL if transactional_id else {})}
    settings = {
        "bootstrap.servers": bootstrap,
        "error_cb": on_client_error,
        **own,
        **given,
        **_fixed(given, _FIXED_PRODUCER),
    }
    return settings | {"transactional.id": transactional_id} if transactional_id else settings


def consumer_settings(bootstrap: str, properties: Mapping[str, str], group: str | None) -> dict[str, Any]:
    """For a consumer; ``group`` None: one that assigns its topics itself and never joins a group."""
    given = _without(properties, _PRODUCER_ONLY if group is not None else _PRODUCER_ONLY + _MEMBERS_ONLY)
    settings = {
        "bootstrap.servers": bootstrap,
        "error_cb": on_client_error,
        **_SHARED,
        **_CONSUMER,
        **given,
        **_fixed(given, _FIXED_CONSUMER),
    }
    if group is None:
        # librdkafka wants a name in any case; nothing is ever committed under it, so the broker never hears it.
        return settings | {"group.id": "headrace-no-group", "group.protocol": "classic"}
    if settings["group.protocol"] == "classic":
        settings |= _fixed(given, _FIXED_CLASSIC)
    return settings | {"group.id": group}


def _without(properties: Mapping[str, str], prefixes: tuple[str, ...]) -> dict[str, str]:
    return {name: value for name, value in properties.items() if not name.startswith(prefixes)}


def _fixed(given: Mapping[str, str], fixed: Mapping[str, str | int]) -> Mapping[str, str | int]:
    for name, value in fixed.items():
        if name in given and str(given[name]).lower() != str(value):
            raise SettingsError(
                f"{name} = {given[name]} is not possible: Headrace's promises rest on {name} = {value}", option=name
            )
    return fixed
