"""`headrace demo` as a newcomer runs it: fourteen processes, on the embedded broker, with real input."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sysconfig
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from headrace.cli._demo import data
from headrace.cli._demo.calendar import week_of
from headrace.cli._demo.extract import extract
from headrace.cli._demo.shops import Shops

HEADRACE = str(Path(sysconfig.get_path("scripts")) / "headrace")
WEEKS = 12
"""Enough for the first forecasts, which need ten weeks of sales."""


class Ran(NamedTuple):
    folder: Path
    report: dict[str, Any]
    told: str


def run(folder: Path, *arguments: str, weeks: int = WEEKS) -> subprocess.CompletedProcess[str]:
    command = [HEADRACE, "demo", "--weeks", str(weeks), "--dir", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240)


def workers(folder: Path) -> list[int]:
    """The processes that an application of this demo runs in."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"headrace.cli._demo.worker" in command and any(str(folder).encode() in part for part in command):
            found.append(int(entry.name))
    return found


def eventually(what: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come to be in time"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("demo") / "work"
    done = run(folder, "--json")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return Ran(folder, json.loads(done.stdout), done.stderr)


def test_it_all_adds_up(ran: Ran) -> None:
    """Every check holds, and the sales published are those of the sample, tenant by tenant."""
    assert ran.report["ok"] is True
    assert len(ran.report["checks"]) == 11
    assert all(check["ok"] for check in ran.report["checks"])
    shops = Shops.of(data.SAMPLE_STORES, data.read_products())
    sales = Counter(shops.tenant(s.store, s.product) for s in data.read_sales() if week_of(s.sold_at) <= WEEKS)
    published = {t["tenant"]: t["published"] for t in ran.report["topics"] if t["product"] == "sales-events"}
    assert published == dict(sales)


def test_every_product_flows_to_its_consumers(ran: Ran) -> None:
    """Each of the six products is published and consumed in both regions, with latencies; some proposals are rejected."""
    by_product: dict[str, list[dict[str, Any]]] = {}
    for topic in ran.report["topics"]:
        by_product.setdefault(topic["product"], []).append(topic)
        assert topic["consumed"] + topic["rejected"] == topic["published"] * topic["consumers"]
        assert topic["published"] == 0 or 0 <= topic["latency_ms"]["p50"] <= topic["latency_ms"]["p99"]
    assert by_product.keys() == {
        *("sales-events", "promotions", "location-space", "planograms", "demand-forecasts", "order-proposals")
    }
    for topics in by_product.values():
        assert {topic["region"] for topic in topics if topic["published"]} == {"eu", "us"}
    rejected = {product: sum(topic["rejected"] for topic in topics) for product, topics in by_product.items()}
    assert rejected.pop("order-proposals") > 0
    assert set(rejected.values()) == {0}


def test_wrong_events_are_shown_refused(ran: Ran) -> None:
    """The mistakes are told with their JSON paths while the demo runs, and are in the report."""
    assert ran.report["refused"][0]["error"]["code"] == "event.invalid"
    assert len(ran.report["refused"]) == 4
    assert "data.quantity -2 is less than the minimum of 1" in ran.told
    assert "tenant maple-pantry lives in region us" in ran.told
    assert re.search(rf"eu week \d+ of {WEEKS}: [\d,]+ published", ran.told)
    assert "\x1b" not in ran.told


def test_what_it_leaves_can_be_looked_at(ran: Ran) -> None:
    """In its folder plan has nothing to do, lag is 0 everywhere, and tail shows events, as the report says."""
    here: dict[str, Any] = {"cwd": ran.folder, "capture_output": True, "text": True, "timeout": 60}
    assert subprocess.run([HEADRACE, "plan"], **here).returncode == 0
    lag = json.loads(subprocess.run([HEADRACE, "lag", "--json"], **here).stdout)
    assert len(lag) > 40
    assert {row["lag"] for row in lag} == {0}
    for product, tenant in (("order-proposals", "nordkorb"), ("planograms", "maple-pantry")):
        tail = [HEADRACE, "tail", product, "-t", tenant, "--from", "earliest", "-n", "1", "--json"]
        assert json.loads(subprocess.run(tail, **here).stdout)["meta"]["product"] == product


def test_a_second_run_publishes_the_same(ran: Ran) -> None:
    """Run again in the same folder, every application publishes the same events in the same order, and finds the same."""
    done = run(ran.folder, "--json")
    assert done.returncode == 0
    again = json.loads(done.stdout)
    assert len(again["accounts"]) > 20
    assert again["accounts"] == ran.report["accounts"]
    assert again["findings"] == ran.report["findings"]


def test_the_text_report_ends_with_the_table_and_what_is_next(tmp_path: Path) -> None:
    """Without --json the report is a table, the checks and the commands to look next; one store alone runs too."""
    done = run(tmp_path, "--stores", "406", weeks=1)
    assert done.returncode == 0, done.stderr[-2000:]
    assert re.search(r"sales-events +granja-viva +eu +\d+ +2 +\d+ +0", done.stdout)
    assert done.stdout.count("\nyes ") == 11
    assert "headrace tail order-proposals" in done.stdout


def test_an_application_that_dies_ends_the_demo(tmp_path: Path) -> None:
    """kill -9 of one application ends the demo with exit code 1 and the end of that one's log, and no process is left."""
    command = [HEADRACE, "demo", "--weeks", "53", "--dir", str(tmp_path)]
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert demo.stderr is not None
    told = ""
    while "week 1 of 53" not in told:
        line = demo.stderr.readline()
        assert line, told
        told += line
    plan = next(pid for pid in workers(tmp_path) if b"\0plan\0" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(plan, signal.SIGKILL)
    _, rest = demo.communicate(timeout=60)
    assert demo.returncode == 1
    assert re.search(
        r"error: plan in (eu|us) was ended by SIGKILL; its log ends with\n.*plan\.(demand|promotions)", rest
    )
    assert workers(tmp_path) == []


def test_ctrl_c_ends_everything(tmp_path: Path) -> None:
    """Ctrl-C on the terminal while the bars move ends the demo with 130, and no process is left."""
    pid, terminal = pty.fork()
    if pid == 0:
        # A test run in the background of a shell has SIGINT ignored, and every program below it inherits that.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.environ["TERM"] = "xterm"
        os.execv(HEADRACE, [HEADRACE, "demo", "--weeks", "53", "--dir", str(tmp_path)])
    seen = b""
    while b"week 2 of 53" not in seen:
        seen += os.read(terminal, 65_536)
    os.write(terminal, b"\x03")
    try:
        while os.read(terminal, 65_536):
            pass
    except OSError:
        pass  # the terminal's other end is closed
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 130
    assert workers(tmp_path) == []


def test_applications_end_with_a_demo_that_is_killed(tmp_path: Path) -> None:
    """kill -9 of the demo itself leaves no application running: each ends when its input does."""
    command = [HEADRACE, "demo", "--weeks", "53", "--dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as demo:
        eventually(lambda: len(workers(tmp_path)) == 14)
        demo.kill()
    eventually(lambda: workers(tmp_path) == [])


def test_the_sample_is_what_the_package_holds(tmp_path: Path) -> None:
    """Extracted again from the whole data set, the sample's three files have the content that is shipped."""
    extract(data.SAMPLE_STORES, tmp_path)
    assert data.read_sales(tmp_path) == data.read_sales()
    assert data.read_placements(tmp_path) == data.read_placements()
    assert data.read_products(tmp_path) == data.read_products()
