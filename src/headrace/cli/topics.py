"""`headrace topics`: what there is, with its settings and what it holds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headrace.cli.output import console, print_json

if TYPE_CHECKING:
    from headrace.interfaces.broker import Broker, TopicDescription

_TAIL = 2
"""Offsets looked at for the last append: the very last may be a transaction's marker, which is no record."""


def topics(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="The declaration repository")] = Path(),
    product: Annotated[str | None, typer.Option("--product", "-p", help="Only of this product: id, or id.v1")] = None,
    tenant: Annotated[str | None, typer.Option("--tenant", "-t", help="Only of this tenant")] = None,
    region: Annotated[list[str] | None, typer.Option(help="Only this region; may be given again")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON array")] = False,
) -> None:
    """List Headrace's topics with their settings and contents. Records are counted by offsets: compaction leaves gaps."""
    from headrace.catalogue.load import load
    from headrace.cli.regions import chosen_regions, open_regions

    catalogue = load(directory)
    rows: list[dict[str, Any]] = []
    with open_regions(catalogue, directory, chosen_regions(catalogue, region)) as connections:
        for id_, connection in connections.items():
            rows += _rows(id_, connection.broker, product, tenant)
    if as_json:
        print_json(rows)
    else:
        _table(rows)


def _rows(region: str, broker: Broker, product: str | None, tenant: str | None) -> list[dict[str, Any]]:
    from headrace.cli.peek import peek
    from headrace.interfaces.broker import OffsetAt

    found = {
        name: (topic, parts)
        for name, topic in broker.admin.topics().items()
        if (parts := _parts(name)) is not None
        and (product is None or product in (parts["product"], str(parts["product"]).partition(".v")[0]))
        and (tenant is None or tenant == parts["tenant"])
    }
    first = broker.admin.offsets(found, OffsetAt.EARLIEST)
    last = broker.admin.offsets(found, OffsetAt.LATEST)
    places = {n: (max(first[n], last[n] - _TAIL), last[n]) for n in found if n in first and n in last}
    appended = peek(broker, places, "last")
    rows = []
    for name, (topic, parts) in found.items():
        begin, end = first.get(name, 0), last.get(name, 0)
        rows.append(
            {
                "region": region,
                "topic": name,
                **parts,
                "kind": _kind(topic, parts["product"]),
                "retention_ms": _retention(topic),
                "records": end - begin,
                "first_offset": begin,
                "next_offset": end,
                "last_append_ms": appended[name].timestamp if name in appended else None,
            }
        )
    return rows


def _parts(name: str) -> dict[str, str | None] | None:
    """``product`` (its key) and ``tenant`` of a topic of Headrace's form; None for another's."""
    from headrace.model import names

    if name.startswith(names.DEAD_LETTER_PREFIX):
        return {"product": None, "tenant": None}
    parsed = names.parse_topic(name)
    return None if parsed is None else {"product": f"{parsed.product}.v{parsed.major}", "tenant": parsed.tenant}


def _kind(topic: TopicDescription, product: str | None) -> str:
    from headrace.model import names

    if product is None:
        return "dead letter"
    if product.startswith(names.RESERVED_PREFIX):
        return "platform"
    return "state" if "compact" in topic.configs.get("cleanup.policy", "") else "log"


def _retention(topic: TopicDescription) -> int | None:
    """In ms; None: for ever, or the broker's default."""
    value = int(topic.configs.get("retention.ms", "-1"))
    return None if value < 0 else value


def _table(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    if not rows:
        console.print("No topics.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("region", "topic", "kind", "retention"):
        table.add_column(title, overflow="fold")
    for title in ("records", "first", "next"):
        table.add_column(title, justify="right")
    table.add_column("last append")
    for row in rows:
        table.add_row(
            row["region"],
            row["topic"],
            row["kind"],
            duration(row["retention_ms"]) if row["retention_ms"] is not None else "for ever",
            f"{row['records']:,}",
            str(row["first_offset"]),
            str(row["next_offset"]),
            when(row["last_append_ms"]),
        )
    console.print(table)


def duration(ms: int) -> str:
    """A length of time in its largest fitting unit: ``7d``, ``36h``, ``15m``, ``30s``, ``250ms``."""
    for unit, length in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)):
        if ms >= length and ms % length == 0:
            return f"{ms // length}{unit}"
    return f"{ms}ms" if ms < 10_000 else f"{ms / 1000:.0f}s"


def when(ms: int | None) -> str:
    """A time in UTC to the second; ``-`` where there is none."""
    return "-" if ms is None else datetime.fromtimestamp(ms / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M:%SZ")
