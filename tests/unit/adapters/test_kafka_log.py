"""What the Kafka client says, without its repetitions."""

from __future__ import annotations

import logging

import pytest
from confluent_kafka import Producer

from headrace.adapters.kafka_log import CLIENT_LOG, OncePer
from headrace.adapters.kafka_settings import producer_settings


def _record(*args: object, message: str = "%s [%s] %s", level: int = logging.ERROR) -> logging.LogRecord:
    return logging.LogRecord("x", level, __file__, 1, message, args, None)


def test_a_kind_passes_once_in_its_time_and_says_how_many_did_not() -> None:
    """Of lines that differ only in their text one passes; the next one tells the number in between."""
    now = [100.0]
    once = OncePer(10, lambda: now[0])
    assert once.filter(_record("FAIL", "client-1", "refused after 1 ms"))
    assert [once.filter(_record("FAIL", "client-1", f"refused after {i} ms")) for i in range(5)] == [False] * 5
    assert once.filter(_record("FAIL", "client-2", "refused"))
    assert once.filter(_record("GETPID", "client-1", "refused"))
    now[0] += 10
    later = _record("FAIL", "client-1", "refused after 9 ms")
    assert once.filter(later)
    assert later.getMessage() == "FAIL [client-1] refused after 9 ms (5 more like it were held back)"


def test_lines_with_few_arguments_are_told_apart_by_their_text() -> None:
    """A line without arguments, or with one, is a kind of its own."""
    once = OncePer(10, lambda: 0.0)
    assert once.filter(_record(message="one"))
    assert once.filter(_record(message="two"))
    assert not once.filter(_record(message="one"))


def test_the_client_writes_nothing_to_standard_error(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A client without a broker logs that by Python's logging, on `headrace.kafka.client`, and not on stderr."""
    with caplog.at_level(logging.WARNING, logger=CLIENT_LOG.name):
        producer = Producer(producer_settings("127.0.0.1:1", {}), logger=CLIENT_LOG)
        for _ in range(50):
            producer.poll(0.1)
            if caplog.records:
                break
        producer.close()
    assert {record.name for record in caplog.records} == {CLIENT_LOG.name}
    assert capfd.readouterr().err == ""
