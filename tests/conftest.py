"""What all tests share: in CI a skipped test is a failure, and property tests are the same in every run there."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.real_parts import emptied_kafka, independent_registry, kafka_cluster, kafka_server, secure_kafka, unique

__all__ = ["emptied_kafka", "independent_registry", "kafka_cluster", "kafka_server", "secure_kafka", "unique"]

IN_CI = os.environ.get("CI", "").lower() in ("1", "true")

settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci" if IN_CI else "local")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """A skip hides a part that is not there; CI has all parts, so there it fails."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where nothing may be skipped: {report.longrepr}"
    return report
