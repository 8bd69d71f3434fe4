"""`headrace compat`: two files, and many pairs as JSON lines."""

from __future__ import annotations

import io
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from headrace.catalogue.compatibility.batch import Defaults, answer, answers
from headrace.cli.runner import run

INTEGER = {"type": "object", "properties": {"quantity": {"type": "integer"}}, "required": ["quantity"]}
NULLABLE = {"type": "object", "properties": {"quantity": {"type": ["integer", "null"]}}, "required": ["quantity"]}
NOTED = {"type": "object", "properties": {"quantity": {"type": "integer"}, "note": {"type": "string"}}}
BARE = {"type": "object", "properties": {"quantity": {"type": "integer"}}}


@pytest.fixture
def files(tmp_path: Path) -> Any:
    def write(**schemas: Any) -> list[str]:
        paths = []
        for name, schema in schemas.items():
            paths.append(str(tmp_path / f"{name}.json"))
            Path(paths[-1]).write_text(json.dumps(schema))
        return paths

    return write


@pytest.mark.parametrize(
    ("old", "new", "options", "code", "outcome"),
    [
        (INTEGER, INTEGER, [], 0, "compatible"),
        (BARE, NOTED, [], 0, "compatible"),
        (INTEGER, NULLABLE, [], 1, "broken"),
        (INTEGER, NULLABLE, ["--mode", "backward"], 0, "compatible"),
        (NOTED, BARE, [], 7, "refused-harmless"),
        (NOTED, BARE, ["--external"], 1, "broken"),
        (INTEGER, NULLABLE, ["--mode", "NONE"], 0, "compatible"),
    ],
)
def test_the_exit_code_is_the_gate_s(
    files: Any, old: Any, new: Any, options: list[str], code: int, outcome: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 it may follow, 1 somebody breaks, 7 only the registry refuses; --external lets the semantic verdict count."""
    assert run(["compat", *files(old=old, new=new), *options, "--json"]) == code
    value = json.loads(capsys.readouterr().out)
    assert value["outcome"] == outcome
    assert set(value) == {
        *("outcome", "gate", "mode", "registry", "semantic", "tolerant", "findings", "witness", "witnesses", "upgrade")
    }


def test_the_report_has_verdicts_sentence_witness_and_order(files: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """All three verdicts, what changed in a sentence, an event that shows it as JSON, and who would have to go first."""
    assert run(["compat", *files(old=INTEGER, new=NULLABLE)]) == 1
    out = capsys.readouterr().out
    for piece in ("registry  refuses", "semantic  broken", "tolerant  broken", "HC202", "`quantity` was an integer"):
        assert piece in out
    assert '"quantity": null' in out and "Consumers would have to deploy first" in out


def test_without_witnesses_the_verdict_is_the_same(files: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """--no-witness hands no event out; what is broken is called so as it is with one."""
    assert run(["compat", *files(old=INTEGER, new=NULLABLE), "--no-witness", "--json"]) == 1
    value = json.loads(capsys.readouterr().out)
    assert (value["outcome"], value["tolerant"], value["witness"]) == ("broken", "broken", None)


def test_witnesses_are_stored_as_events(files: Any, tmp_path: Path) -> None:
    """--witness-dir has a file for each: the event, as it could be sent."""
    run(["compat", *files(old=INTEGER, new=NULLABLE), "--witness-dir", str(tmp_path / "w")])
    (stored,) = (tmp_path / "w").iterdir()
    assert stored.name == "01-forward-tolerant-quantity.json"
    assert json.loads(stored.read_text()) == {"quantity": None}


def test_the_format_follows_from_name_or_content(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`.avsc`, and JSON that describes a record, are Avro; mixing both is told."""
    record = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}]}
    (tmp_path / "a.avsc").write_text('"int"')
    (tmp_path / "b.json").write_text(json.dumps(record))
    (tmp_path / "c.json").write_text(json.dumps(BARE))
    assert run(["compat", str(tmp_path / "b.json"), str(tmp_path / "b.json")]) == 0
    assert run(["compat", str(tmp_path / "a.avsc"), str(tmp_path / "b.json")]) == 1
    capsys.readouterr()
    assert run(["compat", str(tmp_path / "b.json"), str(tmp_path / "c.json")]) == 1
    assert "cannot follow" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [[], ["old.json"], ["--batch", "nowhere.jsonl"], ["a", "b", "--profile", "other"], ["a.json", "b.json"]],
    ids=" ".join,
)
def test_wrong_calls_are_usage_errors(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing to compare, one schema, files that are not there, an unknown profile: exit code 2."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.json").write_text("{}")
    assert run(["compat", *arguments]) == 2


# --- many pairs


def line(**pair: Any) -> bytes:
    return json.dumps(pair).encode()


def answered(data: bytes) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(answer(data, Defaults()))
    return value


def test_a_pair_is_answered_with_all_that_was_asked() -> None:
    """The three verdicts, the findings and a witness, under the line's own mode and profile, in a fixed order of keys."""
    value = answered(line(id="x", format="json-schema", old=INTEGER, new=NULLABLE, mode="FULL", profile="karapace"))
    assert list(value)[:6] == ["id", "registry", "semantic", "tolerant", "findings", "witness"]
    assert value["profile"] == "karapace" and value["tolerant"] == "broken"
    assert value["witness"]["event"] == {"quantity": None}


def test_schemas_may_be_texts_and_modes_small() -> None:
    """A schema as a text of JSON means the same; an Avro type's bare name is one."""
    as_text = answered(line(id=1, old=json.dumps(INTEGER), new=json.dumps(NULLABLE), mode="full"))
    assert as_text == answered(line(id=1, old=INTEGER, new=NULLABLE, mode="FULL"))
    assert answered(line(id=2, format="avro", old="int", new="long", mode="BACKWARD"))["tolerant"] == "safe"
    assert answered(line(id=3, old=True, new=False))["semantic"] == "safe"


@pytest.mark.parametrize(
    ("data", "id_", "said"),
    [
        (b"garbage", None, "is no JSON"),
        (b"[1]", None, "is no object"),
        (b'\xff{"id": 1}', None, "is not UTF-8"),
        (b'{"id": 1, "old": NaN, "new": {}}', None, "NaN"),
        (line(id=1, new={}), 1, "has no 'old'"),
        (line(id="a", old={}, new={}, mode="SIDEWAYS"), "a", "mode 'SIDEWAYS'"),
        (line(id="a", old={}, new={}, format="protobuf"), "a", "format 'protobuf'"),
        (line(id="a", old={}, new={}, profile="other"), "a", "profile 'other'"),
        (line(id="a", old={}, new={"type": "strin"}), "a", "strin"),
        (line(id="a", old={}, new={"$ref": "https://example.com/x.json"}), "a", ""),
        (line(id="a", old={}, new="{"), "a", ""),
        (line(id="a", format="avro", old="int", new={"type": "record"}), "a", ""),
        (b'{"id": 1, "old": ' + b"[" * 100_000 + b"]" * 100_000 + b', "new": {}}', None, "too deeply"),
        (b'{"id": "\\ud800", "old": {}}', None, "has no 'new'"),
    ],
    ids=range(14),
)
def test_a_pair_that_cannot_be_read_gets_an_error(data: bytes, id_: Any, said: str) -> None:
    """Each has an answer with `error`, and its id where that could be read; nothing is raised."""
    value = answered(data)
    assert set(value) == {"id", "error"} and value["id"] == id_
    assert said in value["error"] and value["error"]


def test_answers_come_in_order_whoever_works() -> None:
    """With several processes the same bytes, in the order of the lines; empty lines have none."""
    lines = [line(id=n, old=INTEGER, new=NULLABLE if n % 3 else INTEGER) for n in range(12)] + [b"\n", b"{"]
    alone = list(answers(lines, Defaults()))
    assert list(answers(lines, Defaults(), jobs=2)) == alone
    assert [json.loads(a)["id"] for a in alone] == [*range(12), None]


def test_the_batch_s_output_is_lines_alone(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Standard output has JSON lines and nothing else, from a file as from standard input; the code is 0 whatever they say."""
    data = line(id=1, old=INTEGER, new=NULLABLE) + b"\nbroken\n"
    (tmp_path / "pairs.jsonl").write_bytes(data)
    assert run(["compat", "--batch", str(tmp_path / "pairs.jsonl")]) == 0
    from_file = capfdbinary.readouterr()
    assert [set(json.loads(row)) >= {"id"} for row in from_file.out.splitlines()] == [True, True]
    assert b"2 pairs answered, 1 could not be read" in from_file.err
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert run(["compat", "--batch", "-"]) == 0
    assert capfdbinary.readouterr().out == from_file.out


def test_a_list_of_thousands_of_values_takes_seconds_at_most() -> None:
    """Values are compared by look-up, however many documents are tried: one by one it would be minutes."""
    old, new = {"enum": list(range(20_000))}, {"enum": list(range(-1, 20_000))}
    started = time.perf_counter()
    assert answered(line(id=1, old=old, new=new))["witness"]["event"] == -1
    assert time.perf_counter() - started < 20
