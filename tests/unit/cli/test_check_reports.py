"""`headrace check` for programs and merge requests: GitLab's report, SARIF, the note; built from a change of the example."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headrace.catalogue.against_base import read_base
from headrace.catalogue.git_base import Base
from headrace.catalogue.load import load
from headrace.cli.check_note import LIMIT, as_markdown, prose
from headrace.cli.check_report import CheckReport, as_gitlab, as_sarif, issues
from headrace.errors import Fault
from headrace.provisioning.branch import branch_report
from tests.unit.catalogue.planting import RETAIL, copy_retail, replace

SCHEMAS = "products/sales-events/schemas"
SECOND = f"{SCHEMAS}/SaleRecorded.2.json"
MAIN = Base("main", "c0ffee", "c0ffee")


def changed(root: Path, change: Any) -> CheckReport:
    """The example with a second version of SaleRecorded, against itself without it."""
    copy_retail(root)
    for example in (root / "products/sales-events/examples").rglob("*.json"):
        example.rename(example.with_suffix(".1.json"))
    schema = json.loads((root / SCHEMAS / "SaleRecorded.1.json").read_text())
    change(schema)
    (root / SECOND).write_text(json.dumps(schema, indent=2))
    replace("products/sales-events/product.yaml", "Recorded.1.json]", "Recorded.1.json, schemas/SaleRecorded.2.json]")(
        root
    )
    catalogue, base = load(root), read_base(RETAIL)
    return CheckReport(root, catalogue, (), None, MAIN, branch_report(catalogue, base, base))


def widen(schema: dict[str, Any]) -> None:
    schema["properties"]["quantity"]["type"] = ["integer", "null"]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> CheckReport:
    return changed(tmp_path_factory.mktemp("change") / "retail", widen)


def test_findings_stand_at_their_lines(report: CheckReport) -> None:
    """A finding is at the line of what it is about in the new file, a broken consumer at its product, both as major."""
    found = {issue.code: issue for issue in issues(report)}
    line = (report.directory / SECOND).read_text().splitlines()[found["HC202"].line - 1]
    assert '"quantity"' in line and found["HC202"].path == SECOND and found["HC202"].severity == "major"
    breaking = [issue.message for issue in issues(report) if issue.code == "HG002"]
    assert [message.partition(" breaks by schema version 2: ")[0] for message in breaking] == ["plan", "promo-pricing"]
    assert found["HG001"].path == SECOND


def test_gitlab_s_report_has_what_gitlab_asks_for(report: CheckReport) -> None:
    """Each entry: description, check_name, fingerprint, severity of its list, path and line from 1; no fingerprint twice."""
    found = as_gitlab(report)
    assert len(found) >= 3
    for entry in found:
        assert set(entry) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert entry["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert entry["location"]["lines"]["begin"] >= 1 and not entry["location"]["path"].startswith(("/", "."))
    assert len({entry["fingerprint"] for entry in found}) == len(found)


def test_fingerprints_stay_when_lines_move(report: CheckReport, tmp_path: Path) -> None:
    """The same change with lines above it is the same problem to GitLab and GitHub; two of one kind are told apart."""

    def moved(schema: dict[str, Any]) -> None:
        widen(schema)
        schema["properties"] = {"till": {"type": "string"}, **schema["properties"]}

    def prints(of: CheckReport) -> set[str]:
        return {e["fingerprint"] for e in as_gitlab(of) if e["check_name"] in ("HC202", "HG002")}

    later = changed(tmp_path / "retail", moved)
    assert prints(later) == prints(report)
    twice = CheckReport(tmp_path, None, (Fault("a.yaml", 1, 1, "HR1", "m"), Fault("a.yaml", 2, 1, "HR1", "m")))
    assert len({entry["fingerprint"] for entry in as_gitlab(twice)}) == 2


def test_sarif_is_as_its_specification_says(report: CheckReport) -> None:
    """SARIF 2.1.0 (OASIS): version and schema, one run with a named driver; each result's rule is listed where its index says,
    its level is one of four, its place a relative URI with lines and columns from 1 (sections 3.13, 3.27, 3.30)."""
    log = as_sarif(report)
    assert log["version"] == "2.1.0" and log["$schema"].endswith("sarif-schema-2.1.0.json")
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert run["tool"]["driver"]["name"] and len({rule["id"] for rule in rules}) == len(rules)
    assert run["results"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("none", "note", "warning", "error") and result["message"]["text"]
        (location,) = result["locations"]
        physical = location["physicalLocation"]
        assert re.fullmatch(r"[A-Za-z0-9._~%/-]+", physical["artifactLocation"]["uri"])
        region = physical.get("region", {"startLine": 1, "startColumn": 1})
        assert region["startLine"] >= 1 and region["startColumn"] >= 1
        assert len(result["partialFingerprints"]["headrace/v1"]) == 40
    assert "HC202" in {rule["id"] for rule in rules if "null" in rule["shortDescription"]["text"]}
    json.dumps(log)


def test_what_passes_is_no_error(tmp_path: Path) -> None:
    """A compatible change has no issue above a hint, and the note says that it is compatible."""

    def add(schema: dict[str, Any]) -> None:
        schema["properties"]["till"] = {"type": "string"}

    report = changed(tmp_path / "retail", add)
    assert [issue for issue in issues(report) if issue.severity != "info"] == []
    assert "**Schema changes** since `main`: compatible." in as_markdown(report, ["no faults"])


def test_the_note_has_the_verdicts_first_and_the_details_folded(report: CheckReport) -> None:
    """A table of the versions, then each event's findings with the witness in a fold."""
    note = as_markdown(report, ["**headrace check**: no faults."])
    table, fold = note.index("| `sales-events.v1` | 2 | refuses (confluent)"), note.index("<details>")
    assert table < fold < note.index("**HC202**")
    assert "plan breaks" in note[:fold] and "```json\n{" in note and '"quantity": null' in note
    assert note.count("<details>") == note.count("</details>")


def test_what_a_schema_says_becomes_no_markup_of_the_note(tmp_path: Path) -> None:
    """A field's name with markup, a mention or a backtick in it is shown as it is, in the finding as in the steps."""
    evil = "a`<img>@all|[x](y)"

    def rename(schema: dict[str, Any]) -> None:
        schema["properties"][evil] = schema["properties"].pop("basketId")
        schema["required"] = [evil if name == "basketId" else name for name in schema["required"]]

    note = as_markdown(changed(tmp_path / "retail", rename), [])
    outside = re.sub(r"(`+).*?\1", "", note, flags=re.DOTALL)
    assert "HC101" in note
    assert "<img>" not in outside and "@all" not in outside and "](y)" not in outside.replace("\\](y)", "")
    assert prose("`data.store_id` was <b>") == "`data.store_id` was \\<b\\>"
    assert prose("a ` alone @all") == "a \\` alone @\u200ball"


def faults(count: int) -> Iterator[Fault]:
    for number in range(count):
        yield Fault(f"products/p{number}/product.yaml", number, 1, "HR204", "a long message " * 5, "@all <b>")


def test_the_note_is_never_longer_than_a_note_may_be() -> None:
    """Thousands of faults and warnings: what fits is there, the rest is counted, folds are closed, nobody is called."""
    report = CheckReport(Path(), None, tuple(faults(2_000)), tuple(faults(2_000)))
    note = as_markdown(report, [])
    assert len(note) <= LIMIT and note.count("<details>") == note.count("</details>")
    assert re.search(r"\*\d{4} more lines did not fit", note)
    assert "@all" not in note and "<b>" not in note


def test_a_repository_without_git_gives_every_form(capsys: pytest.CaptureFixture[str]) -> None:
    """Without --base, too, --format gitlab and sarif are what they say: here with nothing in them."""
    from headrace.cli.runner import run

    assert run(["check", str(RETAIL), "--format", "gitlab"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert run(["check", str(RETAIL), "--format", "sarif"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"][0]["results"] == []
