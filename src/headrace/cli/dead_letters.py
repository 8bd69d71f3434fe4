"""`headrace dead-letters`: what an application's consumers rejected, why, and where it came from."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from headrace.cli.output import EXIT, console, print_json, stderr

if TYPE_CHECKING:
    from headrace.interfaces.broker import Broker

_SHOWN_BYTES = 2_000


def dead_letters(
    application: Annotated[str, typer.Argument(help="The application whose consumers rejected them")],
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="The declaration repository")] = Path(),
    tenant: Annotated[str | None, typer.Option("--tenant", "-t", help="Only of this tenant")] = None,
    group: Annotated[str | None, typer.Option("--group", "-g", help="Only of this consumer group")] = None,
    number: Annotated[int | None, typer.Option("--number", "-n", help="Only the newest so many")] = None,
    region: Annotated[list[str] | None, typer.Option(help="Only this region; may be given again")] = None,
    event_id: Annotated[str | None, typer.Option("--id", help="Only of the event with this id")] = None,
    erase: Annotated[bool, typer.Option("--erase", help="Erase those that are shown, for good")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Erase without asking")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON array, with each record's value as text")] = False,
) -> None:
    """Show an application's dead letters: when, by which group, the reason, and the record that it was about.

    It joins no group and commits nothing. Of each rejected record the newest rejection is shown.

    With --erase those that are shown (all, or what the filters leave) are erased, after a question or with --yes. They are
    gone for readers at once; their bytes go when the topic is compacted, in about a day.
    """
    from headrace.catalogue.load import load
    from headrace.cli.regions import chosen_regions, open_regions
    from headrace.errors import UnknownApplication
    from headrace.streaming.hints import did_you_mean

    catalogue = load(directory)
    if application not in catalogue.applications:
        raise UnknownApplication(
            f"there is no application {application!r}",
            hint=did_you_mean(application, catalogue.applications),
            application=application,
        )
    rows: list[dict[str, Any]] = []
    with open_regions(catalogue, directory, chosen_regions(catalogue, region)) as connections:
        for id_, connection in connections.items():
            rows += _rows(id_, connection.broker, application)
        wanted = {"tenant": tenant, "group": group, "id": event_id}
        rows = [row for row in rows if all(value in (None, row[name]) for name, value in wanted.items())]
        rows.sort(key=lambda row: row["at"])
        if number is not None:
            rows = rows[-number:] if number > 0 else []
        keys = [(row["region"], row.pop("key")) for row in rows]
        if as_json:
            print_json(rows)
        elif not rows:
            console.print(f"No dead letters of {escape(application)}.")
        else:
            for row in rows:
                _show(row)
        if not erase or not rows:
            return
        if not yes:
            if not (sys.stdin.isatty() and sys.stdout.isatty()):
                stderr.print("Nothing was erased: say --yes, or run it in a terminal, where it asks.")
                raise typer.Exit(EXIT.USAGE)
            if not typer.confirm(f"Erase {len(rows)} dead letters of {application}?"):
                raise typer.Exit(EXIT.ERROR)
        erased = sum(
            _erase(connection.broker, application, [key for region_, key in keys if region_ == id_])
            for id_, connection in connections.items()
        )
        stderr.print(f"Erased {erased} dead letters of {escape(application)}.")


def _erase(broker: Broker, application: str, keys: list[bytes]) -> int:
    from headrace.streaming.dead_letter import erase_dead_letters

    writer = broker.writer()
    try:
        return erase_dead_letters(writer, application, keys, timeout=30)
    finally:
        writer.close()


def _rows(region: str, broker: Broker, application: str) -> list[dict[str, Any]]:
    from headrace.model import names

    newest: dict[bytes | None, dict[str, Any]] = {}
    for key, row in _read(broker, names.dead_letter(application)):
        if row is None:
            newest.pop(key, None)
        else:
            newest[key] = {"region": region, "key": key, **row}
    return list(newest.values())


def _read(broker: Broker, topic: str) -> Iterator[tuple[bytes | None, dict[str, Any] | None]]:
    """Every record there is now: its key, and what it says (None: a tombstone, the record was dealt with)."""
    from headrace.interfaces.broker import OffsetAt
    from headrace.model import names
    from headrace.streaming.dead_letter import parse_dead_letter

    end = broker.admin.offsets([topic], OffsetAt.LATEST).get(topic, 0)
    position = broker.admin.offsets([topic], OffsetAt.EARLIEST).get(topic, 0)
    if position >= end:
        return
    reader = broker.reader()
    try:
        reader.assign({topic: position})
        while position < end:
            for fetched in reader.poll(1.0):
                for stored in fetched.records:
                    if stored.value is None:
                        yield stored.key, None
                        continue
                    try:
                        letter = parse_dead_letter(stored)
                    except ValueError as error:
                        # Somebody else's record must not hide the application's own.
                        stderr.print(f"passed over: {escape(str(error))}", soft_wrap=True)
                        continue
                    origin = names.parse_topic(letter.record.topic)
                    yield (
                        stored.key,
                        {
                            "at": letter.at,
                            "group": letter.group,
                            "reason": letter.reason,
                            "code": letter.code,
                            "attempts": letter.attempts,
                            "tenant": origin.tenant if origin else None,
                            "topic": letter.record.topic,
                            "offset": letter.record.offset,
                            "timestamp": letter.record.timestamp,
                            "event": _text(letter.record.header("event-type")),
                            "id": _text(letter.record.header("event-id")),
                            "value": _text(letter.record.value),
                        },
                    )
                position = fetched.next_offset
    finally:
        reader.close()


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="backslashreplace")


def _show(row: dict[str, Any]) -> None:
    at = datetime.fromtimestamp(row["at"] / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    attempts = "" if row["attempts"] <= 1 else f" after {row['attempts']} attempts"
    console.print(
        f"[dim]{at}[/] [bold]{escape(row['topic'])}[/]@{row['offset']} {escape(row['event'] or '(no event type)')}"
        f" [dim]{escape(row['id'] or '')}[/]",
        soft_wrap=True,
    )
    console.print(
        f"  rejected by {escape(row['group'])}{attempts}: {escape(row['reason'])} [dim]\\[{escape(row['code'])}][/]",
        soft_wrap=True,
    )
    value = row["value"]
    if value is not None:
        # The frame's five bytes first: what follows is the envelope, if it is JSON at all.
        shown = value[value.find("{") :] if "{" in value[:40] else value
        cut = "..." if len(shown) > _SHOWN_BYTES else ""
        console.print(f"  [dim]{escape(shown[:_SHOWN_BYTES])}{cut}[/]", soft_wrap=True)
