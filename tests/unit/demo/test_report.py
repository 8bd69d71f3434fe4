"""What the demo says at its end."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import msgspec
from rich.console import Console

from headrace.cli._demo.checks import Check, Told
from headrace.cli._demo.report import as_json, lines, print_report
from headrace.cli._demo.run import Outcome
from tests.unit.demo.test_checks import IDS, accounts, catalogue, consumer, publisher


def outcome(*checks: Check) -> Outcome:
    plan = consumer(*IDS, rejected=1)
    for row in plan.statistics.rows:
        for milliseconds in (1, 2, 3, 40):
            row.latency.add(milliseconds)
    pricing = replace(consumer(*IDS), application="promo-pricing", findings={"pieces": 4.0})
    told: list[Told] = [publisher(*IDS), plan, pricing]
    mistakes: tuple[dict[str, Any], ...] = ({"tried": "a wrong one", "error": {"code": "event.invalid"}},)
    return Outcome(catalogue(), accounts(*told), checks, mistakes, 3, 5.0, {"eu": 2.0, "us": 2.0})


def text_of(made: Outcome) -> str:
    console = Console(record=True, width=200, file=io.StringIO())
    print_report(made, console, "folder")
    return console.export_text()


def test_a_line_sums_up_all_consumers_of_a_topic() -> None:
    """Consumed and rejected events and latencies are those of both consumers together; throughput counts all of it."""
    line = next(line for line in lines(outcome()) if line.tenant == "maple-pantry")
    assert (line.published, line.consumers, line.consumed, line.rejected) == (4, 2, 7, 1)
    assert (line.p50, line.p95, line.p99) == (2, 40, 40)
    assert line.per_second == 6.0


def test_the_report_shows_what_failed() -> None:
    """A check that failed stands in the text with its problems, makes the outcome not ok, and is in the JSON."""
    good, bad = Check("this holds", ()), Check("that holds", ("not here",))
    assert outcome(good).ok
    made = outcome(good, bad)
    assert not made.ok
    text = text_of(made)
    assert "yes this holds" in text
    assert "NO  that holds" in text
    assert "not here" in text
    assert [check["ok"] for check in as_json(made, "folder")["checks"]] == [True, False]


def test_the_report_says_where_to_look_next() -> None:
    """The folder, the commands and what applications have found out are in the text."""
    text = text_of(outcome())
    assert "cd folder" in text
    assert "headrace lag" in text
    assert "promo-pricing: 4 pieces" in text


def test_the_json_is_json() -> None:
    """The report for programs holds each topic with its latencies, and is encodable as it is."""
    report = msgspec.json.decode(msgspec.json.encode(as_json(outcome(), "folder")))
    topic = next(topic for topic in report["topics"] if topic["tenant"] == "maple-pantry")
    assert topic["latency_ms"] == {"p50": 2, "p95": 40, "p99": 40}
    assert report["accounts"][0]["events"] == 4
    assert report["refused"] == [{"tried": "a wrong one", "error": {"code": "event.invalid"}}]
