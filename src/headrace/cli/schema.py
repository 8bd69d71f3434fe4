"""`headrace schema`: the JSON Schema of the declarations."""

from __future__ import annotations

from typing import Annotated

import typer

from headrace.cli.output import print_json


def schema(
    kind: Annotated[
        str | None,
        typer.Argument(
            help="Repository, Application, Tenant, StreamingDataProduct or BatchDataProduct; without it all of them in one"
        ),
    ] = None,
) -> None:
    """Print the JSON Schema of the declarations, for editors.

    An editor with yaml-language-server completes and checks a file that begins with:
    # yaml-language-server: $schema=PATH
    """
    from headrace.catalogue.declaration_schema import declaration_schema

    print_json(declaration_schema(kind))
