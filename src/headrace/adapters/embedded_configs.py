"""The topic settings that the embedded broker takes, by Kafka's names, with Kafka's checks.

Those that mean something only on a cluster or a log of segment files are kept and shown, so that a declaration gives the same
topic everywhere, and have no effect here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

DEFAULT_MAX_BYTES = 1_048_588
"""Kafka's ``message.max.bytes``."""


def _whole(low: int, high: int = 2**63 - 1) -> Callable[[str], bool]:
    def valid(value: str) -> bool:
        try:
            return low <= int(value) <= high
        except ValueError:
            return False

    return valid


def _one_of(*allowed: str) -> Callable[[str], bool]:
    return lambda value: value in allowed


def _policies(value: str) -> bool:
    parts = [part.strip() for part in value.split(",")]
    return bool(parts) and all(part in ("compact", "delete") for part in parts)


def _ratio(value: str) -> bool:
    try:
        return 0 <= float(value) <= 1
    except ValueError:
        return False


_VALID: Mapping[str, Callable[[str], bool]] = {
    "cleanup.policy": _policies,
    "compression.type": _one_of("uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"),
    "delete.retention.ms": _whole(0),
    "max.compaction.lag.ms": _whole(1),
    "max.message.bytes": _whole(0, 2**31 - 1),
    "message.timestamp.type": _one_of("LogAppendTime"),
    "min.cleanable.dirty.ratio": _ratio,
    "min.compaction.lag.ms": _whole(0),
    "min.insync.replicas": _whole(1, 2**31 - 1),
    "retention.bytes": _whole(-1),
    "retention.ms": _whole(-1),
    "segment.bytes": _whole(14, 2**31 - 1),
    "segment.ms": _whole(1),
}


def config_problem(configs: Mapping[str, str]) -> str | None:
    """What is wrong with these settings; None if nothing."""
    for name, value in configs.items():
        valid = _VALID.get(name)
        if valid is None:
            return f"{name} is no topic setting that the embedded broker knows"
        if not valid(value):
            return f"{name} cannot be {value!r}"
    return None


def is_compacted(configs: Mapping[str, str]) -> bool:
    return "compact" in configs.get("cleanup.policy", "delete")


def max_message_bytes(configs: Mapping[str, str]) -> int:
    return int(configs.get("max.message.bytes", DEFAULT_MAX_BYTES))
