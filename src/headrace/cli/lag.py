"""`headrace lag`: how far each consumer group is behind, by product and tenant."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headrace.cli.output import console, print_json

if TYPE_CHECKING:
    from headrace.interfaces.broker import Broker
    from headrace.model.catalogue import Catalogue


def lag(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="The declaration repository")] = Path(),
    product: Annotated[str | None, typer.Option("--product", "-p", help="Only of this product: id, or id.v1")] = None,
    tenant: Annotated[str | None, typer.Option("--tenant", "-t", help="Only of this tenant")] = None,
    group: Annotated[str | None, typer.Option("--group", "-g", help="Only groups that begin with this")] = None,
    region: Annotated[list[str] | None, typer.Option(help="Only this region; may be given again")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON array")] = False,
) -> None:
    """Show how far each consumer is behind: events not yet committed, and how long the oldest of them has waited.

    A tenant's topic that a group has not begun counts whole, as soon as the group reads another topic of that product.
    """
    from headrace.catalogue.load import load
    from headrace.cli.regions import chosen_regions, open_regions

    catalogue = load(directory)
    rows: list[dict[str, Any]] = []
    with open_regions(catalogue, directory, chosen_regions(catalogue, region)) as connections:
        for id_, connection in connections.items():
            rows += _rows(id_, connection.broker, catalogue, group or "")
    rows = [
        row
        for row in rows
        if (product is None or product in (row["product"], row["product"].rpartition(".v")[0]))
        and (tenant is None or tenant == row["tenant"])
    ]
    if as_json:
        print_json(rows)
    else:
        _table(rows)


def _rows(region: str, broker: Broker, catalogue: Catalogue, prefix: str) -> list[dict[str, Any]]:
    from headrace.clock import SYSTEM_CLOCK
    from headrace.interfaces.broker import OffsetAt
    from headrace.model import names

    rows: list[dict[str, Any]] = []
    # Headrace's own topics are left out: a group's commit for the catalogue topic is the mark of its birth, not a reading.
    topics = {
        name: parsed
        for name in broker.admin.topics()
        if (parsed := names.parse_topic(name)) is not None and parsed.tenant != names.PLATFORM_TENANT
    }
    first = broker.admin.offsets(topics, OffsetAt.EARLIEST)
    last = broker.admin.offsets(topics, OffsetAt.LATEST)
    unread: dict[str, set[int]] = {}
    for name, group in sorted(broker.admin.groups(prefix).items()):
        committed = broker.admin.group_offsets(name)
        application = name.partition(".")[0]
        products = {(topics[t].product, topics[t].major) for t in committed if t in topics}
        for topic, parsed in topics.items():
            declared = catalogue.tenants.get(parsed.tenant)
            if (parsed.product, parsed.major) not in products or topic not in last:
                continue
            if topic not in committed and (declared is None or not declared.admits(application)):
                continue
            at = max(committed[topic].offset, first[topic]) if topic in committed else first[topic]
            behind = max(0, last[topic] - at)
            if behind:
                unread.setdefault(topic, set()).add(at)
            rows.append(
                {
                    "region": region,
                    "group": name,
                    "state": group.state,
                    "product": f"{parsed.product}.v{parsed.major}",
                    "tenant": parsed.tenant,
                    "topic": topic,
                    "committed": committed[topic].offset if topic in committed else None,
                    "next_offset": last[topic],
                    "lag": behind,
                    "_at": at,
                }
            )
    waiting = _oldest(broker, unread, last)
    now = SYSTEM_CLOCK.now_ms()
    for row in rows:
        since = waiting.get((row["topic"], row.pop("_at"))) if row["lag"] else None
        row["waiting_ms"] = None if since is None else max(0, now - since)
    return rows


def _oldest(broker: Broker, unread: dict[str, set[int]], last: Any) -> dict[tuple[str, int], int]:
    """By topic and offset, the append time of the first record from there on. Groups at different places of the same
    topic are looked up in turns, so that each turn reads a topic once."""
    from headrace.cli.peek import peek

    found: dict[tuple[str, int], int] = {}
    left = {topic: sorted(places) for topic, places in unread.items()}
    while left:
        turn = {topic: places.pop() for topic, places in left.items()}
        records = peek(broker, {topic: (at, last[topic]) for topic, at in turn.items()}, "first")
        found |= {(topic, turn[topic]): record.timestamp for topic, record in records.items()}
        left = {topic: places for topic, places in left.items() if places}
    return found


def _table(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from headrace.cli.topics import duration

    if not rows:
        console.print("No consumer group has committed anything yet.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("region", "group", "state", "product", "tenant"):
        table.add_column(title, overflow="fold")
    for title in ("committed", "next", "lag", "waiting"):
        table.add_column(title, justify="right")
    for row in rows:
        waiting = row["waiting_ms"]
        table.add_row(
            row["region"],
            row["group"],
            row["state"],
            row["product"],
            row["tenant"],
            "-" if row["committed"] is None else str(row["committed"]),
            str(row["next_offset"]),
            f"[bold yellow]{row['lag']:,}[/]" if row["lag"] else "0",
            "-" if waiting is None else duration(waiting if waiting < 10_000 else waiting // 1000 * 1000),
        )
    console.print(table)
