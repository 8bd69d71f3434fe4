"""The properties of plan and apply on the embedded broker and registry, and two applies at once."""

from __future__ import annotations

import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks._scale_catalogue import write
from headrace.adapters.embedded_broker import EmbeddedBroker
from headrace.adapters.embedded_registry import EmbeddedRegistry
from headrace.bootstrap import compatibility_checker
from headrace.errors import ApplyInterrupted
from headrace.provisioning.apply import apply_plan
from headrace.provisioning.desired import desired
from headrace.provisioning.observed import RegionConnection, observe
from headrace.provisioning.plan import make_plan
from tests.unit.provisioning.catalogues import Repository
from tests.unit.provisioning.test_properties import histories

HEADRACE = str(Path(sysconfig.get_path("scripts")) / "headrace")


@contextmanager
def regions() -> Iterator[dict[str, RegionConnection]]:
    """Both regions in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        connections = {}
        for region in ("eu", "us"):
            broker = EmbeddedBroker(Path(folder) / region)
            registry = EmbeddedRegistry(Path(folder) / region, checker=compatibility_checker())
            stack.callback(broker.close)
            stack.callback(registry.close)
            connections[region] = RegionConnection(broker, registry)
        yield connections


@settings(max_examples=20)
@given(histories(), st.integers(0, 40))
def test_an_apply_and_one_that_was_interrupted_leave_nothing_to_do(
    history: list[tuple[Repository, int | None]], steps: int
) -> None:
    """Whatever the catalogues that follow each other, and wherever each apply is cut short: resumed, the plan is empty."""
    with regions() as connections:
        for repository, allow_delete in history:
            wanted = desired(repository.catalogue())
            left = iter(range(steps, -10_000, -1))
            for stop in (lambda left=left: next(left) <= 0, lambda: False):
                found = observe(wanted, connections)
                plan = make_plan(wanted, found, allow_delete=allow_delete)
                try:
                    apply_plan(plan, wanted, found, connections, apply_id="a", stop=stop, batch=1)
                except ApplyInterrupted:
                    continue
            after = make_plan(wanted, observe(wanted, connections), allow_delete=allow_delete)
            assert after.clean and not after.interruptions and not after.drift


def test_two_applies_at_once_end_as_one_would(tmp_path: Path) -> None:
    """Each does part of it or fails with what the other was quicker at; one more apply, and all is as declared."""
    write(tmp_path / "repository", tenants=120, products=2)
    processes = [
        subprocess.Popen(
            [HEADRACE, "apply"],
            cwd=tmp_path / "repository",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        words, _ = process.communicate(timeout=120)
        assert process.returncode in (0, 5), words
    done = subprocess.run([HEADRACE, "apply"], cwd=tmp_path / "repository", capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    again = subprocess.run([HEADRACE, "plan"], cwd=tmp_path / "repository", capture_output=True, text=True, timeout=120)
    assert (again.returncode, again.stdout.startswith("No changes")) == (0, True), again.stdout
