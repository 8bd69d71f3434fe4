"""`headrace compat`: may one schema follow another; for two files, or for many pairs as JSON lines."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli.output import EXIT, console, print_json, stderr
from headrace.errors import SettingsError
from headrace.model.schema import Compatibility, SchemaFormat

if TYPE_CHECKING:
    from headrace.catalogue.compatibility.gate import Outcome
    from headrace.catalogue.compatibility.upgrade import Upgrade
    from headrace.catalogue.compatibility.verdict import PairVerdict, Reading

_STDIN = Path("-")


def compat(
    old: Annotated[
        Path | None, typer.Argument(metavar="[OLD]", help="The schema that is there", exists=True, dir_okay=False)
    ] = None,
    new: Annotated[
        Path | None,
        typer.Argument(metavar="[NEW]", help="The schema that is to follow it", exists=True, dir_okay=False),
    ] = None,
    mode: Annotated[
        Compatibility, typer.Option(case_sensitive=False, help="The level of compatibility")
    ] = Compatibility.FORWARD_TRANSITIVE,
    profile: Annotated[str, typer.Option(help="The registry whose answer to tell")] = "confluent",
    format_: Annotated[
        SchemaFormat | None,
        typer.Option("--format", help="Of both schemas [default: by the file's name, or its content]"),
    ] = None,
    external: Annotated[
        bool, typer.Option("--external", help="A producer or consumer is not on the SDK: the semantic verdict counts")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The verdicts as JSON")] = False,
    witness_dir: Annotated[Path | None, typer.Option(help="Store the witnesses as files of this folder")] = None,
    no_witness: Annotated[bool, typer.Option("--no-witness", help="Show none; the verdict is the same")] = False,
    batch: Annotated[
        Path | None, typer.Option(help="Pairs, a JSON line each (`-`: standard input); answers are JSON lines too")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=256, help="Processes for --batch")] = 1,
) -> None:
    """Tell whether schema NEW may follow OLD: what the registry will answer, what is true, and an event that proves it.

    Exits with 0 when it may, 1 when it may not, 7 when only the registry refuses it, though it is harmless.
    docs/compatibility.md explains the verdicts and every code. With --batch it ends with 0, whatever the answers are.
    """
    from headrace.catalogue.compatibility.batch import is_profile

    if not is_profile(profile):
        raise unknown_profile(profile)
    if batch is not None:
        if old is not None or new is not None:
            raise SettingsError("--batch takes no files beside it", option="batch")
        _batch(batch, mode, profile, jobs, witness=not no_witness)
        return
    if old is None or new is None:
        raise SettingsError(
            "two schemas are needed", hint="headrace compat OLD NEW, or --batch PAIRS.jsonl", option="new"
        )
    _pair(old, new, mode, profile, format_, external, as_json, witness_dir, witness=not no_witness)


def _pair(
    old: Path,
    new: Path,
    mode: Compatibility,
    profile: str,
    form: SchemaFormat | None,
    external: bool,
    as_json: bool,
    witness_dir: Path | None,
    *,
    witness: bool,
) -> None:
    from headrace.catalogue.compatibility.checker import check_pair
    from headrace.catalogue.compatibility.gate import of_pair
    from headrace.catalogue.compatibility.rollout import rollout
    from headrace.catalogue.compatibility.schema_files import read_schema
    from headrace.catalogue.compatibility.verdict import Reading

    before, after = read_schema(old, form), read_schema(new, form)
    verdict = check_pair(before, after, mode, profile, witness=witness)
    reading = Reading.SEMANTIC if external else Reading.TOLERANT
    outcome = of_pair(verdict, reading)
    upgrade = rollout(before, after, mode, reading) if witness else None
    if witness_dir is not None:
        _store(verdict, witness_dir)
    if as_json:
        print_json(_object(verdict, outcome, reading, upgrade))
    else:
        _print(verdict, outcome, reading, upgrade, f"{old.name} -> {new.name}")
    raise typer.Exit(exit_code(outcome))


def exit_code(outcome: Outcome) -> EXIT:
    """What a command ends with whose worst outcome this is."""
    return {"compatible": EXIT.CLEAN, "refused-harmless": EXIT.REFUSED}.get(outcome.value, EXIT.ERROR)


def _object(verdict: PairVerdict, outcome: Outcome, reading: Reading, upgrade: Upgrade | None) -> dict[str, object]:
    return {
        "outcome": outcome,
        "gate": reading,
        "mode": verdict.mode,
        "registry": verdict.registry,
        "semantic": verdict.semantic,
        "tolerant": verdict.tolerant,
        "findings": verdict.findings,
        "witness": verdict.witness,
        "witnesses": verdict.witnesses,
        "upgrade": upgrade,
    }


def _print(verdict: PairVerdict, outcome: Outcome, reading: Reading, upgrade: Upgrade | None, title: str) -> None:
    from rich.markup import escape

    from headrace.cli import verdict_text

    lines = [f"[bold]{escape(title)}[/] {verdict.mode}: {verdict_text.outcome_line(outcome)}"]
    lines += verdict_text.verdict_lines((verdict.registry,), verdict.semantic, verdict.tolerant, reading.value)
    if verdict.findings:
        lines += ["", *verdict_text.finding_lines(verdict.findings)]
    if verdict.witness is not None:
        lines += ["", *verdict_text.witness_lines(verdict.witness)]
    if len(verdict.witnesses) > 1:
        lines.append(f"  [dim]and {len(verdict.witnesses) - 1} more: --json, or --witness-dir DIR[/]")
    if upgrade is not None:
        lines += ["", *verdict_text.upgrade_lines(upgrade)]
    for line in lines:
        console.print(line, soft_wrap=True)


def _store(verdict: PairVerdict, folder: Path) -> None:
    """A file for each witness: the event, as it could be published."""
    from headrace.cli.verdict_text import event_text

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, witness in enumerate(verdict.witnesses, start=1):
            place = re.sub(r"[^A-Za-z0-9]+", "-", witness.path).strip("-")[:60]
            name = "-".join(part for part in (f"{number:02}", witness.direction, witness.reading, place) if part)
            (folder / f"{name}.json").write_text(event_text(witness.event) + "\n", encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{folder} cannot be written: {error.strerror}", option="witness_dir") from error
    stderr.print(f"{len(verdict.witnesses)} witnesses are in {folder}", soft_wrap=True, markup=False)


def _batch(path: Path, mode: Compatibility, profile: str, jobs: int, *, witness: bool) -> None:
    from headrace.catalogue.compatibility.batch import Defaults, answers

    try:
        source = sys.stdin.buffer if path == _STDIN else path.open("rb")
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}", option="batch") from error
    count = failed = 0
    with source, stderr.status("0 pairs") as status:
        for answer in answers(source, Defaults(mode, profile, witness), jobs):
            sys.stdout.buffer.write(answer + b"\n")
            count += 1
            failed += b'"registry":' not in answer
            if count % 50 == 0:
                sys.stdout.buffer.flush()
                status.update(f"{count} pairs")
    sys.stdout.buffer.flush()
    stderr.print(f"{count} pairs answered" + (f", {failed} could not be read" if failed else ""), soft_wrap=True)


def unknown_profile(profile: str) -> SettingsError:
    """The usage error that names those that there are."""
    from headrace.catalogue.compatibility.profiles import PROFILES

    return SettingsError(
        f"there is no profile {profile!r}", hint=f"there are {', '.join(sorted(PROFILES))}", option="profile"
    )
