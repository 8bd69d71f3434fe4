"""What every `headrace.interfaces.broker.Broker` keeps, as tests.

An adapter's test module inherits `BrokerConformance` and gives five fixtures:

    broker    the `Broker` under test
    connect   a callable that opens another `Broker` on the same cluster, as another process would; the fixture closes it
    compact   a callable that takes a topic's name and lets the broker compact and expire it (`support.Compact`)
    narrow    a `Broker` on the same cluster whose writers hold few records (ten, say)
    cluster   how a process of its own opens the cluster (`broker_members.Cluster`)

The tests share one cluster: each makes topics and groups of its own, and none looks at how long anything takes.
"""

from __future__ import annotations

from headrace.testing.conformance.broker_admin import AdminConformance
from headrace.testing.conformance.broker_compaction import CompactionConformance
from headrace.testing.conformance.broker_fencing import FencingConformance
from headrace.testing.conformance.broker_groups import GroupConformance
from headrace.testing.conformance.broker_limits import LimitConformance
from headrace.testing.conformance.broker_members import MemberConformance
from headrace.testing.conformance.broker_reading import ReadingConformance
from headrace.testing.conformance.broker_transactions import TransactionConformance
from headrace.testing.conformance.broker_writing import WritingConformance


class BrokerConformance(
    AdminConformance,
    WritingConformance,
    ReadingConformance,
    GroupConformance,
    FencingConformance,
    MemberConformance,
    TransactionConformance,
    CompactionConformance,
    LimitConformance,
):
    """All of it."""
