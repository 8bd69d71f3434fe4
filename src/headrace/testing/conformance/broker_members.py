"""Members that die, that stand still, and that are only slow."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from headrace.interfaces.broker import Broker, OffsetCommit
from headrace.testing.conformance.support import DEADLINE_S, Connect, eventually, join, make_topics, poll_until, unique


class Cluster(NamedTuple):
    """How another process opens the cluster: its adapter's class (``module:Class``), the class's first argument, the others
    by name. ``session_s``: the session timeout that members then have, in seconds."""

    adapter: str
    address: str
    options: Mapping[str, Any]
    session_s: float


class Process:
    """A member in a process of its own, with the lines that it wrote."""

    def __init__(self, cluster: Cluster, group: str, prefix: str) -> None:
        self._out = tempfile.NamedTemporaryFile(prefix="headrace-member-")  # noqa: SIM115  # closed with the process
        command = [
            sys.executable,
            "-m",
            "headrace.testing.conformance.member_process",
            cluster.adapter,
            cluster.address,
        ]
        command += [json.dumps(dict(cluster.options)), group, prefix]
        self._process = subprocess.Popen(command, stdout=self._out)

    @property
    def lines(self) -> list[list[str]]:
        text = Path(self._out.name).read_text(encoding="utf-8")
        return [line.split() for line in text.split("\n")[:-1]]

    @property
    def held(self) -> set[str]:
        return next((set(topics) for what, *topics in reversed(self.lines) if what == "holds"), set())

    @property
    def lost(self) -> set[str]:
        return {topic for what, *topics in self.lines if what == "lost" for topic in topics}

    def send(self, number: signal.Signals) -> None:
        os.kill(self._process.pid, number)

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._out.close()


class MemberConformance:
    def test_a_killed_member_s_topics_move_on(self, broker: Broker, cluster: Cluster) -> None:
        """After a kill -9 the others get its topics, under a higher generation, and can commit for them."""
        prefix, group = f"{unique()}.", unique("g")
        topics = {f"{prefix}{n}" for n in range(4)}
        make_topics(broker, *topics)
        with Process(cluster, group, prefix) as process:
            eventually(lambda: process.held == topics, "the process holds all")
            member = join(broker, group, prefix)
            poll_until(lambda: len(member.held) == len(process.held) == 2, "each holds half", member)
            killed = set(process.held)
            before = max(member.reader.generation(topic) for topic in member.held)
            process.send(signal.SIGKILL)
            poll_until(
                lambda: member.held == topics,
                "the other gets all",
                member,
                deadline_s=DEADLINE_S + 2 * cluster.session_s,
            )
            assert all(member.reader.generation(topic) > before for topic in killed)
            member.reader.commit({topic: OffsetCommit(0) for topic in topics})
            member.reader.close()
        assert broker.admin.group_offsets(group).keys() == topics

    def test_a_member_that_stands_still_loses_its_topics_and_is_told(self, broker: Broker, cluster: Cluster) -> None:
        """A process that is stopped loses them when its session is over. When it goes on it is told, and joins again."""
        prefix, group = f"{unique()}.", unique("g")
        topics = {f"{prefix}a", f"{prefix}b"}
        make_topics(broker, *topics)
        with Process(cluster, group, prefix) as process:
            eventually(lambda: process.held == topics, "the process holds both")
            member = join(broker, group, prefix)
            poll_until(lambda: len(member.held) == len(process.held) == 1, "each holds one", member)
            stopped = set(process.held)
            process.send(signal.SIGSTOP)
            poll_until(
                lambda: member.held == topics,
                "the other gets both",
                member,
                deadline_s=DEADLINE_S + 3 * cluster.session_s,
            )
            process.send(signal.SIGCONT)
            poll_until(lambda: process.lost == stopped, "it is told", member)
            poll_until(lambda: len(member.held) == len(process.held) == 1, "each holds one again", member)
            assert member.held | process.held == topics
            member.reader.close()

    def test_a_slow_handler_loses_nothing(self, broker: Broker, connect: Connect, cluster: Cluster) -> None:
        """A member that does not poll for longer than a session, because it works, holds what it held."""
        prefix, group = f"{unique()}.", unique("g")
        topics = {f"{prefix}a", f"{prefix}b"}
        make_topics(broker, *topics)
        slow, other = join(broker, group, prefix), join(connect(), group, prefix)
        poll_until(lambda: len(slow.held) == len(other.held) == 1, "each holds one", slow, other)
        (kept,) = slow.held
        generation = slow.reader.generation(kept)
        worked = time.monotonic() + 1.5 * cluster.session_s
        poll_until(lambda: time.monotonic() > worked, "it has worked", other)
        assert slow.reader.generation(kept) == generation
        slow.reader.commit({kept: OffsetCommit(0)})
        slow.poll()
        assert slow.held == {kept}
        assert slow.lost == slow.revoked == []
        for member in (slow, other):
            member.reader.close()
