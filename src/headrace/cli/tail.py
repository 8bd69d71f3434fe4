"""`headrace tail`: a product's events of one tenant, as the log gets them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.markup import escape

from headrace.cli.output import console
from headrace.errors import EventError, TopicMissing

if TYPE_CHECKING:
    from headrace.envelope.codec import ProductCodec
    from headrace.interfaces.broker import OffsetAt
    from headrace.model.compiled import CompiledCatalogue, CompiledProduct
    from headrace.model.record import StoredRecord


def tail(
    product: Annotated[str, typer.Argument(help="The product's id")],
    tenant: Annotated[str, typer.Option("--tenant", "-t", help="Whose events")] = "",
    start: Annotated[str, typer.Option("--from", help="earliest, latest, or an RFC 3339 time")] = "latest",
    event: Annotated[list[str] | None, typer.Option("--event", "-e", help="Only events of this name")] = None,
    number: Annotated[int | None, typer.Option("--number", "-n", help="End after so many events")] = None,
    follow: Annotated[bool, typer.Option(help="Wait for more at the end of the log")] = True,
    region: Annotated[str | None, typer.Option(help="The region; else the setting, else the tenant's")] = None,
    catalogue: Annotated[
        Path | None, typer.Option(help="A declaration repository; else the setting, else the working directory")
    ] = None,
    major: Annotated[int | None, typer.Option(help="Which major of the product")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line")] = False,
) -> None:
    """Show a product's events of one tenant as they arrive. It joins no group and commits nothing."""
    from headrace.bootstrap import open_feed
    from headrace.cli.where import region_of, repository
    from headrace.clock import SYSTEM_CLOCK
    from headrace.envelope.codec import ProductCodec
    from headrace.interfaces.broker import OffsetAt
    from headrace.settings import load_settings
    from headrace.streaming.start import parse_start

    if not tenant:
        raise typer.BadParameter("name the tenant with --tenant")
    try:
        place = parse_start(start)
    except ValueError as error:
        raise typer.BadParameter(f"--from: {error}") from error
    catalogue = repository(catalogue)
    settings = load_settings(region=region_of(tenant, region, catalogue), catalogue=catalogue)
    parts, feed = open_feed(settings, settings.require("region"), SYSTEM_CLOCK)
    try:
        found = _product(feed.current, product, major, event or [])
        topic = found.topic_name(tenant)
        admin = parts.broker.admin
        if topic not in admin.topics(topic):
            raise TopicMissing(
                f"there is no topic {topic}", hint="`headrace topics` lists those there are", topic=topic
            )
        begin = admin.offsets([topic], place).get(topic, 0)
        end = None if follow else admin.offsets([topic], OffsetAt.LATEST).get(topic, 0)
        _show(
            parts.broker.reader(),
            topic,
            begin,
            end,
            _Printer(found, ProductCodec(found, feed.current.region), parts.registry, set(event or []), as_json),
            number,
        )
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    finally:
        feed.close()
        parts.close()


def _product(catalogue: CompiledCatalogue, product: str, major: int | None, events: list[str]) -> CompiledProduct:
    from headrace.errors import UnknownEvent, UnknownProduct
    from headrace.streaming.hints import did_you_mean

    found = [p for p in catalogue.products.values() if p.id == product and major in (None, p.major)]
    if not found:
        hint = did_you_mean(product, {p.id for p in catalogue.products.values()})
        raise UnknownProduct(f"the catalogue has no streaming product {product!r}", hint=hint, product=product)
    newest = max(found, key=lambda p: (p.status == "active", p.major))
    for name in events:
        if newest.event(name) is None:
            hint = did_you_mean(name, [e.name for e in newest.events])
            raise UnknownEvent(f"{newest.key} has no event {name!r}", hint=hint, product=product, event=name)
    return newest


def _show(
    reader: Any, topic: str, begin: OffsetAt | int, end: int | None, printer: _Printer, number: int | None
) -> None:
    reader.assign({topic: begin})
    position = begin if isinstance(begin, int) else 0
    try:
        while (end is None or position < end) and (number is None or printer.shown < number):
            for fetched in reader.poll(0.5):
                for record in fetched.records:
                    if number is None or printer.shown < number:
                        printer.print(record)
                position = fetched.next_offset
    finally:
        reader.close()


class _Printer:
    def __init__(
        self, product: CompiledProduct, codec: ProductCodec, registry: Any, wanted: set[str], as_json: bool
    ) -> None:
        self._names = {event.type: event.name for event in product.events}
        self._codec = codec
        self._registry = registry
        self._wanted = wanted
        self._json = as_json
        self.shown = 0

    def print(self, record: StoredRecord) -> None:
        try:
            envelope = self._decode(record)
        except EventError as error:
            if not self._wanted:
                self._fault(record, error)
            return
        name = self._names.get(envelope.type, envelope.type)
        if self._wanted and name not in self._wanted:
            return
        self.shown += 1
        if self._json:
            self._line(record, {"event": name, **msgspec.to_builtins(envelope)})
            return
        deleted = "[red]deleted[/] " if record.value is None else ""
        data = msgspec.json.encode(envelope.data).decode()
        console.print(
            f"[dim]{_time(record.timestamp)} @{record.offset}[/] [bold cyan]{name}[/] {deleted}{escape(data)}",
            soft_wrap=True,
        )

    def _decode(self, record: StoredRecord) -> Any:
        from headrace.errors import SchemaMissing, UndecodableRecord

        try:
            return self._codec.decode(record)
        except UndecodableRecord as error:
            schema_id = error.data.get("schema_id")
            if not isinstance(schema_id, int):
                raise
            try:
                self._codec.add_schema(schema_id, self._registry.by_id(schema_id).text)
            except SchemaMissing:
                raise error from None
            return self._codec.decode(record)

    def _fault(self, record: StoredRecord, error: EventError) -> None:
        self.shown += 1
        if self._json:
            self._line(record, {"error": error.to_json()})
        else:
            console.print(
                f"[dim]{_time(record.timestamp)} @{record.offset}[/] [bold red]cannot be read[/] {escape(str(error))}",
                soft_wrap=True,
            )

    def _line(self, record: StoredRecord, content: dict[str, Any]) -> None:
        log = {"topic": record.topic, "offset": record.offset, "timestamp": record.timestamp}
        sys.stdout.write(msgspec.json.encode(content | {"log": log}, enc_hook=str).decode() + "\n")
        sys.stdout.flush()


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
