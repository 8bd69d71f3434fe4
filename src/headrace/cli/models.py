"""`headrace models`: typed Python models of a product's events."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from headrace.cli.output import stderr
from headrace.errors import UnknownProduct


def models(
    product: Annotated[str, typer.Argument(help="The product's id")],
    directory: Annotated[Path, typer.Argument(help="The declaration repository")] = Path(),
    major: Annotated[int | None, typer.Option(help="Which major, where several run side by side")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write here instead of to the screen")] = None,
) -> None:
    """Generate typed Python models of a product's events.

    A class for each event, to publish and to register handlers with: a misspelt field then fails the type checker. Fields that
    some schema version lacks are optional.
    """
    from headrace.catalogue.load import load
    from headrace.streaming.hints import did_you_mean
    from headrace.streaming.model_source import model_source

    catalogue = load(directory)
    found = [p for p in catalogue.products.values() if p.id == product and major in (None, p.major)]
    if not found:
        known = {p.id for p in catalogue.products.values()}
        raise UnknownProduct(
            f"the catalogue has no streaming product {product!r}" + (f" of major {major}" if major else ""),
            hint=did_you_mean(product, known),
            product=product,
        )
    source = model_source(max(found, key=lambda p: p.major))
    if output is None:
        sys.stdout.write(source)
        return
    output.write_text(source, encoding="utf-8")
    stderr.print(f"wrote {output}")
