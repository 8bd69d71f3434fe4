"""`headrace history`: every schema version of a product, with the verdict that it has on those before it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headrace.cli.output import EXIT, console, print_json
from headrace.errors import UnknownProduct

if TYPE_CHECKING:
    from headrace.model.catalogue import Catalogue
    from headrace.model.product import StreamingProduct
    from headrace.provisioning.review import Review


def history(
    product: Annotated[str, typer.Argument(help="The product: ID, or ID.vMAJOR where several majors run")],
    directory: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="The declaration repository", exists=True, file_okay=False)
    ] = Path(),
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="With findings and witnesses")] = False,
    no_witness: Annotated[bool, typer.Option("--no-witness", help="Show none; the verdict is the same")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with everything")] = False,
) -> None:
    """Show every schema version of a product with its verdict: what it brought, what the registry answers, what is true.

    It exits with 0 whatever the verdicts are: they are about what has been applied.
    """
    from headrace.catalogue.load import load
    from headrace.provisioning.review import as_object, review

    catalogue = load(directory)
    found = [_product(catalogue, product)] if product in catalogue.products else _majors(catalogue, product)
    reviews = {
        p.key: [review(catalogue, p, version, witness=not no_witness) for version in p.schema_versions[1:]]
        for p in found
    }
    if as_json:
        print_json({"products": [_object(p, [as_object(r) for r in reviews[p.key]]) for p in found]})
        return
    for each in found:
        _print(each, reviews[each.key], verbose)
    raise typer.Exit(EXIT.CLEAN)


def _product(catalogue: Catalogue, key: str) -> StreamingProduct:
    return catalogue.products[key]


def _majors(catalogue: Catalogue, id_: str) -> list[StreamingProduct]:
    """The majors of a product, oldest first. Raises `UnknownProduct`."""
    from headrace.catalogue.suggest import did_you_mean

    found = sorted((p for p in catalogue.products.values() if p.id == id_), key=lambda p: p.major)
    if not found:
        known = sorted({p.id for p in catalogue.products.values()})
        raise UnknownProduct(f"there is no streaming product {id_!r}", hint=did_you_mean(id_, known), product=id_)
    return found


def _brought(product: StreamingProduct, version: int) -> list[str]:
    return [e.name for e in product.events if any(v.number == version for v in e.versions)]


def _object(product: StreamingProduct, reviews: Sequence[Any]) -> dict[str, Any]:
    return {
        "product": product.key,
        "mode": product.compatibility,
        "versions": [{"version": 1, "events": _brought(product, 1), "review": None}]
        + [{"version": r["version"], "events": _brought(product, r["version"]), "review": r} for r in reviews],
    }


def _print(product: StreamingProduct, reviews: Sequence[Review], verbose: bool) -> None:
    from rich.markup import escape
    from rich.table import Table

    from headrace.cli import verdict_text

    table = Table(
        title=f"{escape(product.key)} ({product.compatibility})", title_justify="left", box=None, pad_edge=False
    )
    for column in ("version", "events", "registry", "semantic", "tolerant", "outcome"):
        table.add_column(column, justify="right" if column == "version" else "left", no_wrap=True)
    table.add_row("1", ", ".join(_brought(product, 1)), "-", "-", "-", "[dim]the first[/]")
    for each in reviews:
        refusing = [a.profile for a in each.registry if not a.accepted]
        table.add_row(
            str(each.version),
            ", ".join(event.event for event in each.events),
            f"[red]refuses[/] ({', '.join(refusing)})" if refusing else "[green]accepts[/]",
            verdict_text.verdict_word(each.semantic),
            verdict_text.verdict_word(each.tolerant),
            verdict_text.outcome_line(each.outcome) + (" [dim](by exception)[/]" if each.excepted else ""),
        )
    console.print(table)
    for each in reviews if verbose else ():
        for line in verdict_text.review_lines(each):
            console.print(line, soft_wrap=True)
