"""`headrace check --base` in real Git repositories: a base branch, a change, and what the pipelines of docs/ci run."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sysconfig
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ruamel.yaml import YAML

from headrace.cli.runner import run
from tests.unit.catalogue.planting import copy_retail

HEADRACE = str(Path(sysconfig.get_path("scripts")) / "headrace")
PRODUCT = "products/sales-events/product.yaml"
FIRST, SECOND = (f"products/sales-events/schemas/SaleRecorded.{n}.json" for n in (1, 2))
_GIT_ENV = {
    **{key: value for key, value in os.environ.items() if not key.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    **{f"GIT_{who}_{what}": "test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}


class Repository:
    """A working tree on a branch ``change`` that left ``main`` with the retail catalogue in it."""

    def __init__(self, folder: Path) -> None:
        self.root = copy_retail(folder)
        self.git("init", "-q", "-b", "main")
        self.commit()
        self.git("switch", "-q", "-c", "change")

    def git(self, *arguments: str, root: Path | None = None) -> str:
        done = subprocess.run(
            ["git", "-C", str(root or self.root), *arguments], env=_GIT_ENV, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "a change")

    def commit_something(self) -> None:
        """A commit on this branch and one on main, so that they differ."""
        (self.root / "README.md").write_text("change\n")
        self.commit()
        self.git("switch", "-q", "main")
        (self.root / "NOTES.md").write_text("main\n")
        self.commit()
        self.git("switch", "-q", "change")

    def schema(self, path: str = FIRST) -> dict[str, Any]:
        value: dict[str, Any] = json.loads((self.root / path).read_text())
        return value

    def write(self, path: str, value: object) -> None:
        (self.root / path).write_text(json.dumps(value, indent=2) + "\n")

    def edit(self, old: str, new: str, path: str = PRODUCT) -> None:
        text = (self.root / path).read_text()
        assert text.count(old) == 1, (old, text.count(old))
        (self.root / path).write_text(text.replace(old, new))

    def second_version(self, schema: dict[str, Any]) -> None:
        """Version 2 of SaleRecorded, listed."""
        self.write(SECOND, schema)
        self.edit(
            "versions: [schemas/SaleRecorded.1.json]",
            "versions: [schemas/SaleRecorded.1.json, schemas/SaleRecorded.2.json]",
        )

    def check(self, *options: str, root: Path | None = None) -> Done:
        """`headrace check`, in this process: git alone is another one."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = run(["check", str(root or self.root), *options])
        return Done(code, out.getvalue(), err.getvalue())


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "retail")


def test_without_a_change_there_is_nothing_to_say(repository: Repository) -> None:
    """A branch that brings no schema version is clean, committed or not."""
    done = repository.check("--base", "main")
    assert (done.returncode, "No schema version is new since main" in done.stdout) == (0, True), (
        done.stdout + done.stderr
    )


def test_a_field_that_is_added_is_compatible(repository: Repository) -> None:
    """An optional field: exit code 0, all three verdicts, and which consumers do not break."""
    schema = repository.schema()
    schema["properties"]["till"] = {"type": "string", "description": "The till."}
    repository.second_version(schema)
    repository.commit()
    done = repository.check("--base", "main", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    (review,) = json.loads(done.stdout)["base"]["reviews"]
    assert (review["outcome"], review["semantic"], review["tolerant"]) == ("compatible", "safe", "safe")
    assert [(answer["profile"], answer["accepted"]) for answer in review["registry"]] == [("confluent", True)]
    assert [each["breaks"] for each in review["breaks"]] == [False, False]


def test_null_that_is_allowed_breaks_who_reads_it(repository: Repository) -> None:
    """A wider type: exit code 1, the sentence, the consumer that reads the path, a witness, and where it stands in the file."""
    schema = repository.schema()
    schema["properties"]["quantity"]["type"] = ["integer", "null"]
    repository.second_version(schema)
    done = repository.check("--base", "main")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "`data.quantity`" in done.stdout and "also allows null" in done.stdout
    assert "plan breaks (reads data.quantity, criticality high)" in done.stdout
    assert '"quantity": null' in done.stdout
    issues = json.loads(repository.check("--base", "main", "--format", "gitlab").stdout)
    found = next(issue for issue in issues if issue["check_name"] == "HC202")
    lines = (repository.root / SECOND).read_text().splitlines()
    assert found["severity"] == "major" and found["location"]["path"] == SECOND
    assert '"quantity"' in "".join(lines[found["location"]["lines"]["begin"] - 2 : found["location"]["lines"]["begin"]])


def test_a_read_field_that_is_removed_breaks_though_no_schema_refuses(repository: Repository) -> None:
    """An optional field out of an open schema: no schema refuses what is sent then, and its reader breaks all the same."""
    for example in (repository.root / "products/sales-events/examples/SaleRecorded").glob("*.json"):
        example.rename(example.with_suffix(".1.json"))
    schema = repository.schema()
    del schema["properties"]["retailDiscount"]
    schema["required"] = [name for name in schema["required"] if name != "retailDiscount"]
    repository.second_version(schema)
    done = repository.check("--base", "main", "--json")
    assert done.returncode == 1, done.stdout
    (review,) = json.loads(done.stdout)["base"]["reviews"]
    assert {each["application"]: each["breaks"] for each in review["breaks"]} == {"plan": False, "promo-pricing": True}


def test_an_applied_version_never_changes(repository: Repository) -> None:
    """A file of the base branch that is edited is a fault; one that is only indented otherwise is none."""
    schema = repository.schema()
    (repository.root / FIRST).write_text(json.dumps(schema))
    assert repository.check("--base", "main").returncode == 0
    schema["properties"]["till"] = {"type": "string"}
    repository.write(FIRST, schema)
    done = repository.check("--base", "main", "--json")
    assert done.returncode == 1
    (fault,) = json.loads(done.stdout)["faults"]
    assert (fault["code"], fault["path"]) == ("HR901", FIRST)


def test_a_version_is_never_removed_and_an_event_neither(repository: Repository) -> None:
    """Taking a version out of its list, or renaming an event's type, is refused."""
    schema = repository.schema()
    schema["properties"]["till"] = {"type": "string"}
    repository.second_version(schema)
    repository.commit()
    repository.git("branch", "-f", "main")
    repository.edit(", schemas/SaleRecorded.2.json", "")
    (repository.root / SECOND).unlink()
    faults = json.loads(repository.check("--base", "main", "--json").stdout)["faults"]
    assert [(fault["code"], fault["path"]) for fault in faults] == [("HR902", PRODUCT)]
    repository.git("checkout", "-q", ".")
    repository.edit("com.example.sale.recorded.v1", "com.example.sale.noted.v1")
    faults = json.loads(repository.check("--base", "main", "--json").stdout)["faults"]
    assert [fault["code"] for fault in faults] == ["HR903"]


def test_a_number_that_the_base_branch_has_given_away_is_refused(repository: Repository) -> None:
    """Two branches bring version 2: the second to be merged is told to take 3."""
    schema = repository.schema()
    repository.git("switch", "-q", "main")
    schema["properties"]["till"] = {"type": "string"}
    repository.second_version(schema)
    repository.commit()
    repository.git("switch", "-q", "change")
    del schema["properties"]["till"]
    schema["properties"]["cashier"] = {"type": "string"}
    repository.second_version(schema)
    done = repository.check("--base", "main", "--json")
    faults = json.loads(done.stdout)["faults"]
    assert [(fault["code"], fault["path"]) for fault in faults] == [("HR904", SECOND)]


def test_an_event_that_is_no_longer_produced_breaks_who_names_it(repository: Repository) -> None:
    """data-api stops OrderProposalCreated, which promo-pricing names: a break, without any change of a schema."""
    repository.edit(
        "data-api, events: [OrderProposalCreated, OrderProposalCancelled]",
        "data-api, events: [OrderProposalCancelled]",
        "products/order-proposals/product.yaml",
    )
    done = repository.check("--base", "main")
    assert done.returncode == 1, done.stdout
    assert "promo-pricing breaks: data-api no longer produces OrderProposalCreated" in done.stdout


def test_what_is_wrong_with_the_base_is_said(repository: Repository, tmp_path: Path) -> None:
    """An unknown ref, a shallow clone, a folder outside of Git, no git at all: exit code 2, and what to do."""
    done = repository.check("--base", "origin/nowhere")
    assert (done.returncode, "there is no commit 'origin/nowhere'" in done.stderr) == (2, True), done.stderr
    assert repository.check("--base", "--upload-pack=x").returncode == 2
    repository.commit_something()
    shallow = tmp_path / "shallow"
    repository.git("clone", "-q", "--depth", "1", "-b", "change", f"file://{repository.root}", str(shallow))
    done = repository.check("--base", "origin/main", root=shallow)
    assert done.returncode == 2 and "shallow" in done.stderr, done.stderr
    repository.git("fetch", "-q", "--depth", "1", "origin", "main:refs/remotes/origin/main", root=shallow)
    done = repository.check("--base", "origin/main", root=shallow)
    assert done.returncode == 2 and "fetch-depth: 0" in done.stderr, done.stderr
    outside = copy_retail(tmp_path / "outside")
    done = repository.check("--base", "main", root=outside)
    assert (done.returncode, "is not in a Git repository" in done.stderr) == (2, True), done.stderr
    alone = {"PATH": str(tmp_path)}
    done = subprocess.run(
        [HEADRACE, "check", "--base", "main"], cwd=outside, env=alone, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, "there is no git command" in done.stderr) == (2, True), done.stderr


def test_the_repository_may_be_a_folder_of_a_larger_one(tmp_path: Path) -> None:
    """Declarations below a folder of the Git repository are compared with the same folder of the base branch."""
    outer = tmp_path / "mono"
    outer.mkdir()
    inner = copy_retail(outer / "streaming")
    mono = Repository.__new__(Repository)
    mono.root = outer
    mono.git("init", "-q", "-b", "main")
    mono.commit()
    mono.root = inner
    schema = mono.schema()
    schema["properties"]["till"] = {"type": "string"}
    mono.write(FIRST, schema)
    done = mono.check("--base", "main", "--json")
    assert [fault["code"] for fault in json.loads(done.stdout)["faults"]] == ["HR901"], done.stderr


# --- the pipelines

CI = Path(__file__).parents[2] / "docs" / "ci"


def gitlab_commands() -> list[str]:
    job = YAML(typ="safe").load(CI / "gitlab-ci.yml")["headrace-check"]
    assert job["variables"] == {"GIT_DEPTH": "0", "BASE": "origin/$CI_MERGE_REQUEST_TARGET_BRANCH_NAME"}
    return list(job["script"])


def github_commands() -> list[str]:
    job = YAML(typ="safe").load(CI / "github-workflow.yml")["jobs"]["check"]
    assert job["env"] == {"BASE": "origin/${{ github.base_ref }}"}
    return [step["run"] for step in job["steps"] if "run" in step and not step["run"].startswith("pip ")]


@pytest.mark.parametrize("commands", [gitlab_commands, github_commands])
def test_the_pipelines_run_as_they_are_written(
    commands: Callable[[], list[str]], repository: Repository, tmp_path: Path
) -> None:
    """Each command of docs/ci, in a fresh clone of the branch with a breaking change: the reports are there, and the last one
    ends with 1."""
    schema = repository.schema()
    schema["properties"]["quantity"]["type"] = ["integer", "null"]
    repository.second_version(schema)
    repository.commit()
    clone = tmp_path / "clone"
    options = ["--single-branch"] if commands is gitlab_commands else []
    repository.git("clone", "-q", *options, "-b", "change", f"file://{repository.root}", str(clone))
    env = {
        **_GIT_ENV,
        "PATH": f"{Path(HEADRACE).parent}{os.pathsep}{os.environ['PATH']}",
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        "BASE": "origin/main",
        "GITHUB_STEP_SUMMARY": str(clone / "headrace-note.md"),
    }
    lines = commands()
    codes = [
        subprocess.run(["bash", "-c", line], cwd=clone, env=env, capture_output=True, timeout=120).returncode
        for line in lines
    ]
    assert codes == [0] * (len(lines) - 1) + [1]
    note = (clone / "headrace-note.md").read_text()
    assert "plan breaks" in note and "HC202" in note and len(note) < 65_536
    if commands is gitlab_commands:
        issues = json.loads((clone / "gl-code-quality-report.json").read_text())
        assert {"HC202", "HG002"} <= {issue["check_name"] for issue in issues}
    else:
        (found,) = json.loads((clone / "headrace.sarif").read_text())["runs"]
        assert {"HC202", "HG002"} <= {result["ruleId"] for result in found["results"]}
