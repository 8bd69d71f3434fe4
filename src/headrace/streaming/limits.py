"""The bounds of one process: what it keeps in memory, how long it waits, how often it commits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """``uncommitted_records``: the most that a lane settles without a commit, and so the most of its events (beside the call
    that is running) that come again after a crash. ``transaction_interval``, ``transaction_bytes``: how often a transactional
    consumer commits, and about how much one transaction writes. Seconds, bytes and records as the names say."""

    workers: int = 8
    buffer_bytes: int = 64 * 1024**2
    lane_buffer_bytes: int = 8 * 1024**2
    lane_records: int = 20_000
    poll_records: int = 2_000
    drain_timeout: float = 30.0
    commit_interval: float = 1.0
    uncommitted_records: int = 10_000
    transaction_interval: float = 0.1
    transaction_bytes: int = 16 * 1024**2
